"""Shares of a part of a record."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("record_shares", sa.Column("from_us", sa.BigInteger(), nullable=True))
    op.add_column("record_shares", sa.Column("to_us", sa.BigInteger(), nullable=True))
