"""The recorder on the bus: answers its requests and publishes its events."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from . import messages
from .recorder import Recorder

log = logging.getLogger(__name__)

#: Events that may wait for a bus that is away; the oldest are dropped beyond it (requests are repeated anyway).
EVENTS_LIMIT = 1000
#: A bus that refused an event is tried again after this, s.
BUS_RETRY_S = 1.0


class Service(Protocol):
    async def aclose(self) -> None: ...


class Bus(Protocol):
    """What :class:`signaling.bus.Bus` offers."""

    async def publish(self, topic: str, payload: bytes) -> None: ...

    async def serve(self, service: str, handler: Callable[[bytes], Awaitable[bytes]]) -> Service: ...


async def run_recorder(recorder: Recorder, bus: Bus) -> None:
    """Serve :data:`messages.SERVICE` and look after the spool until cancelled."""
    events: deque[messages.AnyEvent] = deque(maxlen=EVENTS_LIMIT)
    wake = asyncio.Event()

    def publish(event: messages.AnyEvent) -> None:
        events.append(event)
        wake.set()

    recorder.publish = publish
    # Two recorders on one spool: the second stands by, and answers nothing before the first is gone.
    await recorder.take_spool()
    service = await bus.serve(messages.SERVICE, lambda payload: answer(recorder, payload))
    sender = asyncio.create_task(_send(events, wake, bus))
    try:
        await recorder.run()
    finally:
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)
        await service.aclose()


async def answer(recorder: Recorder, payload: bytes) -> bytes:
    """One request, one answer; a request that cannot be read is refused as ``invalid``."""
    try:
        request = messages.request_decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return messages.encode(messages.Refused(reason="invalid", detail=str(error)[:200]))
    match request:
        case messages.Finalise():
            reply = await recorder.finalise(request)
        case messages.Compose():
            reply = await recorder.compose(request)
        case messages.Excerpt():
            reply = await recorder.excerpt(request)
        case messages.Withhold():
            reply = await recorder.withhold(request)
        case messages.Verify():
            reply = await recorder.verify(request)
        case messages.Keep():
            reply = await recorder.keep(request)
        case messages.Write():
            reply = await recorder.write(request)
        case messages.Add():
            reply = await recorder.add(request)
        case messages.Discard():
            reply = await recorder.discard(request)
    return messages.encode(reply)


async def _send(events: deque[messages.AnyEvent], wake: asyncio.Event, bus: Bus) -> None:
    while True:
        await wake.wait()
        wake.clear()
        while events:
            event = events[0]
            try:
                await bus.publish(messages.TOPIC, messages.encode(event))
            except Exception as error:  # the bus's own errors are not known here
                log.warning("the bus did not take an event: %s", error)
                await asyncio.sleep(BUS_RETRY_S)
                continue
            # While the bus was waited for, the bound may have dropped this event already.
            if events and events[0] is event:
                events.popleft()
