"""The names of the court: roles, states, people, the sitting, its events and commands.

Everything here is immutable.  Times are nanoseconds: ``utc`` since 1970 on the
court's clock, ``mono`` on the monotonic clock of the process that decided.  A
client's clock is never used.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Any

import msgspec

NS = 1_000_000_000


class Role(StrEnum):
    JUDGE = "judge"
    CLERK = "clerk"
    CLAIMANT = "claimant"
    RESPONDENT = "respondent"
    WITNESS = "witness"
    INTERPRETER = "interpreter"
    OBSERVER = "observer"


class SittingState(StrEnum):
    """Machine S: the live hearing."""

    NOT_STARTED = "not_started"
    COUNTDOWN = "countdown"
    IN_SESSION = "in_session"
    CLOSED = "closed"


class RecordState(StrEnum):
    """Machine R: the recording of the sitting."""

    IDLE = "idle"
    ARMING = "arming"
    RECORDING = "recording"
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
    AWAY = "away"
    DISCONNECTED = "disconnected"


#: Where a person can be with a working connection.
LIVE = frozenset({Presence.CHECKING, Presence.WAITING, Presence.IN_HEARING})


class Machine(StrEnum):
    SITTING = "sitting"
    RECORD = "record"
    PRESENCE = "presence"


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What a court's profile may set; part of the first event, so that a sitting keeps the rules it began with."""

    #: From the judge's "start" to the session (hearing-model.md §3).
    countdown_s: float = 10.0
    #: How long after the countdown the first durable second of the record is waited for.
    record_wait_s: float = 30.0
    #: How long the seat of a person who lost the connection is held (hearing-model.md §5).
    seat_held_s: float = 300.0

    def written(self) -> dict[str, int]:
        """As the first event holds them: whole milliseconds."""
        return {name.removesuffix("_s") + "_ms": round(getattr(self, name) * 1000) for name in self.__struct_fields__}

    @classmethod
    def read(cls, written: dict[str, int]) -> Rules:
        return cls(**{name.removesuffix("_ms") + "_s": value / 1000 for name, value in written.items()})


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """One person of the sitting.  ``held`` is the place kept while they are away."""

    id: str
    role: Role
    presence: Presence = Presence.NOT_SIGNED_IN
    held: Presence | None = None
    since: int = 0
    #: The device the person sits at; another one has to pass the check again.
    seat: str = ""
    #: Sent out by the judge: comes back by a call only, whatever the role.
    dismissed: bool = False
    #: When the judge called them in, if that is how they came into the room they are in.
    called: int | None = None
    #: What the last check-in said (camera, microphone, network).
    check: dict[str, str] = {}

    @property
    def in_room(self) -> bool:
        """Has a place in the hearing room, present or held."""
        return self.presence is Presence.IN_HEARING or (
            self.presence is Presence.AWAY and self.held is Presence.IN_HEARING
        )


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One change.  ``source`` and ``to`` (``from`` and ``to`` in the log) are states of ``machine``.

    ``subject`` is the person it is about, if any; ``actor`` who did it (``system`` for the court's own machinery) and
    ``role`` that person's role then.  ``hash`` is SHA-256 over the canonical JSON of all other fields, and
    ``prev_hash`` that of the event before (64 zeros for the first).
    """

    seq: int
    utc: int
    mono: int
    machine: Machine
    name: str
    subject: str
    actor: str
    role: str
    source: str = msgspec.field(name="from")
    to: str
    reason: str
    request_id: str
    detail: dict[str, Any]
    prev_hash: str
    hash: str = ""

    def digest(self) -> str:
        """The hash this event must carry, hex."""
        fields = msgspec.to_builtins(self)
        del fields["hash"]
        return hashlib.sha256(canonical(fields)).hexdigest()


GENESIS_HASH = "0" * 64


def canonical(value: Any) -> bytes:
    """UTF-8 JSON with sorted keys and no spaces; the events hold no floats, so that every language writes the same."""
    return msgspec.json.encode(value, order="deterministic")


class Sitting(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a sitting: what replaying its log gives.

    ``seq`` counts events, ``version`` is the ``seq`` of the last change of machine S: commands name the version their
    giver was looking at.  ``answered`` maps (actor, request id) to the version that the request made.
    """

    id: str
    seq: int
    head: str
    version: int
    presiding: str
    rules: Rules
    people: dict[str, Person]
    state: SittingState
    since: int
    reason: str = ""
    countdown_ends: int | None = None
    opened: int | None = None
    closed: int | None = None
    record: RecordState = RecordState.IDLE
    record_reason: str = ""
    #: Writers of the record in order: ``<worker id>.<epoch>``.
    writers: tuple[str, ...] = ()
    answered: dict[str, int] = {}


class Now(msgspec.Struct, frozen=True, kw_only=True):
    """The time of a decision, ns."""

    utc: int
    mono: int


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    role: str


#: The court's own machinery: timers, the record, the network.
SYSTEM = Actor(id="system", role="system")


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants.  ``subject`` is the person it is about; the actor themself if empty."""

    name: str
    subject: str = ""
    request_id: str = ""
    expected_version: int | None = None
    reason: str = ""
    detail: dict[str, Any] = {}


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The law says no; ``code`` has a sentence in both languages in :mod:`hearing_server.words`."""

    code: str


class Booked(msgspec.Struct, frozen=True, kw_only=True):
    """A person as booked."""

    id: str
    role: Role
