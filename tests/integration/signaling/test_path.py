"""The whole path: real workers on a bus, rooms, sockets on a real server, and two foreign clients with real media."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal as signals
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from signaling.bus.factory import open_bus
from signaling.bus.local import LocalBus
from signaling.rooms import Rooms
from signaling.sfu.service import run_worker
from signaling.sfu.settings import WorkerSettings
from signaling.sfu.worker import Worker
from tests.integration.sfu.peer import MemorySink
from tests.servers.process import ServerProcess

from .client import MediaClient, RequestError, SignalClient
from .court import SmallCourt, served


class WorkerProcess:
    """A worker that can be killed: from then on nothing is answered and no packet is forwarded."""

    def __init__(self, bus: LocalBus, worker_id: str) -> None:
        self.bus = bus
        self.worker_id = worker_id
        self.sink = MemorySink()

    async def start(self) -> None:
        # aioice offers no loopback candidates, so the worker listens on every address.
        self.worker = Worker(WorkerSettings(listen=("0.0.0.0",)), self.sink)
        await self.worker.start()
        self.task = asyncio.create_task(run_worker(self.worker, self.bus, self.worker_id, f"run-{self.worker_id}"))

    async def kill(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])
        await self.worker.aclose()


@pytest.fixture
async def bus() -> AsyncIterator[LocalBus]:
    bus = LocalBus()
    yield bus
    await bus.aclose()


@pytest.fixture
async def court(bus: LocalBus) -> AsyncIterator[SmallCourt]:
    rooms = Rooms(bus)
    await rooms.start()
    yield SmallCourt(rooms)
    await rooms.aclose()


@contextlib.asynccontextmanager
async def joined(url: str, person_id: str) -> AsyncIterator[tuple[SignalClient, MediaClient]]:
    signal = await SignalClient.connect(f"{url}?person={person_id}")
    media = MediaClient(signal)
    try:
        answer = await signal.ask("join", protocol=1, locale="en")
        ready = answer["media"] or (await signal.notice("media", state="ready"))["media"]
        await media.build(ready)
        yield signal, media
    finally:
        await media.teardown()
        await signal.aclose()


async def test_two_people_meet_lose_their_worker_and_meet_again(bus: LocalBus, court: SmallCourt) -> None:
    first, second = WorkerProcess(bus, "w1"), WorkerProcess(bus, "w2")
    await first.start()
    async with served(court) as url, joined(url, "judge") as judge, joined(url, "claimant") as claimant:
        (judge_signal, judge_media), (claimant_signal, claimant_media) = judge, claimant
        await judge_media.sees_and_hears("claimant")
        await claimant_media.sees_and_hears("judge")
        assert court.devices == {"judge": ("on", "on"), "claimant": ("on", "on")}
        assert {
            (track.info.peer_id, track.info.source, track.info.attributes["name"])
            for track in first.sink.recordings["r"].tracks
        } == {
            ("judge", "microphone", "Judge"),
            ("judge", "camera", "Judge"),
            ("claimant", "microphone", "Claimant"),
            ("claimant", "camera", "Claimant"),
        }

        await claimant_signal.ask("producer.pause", producerId=claimant_media.producers["microphone"])
        assert court.devices["claimant"] == ("off", "on")
        await judge_signal.notice("consumer.state", producerPaused=True)
        with pytest.raises(RequestError) as raised:
            await judge_signal.ask("producer.close", producerId=claimant_media.producers["microphone"])
        assert raised.value.code == "unknown-producer"

        await second.start()
        await first.kill()
        for signal, media in (judge, claimant):
            await signal.notice("media", state="lost")
            ready = (await signal.notice("media", state="ready"))["media"]
            await media.teardown()
            await media.build(ready)
        await judge_media.sees_and_hears("claimant")
        await claimant_media.sees_and_hears("judge")
        assert court.media == [("ready", "w1.run-w1"), ("lost", None), ("ready", "w2.run-w2")]

        await claimant_signal.ask("leave")
        assert (await claimant_signal.notice("ended"))["reason"] == "left"
        assert await claimant_signal.closed() == 1000
        await judge_signal.notice("consumer.closed")
    await second.kill()


async def test_a_killed_worker_process(tmp_path: Path, seen: Callable[[str], None]) -> None:
    """SIGKILL in the middle: everybody is on another worker without touching anything."""
    processes = {
        worker_id: ServerProcess(
            [sys.executable, "-m", "tests.integration.signaling.worker_process", str(tmp_path), worker_id],
            log=tmp_path / f"{worker_id}.log",
        )
        for worker_id in ("w1", "w2")
    }
    async with open_bus("local:", tmp_path, hub=True) as bus:
        rooms = Rooms(bus)
        await rooms.start()
        court = SmallCourt(rooms)
        async with served(court) as url, joined(url, "judge") as judge, joined(url, "claimant") as claimant:
            await judge[1].sees_and_hears("claimant")
            await claimant[1].sees_and_hears("judge")
            writer = court.media[-1][1]
            assert writer is not None
            killed = processes[writer.partition(".")[0]]
            os.kill(killed.pid, signals.SIGKILL)
            began = time.monotonic()

            async def return_(signal: SignalClient, media: MediaClient) -> None:
                await signal.notice("media", state="lost")
                ready = (await signal.notice("media", state="ready"))["media"]
                await media.teardown()
                await media.build(ready)

            await asyncio.gather(return_(*judge), return_(*claimant))
            await asyncio.gather(judge[1].sees_and_hears("claimant", 1), claimant[1].sees_and_hears("judge", 1))
            seen(f"everyone back {time.monotonic() - began:.1f} s after SIGKILL")
            assert court.media[-1][1] not in (None, writer)
        await rooms.aclose()
    for process in processes.values():
        process.stop()
