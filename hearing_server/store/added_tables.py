"""The tables of recordings that the court added to a sitting's record after it.  See :mod:`.tables`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, String, Table, Text, UniqueConstraint, false

from .tables import ID, NAME, metadata

# Append-only.  What has the same title, kind and start is one recording, and each other file of it a version.
added_versions = Table(
    "added_versions",
    metadata,
    Column("id", ID, primary_key=True),
    Column("sitting_id", ID, ForeignKey("sittings.id"), nullable=False),
    Column("title", String(200), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("started_utc", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("equipment", String(200), nullable=False),
    Column("file_name", String(200), nullable=False),
    Column("media_type", String(64), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("has_audio", Boolean, nullable=False),
    Column("added_utc", BigInteger, nullable=False),
    Column("added_by", ID, nullable=False),
    Column("name", NAME, nullable=False),
    Column("name_zh", NAME, nullable=False),
    UniqueConstraint("sitting_id", "title", "kind", "started_utc", "version"),
)

# Append-only: every act about a version, numbered over the sitting.  The first of a version is that it was added; each
# makes it the current one of its recording, unless it withdraws it, with the reason.
added_choices = Table(
    "added_choices",
    metadata,
    Column("sitting_id", ID, ForeignKey("sittings.id"), primary_key=True),
    Column("serial", Integer, primary_key=True, autoincrement=False),
    Column("version_id", ID, ForeignKey("added_versions.id"), nullable=False),
    Column("utc", BigInteger, nullable=False),
    Column("account_id", ID, nullable=False),
    Column("name", NAME, nullable=False, server_default=""),
    Column("name_zh", NAME, nullable=False, server_default=""),
    Column("withdrawn", Boolean, nullable=False, server_default=false()),
    Column("reason", Text, nullable=False, server_default=""),
)

# The last act that a signed statement beside the record says.
added_told = Table(
    "added_told",
    metadata,
    Column("sitting_id", ID, ForeignKey("sittings.id"), primary_key=True),
    Column("serial", Integer, nullable=False),
)
