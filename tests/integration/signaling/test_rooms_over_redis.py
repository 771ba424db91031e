"""Redis goes away in the middle of a hearing: no room is lost, and what was decided meanwhile is obeyed afterwards."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from signaling import messages
from signaling.bus import BusClosed
from signaling.rooms import Rooms
from tests.unit.signaling.fake_worker import CAPABILITIES, FakeWorker
from tests.unit.signaling.room_parts import FakeConnection, Listener, plan, until

from .buses import OverRedis, eventually_connected

pytestmark = pytest.mark.servers


@pytest.fixture
async def buses(tmp_path: Path) -> AsyncIterator[OverRedis]:
    buses = OverRedis(tmp_path)
    await buses.mend_server()
    yield buses
    await buses.aclose()


async def keep_beating(worker: FakeWorker) -> None:
    while True:
        with contextlib.suppress(BusClosed):
            await worker.beat()
        await asyncio.sleep(0.2)


async def test_redis_is_restarted(buses: OverRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signaling.media_room.OBEY_LIMIT_S", 0.5)
    control, node = buses.end(), buses.end()
    await eventually_connected(control)
    worker = FakeWorker(node)
    rooms = Rooms(control)
    listener = Listener()
    await rooms.start()
    await worker.start()
    beating = asyncio.create_task(keep_beating(worker))
    room = await rooms.open("sitting", plan(1, "judge", "witness"), listener)
    await until(lambda: room.media(), 20)
    listener.media.clear()
    connection = FakeConnection("judge")
    await room.attach(connection)

    await buses.break_server()
    await room.obey(plan(2, "judge"))  # gives up waiting, not trying
    assert worker.rooms["sitting"].plan.version == 1
    await asyncio.sleep(4)  # longer than the silence after which a worker counts as dead
    await buses.mend_server()
    await until(lambda: worker.rooms["sitting"].plan.version == 2, 20)
    await until(lambda: room.core.obeys, 20)
    assert listener.media == []
    request = messages.CreateTransport(id=1, direction="recv", capabilities=CAPABILITIES)
    await room.ask(connection, request, {})

    beating.cancel()
    await asyncio.wait([beating])
    await rooms.aclose()
