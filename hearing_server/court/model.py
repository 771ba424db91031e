"""The people of a sitting, the sitting, its events and commands; the names of states are in :mod:`.states`.

Everything here is immutable.  Times are nanoseconds: ``utc`` since 1970 on the
court's clock, ``mono`` on the monotonic clock of the process that decided.  A
client's clock is never used.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from .profiles import Rules
from .states import (
    Consent,
    Doors,
    Identity,
    Machine,
    Presence,
    RecordState,
    Role,
    Signature,
    SittingState,
    Stream,
    Talk,
    TaskKind,
    TaskState,
    Transcript,
)

NS = 1_000_000_000


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """One person of the sitting.

    ``presence`` and ``held`` (the place kept while they are away) say where they are; ``talk`` is the consultation
    they are in, or hold a place in.
    """

    id: str
    role: Role
    #: ``claimant`` or ``respondent``; empty for who is on nobody's side.
    side: str = ""
    #: An interpreter's people, and each of these people's interpreters.
    linked: tuple[str, ...] = ()
    #: Neither may see, hear or read the other; kept in both directions.
    screened_from: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    #: A member of the panel who presides while the presiding judge is not there.
    deputy: bool = False
    #: Verbs of :mod:`.permissions` that the judge has granted.
    grants: tuple[str, ...] = ()

    presence: Presence = Presence.NOT_SIGNED_IN
    held: Presence | None = None
    since: int = 0
    #: The device the person sits at; another one has to pass the check again.
    seat: str = ""
    talk: str = ""
    #: Sent out by the judge, or left: comes back by a call, or by themself if it was their own will.
    dismissed: bool = False
    left: bool = False
    #: Was in the room when the court had to suspend, and comes back with it.
    returns: bool = False
    #: When the judge called them in, if that is how they came into the room they are in.
    called: int | None = None
    #: Called to give evidence, and not released since.
    under_oath: bool = False
    released: bool = False
    #: What the last check-in said (camera, microphone, network).
    check: dict[str, str] = {}
    #: A device of theirs is blocked by the browser.
    blocked: str = ""

    identity: Identity = Identity.UNVERIFIED
    consent: dict[str, Consent] = {}

    #: Silenced by the court; ``locked``: and may not undo it.
    muted: bool = False
    locked: bool = False
    #: Stays silent and unseen after the curtain was lifted for others.
    behind_curtain: bool = False
    #: When the court last asked them to say something again.
    repeat: int | None = None
    #: When the hand was raised.
    hand: int | None = None
    #: The language an interpreter speaks into; empty: to the room.
    mix: str = ""
    #: The language a person listens to beside the room; empty: the room only.
    listens: str = ""
    #: Where the court has ordered them to attend from.
    attend_at: str = ""
    #: ``prompted``, ``warned`` or ``left``: what the court did about their leaving, and when.
    leaving: str = ""
    leaving_since: int | None = None

    #: Has been in the hearing room: is asked to sign what is written of it.
    attended: bool = False
    signature: Signature = Signature.NOT_ASKED

    @property
    def in_room(self) -> bool:
        """Has a place in the hearing room, present or held."""
        return self.has_place(Presence.IN_HEARING)

    def has_place(self, place: Presence) -> bool:
        """Is there, or is away with that place held."""
        return self.presence is place or (self.presence is Presence.AWAY and self.held is place)


class Consultation(msgspec.Struct, frozen=True, kw_only=True):
    """A private talk; who is in it stands with the people."""

    id: str
    opened_by: str
    state: Talk
    invited: tuple[str, ...] = ()
    declined: tuple[str, ...] = ()


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """Something for the court's staff to do.  ``subject`` is the person it is about, if any."""

    id: str
    kind: TaskKind
    subject: str
    state: TaskState
    opened: int
    reason: str = ""
    closed: int | None = None
    closed_by: str = ""


