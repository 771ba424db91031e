"""The VP8 payload descriptor (RFC 7741 §4.2), as far as a forwarder needs it."""

from __future__ import annotations

from typing import NamedTuple

NO_PICTURE = -1


class Vp8Descriptor(NamedTuple):
    """Offsets are within the payload; -1 says that a field is absent."""

    starts_frame: bool
    keyframe: bool
    picture_at: int
    picture_id: int
    long_picture_id: bool
    tl0_at: int
    tl0: int
    temporal_layer: int
    layer_sync: bool


def parse(data: bytes, at: int, end: int) -> Vp8Descriptor | None:
    """Read the descriptor of the payload ``data[at:end]``; ``None`` if it is cut short."""
    start = at
    if at >= end:
        return None
    first = data[at]
    at += 1
    picture_at = picture_id = tl0_at = tl0 = -1
    long_id = layer_sync = False
    temporal = 0
    if first & 0x80:
        if at >= end:
            return None
        flags = data[at]
        at += 1
        if flags & 0x80:
            if at >= end:
                return None
            picture_at = at - start
            picture_id = data[at] & 0x7F
            if data[at] & 0x80:
                if at + 1 >= end:
                    return None
                long_id = True
                picture_id = picture_id << 8 | data[at + 1]
                at += 1
            at += 1
        if flags & 0x40:
            if at >= end:
                return None
            tl0_at, tl0 = at - start, data[at]
            at += 1
        if flags & 0x30:
            if at >= end:
                return None
            if flags & 0x20:
                temporal = data[at] >> 6
                layer_sync = bool(data[at] & 0x20)
            at += 1
    if at >= end:
        return None
    starts = first & 0x17 == 0x10  # S is set and the partition index is 0
    keyframe = starts and not data[at] & 1
    return Vp8Descriptor(starts, keyframe, picture_at, picture_id, long_id, tl0_at, tl0, temporal, layer_sync)
