"""Hearing after hearing on one worker, with everything that happens in them, good and bad; seeded.

Afterwards nothing may be left: no object of the media plane, no address, no memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os
import random
import socket
from array import array
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from signaling import worker_api as api
from signaling.sfu import rtcp, rtp, stun
from signaling.sfu.settings import WorkerSettings
from signaling.sfu.worker import Worker
from tests.integration.sfu.peer import (
    MID_ID,
    RID_ID,
    VP8_PT,
    Court,
    Link,
    MemorySink,
    audio_parameters,
    opus,
    video_parameters,
)

PEOPLE = ("judge", "claimant", "respondent", "witness")
LAYERS = 3
#: Temporal layers of one frame after the other, and packets of a frame by spatial layer.
PATTERN = (0, 2, 1, 2)
PACKETS_PER_FRAME = (1, 2, 3)
FRAME_S = 0.03
#: Frames of one hearing, and hearings at the same time.
FRAMES = 60
HEARINGS_AT_ONCE = 2
#: Something happens in this share of the frames.
EVENT_SHARE = 0.3


class Person:
    """Sends sound and three layers of picture, receives all others."""

    def __init__(self, court: Court, name: str, dice: random.Random) -> None:
        self.court = court
        self.name = name
        self.up: Link | None = None
        self.down: Link | None = None
        self._dice = dice
        self._frame = 0
        self._sequences = [dice.randrange(65536) for _ in range(LAYERS)]
        self._sound = dice.randrange(65536)

    async def join(self) -> None:
        self.up = await self.court.link(self.name, "send", tcp=self._dice.random() < 0.15)
        self.down = await self.court.link(self.name, "recv", tcp=self._dice.random() < 0.15)
        rids = [f"r{layer}" for layer in range(LAYERS)]
        await self.court.produce(self.up, "microphone", audio_parameters())
        await self.court.produce(self.up, "camera", video_parameters(rids))

    async def take(self) -> None:
        """Resume every consumer that was announced."""
        for event in self.announced():
            await self.court.ask(api.ResumeConsumer(consumer_id=event.consumer_id))

    def announced(self) -> list[api.ConsumerNew]:
        gone = {e.consumer_id for e in self.court.events if isinstance(e, api.ConsumerClosed)}
        made = [e for e in self.court.events if isinstance(e, api.ConsumerNew) and e.peer_id == self.name]
        return [e for e in made if e.consumer_id not in gone]

    def send(self) -> None:
        """One frame on every layer, and the sound beside it; some packets are lost, late, or come twice."""
        assert self.up is not None
        asked = any(isinstance(report, rtcp.KeyframeRequest) for report in self.up.reports)
        self.up.reports.clear()
        frame, self._frame = self._frame, self._frame + 1
        temporal = PATTERN[frame % len(PATTERN)]
        key = asked or frame == 0
        packets = [opus(self._sound & 0xFFFF, level=self._dice.choice((20, 50, 127)))]
        self._sound += 1
        for layer in range(LAYERS):
            for part in range(PACKETS_PER_FRAME[layer]):
                descriptor = bytes([0x90 if part == 0 else 0x80, 0xE0]) + (0x8000 | frame & 0x7FFF).to_bytes(2, "big")
                descriptor += bytes([frame // 4 & 0xFF, temporal << 6 | (temporal > 0) << 5])
                payload = descriptor + (b"\x10" if key and part == 0 else b"\x11") + bytes(300)
                number = self._sequences[layer]
                self._sequences[layer] += 1
                extensions = {MID_ID: b"1", RID_ID: b"r%d" % layer}
                last = part == PACKETS_PER_FRAME[layer] - 1
                stamp = frame * 2700
                packets.append(
                    rtp.build(VP8_PT, number & 0xFFFF, stamp, 500 + layer, payload, marker=last, extensions=extensions)
                )
        if self._dice.random() < 0.1:
            self._dice.shuffle(packets)
        for packet in packets:
            for _ in range(self._dice.choices((1, 0, 2), (95, 3, 2))[0]):
                self.up.send_rtp(packet)

    async def happens(self) -> None:
        """One thing that people, networks or attackers do."""
        assert self.up is not None
        assert self.down is not None
        dice = self._dice
        mine = self.announced()
        event = dice.choice(mine) if mine else None
        ssrc = event.rtp_parameters.encodings[0].ssrc or 0 if event is not None else 0
        match dice.randrange(12):
            case 0 if event is not None:
                await self.court.ask(api.PauseConsumer(consumer_id=event.consumer_id))
            case 1:
                await self.take()
            case 2 if event is not None:
                layers = api.SetPreferredLayers(
                    consumer_id=event.consumer_id, spatial_layer=dice.randrange(3), temporal_layer=dice.randrange(3)
                )
                await self.court.ask(layers)
            case 3:
                self.down.send_rtcp(rtcp.nack(1, ssrc, [dice.randrange(65536) for _ in range(dice.randrange(60))]))
            case 4:
                self.down.send_rtcp(rtcp.pli(1, ssrc))
            case 5:
                self.down.send_rtcp(rtcp.remb(1, dice.choice((0, 100_000, 600_000, 5_000_000, 2**40)), [1]))
            case 6:
                block = rtcp.ReportBlock(ssrc, dice.randrange(256), 1, dice.getrandbits(32), 0, 0, 0)
                self.down.send_rtcp(rtcp.receiver_report(1, [block]))
            case 7:
                self.up.send_rtcp(rtcp.sender_report(500, dice.getrandbits(64), dice.getrandbits(32), 1, 1))
            case 8:
                for link in (self.up, self.down):
                    await link.open(dice.choice(("127.0.0.1", "127.0.0.2", "127.0.0.3")))
            case 9:
                restarted = await self.court.ask(api.RestartIce(transport_id=self.up.id))
                if isinstance(restarted, api.IceRestarted):
                    self.up.parameters = restarted.ice_parameters
                    await self.up.open()
            case 10:
                self.up = await self.court.link(self.name, "send")
                rids = [f"r{layer}" for layer in range(LAYERS)]
                await self.court.produce(self.up, "camera", video_parameters(rids))
                await self.court.produce(self.up, "microphone", audio_parameters())
            case _:
                self._attack()

    def _attack(self) -> None:
        assert self.up is not None
        dice = self._dice
        ufrag = self.up.parameters.username_fragment
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.setblocking(False)
            for _ in range(30):
                datagram = dice.choice(
                    (
                        b"",
                        dice.randbytes(dice.randrange(1, 1400)),
                        b"\x16\xfe\xfd" + dice.randbytes(60),
                        b"\x80\x60" + dice.randbytes(80),
                        stun.request(dice.randbytes(12), f"{ufrag}:x", "guess", use_candidate=True),
                        stun.request(dice.randbytes(12), f"{ufrag}:x", self.up.parameters.password),
                    )
                )
                with contextlib.suppress(OSError):
                    stranger.sendto(datagram, self.up.address)
                if datagram:
                    self.up.send_raw(datagram)


async def hearing(court: Court, dice: random.Random) -> None:
    """People come one after the other, are seen and heard, and go; the room is closed behind them."""
    people = [Person(court, name, dice) for name in PEOPLE]
    everybody: dict[str, list[api.Source]] = {name: ["microphone", "camera"] for name in PEOPLE}
    await court.ask(api.OpenRoom(room_id=court.room_id, plan=court.plan))
    await court.obey(everybody, {name: list(PEOPLE) for name in PEOPLE}, record=court.room_id)
    present: list[Person] = []
    for frame in range(FRAMES):
        if frame % 5 == 0 and len(present) < len(people):
            await people[len(present)].join()
            present.append(people[len(present)])
            for person in present:
                await person.take()
        for person in present:
            person.send()
            if dice.random() < EVENT_SHARE:
                await person.happens()
        if dice.random() < 0.03:
            muted = dice.choice(PEOPLE)
            rest = {name: sources for name, sources in everybody.items() if name != muted}
            await court.obey(rest, {name: list(rest) for name in PEOPLE}, record=court.room_id)
        elif dice.random() < 0.05:
            await court.obey(everybody, {name: list(PEOPLE) for name in PEOPLE}, record=court.room_id)
            for person in present:
                await person.take()
        await asyncio.sleep(FRAME_S)
    assert any(person.down is not None and person.down.packets for person in present), "nothing was forwarded"
    if dice.random() < 0.5:
        await court.ask(api.ClosePeer(room_id=court.room_id, peer_id=dice.choice(PEOPLE)))
    await court.ask(api.CloseRoom(room_id=court.room_id))
    for link in court.links:
        await link.close()


@dataclass(slots=True)
class Soak:
    """What was seen between two rounds, with nobody there: bytes of memory, and the objects of the media plane by kind.

    Of the many rounds only numbers are kept, so that the soak itself does not grow.
    """

    warm_up: list[int] = field(default_factory=list)
    samples: array[int] = field(default_factory=lambda: array("q"))
    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    packets_out: int = 0
    hearings: int = 0

    @property
    def growth_bytes(self) -> int:
        """From the most of the warm-up's second half to the least of the last quarter, which a leak lifts, too."""
        return min(self.samples[-max(1, len(self.samples) // 4) :]) - max(self.warm_up[len(self.warm_up) // 2 :])

    @property
    def left(self) -> Counter[str]:
        """Objects that were not there after the warm-up."""
        return self.after - self.before


async def soak(seconds: float, seed: int, *, warm_up: int, native: bool) -> Soak:
    """Hold hearings on one worker for so long, after ``warm_up`` rounds."""
    found = Soak()
    dice = random.Random(seed)
    sink = MemorySink()
    worker = Worker(WorkerSettings(listen=("127.0.0.1",), hot_path="native" if native else "python"), sink)
    await worker.start()
    loop = asyncio.get_running_loop()
    try:
        until: float | None = None
        number = 0
        while until is None or loop.time() < until:
            courts = [Court(worker, sink, f"hearing-{number}-{i}") for i in range(HEARINGS_AT_ONCE)]
            by_room = {court.room_id: court.events for court in courts}
            worker.on_event = lambda event, by_room=by_room: by_room.get(event.room_id, []).append(event)  # type: ignore[misc]
            async with asyncio.timeout(120), asyncio.TaskGroup() as group:
                for court in courts:
                    group.create_task(hearing(court, random.Random(dice.getrandbits(64))))
            worker.on_event = lambda event: None
            number += 1
            del courts, by_room, court
            sink.recordings.clear()
            found.after = await _rest(worker)
            if until is None:
                found.warm_up.append(_rss_bytes())
                found.before = found.after
                until = loop.time() + seconds if number >= warm_up else None
            else:
                found.samples.append(_rss_bytes())
        found.packets_out = worker.metrics().counters["packets_out"]
        found.hearings = number * HEARINGS_AT_ONCE
    finally:
        await worker.aclose()
    return found


async def _rest(worker: Worker) -> Counter[str]:
    """The objects that are left when everybody has gone."""
    async with asyncio.timeout(30):
        while worker._closing or worker._transports or worker._port.connections:  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)
    assert not worker._port.receivers
    assert not any(sock.routes for sock in worker._port._sockets)
    for _ in range(3):
        gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    return Counter(
        f"{kind.__module__}.{kind.__qualname__}"
        for kind in map(type, gc.get_objects())
        if isinstance(kind.__module__, str) and kind.__module__.startswith(("signaling.", "aiortc.", "pylibsrtp"))
    )


def _rss_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
