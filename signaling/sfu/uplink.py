"""The transport a peer sends on: which packet belongs to which producer, and what its sender is told."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Literal

from . import rtcp, rtp
from .clock import Clock
from .dtls_adapter import Certificate
from .line_loss import LineLoss
from .port import Port
from .producer import Producer
from .quality import LossWindow
from .rate import UplinkEstimate
from .stream import MediaStream
from .transport import State, Transport

#: SSRCs remembered per peer.  Four producers of three layers with RTX are 24.
MAX_SSRCS = 64
#: Packets of unknown SSRCs that are searched for their producer per second, as each costs a full parse.
MAX_UNKNOWN_PER_S = 500


class _Route:
    """Where an SSRC leads.  ``repairs`` marks a retransmission stream."""

    __slots__ = ("layer", "producer", "repairs", "stream")

    def __init__(self, producer: Producer, layer: int, stream: MediaStream | None, *, repairs: bool) -> None:
        self.producer = producer
        self.layer = layer
        self.stream = stream
        self.repairs = repairs


class Uplink(Transport):
    direction: Literal["send", "recv"] = "send"

    def __init__(
        self,
        transport_id: str,
        peer_id: str,
        port: Port,
        certificate: Certificate,
        clock: Clock,
        on_state: Callable[[Transport, State], None],
    ) -> None:
        super().__init__(transport_id, peer_id, port, certificate, clock, on_state)
        self.producers: dict[str, Producer] = {}
        self._routes: dict[int, _Route] = {}
        self._own_ssrc = secrets.randbits(32) or 1
        arrivals = self.ingress.arrivals if self.ingress is not None else None
        self._estimate = UplinkEstimate(clock.mono_ns(), arrivals)
        self._unknown_left = MAX_UNKNOWN_PER_S
        self.loss = LossWindow()
        self._sound_gone = 0
        """What did not come at once, mended or not."""
        self._line = LineLoss()
        self._recovered = 0

    def add_producer(self, producer: Producer, encodings: list[tuple[int, int | None]]) -> None:
        """``encodings``: (SSRC, RTX SSRC) by layer, where the client announced them."""
        self.producers[producer.id] = producer
        for layer, (ssrc, rtx_ssrc) in enumerate(encodings):
            self._learn_media(ssrc, producer, layer)
            if rtx_ssrc is not None:
                self._learn(rtx_ssrc, _Route(producer, layer, None, repairs=True))
        self.report_due = True

    def remove_producer(self, producer: Producer) -> None:
        self.producers.pop(producer.id, None)
        for ssrc in [s for s, route in self._routes.items() if route.producer is producer]:
            self._forget(ssrc)

    def request_keyframe(self, producer: Producer, layer: int) -> bool:
        """Ask for one on this layer, or on any there is; ``False`` while that is not possible."""
        stream = producer.streams[layer] or next((s for s in producer.streams if s is not None), None)
        sent = stream is not None and self.send_rtcp(self._compound([rtcp.pli(self._own_ssrc, stream.ssrc)]))
        self.counts["keyframes_asked"] += sent
        return sent

    # --- packets -----------------------------------------------------------------

    def on_rtp(self, plain: bytes, now_ns: int) -> None:
        packet = rtp.parse(plain)
        if packet is None:
            return
        route = self._routes.get(packet.ssrc) or self._find(packet)
        if route is None:
            return
        producer = route.producer
        if not route.repairs:
            if route.stream is not None:
                producer.on_rtp(route.stream, packet, now_ns, self._estimate, recovered=False)
            return
        stream = producer.streams[route.layer]
        if stream is None or packet.payload_type != producer.codec.rtx_payload_type:
            return
        original = rtp.unwrap_rtx(packet, stream.ssrc, producer.codec.payload_type)
        repaired = rtp.parse(original) if original is not None else None
        if repaired is not None:
            producer.on_rtp(stream, repaired, now_ns, self._estimate, recovered=True)

    def on_taken(self, ssrc: int, now_ns: int) -> None:
        route = self._routes.get(ssrc)
        stream = route.stream if route is not None else None
        media = stream.cached(stream.highest) if stream is not None else None
        if stream is not None and media is not None:
            for consumer in stream.slow:
                consumer.forward(stream, media, now_ns)

    def on_rtcp(self, reports: list[rtcp.Report], now_ns: int) -> None:
        for report in reports:
            if isinstance(report, rtcp.SenderReport):
                self._on_sender_report(report, now_ns)
            elif isinstance(report, rtcp.Bye):
                for ssrc in report.ssrcs:
                    route = self._routes.get(ssrc)
                    if route is not None and route.stream is not None and route.producer.capture is not None:
                        route.producer.capture.rtcp(route.stream, report.raw, now_ns)

    def _on_sender_report(self, report: rtcp.SenderReport, now_ns: int) -> None:
        route = self._routes.get(report.ssrc)
        if route is None or route.stream is None:
            return
        stream = route.stream
        if stream.on_sender_report(report, now_ns):
            for consumer in stream.takers:
                consumer.downlink.report_soon()
        if route.producer.capture is not None and route.producer.flowing:
            route.producer.capture.rtcp(stream, report.raw, now_ns)

    def on_connected(self) -> None:
        if self.ingress is not None and self._keys is not None:
            self.ingress.open(self._keys.receiving_context)

    def on_path_changed(self, now_ns: int) -> None:
        if self.ingress is not None and self._keys is None:
            self.ingress.close()
        self._estimate.path_changed(now_ns)
        self._line.path_changed(now_ns)

    # --- timers --------------------------------------------------------------------

    def on_timer(self, now_ns: int) -> None:
        """Every tick: ask again for what is missing."""
        if self._keys is None:
            return
        for producer in self.producers.values():
            if producer.keyframes.pending:
                producer.on_timer(now_ns)
            for stream in producer.streams:
                if stream is not None and stream.nack.missing:
                    if self._port.overloaded:
                        stream.nack.give_up()
                    numbers = stream.nack.due(now_ns)
                    if numbers:
                        self.counts["nacks_sent"] += len(numbers)
                        sequences = [n & 0xFFFF for n in numbers]
                        self.send_rtcp(self._compound([rtcp.nack(self._own_ssrc, stream.ssrc, sequences)]))

    def report(self, now_ns: int) -> None:
        """Receiver reports on every stream, and what may be sent (REMB)."""
        self._unknown_left = MAX_UNKNOWN_PER_S // 2
        blocks: list[rtcp.ReportBlock] = []
        video: list[int] = []
        received_bps = 0.0
        expected = lost = recovered = missed = pictured = 0
        for producer in self.producers.values():
            for stream in producer.streams:
                if stream is None:
                    continue
                stream.measure(now_ns)
                block = stream.report_block(now_ns)
                if block is not None:
                    blocks.append(block)
                    expected += stream.expected_now
                    lost += stream.lost_now
                    if producer.kind == "video":
                        pictured += stream.expected_now
                        missed += stream.missed_now
                    recovered += stream.nack.recovered
                    if producer.source == "microphone":
                        self._sound_gone += stream.gone_now
                if producer.kind == "video":
                    video.append(stream.ssrc)
                    received_bps += stream.bitrate_bps
        self._estimate.update(expected, lost, received_bps, now_ns)
        asked_for = lost + max(0, recovered - self._recovered)
        self.loss.add(expected, asked_for)
        self.counts["packets_expected"] += expected
        self.counts["packets_lost"] += asked_for
        self._recovered = recovered
        # Sound is mended under its own numbers: which of them were lost nobody can say.
        self._line.add(pictured, missed, now_ns)
        arrives_badly = self._line.lossy(now_ns)
        for producer in self.producers.values():
            producer.arrives_badly = arrives_badly
        feedback = [rtcp.remb(self._own_ssrc, int(self._estimate.bitrate_bps), video)] if video else []
        if blocks or feedback:
            self.send_rtcp(self._compound(feedback, blocks))

    def take_sound_gone(self) -> int:
        """Packets of the microphone that never came, since it was last asked."""
        gone, self._sound_gone = self._sound_gone, 0
        return max(0, gone)

    # --- demultiplexing --------------------------------------------------------------

    def _find(self, packet: rtp.RtpPacket) -> _Route | None:
        """The producer of an SSRC seen for the first time: by MID and RID (RFC 8843 §9.2, RFC 8852), else by type."""
        if self._unknown_left <= 0 or len(self._routes) >= MAX_SSRCS:
            return None
        self._unknown_left -= 1
        extensions = packet.extensions()
        producer = self._producer_of(packet, extensions)
        if producer is None:
            return None
        repairs = packet.payload_type == producer.codec.rtx_payload_type
        rid_id = producer.repaired_rid_id if repairs else producer.rid_id
        layer = 0
        if producer.rids:
            rid = extensions.get(rid_id, b"").decode("ascii", "replace")
            if rid not in producer.rids:
                return None
            layer = producer.rids.index(rid)
        elif producer.streams[0] is not None and not repairs and producer.layers > 1:
            return None
        if repairs:
            return self._learn(packet.ssrc, _Route(producer, layer, None, repairs=True))
        return self._learn_media(packet.ssrc, producer, layer)

    def _producer_of(self, packet: rtp.RtpPacket, extensions: dict[int, bytes]) -> Producer | None:
        payload_type = packet.payload_type
        fits = [p for p in self.producers.values() if payload_type in (p.codec.payload_type, p.codec.rtx_payload_type)]
        for producer in fits:
            mid = extensions.get(producer.mid_id)
            if mid is not None and producer.mid is not None and mid == producer.mid.encode():
                return producer
        if len(fits) == 1 and extensions.get(fits[0].mid_id) is None:
            return fits[0]
        return None

    def _learn_media(self, ssrc: int, producer: Producer, layer: int) -> _Route | None:
        earlier = producer.streams[layer]
        if earlier is not None and self._routes.get(earlier.ssrc) is not None:
            self._forget(earlier.ssrc)
        stream = producer.add_stream(ssrc, layer)
        self.report_due = True
        if self.ingress is not None:
            self.ingress.add(ssrc, stream)
        return self._learn(ssrc, _Route(producer, layer, stream, repairs=False))

    def _learn(self, ssrc: int, route: _Route) -> _Route:
        self._routes[ssrc] = route
        return route

    def _forget(self, ssrc: int) -> None:
        del self._routes[ssrc]
        if self.ingress is not None:
            self.ingress.remove(ssrc)
        self.forget_stream(ssrc, sent=False)

    def _compound(self, feedback: list[bytes], blocks: list[rtcp.ReportBlock] | None = None) -> bytes:
        """A receiver report leads every compound packet (RFC 3550 §6.1)."""
        return rtcp.receiver_report(self._own_ssrc, blocks or []) + b"".join(feedback)
