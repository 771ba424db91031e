"""From the numbers of the received streams to the unbroken numbers of one sent stream.

A subscriber sees one stream whatever happens behind it: a switch between simulcast layers, a pause, packets left out.
Each such event opens a :class:`Segment`; within a segment everything is moved by constants, so forwarding costs an
addition, and a retransmission finds its original by going back the same way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

#: Remembered for late packets and retransmissions.
MAX_SEGMENTS = 64
#: Where the numbering of a new stream begins: positive room for late packets before the first.
FIRST_CYCLE = 0x10000


class Segment:
    """``source`` is the received stream; ``first`` the first of its extended numbers that belongs here."""

    __slots__ = ("delta", "first", "first_out", "picture_delta", "source", "timestamp_delta", "tl0_delta")

    def __init__(
        self, source: Hashable, first: int, delta: int, timestamp_delta: int, picture_delta: int, tl0_delta: int
    ) -> None:
        self.source = source
        self.first = first
        self.delta = delta
        self.first_out = first + delta
        self.timestamp_delta = timestamp_delta
        self.picture_delta = picture_delta
        self.tl0_delta = tl0_delta


class SequenceMap:
    """``current`` is the segment being sent, ``highest_out`` the newest number sent."""

    def __init__(self, first_out: int) -> None:
        self.highest_out = FIRST_CYCLE + first_out - 1
        self.current: Segment | None = None
        self._past: deque[Segment] = deque(maxlen=MAX_SEGMENTS)

    def switch(
        self, source: Hashable, number: int, timestamp_delta: int, picture_delta: int = 0, tl0_delta: int = 0
    ) -> Segment:
        """Go on with ``number`` of ``source`` as the next number sent."""
        delta = self.highest_out + 1 - number
        return self._open(Segment(source, number, delta, timestamp_delta, picture_delta, tl0_delta))

    def leave_out(self, number: int, *, pictures: int = 0) -> None:
        """The packet ``number`` of the current source is not sent and shall leave no gap.

        With it so many pictures begin that are not sent either.  Of a packet that came late the gap is already out and
        stays.
        """
        current = self.current
        if current is None or number + current.delta <= self.highest_out:
            return
        if current.first == number:
            current.first += 1
            current.delta -= 1
            current.picture_delta -= pictures
            return
        self._open(
            Segment(
                current.source,
                number + 1,
                current.delta - 1,
                current.timestamp_delta,
                current.picture_delta - pictures,
                current.tl0_delta,
            )
        )

    def segment_of(self, source: Hashable, number: int) -> Segment | None:
        """The segment a late packet belongs to; ``None`` if it came before this subscriber took the stream."""
        current = self.current
        if current is None:
            return None
        if source == current.source and number >= current.first:
            return current
        limit = current.first_out
        for segment in reversed(self._past):
            if segment.source == source and number >= segment.first:
                return segment if number + segment.delta < limit else None
            limit = segment.first_out
        return None

    def origin(self, out: int) -> tuple[Segment, int] | None:
        """The segment and the received number behind the sent number ``out``."""
        current = self.current
        if current is None or out > self.highest_out:
            return None
        if out >= current.first_out:
            return current, out - current.delta
        for segment in reversed(self._past):
            if out >= segment.first_out:
                return segment, out - segment.delta
        return None

    def extend(self, sequence: int) -> int:
        """The extended sent number behind 16 bits of it, near the newest."""
        distance = (sequence - self.highest_out) & 0xFFFF
        return self.highest_out + (distance - 0x10000 if distance >= 0x8000 else distance)

    def _open(self, segment: Segment) -> Segment:
        if self.current is not None:
            self._past.append(self.current)
        self.current = segment
        return segment
