"""Which loads are tried in which order, and what counts as held."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from .trial import Timing

#: A hearing is held if nothing is lost and the added delay stays below this at the 99th percentile.
P99_LIMIT_MS = 20.0
#: Packets under way at the window's edges are not losses; gaps in the numbers always are.
DELIVERED_SHARE = 0.999
#: A generator that needs more of its core than this is what is being measured.
GENERATOR_LIMIT_PERCENT = 95.0
#: Other programs that take more of the server's core than this disturb the trial.
OTHERS_LIMIT_PERCENT = 10.0
#: A load that fails is tried once more; one that fails while others disturb it is tried this often in all.
TRIES = 2
TRIES_DISTURBED = 4
MOST_HEARINGS = 64

Row = dict[str, Any]
#: (side, hearings) to what was measured.
Measure = Callable[[str, int], Awaitable[Row]]


@dataclass(frozen=True, slots=True)
class Effort:
    """``step`` hearings more at each rung of the ladder, and a third more where that is more; the largest load is then
    searched to within ``precision``."""

    timing: Timing
    step: int
    precision: int
    fan_out_pps: tuple[int, ...]
    fan_out_repeats: int


FULL = Effort(Timing(2.5, 6.0), step=4, precision=1, fan_out_pps=(500, 1000, 1500), fan_out_repeats=3)
QUICK = Effort(Timing(1.5, 3.0), step=4, precision=2, fan_out_pps=(500, 1000, 1500), fan_out_repeats=1)


def verdict(row: Row) -> str:
    """``held``, or why not: ``loss``, ``delay``, ``generator`` if that was the limit, ``disturbed`` if other programs
    took either core."""
    generator = row["generator"]
    if generator["cpu_percent"] > GENERATOR_LIMIT_PERCENT:
        return "generator"
    if generator["dropped"] or generator["skipped"]:
        return "disturbed"
    lost = row["gaps"] or row["received"] < row["expected"] * DELIVERED_SHARE
    late = not row["delay_ms"] or row["delay_ms"]["p99"] >= P99_LIMIT_MS
    if (lost or late) and row["others_on_core_percent"] > OTHERS_LIMIT_PERCENT:
        return "disturbed"
    return "loss" if lost else "delay" if late else "held"


@dataclass(slots=True)
class Side:
    """What is known of one side: ``largest`` held, ``smallest`` not held, all rows in the order measured."""

    rows: list[Row] = field(default_factory=list)
    largest: int = 0
    smallest: int | None = None

    @property
    def by_generator(self) -> bool:
        """The first load that was not held failed for the generator's sake: the side may hold more."""
        return any(r["hearings"] == self.smallest and r["verdict"] == "generator" for r in self.rows)

    def next_load(self, step: int, precision: int) -> int | None:
        """Up the ladder until one is not held, then halve the distance; nothing when that is close enough."""
        if self.smallest is None:
            load = min(self.largest + max(step, self.largest // 3), MOST_HEARINGS)
            return load if load > self.largest else None
        if self.smallest - self.largest <= precision:
            return None
        return (self.largest + self.smallest) // 2


async def search(names: tuple[str, ...], measure: Measure, effort: Effort) -> dict[str, Side]:
    """Find the largest load of each side; the sides take turns, trial by trial."""
    sides = {name: Side() for name in names}
    tries: dict[str, list[str]] = {name: [] for name in names}
    while True:
        loads = {name: side.next_load(effort.step, effort.precision) for name, side in sides.items()}
        if all(load is None for load in loads.values()):
            return sides
        for name, load in loads.items():
            if load is None:
                continue
            side = sides[name]
            row = await measure(name, load)
            row = {"hearings": load, "verdict": verdict(row), **row}
            side.rows.append(row)
            tries[name].append(row["verdict"])
            disturbed = tries[name].count("disturbed")
            if row["verdict"] == "held":
                side.largest = load
            elif len(tries[name]) - disturbed >= TRIES or len(tries[name]) >= TRIES_DISTURBED:
                side.smallest = load
            else:
                continue
            tries[name].clear()
