"""The table of test recordings, which are of no hearing.  See :mod:`.tables`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, String, Table

from .tables import ID, metadata

# ``run``: those that were made one after the other, one on each media worker.  ``media``: the playable sound, relative
# to the recording; ``kept``: something of it is in the archive still.
recording_tests = Table(
    "recording_tests",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("run", ID, nullable=False, index=True),
    Column("worker_id", String(256), nullable=False),
    Column("began_utc", BigInteger, nullable=False, index=True),
    Column("ended_utc", BigInteger),
    Column("outcome", String(16), nullable=False),
    Column("step", String(16), nullable=False),
    Column("problem", String(32), nullable=False),
    Column("media", String(256), nullable=False),
    Column("kept", Boolean, nullable=False),
)
