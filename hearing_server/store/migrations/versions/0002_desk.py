"""Staff accounts, booking, joining messages, arrival, exhibits, chat and tasks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _accounts()
    _booking()
    _desk()


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("user_name", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=512), nullable=False),
        sa.Column("name_zh", sa.String(length=512), nullable=False),
        sa.Column("password_hash", sa.String(length=256), nullable=True),
        sa.Column("must_change", sa.Boolean(), nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=True),
        sa.Column("subject", sa.String(length=256), nullable=True),
        sa.Column("created_utc", sa.BigInteger(), nullable=False),
        sa.Column("signed_in_utc", sa.BigInteger(), nullable=True),
        sa.Column("disabled_utc", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        sa.UniqueConstraint("provider", "subject", name="uq_accounts_provider_subject"),
        sa.UniqueConstraint("user_name", name="uq_accounts_user_name"),
    )
    op.create_table(
        "account_roles",
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("court_id", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_account_roles_account_id"),
        sa.ForeignKeyConstraint(["court_id"], ["courts.id"], name="fk_account_roles_court_id"),
        sa.PrimaryKeyConstraint("account_id", "court_id", "role", name="pk_account_roles"),
    )
    op.create_table(
        "account_sessions",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("device", sa.String(length=256), nullable=False),
        sa.Column("created_utc", sa.BigInteger(), nullable=False),
        sa.Column("seen_utc", sa.BigInteger(), nullable=False),
        sa.Column("ended_utc", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_account_sessions_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_account_sessions"),
        sa.UniqueConstraint("token_hash", name="uq_account_sessions_token_hash"),
    )
    op.create_index("ix_account_sessions_account_id", "account_sessions", ["account_id"], unique=False)
    op.create_table(
        "challenges",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("expires_utc", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_challenges_account_id"),
        sa.PrimaryKeyConstraint("token_hash", name="pk_challenges"),
    )
    op.create_index("ix_challenges_expires_utc", "challenges", ["expires_utc"], unique=False)
    op.create_table(
        "passkeys",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("credential_id", sa.String(length=1400), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=512), nullable=False),
        sa.Column("created_utc", sa.BigInteger(), nullable=False),
        sa.Column("used_utc", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_passkeys_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_passkeys"),
        sa.UniqueConstraint("credential_id", name="uq_passkeys_credential_id"),
    )
    op.create_index("ix_passkeys_account_id", "passkeys", ["account_id"], unique=False)


def _booking() -> None:
    op.add_column("courts", sa.Column("profile", sa.String(length=16), server_default="england", nullable=False))
    op.add_column("hearings", sa.Column("booking", sa.String(length=32), server_default="confirmed", nullable=False))
    op.add_column("hearings", sa.Column("revision", sa.Integer(), server_default="1", nullable=False))
    op.add_column("hearings", sa.Column("recording", sa.String(length=8), server_default="on", nullable=False))
    op.add_column("hearings", sa.Column("recording_reason", sa.Text(), server_default="", nullable=False))
    op.add_column("hearings", sa.Column("reason", sa.Text(), server_default="", nullable=False))
    op.add_column("hearings", sa.Column("public_id", sa.String(length=64), nullable=True))
    op.add_column("hearings", sa.Column("observers", sa.Text(), nullable=True))
    op.create_index("ix_hearings_public_id", "hearings", ["public_id"], unique=True)
    op.add_column("people", sa.Column("side", sa.String(length=32), server_default="", nullable=False))
    op.add_column("people", sa.Column("languages", sa.Text(), server_default="[]", nullable=False))
    op.add_column("people", sa.Column("linked_to", sa.Text(), server_default="[]", nullable=False))
    op.add_column("people", sa.Column("represents", sa.Text(), server_default="[]", nullable=False))
    op.add_column("people", sa.Column("screened_from", sa.Text(), server_default="[]", nullable=False))
    op.add_column("people", sa.Column("deputy", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("people", sa.Column("guest", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("people", sa.Column("email", sa.String(length=254), server_default="", nullable=False))
    op.add_column("people", sa.Column("phone", sa.String(length=32), server_default="", nullable=False))
    op.add_column("people", sa.Column("locale", sa.String(length=16), server_default="en", nullable=False))
    op.add_column("people", sa.Column("capacity", sa.String(length=512), server_default="", nullable=False))
    op.add_column("people", sa.Column("removed_utc", sa.BigInteger(), nullable=True))
    op.add_column("sittings", sa.Column("scheduled_utc", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("sittings", sa.Column("duration_s", sa.Integer(), server_default="7200", nullable=False))
    # Until now every court sat by the rules of the demo.
    op.execute("UPDATE courts SET profile = 'demo'")
    # Until now a hearing had one sitting, at the hearing's time.
    op.execute(
        "UPDATE sittings SET scheduled_utc = (SELECT h.scheduled_utc FROM hearings h WHERE h.id = sittings.hearing_id)"
    )


def _desk() -> None:
    op.create_table(
        "exhibits",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("hearing_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=512), nullable=False),
        sa.Column("file_name", sa.String(length=512), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("media_type", sa.String(length=128), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("side", sa.String(length=32), nullable=False),
        sa.Column("uploaded_by", sa.String(length=64), nullable=False),
        sa.Column("uploaded_by_name", sa.String(length=512), nullable=False),
        sa.Column("uploaded_by_name_zh", sa.String(length=512), nullable=False),
        sa.Column("uploaded_utc", sa.BigInteger(), nullable=False),
        sa.Column("shown_utc", sa.BigInteger(), nullable=True),
        sa.Column("deleted_utc", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["hearing_id"], ["hearings.id"], name="fk_exhibits_hearing_id"),
        sa.PrimaryKeyConstraint("id", name="pk_exhibits"),
        sa.UniqueConstraint("hearing_id", "number", name="uq_exhibits_hearing_id_number"),
    )
    op.create_table(
        "chat_messages",
        sa.Column("hearing_id", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("from_staff", sa.Boolean(), nullable=False),
        sa.Column("sender", sa.String(length=512), nullable=False),
        sa.Column("sender_zh", sa.String(length=512), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("utc", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["hearing_id"], ["hearings.id"], name="fk_chat_messages_hearing_id"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_chat_messages_person_id"),
        sa.PrimaryKeyConstraint("hearing_id", "seq", name="pk_chat_messages"),
    )
    op.create_table(
        "device_tests",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("utc", sa.BigInteger(), nullable=False),
        sa.Column("score", sa.String(length=16), nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_device_tests_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_device_tests"),
    )
    op.create_index("ix_device_tests_person_id", "device_tests", ["person_id"], unique=False)
    op.create_table(
        "identity_documents",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("media_type", sa.String(length=64), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("uploaded_utc", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_identity_documents_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_identity_documents"),
    )
    op.create_index("ix_identity_documents_person_id", "identity_documents", ["person_id"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("hearing_id", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("calendar", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_utc", sa.BigInteger(), nullable=False),
        sa.Column("due_utc", sa.BigInteger(), nullable=False),
        sa.Column("sent_utc", sa.BigInteger(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["hearing_id"], ["hearings.id"], name="fk_outbox_hearing_id"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_outbox_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_hearing_id", "outbox", ["hearing_id"], unique=False)
    op.create_index("ix_outbox_state_due_utc", "outbox", ["state", "due_utc"], unique=False)
    op.create_table(
        "tasks",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("hearing_id", sa.String(length=64), nullable=False),
        sa.Column("sitting_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("opened_utc", sa.BigInteger(), nullable=False),
        sa.Column("closed_utc", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", sa.String(length=512), nullable=True),
        sa.Column("closed_by_zh", sa.String(length=512), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["hearing_id"], ["hearings.id"], name="fk_tasks_hearing_id"),
        sa.ForeignKeyConstraint(["sitting_id"], ["sittings.id"], name="fk_tasks_sitting_id"),
        sa.PrimaryKeyConstraint("id", name="pk_tasks"),
    )
    op.create_index("ix_tasks_hearing_id", "tasks", ["hearing_id"], unique=False)
    op.create_index("ix_tasks_sitting_id", "tasks", ["sitting_id"], unique=False)
