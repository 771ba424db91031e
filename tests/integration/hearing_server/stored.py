"""Sittings behind the real runtime and a real database, for the walks that the law's own tests take in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from hearing_server.court import Actor, Command, Event, Now, Refused, Sitting
from hearing_server.court import replay as replayed
from hearing_server.court.draft import sealed
from hearing_server.hearings import Hearings
from hearing_server.store import Court as CourtRow
from hearing_server.store import NewHearing, Store
from signaling.application import Refusal
from tests.unit.hearing_server.court.room import START_UTC, Room
from tests.unit.hearing_server.parts import FakeRecorder, ManualClock, Rooms

COURT = CourtRow(id="c", name="C", name_zh="法院", help_phone="1", time_zone="UTC", profile="demo")


class Database:
    """A store with a loop of its own, so that walks that know no loop can go through it."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        self.store: Store = self._runner.run(Store.open(url))
        self._sittings = 0

    def close(self) -> None:
        self._runner.run(self.store.aclose())
        self._runner.close()

    @contextmanager
    def holding(self, room: Room) -> Iterator[StoredRoom]:
        """This sitting, its log written into the database under a name of its own."""
        stored = self.open(room)
        try:
            yield stored
        finally:
            stored.close()

    def open(self, room: Room) -> StoredRoom:
        self._sittings += 1
        log = named(room.log, f"walk-{self._sittings}")
        self._runner.run(self._write(log, room.utc))
        return StoredRoom(self._runner, self.store, log, room.utc)

    async def _write(self, log: list[Event], utc: int) -> None:
        state = replayed(log)
        assert state is not None
        hearing = NewHearing(
            id=state.id,
            case_number=state.id,
            case_name="A v B",
            case_name_zh="甲诉乙",
            room="1",
            room_zh="一",
            scheduled_utc=state.scheduled or START_UTC,
            # Who is in the log stays as the log says: there is nobody in the diary to follow.
            people=(),
        )
        await self.store.docket.book(COURT, hearing, utc)
        await self.store.log.append(state.id, log, state)


class StoredRoom:
    """As :class:`~tests.unit.hearing_server.court.room.Room`: gives commands to the runtime, and reads the log back."""

    def __init__(self, runner: asyncio.Runner, store: Store, log: list[Event], utc: int) -> None:
        state = replayed(log)
        assert state is not None
        self.sitting: Sitting = state
        self._runner = runner
        self._store = store
        self._clock = ManualClock()
        self._clock.now = utc
        self._hearings = Hearings(store, Rooms(), FakeRecorder(), clock=self._clock)

    def close(self) -> None:
        self._runner.run(self._hearings.aclose())

    @property
    def utc(self) -> int:
        return self._clock.now

    @property
    def now(self) -> Now:
        return Now(utc=self._clock.utc(), mono=self._clock.mono())

    @property
    def log(self) -> list[Event]:
        """As the database has it."""
        return self._runner.run(self._store.log.read(self.sitting.id))

    def wait(self, seconds: float) -> None:
        self._clock.wait(seconds)

    def try_(self, actor: Actor, command: Command) -> tuple[Event, ...] | Refused:
        return self._runner.run(self._try(actor, command))

    async def _try(self, actor: Actor, command: Command) -> tuple[Event, ...] | Refused:
        before = self.sitting.seq
        try:
            self.sitting = await self._hearings.act(self.sitting.id, actor, command, "en")
        except Refusal as refusal:
            return Refused(code=refusal.code)
        return tuple(await self._store.log.read(self.sitting.id, before))


def named(log: list[Event], sitting_id: str) -> list[Event]:
    """The same log for a sitting of this name: its chain begins anew."""
    found: list[Event] = []
    for event in log:
        detail = {**event.detail, "sitting": sitting_id} if not found else event.detail
        previous = found[-1].hash if found else event.prev_hash
        found.append(sealed(replace(event, detail=detail, prev_hash=previous, hash="")))
    return found