class Exhibit(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown to the room, and who presents it; where they point is no matter of law and not in the log."""

    document: str
    page: int
    by: str


class Objection(msgspec.Struct, frozen=True, kw_only=True):
    """Raised and not ruled on yet; ``id`` is the number of its event."""

    id: int
    by: str
    text: str


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants changed in the written record; ``id`` is the number of its event.

    ``draft`` and ``paragraph`` say what it is about; ``answer`` is empty until the court has ``accepted`` or
    ``refused`` it, and what was refused stays with the record (RRC art. 7).
    """

    id: int
    by: str
    draft: int
    paragraph: str
    text: str
    answer: str = ""
    answer_text: str = ""
    answered_by: str = ""


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


def root_of(event: Event) -> str:
    """The root of the record that this entry takes down, hex: over the log before it and the media it names.

    A node of a Merkle tree (RFC 6962 §2.1) whose left half is a leaf, the hash of the entry before.
    """
    log = hashlib.sha256(b"\x00" + bytes.fromhex(event.prev_hash)).digest()
    return hashlib.sha256(b"\x01" + log + bytes.fromhex(event.detail["media"])).hexdigest()


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
    #: When the sitting was set for; nothing in logs of the first version.
    scheduled: int | None = None
    countdown_ends: int | None = None
    #: Where the countdown began, and where it goes back to when it is called off.
    countdown_from: SittingState = SittingState.NOT_STARTED
    recess_until: int | None = None
    opened: int | None = None
    closed: int | None = None
    #: Since when nobody who may preside is in the room in session.
    unpresided: int | None = None
    #: Who has asked the judge to suspend.
    suspend_asked_by: str = ""
    #: The ground on which the court went over to a hearing in person.
    converted: str = ""

    record: RecordState = RecordState.IDLE
    record_since: int = 0
    record_reason: str = ""
    #: Why the court sits without a record, or goes on with another one.
    off_record: str = ""
    fallback: str = ""
    #: How often in a row the record could not be started when the countdown was over.
    failed_starts: int = 0
    #: Who has asked for the record to be interrupted, and on which ground.
    interrupt_asked: str = ""
    interrupt_asked_by: str = ""
    #: The record has failed or was interrupted by a fault since the statement about it was made.
    incident: bool = False
    incident_statement: str = ""
    #: Something was lost to a fault: the record is sealed as partial (RRC art. 4, 5), and what there is of it is kept.
    partial: bool = False
    #: Writers of the record in order: ``<worker id>.<epoch>``.
    writers: tuple[str, ...] = ()
    #: The newest root of the record and its media half, hex, when the log took it down, how many chains it covers.
    root: str = ""
    root_media: str = ""
    root_at: int | None = None
    root_tracks: int = 0

    doors: Doors = Doors.OPEN
    doors_since: int = 0
    doors_ground: str = ""
    curtain: bool = False
    stream: Stream = Stream.OFF
    stream_since: int = 0
    #: Why a case of a kind that is not streamed is, all the same.
    stream_override: str = ""
    #: Who objected to the stream; the judge started it with ``stream_reason`` if anybody had.
    stream_objections: tuple[Objection, ...] = ()
    stream_reason: str = ""
    #: What kind of case it is; empty: nobody has said.
    category: str = ""
    #: The grounds on which observers are let in; empty: no direction has been given.
    public_grounds: str = ""

    stage: str = ""
    stage_since: int = 0
    floor: str = ""
    spotlight: str = ""
    exhibit: Exhibit | None = None
    objections: tuple[Objection, ...] = ()
    #: The reporting restriction shown to everybody.
    restriction: str = ""
    consultations: dict[str, Consultation] = {}
    tasks: dict[str, Task] = {}

    #: The written record: which draft was put before people, its SHA-256 and that of the media it belongs to, hex.
    transcript: Transcript = Transcript.DRAFT
    transcript_since: int = 0
    draft: int = 0
    text_hash: str = ""
    record_root: str = ""
    #: Until when signatures are waited for.
    sign_by: int | None = None
    corrections: tuple[Correction, ...] = ()
    #: SHA-256 of the document that was made of it in the end, hex.
    document: str = ""

    answered: dict[str, int] = {}

    @property
    def may_begin(self) -> bool:
        """The record runs, or the judge has said why the court sits without it (hearing-model.md §3)."""
        return self.record is RecordState.RECORDING or bool(self.off_record or self.fallback)

    @property
    def presided(self) -> bool:
        """Somebody who may preside is in the room, connected."""
        return any(
            person.presence is Presence.IN_HEARING and (person.id == self.presiding or person.deputy)
            for person in self.people.values()
        )


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
    """What somebody wants.  ``subject`` is the person it is about; the actor themself if empty.

    ``detail`` holds the arguments, as :mod:`.arguments` has them for this command.
    """

    name: str
    subject: str = ""
    request_id: str = ""
    expected_version: int | None = None
    reason: str = ""
    detail: dict[str, Any] = {}


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The law says no; ``code`` has a sentence in both languages in :mod:`hearing_server.refusals`."""

    code: str


class Booked(msgspec.Struct, frozen=True, kw_only=True):
    """A person as booked."""

    id: str
    role: Role
    side: str = ""
    linked: tuple[str, ...] = ()
    screened_from: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    deputy: bool = False
