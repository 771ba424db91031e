"""Which simulcast layer a subscriber gets, without I/O: seams for spatial choice at keyframes only."""

from __future__ import annotations

from collections.abc import Sequence

from .clock import NS_PER_MS

#: A layer silent for this long is not being sent now.
ACTIVE_MS = 1000
#: How long a new subscriber waits for a keyframe of the wished layer before any is good enough.
PATIENCE_MS = 300


def best(wanted: int, last_packet_ns: Sequence[int | None], now_ns: int) -> int | None:
    """The highest layer up to ``wanted`` that is being sent, else the lowest that is, else ``None``."""
    active = [layer for layer, last in enumerate(last_packet_ns) if is_active(last, now_ns)]
    if not active:
        return None
    return max((layer for layer in active if layer <= wanted), default=active[0])


def is_active(last_packet_ns: int | None, now_ns: int) -> bool:
    return last_packet_ns is not None and now_ns - last_packet_ns <= ACTIVE_MS * NS_PER_MS


def may_switch(current: int | None, target: int, offered: int, waiting_ns: int) -> bool:
    """Whether to take the keyframe of layer ``offered`` now.

    ``current`` is ``None`` while nothing is shown; ``waiting_ns`` says for how long.
    """
    if offered == target:
        return offered != current
    if current is None:
        return waiting_ns > PATIENCE_MS * NS_PER_MS
    # Nearer to the target than what is shown, from either side.
    return current < offered < target or target < offered < current
