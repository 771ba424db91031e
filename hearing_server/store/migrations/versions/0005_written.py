"""The written record: drafts, and the evidence of signatures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "written_drafts",
        sa.Column("sitting_id", sa.String(length=64), nullable=False),
        sa.Column("draft", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("text_sha256", sa.String(length=64), nullable=False),
        sa.Column("created_utc", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("final_utc", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["sitting_id"], ["sittings.id"], name="fk_written_drafts_sitting_id"),
        sa.PrimaryKeyConstraint("sitting_id", "draft", name="pk_written_drafts"),
    )
    op.create_table(
        "written_signatures",
        sa.Column("sitting_id", sa.String(length=64), nullable=False),
        sa.Column("proof", sa.String(length=64), nullable=False),
        sa.Column("draft", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_utc", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["sitting_id"], ["sittings.id"], name="fk_written_signatures_sitting_id"),
        sa.PrimaryKeyConstraint("sitting_id", "proof", name="pk_written_signatures"),
    )
