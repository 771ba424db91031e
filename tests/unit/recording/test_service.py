"""The recorder's door on the bus."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from recording import messages, service
from recording.keys import load_or_make
from recording.objects import open_store
from recording.recorder import Recorder
from recording.service import answer, run_recorder
from tests.recorded import eventually, facts


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path / "spool", open_store((tmp_path / "store").as_uri()), load_or_make(tmp_path / "key.pem"))


class FakeBus:
    """Takes events after some refusals."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.published: list[tuple[str, messages.AnyEvent]] = []
        self.handlers: dict[str, Callable[[bytes], Awaitable[bytes]]] = {}

    async def publish(self, topic: str, payload: bytes) -> None:
        if self.refusals:
            self.refusals -= 1
            raise RuntimeError("away")
        self.published.append((topic, messages.event_decoder.decode(payload)))

    async def serve(self, service: str, handler: Callable[[bytes], Awaitable[bytes]]) -> service.Service:
        self.handlers[service] = handler
        bus = self

        class Served:
            async def aclose(self) -> None:
                bus.handlers.pop(service)

        return Served()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"{}",
        b'{"type":"explode"}',
        b'{"type":"verify","sittingId":"../x"}',
        b'{"type":"verify","sittingId":".hidden"}',
        b'{"type":"verify","sittingId":""}',
        b'{"type":"compose","sittingId":"a","jobId":"a/b"}',
        b'{"type":"finalise","sittingId":"a","facts":{}}',
    ],
)
async def test_what_cannot_be_read_is_refused(recorder: Recorder, payload: bytes) -> None:
    reply = messages.answer_decoder.decode(await answer(recorder, payload))
    assert isinstance(reply, messages.Refused)
    assert reply.reason == "invalid"


async def test_requests_are_answered_and_events_published_although_the_bus_was_away(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "BUS_RETRY_S", 0.01)
    bus = FakeBus(refusals=2)
    task = asyncio.create_task(run_recorder(recorder, bus))

    async def published() -> bool:
        return bool(bus.published)

    await eventually(published)
    topic, event = bus.published[0]
    assert topic == messages.TOPIC
    assert isinstance(event, messages.RecorderState)
    request = messages.Finalise(sitting_id="s", facts=facts(1, ["p"]))
    reply = await bus.handlers[messages.SERVICE](messages.encode(request))
    assert messages.answer_decoder.decode(reply) == messages.Accepted()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert bus.handlers == {}
