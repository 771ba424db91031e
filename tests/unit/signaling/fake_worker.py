"""A media worker without media: commands, answers, events and heartbeats as signaling.worker_api says."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from signaling import worker_api as api
from signaling.bus import Bus, Service
from signaling.ortc import (
    DtlsFingerprint,
    DtlsParameters,
    IceCandidate,
    IceParameters,
    RtpCapabilities,
    RtpCodec,
    RtpParameters,
)

OPUS = RtpCodec(kind="audio", mime_type="audio/opus", clock_rate=48000, preferred_payload_type=100, channels=2)
CAPABILITIES = RtpCapabilities(codecs=[OPUS])
PARAMETERS = RtpParameters(codecs=[RtpCodec(mime_type="audio/opus", clock_rate=48000, payload_type=100, channels=2)])
DTLS = DtlsParameters(fingerprints=[DtlsFingerprint(algorithm="sha-256", value="AA")], role="server")
ICE = IceParameters(username_fragment="u", password="p", ice_lite=True)
CANDIDATE = IceCandidate(foundation="1", priority=1, address="127.0.0.1", ip="127.0.0.1", port=9, protocol="udp")


@dataclass
class FakeTransport:
    room_id: str
    peer_id: str
    direction: str


@dataclass
class FakeProducer:
    transport_id: str
    source: str
    attributes: dict[str, str]
    paused: bool


@dataclass
class FakeRoom:
    plan: api.Plan
    peers: dict[str, dict[str, str]] = field(default_factory=dict)
    consumers: dict[tuple[str, str], str] = field(default_factory=dict)


class FakeWorker:
    """``commands`` is what it was told; ``mute`` makes it leave commands unanswered."""

    def __init__(self, bus: Bus, worker_id: str = "w1", epoch: str = "e1", limit_s: float = 100_000.0) -> None:
        self.worker_id = worker_id
        self.epoch = epoch
        self.limit_s = limit_s
        self.rooms: dict[str, FakeRoom] = {}
        self.transports: dict[str, FakeTransport] = {}
        self.producers: dict[str, FakeProducer] = {}
        self.commands: list[api.AnyCommand] = []
        self.refuse: dict[type, str] = {}
        self.mute = False
        self._bus = bus
        self._service: Service | None = None
        self._numbers = count(1)
        self._seqs = count(1)
        self._awake = asyncio.Event()

    async def start(self) -> None:
        self._service = await self._bus.serve(api.service(self.worker_id), self._handle)
        await self.beat()

    async def stop(self) -> None:
        """As if killed."""
        assert self._service is not None
        self._awake.set()
        await self._service.aclose()

    async def beat(self) -> None:
        heartbeat = api.Heartbeat(
            worker_id=self.worker_id,
            epoch=self.epoch,
            rooms=list(self.rooms),
            packets_out_s=0.0,
            packets_out_limit_s=self.limit_s,
        )
        await self._bus.publish(api.HEARTBEAT_TOPIC, api.encode(heartbeat))

    async def emit(self, event: api.AnyEvent) -> None:
        event.seq = next(self._seqs)
        await self._bus.publish(api.service(self.worker_id), api.encode(event))

    def lose_event(self) -> None:
        """As if the bus had lost one."""
        next(self._seqs)

    def told(self, kind: type) -> list[Any]:
        return [command for command in self.commands if isinstance(command, kind)]

    async def _handle(self, payload: bytes) -> bytes:
        command = api.command_decoder.decode(payload)
        self.commands.append(command)
        if self.mute:
            await self._awake.wait()
        if type(command) in self.refuse:
            return api.encode(api.Refused(reason=self.refuse[type(command)]))
        events: list[api.AnyEvent] = []
        answer = self._do(command, events)
        for event in events:
            await self.emit(event)
        return api.encode(answer)

    def _id(self) -> str:
        return f"{self.worker_id}-{self.epoch}-{next(self._numbers)}"

    def _do(self, command: api.AnyCommand, events: list[api.AnyEvent]) -> api.AnyAnswer:
        match command:
            case api.OpenRoom(room_id=room_id, plan=plan):
                self.rooms.setdefault(room_id, FakeRoom(plan)).plan = plan
                return api.RoomOpened(router_rtp_capabilities=CAPABILITIES)
            case api.CloseRoom(room_id=room_id):
                if self.rooms.pop(room_id, None) is None:
                    return api.Refused(reason="unknown-room")
            case api.SetPlan(room_id=room_id, plan=plan):
                if room_id not in self.rooms:
                    return api.Refused(reason="unknown-room")
                if plan.version < self.rooms[room_id].plan.version:
                    return api.Refused(reason="stale")
                self.rooms[room_id].plan = plan
                self._connect(room_id, events)
            case api.CreateTransport(room_id=room_id, peer_id=peer_id, direction=direction):
                if room_id not in self.rooms:
                    return api.Refused(reason="unknown-room")
                transport_id = self._id()
                earlier = self.rooms[room_id].peers.setdefault(peer_id, {}).get(direction)
                if earlier is not None:
                    self._drop(earlier, events)
                self.rooms[room_id].peers[peer_id][direction] = transport_id
                self.transports[transport_id] = FakeTransport(room_id, peer_id, direction)
                self._connect(room_id, events)
                return api.TransportCreated(
                    id=transport_id, ice_parameters=ICE, ice_candidates=[CANDIDATE], dtls_parameters=DTLS
                )
            case api.ConnectTransport(transport_id=transport_id):
                if transport_id not in self.transports:
                    return api.Refused(reason="unknown-transport")
            case api.RestartIce():
                return api.IceRestarted(ice_parameters=ICE)
            case api.Produce(transport_id=transport_id):
                producer_id = self._id()
                self.producers[producer_id] = FakeProducer(
                    transport_id, command.source, command.attributes, command.paused
                )
                self._connect(self.transports[transport_id].room_id, events)
                return api.Produced(id=producer_id)
            case api.PauseProducer(producer_id=producer_id):
                self.producers[producer_id].paused = True
            case api.ResumeProducer(producer_id=producer_id):
                self.producers[producer_id].paused = False
            case api.CloseProducer(producer_id=producer_id):
                del self.producers[producer_id]
            case api.ClosePeer(room_id=room_id, peer_id=peer_id):
                for transport_id in self.rooms[room_id].peers.pop(peer_id, {}).values():
                    self._drop(transport_id, events)
        return api.Done()

    def _drop(self, transport_id: str, events: list[api.AnyEvent]) -> None:
        transport = self.transports.pop(transport_id)
        for producer_id, producer in list(self.producers.items()):
            if producer.transport_id == transport_id:
                del self.producers[producer_id]
        room = self.rooms[transport.room_id]
        if transport.direction == "recv":
            for key in [key for key in room.consumers if key[0] == transport.peer_id]:
                events.append(
                    api.ConsumerClosed(room_id=transport.room_id, peer_id=key[0], consumer_id=room.consumers.pop(key))
                )
        events.append(
            api.TransportState(
                room_id=transport.room_id,
                peer_id=transport.peer_id,
                transport_id=transport_id,
                direction=transport.direction,  # type: ignore[arg-type]
                state="closed",
            )
        )

    def _connect(self, room_id: str, events: list[api.AnyEvent]) -> None:
        """Make the consumers that the plan allows."""
        room = self.rooms[room_id]
        for producer_id, producer in self.producers.items():
            owner = self.transports[producer.transport_id]
            if owner.room_id != room_id or producer.source not in room.plan.publish.get(owner.peer_id, []):
                continue
            for peer_id, transports in room.peers.items():
                wanted = owner.peer_id in room.plan.receive.get(peer_id, [])
                if not wanted or "recv" not in transports or (peer_id, producer_id) in room.consumers:
                    continue
                consumer_id = room.consumers[(peer_id, producer_id)] = self._id()
                events.append(
                    api.ConsumerNew(
                        room_id=room_id,
                        peer_id=peer_id,
                        consumer_id=consumer_id,
                        producer_id=producer_id,
                        producer_peer_id=owner.peer_id,
                        source=producer.source,  # type: ignore[arg-type]
                        kind="audio",
                        rtp_parameters=PARAMETERS,
                        producer_paused=producer.paused,
                    )
                )
