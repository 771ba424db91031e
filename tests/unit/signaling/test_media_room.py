"""What people ask of a media room: their transports and media, and which of their devices may."""

from __future__ import annotations

import asyncio

import pytest

from signaling import messages, worker_api
from signaling.bus.local import LocalBus
from signaling.media_room import Room
from signaling.rooms import Rooms
from signaling.turn import TurnServers

from .fake_worker import CAPABILITIES, DTLS, FakeWorker
from .room_parts import Listener, create, join, plan, produce, refused, until

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
