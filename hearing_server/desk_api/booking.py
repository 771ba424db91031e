"""Booking, joining messages and readiness."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ..api.shapes import Consent, Identity, Locale, Role, SittingState, Struct
from .shapes import (
    BookingState,
    InterpreterState,
    Line,
    LinkState,
    MessageChannel,
    MessageKind,
    MessageState,
    Name,
    Profile,
    RecordingPlan,
    Ref,
    Score,
    Side,
    Words,
)


class Day(Struct, omit_defaults=True):
    """One day of a hearing: one sitting."""

    scheduled_at: float
    duration_s: Annotated[float, msgspec.Meta(ge=60, le=86_400)] = 7200.0
    #: The sitting of a day that is booked already; nothing for a new one.
    sitting_id: Annotated[str, msgspec.Meta(max_length=64)] | None = None


class PersonRequest(Struct, omit_defaults=True):
    """One person of a booking.  ``ref``: the id of a person already booked, or any text of the client's own for a new
    one; ``linked_to`` (an interpreter's people), ``represents`` and ``screened_from`` speak of such refs."""

    ref: Ref
    role: Role
    name: Name
    name_zh: Line = ""
    side: Side = ""
    languages: tuple[Annotated[str, msgspec.Meta(max_length=35)], ...] = ()
    linked_to: tuple[Ref, ...] = ()
    represents: tuple[Ref, ...] = ()
    screened_from: tuple[Ref, ...] = ()
    #: May preside when the presiding judge does not; for the panel.
    deputy: bool = False
    #: The user name of a staff account, for the bench and the court's staff.
    user: Line | None = None
    email: Annotated[str, msgspec.Meta(max_length=254)] = ""
    phone: Annotated[str, msgspec.Meta(max_length=32)] = ""
    locale: Locale = "en"


class BookingRequest(Struct, omit_defaults=True, kw_only=True):
    """``POST /api/bookings``, and an edit.  A draft may lack people and days."""

    court_id: Ref
    case_number: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    case_name: Name
    case_name_zh: Line = ""
    room: Name
    room_zh: Line = ""
    days: Annotated[list[Day], msgspec.Meta(max_length=60)]
    people: Annotated[list[PersonRequest], msgspec.Meta(max_length=200)]
    recording: RecordingPlan = "on"
    #: The order under which a hearing is not recorded.
    recording_reason: Words = ""
    draft: bool = False
    #: Of the booking that is edited: refused by ``conflict`` if it was changed meanwhile.
    revision: int | None = None


class BookingCommand(Struct, omit_defaults=True):
    """A move of the booking machine.  ``reason`` for ``cancel``; ``ground`` for ``convert``."""

    name: Literal["book", "confirm", "cancel", "convert"]
    reason: Words = ""
    ground: Line = ""


class BookedDay(Struct):
    sitting_id: str
    ordinal: int
    scheduled_at: float
    duration_s: float
    state: SittingState


class BookedPerson(Struct):
    """``link``: ``none`` was made, it ``works``, was ``opened``, is ``expired`` or ``withdrawn``."""

    person_id: str
    role: Role
    name: str
    name_zh: str
    side: Side
    languages: list[str]
    linked_to: list[str]
    represents: list[str]
    screened_from: list[str]
    deputy: bool
    user: str | None
    email: str
    phone: str
    locale: Locale
    link: LinkState
    #: Came by the public link, not by the clerk's booking.
    guest: bool


class ObserverDirection(Struct):
    """What the judge has directed about observers of this hearing (O1)."""

    allowed: bool
    grounds: str
    judge: str
    at: float


class Booking(Struct):
    """``may``: what can be done with it now, by the reader: ``edit``, ``add_person``, ``book``, ``confirm``,
    ``cancel``, ``convert``, ``direct_observers``, ``make_public_link``."""

    hearing_id: str
    court_id: str
    court: str
    court_zh: str
    profile: Profile
    state: BookingState
    revision: int
    case_number: str
    case_name: str
    case_name_zh: str
    room: str
    room_zh: str
    days: list[BookedDay]
    people: list[BookedPerson]
    recording: RecordingPlan
    recording_reason: str
    reason: str
    observers: ObserverDirection | None
    #: The token of the public link, what stands after ``/g/``; nothing while there is none.
    public_link: str | None
    #: Grounds on which the court's rules let the judge move the hearing to the courtroom.
    convert_grounds: list[str]
    may: list[str]


class BookingRow(Struct):
    """``GET /api/bookings``."""

    hearing_id: str
    state: BookingState
    case_number: str
    case_name: str
    case_name_zh: str
    room: str
    room_zh: str
    judge: str
    judge_zh: str
    scheduled_at: float | None
    days: int
    people: int
    #: As in :class:`Readiness`; nothing for drafts and what is over.
    score: Score | None


class PersonalLink(Struct):
    """A person's link: the token, what stands after ``/j/``, and its whole address."""

    link: str
    url: str


class DeviceTest(Struct, omit_defaults=True):
    """What the arrival page measured.  Rates in kbit/s, times in ms, loss in percent; nothing where not measured."""

    camera: Literal["ok", "refused", "missing", "busy", "off"]
    microphone: Literal["ok", "silent", "refused", "missing", "busy", "off"]
    speaker: Literal["ok", "not_heard", "skipped"]
    path: Literal["udp", "tcp", "relay", "none"]
    rtt_ms: Annotated[float, msgspec.Meta(ge=0, le=60_000)] | None = None
    loss_percent: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None
    up_kbps: Annotated[float, msgspec.Meta(ge=0, le=10_000_000)] | None = None
    down_kbps: Annotated[float, msgspec.Meta(ge=0, le=10_000_000)] | None = None


class TestRow(Struct):
    """A stored test with its score.  ``findings``: codes of what was wrong."""

    test_id: str
    at: float
    score: Score
    findings: list[str]
    result: DeviceTest


class PersonReadiness(Struct):
    """``findings``: ``no-test``, ``test-old``, ``test-bad``, ``consent-missing``, ``consent-refused``,
    ``identity-missing``, ``identity-challenged``, ``link-missing``, ``link-unopened``, ``interpreter-missing``,
    ``message-failed``; the first is the gravest."""

    person_id: str
    name: str
    name_zh: str
    role: Role
    score: Score
    test: TestRow | None
    consent: Consent
    identity: Identity
    link: LinkState
    interpreter: InterpreterState
    findings: list[str]


class Readiness(Struct):
    """``GET /api/bookings/{id}/readiness``.  ``percent`` of what should be there is there; ``score`` is the worst of
    the people who are needed."""

    hearing_id: str
    score: Score
    percent: int
    people: list[PersonReadiness]


class MessageRow(Struct):
    """One joining message and how far it is."""

    message_id: str
    person_id: str
    name: str
    name_zh: str
    kind: MessageKind
    channel: MessageChannel
    address: str
    state: MessageState
    attempts: int
    created_at: float
    sent_at: float | None
    #: What the other server said when it was not taken.
    problem: str | None


class SendRequest(Struct, omit_defaults=True):
    """To one person, or to everybody of the hearing who has an address."""

    person_id: Ref | None = None
