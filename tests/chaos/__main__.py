"""``python -m tests.chaos [--rounds 200] [--from 1] [--seed N] [--fault NAME] [--keep]``: each round printed."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from .plan import FAULTS, Broken, Plan
from .rounds import Machine, play


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.chaos")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--from", dest="first", type=int, default=1, help="the first seed")
    parser.add_argument("--seed", type=int, help="this round alone")
    parser.add_argument("--fault", choices=FAULTS, default="", help="this fault, whatever the seed says")
    parser.add_argument("--keep", action="store_true", help="keep the folders of all rounds")
    options = parser.parse_args()
    seeds = [options.seed] if options.seed is not None else range(options.first, options.first + options.rounds)
    # PostgreSQL runs as an account of its own and must be able to enter.
    folder = Path(tempfile.mkdtemp(prefix="hearing-chaos-"))
    folder.chmod(0o755)
    machine = Machine(folder)
    broken: list[Plan] = []
    count: Counter[str] = Counter()
    try:
        plans = [Plan.of(seed, options.fault) for seed in seeds]
        for plan, outcome in play(machine, plans, lambda line: print(line, flush=True)):
            count[plan.fault] += 1
            if isinstance(outcome, Broken):
                broken.append(plan)
            elif not options.keep:
                shutil.rmtree(folder / f"round-{plan.seed}-{plan.fault}", ignore_errors=True)
    finally:
        machine.close()
    print(f"{sum(count.values())} rounds, {len(broken)} broken:", dict(count), flush=True)
    if broken or options.keep:
        print(f"kept: {folder}; again: python -m tests.chaos --seed {broken[0].seed if broken else plans[0].seed}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
