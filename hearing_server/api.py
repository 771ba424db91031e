"""The shapes of the HTTP API and of the hearing's view: one definition for validation, OpenAPI and TypeScript.

Times are seconds since 1970 on the court's clock (float), durations are in seconds, names of states are those of the
court model in lower case.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

ShortText = Annotated[str, msgspec.Meta(max_length=512)]
Role = Literal[
    "judge",
    "panel",
    "staff_host",
    "clerk",
    "lawyer",
    "claimant",
    "respondent",
    "witness",
    "expert",
    "interpreter",
    "guest",
    "observer",
    "technician",
]
Locale = Literal["en", "zh-CN"]
SittingState = Literal["not_started", "countdown", "in_session", "recess", "suspended", "deliberation", "closed"]
RecordState = Literal["idle", "arming", "recording", "interrupted", "degraded", "failed", "finalizing", "sealed"]
Presence = Literal[
    "not_signed_in",
    "checking",
    "waiting",
    "in_hearing",
    "in_consultation",
    "in_deliberation",
    "away",
    "disconnected",
    "removed",
]
#: Where a person is, or holds a place while they are away.
Place = Literal["none", "waiting_room", "hearing", "consultation", "deliberation"]
Identity = Literal["unverified", "account_verified", "reverified_today", "challenged", "in_person_required"]
Consent = Literal["not_asked", "asked", "given", "refused", "withdrawn"]


class Struct(msgspec.Struct, rename="camel", kw_only=True):
    """Base of every shape of the HTTP API: camelCase on the wire."""


class Problem(Struct):
    """Every error answer.  ``code`` is stable; ``message`` is a sentence in the reader's language."""

    code: str
    message: str


# --- identity ----------------------------------------------------------------


class SessionRequest(Struct):
    """``POST /api/session``: trade a personal link's token for a seat on this device (HttpOnly cookie)."""

    link: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


class LinkRequest(Struct):
    """``POST /api/link``: whose link is this?  Binds nothing, so that a person can say "I am someone else"."""

    link: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


class HearingCard(Struct):
    """What the summons says."""

    hearing_id: str
    sitting_id: str
    case_number: str
    case_name: str
    case_name_zh: str
    court: str
    court_zh: str
    room: str
    room_zh: str
    judge: str
    judge_zh: str
    scheduled_at: float
    state: SittingState
    help_phone: str


class Me(Struct):
    """``name`` and ``name_zh`` are never empty; the client shows the one of its language."""

    person_id: str
    name: str
    name_zh: str
    role: Role
    hearing: HearingCard
    #: Seated on another device now: going on will move the seat here.
    seated_elsewhere: bool = False


# --- the hearing's view (over the socket) --------------------------------------


class PersonView(Struct):
    """One person as the reader may see them.  Both names are empty where the reader may know the role only."""

    person_id: str
    name: str
    name_zh: str
    role: Role
    presence: Presence
    in_room: bool
    #: Paused by the person: shown on the tile.
    microphone: Literal["on", "off", "none"]
    camera: Literal["on", "off", "none"]
    away_since: float | None = None
    #: When the judge called this person in, if that is how they came: the last one called takes the main picture.
    called_at: float | None = None
    #: What the check-in said; only staff and the bench are told, and each person of themself.
    check: dict[str, str] | None = None
    place: Place = "none"
    #: ``claimant`` or ``respondent``; empty for who is on nobody's side.
    side: str = ""
    deputy: bool = False
    #: An interpreter's people, and each of these people's interpreters; only those whom the reader may see.
    linked: list[str] = []
    #: Silenced by the court; ``locked``: and may not undo it.
    muted: bool = False
    locked: bool = False
    #: Stays silent and unseen after the curtain was lifted for others.
    behind_curtain: bool = False
    hand_at: float | None = None
    #: What the judge has granted: ``share`` and others.
    grants: list[str] = []
    #: The language an interpreter speaks into; empty: to the room.
    mix: str = ""
    under_oath: bool = False
    released: bool = False
    #: ``prompted``, ``warned`` or ``left``: what the court did about their leaving, and since when.
    leaving: Literal["", "prompted", "warned", "left"] = ""
    leaving_since: float | None = None
    #: Where the court has ordered them to attend from.
    attend_at: str = ""
    #: The following are told to those who are told the check.
    identity: Identity | None = None
    consent: dict[str, Consent] | None = None
    #: ``camera``, ``microphone`` or ``both``: blocked by their browser.
    blocked: str | None = None
    languages: list[str] | None = None
    #: Commands that the reader can give about this person now.
    may: list[str] = []


