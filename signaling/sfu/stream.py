"""One received RTP stream (an SSRC): what arrived, what is missing, what its sender's clock says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import rtcp
from .clock import NS_PER_MS, NS_PER_S
from .fastpath import HotList
from .nack import NackGenerator
from .rtp import RtpPacket
from .sequence import FIRST_CYCLE, MAX_DROPOUT, SequenceUnwrapper
from .store import NO_LEVEL, NO_TRANSIT, Media, PacketStore

if TYPE_CHECKING:
    from .consumer import Consumer
    from .fastpath import FastPath

#: Most packets kept for retransmission; powers of two.  Video: about 2 s of 2 Mbit/s, half of it for each layer below
#: (a quarter of the pixels); audio: 2.5 s of 20 ms packets.  Fewer, if those are too old (:mod:`.store`).
VIDEO_CACHE_PACKETS = 512
AUDIO_CACHE_PACKETS = 128
MIN_CACHE_PACKETS = 128
#: Retransmissions remembered, whose packets may still come by themselves.
MAX_MENDED = 256
#: A rate over less than this says nothing.
MIN_MEASURE_MS = 200


class MediaStream:
    """``layer`` is its place among the producer's encodings, 0 the lowest."""

    def __init__(self, ssrc: int, layer: int, clock_rate: int, store: PacketStore | None = None) -> None:
        self.ssrc = ssrc
        self.store = store if store is not None else PacketStore(VIDEO_CACHE_PACKETS)
        self.state = self.store.state
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
        self._hot_last: Media | None = None
        self.nack = NackGenerator()
        self.keyframe = -1
        """Number of the first packet of the newest keyframe, -1 before there is one."""
        self.temporal_layers = 1
        """How many this stream was seen to have."""
        self.sender_report: rtcp.SenderReport | None = None
        self.sender_report_ns = 0
        self.bitrate_bps = 0.0
        self.expected_now = self.lost_now = self.missed_now = 0
        """Packets between the last two report blocks: how many there should be, how many are lost, and how many did
        not come at first (less than none, if late ones came), which repair may have mended."""
        self.gone_now = 0
        """Packets that came neither at first nor by repair, those of an outage among them; less than none, if late ones
        came."""
        self._forgiven = 0
        self._mended: dict[int, None] = {}
        """Numbers that came as retransmissions only."""
        self._mended_ever = self._reported_mended = 0
        self._unwrapper = SequenceUnwrapper(self.state)
        self._reported_expected = 0
        self._reported_received = 0
        self._measured_bytes = 0
        self._measured_ns: int | None = None

    @property
    def highest(self) -> int:
        """The newest extended number, -1 before the first."""
        return self.state.highest

    @property
    def last_packet_ns(self) -> int | None:
        at_ns = self.state.last_packet_ns
        return at_ns if at_ns >= 0 else None

    @property
    def sibling_frames(self) -> int:
        """Frames of the producer's other layers since the last packet of this one."""
        return self.state.sibling_frames

    @sibling_frames.setter
    def sibling_frames(self, frames: int) -> None:
        self.state.sibling_frames = frames

    @property
    def stopped(self) -> bool:
        """The sender has stopped this layer and not begun it again."""
        return bool(self.state.stopped)

    @stopped.setter
    def stopped(self, stopped: bool) -> None:
        self.state.stopped = int(stopped)

    @property
    def bytes(self) -> int:
        return self.state.bytes

    @property
    def hot_packets(self) -> int:
        """Pushed to hot lists ever; their octets, when the last was, and which."""
        return self.state.hot_packets

    @property
    def hot_octets(self) -> int:
        return self.state.hot_octets

    @property
    def hot_ns(self) -> int:
        return self.state.hot_ns

    @property
    def hot_last(self) -> Media | None:
        number = self.state.hot_number
        last = self._hot_last
        if last is None or last.number != number:
            last = self._hot_last = self.store.find(number) if number >= 0 else None
        return last

    def take_level(self) -> int | None:
        """The loudest level (RFC 6464) that the compiled path heard since the last call."""
        level = self.state.level
        if level == NO_LEVEL:
            return None
        self.state.level = NO_LEVEL
        return level

    def accept(self, packet: RtpPacket, now_ns: int, *, recovered: bool = False) -> Media | None:
        """Count a packet in; ``None`` if it is a duplicate or a stray.

        A recovered one says nothing about jitter.
        """
        state = self.state
        before = state.highest
        if before >= 0:
            self.nack.in_order(before)
        number = self._unwrapper.unwrap(packet.sequence)
        if number < 0:
            return None
        if before < 0:
            state.base = number
        elif number - before > MAX_DROPOUT:
            self._restart(number)
        media = Media(number, packet.marker, packet.timestamp)
        if not self.store.claim(media):
            if not recovered and self._mended.pop(number, 0) is None:
                self._mended_ever -= 1  # it was asked for, but only late
            return None
        state.last_packet_ns = now_ns
        state.sibling_frames = 0
        state.stopped = 0
        state.bytes += len(packet.data)
        state.received += 1
        if recovered:
            self._note_mended(number)
        else:
            self._measure_jitter(packet.timestamp, now_ns)
        return media

    def cached(self, number: int) -> Media | None:
        return self.store.find(number)

    def heat(self, fast: FastPath) -> HotList:
        """Find out who can be served the fast way."""
        self.fast = fast
        entries = [(consumer, consumer.hot_entry()) for consumer in self.takers]
        self.slow = [consumer for consumer, entry in entries if entry is None]
        found = [entry for _, entry in entries if entry is not None]
        payload_type = self.takers[0].payload_type if self.takers else 0
        self.hot = HotList(found, payload_type)
        fast.heated(self, self.hot)
        return self.hot

    def cool(self) -> None:
        """Write what is waiting, and let the takers take their state back: something about one of them changes."""
        self.store.unlend()
        if self.hot is None:
            return
        for consumer in self.takers:
            consumer.settle()
            consumer.hot_base = None
        if self.fast is not None:
            self.fast.write(self)
            self.fast.send()
            self.fast.cooled(self)
        self.hot = None
        self.slow = []

    def pause(self) -> None:
        """Nothing is missing of what is not wanted; the next packet begins a new count."""
        self.cool()
        self.nack.reset()
        self._unwrapper.restart()
        state = self.state
        state.transit = NO_TRANSIT
        state.received = self._reported_expected = self._reported_received = self._forgiven = 0
        state.base = self.keyframe = state.last_packet_ns = -1
        state.sibling_frames = state.stopped = 0

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

    def forgive(self, lost: int) -> None:
        """These were lost while there was no network: they say nothing of how good it is now."""
        self._reported_expected += lost
        self._forgiven += lost

    def report_block(self, now_ns: int) -> rtcp.ReportBlock | None:
        """Our view of the stream for its sender (RFC 3550 A.3); ``None`` before the first packet."""
        state = self.state
        if state.base < 0:
            return None
        expected = state.highest - state.base + 1
        self.expected_now = max(0, expected - self._reported_expected)
        still_missing = self.expected_now - (state.received - self._reported_received)
        self.lost_now = max(0, still_missing)
        self.gone_now, self._forgiven = still_missing + self._forgiven, 0
        self.missed_now = still_missing + self._mended_ever - self._reported_mended
        self._reported_mended = self._mended_ever
        self._reported_expected, self._reported_received = expected, state.received
        lsr = dlsr = 0
        if self.sender_report is not None:
            lsr = self.sender_report.ntp >> 16 & 0xFFFFFFFF
            dlsr = min((now_ns - self.sender_report_ns) * 65536 // NS_PER_S, 0xFFFFFFFF)
        return rtcp.ReportBlock(
            ssrc=self.ssrc,
            fraction_lost=min(255, self.lost_now * 256 // max(1, self.expected_now)),
            total_lost=expected - state.received,
            highest_sequence=state.highest - FIRST_CYCLE & 0xFFFFFFFF,
            jitter=state.jitter >> 4,
            lsr=lsr,
            dlsr=dlsr,
        )

    def _restart(self, number: int) -> None:
        """The sender began a new count: what was sent on goes on from here."""
        for consumer in self.takers:
            consumer.resync()
        self.nack.reset()
        self.keyframe = -1
        self.state.base = number
        self.state.received = self._reported_expected = self._reported_received = 0

    def _note_mended(self, number: int) -> None:
        self._mended_ever += 1
        self._mended[number] = None
        if len(self._mended) > MAX_MENDED:
            del self._mended[next(iter(self._mended))]

    def _measure_jitter(self, timestamp: int, now_ns: int) -> None:
        """RFC 3550 A.8, in units of 1/16 of the clock."""
        state = self.state
        transit = now_ns * self.clock_rate // NS_PER_S - timestamp
        if state.transit != NO_TRANSIT:
            difference = abs(transit - state.transit) & 0xFFFFFFFF
            if difference < self.clock_rate * 10:  # not a wrap of the timestamp
                state.jitter += difference - ((state.jitter + 8) >> 4)
        state.transit = transit
