"""The tables of custody: what was decided about each hearing's record, and what the storage knows of it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text

from .tables import ID, NAME, metadata

# Append-only, as the logs are.  ``body`` is the decision as JSON.
custody_log = Table(
    "custody_log",
    metadata,
    Column("hearing_id", ID, ForeignKey("hearings.id"), primary_key=True),
    Column("serial", Integer, primary_key=True, autoincrement=False),
    Column("utc", BigInteger, nullable=False),
    Column("action", String(16), nullable=False),
    Column("account_id", ID, nullable=False),
    Column("name", NAME, nullable=False),
    Column("name_zh", NAME, nullable=False),
    Column("body", Text, nullable=False),
)

# The last decision that the storage of each sitting's record obeys; ``problem``: why it does not obey the newest.
custody_told = Table(
    "custody_told",
    metadata,
    Column("sitting_id", ID, ForeignKey("sittings.id"), primary_key=True),
    Column("serial", Integer, nullable=False),
    Column("objects", Integer, nullable=False),
    Column("problem", Text, nullable=False),
    Index("ix_custody_told_serial", "serial"),
)
