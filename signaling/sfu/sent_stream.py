"""One stream as it is sent to one subscriber: its numbers, its counts, its reports, and what is sent again."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from . import repair, rtcp, rtp, timeline
from .capabilities import MID_ID
from .clock import NS_PER_S
from .fastpath import HotEntry
from .resend import Resends
from .seqmap import Segment, SequenceMap
from .store import Media
from .stream import MediaStream
from .temporal import TemporalFilter

if TYPE_CHECKING:
    from .downlink import Downlink

#: Its first packets name its section (RFC 8843 §15), until the subscriber has reported on it or so many are sent.
MAX_NAMED_PACKETS = 100


class SentStream:
    """Base of :class:`.consumer.Consumer`, which decides what it is made of.

    ``rtx_ssrc`` is ``None`` without a retransmission stream: sound is then sent again under its own numbers, a picture
    not at all.
    """

    def __init__(
        self,
        downlink: Downlink,
        *,
        video: bool,
        ssrc: int,
        rtx_ssrc: int | None,
        payload_type: int,
        rtx_payload_type: int | None,
        cname: str,
        mid: bytes,
    ) -> None:
        self.downlink = downlink
        self._video = video
        self.ssrc = ssrc
        self.rtx_ssrc = rtx_ssrc
        self.cname = cname
        self.temporal = TemporalFilter()
        self.packets = 0
        self.octets = 0
        self.stream: MediaStream | None = None
        """The received stream that it is made of now."""
        self.payload_type = payload_type
        self.hot_base: tuple[int, int] | None = None
        """Packets and octets that the stream's hot lists had been sent when this state was last its own; ``None`` while
        it goes the plain way."""
        self.reported_ntp = self.reported_ns = 0
        """The middle 32 bits of the last sender report's time stamp, and when it was written: for the round trip."""
        self.resends = Resends()
        self._noted = 0
        """Packets of the hot lists at the last look at the newest of them."""
        self._rtx_payload_type = rtx_payload_type
        self._rtx_sequence = secrets.randbelow(0x4000)
        self._is_known = not mid
        self._mid = rtp.extension(MID_ID, mid) if mid else b""
        self._map = SequenceMap(secrets.randbelow(0x4000))
        # Packets below this number carry the mid, however often they are sent: see _send_again.
        self._named_below = self._map.highest_out + 1 + MAX_NAMED_PACKETS if mid else 0
        self._resync = True
        self._last_timestamp = 0
        self._last_sent_ns = 0
        self._last_picture = 0
        self._last_tl0 = 0

    def counts(self) -> dict[str, int]:
        """By the worker's names for what it counts."""
        return {"retransmissions": self.resends.granted, "asked-too-often": self.resends.refused}

    def reported(self) -> None:
        """The subscriber has said something of this stream: it knows where it belongs."""
        if self._is_known:
            return
        self._is_known = True
        self.settle()
        if self._map.highest_out + 1 < self._named_below:
            self._named_below = self._map.highest_out + 1
            self._cool()

    # --- the fast way ------------------------------------------------------------

    def hot_entry(self) -> HotEntry | None:
        """What the fast way needs of this consumer, if it can take it; it is then ahead of this object's own state."""
        segment, stream = self._map.current, self.stream
        plain = self._resync or not self.temporal.open
        route = self.downlink.fast_route() if not plain else None
        if route is None or segment is None or stream is None:
            return None
        outbox, keys, name = route
        self.hot_base = (stream.hot_packets, stream.hot_octets)
        self._noted = stream.hot_packets
        constants = (
            keys.sending_context,
            name,
            self.ssrc,
            segment.delta,
            segment.timestamp_delta,
            segment.picture_delta,
            segment.tl0_delta,
        )
        if self._map.highest_out + 1 >= self._named_below:
            return HotEntry(outbox, keys, constants)
        return HotEntry(outbox, keys, constants, self._mid, self._named_below - segment.delta)

    def count(self) -> None:
        """Count what the fast way has sent."""
        stream, base = self.stream, self.hot_base
        if stream is None or base is None:
            return
        packets, octets = stream.state.hot_packets, stream.state.hot_octets
        if packets != base[0]:
            self.packets += packets - base[0]
            self.octets += octets - base[1]
            self.downlink.packets_out += packets - base[0]
            self.hot_base = (packets, octets)

    def holes(self) -> int:
        """How many numbers up to the newest sent were never sent, but for a constant: what the sender's line lost."""
        self.count()
        newest, stream, segment = self._map.highest_out, self.stream, self._map.current
        if self.hot_base is not None and stream is not None and segment is not None:
            newest = max(newest, stream.state.hot_number + segment.delta)
        return newest - self.packets

    def settle(self) -> None:
        """Catch up with what the fast way has sent."""
        self.count()
        stream, segment = self.stream, self._map.current
        if stream is None or self.hot_base is None or segment is None or self.hot_base[0] == self._noted:
            return
        last = stream.hot_last
        if last is not None:
            self._noted = self.hot_base[0]
            self._note_newest(last, segment, stream.hot_ns)

    def _cool(self) -> None:
        if self.stream is not None:
            self.stream.cool()

    def _note_newest(self, media: Media, segment: Segment, now_ns: int) -> None:
        """This is the newest packet sent."""
        self._map.highest_out = media.number + segment.delta
        self._last_timestamp = media.timestamp + segment.timestamp_delta & 0xFFFFFFFF
        self._last_sent_ns = now_ns
        if media.vp8 is not None:
            if media.vp8.picture_at >= 0:
                self._last_picture = media.vp8.picture_id + segment.picture_delta & 0x7FFF
            if media.vp8.tl0_at >= 0:
                self._last_tl0 = media.vp8.tl0 + segment.tl0_delta & 0xFF

    # --- repair and reports --------------------------------------------------------

    def on_nack(self, sequences: tuple[int, ...], now_ns: int) -> None:
        """Send again what the subscriber misses and the cache still has."""
        self.settle()
        for sequence in sequences:
            out = self._map.extend(sequence)
            origin = self._map.origin(out)
            if origin is None or not self.resends.grant(out, now_ns):
                continue
            segment, number = origin
            stream = segment.source
            assert isinstance(stream, MediaStream)
            media = stream.cached(number)
            if media is None or not media.body:
                continue
            if self.rtx_ssrc is not None:
                self._send_rtx(media, segment, out, now_ns)
            elif not self._video:
                self._send_again(media, segment, out)

    def sender_report(self, now_ns: int) -> bytes:
        """The upstream report moved to now and to our timestamps; empty while there is none."""
        self.count()
        stream, segment = self.stream, self._map.current
        if stream is None or self._resync or segment is None or stream.sender_report is None or not self.packets:
            return b""
        elapsed_ns = now_ns - stream.sender_report_ns
        ntp = stream.sender_report.ntp + (elapsed_ns << 32) // NS_PER_S
        timestamp = stream.sender_report.rtp_timestamp + elapsed_ns * stream.clock_rate // NS_PER_S
        timestamp += segment.timestamp_delta
        self.reported_ntp, self.reported_ns = ntp >> 16 & 0xFFFFFFFF, now_ns
        return rtcp.sender_report(self.ssrc, ntp & 0xFFFFFFFFFFFFFFFF, timestamp, self.packets, self.octets)

    # --- inside ----------------------------------------------------------------

    def _timestamp_delta(self, stream: MediaStream, media: Media, now_ns: int) -> int:
        """How to move the timestamps of ``stream`` so that they go on from what was sent."""
        before = self._map.current
        if before is None:
            return 0
        old = before.source
        assert isinstance(old, MediaStream)
        by_reports = timeline.delta_by_reports(
            old.sender_report, stream.sender_report, stream.clock_rate, before.timestamp_delta
        )
        return timeline.goes_on(
            media.timestamp,
            stream.clock_rate,
            last_timestamp=self._last_timestamp,
            elapsed_ns=now_ns - self._last_sent_ns,
            same_source_delta=before.timestamp_delta if old is stream else None,
            by_reports=by_reports,
        )

    def _send_rtx(self, media: Media, segment: Segment, out: int, now_ns: int) -> None:
        assert self.rtx_ssrc is not None
        assert self._rtx_payload_type is not None
        size = repair.retransmission(
            media,
            segment,
            out,
            ssrc=self.rtx_ssrc,
            payload_type=self._rtx_payload_type,
            sequence=self._rtx_sequence + 1,
            mid=self._mid,
            now_ns=now_ns,
        )
        if size:
            self._rtx_sequence += 1
            self.downlink.send_rtp(size)

    def _send_again(self, media: Media, segment: Segment, out: int) -> None:
        mid = self._mid if out < self._named_below else b""
        payload_type = self.payload_type
        self.downlink.send_rtp(
            repair.repetition(media, segment, out, ssrc=self.ssrc, payload_type=payload_type, mid=mid)
        )
