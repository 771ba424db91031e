"""Who speaks: the loudness of each peer from the audio level extension (RFC 6464), without I/O."""

from __future__ import annotations

#: Loudest packet of a period must reach this to count as speech, -dBov.
SPEECH_DBOV = 60
#: An event per this, ms, while somebody speaks, and one more when the last falls silent.
PERIOD_MS = 250


class LevelMeter:
    """Collects the loudest packet per peer and period."""

    def __init__(self) -> None:
        self._loudest: dict[str, int] = {}
        self._speaking = False

    def add(self, peer_id: str, level: int) -> None:
        """One packet's level, 0 (loudest) to 127 (silence)."""
        if level < self._loudest.get(peer_id, SPEECH_DBOV + 1):
            self._loudest[peer_id] = level

    def take(self) -> dict[str, int] | None:
        """End the period: the speaking peers, empty once after the last has stopped, else ``None``."""
        levels, self._loudest = self._loudest, {}
        if not levels and not self._speaking:
            return None
        self._speaking = bool(levels)
        return levels
