"""How good sound and picture were: gaps, freezes, layers, from what a page's receivers count (W3C webrtc-stats)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..harness.pages import Person

WATCH = Path(__file__).with_name("watch.js").read_text(encoding="utf-8")
#: The issue's bars: sound that is made up for longer than this is a gap, a picture that stands longer is frozen, s.
GAP_S = 0.1
FREEZE_S = 1.0
SAMPLES_PER_S = 48_000

Row = dict[str, float]


@dataclass(frozen=True)
class Quality:
    """Of one receiver over ``seconds``.

    ``audio_gaps``: times that more than :data:`GAP_S` of sound in a row was made up for what did not come;
    ``concealed``: share of all sound that was; ``video_freezes``: times that no new picture came for
    :data:`FREEZE_S`; ``width_px``: of the last picture.
    """

    seconds: float
    audio_gaps: int
    concealed: float
    video_freezes: int
    frames_per_s: float
    width_px: int

    @property
    def audio_gaps_per_min(self) -> float:
        return self.audio_gaps * 60 / self.seconds

    @property
    def video_freezes_per_min(self) -> float:
        return self.video_freezes * 60 / self.seconds


def judge(rows: list[Row]) -> Quality:
    """``rows``: what watch.js noted, in order; at least two."""
    first, last = rows[0], rows[-1]
    seconds = last["at"] - first["at"]
    samples = last["samples"] - first["samples"]
    return Quality(
        seconds=seconds,
        audio_gaps=_gaps(rows),
        concealed=(last["concealed"] - first["concealed"]) / samples if samples else 1.0,
        video_freezes=_freezes(rows),
        frames_per_s=(last["frames"] - first["frames"]) / seconds,
        width_px=int(last["width"]),
    )


def _gaps(rows: list[Row]) -> int:
    """Runs of made up sound.  Each begins a new event; what one look finds of several is shared among them."""
    gaps = 0
    run_s = 0.0
    counted = False
    for before, after in pairwise(rows):
        more_s = (after["concealed"] - before["concealed"]) / SAMPLES_PER_S
        begun = after["events"] - before["events"]
        if more_s <= 0 or begun:
            run_s, counted = 0.0, False
        run_s += max(0.0, more_s) / max(1.0, begun)
        if run_s > GAP_S and not counted:
            gaps, counted = gaps + 1, True
    return gaps


def _freezes(rows: list[Row]) -> int:
    moments = [after["at"] for before, after in pairwise(rows) if after["frames"] > before["frames"]]
    ends = [rows[0]["at"], *moments, rows[-1]["at"]]
    return sum(later - earlier >= FREEZE_S for earlier, later in pairwise(ends))


class Watch:
    """``await Watch.begin(person)``, then :meth:`since` as often as wanted."""

    def __init__(self, person: Person) -> None:
        self._person = person

    @classmethod
    async def begin(cls, person: Person) -> Watch:
        await person.page.evaluate(WATCH)
        return cls(person)

    async def mark(self) -> int:
        """How many rows there are now."""
        return int(await self._person.page.evaluate("__watch.rows.length"))

    async def since(self, mark: int) -> list[Row]:
        rows: list[Any] = await self._person.page.evaluate("mark => __watch.rows.slice(mark)", max(0, mark - 1))
        return rows
