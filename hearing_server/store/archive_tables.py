"""The tables of the clerk's archive: what hearings are found by, and notes written afterwards.  See :mod:`.tables`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, String, Table, Text
from sqlalchemy.dialects.postgresql import TSVECTOR

from .tables import ID, NAME, metadata

# One row per sitting that can be found.  ``place`` orders them: the second of the sitting's time in the upper bits, a
# running number in the lower 20, so that the newest come first without sorting.  On SQLite the full text index
# ``search_tokens`` (FTS5) reads ``tokens`` from here and is kept by triggers; on PostgreSQL it is a GIN index.
search_documents = Table(
    "search_documents",
    metadata,
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    Column("sitting_id", ID, ForeignKey("sittings.id"), nullable=False, unique=True),
    Column("tokens", Text().with_variant(TSVECTOR(), "postgresql"), nullable=False),
)

# Sittings whose row above may be old; triggers write it in the transaction that changed what they are found by.
search_stale = Table(
    "search_stale",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("sitting_id", ID, nullable=False),
)

# Append-only, as the logs are: who may see which part of a sitting's record.  ``body`` is the decision as JSON.
level_log = Table(
    "level_log",
    metadata,
    Column("sitting_id", ID, ForeignKey("sittings.id"), primary_key=True),
    Column("serial", Integer, primary_key=True, autoincrement=False),
    Column("utc", BigInteger, nullable=False),
    Column("action", String(16), nullable=False),
    Column("account_id", ID, nullable=False),
    Column("name", NAME, nullable=False),
    Column("name_zh", NAME, nullable=False),
    Column("body", Text, nullable=False),
)

# Written into the archive after the sitting.  ``at_utc`` is the time of the record that it speaks of.  Rows stay as
# they are: a correction is a new row that names the one it replaces; without words it takes it back.
archive_notes = Table(
    "archive_notes",
    metadata,
    Column("sitting_id", ID, ForeignKey("sittings.id"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("utc", BigInteger, nullable=False),
    Column("at_utc", BigInteger, nullable=False),
    Column("author", ID, nullable=False),
    Column("name", NAME, nullable=False),
    Column("name_zh", NAME, nullable=False),
    Column("role", String(32), nullable=False),
    Column("text", Text, nullable=False),
    Column("replaces", Integer),
)
