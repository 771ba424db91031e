"""How many packets one peer's line loses, whoever mends it and whoever lost packets before it, without I/O.

Congestion and radio that fails are judged by what the line loses at first.  Three things hide that.  What is mended
under the same number counts as received: sound, which has no retransmission stream.  A hole that the *sender's* line
made is forwarded as a hole, and its receiver reports it lost.  And fractions of short periods, cut off at nothing,
count what only came late as lost and never take it back.  So numbers ever lost are compared, less the numbers that
were never sent, of streams whose repair has numbers of its own, and of that repair (RFC 4588), which nobody mends.
"""

from __future__ import annotations

import math

from .clock import NS_PER_S

#: Losses count half after 1.7 s: the sums are those of some five seconds, and a line that is good again is known to be
#: within two.
MEMORY_S = 2.5
#: Loss above which a line is taken for congested or failing, and below which it is good again (shares of packets).
#: Radio loses up to a tenth at random, and repair mends that; with the packets of one small picture (20 in a second) a
#: tenth and three tenths both lie two and a half deviations off.
HIGH_LOSS = 0.18
LOW_LOSS = 0.14
#: Fewer packets say nothing.
MIN_EXPECTED = 10.0
#: After another path was taken, so long is left out: what is reported then was lost while there was none.
SETTLE_S = 1.0
#: A greater step of a report's numbers is a stream that began anew.
MAX_STEP = 10_000


class LineLoss:
    """Of one direction of one peer's line."""

    __slots__ = ("_expected", "_from_ns", "_is_lossy", "_lost", "_noted_ns")

    def __init__(self) -> None:
        self._expected = self._lost = 0.0
        self._noted_ns = self._from_ns = 0
        self._is_lossy = False

    def add(self, expected: int, lost: int, now_ns: int) -> None:
        """So many packets more were sent over the line, and so many did not come; less than none if late ones came."""
        if now_ns < self._from_ns:
            return
        kept = math.exp((self._noted_ns - now_ns) / (MEMORY_S * NS_PER_S))
        self._noted_ns = now_ns
        self._expected = self._expected * kept + expected
        self._lost = self._lost * kept + lost

    def share(self, now_ns: int) -> float | None:
        """What was lost of late, 0 to 1; ``None`` if too little was sent to say."""
        kept = math.exp((self._noted_ns - now_ns) / (MEMORY_S * NS_PER_S))
        if self._expected * kept < MIN_EXPECTED:
            return None
        return min(1.0, max(0.0, self._lost / self._expected))

    def lossy(self, now_ns: int) -> bool:
        """Whether it loses more than radio does at random; it is good again when it loses clearly less."""
        share = self.share(now_ns) or 0.0
        self._is_lossy = share > (LOW_LOSS if self._is_lossy else HIGH_LOSS)
        return self._is_lossy

    def path_changed(self, now_ns: int) -> None:
        """The peer's packets take another way now, of which nothing is known."""
        self._expected = self._lost = 0.0
        self._is_lossy = False
        self._from_ns = now_ns + int(SETTLE_S * NS_PER_S)


class ReportedLoss:
    """What a receiver's report blocks say of the line to it: by stream, what is new since the block before."""

    __slots__ = ("_before",)

    def __init__(self) -> None:
        self._before: dict[int, tuple[int, int, int]] = {}

    def heard(self, ssrc: int, highest: int, total_lost: int, holes: int) -> tuple[int, int]:
        """Packets (sent over the line, lost on it) since the last block of this stream; (0, 0) for its first.

        ``highest`` and ``total_lost`` are the block's (RFC 3550 §6.4.1: 32 bits, and 24 with a sign); ``holes``: how
        many numbers of the stream were passed over and never sent.
        """
        before = self._before.get(ssrc)
        self._before[ssrc] = (highest, total_lost, holes)
        if before is None:
            return 0, 0
        step = (highest - before[0]) & 0xFFFFFFFF
        more_lost = (total_lost - before[1] + 0x800000 & 0xFFFFFF) - 0x800000
        if step > MAX_STEP or abs(more_lost) > MAX_STEP:
            return 0, 0
        more_holes = holes - before[2]
        return step - more_holes, more_lost - more_holes

    def forget(self, ssrc: int) -> None:
        """The stream has ended."""
        self._before.pop(ssrc, None)
