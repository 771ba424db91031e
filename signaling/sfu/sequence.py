"""Sequence numbers without end: 16 bits on the wire, counted on past the wrap (RFC 3550 A.1)."""

from __future__ import annotations

from typing import Protocol

#: A jump of more than this, seen twice in a row, is a sender that started anew (RFC 3550 A.1: MAX_DROPOUT).
MAX_DROPOUT = 3000
FIRST_CYCLE = 0x10000


class Numbers(Protocol):
    """``highest`` is the newest extended number, -1 before the first; ``cycle`` where the first will be counted from;
    ``suspect`` 16 bits of a number far off, or -1."""

    highest: int
    cycle: int
    suspect: int


class _Numbers:
    __slots__ = ("cycle", "highest", "suspect")

    def __init__(self) -> None:
        self.highest = self.suspect = -1
        self.cycle = FIRST_CYCLE


class SequenceUnwrapper:
    """The first cycle starts at 65536, so that no number is ever negative.  ``numbers`` is what it counts with."""

    __slots__ = ("numbers",)

    def __init__(self, numbers: Numbers | None = None) -> None:
        self.numbers: Numbers = numbers if numbers is not None else _Numbers()

    @property
    def highest(self) -> int:
        return self.numbers.highest

    def restart(self) -> None:
        """Forget where the sender was; what comes next gets numbers above all earlier ones."""
        numbers = self.numbers
        if numbers.highest >= 0:
            numbers.cycle = (numbers.highest & ~0xFFFF) + 0x20000
        numbers.highest = -1
        numbers.suspect = -1

    def unwrap(self, sequence: int) -> int:
        """The extended number, or -1 for a first number far off, which may be a stray."""
        numbers = self.numbers
        highest = numbers.highest
        if highest < 0:
            numbers.highest = highest = numbers.cycle + sequence
            return highest
        distance = (sequence - highest) & 0xFFFF
        if distance < 0x8000:
            if distance > MAX_DROPOUT:
                return self._judge(sequence)
            numbers.suspect = -1
            numbers.highest = highest + distance
            return highest + distance
        distance -= 0x10000
        if distance < -MAX_DROPOUT:
            return self._judge(sequence)
        return highest + distance

    def _judge(self, sequence: int) -> int:
        """Believe a far number only when its successor follows; the sender then goes on in a new cycle."""
        numbers = self.numbers
        if numbers.suspect >= 0 and (sequence - numbers.suspect) & 0xFFFF in (1, 2):
            numbers.suspect = -1
            numbers.highest = highest = (numbers.highest & ~0xFFFF) + 0x20000 + sequence
            return highest
        numbers.suspect = sequence
        return -1
