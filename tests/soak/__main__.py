"""``python -m tests.soak``: hold hearings for ``SOAK_S`` seconds (half an hour) and say what has grown.

A whole half hour is written to ``benchmarks/results/soak.json``.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from signaling.sfu.native.library import Unavailable, load

from .hearings import soak

DEFAULT_S = 1800.0
WARM_UP_ROUNDS = 10
#: Memory may differ by so much between two moments of rest: the allocators' arenas.
ALLOWED_MB = 8
MB = 1024 * 1024
RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "soak.json"


def main() -> int:
    seconds = float(os.environ.get("SOAK_S", DEFAULT_S))
    seed = int(os.environ.get("SOAK_SEED", "1"))
    try:
        load()
        native = True
    except Unavailable:
        native = False
    found = asyncio.run(soak(seconds, seed, warm_up=WARM_UP_ROUNDS, native=native))
    result = {
        "benchmark": "soak",
        "what": "hearings one after the other on one media worker; memory at rest between them",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cores": len(os.sched_getaffinity(0)),
            "kernel": platform.release(),
            "python": platform.python_version(),
        },
        "path": "native" if native else "python",
        "seed": seed,
        "seconds": round(seconds),
        "hearings": found.hearings,
        "packets_out": found.packets_out,
        "warm_up_mb": span(found.warm_up),
        "after_mb": span(found.samples),
        "grown_mb": round(found.growth_bytes / MB, 1),
        "allowed_mb": ALLOWED_MB,
        "objects_left": dict(found.left),
    }
    print(json.dumps(result, indent=2))
    if seconds >= DEFAULT_S:
        RESULT.write_text(json.dumps(result, indent=2) + "\n")
    return int(found.growth_bytes > ALLOWED_MB * MB or bool(found.left))


def span(samples: Sequence[int]) -> dict[str, float]:
    sizes = [round(sample / MB, 1) for sample in samples]
    return {"first": sizes[0], "least": min(sizes), "most": max(sizes), "last": sizes[-1]}


if __name__ == "__main__":
    sys.exit(main())
