"""Codes of shares belong to the browser that asked, and a share can have another link."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "share_codes",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("share_id", sa.String(64), nullable=False),
        sa.Column("browser", sa.String(64), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("sent_utc", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["share_id"], ["record_shares.id"], name="fk_share_codes_share_id"),
        sa.PrimaryKeyConstraint("id", name="pk_share_codes"),
    )
    op.create_index("ix_share_codes_share_id", "share_codes", ["share_id"])
    # A code works for minutes: those that are out now are asked for again.
    for name in ("codes", "code_hash", "code_sent_utc", "code_tries"):
        op.drop_column("record_shares", name)
    op.add_column("record_shares", sa.Column("letter_id", sa.String(64), nullable=False, server_default=""))
    op.execute("UPDATE record_shares SET letter_id = id")
