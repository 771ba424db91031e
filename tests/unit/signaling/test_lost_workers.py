"""A room whose worker falls silent, hangs, restarts or forgets it; and what else goes wrong on the bus."""

from __future__ import annotations

import asyncio

import pytest

from signaling import messages, worker_api
from signaling.bus.local import LocalBus
from signaling.media_room import Room
from signaling.placement import WORKER_DEAD_AFTER_S, Home
from signaling.rooms import Rooms

from .fake_worker import FakeWorker
from .room_parts import Clock, Listener, create, join, pass_time, plan, produce, refused, until


async def test_a_silent_worker_is_left(
    rooms: Rooms, room: Room, bus: LocalBus, worker: FakeWorker, clock: Clock, listener: Listener
) -> None:
    party = await join(room, "party")
    await produce(room, party, await create(room, party, "send"))
    first = room.media()
    await worker.stop()
    other = FakeWorker(bus, "w2")
    await pass_time(rooms, clock, 1.0)
    await other.start()
    await pass_time(rooms, clock, 1.5)
    await until(lambda: listener.media[-1] == ("ready", "w2.e1"))
    assert listener.media == [("ready", "w1.e1"), ("lost", None), ("ready", "w2.e1")]
    assert [notice.state for notice in party.heard(messages.MediaNotice)] == ["lost", "ready"]
    assert listener.devices == {"party": ("none", "none")}
    media = room.media()
    assert media is not None
    assert first is not None
    assert media.generation > first.generation
    await produce(room, party, await create(room, party, "send"))


async def test_a_worker_that_hangs_is_left(
    rooms: Rooms,
    room: Room,
    bus: LocalBus,
    worker: FakeWorker,
    clock: Clock,
    listener: Listener,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("signaling.rooms.ANSWER_LIMIT_S", 0.1)
    worker.mute = True
    other = FakeWorker(bus, "w2")
    for _ in range(round(WORKER_DEAD_AFTER_S) + 1):
        await pass_time(rooms, clock, 1.0)
        await other.start()
    await until(lambda: listener.media[-1] == ("ready", "w2.e1"))
    await worker.stop()


async def test_a_restarted_worker_is_seen_at_once(room: Room, bus: LocalBus, listener: Listener) -> None:
    again = FakeWorker(bus, "w1", "e2")
    await again.start()
    await until(lambda: listener.media[-1] == ("ready", "w1.e2"))
    assert listener.media == [("ready", "w1.e1"), ("lost", None), ("ready", "w1.e2")]


async def test_a_worker_heard_a_moment_ago_is_not_given_up(room: Room, worker: FakeWorker, listener: Listener) -> None:
    party = await join(room, "party")
    await worker.stop()
    assert await refused(create(room, party, "send")) == "media-unavailable"
    obeying = asyncio.create_task(room.obey(plan(9)))
    await asyncio.sleep(0.05)
    await worker.start()
    await obeying
    assert worker.rooms["sitting"].plan.version == 9
    assert listener.media == [("ready", "w1.e1")]


async def test_a_worker_that_lost_the_room_is_told_again(room: Room, worker: FakeWorker, listener: Listener) -> None:
    worker.rooms.clear()
    for _ in range(3):
        await worker.beat()
    await until(lambda: listener.media[1:] == [("lost", None), ("ready", "w1.e1")])
    assert "sitting" in worker.rooms


async def test_a_room_that_lives_elsewhere_now_is_closed(
    rooms: Rooms, room: Room, worker: FakeWorker, bus: LocalBus, clock: Clock, listener: Listener
) -> None:
    other = FakeWorker(bus, "w2")
    for _ in range(5):  # w1 is not heard, but goes on forwarding
        await pass_time(rooms, clock, 1.0)
        await other.start()
    await until(lambda: listener.media[-1] == ("ready", "w2.e1"))
    await worker.beat()
    await until(lambda: not worker.rooms)
    assert "sitting" in other.rooms


async def test_lost_events_are_noticed(room: Room, worker: FakeWorker, listener: Listener) -> None:
    party = await join(room, "party")
    await worker.emit(worker_api.Levels(room_id="sitting", levels={}))
    await worker.emit(worker_api.Levels(room_id="sitting", levels={}))
    await until(lambda: len(party.heard(messages.Levels)) == 2)
    worker.lose_event()
    await worker.emit(worker_api.Levels(room_id="sitting", levels={}))
    await until(lambda: listener.media == [("ready", "w1.e1"), ("lost", None), ("ready", "w1.e1")])


async def test_an_event_told_twice_is_taken_once(room: Room, bus: LocalBus, worker: FakeWorker) -> None:
    party = await join(room, "party")
    event = worker_api.Levels(room_id="sitting", levels={})
    await worker.emit(event)
    await bus.publish(worker_api.service("w1"), worker_api.encode(event))
    await worker.emit(worker_api.Levels(room_id="sitting", levels={"party": 1}))
    await until(lambda: party.heard(messages.Levels)[-1:] == [messages.Levels(levels={"party": 1})])
    assert len(party.heard(messages.Levels)) == 2


async def test_time_in_which_the_bus_was_not_heard_kills_nobody(
    rooms: Rooms, room: Room, clock: Clock, listener: Listener
) -> None:
    clock.now += 3600
    rooms._heard(rooms._beat_topic, b"")
    await asyncio.sleep(0.05)
    assert listener.media == [("ready", "w1.e1")]


async def test_garbage_on_the_bus(room: Room, worker: FakeWorker, bus: LocalBus, listener: Listener) -> None:
    await bus.publish(worker_api.HEARTBEAT_TOPIC, b"{")
    await bus.publish(worker_api.service("w1"), b"null")
    await worker.emit(worker_api.Levels(room_id="unknown", levels={}))
    await room.obey(plan(2))
    assert worker.rooms["sitting"].plan.version == 2


async def test_a_failing_application_does_not_stop_the_room(room: Room, worker: FakeWorker, listener: Listener) -> None:
    def fail(state: object) -> None:
        raise LookupError("this test asked for it")

    listener.capture_changed = fail  # type: ignore[method-assign]
    await worker.emit(
        worker_api.CaptureState(room_id="sitting", recording_id="r", tracks=0, durable_wall_ns=1, bytes=1)
    )
    await room.obey(plan(2))
    assert worker.rooms["sitting"].plan.version == 2


async def test_the_newest_heartbeat_of_each_worker_is_kept_while_it_lives(
    rooms: Rooms, worker: FakeWorker, clock: Clock
) -> None:
    await until(lambda: list(rooms.heartbeats) == ["w1"])
    assert rooms.heartbeats["w1"].epoch == "e1"
    rooms._take_changes(rooms._placement.lost(Home("w1", "e1")))
    assert rooms.heartbeats == {}
