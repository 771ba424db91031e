"""A media room on a fake worker, with a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from signaling.bus.local import LocalBus
from signaling.media_room import Room
from signaling.rooms import Rooms

from .fake_worker import FakeWorker
from .room_parts import Clock, Listener, plan, until


@pytest.fixture
async def bus() -> AsyncIterator[LocalBus]:
    bus = LocalBus()
    yield bus
    await bus.aclose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def rooms(bus: LocalBus, clock: Clock) -> AsyncIterator[Rooms]:
    rooms = Rooms(bus, clock=clock)
    await rooms.start()
    await asyncio.sleep(0)
    yield rooms
    await rooms.aclose()


@pytest.fixture
async def worker(bus: LocalBus, rooms: Rooms) -> FakeWorker:
    worker = FakeWorker(bus)
    await worker.start()
    return worker


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
async def room(rooms: Rooms, worker: FakeWorker, listener: Listener) -> Room:
    room = await rooms.open("sitting", plan(1, "judge", "party"), listener)
    await until(lambda: room.media())
    return room
