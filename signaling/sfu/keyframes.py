"""When to ask a sender for a keyframe, without I/O.

Throttled per producer, not per layer: a browser answers a request for one simulcast layer with keyframes on all.
"""

from __future__ import annotations

from .clock import NS_PER_MS

#: Least time between two requests to one producer.
THROTTLE_MS = 500
#: Ask again if none came within this.
RETRY_MS = 1000
#: Give up after this many unanswered requests (the sender is paused or gone).
MAX_TRIES = 8


class KeyframeRequester:
    """``want`` and ``due`` answer whether a request is to be sent now."""

    def __init__(self) -> None:
        self._asked_ns: int | None = None
        self._tries = 0
        self.pending = False

    def want(self, now_ns: int) -> bool:
        """Somebody needs a keyframe."""
        if not self.pending:
            self.pending = True
            self._tries = 0
        return self._ask(now_ns, RETRY_MS if self._tries else THROTTLE_MS)

    def due(self, now_ns: int) -> bool:
        """Called from a timer: ask now what was throttled, or again what was not answered."""
        if not self.pending:
            return False
        if self._tries >= MAX_TRIES:
            self.pending = False
            return False
        return self._ask(now_ns, RETRY_MS if self._tries else THROTTLE_MS)

    def not_sent(self) -> None:
        """The request just granted could not be sent (nothing was received yet): it stays due."""
        self._asked_ns = None
        self._tries -= 1

    def arrived(self) -> None:
        """A keyframe came on the layer that was asked for."""
        self.pending = False
        self._tries = 0

    def begin_anew(self) -> None:
        """What was asked for cannot come any more; the next wish is granted at once."""
        self.pending = False
        self._tries = 0
        self._asked_ns = None

    def _ask(self, now_ns: int, after_ms: int) -> bool:
        if self._asked_ns is not None and now_ns - self._asked_ns < after_ms * NS_PER_MS:
            return False
        self._asked_ns = now_ns
        self._tries += 1
        return True
