"""The tables.  Times are ns since 1970 on the court's clock (``*_utc``); JSON is kept as the text that was hashed."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    false,
    literal,
    or_,
    select,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

ID = String(64)
NAME = String(512)

courts = Table(
    "courts",
    metadata,
    Column("id", ID, primary_key=True),
    Column("name", NAME, nullable=False),
    Column("name_zh", NAME, nullable=False),
    Column("help_phone", String(64), nullable=False),
    Column("time_zone", String(64), nullable=False),
    Column("profile", String(16), nullable=False, server_default="england"),
)

cases = Table(
    "cases",
    metadata,
    Column("id", ID, primary_key=True),
    Column("court_id", ID, ForeignKey("courts.id"), nullable=False),
    Column("number", String(128), nullable=False),
    Column("name", NAME, nullable=False),
    Column("name_zh", NAME, nullable=False),
    UniqueConstraint("court_id", "number"),
)

hearings = Table(
    "hearings",
    metadata,
    Column("id", ID, primary_key=True),
    Column("case_id", ID, ForeignKey("cases.id"), nullable=False),
    Column("room", NAME, nullable=False),
    Column("room_zh", NAME, nullable=False),
    Column("scheduled_utc", BigInteger, nullable=False, index=True),
    Column("booked_utc", BigInteger, nullable=False),
    Column("booking", String(32), nullable=False, server_default="confirmed"),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("recording", String(8), nullable=False, server_default="on"),
    Column("recording_reason", Text, nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
    Column("public_id", ID),
    Column("observers", Text),
    Index("ix_hearings_public_id", "public_id", unique=True),
)

# A hearing of several days has several sittings; the columns from the state on repeat what the log says, for lists.
sittings = Table(
    "sittings",
    metadata,
    Column("id", ID, primary_key=True),
    Column("hearing_id", ID, ForeignKey("hearings.id"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("scheduled_utc", BigInteger, nullable=False, server_default="0"),
    Column("duration_s", Integer, nullable=False, server_default="7200"),
    Column("state", String(32), nullable=False),
    Column("record_state", String(32), nullable=False),
    Column("present", Integer, nullable=False),
    Column("opened_utc", BigInteger),
    Column("closed_utc", BigInteger),
    UniqueConstraint("hearing_id", "ordinal"),
    Index("ix_sittings_state", "state", "record_state"),
)

# ``account`` is the person's identity across hearings: staff have one, parties do not.  Lists are JSON texts of person
# ids (``languages``: of BCP 47 tags).
people = Table(
    "people",
    metadata,
    Column("id", ID, primary_key=True),
    Column("hearing_id", ID, ForeignKey("hearings.id"), nullable=False, index=True),
    Column("position", Integer, nullable=False),
    Column("role", String(32), nullable=False),
    Column("name", NAME, nullable=False),
    Column("name_zh", NAME, nullable=False),
    Column("account", String(256), index=True),
    Column("side", String(32), nullable=False, server_default=""),
    Column("languages", Text, nullable=False, server_default="[]"),
    Column("linked_to", Text, nullable=False, server_default="[]"),
    Column("represents", Text, nullable=False, server_default="[]"),
    Column("screened_from", Text, nullable=False, server_default="[]"),
    Column("deputy", Boolean, nullable=False, server_default=false()),
    Column("guest", Boolean, nullable=False, server_default=false()),
    Column("email", String(254), nullable=False, server_default=""),
    Column("phone", String(32), nullable=False, server_default=""),
    Column("locale", String(16), nullable=False, server_default="en"),
    Column("capacity", NAME, nullable=False, server_default=""),
    Column("removed_utc", BigInteger),
)

links = Table(
    "links",
    metadata,
    Column("id", ID, primary_key=True),
    Column("person_id", ID, ForeignKey("people.id"), nullable=False, index=True),
    Column("created_utc", BigInteger, nullable=False),
    Column("expires_utc", BigInteger, nullable=False),
    Column("revoked_utc", BigInteger),
    Column("device_limit", Integer, nullable=False),
)

# One row per device that a link was used on; only the newest of a person is not ended.
seats = Table(
    "seats",
    metadata,
    Column("id", ID, primary_key=True),
    Column("link_id", ID, ForeignKey("links.id"), nullable=False, index=True),
    Column("person_id", ID, ForeignKey("people.id"), nullable=False, index=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("device", String(256), nullable=False),
    Column("created_utc", BigInteger, nullable=False),
    Column("ended_utc", BigInteger),
    Column("ended_reason", String(32)),
)

sitting_log = Table(
    "sitting_log",
    metadata,
    Column("sitting_id", ID, ForeignKey("sittings.id"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("utc", BigInteger, nullable=False),
    Column("name", String(64), nullable=False),
    Column("actor", ID, nullable=False),
    Column("body", Text, nullable=False),
    Column("hash", String(64), nullable=False),
)

# What the recorder told of a sitting's record; the manifest in the object store is the truth.
records = Table(
    "records",
    metadata,
    Column("sitting_id", ID, ForeignKey("sittings.id"), primary_key=True),
    Column("sealed_utc", BigInteger, nullable=False),
    Column("objects", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("manifest_sha256", String(64), nullable=False),
    Column("playable", Boolean, nullable=False),
    Column("verification", Text),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", ID, primary_key=True),
    Column("sitting_id", ID, ForeignKey("sittings.id"), nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    Column("locale", String(16), nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("progress", Float, nullable=False),
    Column("created_utc", BigInteger, nullable=False),
    Column("created_by", ID, nullable=False),
    Column("name", NAME),
    Column("bytes", BigInteger),
    Column("message", Text),
    # Of an export of a part: its begin and end, us since 1970, as ``begin-end``.
    Column("part", String(64), nullable=False, server_default=""),
    # Of a film: whose it is, as every picture of it says.
    Column("mark", Text, nullable=False, server_default=""),
)

access_ledger = Table(
    "access_ledger",
    metadata,
    Column("ledger", ID, primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("utc", BigInteger, nullable=False),
    Column("actor", ID, nullable=False),
    Column("role", String(32), nullable=False),
    Column("seat", ID, nullable=False),
    Column("action", String(64), nullable=False),
    Column("target", String(512), nullable=False),
    Column("detail", Text, nullable=False),
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

#: Tables whose rows the database itself refuses to change or delete.
APPEND_ONLY = ("sitting_log", "access_ledger", "custody_log", "level_log")


def media_sealed() -> ColumnElement[bool]:
    """Of a sitting: its record is sealed, or is but for the judge's statement of a fault."""
    state = sittings.c.record_state
    signed = select(literal(1)).where(records.c.sitting_id == sittings.c.id, records.c.manifest_sha256 != "")
    return or_(state == "sealed", and_(state == "finalizing", signed.exists()))
