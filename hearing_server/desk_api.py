"""The shapes of the HTTP API around a hearing: accounts, booking, messages, arrival, exhibits, chat, tasks.

As in :mod:`hearing_server.api`, times are seconds since 1970 on the court's clock and durations are in seconds.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from .api import Consent, Identity, Locale, Presence, Role, SittingState, Struct

#: What a person types.  Names and titles are one line; texts may have several.
Line = Annotated[str, msgspec.Meta(max_length=256)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Words = Annotated[str, msgspec.Meta(max_length=2000)]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
#: Passwords are not shown to anybody, so only their length is bounded (NIST SP 800-63B §3.1.1.2).
Password = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Ref = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]

AccountRole = Literal["judge", "staff_host", "clerk", "technician", "records_custodian", "auditor", "administrator"]
LinkState = Literal["none", "works", "opened", "expired", "withdrawn"]
InterpreterState = Literal["not_needed", "linked", "missing"]
RecordingPlan = Literal["on", "off"]
ExhibitKind = Literal["document", "picture", "audio", "video"]
Device = Literal["on", "off", "none"]
MessageKind = Literal["joining", "changed", "cancelled"]
MessageChannel = Literal["email", "sms"]
MessageState = Literal["queued", "sending", "sent", "failed"]
Side = Literal["", "claimant", "respondent"]
BookingState = Literal["draft", "booked", "confirmed", "cancelled", "held", "converted_offline"]
Profile = Literal["demo", "england", "china"]
Score = Literal["good", "okay", "bad"]


# --- signing in -----------------------------------------------------------------------------


class IdentityProvider(Struct):
    """An OpenID Connect provider; ``account_type`` says whom its key is for."""

    provider_id: str
    name: str
    name_zh: str
    account_type: Literal["judiciary", "staff"]


class SignInMethods(Struct):
    """``GET /api/sign-in``: what the sign-in page offers.  The key of a provider is ``/api/sign-in/oidc/{id}``."""

    password: bool
    passkey: bool
    providers: list[IdentityProvider]


class PasswordSignIn(Struct):
    user: Name
    password: Password


class PasskeyAnswer(Struct):
    """What the browser's ``navigator.credentials`` gave, in the JSON of WebAuthn Level 3 §5.1 (``toJSON()``)."""

    credential: dict[str, Any]


class NewPasskey(Struct):
    """A passkey to be kept under a name that its owner knows it by."""

    name: Name
    credential: dict[str, Any]


class PasskeyRow(Struct):
    passkey_id: str
    name: str
    created_at: float
    used_at: float | None


class CourtRoles(Struct):
    """What an account may be in one court."""

    court_id: str
    court: str
    court_zh: str
    profile: Profile
    time_zone: str
    roles: list[AccountRole]


class Account(Struct):
    """Who is signed in.  ``must_change_password``: nothing else works before that is done."""

    account_id: str
    user: str
    name: str
    name_zh: str
    has_password: bool
    must_change_password: bool
    passkeys: int
    courts: list[CourtRoles]


class PasswordChange(Struct):
    """``current`` is empty where the account has none yet."""

    current: Annotated[str, msgspec.Meta(max_length=256)]
    new: Password


class AccountRow(Struct):
    """An account as the court's administrator sees it."""

    account_id: str
    user: str
    name: str
    name_zh: str
    roles: list[AccountRole]
    disabled: bool
    has_password: bool
    passkeys: int
    #: The identity provider whose user this is, if any, and that provider's name for them.
    provider_id: str | None
    subject: str | None
    signed_in_at: float | None


class AccountRequest(Struct, omit_defaults=True):
    """``POST /api/courts/{court_id}/accounts``.  With ``provider_id`` and ``subject`` the person signs in there."""

    user: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._@+\-]+$")]
    name: Name
    name_zh: Name
    roles: list[AccountRole]
    provider_id: str | None = None
    subject: Annotated[str, msgspec.Meta(max_length=256)] | None = None


class AccountMade(Struct):
    """``password`` is shown once, and has to be changed at the first sign-in; nothing for a provider's user."""

    account: AccountRow
    password: str | None


class RolesRequest(Struct):
    roles: list[AccountRole]


# --- booking ---------------------------------------------------------------------------------


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


# --- arrival ---------------------------------------------------------------------------------


class ConsentRequest(Struct):
    stage: Ref
    answer: Literal["given", "refused", "withdrawn"]


class ConsentRow(Struct):
    """Consent to the online procedure for one stage (M7)."""

    stage: str
    state: Consent
    #: Whether the person can still withdraw it.
    may_withdraw: bool


