"""Sequence numbers without end: 16 bits on the wire, counted on past the wrap (RFC 3550 A.1)."""

from __future__ import annotations

#: A jump of more than this, seen twice in a row, is a sender that started anew (RFC 3550 A.1: MAX_DROPOUT).
MAX_DROPOUT = 3000


class SequenceUnwrapper:
    """``highest`` is the newest extended number, -1 before the first; the first cycle starts at 65536, so that no
    number is ever negative."""

    __slots__ = ("_cycle", "_suspect", "highest")

    def __init__(self) -> None:
        self.highest = -1
        self._cycle = 0x10000
        self._suspect = -1

    def restart(self) -> None:
        """Forget where the sender was; what comes next gets numbers above all earlier ones."""
        if self.highest >= 0:
            self._cycle = (self.highest & ~0xFFFF) + 0x20000
        self.highest = -1
        self._suspect = -1

    def unwrap(self, sequence: int) -> int:
        """The extended number, or -1 for a first number far off, which may be a stray."""
        highest = self.highest
        if highest < 0:
            self.highest = self._cycle + sequence
            return self.highest
        distance = (sequence - highest) & 0xFFFF
        if distance < 0x8000:
            if distance > MAX_DROPOUT:
                return self._judge(sequence)
            self._suspect = -1
            self.highest = highest + distance
            return self.highest
        distance -= 0x10000
        if distance < -MAX_DROPOUT:
            return self._judge(sequence)
        return highest + distance

    def _judge(self, sequence: int) -> int:
        """Believe a far number only when its successor follows; the sender then goes on in a new cycle."""
        if self._suspect >= 0 and (sequence - self._suspect) & 0xFFFF in (1, 2):
            self._suspect = -1
            self.highest = (self.highest & ~0xFFFF) + 0x20000 + sequence
            return self.highest
        self._suspect = sequence
        return -1
