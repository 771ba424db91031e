"""Which simulcast layer a subscriber gets, without I/O: seams for spatial choice at keyframes only."""

from __future__ import annotations

from collections.abc import Sequence

from .clock import NS_PER_MS

#: A layer has been stopped (browsers stop layers for want of bandwidth) if it is silent for this long while its
#: siblings went on for this many frames.  Time alone would not do: a still screen has one frame per second on each.
SILENT_MS = 350
SILENT_FRAMES = 3
#: Silent for this long, a layer is not being sent, whatever its siblings do.
STALE_MS = 3000
#: How long a new subscriber waits for a keyframe of the wished layer before any is good enough.
PATIENCE_MS = 300


def best(wanted: int, sent: Sequence[bool]) -> int | None:
    """The highest layer up to ``wanted`` that is being sent, else the lowest that is, else ``None``."""
    active = [layer for layer, is_sent in enumerate(sent) if is_sent]
    if not active:
        return None
    return max((layer for layer in active if layer <= wanted), default=active[0])


def has_stopped(silent_ns: int, sibling_frames: int) -> bool:
    """Whether a layer is no longer sent, after so long and so many frames of the other layers without a packet."""
    return sibling_frames >= SILENT_FRAMES and silent_ns > SILENT_MS * NS_PER_MS


def is_stale(last_packet_ns: int | None, now_ns: int) -> bool:
    return last_packet_ns is None or now_ns - last_packet_ns > STALE_MS * NS_PER_MS


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
