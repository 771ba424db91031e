"""The eight invariants over random sequences of commands, through the runtime and the log of each database.

With those by the law alone (tests/unit/hearing_server/court/test_walks.py) there are ten thousand sequences.  Replaying
what the database holds gives the state bit for bit after each of them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from hearing_server.store import engine
from tests.unit.hearing_server.court.company import BEGINNINGS
from tests.unit.hearing_server.court.invariants import CHECKED, check_log, said
from tests.unit.hearing_server.court.room import Room
from tests.unit.hearing_server.court.test_properties import Court
from tests.unit.hearing_server.court.walking import Walkable, Walks

from .stored import Database

WALKS = 200
SEED = 20_261_123


@pytest.fixture
def database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    # What a power cut would cost is not asked here; waiting for the disk at each commit would take most of the time.
    quick = tuple(pragma.replace("=FULL", "=OFF") for pragma in engine.SQLITE_PRAGMAS)
    monkeypatch.setattr(engine, "SQLITE_PRAGMAS", quick)
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.mark.timeout(600)
def test_sequences_through_the_runtime(database: Database, seen: Callable[[str], None]) -> None:
    walks = Walks(random.Random(SEED))
    beginnings = [begin() for begin in BEGINNINGS]
    before = CHECKED.copy()
    for number in range(WALKS):
        with database.holding(beginnings[number % len(beginnings)]) as room:
            walks.walk(room)
            check_log(room)
    seen(str(walks))
    seen(said(CHECKED - before))


@pytest.mark.timeout(600)
def test_the_shortest_sequence_that_breaks_an_invariant_is_looked_for(database: Database) -> None:
    class StoredCourt(Court):
        def opened(self, room: Room) -> Walkable:
            self.stored = database.open(room)
            return self.stored

        def teardown(self) -> None:
            super().teardown()
            if hasattr(self, "stored"):
                self.stored.close()

    run_state_machine_as_test(StoredCourt, settings=settings(max_examples=12, stateful_step_count=20))
