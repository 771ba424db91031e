"""Test recordings, which are of no hearing, and what came of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "recording_tests",
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("run", sa.String(length=64), nullable=False),
        sa.Column("worker_id", sa.String(length=256), nullable=False),
        sa.Column("began_utc", sa.BigInteger(), nullable=False),
        sa.Column("ended_utc", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("step", sa.String(length=16), nullable=False),
        sa.Column("problem", sa.String(length=32), nullable=False),
        sa.Column("media", sa.String(length=256), nullable=False),
        sa.Column("kept", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_recording_tests"),
    )
    op.create_index("ix_recording_tests_run", "recording_tests", ["run"])
    op.create_index("ix_recording_tests_began_utc", "recording_tests", ["began_utc"])
