"""How often somebody may do something: a token bucket per key.  Pure: the time comes in."""

from __future__ import annotations

from collections.abc import Hashable

#: Keys that are remembered; whoever has not asked for longest is forgotten first, with a full bucket.
LIMIT = 4096


class Allowance:
    """``burst`` at once, and ``per_s`` each second after it."""

    def __init__(self, burst: float, per_s: float) -> None:
        self._burst = burst
        self._per_s = per_s
        self._left: dict[Hashable, tuple[float, float]] = {}

    def take(self, key: Hashable, now_s: float) -> bool:
        """Whether it may be done once more now."""
        left, since = self._left.pop(key, (self._burst, now_s))
        left = min(self._burst, left + (now_s - since) * self._per_s)
        allowed = left >= 1
        self._left[key] = (left - 1 if allowed else left, now_s)
        if len(self._left) > LIMIT:
            del self._left[next(iter(self._left))]
        return allowed
