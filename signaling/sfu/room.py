"""One room: its peers, the plan, and what follows from it - who is forwarded to whom, and what is recorded."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from .. import worker_api as api
from . import capabilities
from .capture import CaptureSink, SinkState
from .capture_tap import CaptureTap, RoomCapture
from .clock import NS_PER_MS, Clock
from .consumer import Consumer
from .downlink import Downlink
from .levels import LevelMeter
from .producer import Producer
from .uplink import Uplink

#: Sound in one packet of a browser, ms (RFC 7587 §4.2: the default of Opus).
SOUND_PACKET_MS = 20
#: Who was heard so short a time ago speaks still, ms: the pause between two sentences is shorter.
SPOKE_MS = 5000


@dataclass(slots=True)
class Peer:
    """At most one transport each way, and one producer per source."""

    id: str
    uplink: Uplink | None = None
    downlink: Downlink | None = None
    producers: dict[api.Source, Producer] = field(default_factory=dict)

    @property
    def connected(self) -> bool:
        return any(t is not None and t.state == "connected" for t in (self.uplink, self.downlink))


class Room:
    """``emit`` takes the events, in order."""

    def __init__(self, room_id: str, sink: CaptureSink, clock: Clock, emit: Callable[[api.AnyEvent], None]) -> None:
        self.id = room_id
        self.plan = api.Plan(version=-1)
        self.peers: dict[str, Peer] = {}
        self.consumers: dict[str, Consumer] = {}
        self.levels = LevelMeter()
        self.capture: RoomCapture | None = None
        self._sink = sink
        self._clock = clock
        self._emit = emit

    def peer(self, peer_id: str) -> Peer:
        return self.peers.setdefault(peer_id, Peer(peer_id))

    # --- the plan ------------------------------------------------------------------

    def set_plan(self, plan: api.Plan) -> None:
        """Obey it: when this returns nothing flows any more that it forbids."""
        before, self.plan = self.plan, plan
        for peer in self.peers.values():
            for producer in peer.producers.values():
                if not self._may_publish(producer):
                    producer.set_flow(allowed=False)
        for consumer in list(self.consumers.values()):
            if not self._may_receive(consumer.downlink.peer_id, consumer.producer):
                self._close_consumer(consumer)
        if before.record != plan.record:
            self._change_record(plan.record, plan.about)
        for peer in self.peers.values():
            for producer in peer.producers.values():
                producer.pinned = peer.id in plan.pinned
                self._label(producer)
                if not self._is_captured(producer):
                    self._end_track(producer, "forbidden")
                if self._may_publish(producer):
                    producer.set_flow(allowed=True)
                    self._attach_capture(producer)
        self.connect_all()

    def connect_all(self) -> None:
        """Make every consumer that the plan allows and that is not there."""
        producers = [p for peer in self.peers.values() for p in peer.producers.values() if p.allowed]
        for peer in self.peers.values():
            if peer.downlink is not None:
                have = {c.producer.id for c in peer.downlink.consumers.values()}
                for producer in producers:
                    if producer.id not in have and self._may_receive(peer.id, producer):
                        self._make_consumer(peer.downlink, producer)

    def _may_publish(self, producer: Producer) -> bool:
        return producer.source in self.plan.publish.get(producer.peer_id, ())

    def _may_receive(self, peer_id: str, producer: Producer) -> bool:
        return (
            peer_id != producer.peer_id
            and self._may_publish(producer)
            and producer.peer_id in self.plan.receive.get(peer_id, ())
            and producer.source not in self.plan.withhold.get(peer_id, {}).get(producer.peer_id, ())
        )

    def _is_captured(self, producer: Producer) -> bool:
        capture = self.plan.capture
        return self._may_publish(producer) and (capture is None or producer.source in capture.get(producer.peer_id, ()))

    # --- producers -------------------------------------------------------------------

    def add_producer(self, peer: Peer, source: api.Source, producer: Producer) -> None:
        """Replaces the peer's earlier producer of this source."""
        earlier = peer.producers.get(source)
        if earlier is not None:
            self.remove_producer(peer, earlier, "closed")
        peer.producers[source] = producer
        producer.on_level = self.levels.add
        producer.pinned = peer.id in self.plan.pinned
        self._label(producer)
        producer.set_flow(allowed=self._may_publish(producer))
        self._attach_capture(producer)
        self.connect_all()

    def remove_producer(self, peer: Peer, producer: Producer, reason: str) -> None:
        """``reason`` goes into the record's track, if one is open."""
        self._end_track(producer, reason)
        producer.set_flow(allowed=False)
        for consumer in list(producer.consumers.values()):
            self._close_consumer(consumer)
        if peer.uplink is not None:
            peer.uplink.remove_producer(producer)
        for source, held in list(peer.producers.items()):
            if held is producer:
                del peer.producers[source]

    def pause_producer(self, producer: Producer, *, paused: bool) -> None:
        if producer.paused == paused:
            return
        producer.set_flow(paused=paused)
        if producer.capture is not None:
            producer.capture.note("muted" if paused else "unmuted", self._clock.mono_ns())
        for consumer in producer.consumers.values():
            self._tell_state(consumer)

    def _tell_state(self, consumer: Consumer) -> None:
        self._emit(
            api.ConsumerState(
                room_id=self.id,
                peer_id=consumer.downlink.peer_id,
                consumer_id=consumer.id,
                producer_paused=consumer.producer.paused or consumer.granted < 0,
            )
        )

    # --- consumers ---------------------------------------------------------------------

    def _make_consumer(self, downlink: Downlink, producer: Producer) -> None:
        """Announce a paused consumer, if the client can decode what the producer sends."""
        if not capabilities.can_consume(producer.codec, downlink.capabilities):
            return
        router = producer.codec.router
        ssrc = downlink.new_ssrc()
        rtx_ssrc = downlink.new_ssrc() if capabilities.takes_rtx(downlink.capabilities, router) else None
        cname = f"{self.id}/{producer.peer_id}"[:255]
        mid = downlink.new_mid()
        parameters = capabilities.consumer_parameters(
            producer.codec,
            downlink.capabilities,
            mid=mid,
            ssrc=ssrc,
            rtx_ssrc=rtx_ssrc,
            cname=cname,
        )
        assert router.preferred_payload_type is not None
        consumer = Consumer(
            secrets.token_hex(8),
            downlink,
            producer,
            ssrc=ssrc,
            rtx_ssrc=rtx_ssrc,
            payload_type=router.preferred_payload_type,
            rtx_payload_type=capabilities.rtx_payload_type(router),
            cname=cname,
            mid=mid.encode() if capabilities.takes_mid(downlink.capabilities, producer.kind) else b"",
        )
        consumer.on_yield = self._tell_state
        downlink.add_consumer(consumer)
        producer.consumers[consumer.id] = consumer
        self.consumers[consumer.id] = consumer
        if producer.kind == "video":
            # By the time the client is ready for it, the keyframe has passed and is replayed.
            producer.want_keyframe(producer.layers - 1, self._clock.mono_ns())
        self._emit(
            api.ConsumerNew(
                room_id=self.id,
                peer_id=downlink.peer_id,
                consumer_id=consumer.id,
                producer_id=producer.id,
                producer_peer_id=producer.peer_id,
                source=producer.source,  # type: ignore[arg-type]
                kind=producer.kind,  # type: ignore[arg-type]
                rtp_parameters=parameters,
                producer_paused=producer.paused,
            )
        )

    def _close_consumer(self, consumer: Consumer) -> None:
        consumer.downlink.remove_consumer(consumer)
        self.consumers.pop(consumer.id, None)
        self._emit(api.ConsumerClosed(room_id=self.id, peer_id=consumer.downlink.peer_id, consumer_id=consumer.id))

    def drop_downlink(self, downlink: Downlink) -> None:
        """Its consumers end with it."""
        for consumer in list(downlink.consumers.values()):
            self._close_consumer(consumer)

    # --- the record ----------------------------------------------------------------------

    def _change_record(self, recording_id: str | None, about: dict[str, str]) -> None:
        for peer in self.peers.values():
            for producer in peer.producers.values():
                self._end_track(producer, "closed")
        if self.capture is not None:
            self.capture.close("closed")
            self.capture = None
        if recording_id is not None:
            tell = self._tell_capture(recording_id)
            self.capture = RoomCapture(self._sink, recording_id, self._clock, tell, about)

    def _tell_capture(self, recording_id: str) -> Callable[[SinkState], None]:
        def tell(state: SinkState) -> None:
            self._emit(
                api.CaptureState(
                    room_id=self.id,
                    recording_id=recording_id,
                    tracks=state.tracks,
                    durable_wall_ns=state.durable_wall_ns,
                    bytes=state.bytes,
                    fault=state.fault,
                )
            )

        return tell

    def _attach_capture(self, producer: Producer) -> None:
        if self.capture is not None and producer.capture is None and self._is_captured(producer):
            producer.capture = CaptureTap(self.capture, producer)

    def _label(self, producer: Producer) -> None:
        """What a track's header says is written once: with other labels another track begins."""
        labels = self.plan.labels.get(producer.peer_id, {})
        if producer.labels != labels:
            producer.labels = labels
            self._end_track(producer, "closed")

    def _end_track(self, producer: Producer, reason: str) -> None:
        if producer.capture is not None:
            producer.capture.close(reason)
            producer.capture = None

    def uplink_lost(self, peer: Peer) -> None:
        """Tracks end here; if the peer comes back on the same transport, new ones begin."""
        for producer in peer.producers.values():
            if producer.capture is not None:
                producer.capture.close("lost")

    # --- timers and end --------------------------------------------------------------------

    def on_timer(self, now_ns: int) -> None:
        """About twice a second."""
        if self.capture is not None:
            self.capture.ensure_open(now_ns)
        for peer in self.peers.values():
            for producer in peer.producers.values():
                if producer.capture is not None:
                    producer.capture.on_timer(now_ns)

    def tell_levels(self, now_ns: int) -> None:
        for present in self.peers.values():
            for producer in present.producers.values():
                producer.tell_level()
        levels = self.levels.take()
        if levels is not None:
            for peer_id in levels:
                peer = self.peers.get(peer_id)
                for producer in peer.producers.values() if peer is not None else ():
                    producer.heard_ns = now_ns
            self._emit(api.Levels(room_id=self.id, levels=levels))

    def tell_quality(self, now_ns: int) -> None:
        """Of everybody who is connected."""
        peers = {peer.id: self._quality(peer, now_ns) for peer in self.peers.values() if peer.connected}
        if peers:
            self._emit(api.Quality(room_id=self.id, peers=peers))

    def _quality(self, peer: Peer, now_ns: int) -> api.PeerQuality:
        camera, downlink = peer.producers.get("camera"), peer.downlink
        rtt_ms = downlink.round_trip.ms if downlink is not None else None
        downlink_loss = downlink.loss(now_ns) if downlink is not None else None
        return api.PeerQuality(
            uplink_loss=peer.uplink.loss.take() if peer.uplink is not None else None,
            downlink_loss=round(downlink_loss, 4) if downlink_loss is not None else None,
            rtt_ms=round(rtt_ms, 1) if rtt_ms is not None else None,
            layer=camera.best_layer(camera.layers - 1, now_ns) if camera is not None and camera.flowing else None,
            held_back=downlink.held_back if downlink is not None else 0,
            words_lost_ms=_words_lost_ms(peer, now_ns),
        )

    def remove_peer(self, peer: Peer, reason: str) -> list[Uplink | Downlink]:
        """Forget the peer; returns its transports, to be closed."""
        self.peers.pop(peer.id, None)
        for producer in list(peer.producers.values()):
            self.remove_producer(peer, producer, reason)
        if peer.downlink is not None:
            self.drop_downlink(peer.downlink)
        return [t for t in (peer.uplink, peer.downlink) if t is not None]

    def close(self, reason: str) -> list[Uplink | Downlink]:
        """End everything; returns the transports, to be closed."""
        transports = [t for peer in list(self.peers.values()) for t in self.remove_peer(peer, reason)]
        if self.capture is not None:
            self.capture.close(reason)
            self.capture = None
        return transports


def _words_lost_ms(peer: Peer, now_ns: int) -> int:
    """How much sound of this peer never came since it was last asked, if they spoke then or just before."""
    microphone = peer.producers.get("microphone")
    lost_ms = 0 if peer.uplink is None else peer.uplink.take_sound_gone() * SOUND_PACKET_MS
    if microphone is None or microphone.heard_ns is None:
        return 0
    return lost_ms if now_ns - microphone.heard_ns < (SPOKE_MS + lost_ms) * NS_PER_MS else 0
