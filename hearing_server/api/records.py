"""The clerk's archive: closed hearings and their records."""

from __future__ import annotations

from typing import Any, Literal

from .room import RecordView
from .seats import HearingCard
from .shapes import RecordState, SittingState, Struct

Level = Literal["confidential", "sealed"]
Ground = Literal[
    "personal_data",
    "children",
    "privacy",
    "trade_secret",
    "classified",
    "national_security",
    "witness_protection",
    "other",
]
#: Of a part that was withheld before the court's database was lost: grounds stand nowhere else.
NotRecorded = Literal["not_recorded"]


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


class LevelSpan(Struct):
    """A part of the record that is not for everybody.  ``withheld``: not for this reader now.  ``ground`` is told to
    those who may decide."""

    number: int
    level: Level
    ground: Ground | NotRecorded | None
    order: str
    by: str
    by_zh: str
    decided_at: float
    #: On the clock, and on the record; without an end it goes on to the end.
    from_at: float
    to_at: float | None
    from_s: float
    to_s: float
    withheld: bool


class LevelProposal(Struct):
    """A part that somebody asks to have withheld, and nobody has decided about.  ``order`` may still be empty; without
    ``to_at`` it goes on to the end.  ``own``: this reader asked for it, and may take it back."""

    number: int
    level: Level
    ground: Ground
    order: str
    by: str
    by_zh: str
    asked_at: float
    from_at: float
    to_at: float | None
    own: bool


class Levels(Struct):
    """Who may see which part.  ``may_decide``: this reader may withhold, lift and open; ``may_ask``: they may prepare
    what others decide; ``opened_until``: what is sealed is open to them until then.  ``asked``: to those who decide and
    to the clerk all that was asked for, to others what they asked for themselves."""

    spans: list[LevelSpan]
    may_decide: bool
    opened_until: float | None
    may_ask: bool
    asked: list[LevelProposal]


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
    levels: Levels
    #: What may not be reported of this hearing, shown to everybody who opens the record.
    restriction: str = ""
    #: A fault cost some of the record: it is sealed as partial.  ``incident``: the presiding judge's statement of it is
    #: still missing, and the record not sealed before; else ``statement`` has its words.
    partial: bool = False
    incident: bool = False
    statement: str = ""
    #: Drawn over the picture with the time: who looks, and the number of this opening in the access ledger.
    mark: str = ""


class Job(Struct):
    """A background job; ``progress`` 0..1.  ``GET /api/jobs/{id}``."""

    job_id: str
    kind: Literal["composite", "part"]
    state: Literal["queued", "running", "done", "failed"]
    progress: float
    created_at: float
    url: str | None = None
    file_name: str | None = None
    bytes: int | None = None
    message: str | None = None
    #: Of an export of a part: where on the record.
    from_s: float | None = None
    to_s: float | None = None
