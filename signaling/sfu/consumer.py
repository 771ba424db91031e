"""One producer as one subscriber gets it: an unbroken stream made of whichever layer fits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from . import layers
from .dtls_adapter import MAX_PACKET_BYTES, SEND_BUFFER
from .fastpath import named, packer, rewrite_picture
from .sent_stream import SentStream
from .seqmap import Segment
from .store import Media
from .stream import MediaStream
from .temporal import HIGHEST, Verdict

if TYPE_CHECKING:
    from .downlink import Downlink
    from .producer import Producer
    from .vp8 import Vp8Descriptor

#: Packets sent at once to a newcomer whose keyframe has just passed: half a second of 720p.
MAX_REPLAY_PACKETS = 60


class Consumer(SentStream):
    """Born paused.  ``preferred`` is the subscriber's wish, ``granted`` what its link allows."""

    def __init__(
        self,
        consumer_id: str,
        downlink: Downlink,
        producer: Producer,
        *,
        ssrc: int,
        rtx_ssrc: int | None,
        payload_type: int,
        rtx_payload_type: int | None,
        cname: str,
        mid: bytes = b"",
    ) -> None:
        super().__init__(
            downlink,
            video=producer.kind == "video",
            ssrc=ssrc,
            rtx_ssrc=rtx_ssrc,
            payload_type=payload_type,
            rtx_payload_type=rtx_payload_type,
            cname=cname,
            mid=mid,
        )
        self.id = consumer_id
        self.producer = producer
        self.paused = True
        self.preferred = self.granted = producer.layers - 1
        self.on_yield: Callable[[Consumer], None] = lambda consumer: None
        """Called when the link has no more room for it (``granted`` is negative), and when it has again."""
        self._waiting_since_ns = 0

    @property
    def status(self) -> str:
        """One of :data:`signaling.worker_api.CONSUMER_STATES`."""
        if self.paused:
            return "paused"
        if self.granted < 0:
            return "yielded"
        if self.stream is None:
            return "waiting"
        # A single layer is as good as the best.
        return (
            ("high", "middle", "low")[min(2, self.producer.layers - 1 - self.stream.layer)] if self._video else "sound"
        )

    # --- what others tell it ---------------------------------------------------

    @property
    def bitrate_bps(self) -> float:
        """What it is sent."""
        return self.stream.bitrate_bps if self.stream is not None else 0.0

    @property
    def wants_packets(self) -> bool:
        return not self.paused and self.producer.flowing and self.downlink.ready

    def resume(self) -> None:
        """Start or go on."""
        if self.paused:
            self.paused = False
            self.begin()

    def begin(self) -> None:
        """Take the stream, once nothing stands against it; video begins with a keyframe, which is asked for."""
        if not self.wants_packets or self.stream is not None or self.granted < 0:
            return
        if self._video:
            now_ns = self._waiting_since_ns = self.downlink.now_ns()
            wanted = min(self.preferred, self.granted)
            target = self.target(now_ns)
            if target is None or not self._replay(self.producer.streams[target], now_ns):
                self.producer.want_keyframe(wanted if target is None else target, now_ns)
            return
        stream = self.producer.streams[0]
        if stream is not None:
            self._take(stream)

    def pause(self) -> None:
        self.paused = True
        self.leave_stream()

    def producer_flow_changed(self) -> None:
        """The producer was paused or resumed, or the plan changed."""
        self.leave_stream()
        self.begin()

    def stream_appeared(self, stream: MediaStream) -> None:
        """A new stream of the producer; sound is taken at once, video from its first keyframe."""
        if not self._video and self.wants_packets:
            self._take(stream)

    def resync(self) -> None:
        """The next packet of the stream is the next one sent, whatever its number."""
        self._cool()
        self._resync = True

    def leave_stream(self) -> None:
        self._cool()
        stream, self.stream = self.stream, None
        if stream is not None and self in stream.takers:
            stream.takers = [c for c in stream.takers if c is not self]
        self._resync = True

    def close(self) -> None:
        self.leave_stream()
        self.producer.consumers.pop(self.id, None)

    def prefer(self, layer: int, temporal_layer: int) -> None:
        """The highest layers that the subscriber has use for."""
        self.preferred = max(0, min(layer, self.producer.layers - 1))
        if self.granted >= 0:  # until the link says otherwise
            self.granted = max(self.granted, self.preferred)
        if self.temporal.limit(preferred=temporal_layer):
            self._cool()
        self.choose_layer(self.downlink.now_ns())

    def grant(self, layer: int, now_ns: int, temporal_layer: int = HIGHEST) -> None:
        """What the link has room for now; nothing, if negative."""
        if self.temporal.limit(granted=temporal_layer):
            self._cool()
        yields, self.granted = (self.granted < 0) != (layer < 0), layer
        if yields:
            self.on_yield(self)
        if layer < 0:
            self.leave_stream()
        else:
            self.choose_layer(now_ns)

    def choose_layer(self, now_ns: int) -> None:
        """Ask for a keyframe if another layer should be shown.  Called from the timer and on a changed wish."""
        if not self._video or not self.wants_packets:
            return
        target = self.target(now_ns)
        switches = self.stream is None or self.stream.layer != target
        if target is not None and (switches or self.temporal.needs_keyframe(now_ns)):
            self.producer.want_keyframe(target, now_ns)

    def target(self, now_ns: int) -> int | None:
        """The layer that should be shown now."""
        if self.granted < 0:
            return None
        wanted = min(self.preferred, self.granted) if not self.producer.arrives_badly else 0
        return self.producer.best_layer(wanted, now_ns)

    def consider(self, stream: MediaStream, now_ns: int) -> bool:
        """A keyframe begins: switch to its layer, if that is nearer to what is wanted, and say so."""
        if self.stream is stream or not self.wants_packets:
            return False
        target = self.target(now_ns)
        if target is None:
            return False
        current = self.stream.layer if self.stream is not None else None
        if not layers.may_switch(current, target, stream.layer, now_ns - self._waiting_since_ns):
            return False
        self._take(stream)
        return True

    def catch_up(self, stream: MediaStream, number: int, now_ns: int) -> None:
        """Send what followed ``number`` from the cache."""
        for later in range(number + 1, stream.highest + 1):
            media = stream.cached(later)
            if media is not None and media.body:
                self.forward(stream, media, now_ns)

    # --- packets ---------------------------------------------------------------

    def forward(self, stream: MediaStream, media: Media, now_ns: int) -> None:
        """Send one packet of the stream this consumer takes: the plain way."""
        if media.vp8 is not None and not self.temporal.open and self._is_above(media, media.vp8):
            return
        segment = self._switch(stream, media, now_ns) if self._resync else self._map.current
        number = media.number
        if segment is None:
            return
        if number < segment.first:
            segment = self._map.segment_of(stream, number)
            if segment is None:
                return
        out = number + segment.delta
        timestamp = media.timestamp + segment.timestamp_delta & 0xFFFFFFFF
        body, payload_at = media.body, media.payload_at
        if out < self._named_below:
            body, payload_at = named(body, payload_at, self._mid)
        size = len(body)
        if size > MAX_PACKET_BYTES - 12:
            return
        first = 0x90 if payload_at else 0x80
        second = media.marker | self.payload_type
        packer(size)(SEND_BUFFER, 0, first, second, out & 0xFFFF, timestamp, self.ssrc, body)
        if media.vp8 is not None:
            at = 12 + payload_at
            rewrite_picture(SEND_BUFFER, at, media.vp8, segment.picture_delta, segment.tl0_delta)
        if out > self._map.highest_out:
            self._note_newest(media, segment, now_ns)
        self.packets += 1
        self.octets += size - payload_at
        self.downlink.send_rtp(12 + size)

    def leave_out(self, stream: MediaStream, number: int) -> None:
        """A packet of padding is not forwarded and leaves no gap."""
        if stream is self.stream and not self._resync:
            self._cool()
            self._map.leave_out(number)

    def _is_above(self, media: Media, descriptor: Vp8Descriptor) -> bool:
        """Whether the packet is of a temporal layer that does not pass; it then leaves no gap."""
        current = self._map.current
        newest = self._resync or current is None or media.number + current.delta > self._map.highest_out
        verdict = self.temporal.judge(media.timestamp, descriptor, newest=newest)
        if verdict is Verdict.PASS:
            if self.temporal.open:
                self._cool()
            return False
        if newest and not self._resync:
            picture = verdict is Verdict.LEAVE_OUT_PICTURE and descriptor.picture_at >= 0
            self._map.leave_out(media.number, pictures=int(picture))
        return True

    # --- inside ----------------------------------------------------------------

    def _replay(self, stream: MediaStream | None, now_ns: int) -> bool:
        """Begin with a keyframe that has just passed, and all that followed it, from the cache."""
        if stream is None or stream.keyframe < 0 or stream.highest - stream.keyframe > MAX_REPLAY_PACKETS:
            return False
        self._take(stream)
        self.catch_up(stream, stream.keyframe - 1, now_ns)
        return True

    def _take(self, stream: MediaStream) -> None:
        self.leave_stream()
        stream.cool()
        self.stream = stream
        stream.takers = [*stream.takers, self]

    def _switch(self, stream: MediaStream, media: Media, now_ns: int) -> Segment:
        self._resync = False
        self._cool()
        self.temporal.stream_changed()
        picture_delta = tl0_delta = 0
        if media.vp8 is not None and self._map.current is not None:
            if media.vp8.picture_at >= 0:
                picture_delta = self._last_picture + 1 - media.vp8.picture_id
            if media.vp8.tl0_at >= 0:
                tl0_delta = self._last_tl0 + 1 - media.vp8.tl0
        timestamp_delta = self._timestamp_delta(stream, media, now_ns)
        segment = self._map.switch(stream, media.number, timestamp_delta, picture_delta, tl0_delta)
        self.downlink.report_soon()
        return segment
