"""Access levels at work: decisions are checked by :mod:`hearing_server.court.levels`, written down, and a copy that
leaves out what they withhold is kept ready."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from recording import messages as m

from ..court.levels import OPEN_NS, Audience, LevelAction, LevelDecision, Levels, Proposal, Span, fold, refusal
from ..store import Conflict, HearingFacts, LevelRow, Store
from .recorder import Recorder, RecorderUnavailable

log = structlog.get_logger(__name__)

#: A span that is open to the end goes on so long after the close, ns: the last packets arrive a moment later.
AFTER_CLOSE_NS: Final = 10_000_000_000
#: The end of an open span of a hearing that goes on, ns.
FOREVER_NS: Final = 1 << 62


class LevelRefused(Exception):
    """``code`` has a sentence in hearing_server/refusals.py."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class LevelFile:
    """All that was decided about one sitting's record, and what it comes to now."""

    levels: Levels
    rows: list[LevelRow]
    now: int

    def withheld(self, audience: Audience, person: str = "") -> tuple[Span, ...]:
        return self.levels.withheld(audience, person, self.now)

    def row(self, span: Span | Proposal) -> LevelRow:
        """The decision that this came from."""
        return self.rows[span.serial - 1]


async def level_file(store: Store, facts: HearingFacts, now: int) -> LevelFile:
    rows = await store.levels.read(facts.sitting_id)
    return LevelFile(fold([row.decision for row in rows]), rows, now)


class LevelOffice:
    """What is decided about who may see which part of a record."""

    def __init__(self, store: Store, recorder: Recorder, utc: Callable[[], int] = time.time_ns) -> None:
        self._store = store
        self._recorder = recorder
        self._utc = utc

    def now(self) -> int:
        """ns since 1970, by the court's clock."""
        return self._utc()

    async def file(self, facts: HearingFacts) -> LevelFile:
        return await level_file(self._store, facts, self._utc())

    async def decide(
        self, facts: HearingFacts, decision: LevelDecision, roles: frozenset[str], name: str, name_zh: str
    ) -> LevelFile:
        """Write down what somebody with these roles decides.  Raises :class:`LevelRefused`,
        :class:`~hearing_server.store.StoreError`."""
        for _ in range(3):
            file = await self.file(facts)
            if decision.action is LevelAction.OPEN:
                decision = _until(decision, file.now + OPEN_NS)
            if code := refusal(file.levels, decision, roles, file.now):
                raise LevelRefused(code)
            row = LevelRow(serial=file.levels.serial + 1, utc=file.now, name=name, name_zh=name_zh, decision=decision)
            with contextlib.suppress(Conflict):  # somebody else decided at the same moment: look again
                await self._store.levels.append(facts.sitting_id, row)
                log.info("level.decided", sitting=facts.sitting_id, action=decision.action.value, serial=row.serial)
                return await self.file(facts)
        raise LevelRefused("conflict")

    async def prepare(self, facts: HearingFacts, spans: Sequence[m.Withheld], part: m.Part | None = None) -> None:
        """Have the copy made that leaves these out and is of this part; asked again whenever somebody wants it and it
        is not there."""
        try:
            await self._recorder.ask(m.Withhold(sitting_id=facts.sitting_id, withheld=list(spans), part=part))
        except RecorderUnavailable as error:
            log.warning("level.copy_waits", sitting=facts.sitting_id, error=str(error))

    async def prepared(self, sitting_id: str) -> None:
        """The record is sealed: what was withheld during the hearing is left out of a copy at once."""
        facts = await self._store.docket.by_sitting(sitting_id)
        if facts is None:
            return
        file = await self.file(facts)
        for audience in Audience:
            if spans := told(file, facts, file.withheld(audience)):
                await self.prepare(facts, spans)

    async def outside(self, facts: HearingFacts) -> list[m.Withheld]:
        """What no copy for others may have."""
        file = await self.file(facts)
        return told(file, facts, file.withheld(Audience.OUTSIDE))


def told(file: LevelFile, facts: HearingFacts, spans: Sequence[Span]) -> list[m.Withheld]:
    """The spans as the recorder is told of them."""
    end = FOREVER_NS if facts.closed_utc is None else facts.closed_utc + AFTER_CLOSE_NS
    found = []
    for span in spans:
        row = file.row(span)
        found.append(
            m.Withheld(
                start_us=span.from_utc // 1000,
                end_us=max(span.from_utc, span.to_utc or end) // 1000,
                level=span.level.value,
                order=span.order,
                by=row.name,
                by_zh=row.name_zh,
                decided_us=row.utc // 1000,
            )
        )
    return found


def _until(decision: LevelDecision, until_utc: int) -> LevelDecision:
    return LevelDecision(action=decision.action, by=decision.by, order=decision.order, until_utc=until_utc)
