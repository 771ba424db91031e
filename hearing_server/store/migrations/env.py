"""Alembic's entry: runs the migrations on the connection that :func:`hearing_server.store.engine.migrate` holds."""

from __future__ import annotations

from alembic import context

from hearing_server.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot alter most of a table; Alembic then makes it anew and copies.
    render_as_batch=True,
)
context.run_migrations()
