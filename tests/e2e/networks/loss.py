"""One participant on a bad link, both ways: how well everybody hears and sees, and how soon it is good again."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from playwright.async_api import ViewportSize

from tests.servers.netns import Link
from tests.servers.weather import Weather

from ..harness.pages import Person
from ..harness.scenario import until
from .court import Court
from .quality import Quality, Row, Watch, judge

#: The issue's links, in the words of ``tc netem``: ``loss 10% delay 50ms 50ms``, and the same with 30 %.
BAD = Weather(loss=0.1, delay_ms=50, jitter_ms=50)
WORSE = Weather(loss=0.3, delay_ms=50, jitter_ms=50)
#: A window in which the judge stands large enough for a higher layer than the lowest.
ROOMY: ViewportSize = {"width": 2240, "height": 1260}
#: Long enough for both browsers to send all their layers.
CALM_S = 10.0
#: After a change of the weather nothing is judged for so long: what comes then was sent before.
SETTLE_S = 2.0
#: A layer that did not come back by then will not.  On a busy machine round trips grow, and look like a queue for a
#: while.
RETURN_LIMIT_S = 60.0


@dataclass
class Heard:
    """How often the other's voice was found in what a page played."""

    windows: int = 0
    found: int = 0

    @property
    def share(self) -> float:
        return self.found / self.windows if self.windows else 0.0


@dataclass
class Spell:
    """A time of one weather; ``to`` says for each receiver what came."""

    loss: float
    to: dict[str, Quality] = field(default_factory=dict)
    heard: dict[str, Heard] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        return {
            role: asdict(quality)
            | {
                "audio_gaps_per_min": round(quality.audio_gaps_per_min, 2),
                "video_freezes_per_min": round(quality.video_freezes_per_min, 2),
                "voice_found": self.heard[role].share,
            }
            for role, quality in self.to.items()
        }


@dataclass
class LossRound:
    """``high_again_s``: how long after the loss ended each receiver's picture was as wide as before, s."""

    calm: Spell
    bad: Spell
    worse: Spell
    high_again_s: dict[str, float]


async def endure(court: Court, *, bad_s: float, worse_s: float, seed: int) -> LossRound:
    """Calm, 10 %, 30 %, and calm again.  ``seed`` throws the link's dice."""
    with court.world.namespace() as namespace:
        link = namespace.join(seed=seed)
        async with court.visitor(namespace) as person:
            await person.page.set_viewport_size(ROOMY)
            await court.both_ways(person)
            people = (court.judge, person)
            watches = {each.role: await Watch.begin(each) for each in people}
            calm = await _spell(link, Weather(), CALM_S, people, watches)
            bad = await _spell(link, BAD, bad_s, people, watches)
            worse = await _spell(link, WORSE, worse_s, people, watches)
            await asyncio.to_thread(link.weather, Weather())
            wide = {role: quality.width_px for role, quality in calm.to.items()}
            return LossRound(calm, bad, worse, await _high_again(wide, watches))


async def _spell(
    link: Link, weather: Weather, seconds: float, people: tuple[Person, Person], watches: dict[str, Watch]
) -> Spell:
    await asyncio.to_thread(link.weather, weather)
    await asyncio.sleep(SETTLE_S)
    spell = Spell(weather.loss, heard={person.role: Heard() for person in people})
    marks = {role: await watch.mark() for role, watch in watches.items()}
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        for one, other in (people, people[::-1]):
            heard = spell.heard[one.role]
            heard.windows += 1
            heard.found += other.role in await one.hears()
    for role, watch in watches.items():
        spell.to[role] = judge(await watch.since(marks[role]))
    return spell


async def _high_again(wide: dict[str, int], watches: dict[str, Watch]) -> dict[str, float]:
    marks = {role: await watch.mark() for role, watch in watches.items()}
    found: dict[str, float] = {}

    async def all_wide() -> bool:
        for role, watch in watches.items():
            rows = await watch.since(marks[role])
            returned = _wide_for_good(rows, wide[role])
            if returned is not None:
                found[role] = returned
        return found.keys() == watches.keys()

    await until(all_wide, RETURN_LIMIT_S, "the high layer is back")
    return found


def _wide_for_good(rows: list[Row], width: int) -> float | None:
    """When new pictures of this width began to come, s after the first row; ``None`` if they do not yet."""
    if not rows or rows[-1]["width"] < width or rows[-1]["frames"] <= rows[0]["frames"]:
        return None
    last_narrow = max((i for i, row in enumerate(rows) if row["width"] < width), default=-1)
    for before, after in zip(rows[max(last_narrow, 0) :], rows[max(last_narrow, 0) + 1 :], strict=False):
        if after["frames"] > before["frames"]:
            return round(after["at"] - rows[0]["at"], 2)
    return None
