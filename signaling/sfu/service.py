"""A worker on the bus: its commands, its events, its heartbeat."""

from __future__ import annotations

import asyncio
import logging
import secrets
from itertools import count

import msgspec

from .. import worker_api as api
from ..bus import Bus, BusError
from .worker import Worker

logger = logging.getLogger(__name__)

#: Events waiting for the bus.  More means that the bus is gone; the oldest then go, as a new control asks anew.
EVENT_LIMIT = 4096
#: Pause before an event is tried again on a bus that is away.
RETRY_S = 0.25


def new_epoch() -> str:
    """Names one run of a worker process."""
    return secrets.token_hex(8)


async def run_worker(worker: Worker, bus: Bus, worker_id: str, epoch: str | None = None) -> None:
    """Serve a started worker until cancelled.

    ``epoch`` is also part of the writer's name in the record, so whoever composes the process may choose it
    (:func:`new_epoch`).  Commands come to the service ``worker.<id>``, events go to the topic of the same name, in
    order, and a heartbeat to ``workers`` each half second.
    """
    name = api.service(worker_id)
    events: asyncio.Queue[bytes] = asyncio.Queue()
    numbers = count(1)

    def take(event: api.AnyEvent) -> None:
        event.seq = next(numbers)
        _enqueue(events, event)

    worker.on_event = take

    async def handle(payload: bytes) -> bytes:
        try:
            command = api.command_decoder.decode(payload)
        except msgspec.DecodeError as error:
            return api.encode(api.Refused(reason="invalid", detail=str(error)))
        return api.encode(await worker.handle(command))

    service = await bus.serve(name, handle)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_publish_events(bus, name, events))
            group.create_task(_beat(worker, bus, worker_id, epoch or new_epoch()))
    finally:
        await service.aclose()


def _enqueue(events: asyncio.Queue[bytes], event: api.AnyEvent) -> None:
    if events.qsize() >= EVENT_LIMIT:
        events.get_nowait()
        logger.warning("an event was dropped: the bus does not take them")
    events.put_nowait(api.encode(event))


async def _publish_events(bus: Bus, topic: str, events: asyncio.Queue[bytes]) -> None:
    while True:
        payload = await events.get()
        while True:
            try:
                await bus.publish(topic, payload)
                break
            except BusError:
                await asyncio.sleep(RETRY_S)


async def _beat(worker: Worker, bus: Bus, worker_id: str, epoch: str) -> None:
    while True:
        load = worker.load()
        beat = api.Heartbeat(
            worker_id=worker_id,
            epoch=epoch,
            rooms=list(load.rooms),
            packets_out_s=load.packets_out_s,
            packets_out_limit_s=load.packets_out_limit_s,
            metrics=worker.metrics(),
        )
        try:
            await bus.publish(api.HEARTBEAT_TOPIC, api.encode(beat))
        except BusError as error:
            logger.debug("no heartbeat: %s", error)
        await asyncio.sleep(api.HEARTBEAT_S)
