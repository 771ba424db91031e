"""The table of shares: whom a record was opened to, how long, and how they prove who they are.  See :mod:`.tables`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, String, Table, Text

from .tables import ID, NAME, metadata

# Of the link, the code and the session only hashes are kept.  ``reference``: of the order to download.
# ``from_us``, ``to_us``: the part that is opened, us since 1970; empty for the whole.
record_shares = Table(
    "record_shares",
    metadata,
    Column("id", ID, primary_key=True),
    Column("hearing_id", ID, ForeignKey("hearings.id"), nullable=False),
    Column("sitting_id", ID, ForeignKey("sittings.id"), nullable=False, index=True),
    Column("secret_hash", String(64), nullable=False),
    Column("name", NAME, nullable=False),
    Column("email", String(320), nullable=False),
    Column("locale", String(16), nullable=False),
    Column("purpose", Text, nullable=False),
    Column("reference", String(256), nullable=False),
    Column("download", Boolean, nullable=False),
    Column("created_utc", BigInteger, nullable=False),
    Column("created_by", ID, nullable=False),
    Column("created_name", NAME, nullable=False),
    Column("created_name_zh", NAME, nullable=False),
    Column("expires_utc", BigInteger, nullable=False),
    Column("from_us", BigInteger),
    Column("to_us", BigInteger),
    Column("revoked_utc", BigInteger),
    Column("session_hash", String(64), nullable=False),
    Column("session_utc", BigInteger, nullable=False),
    Column("letter_id", String(64), nullable=False),
)
# The codes that were sent lately.  ``browser``, ``address``: hashes of who asked; ``code_hash``: empty once it is over.
share_codes = Table(
    "share_codes",
    metadata,
    Column("id", ID, primary_key=True),
    Column("share_id", ID, ForeignKey("record_shares.id"), nullable=False, index=True),
    Column("browser", String(64), nullable=False),
    Column("address", String(64), nullable=False),
    Column("code_hash", String(64), nullable=False),
    Column("sent_utc", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
)