class RecordView(Struct):
    """Computed from stored bytes.  ``sealed_at``: everything captured before it is durable (fsynced or archived)."""

    state: RecordState
    tracks: int
    sealed_at: float | None
    #: ``disk-full``, ``io-error``, ``late``, ``media-lost``: why the record is degraded or has failed; the ground while
    #: it is interrupted (``recess``, ``private_evidence``, ``mediation``, ``fault``).
    fault: str | None = None
    #: The judge's reason to sit without a record, or to go on with another one.
    off_record: str = ""
    fallback: str = ""
    #: A statement about an incident is missing; the judge gives it (``state_incident``).
    incident: bool = False


class TalkView(Struct):
    """A consultation that the reader is in or invited to.  It is never recorded."""

    id: str
    state: Literal["open", "locked"]
    #: Empty where the reader may not see who.
    opened_by: str
    members: list[str]
    invited: list[str]
    declined: list[str]


class StageView(Struct):
    """One item of the agenda.  ``consent``: the consent that doing it online needs, if any."""

    name: str
    consent: str


class ExhibitView(Struct):
    """What is shown to the room.  ``document`` is an ``exhibitId`` of ``GET /api/hearings/{id}/exhibits``.

    ``by`` presents it, and is empty where the reader may not see who.  The pointer comes in the notice ``hinted``.
    """

    document: str
    page: int
    by: str


class ObjectionView(Struct):
    """Raised, and not ruled on yet."""

    id: int
    by: str
    text: str


class TaskView(Struct):
    """Something for the court's staff to do in this sitting."""

    id: str
    kind: str
    person_id: str
    reason: str
    opened_at: float
    closed_at: float | None
    closed_by: str


class RulesView(Struct):
    """What the court's profile allows to choose from, for the dialogs of those who may choose."""

    profile: str
    interrupt_grounds: list[str]
    doors_grounds: list[str]
    convert_grounds: list[str]
    exempt_grounds: list[str]
    off_record_allowed: bool
    consult_limit: int
    #: Languages an interpreter may be assigned to; empty: any.
    mixes: list[str]


class HearingView(Struct, kw_only=True):
    """All that one person may know now; made by the visibility rules of the court, never cut by the client.

    People are named by id, and only those that ``people`` holds.
    """

    version: int
    seq: int
    server_time: float
    me: Me
    state: SittingState
    state_since: float
    #: Why the sitting is in this state, if there is something to say: ``no-record`` (the record could not be started),
    #: ``no-judge`` (the presiding judge was not connected when the countdown ended), ``judge-absent`` or
    #: ``record-failed`` (the court suspended by itself), or the words of whoever suspended or converted.
    state_reason: str | None = None
    countdown_ends_at: float | None
    #: When the court means to go on after the recess.
    recess_until: float | None = None
    opened_at: float | None
    closed_at: float | None
    record: RecordView
    #: No media worker has room for this hearing; told to the bench and the clerk, who call technical staff.
    media_full: bool = False
    people: list[PersonView]
    #: Commands this person may give now, about somebody or not; see ``people[].may`` for whom.
    may: list[str]
    may_publish: list[Literal["microphone", "camera", "screen"]]
    doors: Literal["open", "closed"]
    doors_since: float | None = None
    doors_ground: str = ""
    #: Only the bench is seen and heard.
    curtain: bool = False
    watching: int
    #: Has not been called yet: what goes on inside is not told, and the fields below are empty.
    isolated: bool = False
    #: My own place.
    place: Place = "none"
    #: The consultation I am in, and those that I am invited to.
    talk: TalkView | None = None
    invitations: list[TalkView] = []
    agenda: list[StageView] = []
    stage: str = ""
    stage_since: float | None = None
    floor: str | None = None
    spotlight: str | None = None
    #: Raised hands, the first first.
    hands: list[str] = []
    #: Languages that are interpreted into now, and the one I listen to (empty: the room).
    mixes: list[str] = []
    listens: str = ""
    exhibit: ExhibitView | None = None
    objections: list[ObjectionView] = []
    #: The reporting restriction, shown to everybody.
    restriction: str = ""
    #: The grounds of the direction that lets observers in; told to the court.
    public_grounds: str = ""
    #: Open first; only for the court's staff.
    tasks: list[TaskView] = []
    #: Who has asked the judge to suspend; the ground on which the clerk has asked to interrupt the record.
    suspend_asked_by: str | None = None
    interrupt_asked: str | None = None
    rules: RulesView | None = None


