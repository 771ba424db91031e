"""Custody at work: decisions are checked by the law of :mod:`hearing_server.court.custody`, written down, and told to
the storage until it obeys."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from zoneinfo import ZoneInfo

import msgspec
import structlog

from recording import messages as m

from ..court.custody import SYSTEM, Action, Decision, RecordCustody, fold, refusal, settle
from ..store import Conflict, HearingFacts, Store, StoreError
from ..store.custody import CustodyRow, ToldRow
from .recorder import Recorder, RecorderUnavailable

log = structlog.get_logger(__name__)

#: How often the storage is asked whether it obeys, s: while it has not yet, and otherwise.
SOON_S, REPEAT_S = 1.0, 30.0
BY_SYSTEM = ("The court's system", "法庭系统")


class CustodyRefused(Exception):
    """``code`` has a sentence in hearing_server/refusals.py."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class CustodyFile:
    """All that is known of the custody of one hearing's record."""

    custody: RecordCustody
    rows: list[CustodyRow]
    told: list[ToldRow]
    today: date


class CustodyOffice:
    """What is decided about the records of closed hearings, and telling the storage."""

    def __init__(self, store: Store, recorder: Recorder, utc: Callable[[], int] = time.time_ns) -> None:
        self._store = store
        self._recorder = recorder
        self._utc = utc
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="custody")

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def file(self, facts: HearingFacts) -> CustodyFile:
        rows = await self._store.custody.read(facts.hearing_id)
        told = await self._store.custody.told(facts.hearing_id)
        return CustodyFile(_folded(rows, facts), rows, told, self.today(facts))

    def today(self, facts: HearingFacts) -> date:
        """In the court's own time zone."""
        return datetime.fromtimestamp(self._utc() / 1e9, UTC).astimezone(_zone(facts)).date()

    async def decide(
        self, facts: HearingFacts, decision: Decision, roles: frozenset[str], name: str, name_zh: str
    ) -> CustodyFile:
        """Write down what somebody with these roles decides.  Raises :class:`CustodyRefused`, :class:`StoreError`."""
        for _ in range(3):
            file = await self.file(facts)
            settled = settle(decision, file.custody, facts.court.profile)
            days = await self._store.docket.days(facts.hearing_id)
            closed = bool(days) and all(day.state == "closed" for day in days)
            code = "invalid" if settled is None else refusal(file.custody, settled, roles, file.today, closed=closed)
            if code or settled is None:
                raise CustodyRefused(code)
            serial = file.custody.serial + 1
            row = CustodyRow(serial=serial, utc=self._utc(), name=name, name_zh=name_zh, decision=settled)
            with contextlib.suppress(Conflict):  # somebody else decided at the same moment: look again
                await self._store.custody.append(facts.hearing_id, row)
                log.info("custody.decided", hearing=facts.hearing_id, action=settled.action.value, serial=serial)
                self._wake.set()
                return await self.file(facts)
        raise CustodyRefused("conflict")

    # --- telling the storage --------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            busy = False
            try:
                busy = await self.step()
            except (RecorderUnavailable, StoreError) as error:
                log.warning("custody.waits", error=str(error))
            except Exception:
                log.exception("custody.waits")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SOON_S if busy else REPEAT_S):
                    await self._wake.wait()
            self._wake.clear()

    async def step(self) -> bool:
        """Tell the storage what it does not know yet; answers whether it is still at work."""
        busy = False
        for told in await self._store.custody.untold():
            facts = await self._store.docket.by_sitting(told.sitting_id)
            if facts is not None:
                busy |= await self._tell(told, facts)
        return busy

    async def _tell(self, told: ToldRow, facts: HearingFacts) -> bool:
        rows = await self._store.custody.read(told.hearing_id)
        custody = _folded(rows, facts)
        newest = rows[custody.to_storage - 1]
        answer = await self._recorder.ask(
            m.Keep(
                sitting_id=told.sitting_id,
                serial=custody.to_storage,
                retain_until_s=_end_of(custody.until, facts) if custody.until else 0,
                hold=custody.held,
                destroy=newest.decision.action is Action.APPROVE,
                decision={"name": newest.name, "at": newest.utc // 1000, **msgspec.to_builtins(newest.decision)},
            )
        )
        if isinstance(answer, m.Refused):
            log.error("custody.refused", sitting=told.sitting_id, reason=answer.reason, detail=answer.detail)
            problem = ToldRow(
                sitting_id=told.sitting_id,
                hearing_id=told.hearing_id,
                serial=told.serial,
                objects=told.objects,
                problem=answer.reason,
            )
            if problem != told:
                await self._store.custody.tell(problem)
            return False
        if not isinstance(answer, m.Kept) or answer.serial < custody.to_storage:
            return True
        await self._store.custody.tell(
            ToldRow(
                sitting_id=told.sitting_id, hearing_id=told.hearing_id, serial=answer.serial, objects=answer.objects
            )
        )
        if custody.approved_by and not custody.destroyed:
            await self._destroyed(facts)
        return False

    async def _destroyed(self, facts: HearingFacts) -> None:
        """Said of the hearing once the storage has nothing of any of its sittings."""
        file = await self.file(facts)
        if all(told.serial >= file.custody.to_storage for told in file.told):
            with contextlib.suppress(CustodyRefused):  # another process has said so
                await self.decide(facts, Decision(action=Action.DESTROYED, by=SYSTEM), frozenset(), *BY_SYSTEM)


def _folded(rows: list[CustodyRow], facts: HearingFacts) -> RecordCustody:
    return fold((row.decision for row in rows), facts.court.profile)


def _zone(facts: HearingFacts) -> ZoneInfo:
    return ZoneInfo(facts.court.time_zone)


def _end_of(day: date, facts: HearingFacts) -> int:
    """The last moment of this day in the court, s since 1970."""
    return int(datetime.combine(day + timedelta(days=1), time_of_day.min, _zone(facts)).timestamp()) - 1