class DocumentRow(Struct):
    document_id: str
    media_type: str
    bytes: int
    sha256: str
    width: int
    height: int
    uploaded_at: float


class IdentityCheck(Struct):
    """What is known of who a person is.  ``documents`` is told to the court's staff only."""

    state: Identity
    uploaded: int
    decided_at: float | None
    decided_by: str | None
    note: str
    documents: list[DocumentRow]


class IdentityDecision(Struct, omit_defaults=True):
    decision: Literal["confirm", "challenge", "in_person"]
    note: Words = ""


class Check(Struct):
    """``GET /api/check``: what the arriving person has done, and has still to do."""

    profile: Profile
    identity_needed: bool
    consent_needed: bool
    consents: list[ConsentRow]
    identity: IdentityCheck
    #: Newest first.
    tests: list[TestRow]
    #: May go on without a test on the day: a lawyer who has passed one before.
    may_skip_test: bool


# --- guests and observers ----------------------------------------------------------------------


class PublicHearing(Struct):
    """``GET /api/public/{token}``: what a stranger may know before they give their name."""

    case_number: str
    case_name: str
    case_name_zh: str
    court: str
    court_zh: str
    room: str
    room_zh: str
    scheduled_at: float
    help_phone: str
    profile: Profile
    observers_allowed: bool


class GuestRequest(Struct, omit_defaults=True):
    """``attend``: an observer gives an e-mail address, a guest says what they come for in ``capacity``.
    ``accepted``: they were told that recording is an offence."""

    attend: Literal["observer", "guest"]
    name: Name
    accepted: bool
    email: Annotated[str, msgspec.Meta(max_length=254)] = ""
    capacity: Line = ""
    locale: Locale = "en"


class DirectionRequest(Struct):
    allowed: bool
    grounds: Reason


# --- exhibits ------------------------------------------------------------------------------------


class ExhibitRow(Struct):
    """``pages`` of a document, else 0; page n, from 1, is at ``…/exhibits/{exhibitId}/pages/{n}``, as PNG."""

    exhibit_id: str
    number: int
    title: str
    file_name: str
    kind: ExhibitKind
    media_type: str
    bytes: int
    sha256: str
    pages: int
    side: Side
    uploaded_by: str
    uploaded_by_name: str
    uploaded_by_name_zh: str
    uploaded_at: float
    #: When it was first shown to the room; from then on everybody in the hearing may open it.
    shown_at: float | None
    may_delete: bool
    url: str


# --- chat, tasks, command centre ---------------------------------------------------------------------


class ChatRequest(Struct, omit_defaults=True):
    text: Reason
    #: The person whose conversation it is; needed from staff, and nobody else's to say.
    person_id: Ref | None = None


class ChatMessage(Struct):
    """A conversation is between one person (``person_id``) and the court's staff."""

    message_id: int
    person_id: str
    from_staff: bool
    sender: str
    sender_zh: str
    text: str
    at: float


class Conversation(Struct):
    person_id: str
    name: str
    name_zh: str
    role: Role
    messages: int
    #: Sent by the person after the last answer of the staff.
    unanswered: int
    last: ChatMessage


class TaskRow(Struct):
    """Something that the court's staff should see to.  ``kind``: one of the sitting's (``self-test-failed``,
    ``judge-disconnected`` …), or ``message-failed``."""

    task_id: str
    hearing_id: str
    sitting_id: str
    kind: str
    person_id: str | None
    detail: str
    opened_at: float
    closed_at: float | None
    closed_by: str | None
    closed_by_zh: str | None
    note: str


class TaskClosing(Struct, omit_defaults=True):
    """``note``: what was done."""

    note: Words = ""


class CentrePerson(Struct):
    person_id: str
    name: str
    name_zh: str
    role: Role
    presence: Presence
    in_room: bool
    microphone: Device
    camera: Device
    test: Score | None
    identity: Identity
    unanswered: int


class CentreHearing(Struct):
    """``tasks``: open ones first, then those closed, newest first."""

    hearing_id: str
    sitting_id: str
    case_number: str
    case_name: str
    case_name_zh: str
    room: str
    room_zh: str
    judge: str
    judge_zh: str
    scheduled_at: float
    booking: BookingState
    state: SittingState
    state_since: float | None
    record: str
    score: Score
    people: list[CentrePerson]
    tasks: list[TaskRow]


class CommandCentre(Struct):
    """``GET /api/command-centre``: the court's hearings of one day."""

    server_time: float
    court_id: str
    court: str
    court_zh: str
    #: ``YYYY-MM-DD`` in the court's time zone.
    date: str
    time_zone: str
    hearings: list[CentreHearing]
