"""One source of one peer: its layers, its consumers, its keyframes, and its capture for the record."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from . import h264, layers, vp8
from .allocation import Priority
from .capabilities import (
    ABS_SEND_TIME_ID,
    ABS_SEND_TIME_URI,
    AUDIO_LEVEL_ID,
    AUDIO_LEVEL_URI,
    MID_URI,
    ORIENTATION_ID,
    ORIENTATION_URI,
    REPAIRED_RID_URI,
    RID_URI,
    VP8_MIME_TYPE,
    ProducerCodec,
)
from .clock import NS_PER_S
from .keyframes import KeyframeRequester
from .store import Media, PacketStore
from .stream import AUDIO_CACHE_PACKETS, MIN_CACHE_PACKETS, VIDEO_CACHE_PACKETS, MediaStream

if TYPE_CHECKING:
    from ..ortc import RtpParameters
    from .capture_tap import CaptureTap
    from .consumer import Consumer
    from .fastpath import FastPath
    from .rate import UplinkEstimate
    from .rtp import RtpPacket

#: Who was heard within this is still taken for the speaker.
SPEAKER_HOLD_S = 4.0

_ABS_SEND_TIME_HEAD = b"\xbe\xde\x00\x01" + bytes([ABS_SEND_TIME_ID << 4 | 2])
_TURNED_HEAD = b"\xbe\xde\x00\x02" + bytes([ABS_SEND_TIME_ID << 4 | 2])
_ORIENTATION = bytes([ORIENTATION_ID << 4])
_LEVEL_HEAD = b"\xbe\xde\x00\x01" + bytes([AUDIO_LEVEL_ID << 4])


def abs_send_time(now_ns: int) -> int:
    """24 bits of 6.18 fixed point seconds."""
    return (now_ns << 18) // NS_PER_S & 0xFFFFFF


def video_block(now_ns: int, orientation: bytes) -> bytes:
    """The extension block of a video packet sent now."""
    sent = abs_send_time(now_ns).to_bytes(3, "big")
    if not orientation:
        return _ABS_SEND_TIME_HEAD + sent
    return _TURNED_HEAD + sent + _ORIENTATION + orientation + b"\0\0"


class Producer:
    """``flowing`` says whether its packets are let in: allowed by the plan and not paused."""

    def __init__(
        self,
        producer_id: str,
        peer_id: str,
        source: str,
        kind: str,
        codec: ProducerCodec,
        parameters: RtpParameters,
        attributes: dict[str, str],
        *,
        request_keyframe: Callable[[int], bool],
        fast: FastPath | None = None,
    ) -> None:
        self.id = producer_id
        self.peer_id = peer_id
        self.source = source
        self.kind = kind
        self.codec = codec
        self.is_vp8 = codec.router.mime_type == VP8_MIME_TYPE
        self.clock_rate = codec.router.clock_rate
        self.attributes = attributes
        self.labels: dict[str, str] = {}
        """What the plan says of its tracks in the record, beside the attributes."""
        self.mid = parameters.mid
        self.rids = [e.rid for e in parameters.encodings if e.rid]
        self.layers = max(1, len(self.rids) or len(parameters.encodings))
        self.streams: list[MediaStream | None] = [None] * self.layers
        self.consumers: dict[str, Consumer] = {}
        self.keyframes = KeyframeRequester()
        self._capture: CaptureTap | None = None
        self.on_level: Callable[[str, int], None] | None = None
        self.pinned = False
        """Its picture yields no earlier than the speaker's."""
        self.heard_ns: int | None = None
        """When its peer was last heard speaking."""
        self.paused = False
        self.allowed = False
        self.flowing = False
        self.arrives_badly = False
        """Its sender's line loses so much that only the lowest layer is shown: of its frames, of few packets each, most
        come whole."""
        self._request_keyframe = request_keyframe
        self.fast = fast
        self._keyframe_layer = 0
        self._asked_ns = 0
        """When the newest outage was answered by a request."""
        ids = {e.uri: e.id for e in parameters.header_extensions if e.id is not None}
        self.mid_id = ids.get(MID_URI, 0)
        self.rid_id = ids.get(RID_URI, 0)
        self.repaired_rid_id = ids.get(REPAIRED_RID_URI, 0)
        self.send_time_id = ids.get(ABS_SEND_TIME_URI, 0)
        self.level_id = ids.get(AUDIO_LEVEL_URI, 0)
        self.orientation_id = ids.get(ORIENTATION_URI, 0)

    @property
    def capture(self) -> CaptureTap | None:
        return self._capture

    @capture.setter
    def capture(self, capture: CaptureTap | None) -> None:
        self._capture = capture
        self.unlend()

    def unlend(self) -> None:
        """Something that decides about its packets changes: the next of each stream is to be seen here."""
        for stream in self.streams:
            if stream is not None:
                stream.store.unlend()

    def tell_level(self) -> None:
        """Pass on the loudest level that was heard without its packets being seen here."""
        for stream in self.streams:
            if stream is not None:
                level = stream.take_level()
                if level is not None and self.on_level is not None:
                    self.on_level(self.peer_id, level)

    def priority(self, now_ns: int) -> Priority:
        """How late its picture yields on a link without room for all."""
        if self.source == "screen":
            return Priority.EVIDENCE
        speaks = self.heard_ns is not None and now_ns - self.heard_ns < SPEAKER_HOLD_S * NS_PER_S
        return Priority.SPEAKER if self.pinned or speaks else Priority.GALLERY

    def set_flow(self, *, allowed: bool | None = None, paused: bool | None = None) -> None:
        """Open or close the door."""
        if allowed is not None:
            self.allowed = allowed
        if paused is not None:
            self.paused = paused
        flowing = self.allowed and not self.paused
        if flowing == self.flowing:
            return
        self.flowing = flowing
        for stream in self.streams:
            if stream is not None:
                stream.pause()
        for consumer in self.consumers.values():
            consumer.producer_flow_changed()

    def add_stream(self, ssrc: int, layer: int) -> MediaStream:
        """A stream was seen, or announced, for a layer; it replaces an earlier one of that layer."""
        cache = AUDIO_CACHE_PACKETS if self.kind == "audio" else VIDEO_CACHE_PACKETS >> (self.layers - 1 - layer)
        cache = max(cache, MIN_CACHE_PACKETS)
        store = self.fast.store(cache) if self.fast is not None else PacketStore(cache)
        stream = MediaStream(ssrc, layer, self.clock_rate, store)
        self.unlend()
        earlier, self.streams[layer] = self.streams[layer], stream
        if self.capture is not None:
            self.capture.stream_replaced(earlier)
        for consumer in list(earlier.takers if earlier else ()):
            consumer.leave_stream()
        for consumer in self.consumers.values():
            consumer.stream_appeared(stream)
        return stream

    def best_layer(self, wanted: int, now_ns: int) -> int | None:
        """The highest layer up to ``wanted`` that is being sent, else the lowest that is, else ``None``."""
        sent = [s is not None and not s.stopped and not layers.is_stale(s.last_packet_ns, now_ns) for s in self.streams]
        return layers.best(wanted, sent)

    def want_keyframe(self, layer: int, now_ns: int) -> None:
        """A consumer or the record needs a keyframe of this layer."""
        self._keyframe_layer = layer
        if self.flowing and self.keyframes.want(now_ns) and not self._request_keyframe(layer):
            self.keyframes.not_sent()

    def on_timer(self, now_ns: int) -> None:
        """Repeat what was throttled, could not be sent, or was not answered."""
        if self.flowing and self.keyframes.due(now_ns) and not self._request_keyframe(self._keyframe_layer):
            self.keyframes.not_sent()

    def on_rtp(
        self, stream: MediaStream, packet: RtpPacket, now_ns: int, estimate: UplinkEstimate, *, recovered: bool
    ) -> None:
        """A packet of this producer, from the door to the consumers and the record."""
        if not self.flowing or packet.payload_type != self.codec.payload_type:
            return
        before_ns = stream.last_packet_ns
        media = stream.accept(packet, now_ns, recovered=recovered)
        if media is None:
            return
        extensions = packet.extensions()
        if self.kind == "video":
            if not recovered:
                sent = extensions.get(self.send_time_id, b"")
                if len(sent) == 3:
                    estimate.add(int.from_bytes(sent, "big"), now_ns)
            if stream.nack.received(media.number, now_ns, before_ns):
                stream.forgive(stream.nack.outage)
                if before_ns is not None and self._asked_ns < before_ns:
                    self.keyframes.begin_anew()  # what was asked for meanwhile went nowhere
                self._asked_ns = now_ns
                self.want_keyframe(stream.layer, now_ns)
        elif stream.nack.received(media.number, now_ns, before_ns):
            stream.forgive(stream.nack.outage)
        if packet.payload_at == packet.payload_end:  # padding
            for consumer in stream.takers:
                consumer.leave_out(stream, media.number)
            return
        switched: list[Consumer] = []
        if self.kind == "video":
            self._prepare_video(media, packet, extensions, now_ns)
            stream.store.keep(media, now_ns)
            if media.vp8 is not None and media.vp8.temporal_layer >= stream.temporal_layers:
                stream.temporal_layers = media.vp8.temporal_layer + 1
                stream.store.unlend()
            if media.keyframe:
                stream.keyframe = max(stream.keyframe, media.number)
                if stream.layer == self._keyframe_layer:
                    self.keyframes.arrived()
                switched = [c for c in self.consumers.values() if c.consider(stream, now_ns)]
        else:
            self._prepare_audio(media, packet, extensions)
            stream.store.keep(media, now_ns)
        self._forward(stream, media, now_ns)
        if switched and media.number < stream.highest:
            for consumer in switched:
                consumer.catch_up(stream, media.number, now_ns)
        if self.capture is not None:
            self.capture.rtp(stream, packet.data, now_ns, keyframe=media.keyframe)
        if media.marker and self.layers > 1:
            self._look_for_stopped(stream, now_ns)
        stream.store.lend(self, stream)

    def _forward(self, stream: MediaStream, media: Media, now_ns: int) -> None:
        fast = self.fast
        if fast is None or media.number != stream.highest:  # a late one goes the plain way, behind all others
            stream.cool()
            for consumer in stream.takers:
                consumer.forward(stream, media, now_ns)
            return
        hot = stream.hot or stream.heat(fast)
        slow = stream.slow
        if hot.entries:
            fast.push(stream, media, now_ns)
        for consumer in slow:  # one that begins here cools the stream, and is hot with the next packet
            consumer.forward(stream, media, now_ns)

    def _look_for_stopped(self, flowing: MediaStream, now_ns: int) -> None:
        """A frame of one layer has ended: those that watch a layer which fell silent shall not wait for a timer."""
        for stream in self.streams:
            if stream is None or stream is flowing or stream.last_packet_ns is None or stream.stopped:
                continue
            stream.sibling_frames += 1
            if not layers.has_stopped(now_ns - stream.last_packet_ns, stream.sibling_frames):
                continue
            stream.stopped = True
            if self._keyframe_layer == stream.layer:
                self.keyframes.begin_anew()
            for consumer in stream.takers:
                consumer.choose_layer(now_ns)
            if self.capture is not None:
                self.capture.layer_stopped(stream, now_ns)

    def _prepare_video(self, media: Media, packet: RtpPacket, extensions: dict[int, bytes], now_ns: int) -> None:
        orientation = extensions.get(self.orientation_id, b"")
        block = video_block(now_ns, orientation[:1])
        media.orientation = orientation[:1]
        media.payload_at = len(block)
        media.body = block + packet.payload
        if self.is_vp8:
            media.vp8 = vp8.parse(packet.data, packet.payload_at, packet.payload_end)
            media.keyframe = media.vp8 is not None and media.vp8.keyframe
        else:
            media.keyframe = h264.starts_keyframe(packet.data, packet.payload_at, packet.payload_end)

    def _prepare_audio(self, media: Media, packet: RtpPacket, extensions: dict[int, bytes]) -> None:
        level = extensions.get(self.level_id, b"")
        if level:
            media.payload_at = 8
            media.body = _LEVEL_HEAD + level[:1] + b"\0\0" + packet.payload
            if self.on_level is not None:
                self.on_level(self.peer_id, level[0] & 0x7F)
        else:
            media.body = packet.payload
