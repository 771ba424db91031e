"""The transport a peer receives on: its consumers, their reports, and how much its link takes."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Literal

from ..ortc import RtpCapabilities
from . import rtcp
from .allocation import NOTHING, Choice, Demand, LinkEstimate, allocate
from .clock import NS_PER_S, Clock
from .consumer import Consumer
from .dtls_adapter import Certificate, SrtpKeys
from .fastpath import Outbox
from .line_loss import LineLoss, ReportedLoss
from .port import Port
from .quality import RoundTrip
from .transport import State, Transport
from .udp import UdpPath

#: mediasoup-client's bandwidth probator uses this SSRC.
RESERVED_SSRC = 1234
#: Sender reports that share one compound packet with their canonical names and stay below an Ethernet frame.
REPORTS_PER_COMPOUND = 16
#: A picture that had to yield stays dark for at least this long.
DARK_NS = 2 * NS_PER_S


class Downlink(Transport):
    direction: Literal["send", "recv"] = "recv"

    def __init__(
        self,
        transport_id: str,
        peer_id: str,
        port: Port,
        certificate: Certificate,
        clock: Clock,
        on_state: Callable[[Transport, State], None],
        capabilities: RtpCapabilities,
    ) -> None:
        super().__init__(transport_id, peer_id, port, certificate, clock, on_state)
        self.capabilities = capabilities
        self.consumers: dict[str, Consumer] = {}
        self._by_ssrc: dict[int, Consumer] = {}
        self._estimate = LinkEstimate()
        self._by_rtx_ssrc: dict[int, Consumer] = {}
        self._reported = ReportedLoss()
        self._line, self._line_by_sound = LineLoss(), LineLoss()
        """Sound is mended under its own numbers and hides what was lost; it is heard where there is no picture."""
        self.round_trip = RoundTrip()
        self.held_back = 0
        """Pictures that the link has no room for, or only in a lower layer than there is."""
        self._sent_octets = 0
        self._dark_ns: dict[str, int] = {}
        """Consumers whose picture had to yield, and until when."""
        self._measured_ns = clock.mono_ns()
        self._mids = 0

    def new_ssrc(self) -> int:
        """An SSRC that is free on this transport."""
        while True:
            ssrc = secrets.randbits(32)
            if ssrc and ssrc != RESERVED_SSRC and ssrc not in self._by_ssrc:
                return ssrc

    def new_mid(self) -> str:
        """Unique for the life of the transport."""
        self._mids += 1
        return str(self._mids - 1)

    def add_consumer(self, consumer: Consumer) -> None:
        self.consumers[consumer.id] = consumer
        self._by_ssrc[consumer.ssrc] = consumer
        if consumer.rtx_ssrc is not None:
            self._by_rtx_ssrc[consumer.rtx_ssrc] = consumer

    def remove_consumer(self, consumer: Consumer) -> None:
        consumer.close()
        self.counts.update(consumer.counts())
        self.consumers.pop(consumer.id, None)
        for ssrc in (consumer.ssrc, consumer.rtx_ssrc):
            if ssrc is not None:
                self._by_ssrc.pop(ssrc, None)
                self._by_rtx_ssrc.pop(ssrc, None)
                self._reported.forget(ssrc)
                self.forget_stream(ssrc, sent=True)

    def report_soon(self) -> None:
        """A consumer began, or its producer's clock became known: lip sync shall not wait for the next turn."""
        self.report_due = True

    def fast_route(self) -> tuple[Outbox, SrtpKeys, int] | None:
        """Outbox, keys and the peer's name, while packets go over UDP in batches."""
        keys, path = self._keys, self._path
        if keys is None or not isinstance(path, UdpPath) or path.outbox is None:
            return None
        return path.outbox, keys, path.name.address

    def on_path_changed(self, now_ns: int) -> None:
        for consumer in self.consumers.values():
            if consumer.stream is not None:
                consumer.stream.cool()
        for line in (self._line, self._line_by_sound):
            line.path_changed(now_ns)

    def on_return(self, now_ns: int) -> None:
        """What was sent meanwhile is lost, and too much to be asked for again."""
        for consumer in self.consumers.values():
            if consumer.producer.kind == "video" and consumer.stream is not None:
                consumer.producer.want_keyframe(consumer.stream.layer, now_ns)

    def on_connected(self) -> None:
        for consumer in self.consumers.values():
            consumer.begin()

    def on_rtcp(self, reports: list[rtcp.Report], now_ns: int) -> None:
        for report in reports:
            if isinstance(report, rtcp.Nack):
                consumer = self._by_ssrc.get(report.media_ssrc)
                self.counts["nacks_received"] += len(report.sequences)
                if consumer is not None and not consumer.paused and not self._port.overloaded:
                    consumer.on_nack(report.sequences, now_ns)
            elif isinstance(report, rtcp.KeyframeRequest):
                consumer = self._by_ssrc.get(report.media_ssrc)
                self.counts["keyframes_wanted"] += 1
                if consumer is not None and consumer.stream is not None:
                    consumer.producer.want_keyframe(consumer.stream.layer, now_ns)
            elif isinstance(report, rtcp.Remb):
                self._estimate.on_remb(report.bitrate)
            elif isinstance(report, rtcp.ReceiverReport | rtcp.SenderReport):
                for block in report.reports:
                    self._on_report(block, now_ns)

    def loss(self, now_ns: int) -> float | None:
        """The share of what is sent that the line to the peer loses, of late; ``None`` while nothing says."""
        share = self._line.share(now_ns)
        return share if share is not None else self._line_by_sound.share(now_ns)

    def _on_report(self, block: rtcp.ReportBlock, now_ns: int) -> None:
        repaired = self._by_rtx_ssrc.get(block.ssrc)
        if repaired is not None:  # its numbers have no holes
            self._line.add(*self._reported.heard(block.ssrc, block.highest_sequence, block.total_lost, 0), now_ns)
            return
        consumer = self._by_ssrc.get(block.ssrc)
        if consumer is None or consumer.stream is None:
            return
        consumer.reported()
        line = self._line if consumer.producer.kind == "video" else self._line_by_sound
        holes = consumer.holes()
        line.add(*self._reported.heard(block.ssrc, block.highest_sequence, block.total_lost, holes), now_ns)
        if block.lsr and block.lsr == consumer.reported_ntp:
            self.round_trip.learn(consumer.reported_ns, now_ns, block.dlsr)

    def report(self, now_ns: int) -> None:
        """Sender reports with canonical names; then a look at the link."""
        written: list[bytes] = []
        names: list[tuple[int, str]] = []
        for consumer in self.consumers.values():
            report = consumer.sender_report(now_ns)
            if report:
                written.append(report)
                names.append((consumer.ssrc, consumer.cname))
        for at in range(0, len(written), REPORTS_PER_COMPOUND):
            part = slice(at, at + REPORTS_PER_COMPOUND)
            self.send_rtcp(b"".join(written[part]) + rtcp.sdes_cname(names[part]))
        self._judge_link(now_ns)

    def _judge_link(self, now_ns: int) -> None:
        seconds = (now_ns - self._measured_ns) / NS_PER_S
        if seconds < 0.25:  # an extra report out of turn
            return
        # REMB speaks of what carries send times, which is video; sound is no choice, and small.
        octets = sum(c.octets for c in self.consumers.values() if c.producer.kind == "video")
        sent_bps = max(0, octets - self._sent_octets) * 8 / seconds
        self._sent_octets, self._measured_ns = octets, now_ns
        video = [c for c in self.consumers.values() if c.producer.kind == "video" and not c.paused]
        self._estimate.update(sent_bps, self.loss(now_ns) or 0.0, now_ns, self.round_trip.take_least())
        demands = [
            Demand(
                [s.bitrate_bps if s is not None else 0.0 for s in c.producer.streams],
                c.preferred,
                c.producer.priority(now_ns),
                max((s.temporal_layers for s in c.producer.streams if s is not None), default=1),
            )
            for c in video
        ]
        self._estimate.relax(sum(max(d.layer_bps, default=0.0) for d in demands))
        chosen = allocate(self._estimate.limit_bps, demands)
        self.held_back = sum(choice.layer < d.reachable for choice, d in zip(chosen, demands, strict=True))
        for consumer, choice in zip(video, chosen, strict=True):
            if choice.layer < 0:
                self._dark_ns[consumer.id] = now_ns
            # A picture that comes back begins with a burst, and on a link at its limit it would come and go.
            elif now_ns - self._dark_ns.get(consumer.id, now_ns - DARK_NS) < DARK_NS:
                choice = Choice(NOTHING)
            consumer.grant(choice.layer, now_ns, choice.temporal_layer)
