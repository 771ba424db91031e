"""The course of one test recording, and when the daily one is due.  Pure: events and ``now`` in, a verdict out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from recording.manifest import TEST_NAME

NS = 1_000_000_000
#: What is done, in this order, and how long each may take, s.  Archiving waits for a worker's end to be noticed
#: (:data:`recording.recorder.WRITER_WAIT_S`), and for a store that is slow.
LIMITS_S = {"join": 15.0, "capture": 20.0, "archive": 60.0, "verify": 30.0, "play": 20.0}
STEPS = tuple(LIMITS_S)
#: No test recording takes longer; one that seems to was left by a process that died.
WHOLE_LIMIT_S = sum(LIMITS_S.values())
#: The setting's value for no daily test.
NEVER = -1


class Wrong(Exception):
    """A step found something wrong.  ``code`` is one of the words of docs/protocol.md, ``detail`` for the log."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


@dataclass(slots=True, kw_only=True)
class Course:
    """One worker's test recording.

    ``outcome``: ``running``, ``passed``, ``failed`` (at ``step``, because of ``problem``) or ``skipped`` (the worker
    has no room for it).
    """

    worker_id: str
    began_utc: int
    step: str = STEPS[0]
    step_utc: int = 0
    outcome: str = "running"
    problem: str = ""
    ended_utc: int | None = None

    def __post_init__(self) -> None:
        self.step_utc = self.began_utc

    @property
    def id(self) -> str:
        """The recording's name."""
        worker = "".join(letter if letter.isalnum() else "-" for letter in self.worker_id if letter.isascii())
        return f"{TEST_NAME}{self.began_utc // 1_000_000}~{worker[:64]}"

    @property
    def limit_s(self) -> float:
        """How long the present step may take."""
        return LIMITS_S[self.step]

    def passed(self, now_utc: int) -> None:
        """The present step went well."""
        if self.outcome != "running":
            return
        following = STEPS.index(self.step) + 1
        if following == len(STEPS):
            self.outcome, self.ended_utc = "passed", now_utc
        else:
            self.step, self.step_utc = STEPS[following], now_utc

    def failed(self, problem: str, now_utc: int) -> None:
        """The present step did not; nothing comes after it."""
        if self.outcome == "running":
            self.outcome, self.problem, self.ended_utc = "failed", problem, now_utc

    def skipped(self, now_utc: int) -> None:
        if self.outcome == "running":
            self.outcome, self.ended_utc = "skipped", now_utc


def next_due(hour: int, zones: Collection[ZoneInfo], now: datetime) -> datetime | None:
    """When the clock of one of these courts shows this full hour next, after ``now``; nothing if never.

    On a day whose clock jumps over the hour it is due when it has jumped.
    """
    if hour == NEVER or not zones:
        return None
    moments = []
    for zone in zones:
        local = now.astimezone(zone)
        days = [
            (local + timedelta(days=days)).replace(hour=hour, minute=0, second=0, microsecond=0) for days in (0, 1, 2)
        ]
        # Compared as moments: datetimes of one zone are compared by their faces.
        moments += [day.timestamp() for day in days if day.timestamp() > now.timestamp()][:1]
    return datetime.fromtimestamp(min(moments), now.tzinfo)
