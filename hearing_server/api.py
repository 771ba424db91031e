"""The shapes of the HTTP API and of the hearing's view: one definition for validation, OpenAPI and TypeScript.

Times are seconds since 1970 on the court's clock (float), durations are in seconds, names of states are those of the
court model in lower case.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

ShortText = Annotated[str, msgspec.Meta(max_length=512)]
Role = Literal["judge", "clerk", "claimant", "respondent", "witness", "interpreter", "observer"]
Locale = Literal["en", "zh-CN"]
SittingState = Literal["not_started", "countdown", "in_session", "closed"]
RecordState = Literal["idle", "arming", "recording", "degraded", "failed", "finalizing", "sealed"]
Presence = Literal["not_signed_in", "checking", "waiting", "in_hearing", "away", "disconnected", "removed"]


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


class NewLink(Struct):
    """``POST /api/hearings/…/people/…/link``: the token of the person's new link, what stands after ``/j/``."""

    link: str


class HearingCard(Struct):
    """What the summons says."""

    hearing_id: str
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
    #: What the check-in said; only staff and the bench are told.
    check: dict[str, str] | None = None


class RecordView(Struct):
    """Computed from stored bytes.  ``sealed_at``: everything captured before it is durable (fsynced or archived)."""

    state: RecordState
    tracks: int
    sealed_at: float | None
    #: ``disk-full``, ``io-error``, ``late``, ``media-lost``: why the record is degraded or has failed.
    fault: str | None = None


class HearingView(Struct, kw_only=True):
    """All that one person may know now; made by the visibility rules of the court, never cut by the client."""

    version: int
    seq: int
    server_time: float
    me: Me
    state: SittingState
    state_since: float
    #: Why the sitting is in this state, if there is something to say: ``no-record`` (the record could not be started)
    #: or ``no-judge`` (the presiding judge was not connected when the countdown ended).
    state_reason: str | None = None
    countdown_ends_at: float | None
    opened_at: float | None
    closed_at: float | None
    record: RecordView
    people: list[PersonView]
    #: Commands this person may give now.
    may: list[Literal["open", "abort", "close", "call", "dismiss"]]
    may_publish: list[Literal["microphone", "camera", "screen"]]
    doors: Literal["open", "closed"]
    watching: int


# --- the clerk's archive ---------------------------------------------------------


class HearingRow(Struct):
    """``GET /api/hearings?query=`` (case number or name; empty: all of mine, newest first)."""

    hearing_id: str
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
    """One person's picture and sound as a playable file.  ``offset_s`` is its start after the record's start."""

    person_id: str
    name: str
    name_zh: str
    role: str
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
    cause: Literal["loss", "mute", "disconnect", "node-change", "recess", "torn", "unknown"]


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
