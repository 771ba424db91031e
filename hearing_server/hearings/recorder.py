"""Control's side of the recorder: asking it to seal, compose and verify until it has, and hearing how far it is.

Nothing here is remembered outside the database: what has to be asked is read from it at the start, each request is
repeated until its effect is seen, and events that were missed are made up for by the next answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec
import structlog

from recording import messages as m
from recording.manifest import is_test
from signaling.bus import Bus, BusError

from ..court.shares import FILM_PREFIX, mark_of
from ..store import HearingFacts, JobRow, Store, StoreError
from ..store.shares import ShareRow

log = structlog.get_logger(__name__)

#: How often a request is repeated until its effect is seen, s.
REPEAT_S = 5.0
#: The same for the first requests after the close, when the recorder is about to be done.
SOON_S = 1.0
SOON_TIMES = 10
REQUEST_TIMEOUT_S = 5.0
#: Records remembered as witnessed from outside, whose check may have been made before that.
WITNESSED_REMEMBERED = 1000
#: What a check says of a record whose proofs were not there yet.
UNWITNESSED = frozenset({"inclusion-missing", "stamp-missing"})
#: How long to wait before the bus is asked again for events after it failed, s.
RESUBSCRIBE_S = 1.0
#: A recorder unheard for three of its periods is taken for away, s.
RECORDER_SILENT_S = 3 * m.RECORDER_STATE_S + 1


class RecorderUnavailable(Exception):
    """No recorder answers now."""


class Recorder(Protocol):
    """What the runtime asks of a recorder; :class:`RecorderClient` does it over the bus."""

    async def ask(self, request: m.AnyRequest) -> m.AnyAnswer:
        """Raises :class:`RecorderUnavailable`."""
        ...

    async def listen(self, handler: Callable[[m.AnyEvent], Awaitable[None]]) -> None:
        """Call the handler with each event, for as long as the task lives."""


class RecorderClient:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def ask(self, request: m.AnyRequest) -> m.AnyAnswer:
        try:
            answer = await self._bus.request(m.SERVICE, m.encode(request), timeout_s=REQUEST_TIMEOUT_S)
            return m.answer_decoder.decode(answer)
        except (BusError, msgspec.DecodeError) as error:
            raise RecorderUnavailable(repr(error)) from error

    async def listen(self, handler: Callable[[m.AnyEvent], Awaitable[None]]) -> None:
        while True:
            try:
                async with self._bus.subscribe(m.TOPIC) as events:
                    async for _, payload in events:
                        try:
                            event = m.event_decoder.decode(payload)
                        except msgspec.DecodeError as error:
                            log.warning("recorder.event_unreadable", error=str(error))
                            continue
                        await handler(event)
            except BusError as error:
                log.warning("recorder.not_heard", error=repr(error))
            await asyncio.sleep(RESUBSCRIBE_S)


async def _ignored(state: m.RecorderState) -> None:
    """Nobody wants to know."""


async def _nothing(facts: HearingFacts) -> list[m.Withheld]:
    return []


class Keeper:
    """Sees every closed sitting's record sealed and every job done.

    ``facts_of`` makes the request's facts; ``sealed`` is called when a record is, with whether it is partial, possibly
    more than once; ``archived`` with the news of live records, ``stated`` with what the recorder says of itself;
    ``withheld`` tells what no export may have.
    """

    def __init__(
        self,
        store: Store,
        recorder: Recorder,
        facts_of: Callable[[str], Awaitable[m.SittingFacts | None]],
        sealed: Callable[[str, bool], Awaitable[None]],
        archived: Callable[[m.Archived], None] = lambda event: None,
        stated: Callable[[m.RecorderState], Awaitable[None]] = _ignored,
        withheld: Callable[[HearingFacts], Awaitable[list[m.Withheld]]] = _nothing,
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._facts_of = facts_of
        self._sealed = sealed
        self._archived = archived
        self._stated = stated
        self._withheld = withheld
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wake: dict[str, asyncio.Event] = {}
        self._listener: asyncio.Task[None] | None = None
        #: Records that were witnessed since they were checked, as far as is known here, and whether with a time-stamp.
        self._witnessed: dict[str, bool] = {}
        self._state: m.RecorderState | None = None
        self._state_at_s = 0.0

    @property
    def state(self) -> m.RecorderState | None:
        """What the recorder said of itself, unless it has fallen silent."""
        silent_s = time.monotonic() - self._state_at_s
        return self._state if silent_s < RECORDER_SILENT_S else None

    def start(self) -> None:
        self._listener = asyncio.create_task(self._recorder.listen(self._heard), name="recorder events")

    async def aclose(self) -> None:
        tasks = [*self._tasks.values(), *([self._listener] if self._listener else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- work ------------------------------------------------------------------------

    def finalise(self, sitting_id: str) -> None:
        """Have this closed sitting's record sealed, and made playable, however long it takes."""
        self._begin(f"seal {sitting_id}", lambda: self._finalise(sitting_id))

    def follow(self, job: JobRow) -> None:
        """Have this job done."""
        self._begin(f"job {job.id}", lambda: self._follow(job))

    async def verify(self, sitting_id: str) -> None:
        """Ask for a check of every stored byte; its result comes as an event.  Raises :class:`RecorderUnavailable`."""
        await self._recorder.ask(m.Verify(sitting_id=sitting_id))

    def _begin(self, key: str, work: Callable[[], Awaitable[None]]) -> None:
        running = self._tasks.get(key)
        if running is not None and not running.done():
            return
        self._wake[key] = asyncio.Event()

        async def run() -> None:
            try:
                await work()
            finally:
                self._tasks.pop(key, None)
                self._wake.pop(key, None)

        self._tasks[key] = asyncio.create_task(run(), name=key)

    async def _pause(self, key: str, seconds: float) -> None:
        """Wait, or go on at once when there is news."""
        wake = self._wake[key]
        # Not wait_for: in Python 3.11 it may swallow a cancellation that comes together with the news.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await wake.wait()
        wake.clear()

    def _news(self, key: str) -> None:
        if key in self._wake:
            self._wake[key].set()

    async def _finalise(self, sitting_id: str) -> None:
        tries = 0
        while True:
            try:
                if await self._finalised(sitting_id):
                    return
            except (RecorderUnavailable, StoreError) as error:
                log.warning("record.not_sealed_yet", sitting=sitting_id, error=str(error))
            except Exception:
                log.exception("record.seal_failed", sitting=sitting_id)
            tries += 1
            await self._pause(f"seal {sitting_id}", SOON_S if tries < SOON_TIMES else REPEAT_S)

    async def _finalised(self, sitting_id: str) -> bool:
        """Ask once; true when the record is sealed and can be played."""
        facts = await self._facts_of(sitting_id)
        if facts is None:
            return True
        answer = await self._recorder.ask(m.Finalise(sitting_id=sitting_id, facts=facts))
        if isinstance(answer, m.Refused):
            if answer.reason == "destroyed":
                log.warning("record.destroyed_before_it_was_known", sitting=sitting_id)
                return True
            log.error("record.refused", sitting=sitting_id, reason=answer.reason, detail=answer.detail)
            return False
        if not isinstance(answer, m.Finalised):
            return False
        await self._note_sealed(sitting_id, answer)
        if answer.playable:
            await self._recorder.ask(m.Verify(sitting_id=sitting_id))
        return answer.playable

    async def _note_sealed(self, sitting_id: str, sealed: m.Finalised | m.Sealed) -> None:
        records = self._store.records
        if sealed.sealed_wall_ns:
            await records.archived(
                sitting_id, sealed_utc=sealed.sealed_wall_ns, objects=sealed.objects, size=sealed.bytes
            )
        await records.sealed(sitting_id, manifest_sha256=sealed.manifest_sha256, playable=sealed.playable)
        await self._sealed(sitting_id, sealed.partial)

    async def _follow(self, job: JobRow) -> None:
        while True:
            try:
                present = await self._store.records.job(job.id)
                if present is None or present.state not in ("queued", "running"):
                    return
                facts = await self._store.docket.by_sitting(job.sitting_id)
                await self._ask_for(job, facts)
            except (RecorderUnavailable, StoreError) as error:
                log.warning("job.not_taken_yet", job=job.id, error=str(error))
            except Exception:
                log.exception("job.failed", job=job.id)
            await self._pause(f"job {job.id}", REPEAT_S)

    async def _ask_for(self, job: JobRow, facts: HearingFacts | None) -> None:
        withheld = await self._withheld(facts) if facts else []
        asked: m.AnyRequest
        if job.part:
            start, end = job.part.split("-")
            part = m.Part(start_us=int(start), end_us=int(end))
            asked = m.Excerpt(sitting_id=job.sitting_id, job_id=job.id, part=part, withheld=withheld)
        else:
            share = await self._share(job)
            opened = share.part if share else None
            asked = m.Compose(
                sitting_id=job.sitting_id,
                job_id=job.id,
                locale="zh-CN" if job.locale == "zh-CN" else "en",
                timezone=facts.court.time_zone if facts else "UTC",
                mark=mark_of(share.name, share.email, share.id[:8]) if share else job.mark,
                withheld=withheld,
                part=m.Part(start_us=opened[0], end_us=opened[1]) if opened else None,
            )
        answer = await self._recorder.ask(asked)
        if isinstance(answer, m.Refused) and answer.reason != "busy":
            log.error("job.refused", job=job.id, reason=answer.reason, detail=answer.detail)
            await self._store.records.update_job(job.id, state="failed", message=answer.reason)

    async def _share(self, job: JobRow) -> ShareRow | None:
        """For whom a film is made, if it is for a share."""
        if not job.kind.startswith(FILM_PREFIX):
            return None
        return await self._store.shares.get(job.kind.removeprefix(FILM_PREFIX))

    # --- events ------------------------------------------------------------------------

    async def _heard(self, event: m.AnyEvent) -> None:
        try:
            await self._take(event)
        except StoreError as error:
            log.error("recorder.event_not_stored", error=str(error))
        except Exception:
            log.exception("recorder.event_failed")

    async def _take(self, event: m.AnyEvent) -> None:
        if isinstance(event, m.RecorderState):
            self._state, self._state_at_s = event, time.monotonic()
            await self._stated(event)
            return
        if isinstance(event, m.JobState):
            await self._store.records.update_job(
                event.job_id,
                state=event.state,
                progress=event.progress,
                name=event.name,
                bytes=event.bytes,
                message=event.message,
            )
            if event.state in ("done", "failed"):
                self._news(f"job {event.job_id}")
            return
        if is_test(event.sitting_id):  # whoever made it asks for itself
            return
        if await self._store.docket.by_sitting(event.sitting_id) is None:
            log.warning("recorder.unknown_sitting", sitting=event.sitting_id)
            return
        if isinstance(event, m.Archived):
            self._archived(event)
            await self._store.records.archived(
                event.sitting_id, sealed_utc=event.sealed_wall_ns, objects=event.objects, size=event.bytes
            )
        elif isinstance(event, m.Verified):
            await self._store.records.verified(
                event.sitting_id,
                msgspec.json.encode({"ok": event.ok, "checkedAt": time.time(), "report": event.report}).decode(),
            )
            await self._check_again(event.sitting_id, event.report)
        elif isinstance(event, m.Anchored):
            self._news(f"seal {event.sitting_id}")
            self._witnessed[event.sitting_id] = event.stamped
            if len(self._witnessed) > WITNESSED_REMEMBERED:
                self._witnessed.pop(next(iter(self._witnessed)))
            checked = (await self._store.records.get(event.sitting_id)).verification
            if checked is not None:
                await self._check_again(event.sitting_id, msgspec.json.decode(checked)["report"])
        else:
            await self._note_sealed(event.sitting_id, event)
            self._news(f"seal {event.sitting_id}")

    async def _check_again(self, sitting_id: str, report: dict[str, Any]) -> None:
        """A check that was made before others had witnessed the record does not know their proofs: once more, once."""
        stamped = self._witnessed.get(sitting_id)
        codes = {found["code"] for found in report.get("findings", ())}
        lacking = codes & UNWITNESSED - (set() if stamped else {"stamp-missing"})
        if stamped is None or not lacking:
            return
        del self._witnessed[sitting_id]
        with contextlib.suppress(RecorderUnavailable):
            await self.verify(sitting_id)
