"""Thousands of walks of random people through random hearings: the eight invariants hold at every step.

These are the walks by the law alone; the others go through the runtime and a database
(tests/integration/hearing_server/test_sequences.py), and there are ten thousand of them all.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from .company import BEGINNINGS
from .invariants import CHECKED, check_log, said
from .room import Room
from .walking import Walks

WALKS = 9_600
SEED = 20_261_122
#: The replay is asked at the end of every so many.
REPLAY_EVERY = 25


def copy(room: Room) -> Room:
    """Another walk from the same beginning: the states are immutable."""
    other = object.__new__(Room)
    other.utc, other.log, other.sitting = room.utc, list(room.log), room.sitting
    return other


#: About 20 s of a quiet core.
@pytest.mark.timeout(600)
def test_sequences_by_the_law_alone(seen: Callable[[str], None]) -> None:
    walks = Walks(random.Random(SEED))
    beginnings = [begin() for begin in BEGINNINGS]
    before = CHECKED.copy()
    for number in range(WALKS):
        room = copy(beginnings[number % len(beginnings)])
        walks.walk(room)
        if number % REPLAY_EVERY == 0:
            check_log(room)
    seen(str(walks))
    seen(said(CHECKED - before))
    walks.check()
