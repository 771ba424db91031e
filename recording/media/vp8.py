"""VP8 from RTP (RFC 7741): whole frames."""

from __future__ import annotations

from typing import NamedTuple

from .frames import FRAME_LIMIT_BYTES, Frame
from .rtp import Packet

#: A black keyframe of 320x180: stands where a person's picture has not begun.
BLACK_KEYFRAME = bytes.fromhex(
    "f00e009d012a4001b400004708858588858488020200061604f70681649f6bdb9b" + "27387b" * 31 + "272e00feffab5080"
)


class Descriptor(NamedTuple):
    """The payload descriptor (RFC 7741 §4.2); absent parts are ``None``."""

    length: int
    starts_frame: bool
    picture_id: int | None
    tl0_index: int | None
    temporal_id: int | None
    layer_sync: bool


def parse_descriptor(payload: memoryview) -> Descriptor | None:
    """Nothing if it is cut short."""
    try:
        first = payload[0]
        at = 1
        picture_id = tl0 = temporal = None
        sync = False
        if first & 0x80:
            flags = payload[at]
            at += 1
            if flags & 0x80:
                picture_id = payload[at]
                at += 1
                if picture_id & 0x80:
                    picture_id = (picture_id & 0x7F) << 8 | payload[at]
                    at += 1
            if flags & 0x40:
                tl0 = payload[at]
                at += 1
            if flags & 0x30:
                if flags & 0x20:
                    temporal = payload[at] >> 6
                    sync = bool(payload[at] & 0x20)
                at += 1
    except IndexError:
        return None
    if at > len(payload):
        return None
    starts = bool(first & 0x10) and not first & 0x07
    return Descriptor(at, starts, picture_id, tl0, temporal, sync)


def frame_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a keyframe (RFC 6386 §9.1), nothing for another frame."""
    if len(data) < 10 or data[0] & 0x01 or data[3:6] != b"\x9d\x01\x2a":
        return None
    return int.from_bytes(data[6:8], "little") & 0x3FFF, int.from_bytes(data[8:10], "little") & 0x3FFF


class Assembler:
    """Frames of one SSRC out of its packets in order."""

    def __init__(self) -> None:
        self.broken = 0
        #: Packets are missing since the frame before.
        self.after_loss = False
        self._parts: list[memoryview] = []
        self._size = 0
        self._head: tuple[Packet, Descriptor] | None = None

    @property
    def idle(self) -> bool:
        """No frame has begun that is not whole."""
        return self._head is None

    def push(self, packet: Packet, missing: int) -> list[Frame]:
        """Frames that are whole now (none, one, or two)."""
        if not packet.payload:
            # Padding takes a sequence number and carries nothing; what is missing before it still is.
            if missing:
                self._break()
            return []
        if missing:
            self._break()
        descriptor = parse_descriptor(packet.payload)
        if descriptor is None:
            self._break()
            return []
        frames: list[Frame] = []
        if descriptor.starts_frame and (self._head is None or packet.timestamp != self._head[0].timestamp):
            # A sender that forgot the marker: the frame before is whole all the same, as nothing is missing.
            frames += self._finish()
            self._head = packet, descriptor
        if self._head is None or packet.timestamp != self._head[0].timestamp:
            self._break()
            return frames
        part = packet.payload[descriptor.length :]
        self._parts.append(part)
        self._size += len(part)
        if self._size > FRAME_LIMIT_BYTES:
            self._break()
        elif packet.marker:
            frames += self._finish()
        return frames

    def _finish(self) -> list[Frame]:
        if self._head is None:
            return []
        packet, descriptor = self._head
        data = b"".join(self._parts)
        self._head, self._parts, self._size = None, [], 0
        if not data:
            return []
        size = frame_size(data)
        key = not data[0] & 0x01
        if key and size is None:
            self._break()
            return []
        after_loss, self.after_loss = self.after_loss, False
        width, height = size or (0, 0)
        return [
            Frame(
                packet.ssrc,
                packet.timestamp,
                packet.arrival_ns,
                data,
                key,
                width,
                height,
                descriptor.tl0_index,
                descriptor.temporal_id,
                descriptor.layer_sync,
                after_loss,
            )
        ]

    def _break(self) -> None:
        if self._head is not None:
            self.broken += 1
        self._head, self._parts, self._size = None, [], 0
        self.after_loss = True