class EntryView(Struct):
    """One event of the sitting's log that the reader may see, as the notice ``entries`` and ``joined`` carry it.

    ``event`` is the command or the court's own step; ``actor`` a person's id, ``system``, or empty where the reader may
    not see who; ``detail`` its arguments (docs/protocol.md).
    """

    seq: int
    at: float
    event: str
    actor: str
    person_id: str
    #: States of the machine that the event moved; equal if it moved none.
    source: str
    to: str
    reason: str
    detail: dict[str, Any]


class PointerHint(Struct):
    """``hinted`` of the name ``pointer``: where the presenter points, per mille of the page; nothing: no pointer."""

    document: str
    page: int
    x: int | None
    y: int | None


class TypingHint(Struct):
    """``hinted`` of the name ``typing``: in the chat with the court's staff, in the conversation of ``person_id``."""

    person_id: str
    from_staff: bool


class PersonNews(Struct):
    """``news`` of the name ``entered`` or ``left``: somebody came into the hearing room or went out of it."""

    person_id: str


# --- the clerk's archive ---------------------------------------------------------


class HearingRow(Struct):
    """``GET /api/hearings?query=`` (case number or name; empty: all of mine, newest first)."""

    hearing_id: str
    #: One of the days of the hearing; its record is asked for by this.
    sitting_id: str
    case_number: str
    case_name: str
    case_name_zh: str
    judge: str
    judge_zh: str
    room: str
    room_zh: str
    scheduled_at: float
    state: SittingState
    record: RecordView
    present: int
    expected: int


class TrackRow(Struct):
    """One person's picture and sound, or shared screen, as a playable file; pictures in H.264 are a file of their own.

    ``offset_s`` is its start after the record's start.
    """

    person_id: str
    name: str
    name_zh: str
    role: str
    source: Literal["person", "screen"]
    url: str
    file_name: str
    media_type: str
    bytes: int
    has_audio: bool
    has_video: bool
    offset_s: float
    duration_s: float
    #: Peaks of the sound for the lane, 0..100, one per ``peaks_period_s``.
    peaks: list[int]
    peaks_period_s: float


class GapRow(Struct):
    person_id: str | None
    source: str | None
    start_s: float
    duration_s: float
    cause: Literal[
        "loss",
        "mute",
        "disconnect",
        "node-change",
        "recess",
        "private_evidence",
        "mediation",
        "fault",
        "sender",
        "torn",
        "unknown",
    ]


class LogRow(Struct):
    """One event of the sitting's log."""

    seq: int
    at_s: float
    wall: float
    event: str
    actor: str
    detail: dict[str, Any]


class SealCheck(Struct):
    """What verification found.  ``findings`` are sentences with a code and the place they speak of."""

    state: Literal["verified", "mismatch", "pending"]
    checked_at: float
    tracks: int
    chunks: int
    bytes: int
    manifest_sha256: str
    findings: list[dict[str, Any]]


class RecordPage(Struct):
    """``GET /api/hearings/{id}/record``."""

    hearing: HearingCard
    started_at: float
    ended_at: float
    duration_s: float
    state: RecordState
    tracks: list[TrackRow]
    gaps: list[GapRow]
    log: list[LogRow]
    seal: SealCheck | None
    exports: list[Job]


class Job(Struct):
    """A background job; ``progress`` 0..1.  ``GET /api/jobs/{id}``."""

    job_id: str
    kind: Literal["composite"]
    state: Literal["queued", "running", "done", "failed"]
    progress: float
    created_at: float
    url: str | None = None
    file_name: str | None = None
    bytes: int | None = None
    message: str | None = None
