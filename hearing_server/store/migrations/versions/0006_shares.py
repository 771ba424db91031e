"""Shares of a record with people who have no seat and no account; messages to others than a hearing's people."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("outbox") as outbox:
        outbox.alter_column("person_id", existing_type=sa.String(length=64), nullable=True)
    op.create_table(
        "record_shares",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("hearing_id", sa.String(length=64), nullable=False),
        sa.Column("sitting_id", sa.String(length=64), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=512), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("locale", sa.String(length=16), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("reference", sa.String(length=256), nullable=False),
        sa.Column("download", sa.Boolean(), nullable=False),
        sa.Column("created_utc", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("created_name", sa.String(length=512), nullable=False),
        sa.Column("created_name_zh", sa.String(length=512), nullable=False),
        sa.Column("expires_utc", sa.BigInteger(), nullable=False),
        sa.Column("revoked_utc", sa.BigInteger(), nullable=True),
        sa.Column("codes", sa.Integer(), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("code_sent_utc", sa.BigInteger(), nullable=False),
        sa.Column("code_tries", sa.Integer(), nullable=False),
        sa.Column("session_hash", sa.String(length=64), nullable=False),
        sa.Column("session_utc", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["hearing_id"], ["hearings.id"], name="fk_record_shares_hearing_id"),
        sa.ForeignKeyConstraint(["sitting_id"], ["sittings.id"], name="fk_record_shares_sitting_id"),
        sa.PrimaryKeyConstraint("id", name="pk_record_shares"),
    )
    op.create_index("ix_record_shares_sitting_id", "record_shares", ["sitting_id"])
