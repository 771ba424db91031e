"""What a subscriber is sent again, written into the send buffer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import rtp
from .dtls_adapter import MAX_PACKET_BYTES, SEND_BUFFER
from .fastpath import named, packer, rewrite_picture
from .producer import video_block

if TYPE_CHECKING:
    from .seqmap import Segment
    from .store import Media


def retransmission(
    media: Media, segment: Segment, out: int, *, ssrc: int, payload_type: int, sequence: int, mid: bytes, now_ns: int
) -> int:
    """RFC 4588: own SSRC and numbers, the original number ``out`` in front of the payload.

    ``mid``: an extension element, or nothing.  Returns the packet's size, bytes; 0 if it would be too large.
    """
    block = rtp.extended(video_block(now_ns, media.orientation), mid)
    body = block + (out & 0xFFFF).to_bytes(2, "big") + media.body[media.payload_at :]
    timestamp = media.timestamp + segment.timestamp_delta & 0xFFFFFFFF
    size = len(body)
    if size > MAX_PACKET_BYTES - 12:
        return 0
    second = media.marker | payload_type
    packer(size)(SEND_BUFFER, 0, 0x90, second, sequence & 0xFFFF, timestamp, ssrc, body)
    if media.vp8 is not None:
        at = 12 + len(block) + 2
        rewrite_picture(SEND_BUFFER, at, media.vp8, segment.picture_delta, segment.tl0_delta)
    return 12 + size


def repetition(media: Media, segment: Segment, out: int, *, ssrc: int, payload_type: int, mid: bytes) -> int:
    """The same bytes under the same number: AES-GCM allows that, and no other bytes under it.

    ``mid``: the element that the packet carried the first time, or nothing.  Returns the packet's size, bytes.
    """
    body, payload_at = media.body, media.payload_at
    if mid:
        body, payload_at = named(body, payload_at, mid)
    first = 0x90 if payload_at else 0x80
    timestamp = media.timestamp + segment.timestamp_delta & 0xFFFFFFFF
    second = media.marker | payload_type
    size = len(body)
    packer(size)(SEND_BUFFER, 0, first, second, out & 0xFFFF, timestamp, ssrc, body)
    return 12 + size
