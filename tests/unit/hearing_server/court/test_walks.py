"""Ten thousand walks of random people through random hearings: the eight invariants hold at every step."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest

from hearing_server.court import SYSTEM, Actor, Command, Refused
from hearing_server.court.tables import EVENTS
from hearing_server.court.timers import due
from hearing_server.refusals import SENTENCES

from .company import BEGINNINGS, random_step
from .invariants import check_log, check_state, check_step, check_views
from .room import Room

WALKS = 10_000
STEPS = 8
TRIES = 3
SEED = 20_261_122
#: What is costly is asked of every so many steps: views, what must not flow; and the replay at the end of walks.
VIEW_EVERY = 100
REPLAY_EVERY = 25
THOROUGH_EVERY = 4
#: Pauses between steps, s.
PAUSES = (0, 0, 0, 1, 10, 45, 61, 301)


def copy(room: Room) -> Room:
    """Another walk from the same beginning: the states are immutable."""
    other = object.__new__(Room)
    other.utc, other.log, other.sitting = room.utc, list(room.log), room.sitting
    return other


#: About 20 s of a quiet core.
@pytest.mark.timeout(600)
def test_ten_thousand_walks(seen: Callable[[str], None]) -> None:
    chance = random.Random(SEED)
    beginnings = [begin() for begin in BEGINNINGS]
    taken: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    asked = 0
    for number in range(WALKS):
        room = copy(beginnings[number % len(beginnings)])
        for _ in range(STEPS):
            asked += 1
            room.wait(chance.choice(PAUSES))
            _let_fall_due(room, taken, refused)
            # Mostly a step that gets somewhere: a refusal is followed by another try.
            for _ in range(TRIES):
                if _step(room, *random_step(room, chance, EVENTS), taken, refused):
                    break
            _let_fall_due(room, taken, refused)
            if asked % VIEW_EVERY == 0:
                check_views(room)
        if number % REPLAY_EVERY == 0:
            check_log(room)
    events = sum(taken.values())
    seen(f"{WALKS} walks, {asked} steps, {events} events of {len(taken)} kinds out of {len(EVENTS)}")
    assert set(refused) <= SENTENCES.keys(), "a refusal without a sentence"
    assert len(taken) > 0.9 * len(EVENTS), f"the walks do not get around: {sorted(set(EVENTS) - set(taken))}"


def _let_fall_due(room: Room, taken: Counter[str], refused: Counter[str]) -> None:
    """What the court does by itself, until nothing is left: each of it may make more."""
    for _ in range(64):
        commands = due(room.sitting, room.utc)
        if not commands:
            return
        assert _step(room, SYSTEM, commands[0], taken, refused), f"{commands[0]} is due and refused for ever"
    raise AssertionError("something falls due for ever")


def _step(room: Room, actor: Actor, command: Command, taken: Counter[str], refused: Counter[str]) -> bool:
    """Whether it made anything."""
    before = room.sitting
    answer = room.try_(actor, command)
    if isinstance(answer, Refused):
        refused[answer.code] += 1
        assert room.sitting is before
        return False
    if not answer:
        return False
    taken.update(event.name for event in answer)
    check_step(before, room, answer)
    if not due(room.sitting, room.utc):
        check_state(room, thorough=room.sitting.seq % THOROUGH_EVERY == 0)
    return True
