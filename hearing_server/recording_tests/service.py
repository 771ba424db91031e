"""Test recordings: the daily one and those asked for, one at a time; and their early end in the archive."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import structlog

from recording import messages as m
from recording.manifest import prefix
from signaling.bus import BusError
from signaling.worker_api import Heartbeat

from ..letters import zone_of
from ..store import Access, Store, StoreError
from ..store.recording_tests import AlreadyRunning, RecordingTestRow
from .course import NS, WHOLE_LIMIT_S, Course, next_due
from .trial import ANSWER_LIMIT_S, Path, run

log = structlog.get_logger(__name__)

#: How long the sound stays in the archive, and what came of it in the database, days.
SOUND_DAYS, VERDICT_DAYS = 7, 30
DAY_S = 86_400
#: Test recordings that are removed from the archive at a time.
DISCARD_LIMIT = 100
#: The schedule is looked at anew after this, s: courts come, and clocks change.
LOOK_S = 600.0
#: Where it stands that one was made or played: a ledger of its own, since they are of no hearing.
LEDGER = "recording-tests"
#: Those who make the daily one.
SYSTEM = Access(actor="system", role="system", seat="", action="run-job", target="")


class NoWorkers(Exception):
    """No media worker is heard."""


class RecordingTests:
    """``beats``: the last heartbeat of each media worker; ``hour``: of the daily one on the courts' clocks, or
    :data:`.course.NEVER`."""

    def __init__(self, store: Store, path: Path, beats: Callable[[], Mapping[str, Heartbeat]], hour: int) -> None:
        self.hour = hour
        self._store = store
        self._path = path
        self._beats = beats
        self._daily: asyncio.Task[None] | None = None
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Make the daily one from now on."""
        self._daily = asyncio.create_task(self._every_day(), name="daily test recording")

    async def aclose(self) -> None:
        tasks = [task for task in (self._daily, self._running) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def begin(self) -> str:
        """Make one on each media worker, in the background; answers the name of the run.

        Raises :class:`AlreadyRunning` or :class:`NoWorkers`.
        """
        beats = sorted(self._beats().values(), key=lambda beat: beat.worker_id)
        if not beats:
            raise NoWorkers
        if self._running is not None and not self._running.done():
            raise AlreadyRunning
        first, rest = beats[0], beats[1:]
        run_id = secrets.token_hex(8)
        begun = await self._note_begin(first, run_id)
        if self._running is not None and not self._running.done():
            raise AlreadyRunning  # somebody was quicker while the database was asked
        self._running = asyncio.create_task(self._all(begun, first, rest, run_id), name="test recording")
        return run_id

    async def finished(self) -> None:
        """Wait until none runs in this process."""
        if self._running is not None:
            await asyncio.wait([self._running])

    async def sound(self, recording_id: str) -> bytes | None:
        """What was played back, from the archive (WebM with Opus); nothing if there is none.

        Raises :class:`recording.objects.StoreProblem`.
        """
        row = await self._store.recording_tests.get(recording_id)
        if row is None or not row.kept or not row.media:
            return None
        return await self._path.archive.read(prefix(row.id) + row.media)

    # --- inside ------------------------------------------------------------------------------

    async def _note_begin(self, beat: Heartbeat, run_id: str) -> tuple[Course, RecordingTestRow]:
        now = time.time_ns()
        course = Course(worker_id=beat.worker_id, began_utc=now)
        row = RecordingTestRow(
            id=course.id,
            run=run_id,
            worker_id=beat.worker_id,
            began_utc=now,
            step=course.step,
        )
        await self._store.recording_tests.begin(row, given_up_before_utc=now - int(WHOLE_LIMIT_S * NS))
        return course, row

    async def _all(
        self,
        begun: tuple[Course, RecordingTestRow],
        first: Heartbeat,
        rest: list[Heartbeat],
        run_id: str,
    ) -> None:
        try:
            await self._one(*begun, first)
            for beat in rest:
                await self._one(*await self._note_begin(beat, run_id), beat)
            await self._discard()
        except (StoreError, AlreadyRunning) as error:
            log.error("recording_test.stopped", error=repr(error))
        except Exception:
            log.exception("recording_test.stopped")

    async def _one(self, course: Course, row: RecordingTestRow, beat: Heartbeat) -> None:
        courts = await self._store.accounts.courts()

        async def note(media: str = "") -> None:
            kept = course.outcome != "skipped"
            await self._store.recording_tests.note(
                replace(
                    row,
                    ended_utc=course.ended_utc,
                    outcome=course.outcome,
                    step=course.step,
                    problem=course.problem,
                    media=media,
                    kept=kept,
                )
            )

        try:
            media = await run(self._path, course, beat, courts[0].name if courts else "", note)
        except BaseException:
            course.failed("interrupted", time.time_ns())
            await note()
            raise
        await note(media)
        log.info("recording_test.done", recording=course.id, outcome=course.outcome, step=course.step)
        detail = {"outcome": course.outcome, "step": course.step, "worker": course.worker_id}
        access = replace(SYSTEM, target=course.id, detail=detail)
        await self._store.ledger.write(LEDGER, access, course.ended_utc or time.time_ns())

    async def _discard(self) -> None:
        """Remove what is old from the archive; what is locked there is tried again at the next test."""
        now = time.time_ns()
        log_ = self._store.recording_tests
        for row in await log_.to_discard(now - SOUND_DAYS * DAY_S * NS, DISCARD_LIMIT):
            request = m.encode(m.Discard(sitting_id=row.id))
            try:
                answer = m.answer_decoder.decode(
                    await self._path.bus.request(m.SERVICE, request, timeout_s=ANSWER_LIMIT_S)
                )
            except (BusError, msgspec.DecodeError) as error:
                log.warning("recording_test.not_discarded", recording=row.id, error=repr(error))
                return
            if isinstance(answer, m.Discarded):
                await log_.discarded(row.id)
        await log_.forget(now - VERDICT_DAYS * DAY_S * NS)

    async def _every_day(self) -> None:
        due: datetime | None = None
        while True:
            try:
                now = datetime.fromtimestamp(time.time(), UTC)
                if due is not None and now >= due:
                    await self.begin()
                due = next_due(self.hour, await self._zones(), now)
            except (NoWorkers, AlreadyRunning) as error:
                log.warning("recording_test.not_begun", reason=type(error).__name__)
                due = None
            except StoreError as error:
                log.error("recording_test.not_begun", reason=error.code)
            except Exception:
                log.exception("recording_test.not_begun")
            wait_s = LOOK_S if due is None else due.timestamp() - time.time()
            await asyncio.sleep(min(LOOK_S, max(1.0, wait_s)))

    async def _zones(self) -> list[ZoneInfo]:
        return [zone_of(court.time_zone) for court in await self._store.accounts.courts()]
