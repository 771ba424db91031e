"""Pictures as the record takes them from a track: whole frames, and which of them a decoder can use."""

from __future__ import annotations

from typing import NamedTuple

#: A frame larger than this is given up, bytes: a bound on memory, far above any camera's keyframe.
FRAME_LIMIT_BYTES = 8 * 1024 * 1024


class Frame(NamedTuple):
    """One whole frame.  ``after_loss``: packets are missing between it and the frame before it."""

    ssrc: int
    timestamp: int
    arrival_ns: int
    data: bytes
    key: bool
    width: int
    height: int
    tl0_index: int | None
    temporal_id: int | None
    layer_sync: bool
    after_loss: bool


class Decodable:
    """Says which frames a decoder can use: all, until something is missing; then what the layers allow, or a keyframe.

    With temporal layers (tid and TL0PICIDX present) a frame of the base layer needs the base frame just before it, and
    a higher one needs a layer sync after a loss (RFC 7741 §4.2).  Without them only a keyframe helps.
    """

    def __init__(self) -> None:
        self.ssrc: int | None = None
        self.need_key = True
        self.need_sync = False
        self.tl0: int | None = None

    def keeps(self, frame: Frame) -> bool:
        if frame.key:
            self.ssrc, self.tl0 = frame.ssrc, frame.tl0_index
            self.need_key = self.need_sync = False
            return True
        if self.need_key or frame.ssrc != self.ssrc:
            return False
        if frame.temporal_id is None or frame.tl0_index is None or self.tl0 is None:
            self.need_key = frame.after_loss
            return not frame.after_loss
        if frame.temporal_id == 0:
            if frame.after_loss:
                self.need_key = frame.tl0_index != (self.tl0 + 1) & 0xFF
                self.need_sync = True
            self.tl0 = frame.tl0_index
            return not self.need_key
        if frame.after_loss:
            self.need_sync = True
        if frame.tl0_index != self.tl0:
            return False
        if self.need_sync and not frame.layer_sync:
            return False
        self.need_sync = False
        return True
