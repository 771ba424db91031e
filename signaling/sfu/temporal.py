"""Which temporal layers of one VP8 stream a subscriber gets, without I/O (RFC 7741 §4.2).

A frame of a higher temporal layer is never needed to decode a lower one, so frames may be left out at any time.  The
other way, a higher layer can be decoded from a keyframe on, or from a frame that is marked as depending on the base
layer only (Y).  What is decided for the first packet of a frame holds for all of it.
"""

from __future__ import annotations

from enum import Enum

from .clock import NS_PER_MS
from .vp8 import Vp8Descriptor

#: Highest temporal layer there is: browsers send three.
HIGHEST = 2
#: A sender that marks no frame is asked for a keyframe when more layers are wanted for this long.
PATIENCE_MS = 2000
#: With this many base frames in a row a stream has no other layers; a pattern repeats after eight frames.
ALL_BASE_FRAMES = 16


class Verdict(Enum):
    PASS = 0
    #: A packet of a frame of which another packet was left out before.
    LEAVE_OUT = 1
    #: The first packet of a frame to be left out.
    LEAVE_OUT_PICTURE = 2


class TemporalFilter:
    """``preferred`` is the subscriber's wish, ``granted`` what its link allows; ``current`` is what passes."""

    __slots__ = (
        "_above",
        "_base_frames",
        "_frame",
        "_highest_seen",
        "_left_out",
        "_since_ns",
        "current",
        "granted",
        "preferred",
    )

    def __init__(self) -> None:
        self.preferred = self.granted = self.current = HIGHEST
        self._highest_seen = self._base_frames = 0
        self._frame: int | None = None
        self._above = False
        self._left_out: int | None = None
        self._since_ns: int | None = None

    @property
    def wanted(self) -> int:
        return min(self.preferred, self.granted)

    @property
    def open(self) -> bool:
        """Everything passes, now and for the next packet."""
        return self.current == HIGHEST == self.wanted

    def limit(self, *, preferred: int | None = None, granted: int | None = None) -> bool:
        """A new wish or grant; ``True`` if what passes may change by that."""
        before = self.wanted
        was_open = self.open
        self.preferred = self.preferred if preferred is None else preferred
        self.granted = self.granted if granted is None else granted
        if was_open:  # what went before was not looked at
            self._frame = None
        return self.wanted != before

    def judge(self, timestamp: int, descriptor: Vp8Descriptor, *, newest: bool) -> Verdict:
        """One packet, whose frame is known by its timestamp; ``newest``: none behind it was seen yet."""
        if not newest:  # it has a place in the stream, unless its frame was left out
            return Verdict.LEAVE_OUT if timestamp == self._left_out else Verdict.PASS
        first = timestamp != self._frame
        if first:
            begun = self._frame is None and not descriptor.starts_frame  # and its beginning has been sent
            self._frame = timestamp
            self._choose(descriptor)
            self._above = descriptor.temporal_layer > self.current and not begun
        if not self._above:
            return Verdict.PASS
        self._left_out = timestamp
        return Verdict.LEAVE_OUT_PICTURE if first else Verdict.LEAVE_OUT

    def stream_changed(self) -> None:
        """Another stream, or a new start: layers are counted anew from its keyframe."""
        self._frame = self._left_out = self._since_ns = None
        self._highest_seen = self._base_frames = 0
        self._above = False

    def needs_keyframe(self, now_ns: int) -> bool:
        """More is wanted than passes, and no frame has opened the way for long."""
        if self.current >= min(self.wanted, self._highest_seen):
            self._since_ns = None
            return False
        if self._since_ns is None:
            self._since_ns = now_ns
        return now_ns - self._since_ns > PATIENCE_MS * NS_PER_MS

    def _choose(self, descriptor: Vp8Descriptor) -> None:
        layer, wanted = descriptor.temporal_layer, self.wanted
        self._highest_seen = max(self._highest_seen, layer)
        self._base_frames = self._base_frames + 1 if layer == 0 else 0
        if descriptor.keyframe or wanted < self.current or self._base_frames >= ALL_BASE_FRAMES:
            self.current = wanted
        elif self.current < layer <= wanted and descriptor.layer_sync:
            self.current = layer
        if self.current >= self._highest_seen and self.current < wanted and self._highest_seen:
            self.current = wanted
