"""``python -m tests.soak``: hold hearings for ``SOAK_S`` seconds (half an hour) and say what has grown."""

from __future__ import annotations

import asyncio
import os
import sys

from signaling.sfu.native.library import Unavailable, load

from .hearings import soak

DEFAULT_S = 1800.0
WARM_UP_ROUNDS = 10
#: Memory may differ by so much between two moments of rest: the allocators' arenas.
ALLOWED_BYTES = 8 * 1024 * 1024


def main() -> int:
    seconds = float(os.environ.get("SOAK_S", DEFAULT_S))
    seed = int(os.environ.get("SOAK_SEED", "1"))
    try:
        load()
        native = True
    except Unavailable:
        native = False
    found = asyncio.run(soak(seconds, seed, warm_up=WARM_UP_ROUNDS, native=native))
    grown, left = found.growth_bytes, found.left
    path = "compiled" if native else "Python"
    print(
        f"{found.hearings} hearings in {seconds:.0f} s on the {path} path, seed {seed}, "
        f"{found.packets_out:,} packets out"
    )
    for name, samples in (("warm-up", found.warm_up), ("after it", found.samples)):
        sizes = [sample / 2**20 for sample in samples]
        first, last = sizes[0], sizes[-1]
        print(f"memory at rest, {name}, MB: {first:.1f} first, {min(sizes):.1f} to {max(sizes):.1f}, {last:.1f} last")
    print(
        f"grown by {grown / 2**20:.1f} MB (allowed {ALLOWED_BYTES / 2**20:.0f}), objects left: {dict(left) or 'none'}"
    )
    return int(grown > ALLOWED_BYTES or bool(left))


if __name__ == "__main__":
    sys.exit(main())
