"""A whole independent client: pymediasoup over aiortc sends real media, and decodes what it gets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack, VideoStreamTrack
from pymediasoup import AiortcHandler, Device
from pymediasoup.models.transport import DtlsParameters, IceCandidate, IceParameters
from pymediasoup.rtp_parameters import RtpCapabilities, RtpParameters

from signaling import ortc
from signaling import worker_api as api
from signaling.sfu.capabilities import ROUTER_CAPABILITIES
from signaling.sfu.settings import WorkerSettings
from signaling.sfu.worker import Worker

from .peer import ROOM, Court, MemorySink


def plain(value: Any) -> Any:
    """Our struct as the JSON that travels."""
    return msgspec.json.decode(msgspec.json.encode(value))


def ours(model: Any, kind: Any) -> Any:
    """The client's pydantic model as our struct."""
    return msgspec.json.decode(model.model_dump_json(exclude_none=True), type=kind)


class Participant:
    """One person with a send and a receive transport, each of commands alone."""

    def __init__(self, court: Court, peer_id: str, tracks: list[MediaStreamTrack]) -> None:
        self.court = court
        self.peer_id = peer_id
        self.device = Device(handlerFactory=AiortcHandler.createFactory(tracks=tracks))
        self.frames: dict[str, int] = {}
        self._tracks = tracks
        self._transports: list[Any] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def enter(self) -> None:
        await self.device.load(RtpCapabilities(**plain(ROUTER_CAPABILITIES)))
        send = await self._transport("send")
        self._receive = await self._transport("recv")

        @send.on("produce")  # type: ignore[untyped-decorator]
        async def produce(kind: str, rtpParameters: Any, appData: Any) -> str:
            answer = await self.court.ask(
                api.Produce(
                    transport_id=send.id,
                    kind=kind,  # type: ignore[arg-type]
                    source="microphone" if kind == "audio" else "camera",
                    rtp_parameters=ours(rtpParameters, ortc.RtpParameters),
                )
            )
            assert isinstance(answer, api.Produced), answer
            return answer.id

        for track in self._tracks:
            await send.produce(track=track, stopTracks=False)

    async def watch(self, source: api.Source) -> None:
        """Consume the one track of this source, and count what is decoded."""
        event = await self.court.announced(self.peer_id, source)
        consumer = await self._receive.consume(
            id=event.consumer_id,
            producerId=event.producer_id,
            kind=event.kind,
            rtpParameters=RtpParameters(**plain(event.rtp_parameters)),
        )
        await self.court.ask(api.ResumeConsumer(consumer_id=event.consumer_id))
        self._tasks.append(asyncio.create_task(self._count(source, consumer.track)))

    async def leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for transport in self._transports:
            await transport.close()

    async def _count(self, source: str, track: MediaStreamTrack) -> None:
        while True:
            await track.recv()
            self.frames[source] = self.frames.get(source, 0) + 1

    async def _transport(self, direction: str) -> Any:
        capabilities = ours(self.device.rtpCapabilities, ortc.RtpCapabilities) if direction == "recv" else None
        created = await self.court.ask(
            api.CreateTransport(
                room_id=ROOM,
                peer_id=self.peer_id,
                direction=direction,  # type: ignore[arg-type]
                capabilities=capabilities,
            )
        )
        assert isinstance(created, api.TransportCreated), created
        make = self.device.createSendTransport if direction == "send" else self.device.createRecvTransport
        transport = make(
            id=created.id,
            iceParameters=IceParameters(**plain(created.ice_parameters)),
            iceCandidates=[IceCandidate(**plain(c)) for c in created.ice_candidates if c.protocol == "udp"],
            dtlsParameters=DtlsParameters(**plain(created.dtls_parameters)),
            sctpParameters=None,
            iceServers=[],
        )
        self._transports.append(transport)

        @transport.on("connect")  # type: ignore[untyped-decorator]
        async def connect(dtlsParameters: Any) -> None:
            answer = await self.court.ask(
                api.ConnectTransport(transport_id=created.id, dtls_parameters=ours(dtlsParameters, ortc.DtlsParameters))
            )
            assert isinstance(answer, api.Done), answer

        return transport


@pytest.fixture
async def wide_court() -> AsyncIterator[Court]:
    """aioice offers no loopback candidates: the worker listens on every address."""
    sink = MemorySink()
    worker = Worker(WorkerSettings(listen=("0.0.0.0",)), sink)
    await worker.start()
    court = Court(worker, sink)
    await court.ask(api.OpenRoom(room_id=ROOM, plan=court.plan))
    yield court
    await worker.aclose()


async def test_two_people_see_and_hear_each_other_and_are_recorded(wide_court: Court) -> None:
    court = wide_court
    both: list[api.Source] = ["microphone", "camera"]
    await court.obey({"judge": both, "claimant": both}, {"judge": ["claimant"], "claimant": ["judge"]}, record="r")
    people = [Participant(court, name, [AudioStreamTrack(), VideoStreamTrack()]) for name in ("judge", "claimant")]
    try:
        for person in people:
            await person.enter()
        for person in people:
            for source in both:
                await person.watch(source)
        await court.until(
            lambda: all(person.frames.get(source, 0) >= 20 for person in people for source in both), timeout_s=40
        )
        tracks = court.sink.recordings["r"].tracks
        assert {(t.info.peer_id, t.info.kind) for t in tracks} == {
            (name, kind) for name in ("judge", "claimant") for kind in ("audio", "video")
        }
        assert all(len(t.packets) > 20 for t in tracks)
    finally:
        for person in people:
            await person.leave()
