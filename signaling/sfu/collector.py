"""When a worker's process looks for garbage: never in the middle of its traffic, if that can be helped.

A full collection walks over every packet kept for retransmission, tens of milliseconds with many hearings, and all of
them wait.  Nearly everything a worker drops is freed by counting references; what only a collection frees is the few
objects of a peer that left.  So young objects are collected often and cheaply, old ones are put out of sight
(``gc.freeze``), and the full collection waits for a quiet moment, or until much has come together.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable

#: Net allocations between collections of the young (CPython: 700, before 3.14).
YOUNG_ALLOCATIONS = 20_000
CHECK_S = 1.0
#: Below this many packets/s a pause harms nobody.
QUIET_PACKETS_S = 300.0
#: Least time between two full collections.
FULL_EVERY_S = 60.0
#: Between two freezes while there is traffic.
FREEZE_EVERY_S = 10.0
#: Objects out of sight above twice those after the last full collection, plus this: a full one is due in any case.
MUCH = 500_000


class CollectionPolicy:
    """Decides from load, time and number of objects, without touching the collector: ``full``, ``freeze``, nothing.

    ``frozen`` is asked for as seldom as possible: the collector counts by walking.
    """

    def __init__(self, now_s: float, frozen: int) -> None:
        self._full_s = self._freeze_s = now_s
        self._after_full = frozen

    def decide(self, packets_out_s: float, frozen: Callable[[], int], now_s: float) -> str | None:
        quiet = packets_out_s < QUIET_PACKETS_S and now_s - self._full_s >= FULL_EVERY_S
        if not quiet and now_s - self._freeze_s < FREEZE_EVERY_S:
            return None
        self._freeze_s = now_s
        if quiet or frozen() > 2 * self._after_full + MUCH:
            self._full_s = now_s
            return "full"
        return "freeze"

    def collected(self, frozen: int) -> None:
        """So many objects are left after a full collection."""
        self._after_full = frozen


async def keep_collected(packets_out_s: Callable[[], float]) -> None:
    """Run the policy on this process until cancelled, then give the collector back as it was."""
    before = gc.get_threshold()
    loop = asyncio.get_running_loop()
    gc.collect()
    gc.freeze()
    # The oldest generation is never collected by itself: the policy does that.
    gc.set_threshold(YOUNG_ALLOCATIONS, 10, 1_000_000)
    policy = CollectionPolicy(loop.time(), gc.get_freeze_count())
    try:
        while True:
            await asyncio.sleep(CHECK_S)
            decision = policy.decide(packets_out_s(), gc.get_freeze_count, loop.time())
            if decision == "full":
                gc.unfreeze()
                gc.collect()
                gc.freeze()
                policy.collected(gc.get_freeze_count())
            elif decision == "freeze":
                gc.collect(1)
                gc.freeze()
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
