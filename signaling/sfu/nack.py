"""Which packets of a stream to ask for again, and when (RFC 4585 generic NACK), without I/O.

Constants start from what other forwarding units use: a first request after a short wait for reordering, then one per
round trip, as often as a packet may still be of use on a line that loses a third both ways.
"""

from __future__ import annotations

from .clock import NS_PER_MS

#: Packets overtaken on the way arrive within this.
REORDER_MS = 12
#: Between two requests for one packet: the round trip, but not below this.
MIN_RETRY_MS = 40
#: Where a third is lost both ways half of all rounds fail, and senders answer one request per round trip of theirs: ten
#: requests left one lost packet in forty unrepaired, and each of those a picture that stood until the next keyframe.
MAX_TRIES = 30
#: Older than this a packet is of no use to anyone who watches, and the record notes a gap.
MAX_AGE_MS = 2000
#: More missing at once than this is not loss but an outage, and so are fewer after a silence: the sender was elsewhere,
#: on its way from one network to another, and keeps nothing so old.
MAX_MISSING = 500
SILENCE_MS = 700
MISSING_AFTER_SILENCE = 10
DEFAULT_RTT_MS = 100


class _Missing:
    __slots__ = ("asked_ns", "due_ns", "since_ns", "tries")

    def __init__(self, now_ns: int) -> None:
        self.since_ns = now_ns
        self.due_ns = now_ns + REORDER_MS * NS_PER_MS
        self.asked_ns = 0
        self.tries = 0


class NackGenerator:
    """Feed :meth:`received` with extended numbers; ask :meth:`due` from a timer while ``missing`` is not empty."""

    def __init__(self) -> None:
        self.missing: dict[int, _Missing] = {}
        self.rtt_ns = DEFAULT_RTT_MS * NS_PER_MS
        self.recovered = 0
        self.outage = 0
        """How many the newest outage has cost."""
        self._highest = -1
        self._next_ns = 0
        """Nothing is due before."""

    def received(self, number: int, now_ns: int, before_ns: int | None = None) -> bool:
        """Note an arrival.  ``True`` if so much is missing that only a keyframe helps; nothing is then asked again.

        ``before_ns``: when the packet before it came, of whatever number.
        """
        highest = self._highest
        if number == highest + 1 or highest < 0:
            self._highest = number
            return False
        if number <= highest:
            entry = self.missing.pop(number, None)
            if entry is not None and entry.tries:
                self.recovered += 1
                if entry.tries == 1:
                    self._learn_rtt(now_ns - entry.asked_ns)
            return False
        self._highest = number
        silent = before_ns is not None and now_ns - before_ns > SILENCE_MS * NS_PER_MS
        most = MISSING_AFTER_SILENCE if silent else MAX_MISSING
        if number - highest - 1 + len(self.missing) > most:
            self.outage = number - highest - 1
            self.missing.clear()
            return True
        first_ns = now_ns + REORDER_MS * NS_PER_MS
        if not self.missing or first_ns < self._next_ns:
            self._next_ns = first_ns
        for lost in range(highest + 1, number):
            self.missing[lost] = _Missing(now_ns)
        return False

    def in_order(self, number: int) -> None:
        """Everything from what was noted last up to this number has arrived, one after the other."""
        self._highest = number

    def due(self, now_ns: int) -> list[int]:
        """Numbers to ask for now, ascending.  Those asked too often or too old are given up."""
        if now_ns < self._next_ns:
            return []
        asked: list[int] = []
        given_up: list[int] = []
        next_ns = now_ns + MAX_AGE_MS * NS_PER_MS
        for number, entry in self.missing.items():
            if entry.tries >= MAX_TRIES or now_ns - entry.since_ns > MAX_AGE_MS * NS_PER_MS:
                given_up.append(number)
            elif now_ns >= entry.due_ns:
                entry.tries += 1
                entry.asked_ns = now_ns
                entry.due_ns = now_ns + max(self.rtt_ns, MIN_RETRY_MS * NS_PER_MS)
                asked.append(number)
            next_ns = min(next_ns, entry.due_ns)
        for number in given_up:
            del self.missing[number]
        self._next_ns = next_ns
        return asked

    def give_up(self) -> None:
        """Ask for nothing of what is missing now."""
        self.missing.clear()

    def reset(self) -> None:
        """The sender started anew."""
        self.missing.clear()
        self._highest = -1

    def _learn_rtt(self, sample_ns: int) -> None:
        self.rtt_ns += (sample_ns - self.rtt_ns) // 8
