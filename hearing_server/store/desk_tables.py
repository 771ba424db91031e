"""The tables around a hearing: accounts, joining messages, arrival, exhibits, chat, tasks.  See :mod:`.tables`."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from .tables import ID, NAME, metadata

# --- accounts -------------------------------------------------------------------------------

# ``provider`` and ``subject``: whose user this is at an OpenID Connect provider, if they sign in there.
accounts = Table(
    "accounts",
    metadata,
    Column("id", ID, primary_key=True),
    Column("user_name", ID, nullable=False, unique=True),
    Column("name", NAME, nullable=False),
    Column("name_zh", NAME, nullable=False),
    Column("password_hash", String(256)),
    Column("must_change", Boolean, nullable=False),
    Column("provider", ID),
    Column("subject", String(256)),
    Column("created_utc", BigInteger, nullable=False),
    Column("signed_in_utc", BigInteger),
    Column("disabled_utc", BigInteger),
    UniqueConstraint("provider", "subject"),
)

account_roles = Table(
    "account_roles",
    metadata,
    Column("account_id", ID, ForeignKey("accounts.id"), primary_key=True),
    Column("court_id", ID, ForeignKey("courts.id"), primary_key=True),
    Column("role", String(32), primary_key=True),
)

# WebAuthn Level 3: ids are at most 1,023 bytes, here in base64url; the key is COSE, in base64url.
passkeys = Table(
    "passkeys",
    metadata,
    Column("id", ID, primary_key=True),
    Column("account_id", ID, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("credential_id", String(1400), nullable=False, unique=True),
    Column("public_key", Text, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("name", NAME, nullable=False),
    Column("created_utc", BigInteger, nullable=False),
    Column("used_utc", BigInteger),
)

account_sessions = Table(
    "account_sessions",
    metadata,
    Column("id", ID, primary_key=True),
    Column("account_id", ID, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("device", String(256), nullable=False),
    Column("created_utc", BigInteger, nullable=False),
    Column("seen_utc", BigInteger, nullable=False),
    Column("ended_utc", BigInteger),
)

# What is remembered between the two halves of a sign-in; used once.
challenges = Table(
    "challenges",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("account_id", ID, ForeignKey("accounts.id")),
    Column("data", Text, nullable=False),
    Column("expires_utc", BigInteger, nullable=False, index=True),
)

# --- joining messages -------------------------------------------------------------------------

# ``person_id``: nobody for messages to people who are not of the hearing.
outbox = Table(
    "outbox",
    metadata,
    Column("id", ID, primary_key=True),
    Column("hearing_id", ID, ForeignKey("hearings.id"), nullable=False, index=True),
    Column("person_id", ID, ForeignKey("people.id")),
    Column("kind", String(16), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("address", String(320), nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("calendar", Text),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_utc", BigInteger, nullable=False),
    Column("due_utc", BigInteger, nullable=False),
    Column("sent_utc", BigInteger),
    Column("problem", Text),
    Index("ix_outbox_state_due_utc", "state", "due_utc"),
)

# --- arrival ------------------------------------------------------------------------------------

device_tests = Table(
    "device_tests",
    metadata,
    Column("id", ID, primary_key=True),
    Column("person_id", ID, ForeignKey("people.id"), nullable=False, index=True),
    Column("utc", BigInteger, nullable=False),
    Column("score", String(16), nullable=False),
    Column("findings", Text, nullable=False),
    Column("result", Text, nullable=False),
)

# ``content`` is sealed with a key that is not in the database, and removed when the hearing is over.
identity_documents = Table(
    "identity_documents",
    metadata,
    Column("id", ID, primary_key=True),
    Column("person_id", ID, ForeignKey("people.id"), nullable=False, index=True),
    Column("media_type", String(64), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("uploaded_utc", BigInteger, nullable=False),
    Column("content", LargeBinary),
)

# --- exhibits -------------------------------------------------------------------------------------

exhibits = Table(
    "exhibits",
    metadata,
    Column("id", ID, primary_key=True),
    Column("hearing_id", ID, ForeignKey("hearings.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("title", NAME, nullable=False),
    Column("file_name", NAME, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("media_type", String(128), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("pages", Integer, nullable=False),
    Column("side", String(32), nullable=False),
    Column("uploaded_by", ID, nullable=False),
    Column("uploaded_by_name", NAME, nullable=False),
    Column("uploaded_by_name_zh", NAME, nullable=False),
    Column("uploaded_utc", BigInteger, nullable=False),
    Column("shown_utc", BigInteger),
    Column("deleted_utc", BigInteger),
    UniqueConstraint("hearing_id", "number"),
)

# --- chat and tasks ---------------------------------------------------------------------------------

chat_messages = Table(
    "chat_messages",
    metadata,
    Column("hearing_id", ID, ForeignKey("hearings.id"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("person_id", ID, ForeignKey("people.id"), nullable=False),
    Column("from_staff", Boolean, nullable=False),
    Column("sender", NAME, nullable=False),
    Column("sender_zh", NAME, nullable=False),
    Column("text", Text, nullable=False),
    Column("utc", BigInteger, nullable=False),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", ID, primary_key=True),
    Column("hearing_id", ID, ForeignKey("hearings.id"), nullable=False, index=True),
    Column("sitting_id", ID, ForeignKey("sittings.id"), nullable=False, index=True),
    Column("kind", ID, nullable=False),
    Column("person_id", ID),
    Column("detail", Text, nullable=False),
    Column("opened_utc", BigInteger, nullable=False),
    Column("closed_utc", BigInteger),
    Column("closed_by", NAME),
    Column("closed_by_zh", NAME),
    Column("note", Text, nullable=False),
)
