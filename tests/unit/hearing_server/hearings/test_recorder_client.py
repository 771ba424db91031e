"""Control's side of the recorder, over the bus of one process."""

from __future__ import annotations

import asyncio

import pytest

from hearing_server.hearings import RecorderClient, RecorderUnavailable
from recording import messages as m
from signaling.bus.local import LocalBus


async def test_a_request_is_answered() -> None:
    bus = LocalBus()
    asked: list[m.AnyRequest] = []

    async def recorder(payload: bytes) -> bytes:
        asked.append(m.request_decoder.decode(payload))
        return m.encode(m.Accepted())

    await bus.serve(m.SERVICE, recorder)
    assert await RecorderClient(bus).ask(m.Verify(sitting_id="s1")) == m.Accepted()
    assert asked == [m.Verify(sitting_id="s1")]
    await bus.aclose()


async def test_nobody_answers_or_nonsense() -> None:
    bus = LocalBus()
    client = RecorderClient(bus)
    with pytest.raises(RecorderUnavailable):
        await client.ask(m.Verify(sitting_id="s1"))

    async def nonsense(payload: bytes) -> bytes:
        return b'{"type": "of another version"}'

    await bus.serve(m.SERVICE, nonsense)
    with pytest.raises(RecorderUnavailable):
        await client.ask(m.Verify(sitting_id="s1"))
    await bus.aclose()
    with pytest.raises(RecorderUnavailable):
        await client.ask(m.Verify(sitting_id="s1"))


async def test_events_are_heard_and_nonsense_is_passed_over() -> None:
    bus = LocalBus()
    heard: asyncio.Queue[m.AnyEvent] = asyncio.Queue()
    listening = asyncio.create_task(RecorderClient(bus).listen(heard.put))
    sealed = m.Sealed(sitting_id="s1", manifest_sha256="ab" * 32, playable=True)
    for _ in range(100):
        await bus.publish(m.TOPIC, b"nonsense")
        await bus.publish(m.TOPIC, m.encode(sealed))
        if not heard.empty():
            break
        await asyncio.sleep(0.01)
    assert await asyncio.wait_for(heard.get(), 5) == sealed
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    await bus.aclose()
