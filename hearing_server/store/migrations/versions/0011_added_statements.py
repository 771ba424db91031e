"""Who chose or withdrew a version of an added recording and why, and how far the record's own statements say so."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("added_choices", sa.Column("name", sa.String(length=512), server_default="", nullable=False))
    op.add_column("added_choices", sa.Column("name_zh", sa.String(length=512), server_default="", nullable=False))
    op.add_column("added_choices", sa.Column("withdrawn", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("added_choices", sa.Column("reason", sa.Text(), server_default="", nullable=False))
    op.create_table(
        "added_told",
        sa.Column("sitting_id", sa.String(length=64), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["sitting_id"], ["sittings.id"], name="fk_added_told_sitting_id"),
        sa.PrimaryKeyConstraint("sitting_id", name="pk_added_told"),
    )
