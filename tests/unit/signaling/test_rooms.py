"""Media rooms on fake workers: placing, obeying, losing, and who may ask for what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from signaling import messages, worker_api
from signaling.application import Refusal
from signaling.bus.local import LocalBus
from signaling.media_room import OBEY_LIMIT_S, Room
from signaling.placement import WORKER_DEAD_AFTER_S, Home
from signaling.rooms import Rooms
from signaling.turn import TurnServers

from .fake_worker import CAPABILITIES, DTLS, PARAMETERS, FakeWorker
from .room_parts import FakeConnection, Listener, plan, until


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


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


StartRoom = Callable[[], Awaitable[Room]]


@pytest.fixture
async def room(rooms: Rooms, worker: FakeWorker, listener: Listener) -> Room:
    room = await rooms.open("sitting", plan(1, "judge", "party"), listener)
    await until(lambda: room.media())
    return room


async def pass_time(rooms: Rooms, clock: Clock, seconds: float) -> None:
    """Control hears its own beats while this time passes."""
    for _ in range(round(seconds * 2)):
        clock.now += 0.5
        rooms._heard(rooms._beat_topic, b"")
        await asyncio.sleep(0)


async def join(room: Room, person_id: str, seat_id: str = "s1") -> FakeConnection:
    connection = FakeConnection(person_id, seat_id)
    await room.attach(connection)
    return connection


async def create(room: Room, connection: FakeConnection, direction: str) -> str:
    request = messages.CreateTransport(
        id=1,
        direction=direction,  # type: ignore[arg-type]
        capabilities=CAPABILITIES if direction == "recv" else None,
    )
    created = await room.ask(connection, request, {})
    room.release(connection)
    assert isinstance(created, messages.TransportCreated)
    await room.ask(connection, messages.ConnectTransport(id=2, transport_id=created.id, dtls_parameters=DTLS), {})
    return created.id


async def produce(room: Room, connection: FakeConnection, transport_id: str) -> str:
    request = messages.Produce(
        id=3, transport_id=transport_id, kind="audio", source="microphone", rtp_parameters=PARAMETERS
    )
    produced = await room.ask(connection, request, {"name": "A. Li", "role": "party"})
    assert isinstance(produced, messages.Produced)
    return produced.id


async def refused(work: Awaitable[object]) -> str:
    with pytest.raises(Refusal) as raised:
        await work
    return raised.value.code


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


# --- media requests ------------------------------------------------------------------


async def test_two_people_send_and_receive(room: Room, worker: FakeWorker, listener: Listener) -> None:
    judge, party = await join(room, "judge"), await join(room, "party")
    send = await create(room, party, "send")
    producer_id = await produce(room, party, send)
    assert worker.producers[producer_id].attributes == {"name": "A. Li", "role": "party"}
    assert listener.devices == {"party": ("on", "none")}
    await create(room, judge, "recv")
    await until(lambda: judge.heard(messages.ConsumerNew))
    (consumer,) = judge.heard(messages.ConsumerNew)
    assert (consumer.person_id, consumer.producer_id, consumer.source) == ("party", producer_id, "microphone")
    await room.ask(judge, messages.ResumeConsumer(id=4, consumer_id=consumer.consumer_id), {})
    await room.ask(party, messages.PauseProducer(id=4, producer_id=producer_id), {})
    assert listener.devices == {"party": ("off", "none")}
    await room.ask(party, messages.ResumeProducer(id=5, producer_id=producer_id), {})
    assert listener.devices == {"party": ("on", "none")}
    await room.ask(party, messages.CloseProducer(id=6, producer_id=producer_id), {})
    assert listener.devices == {"party": ("none", "none")}


async def test_consumers_are_told_after_the_reply_to_the_transport(room: Room, worker: FakeWorker) -> None:
    judge, party = await join(room, "judge"), await join(room, "party")
    await produce(room, party, await create(room, party, "send"))
    request = messages.CreateTransport(id=1, direction="recv", capabilities=CAPABILITIES)
    await room.ask(judge, request, {})
    await asyncio.sleep(0.05)
    assert judge.notices == []
    room.release(judge)
    assert len(judge.heard(messages.ConsumerNew)) == 1


async def test_nobody_names_what_is_not_theirs(room: Room) -> None:
    judge, party = await join(room, "judge"), await join(room, "party")
    send = await create(room, party, "send")
    producer_id = await produce(room, party, send)
    recv = await create(room, judge, "recv")
    await until(lambda: judge.heard(messages.ConsumerNew))
    consumer_id = judge.heard(messages.ConsumerNew)[0].consumer_id
    connect = messages.ConnectTransport(id=1, transport_id=send, dtls_parameters=DTLS)
    assert await refused(room.ask(judge, connect, {})) == "unknown-transport"
    assert await refused(room.ask(judge, messages.RestartIce(id=1, transport_id=send), {})) == "unknown-transport"
    assert await refused(produce(room, judge, send)) == "unknown-transport"
    assert await refused(produce(room, judge, recv)) == "wrong-direction"
    for producer_request in (messages.PauseProducer, messages.ResumeProducer, messages.CloseProducer):
        request = producer_request(id=1, producer_id=producer_id)
        assert await refused(room.ask(judge, request, {})) == "unknown-producer"
    for consumer_request in (messages.PauseConsumer, messages.ResumeConsumer):
        request = consumer_request(id=1, consumer_id=consumer_id)
        assert await refused(room.ask(party, request, {})) == "unknown-consumer"
    layers = messages.SetPreferredLayers(id=1, consumer_id=consumer_id, spatial_layer=0)
    assert await refused(room.ask(party, layers, {})) == "unknown-consumer"


async def test_requests_out_of_order(room: Room) -> None:
    party = await join(room, "party")
    request = messages.CreateTransport(id=1, direction="recv")
    assert await refused(room.ask(party, request, {})) == "capabilities-missing"
    created = await room.ask(party, messages.CreateTransport(id=1, direction="send"), {})
    assert isinstance(created, messages.TransportCreated)
    assert await refused(produce(room, party, created.id)) == "transport-not-connected"


async def test_a_transport_takes_the_place_of_the_earlier(room: Room, listener: Listener) -> None:
    party = await join(room, "party")
    first = await create(room, party, "send")
    await produce(room, party, first)
    second = await create(room, party, "send")
    assert listener.devices == {"party": ("none", "none")}
    assert await refused(produce(room, party, first)) == "unknown-transport"
    await produce(room, party, second)
    await asyncio.sleep(0.02)
    assert listener.devices == {"party": ("on", "none")}
    assert listener.transports == []


async def test_relays_are_told_with_each_transport_and_restart(bus: LocalBus, listener: Listener) -> None:
    rooms = Rooms(bus, turn=TurnServers(("turn:relay.example?transport=udp",), "hush"))
    await rooms.start()
    await asyncio.sleep(0)
    try:
        await FakeWorker(bus).start()
        room = await rooms.open("sitting", plan(1, "judge"), listener)
        await until(lambda: room.media())
        judge = await join(room, "judge")
        created = await room.ask(judge, messages.CreateTransport(id=1, direction="send"), {})
        assert isinstance(created, messages.TransportCreated)
        restarted = await room.ask(judge, messages.RestartIce(id=2, transport_id=created.id), {})
        assert isinstance(restarted, messages.IceRestarted)
        for (server,) in (created.ice_servers, restarted.ice_servers):
            assert server.urls == ["turn:relay.example?transport=udp"]
            assert server.username.endswith(":judge")
    finally:
        await rooms.aclose()


async def test_the_reasons_of_a_worker(room: Room, worker: FakeWorker) -> None:
    party = await join(room, "party")
    for reason, code in [
        ("over-capacity", "media-full"),
        ("invalid", "media-invalid"),
        ("unsupported", "media-unsupported"),
        ("unheard-of", "media-invalid"),
    ]:
        worker.refuse[worker_api.CreateTransport] = reason
        assert await refused(create(room, party, "send")) == code


async def test_transport_states_are_told(room: Room, worker: FakeWorker, listener: Listener) -> None:
    party = await join(room, "party")
    send = await create(room, party, "send")
    await produce(room, party, send)
    for state in ("connected", "lost", "closed"):
        await worker.emit(
            worker_api.TransportState(
                room_id="sitting", peer_id="party", transport_id=send, direction="send", state=state
            )
        )
    await until(lambda: len(listener.transports) == 3)
    assert [notice.state for notice in party.heard(messages.TransportState)] == ["connected", "lost", "closed"]
    assert listener.devices["party"] == ("none", "none")


async def test_loudness_is_told_to_those_who_may_hear(room: Room, worker: FakeWorker) -> None:
    judge, party, waiting = await join(room, "judge"), await join(room, "party"), await join(room, "witness")
    await worker.emit(worker_api.Levels(room_id="sitting", levels={"judge": 30, "party": 40}))
    await until(lambda: waiting.notices)
    assert judge.notices[-1].levels == party.notices[-1].levels == {"judge": 30, "party": 40}
    assert waiting.notices[-1].levels == {}


async def test_a_voice_that_is_withheld_makes_no_sign(room: Room, worker: FakeWorker) -> None:
    judge, party = await join(room, "judge"), await join(room, "party")
    wanted = plan(7, "judge", "party")
    wanted.withhold = {"judge": {"party": ["microphone"]}}
    await room.obey(wanted)
    await worker.emit(worker_api.Levels(room_id="sitting", levels={"judge": 30, "party": 40}))
    await until(lambda: judge.heard(messages.Levels) and party.heard(messages.Levels))
    assert judge.heard(messages.Levels)[-1].levels == {"judge": 30}
    assert party.heard(messages.Levels)[-1].levels == {"judge": 30, "party": 40}


async def test_the_application_learns_how_the_network_serves_people(
    room: Room, worker: FakeWorker, listener: Listener
) -> None:
    quality = worker_api.PeerQuality(uplink_loss=0.25, layer=1)
    await worker.emit(worker_api.Quality(room_id="sitting", peers={"judge": quality}))
    await until(lambda: listener.qualities == [{"judge": quality}])


# --- devices and seats -----------------------------------------------------------------


async def test_another_device_ends_the_media_of_the_first(room: Room, worker: FakeWorker, listener: Listener) -> None:
    first = await join(room, "party", "phone")
    send = await create(room, first, "send")
    await produce(room, first, send)
    second = await join(room, "party", "laptop")
    assert worker.transports == {}
    assert listener.devices == {"party": ("none", "none")}
    assert await refused(create(room, first, "send")) == "media-moved"
    await create(room, second, "send")
    await room.detach(first, keep=False)
    assert len(worker.transports) == 1


async def test_media_goes_on_without_the_socket(room: Room, worker: FakeWorker) -> None:
    first = await join(room, "party")
    await produce(room, first, await create(room, first, "send"))
    await room.detach(first, keep=True)
    assert len(worker.transports) == 1
    second = await join(room, "party")
    assert len(worker.transports) == 1
    await create(room, second, "send")
    await room.detach(second, keep=False)
    assert worker.transports == {}


async def test_whoever_comes_back_is_told_what_is_still_held(room: Room, worker: FakeWorker) -> None:
    judge, party = await join(room, "judge"), await join(room, "party")
    assert room.held(party) is None
    send, recv = await create(room, party, "send"), await create(room, party, "recv")
    producer_id = await produce(room, party, send)
    await produce(room, judge, await create(room, judge, "send"))
    await until(lambda: party.heard(messages.ConsumerNew))
    await room.ask(party, messages.PauseProducer(id=4, producer_id=producer_id), {})
    await room.detach(party, keep=True)

    again = await join(room, "party")
    held = room.held(again)
    assert held is not None
    assert (held.send, held.recv) == (send, recv)
    assert held.producers == [messages.HeldProducer(id=producer_id, source="microphone", paused=True)]
    assert held.consumers == party.heard(messages.ConsumerNew)
    # What was held is what the returned may speak of.
    await room.ask(again, messages.ResumeProducer(id=5, producer_id=producer_id), {})
    await room.ask(again, messages.ResumeConsumer(id=6, consumer_id=held.consumers[0].consumer_id), {})


async def test_another_device_is_told_of_nothing_held(room: Room) -> None:
    first = await join(room, "party", "phone")
    await create(room, first, "send")
    second = await join(room, "party", "laptop")
    assert room.held(second) is None


async def test_media_begun_while_that_of_an_earlier_connection_is_ended(room: Room, worker: FakeWorker) -> None:
    first = await join(room, "party")
    await create(room, first, "send")
    ending = asyncio.create_task(room.detach(first, keep=False))
    await asyncio.sleep(0)
    second = await join(room, "party")
    send = await create(room, second, "send")
    await ending
    assert list(worker.transports) == [send]
    await produce(room, second, send)


async def test_the_time_of_a_seat_ends(room: Room, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signaling.media_room.KEEP_S", 0.01)
    party = await join(room, "party")
    await create(room, party, "send")
    await room.detach(party, keep=True)
    await until(lambda: not worker.transports)


# --- losing a worker ---------------------------------------------------------------------


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
