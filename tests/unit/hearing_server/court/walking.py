"""Walks of random people through a hearing, wherever its log is: in memory, or behind the runtime in a database."""

from __future__ import annotations

import random
from collections import Counter
from typing import Protocol

from hearing_server.court import SYSTEM, Actor, Command, Event, Refused
from hearing_server.court.tables import EVENTS
from hearing_server.court.timers import due
from hearing_server.refusals import SENTENCES

from .company import Stands, random_step
from .invariants import Walked, check_state, check_step, check_views

STEPS = 8
TRIES = 3
#: What is costly is asked of every so many steps: views, and what must not flow.
VIEW_EVERY = 100
THOROUGH_EVERY = 4
#: Pauses between steps, s.
PAUSES = (0, 0, 0, 1, 10, 45, 61, 301)


class Walkable(Walked, Stands, Protocol):
    """A room that can be walked through."""

    def wait(self, seconds: float) -> None: ...

    def try_(self, actor: Actor, command: Command) -> tuple[Event, ...] | Refused: ...


class Walks:
    """What happened on all of them."""

    def __init__(self, chance: random.Random) -> None:
        self.taken: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.walks = 0
        self.steps = 0
        self._chance = chance

    def __str__(self) -> str:
        events = sum(self.taken.values())
        kinds = f"{len(self.taken)} kinds out of {len(EVENTS)}"
        return f"{self.walks} sequences, {self.steps} steps, {events} events of {kinds}"

    def walk(self, room: Walkable) -> None:
        self.walks += 1
        for _ in range(STEPS):
            self.steps += 1
            room.wait(self._chance.choice(PAUSES))
            self._let_fall_due(room)
            # Mostly a step that gets somewhere: a refusal is followed by another try.
            for _ in range(TRIES):
                if self._step(room, *random_step(room, self._chance, EVENTS)):
                    break
            self._let_fall_due(room)
            if self.steps % VIEW_EVERY == 0:
                check_views(room)

    def check(self) -> None:
        assert set(self.refused) <= SENTENCES.keys(), "a refusal without a sentence"
        assert len(self.taken) > 0.9 * len(EVENTS), f"they do not get around: {sorted(set(EVENTS) - set(self.taken))}"

    def _let_fall_due(self, room: Walkable) -> None:
        """What the court does by itself, until nothing is left: each of it may make more."""
        for _ in range(64):
            commands = due(room.sitting, room.utc)
            if not commands:
                return
            assert self._step(room, SYSTEM, commands[0]), f"{commands[0]} is due and refused for ever"
        raise AssertionError("something falls due for ever")

    def _step(self, room: Walkable, actor: Actor, command: Command) -> bool:
        """Whether it made anything."""
        before = room.sitting
        answer = room.try_(actor, command)
        if isinstance(answer, Refused):
            self.refused[answer.code] += 1
            assert room.sitting.seq == before.seq
            return False
        if not answer:
            return False
        self.taken.update(event.name for event in answer)
        check_step(before, room, answer)
        if not due(room.sitting, room.utc):
            check_state(room, thorough=room.sitting.seq % THOROUGH_EVERY == 0)
        return True
