"""What of a record somebody may have now: the whole, or the copy that leaves out what is withheld from them.

Everything that gives out media, words, peaks or exports asks here first (C18).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import structlog

from recording import messages as m
from recording.objects import StoreProblem
from recording.playback import Playback
from recording.serve import Media, RecordReader
from recording.withheld import rendition_id

from .. import api
from ..court.levels import AROUND_NS, DECIDERS, REQUESTERS, Audience, Proposal, Span, within
from ..hearings import Hearings
from ..hearings.levels import LevelFile, told
from ..store import HearingFacts
from .problems import ProblemError

log = structlog.get_logger(__name__)

NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Reading:
    """``playback`` is of the copy this reader may have; ``part``: the only part that they may have; ``whole`` says that
    nothing is withheld from them."""

    file: LevelFile
    person: str
    spans: tuple[Span, ...]
    withheld: list[m.Withheld]
    playback: Playback
    part: m.Part | None = None

    @property
    def whole(self) -> bool:
        return not self.spans and self.part is None

    def hides(self, utc: int) -> bool:
        """Whether this moment is withheld from them, ns."""
        part = self.part
        outside = part is not None and not part.start_us <= utc // 1000 <= part.end_us
        return outside or within(self.spans, utc, AROUND_NS)


class Readings:
    def __init__(self, hearings: Hearings, archive: RecordReader) -> None:
        self._office = hearings.levels
        self._archive = archive

    async def of(
        self, facts: HearingFacts, person: str, audience: Audience = Audience.COURT, part: m.Part | None = None
    ) -> Reading | None:
        """What this person may have, of this part if it is not the whole; nothing before there is a record.

        Raises :class:`ProblemError` while their copy is being made.
        """
        try:
            playback = await self._archive.playback(facts.sitting_id)
            if playback is None:
                return None
            file = await self._office.file(facts)
            spans = file.withheld(audience, person)
            withheld = told(file, facts, spans)
            if withheld or part is not None:
                copy = await self._archive.rendition(facts.sitting_id, rendition_id(withheld, part))
                if copy is None:
                    await self._office.prepare(facts, withheld, part)
                    raise ProblemError("record-not-ready", {"Retry-After": "1"})
                playback = copy
            return Reading(file, person, spans, withheld, playback, part)
        except StoreProblem as error:
            log.error("archive.unavailable", hearing=facts.hearing_id, error=str(error))
            raise ProblemError("record-unavailable", {"Retry-After": "30"}) from error

    async def stands(self, facts: HearingFacts, reading: Reading, audience: Audience) -> bool:
        """Whether just this is withheld from them still."""
        return (await self._office.file(facts)).withheld(audience, reading.person) == reading.spans

    async def media(self, facts: HearingFacts, reading: Reading, name: str) -> Media | None:
        """Raises :class:`recording.objects.StoreProblem`."""
        return await self._archive.media(facts.sitting_id, name, reading.playback, reading.withheld, reading.part)


def levels_view(reading: Reading, roles: frozenset[str]) -> api.Levels:
    """The spans as the record's page shows them."""
    begin, end = reading.playback.start_us * 1000, reading.playback.end_us * 1000
    shape = levels_shape(reading.file, reading.person, roles, (begin, end), {span.serial for span in reading.spans})
    if reading.part is not None:
        shape.spans = [span for span in shape.spans if span.to_s > 0 and span.from_s < (end - begin) / NS]
    return shape


def levels_shape(
    file: LevelFile, person: str, roles: frozenset[str], length: tuple[int, int], hidden: set[int]
) -> api.Levels:
    """To everybody which order, why only to those who decide.  ``length``: begin and end of the record, ns; ``hidden``:
    the serials of what is withheld from this reader."""
    decides, asks = bool(roles & DECIDERS), bool(roles & REQUESTERS)
    until = file.levels.opened_until(person, file.now)
    sees_all = decides or "clerk" in roles
    return api.Levels(
        spans=[_span(file, span, length, decides, span.serial in hidden) for span in file.levels.spans],
        may_decide=decides,
        opened_until=until / NS if until else None,
        may_ask=asks,
        asked=[_asked(file, each, person) for each in file.levels.proposals if sees_all or each.by == person],
    )


def _span(file: LevelFile, span: Span, length: tuple[int, int], decides: bool, withheld: bool) -> api.LevelSpan:
    row = file.row(span)
    begin, end = length
    last = min(span.to_utc or end, end)
    return api.LevelSpan(
        number=span.serial,
        level=span.level.value,
        ground=span.ground if decides else None,  # type: ignore[arg-type]
        order=span.order,
        by=row.name,
        by_zh=row.name_zh or row.name,
        decided_at=row.utc / NS,
        from_at=span.from_utc / NS,
        to_at=span.to_utc / NS if span.to_utc else None,
        from_s=max(0.0, (span.from_utc - begin) / NS),
        to_s=max(0.0, (last - begin) / NS),
        withheld=withheld,
    )


def _asked(file: LevelFile, asked: Proposal, person: str) -> api.LevelProposal:
    row = file.row(asked)
    return api.LevelProposal(
        number=asked.serial,
        level=asked.level.value,
        ground=asked.ground,  # type: ignore[arg-type]
        order=asked.order,
        by=row.name,
        by_zh=row.name_zh or row.name,
        asked_at=row.utc / NS,
        from_at=asked.from_utc / NS,
        to_at=asked.to_utc / NS if asked.to_utc else None,
        own=asked.by == person,
    )
