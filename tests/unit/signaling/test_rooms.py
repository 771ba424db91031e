"""Media rooms on fake workers: placing, obeying, closing."""

from __future__ import annotations

import asyncio

from signaling import messages, worker_api
from signaling.bus.local import LocalBus
from signaling.media_room import OBEY_LIMIT_S, Room
from signaling.rooms import Rooms

from .fake_worker import FakeWorker
from .room_parts import Listener, create, join, plan, refused, until

# --- placing --------------------------------------------------------------------


async def test_a_room_waits_for_a_worker(rooms: Rooms, bus: LocalBus, listener: Listener) -> None:
    room = await rooms.open("sitting", plan(1), listener)
    connection = await join(room, "judge")
    await room.obey(plan(2, "judge"))
    assert room.media() is None
    assert await refused(create(room, connection, "send")) == "media-unavailable"
    await until(lambda: listener.media == [("lost", None)])
    worker = FakeWorker(bus)
    await worker.start()
    await until(lambda: room.media())
    assert worker.rooms["sitting"].plan == plan(2, "judge")
    assert listener.media == [("lost", None), ("ready", "w1.e1")]
    (notice,) = connection.heard(messages.MediaNotice)
    assert notice.state == "ready"
    assert notice.media == room.media()


async def test_a_room_that_finds_no_room_says_so_until_there_is_some(
    rooms: Rooms, bus: LocalBus, listener: Listener
) -> None:
    small = FakeWorker(bus, limit_s=10.0)
    await small.start()
    first = await rooms.open("first", plan(1), Listener())
    await until(lambda: first.media())
    second = await rooms.open("second", plan(1), listener)
    await until(lambda: listener.media == [("full", None)])
    assert second.media() is None
    other = FakeWorker(bus, "w2")
    await other.start()
    await until(lambda: listener.media == [("full", None), ("ready", "w2.e1")])


async def test_opening_a_room_again_gives_the_same(rooms: Rooms, room: Room, worker: FakeWorker) -> None:
    again = Listener()
    assert await rooms.open("sitting", plan(7), again) is room
    assert worker.rooms["sitting"].plan.version == 7
    await worker.emit(
        worker_api.CaptureState(room_id="sitting", recording_id="r", tracks=0, durable_wall_ns=1, bytes=1)
    )
    await until(lambda: again.captures)


async def test_what_an_earlier_control_left_is_closed_first(bus: LocalBus, rooms: Rooms, listener: Listener) -> None:
    worker = FakeWorker(bus)
    left = worker.rooms["sitting"] = worker.rooms.setdefault("sitting", None)  # type: ignore[arg-type]
    del left
    await worker.start()
    room = await rooms.open("sitting", plan(1), listener)
    await until(lambda: room.media())
    assert [type(command) for command in worker.commands] == [worker_api.CloseRoom, worker_api.OpenRoom]


async def test_a_worker_that_refuses_the_room_is_passed_over(
    bus: LocalBus, rooms: Rooms, worker: FakeWorker, listener: Listener
) -> None:
    worker.refuse[worker_api.OpenRoom] = "over-capacity"
    other = FakeWorker(bus, "w2")
    await other.start()
    room = await rooms.open("sitting", plan(1), listener)
    await until(lambda: room.media())
    assert listener.media == [("ready", "w2.e1")]


# --- plans ------------------------------------------------------------------------


async def test_the_last_plan_wins(room: Room, worker: FakeWorker) -> None:
    await asyncio.gather(*(room.obey(plan(version, "judge")) for version in (2, 5, 3, 4)))
    assert worker.rooms["sitting"].plan.version == 5
    versions = [command.plan.version for command in worker.told(worker_api.SetPlan)]
    assert versions == sorted(versions)


async def test_obeying_waits_for_the_worker(room: Room, worker: FakeWorker) -> None:
    await room.obey(plan(2))
    assert worker.rooms["sitting"].plan.version == 2


async def test_closing(room: Room, rooms: Rooms, worker: FakeWorker, listener: Listener) -> None:
    connection = await join(room, "judge")
    await room.close()
    assert worker.rooms == {}
    assert await refused(create(room, connection, "send")) == "media-unavailable"
    await room.close()
    again = await rooms.open("sitting", plan(1), listener)
    assert again is not room
    await until(lambda: again.media())


async def test_a_person_s_media_end_with_the_room(room: Room, worker: FakeWorker) -> None:
    connection = await join(room, "party")
    await create(room, connection, "send")
    leaving = asyncio.create_task(room.detach(connection, keep=False))
    await asyncio.sleep(0)
    await room.close()
    async with asyncio.timeout(OBEY_LIMIT_S / 2):
        await leaving
    assert worker.rooms == {}
