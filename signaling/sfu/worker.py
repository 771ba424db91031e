"""The media worker: commands in, events out, packets in between (:mod:`signaling.worker_api`)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from .. import worker_api as api
from ..ortc import IceCandidate, RtpParameters
from . import capabilities
from .candidates import announced_addresses, candidates
from .capture import CaptureSink
from .clock import Clock
from .consumer import Consumer
from .downlink import Downlink
from .dtls_adapter import Certificate
from .metrics import Tally
from .paths import open_path
from .port import Port
from .producer import Producer
from .room import Peer, Room
from .settings import WorkerSettings
from .transport import State, Transport, transport_event
from .turns import Turns
from .uplink import Uplink

logger = logging.getLogger(__name__)

#: Bounds per worker and room, far above what the packet budget admits.
MAX_ROOMS = 1000
MAX_PEERS_PER_ROOM = 500
#: Which kind each source is.
KIND_OF = {"microphone": "audio", "camera": "video", "screen": "video"}


@dataclass(frozen=True, slots=True)
class Load:
    """For heartbeats."""

    rooms: tuple[str, ...]
    packets_out_s: float
    packets_out_limit_s: float


@dataclass(slots=True)
class _Held:
    """A transport and whose it is."""

    transport: Uplink | Downlink
    room: Room
    peer: Peer


class Worker:
    """``on_event`` is called on the loop, in order; events caused by a command come after its answer."""

    def __init__(
        self,
        settings: WorkerSettings,
        sink: CaptureSink,
        clock: Clock | None = None,
        on_event: Callable[[api.AnyEvent], None] = lambda event: None,
    ) -> None:
        self.on_event = on_event
        self._settings = settings
        self._capabilities = capabilities.offered(settings.codecs)
        self._sink = sink
        self._clock = clock or Clock()
        self._fast = open_path(settings.hot_path)
        self._port = Port(self._clock, self._fast)
        self._certificate = Certificate()
        self._rooms: dict[str, Room] = {}
        self._transports: dict[str, _Held] = {}
        self._producers: dict[str, tuple[Room, Peer, Producer]] = {}
        self._pending: list[api.AnyEvent] = []
        self._turns = Turns(self._port, self._rooms, self._flush_events, self._clock.mono_ns())
        self._ticker: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._tally = Tally()
        self._candidates: list[IceCandidate] = []
        self._handlers: dict[type, Callable[..., api.AnyAnswer]] = {
            api.OpenRoom: self._open_room,
            api.CloseRoom: self._close_room,
            api.SetPlan: self._set_plan,
            api.CreateTransport: self._create_transport,
            api.ConnectTransport: self._connect_transport,
            api.RestartIce: self._restart_ice,
            api.Produce: self._produce,
            api.PauseProducer: self._pause_producer,
            api.ResumeProducer: self._resume_producer,
            api.CloseProducer: self._close_producer,
            api.ResumeConsumer: self._resume_consumer,
            api.PauseConsumer: self._pause_consumer,
            api.SetPreferredLayers: self._set_preferred_layers,
            api.ClosePeer: self._close_peer,
        }

    # --- life ------------------------------------------------------------------------

    async def start(self) -> None:
        """Bind the port.  Raises ``OSError`` if that is not possible."""
        settings = self._settings
        await self._port.open(settings.listen, settings.port, tcp=settings.tcp, own=settings.own)
        addresses = announced_addresses(settings.listen, settings.announced)
        self._candidates = candidates(addresses, self._port.number, tcp=settings.tcp)
        self._ticker = asyncio.get_running_loop().create_task(self._turns.run(self._clock))

    async def aclose(self) -> None:
        """Close all rooms, say goodbye to all peers, and let the port go.  The sink stays the caller's."""
        if self._ticker is not None:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker
        for room in list(self._rooms.values()):
            self._end_room(room, "shutdown")
        if self._closing:
            await asyncio.gather(*self._closing, return_exceptions=True)
        self._flush_events()
        await self._port.aclose()

    @property
    def port(self) -> int:
        """The number that is bound, UDP and TCP."""
        return self._port.number

    @property
    def hot_path(self) -> str:
        """Which way packets take: ``native`` or ``python``; ``plain`` if one by one."""
        return self._fast.name if self._fast is not None else "plain"

    def load(self) -> Load:
        return Load(tuple(self._rooms), self._turns.packets_out_s, float(self._settings.packets_out_limit_s))

    def metrics(self) -> api.WorkerMetrics:
        """For heartbeats, too."""
        return self._tally.metrics((held.transport for held in self._transports.values()), self._port)

    async def handle(self, command: api.AnyCommand) -> api.AnyAnswer:
        """Obey one command.  Never raises: what cannot be done is :class:`~signaling.worker_api.Refused`."""
        try:
            answer = self._handlers[type(command)](command)
        except capabilities.Unsupported as error:
            answer = api.Refused(reason="unsupported", detail=str(error))
        except Exception as error:
            logger.exception("a command failed: %s", type(command).__name__)
            answer = api.Refused(reason="invalid", detail=f"{type(error).__name__}: {error}")
        if self._pending:
            asyncio.get_running_loop().call_soon(self._flush_events)
        return answer

    # --- rooms -----------------------------------------------------------------------

    def _open_room(self, command: api.OpenRoom) -> api.AnyAnswer:
        room = self._rooms.get(command.room_id)
        if room is None:
            if self._is_full() or len(self._rooms) >= MAX_ROOMS:
                return self._over_capacity()
            room = Room(command.room_id, self._sink, self._clock, self._emit)
            self._rooms[room.id] = room
        if command.plan.version >= room.plan.version:
            room.set_plan(command.plan)
        return api.RoomOpened(router_rtp_capabilities=self._capabilities)

    def _close_room(self, command: api.CloseRoom) -> api.AnyAnswer:
        room = self._rooms.get(command.room_id)
        if room is not None:
            self._end_room(room, "room-closed")
        return api.Done()

    def _set_plan(self, command: api.SetPlan) -> api.AnyAnswer:
        room = self._rooms.get(command.room_id)
        if room is None:
            return _unknown("room", command.room_id)
        if command.plan.version < room.plan.version:
            return api.Refused(reason="stale", detail=f"{command.plan.version} < {room.plan.version}")
        room.set_plan(command.plan)
        return api.Done()

    def _end_room(self, room: Room, reason: str) -> None:
        self._rooms.pop(room.id, None)
        for _, _, producer in [p for p in self._producers.values() if p[0] is room]:
            del self._producers[producer.id]
        for transport in room.close(reason):
            self._end_transport(transport)

    # --- transports ------------------------------------------------------------------

    def _create_transport(self, command: api.CreateTransport) -> api.AnyAnswer:
        room = self._rooms.get(command.room_id)
        if room is None:
            return _unknown("room", command.room_id)
        newcomer = command.peer_id not in room.peers
        if newcomer and (self._is_full() or len(room.peers) >= MAX_PEERS_PER_ROOM):
            return self._over_capacity()
        if command.direction == "recv" and command.capabilities is None:
            return api.Refused(reason="invalid", detail="a receive transport needs the client's capabilities")
        peer = room.peer(command.peer_id)
        transport_id = secrets.token_hex(8)
        common = (transport_id, peer.id, self._port, self._certificate, self._clock, self._on_transport_state)
        transport: Uplink | Downlink
        if command.direction == "send":
            self._replace_uplink(room, peer)
            transport = peer.uplink = Uplink(*common)
        else:
            assert command.capabilities is not None
            self._replace_downlink(room, peer)
            transport = peer.downlink = Downlink(*common, command.capabilities)
        self._transports[transport_id] = _Held(transport, room, peer)
        self._turns.add(transport)
        room.connect_all()
        return api.TransportCreated(
            id=transport_id,
            ice_parameters=transport.ice_parameters,
            ice_candidates=self._candidates,
            dtls_parameters=transport.dtls_parameters,
        )

    def _replace_uplink(self, room: Room, peer: Peer) -> None:
        earlier = peer.uplink
        if earlier is not None:
            for producer in list(peer.producers.values()):
                self._forget_producer(room, peer, producer, "lost")
            peer.uplink = None
            self._end_transport(earlier)

    def _replace_downlink(self, room: Room, peer: Peer) -> None:
        earlier = peer.downlink
        if earlier is not None:
            room.drop_downlink(earlier)
            peer.downlink = None
            self._end_transport(earlier)

    def _connect_transport(self, command: api.ConnectTransport) -> api.AnyAnswer:
        held = self._transports.get(command.transport_id)
        if held is None:
            return _unknown("transport", command.transport_id)
        if not held.transport.connect(command.dtls_parameters):
            return api.Refused(reason="invalid", detail="the transport was connected before")
        return api.Done()

    def _restart_ice(self, command: api.RestartIce) -> api.AnyAnswer:
        held = self._transports.get(command.transport_id)
        if held is None:
            return _unknown("transport", command.transport_id)
        return api.IceRestarted(ice_parameters=held.transport.restart_ice())

    def _on_transport_state(self, transport: Transport, state: State) -> None:
        held = self._transports.get(transport.id)
        if held is None:
            return
        if state in ("lost", "closed") and isinstance(transport, Uplink):
            held.room.uplink_lost(held.peer)
        self._emit(transport_event(held.room.id, transport, state))
        self._flush_events()

    def _end_transport(self, transport: Transport) -> None:
        self._transports.pop(transport.id, None)
        self._turns.remove(transport)
        self._tally.closed(transport)
        task = asyncio.get_running_loop().create_task(transport.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    # --- producers -------------------------------------------------------------------

    def _produce(self, command: api.Produce) -> api.AnyAnswer:
        held = self._transports.get(command.transport_id)
        if held is None or not isinstance(held.transport, Uplink):
            return _unknown("transport", command.transport_id)
        if KIND_OF[command.source] != command.kind:
            return api.Refused(reason="invalid", detail=f"{command.source} is not {command.kind}")
        uplink, room, peer = held.transport, held.room, held.peer
        parameters = command.rtp_parameters
        codec = capabilities.producer_codec(command.kind, parameters)
        if codec.router not in self._capabilities.codecs:
            raise capabilities.Unsupported(f"codec {codec.router.mime_type} is not offered here")
        encodings = _announced(parameters)
        earlier = peer.producers.get(command.source)
        if earlier is not None:
            self._forget_producer(room, peer, earlier, "closed")

        def request_keyframe(layer: int) -> bool:
            return uplink.request_keyframe(producer, layer)

        producer = Producer(
            secrets.token_hex(8),
            peer.id,
            command.source,
            command.kind,
            codec,
            parameters,
            dict(command.attributes),
            request_keyframe=request_keyframe,
            fast=self._fast,
        )
        producer.paused = command.paused
        self._producers[producer.id] = (room, peer, producer)
        uplink.add_producer(producer, encodings)
        room.add_producer(peer, command.source, producer)
        return api.Produced(id=producer.id)

    def _pause_producer(self, command: api.PauseProducer) -> api.AnyAnswer:
        return self._set_paused(command.producer_id, paused=True)

    def _resume_producer(self, command: api.ResumeProducer) -> api.AnyAnswer:
        return self._set_paused(command.producer_id, paused=False)

    def _set_paused(self, producer_id: str, *, paused: bool) -> api.AnyAnswer:
        found = self._producers.get(producer_id)
        if found is None:
            return _unknown("producer", producer_id)
        room, _, producer = found
        room.pause_producer(producer, paused=paused)
        return api.Done()

    def _close_producer(self, command: api.CloseProducer) -> api.AnyAnswer:
        found = self._producers.get(command.producer_id)
        if found is None:
            return _unknown("producer", command.producer_id)
        self._forget_producer(*found, "closed")
        return api.Done()

    def _forget_producer(self, room: Room, peer: Peer, producer: Producer, reason: str) -> None:
        room.remove_producer(peer, producer, reason)
        self._producers.pop(producer.id, None)

    # --- consumers -------------------------------------------------------------------

    def _consumer(self, consumer_id: str) -> Consumer | None:
        return next(
            (room.consumers[consumer_id] for room in self._rooms.values() if consumer_id in room.consumers), None
        )

    def _resume_consumer(self, command: api.ResumeConsumer) -> api.AnyAnswer:
        consumer = self._consumer(command.consumer_id)
        if consumer is None:
            return _unknown("consumer", command.consumer_id)
        consumer.resume()
        return api.Done()

    def _pause_consumer(self, command: api.PauseConsumer) -> api.AnyAnswer:
        consumer = self._consumer(command.consumer_id)
        if consumer is None:
            return _unknown("consumer", command.consumer_id)
        consumer.pause()
        return api.Done()

    def _set_preferred_layers(self, command: api.SetPreferredLayers) -> api.AnyAnswer:
        consumer = self._consumer(command.consumer_id)
        if consumer is None:
            return _unknown("consumer", command.consumer_id)
        consumer.prefer(command.spatial_layer, command.temporal_layer)
        return api.Done()

    def _close_peer(self, command: api.ClosePeer) -> api.AnyAnswer:
        room = self._rooms.get(command.room_id)
        if room is None:
            return _unknown("room", command.room_id)
        peer = room.peers.get(command.peer_id)
        if peer is None:
            return _unknown("peer", command.peer_id)
        for producer in peer.producers.values():
            self._producers.pop(producer.id, None)
        for transport in room.remove_peer(peer, "left"):
            self._end_transport(transport)
        return api.Done()

    # --- small things ------------------------------------------------------------------

    def _is_full(self) -> bool:
        return self._turns.packets_out_s >= self._settings.packets_out_limit_s

    def _over_capacity(self) -> api.Refused:
        return api.Refused(
            reason="over-capacity",
            detail=f"{self._turns.packets_out_s:.0f} of {self._settings.packets_out_limit_s} packets/s",
        )

    def _emit(self, event: api.AnyEvent) -> None:
        self._pending.append(event)

    def _flush_events(self) -> None:
        pending, self._pending = self._pending, []
        for event in pending:
            try:
                self.on_event(event)
            except Exception:
                logger.exception("an event was not taken")


def _announced(parameters: RtpParameters) -> list[tuple[int, int | None]]:
    """SSRCs by layer, if the client announced them all; simulcast by RID announces none."""
    found = []
    for encoding in parameters.encodings:
        if encoding.ssrc is None:
            return []
        found.append((encoding.ssrc, encoding.rtx.ssrc if encoding.rtx is not None else None))
    return found


def _unknown(what: str, identifier: str) -> api.Refused:
    return api.Refused(reason=f"unknown-{what}", detail=identifier)
