"""How often one packet is sent again, without I/O."""

from __future__ import annotations

from .clock import NS_PER_MS, NS_PER_S

#: A repeat of a NACK within this is the same loss (the retransmission is under way).
REPEAT_MS = 60
#: Retransmissions of one packet (of a third lost, one in 15,000 is lost so often), and packets whose retransmission is
#: remembered.
MAX_RESENDS = 8
RESEND_MEMORY = 512
#: Retransmissions in one second to one subscriber of one stream: more than a good stream has packets.
MAX_PER_S = 400


class Resends:
    """One consumer's."""

    __slots__ = ("_left", "_remembered", "_since_ns", "granted", "refused")

    def __init__(self) -> None:
        self.granted = self.refused = 0
        """Requests granted ever, and refused for being too many in one second."""
        self._remembered: dict[int, tuple[int, int]] = {}
        self._left = MAX_PER_S
        self._since_ns = 0

    def __len__(self) -> int:
        return len(self._remembered)

    def grant(self, number: int, now_ns: int) -> bool:
        """Whether to send this packet again now."""
        last_ns, times = self._remembered.get(number, (0, 0))
        if times >= MAX_RESENDS or (times and now_ns - last_ns < REPEAT_MS * NS_PER_MS):
            return False
        if now_ns - self._since_ns >= NS_PER_S:
            self._left, self._since_ns = MAX_PER_S, now_ns
        if self._left <= 0:
            self.refused += 1
            return False
        self._left -= 1
        self.granted += 1
        if len(self._remembered) >= RESEND_MEMORY and not times:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[number] = (now_ns, times + 1)
        return True
