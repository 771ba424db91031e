"""Who may see which part of a record, and what a background job was asked for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("part", sa.String(length=64), nullable=False, server_default=""))
    op.create_table(
        "level_log",
        sa.Column("sitting_id", sa.String(length=64), nullable=False),
        sa.Column("serial", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("utc", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=512), nullable=False),
        sa.Column("name_zh", sa.String(length=512), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["sitting_id"], ["sittings.id"], name="fk_level_log_sitting_id"),
        sa.PrimaryKeyConstraint("sitting_id", "serial", name="pk_level_log"),
    )
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER level_log_no_{verb.lower()} BEFORE {verb} ON level_log "
                "BEGIN SELECT RAISE(ABORT, 'level_log is append-only'); END"
            )
        return
    op.execute(
        "CREATE TRIGGER level_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON level_log "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
