"""How the network serves one peer, as people are told of it, without I/O."""

from __future__ import annotations

from .clock import NS_PER_MS, NS_PER_S

#: Weight of the newest round trip.
RTT_SMOOTHING = 0.3
#: A longer one is a mistake in somebody's arithmetic.
MAX_RTT_MS = 10_000


class LossWindow:
    """Packets since it was last asked."""

    __slots__ = ("_expected", "_lost")

    def __init__(self) -> None:
        self._expected = self._lost = 0.0

    def add(self, expected: float, lost: float) -> None:
        self._expected += expected
        self._lost += lost

    def take(self) -> float | None:
        """The share that was lost, 0..1, and begin anew; ``None`` if nothing was expected."""
        expected, lost = self._expected, self._lost
        self._expected = self._lost = 0.0
        return round(min(1.0, max(0.0, lost / expected)), 4) if expected > 0 else None


class RoundTrip:
    """From our sender reports and what receivers say of them (RFC 3550 §6.4.1, LSR and DLSR)."""

    __slots__ = ("_least_ms", "ms")

    def __init__(self) -> None:
        self.ms: float | None = None
        self._least_ms: float | None = None

    def learn(self, sent_ns: int, now_ns: int, dlsr: int) -> None:
        """A report sent at ``sent_ns`` was held by its receiver for ``dlsr`` (1/65536 s) and is answered now."""
        sample_ms = (now_ns - sent_ns - dlsr * NS_PER_S / 65536) / NS_PER_MS
        if not -1 < sample_ms < MAX_RTT_MS:
            return
        sample_ms = max(0.0, sample_ms)
        self.ms = sample_ms if self.ms is None else self.ms + (sample_ms - self.ms) * RTT_SMOOTHING
        self._least_ms = sample_ms if self._least_ms is None else min(self._least_ms, sample_ms)

    def take_least(self) -> float | None:
        """The least sample since it was last asked, if there was any."""
        least_ms, self._least_ms = self._least_ms, None
        return least_ms
