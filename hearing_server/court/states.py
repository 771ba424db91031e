"""The names of roles, of the states of every machine, and of kinds of tasks."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a person is in this sitting.  ``judge`` is the one who presides, ``panel`` sits beside."""

    JUDGE = "judge"
    PANEL = "panel"
    STAFF_HOST = "staff_host"
    CLERK = "clerk"
    LAWYER = "lawyer"
    CLAIMANT = "claimant"
    RESPONDENT = "respondent"
    WITNESS = "witness"
    EXPERT = "expert"
    INTERPRETER = "interpreter"
    GUEST = "guest"
    OBSERVER = "observer"
    TECHNICIAN = "technician"


#: Who decides the case.
BENCH = frozenset({Role.JUDGE, Role.PANEL})
#: The court's officers in the room: they are told what needs their hand.
STAFF = frozenset({Role.STAFF_HOST, Role.CLERK})
#: Whom nobody can be screened from: they have to see and hear everybody, or nobody at all.
UNSCREENED = BENCH | STAFF | {Role.TECHNICIAN}
#: Who the case is about, and who speaks for them.
PARTIES = frozenset({Role.CLAIMANT, Role.RESPONDENT})
#: Who gives evidence; an expert is treated as a witness.
EVIDENCE_GIVERS = frozenset({Role.WITNESS, Role.EXPERT})


class SittingState(StrEnum):
    """Machine S: the live hearing."""

    NOT_STARTED = "not_started"
    COUNTDOWN = "countdown"
    IN_SESSION = "in_session"
    RECESS = "recess"
    SUSPENDED = "suspended"
    DELIBERATION = "deliberation"
    CLOSED = "closed"


class Doors(StrEnum):
    """Machine V: whether the public may watch."""

    OPEN = "open"
    CLOSED = "closed"


class Stream(StrEnum):
    """Machine V, the stream: whether whoever has the public link watches without being let in one by one."""

    OFF = "off"
    ANNOUNCED = "announced"
    LIVE = "live"


class RecordState(StrEnum):
    """Machine R: the recording of the sitting."""

    IDLE = "idle"
    ARMING = "arming"
    RECORDING = "recording"
    INTERRUPTED = "interrupted"
    DEGRADED = "degraded"
    FAILED = "failed"
    FINALIZING = "finalizing"
    SEALED = "sealed"


class Presence(StrEnum):
    """Machine P: one person in one sitting."""

    NOT_SIGNED_IN = "not_signed_in"
    CHECKING = "checking"
    WAITING = "waiting"
    IN_HEARING = "in_hearing"
    IN_CONSULTATION = "in_consultation"
    IN_DELIBERATION = "in_deliberation"
    AWAY = "away"
    DISCONNECTED = "disconnected"
    REMOVED = "removed"


class Identity(StrEnum):
    """Machine I: what is known of who a person is, in this sitting."""

    UNVERIFIED = "unverified"
    ACCOUNT_VERIFIED = "account_verified"
    REVERIFIED_TODAY = "reverified_today"
    CHALLENGED = "challenged"
    IN_PERSON_REQUIRED = "in_person_required"


class Consent(StrEnum):
    """Machine K: a person's consent to do one stage online."""

    NOT_ASKED = "not_asked"
    ASKED = "asked"
    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class Transcript(StrEnum):
    """Machine T: the written record of the sitting, until everybody has signed it."""

    DRAFT = "draft"
    CIRCULATED = "circulated"
    CORRECTION_REQUESTED = "correction_requested"
    SIGNED = "signed"
    FINAL = "final"


class Signature(StrEnum):
    """Machine T, one person's part: what they did with the written record that was put before them."""

    NOT_ASKED = "not_asked"
    ASKED = "asked"
    SIGNED = "signed"
    REFUSED = "refused"
    MISSING = "missing"


class Talk(StrEnum):
    """A private consultation."""

    NONE = "none"
    OPEN = "open"
    LOCKED = "locked"


class TaskState(StrEnum):
    """Something that needs a hand of the court's staff."""

    NONE = "none"
    OPEN = "open"
    DONE = "done"


class TaskKind(StrEnum):
    JUDGE_DISCONNECTED = "judge_disconnected"
    PARTICIPANT_DISCONNECTED = "participant_disconnected"
    MEDIA_BLOCKED = "media_blocked"
    SELF_TEST_FAILED = "self_test_failed"
    SUSPENDED = "suspended"
    SUSPEND_REQUESTED = "suspend_requested"
    WITNESS_DISMISSED = "witness_dismissed"
    RECORD_TROUBLE = "record_trouble"
    INCIDENT_STATEMENT = "incident_statement"
    IDENTITY_CHALLENGED = "identity_challenged"
    IDENTITY_CHECK = "identity_check"
    CONSENT_REFUSED = "consent_refused"
    NOT_CLOSED_BY_JUDGE = "not_closed_by_judge"
    DURESS = "duress"


#: What technical staff are told of and may close; duress, people and identity are not their business.
TECHNICAL = frozenset(
    {
        TaskKind.MEDIA_BLOCKED,
        TaskKind.SELF_TEST_FAILED,
        TaskKind.SUSPENDED,
        TaskKind.SUSPEND_REQUESTED,
        TaskKind.RECORD_TROUBLE,
    }
)

#: Where a person can be with a working connection.
LIVE = frozenset(
    {
        Presence.CHECKING,
        Presence.WAITING,
        Presence.IN_HEARING,
        Presence.IN_CONSULTATION,
        Presence.IN_DELIBERATION,
    }
)


class BookingState(StrEnum):
    """Machine B: what is booked."""

    DRAFT = "draft"
    BOOKED = "booked"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    HELD = "held"
    CONVERTED_OFFLINE = "converted_offline"


class ArtefactState(StrEnum):
    """Machine A: a stored part of the record, from the capturing machine's disk to its destruction."""

    LOCAL = "local"
    STORED = "stored"
    VERIFIED = "verified"
    LOCKED = "locked"
    ARCHIVED = "archived"
    EXPIRED = "expired"
    DESTROYED = "destroyed"


class Machine(StrEnum):
    """Which table a row belongs to.  ``order`` is what is done in the room without moving a machine; ``booking`` and
    ``artefact`` are no part of a sitting's log."""

    SITTING = "sitting"
    DOORS = "doors"
    STREAM = "stream"
    RECORD = "record"
    PRESENCE = "presence"
    IDENTITY = "identity"
    CONSENT = "consent"
    TRANSCRIPT = "transcript"
    SIGNATURE = "signature"
    CONSULTATION = "consultation"
    TASK = "task"
    ORDER = "order"
    BOOKING = "booking"
    ARTEFACT = "artefact"
