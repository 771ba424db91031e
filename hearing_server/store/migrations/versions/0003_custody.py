"""What was decided about the custody of each hearing's record."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "custody_log",
        sa.Column("hearing_id", sa.String(length=64), nullable=False),
        sa.Column("serial", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("utc", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=512), nullable=False),
        sa.Column("name_zh", sa.String(length=512), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["hearing_id"], ["hearings.id"], name="fk_custody_log_hearing_id"),
        sa.PrimaryKeyConstraint("hearing_id", "serial", name="pk_custody_log"),
    )
    op.create_table(
        "custody_told",
        sa.Column("sitting_id", sa.String(length=64), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("objects", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["sitting_id"], ["sittings.id"], name="fk_custody_told_sitting_id"),
        sa.PrimaryKeyConstraint("sitting_id", name="pk_custody_told"),
    )
    op.create_index("ix_custody_told_serial", "custody_told", ["serial"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER custody_log_no_{verb.lower()} BEFORE {verb} ON custody_log "
                "BEGIN SELECT RAISE(ABORT, 'custody_log is append-only'); END"
            )
        return
    op.execute(
        "CREATE TRIGGER custody_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON custody_log "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
