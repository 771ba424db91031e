"""What a bad link does to packets: loses, delays, reorders and queues them.  Pure: sizes and times in, times out.

The words are those of ``tc netem`` (tc-netem(8)): each packet is lost with one probability and delayed by ``delay``
plus or minus ``jitter``, drawn evenly and for each packet by itself, so that later packets overtake earlier ones.  A
rate makes a queue; what would wait longer than the queue is long is lost.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

BITS_PER_BYTE = 8


@dataclass(frozen=True, slots=True)
class Weather:
    """One direction of a link.  ``loss``: 0 to 1; times in ms; ``rate_bps`` 0: no bound."""

    loss: float = 0.0
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    rate_bps: float = 0.0
    queue_ms: float = 300.0


class Direction:
    """Decides over each packet of one direction, the same for the same ``seed``."""

    def __init__(self, seed: int) -> None:
        self.weather = Weather()
        self.passed = self.lost = 0
        self._random = random.Random(seed)
        self._sent_at = 0.0

    def offer(self, size: int, now: float) -> float | None:
        """When a packet of ``size`` bytes that comes ``now`` (s) comes out at the other end; ``None``: never."""
        weather = self.weather
        leaves = now
        if weather.rate_bps:
            begins = max(now, self._sent_at)
            if begins - now > weather.queue_ms / 1000:
                self.lost += 1
                return None
            leaves = self._sent_at = begins + size * BITS_PER_BYTE / weather.rate_bps
        if self._random.random() < weather.loss:
            self.lost += 1
            return None
        self.passed += 1
        spread = self._random.uniform(-weather.jitter_ms, weather.jitter_ms) if weather.jitter_ms else 0.0
        return leaves + max(0.0, weather.delay_ms + spread) / 1000
