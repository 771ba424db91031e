"""When sound and picture flowed: what arrived at people, looked at several times a second."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise

from ..harness.pages import Person

LOOK_EVERY_S = 0.1
#: Between two looks of a busy machine something may be late; what is longer is a gap.
GAP_S = 0.35


@dataclass
class Timeline:
    """Per way (``"audio to judge"``): the times (monotonic, s) at which more than at the look before had arrived.

    Sound counts by packets, pictures by decoded frames, of all tracks of a person together.
    """

    moments: dict[str, list[float]] = field(default_factory=dict)
    _before: dict[str, int] = field(default_factory=dict)

    def note(self, way: str, count: int, now: float) -> None:
        if count > self._before.get(way, count):
            self.moments.setdefault(way, []).append(now)
        self._before[way] = count

    def back_after(self, since: float) -> dict[str, float]:
        """For each way how long after ``since`` its longest gap ended, s; 0 for one that never stopped."""
        found = {}
        for way, moments in self.moments.items():
            gaps = [(later - earlier, later) for earlier, later in pairwise(moments) if later > since]
            longest, end = max(gaps, default=(0.0, since))
            found[way] = round(end - since, 2) if longest > GAP_S else 0.0
        return found

    def silent_since(self, now: float) -> set[str]:
        """Ways on which nothing came for a while."""
        return {way for way, at in self.moments.items() if now - at[-1] > GAP_S}


@asynccontextmanager
async def watching(*people: Person) -> AsyncIterator[Timeline]:
    timeline = Timeline()

    async def look(person: Person) -> None:
        while True:
            found = {"audio": 0, "video": 0}
            for report in await person.reports("inbound-rtp"):
                found[report["kind"]] += report.get(
                    "packetsReceived" if report["kind"] == "audio" else "framesDecoded", 0
                )
            now = time.monotonic()
            for kind, count in found.items():
                timeline.note(f"{kind} to {person.role}", count, now)
            await asyncio.sleep(LOOK_EVERY_S)

    tasks = [asyncio.create_task(look(person)) for person in people]
    try:
        yield timeline
    finally:
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
