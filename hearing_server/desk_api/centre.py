"""Chat, tasks and the command centre."""

from __future__ import annotations

from typing import Literal

from ..api.shapes import Identity, Presence, Role, SittingState, Struct
from .shapes import BookingState, Device, Reason, Ref, Score, Words


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


class Channel(Struct):
    """What the archive has of a person's sound: measured on stored bytes.  ``level``: the loudest of the last five
    seconds stored, 0..100 (full scale).  ``late``: their microphone is on and on record, and nothing of it has been
    stored lately."""

    stored_at: float | None
    level: int
    sound_at: float | None
    late: bool


class Capture(Struct):
    """``sealed_at``: everything captured before it is on the media worker's disk; ``archived_at``: in the archive.
    ``fault``: why the record is in trouble."""

    tracks: int
    sealed_at: float | None
    archived_at: float | None
    fault: str | None


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
    #: Nothing while the person's sound is not on record.
    channel: Channel | None = None


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
    #: Nothing while the hearing is not being recorded.
    capture: Capture | None = None


TestOutcome = Literal["running", "passed", "failed", "skipped"]
TestStep = Literal["join", "capture", "archive", "verify", "play"]


class TestedWorker(Struct):
    """The test recording of one media worker.  ``step``: the one under way, or at which it failed; ``problem``: why.
    ``took_s``: until its end.  ``sound``: where what was played back is heard, while it is kept."""

    recording_id: str
    worker_id: str
    outcome: TestOutcome
    step: TestStep
    problem: str
    took_s: float | None
    sound: str | None


class RecordingTest(Struct):
    """The last test recording, on each media worker.  ``began_at`` is nothing before the first; ``hour``: of the daily
    one on the court's clock, if there is one."""

    began_at: float | None
    hour: int | None
    workers: list[TestedWorker]


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
    recording_test: RecordingTest
