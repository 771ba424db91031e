"""A worker on a bus: commands, events, heartbeats."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from signaling import worker_api as api
from signaling.bus.local import LocalBus
from signaling.sfu.service import run_worker
from signaling.sfu.settings import WorkerSettings
from signaling.sfu.worker import Worker

from .peer import CLIENT_CAPABILITIES, ROOM, MemorySink, audio_parameters


@pytest.fixture
async def bus() -> AsyncIterator[LocalBus]:
    worker = Worker(WorkerSettings(listen=("127.0.0.1",)), MemorySink())
    await worker.start()
    bus = LocalBus()
    task = asyncio.create_task(run_worker(worker, bus, "w1", epoch="e1"))
    await asyncio.sleep(0.05)
    yield bus
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await worker.aclose()
    await bus.aclose()


async def ask(bus: LocalBus, command: api.AnyCommand) -> api.AnyAnswer:
    return api.answer_decoder.decode(await bus.request(api.service("w1"), api.encode(command)))


async def test_commands_are_answered_and_their_events_follow_in_order(bus: LocalBus) -> None:
    async with bus.subscribe(api.service("w1")) as inbox:
        plan = api.Plan(version=1, publish={"a": ["microphone"]}, receive={"b": ["a"]}, record="r")
        assert isinstance(await ask(bus, api.OpenRoom(room_id=ROOM, plan=plan)), api.RoomOpened)
        up = await ask(bus, api.CreateTransport(room_id=ROOM, peer_id="a", direction="send"))
        assert isinstance(up, api.TransportCreated)
        receive = api.CreateTransport(room_id=ROOM, peer_id="b", direction="recv", capabilities=CLIENT_CAPABILITIES)
        assert isinstance(await ask(bus, receive), api.TransportCreated)
        produced = await ask(
            bus,
            api.Produce(transport_id=up.id, kind="audio", source="microphone", rtp_parameters=audio_parameters()),
        )
        assert isinstance(produced, api.Produced)
        assert isinstance(await ask(bus, api.CloseProducer(producer_id=produced.id)), api.Done)
        events = [api.event_decoder.decode((await anext(aiter(inbox)))[1]) for _ in range(2)]
    assert isinstance(events[0], api.ConsumerNew)
    assert events[0].producer_id == produced.id
    assert events[1] == api.ConsumerClosed(room_id=ROOM, seq=2, peer_id="b", consumer_id=events[0].consumer_id)


async def test_nonsense_is_refused_with_words(bus: LocalBus) -> None:
    for payload in (b"", b"{", b"[]", b'{"type":"dance"}', b'{"type":"room.open"}', b"\xff" * 100):
        answer = api.answer_decoder.decode(await bus.request(api.service("w1"), payload))
        assert isinstance(answer, api.Refused)
        assert answer.reason == "invalid"
        assert answer.detail


async def test_the_heart_beats(bus: LocalBus) -> None:
    await ask(bus, api.OpenRoom(room_id=ROOM, plan=api.Plan(version=1)))
    async with bus.subscribe(api.HEARTBEAT_TOPIC) as inbox:
        async with asyncio.timeout(5):
            beat = api.heartbeat_decoder.decode((await anext(aiter(inbox)))[1])
    assert (beat.worker_id, beat.epoch, beat.rooms) == ("w1", "e1", [ROOM])
    assert beat.packets_out_limit_s > 0
