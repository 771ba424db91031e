"""What hearings are found by, and notes written into the archive."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

#: Table and event to the sittings that are found by what was written.
STALE = {
    ("sittings", "INSERT OR UPDATE OF scheduled_utc"): "SELECT NEW.id",
    ("hearings", "UPDATE"): "SELECT id FROM sittings WHERE hearing_id = NEW.id",
    ("people", "INSERT OR UPDATE"): "SELECT id FROM sittings WHERE hearing_id = NEW.hearing_id",
    ("cases", "UPDATE"): (
        "SELECT s.id FROM sittings s JOIN hearings h ON h.id = s.hearing_id WHERE h.case_id = NEW.id"
    ),
    ("archive_notes", "INSERT"): "SELECT NEW.sitting_id",
    ("sitting_log", "INSERT"): "SELECT NEW.sitting_id",
}
#: Entries of the log that hold words of a person.
SPOKEN = (
    "NEW.name IN ('note', 'ruling', 'objection', 'rule_objection', 'statement') OR NEW.body LIKE '%\"reason\":\"_%'"
)


def upgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    op.create_table(
        "archive_notes",
        sa.Column("sitting_id", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("utc", sa.BigInteger(), nullable=False),
        sa.Column("at_utc", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=512), nullable=False),
        sa.Column("name_zh", sa.String(length=512), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("replaces", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["sitting_id"], ["sittings.id"], name="fk_archive_notes_sitting_id"),
        sa.PrimaryKeyConstraint("sitting_id", "seq", name="pk_archive_notes"),
    )
    op.create_table(
        "search_documents",
        sa.Column("place", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sitting_id", sa.String(length=64), nullable=False),
        sa.Column("tokens", sa.Text().with_variant(TSVECTOR(), "postgresql"), nullable=False),
        sa.ForeignKeyConstraint(["sitting_id"], ["sittings.id"], name="fk_search_documents_sitting_id"),
        sa.PrimaryKeyConstraint("place", name="pk_search_documents"),
        sa.UniqueConstraint("sitting_id", name="uq_search_documents_sitting_id"),
    )
    if sqlite:
        op.create_table(
            "search_stale",
            sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
            sa.Column("sitting_id", sa.String(length=64), nullable=False),
        )
    else:
        op.create_table(
            "search_stale",
            sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=True),
            sa.Column("sitting_id", sa.String(length=64), nullable=False),
        )
    if sqlite:
        _sqlite()
    else:
        _postgresql()
    op.execute("INSERT INTO search_stale (sitting_id) SELECT id FROM sittings")


def _sqlite() -> None:
    """An FTS5 index over ``search_documents`` (https://www.sqlite.org/fts5.html#external_content_tables)."""
    op.execute(
        "CREATE VIRTUAL TABLE search_tokens USING fts5("
        "tokens, content='search_documents', content_rowid='place', tokenize='ascii', columnsize=0)"
    )
    gone = "INSERT INTO search_tokens(search_tokens, rowid, tokens) VALUES ('delete', old.place, old.tokens)"
    come = "INSERT INTO search_tokens(rowid, tokens) VALUES (new.place, new.tokens)"
    for verb, steps in {"INSERT": (come,), "DELETE": (gone,), "UPDATE": (gone, come)}.items():
        op.execute(
            f"CREATE TRIGGER search_documents_{verb.lower()} AFTER {verb} ON search_documents "
            f"BEGIN {'; '.join(steps)}; END"
        )
    for (table, events), sittings in STALE.items():
        when = f"WHEN {SPOKEN} " if table == "sitting_log" else ""
        for number, event in enumerate(events.split(" OR ")):
            op.execute(
                f"CREATE TRIGGER {table}_stale_{number} AFTER {event} ON {table} {when}"
                f"BEGIN INSERT INTO search_stale (sitting_id) {sittings}; END"
            )
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER archive_notes_no_{verb.lower()} BEFORE {verb} ON archive_notes "
            f"BEGIN SELECT RAISE(ABORT, 'archive_notes is append-only'); END"
        )


def _postgresql() -> None:
    op.execute("CREATE INDEX ix_search_documents_tokens ON search_documents USING gin (tokens)")
    for (table, events), sittings in STALE.items():
        when = f"WHEN ({SPOKEN}) " if table == "sitting_log" else ""
        op.execute(
            f"CREATE FUNCTION {table}_stale() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN INSERT INTO search_stale (sitting_id) {sittings}; RETURN NULL; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {table}_stale AFTER {events} ON {table} FOR EACH ROW {when}"
            f"EXECUTE FUNCTION {table}_stale()"
        )
    op.execute(
        "CREATE TRIGGER archive_notes_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON archive_notes "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
