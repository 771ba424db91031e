"""``python -m benchmarks.forwarding [--quick] [--only ours|janus] [--output FILE]``"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from signaling.bus import BusError

from . import janus as janus_side
from . import ours as ours_side
from .machine import cores, describe
from .progress import Progress
from .report import results, text
from .shapes import Layout, fan_out, hearings
from .steps import FULL, QUICK, Effort, Row, search, verdict
from .trial import Starter, TrialFailed, measure

DEFAULT_OUTPUT = Path(__file__).parent.parent / "results" / "forwarding.json"
#: Trials that a search usually takes on one side.
USUAL_TRIALS = 13
SET_UP_ERRORS = (TrialFailed, BusError, RuntimeError, TimeoutError, OSError)


class Bench:
    """One run of the benchmark over the given sides."""

    def __init__(self, starters: dict[str, Starter], effort: Effort) -> None:
        self._starters = starters
        self._effort = effort
        self._cores = cores()
        fan_outs = len(effort.fan_out_pps) * effort.fan_out_repeats
        self._progress = Progress((USUAL_TRIALS + fan_outs) * len(starters) + 2)

    async def run(self, machine: dict[str, Any], *, quick: bool) -> dict[str, Any]:
        sides = await search(tuple(self._starters), self._hearings, self._effort)
        half_load: dict[str, Row] = {}
        if "ours" in sides and sides["ours"].largest > 1:
            count = sides["ours"].largest // 2
            half_load["alone"] = {"hearings": count, **await self._hearings("ours", count)}
            joining = hearings(1, first_room=count)
            what = f"ours, {count} hearings and one that joins"
            row = await self._trial("ours", hearings(count), what, joining=joining)
            half_load["with_a_hearing_joining"] = {"hearings": count, **row}
        spread: dict[str, list[Row]] = {name: [] for name in self._starters}
        for _ in range(self._effort.fan_out_repeats):
            for pps in self._effort.fan_out_pps:
                for name in self._starters:
                    row = await self._trial(name, fan_out(pps), f"{name}, 1 to 40 at {pps}/s")
                    spread[name].append({"pps": pps, **row})
        for rows in spread.values():
            rows.sort(key=lambda row: int(row["pps"]))
        return results(machine, sides, half_load, spread, quick=quick)

    async def _hearings(self, name: str, count: int) -> Row:
        return await self._trial(name, hearings(count), f"{name}, {count} hearings")

    async def _trial(self, name: str, layout: Layout, what: str, *, joining: Layout | None = None) -> Row:
        self._progress.begin(what)
        arguments = self._starters[name], layout, self._effort.timing, self._cores
        try:
            row = await measure(*arguments, joining=joining)
        except SET_UP_ERRORS as error:  # a machine busy with other things; a second failure ends the benchmark
            self._progress.done(what, f"not set up ({error}), again")
            row = await measure(*arguments, joining=joining)
        delay = row["delay_ms"].get("p99", float("nan"))
        self._progress.done(what, f"{verdict(row)}, CPU {row['cpu_percent']:.0f} %, p99 {delay:.2f} ms")
        return row


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forwarding", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter windows and a coarser search")
    parser.add_argument("--only", choices=("ours", "janus"), help="one side alone; no ratios then")
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="where the results go (JSON)")
    options = parser.parse_args()
    starters: dict[str, Starter] = {"ours": ours_side.ours, "janus": janus_side.janus}
    if janus_side.program() is None and options.only != "ours":
        print("Janus is not installed (Debian: apt-get install janus): ours is measured alone.", file=sys.stderr)
        del starters["janus"]
    if options.only:
        starters = {name: starter for name, starter in starters.items() if name == options.only}
    if not starters:
        return 1
    machine = describe(janus_side.version() if "janus" in starters else "not measured")
    try:
        bench = Bench(starters, QUICK if options.quick else FULL)
        outcome = asyncio.run(bench.run(machine, quick=options.quick))
    except SET_UP_ERRORS as error:
        print(f"forwarding: {error}", file=sys.stderr)
        return 1
    outcome = {"measured_at": datetime.now(UTC).isoformat(timespec="seconds"), **outcome}
    print(text(outcome))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(outcome, indent=1) + "\n")
    print(f"\nwritten: {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
