"""One received RTP stream (an SSRC): what arrived, what is missing, what its sender's clock says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import rtcp, vp8
from .clock import NS_PER_MS, NS_PER_S
from .fastpath import HotList
from .nack import NackGenerator
from .rtp import RtpPacket
from .sequence import MAX_DROPOUT, SequenceUnwrapper

if TYPE_CHECKING:
    from .consumer import Consumer
    from .fastpath import FastPath

#: Packets kept for retransmission; powers of two.  Video: about 2 s of 2 Mbit/s, half of it for each layer below (a
#: quarter of the pixels); audio: 2.5 s of 20 ms packets.
VIDEO_CACHE_PACKETS = 512
AUDIO_CACHE_PACKETS = 128
MIN_CACHE_PACKETS = 128
#: A rate over less than this says nothing.
MIN_MEASURE_MS = 200


class Media:
    """One packet as its consumers need it, made once for all of them.

    ``body`` is what follows the fixed header: the extension block of ``payload_at`` bytes, then the payload.
    """

    __slots__ = ("body", "keyframe", "marker", "number", "orientation", "payload_at", "timestamp", "vp8")

    def __init__(self, number: int, marker: int, timestamp: int) -> None:
        self.number = number
        self.marker = marker
        self.timestamp = timestamp
        self.body = b""
        self.payload_at = 0
        self.keyframe = False
        self.orientation = b""
        self.vp8: vp8.Vp8Descriptor | None = None


class MediaStream:
    """``layer`` is its place among the producer's encodings, 0 the lowest."""

    def __init__(self, ssrc: int, layer: int, clock_rate: int, cache_packets: int = VIDEO_CACHE_PACKETS) -> None:
        self.ssrc = ssrc
        self.layer = layer
        self.clock_rate = clock_rate
        self.takers: list[Consumer] = []
        """Consumers this stream is forwarded to now."""
        self.fast: FastPath | None = None
        self.hot: HotList | None = None
        """Takers whose packets go the fast way; ``None`` until the next packet finds out which."""
        self.slow: list[Consumer] = []
        """The other takers, while ``hot`` is there."""
        self.run: list[Media] = []
        """Pushed to the hot list and not yet written."""
        self.hot_packets = self.hot_octets = self.hot_ns = 0
        """Pushed to hot lists ever, and when last."""
        self.hot_last: Media | None = None
        self.nack = NackGenerator()
        self.last_packet_ns: int | None = None
        self.sibling_frames = 0
        """Frames of the producer's other layers since the last packet of this one."""
        self.stopped = False
        """The sender has stopped this layer and not begun it again."""
        self.keyframe = -1
        """Number of the first packet of the newest keyframe, -1 before there is one."""
        self.temporal_layers = 1
        """How many this stream was seen to have."""
        self.sender_report: rtcp.SenderReport | None = None
        self.sender_report_ns = 0
        self.bytes = 0
        self.bitrate_bps = 0.0
        self.expected_now = self.lost_now = 0
        """Packets between the last two report blocks."""
        self._mask = cache_packets - 1
        self._cache: list[Media | None] = [None] * cache_packets
        self._unwrapper = SequenceUnwrapper()
        self._jitter = 0
        self._transit: int | None = None
        self._base = -1
        self._received = 0
        self._reported_expected = 0
        self._reported_received = 0
        self._measured_bytes = 0
        self._measured_ns: int | None = None

    @property
    def highest(self) -> int:
        """The newest extended number, -1 before the first."""
        return self._unwrapper.highest

    def accept(self, packet: RtpPacket, now_ns: int, *, recovered: bool = False) -> Media | None:
        """Count a packet in; ``None`` if it is a duplicate or a stray.

        A recovered one says nothing about jitter.
        """
        before = self._unwrapper.highest
        number = self._unwrapper.unwrap(packet.sequence)
        if number < 0:
            return None
        if before < 0:
            self._base = number
        elif number - before > MAX_DROPOUT:
            self._restart(number)
        slot = number & self._mask
        cached = self._cache[slot]
        if cached is not None and cached.number >= number:
            return None
        media = Media(number, packet.marker, packet.timestamp)
        self._cache[slot] = media
        self.last_packet_ns = now_ns
        self.sibling_frames = 0
        self.stopped = False
        self.bytes += len(packet.data)
        self._received += 1
        if not recovered:
            self._measure_jitter(packet.timestamp, now_ns)
        return media

    def cached(self, number: int) -> Media | None:
        media = self._cache[number & self._mask]
        return media if media is not None and media.number == number else None

    def heat(self, fast: FastPath) -> HotList:
        """Find out who can be served the fast way."""
        self.fast = fast
        entries = [(consumer, consumer.hot_entry()) for consumer in self.takers]
        self.slow = [consumer for consumer, entry in entries if entry is None]
        found = [entry for _, entry in entries if entry is not None]
        payload_type = self.takers[0].payload_type if self.takers else 0
        self.hot = HotList(found, payload_type)
        return self.hot

    def cool(self) -> None:
        """Write what is waiting, and let the takers take their state back: something about one of them changes."""
        if self.hot is None:
            return
        for consumer in self.takers:
            consumer.settle()
            consumer.hot_base = None
        if self.fast is not None:
            self.fast.write(self)
            self.fast.send()
        self.hot = None
        self.slow = []

    def pause(self) -> None:
        """Nothing is missing of what is not wanted; the next packet begins a new count."""
        self.cool()
        self.nack.reset()
        self._unwrapper.restart()
        self._transit = None
        self._received = self._reported_expected = self._reported_received = 0
        self._base = self.keyframe = -1
        self.last_packet_ns = None
        self.sibling_frames = 0
        self.stopped = False

    def on_sender_report(self, report: rtcp.SenderReport, now_ns: int) -> bool:
        """Keep the newest; ``True`` for the first."""
        first = self.sender_report is None
        self.sender_report = report
        self.sender_report_ns = now_ns
        return first

    def measure(self, now_ns: int) -> None:
        """Update ``bitrate_bps`` over the time since the last call."""
        if self._measured_ns is not None:
            if now_ns - self._measured_ns < MIN_MEASURE_MS * NS_PER_MS:
                return
            self.bitrate_bps = (self.bytes - self._measured_bytes) * 8 * NS_PER_S / (now_ns - self._measured_ns)
        self._measured_bytes = self.bytes
        self._measured_ns = now_ns

    def report_block(self, now_ns: int) -> rtcp.ReportBlock | None:
        """Our view of the stream for its sender (RFC 3550 A.3); ``None`` before the first packet."""
        if self._base < 0:
            return None
        expected = self.highest - self._base + 1
        self.expected_now = max(0, expected - self._reported_expected)
        self.lost_now = max(0, self.expected_now - (self._received - self._reported_received))
        self._reported_expected, self._reported_received = expected, self._received
        lsr = dlsr = 0
        if self.sender_report is not None:
            lsr = self.sender_report.ntp >> 16 & 0xFFFFFFFF
            dlsr = min((now_ns - self.sender_report_ns) * 65536 // NS_PER_S, 0xFFFFFFFF)
        return rtcp.ReportBlock(
            ssrc=self.ssrc,
            fraction_lost=min(255, self.lost_now * 256 // max(1, self.expected_now)),
            total_lost=expected - self._received,
            highest_sequence=self.highest & 0xFFFFFFFF,
            jitter=self._jitter >> 4,
            lsr=lsr,
            dlsr=dlsr,
        )

    def _restart(self, number: int) -> None:
        """The sender began a new count: what was sent on goes on from here."""
        for consumer in self.takers:
            consumer.resync()
        self.nack.reset()
        self.keyframe = -1
        self._base = number
        self._received = self._reported_expected = self._reported_received = 0

    def _measure_jitter(self, timestamp: int, now_ns: int) -> None:
        """RFC 3550 A.8, in units of 1/16 of the clock."""
        transit = now_ns * self.clock_rate // NS_PER_S - timestamp
        if self._transit is not None:
            difference = abs(transit - self._transit) & 0xFFFFFFFF
            if difference < self.clock_rate * 10:  # not a wrap of the timestamp
                self._jitter += difference - ((self._jitter + 8) >> 4)
        self._transit = transit
