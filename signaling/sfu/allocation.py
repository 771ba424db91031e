"""How much video a subscriber's link takes, and which layer each consumer gets of it, without I/O.

A receiver's REMB says little while less is sent than fits: it stays near one and a half times what arrived.  So it is
believed when it falls below what is sent (congestion), and going up is tried step by step, more rarely after each
failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from . import temporal
from .clock import NS_PER_S

#: Loss above which a link is taken for congested, and below which for clean (fractions of packets).
HIGH_LOSS = 0.10
LOW_LOSS = 0.02
#: Share of the estimate that is used.
HEADROOM = 0.95
#: A REMB below this share of what is sent, in this many periods in a row, means congestion.  Between, it only follows
#: the throughput up and down.
CONGESTED_SHARE = 0.9
CONGESTED_PERIODS = 2
#: Weight of the newest period in the rate sent and in the loss: a keyframe is a burst, a few packets say little.
SMOOTHING = 0.4
FIRST_RETRY_S = 5.0
MAX_RETRY_S = 60.0
#: Growth per try when nothing limits.
STEP_UP = 1.5
FLOOR_BPS = 100_000


class LinkEstimate:
    """``limit_bps`` is ``None`` while nothing says that the link is a limit."""

    def __init__(self) -> None:
        self.limit_bps: float | None = None
        self.remb_bps: int | None = None
        self._retry_s = FIRST_RETRY_S
        self._changed_ns = 0
        self._raised = False
        self._sent_bps = 0.0
        self._loss = 0.0
        self._low_periods = 0

    def on_remb(self, bitrate: int) -> None:
        self.remb_bps = bitrate

    def update(self, sent_bps: float, loss: float | None, now_ns: int) -> None:
        """Judge the last period: what was sent, and the fraction that the receiver reported lost, if it did."""
        self._sent_bps += (sent_bps - self._sent_bps) * SMOOTHING
        if loss is not None:
            self._loss += (loss - self._loss) * SMOOTHING
        sent_bps, remb, loss = self._sent_bps, self.remb_bps, self._loss
        low = remb is not None and remb < sent_bps * CONGESTED_SHARE
        self._low_periods = self._low_periods + 1 if low else 0
        since_s = (now_ns - self._changed_ns) / NS_PER_S
        if loss > HIGH_LOSS or self._low_periods >= CONGESTED_PERIODS:
            if since_s < 1.0:
                return
            fits = sent_bps * (1 - loss / 2) if loss > HIGH_LOSS else sent_bps
            if remb is not None:
                fits = min(fits, remb)
            if self._raised:
                self._retry_s = min(self._retry_s * 2, MAX_RETRY_S)
            self._change(max(FLOOR_BPS, fits * HEADROOM), now_ns, raised=False)
        elif self.limit_bps is not None and loss < LOW_LOSS and since_s > self._retry_s:
            self._change(max(self.limit_bps, sent_bps) * STEP_UP, now_ns, raised=True)

    def relax(self, all_layers_bps: float) -> None:
        """Forget the limit once it is above everything there is to send."""
        if self.limit_bps is not None and self.limit_bps > all_layers_bps * STEP_UP:
            self.limit_bps = None
            self._retry_s = FIRST_RETRY_S

    def _change(self, limit_bps: float, now_ns: int, *, raised: bool) -> None:
        self.limit_bps = limit_bps
        self._changed_ns = now_ns
        self._raised = raised


class Priority(IntEnum):
    """Who yields later when a link has no room for all."""

    GALLERY = 0
    SPEAKER = 1
    EVIDENCE = 2


#: What the estimate may be wrong by before shared evidence yields.
EVIDENCE_OVERSEND_BPS = 500_000
#: No layer at all.
NOTHING = -1
#: Share of a stream's bits up to each temporal layer, by how many it has (libwebrtc's rate allocation for VP8).
TEMPORAL_SHARES = {1: (1.0,), 2: (0.6, 1.0), 3: (0.4, 0.6, 1.0)}


class Choice(NamedTuple):
    """Spatial layer, :data:`NOTHING` if not even the lowest fits, and the highest temporal layer in it."""

    layer: int
    temporal_layer: int = temporal.HIGHEST


@dataclass(frozen=True, slots=True)
class Demand:
    """One video consumer: the bit rate of each layer now (0: not sent), and the highest it has use for.

    ``temporal_layers``: how many each layer has (1: frames cannot be left out).
    """

    layer_bps: Sequence[float]
    wanted: int
    priority: Priority = Priority.GALLERY
    temporal_layers: int = 1

    @property
    def reachable(self) -> int:
        """The highest wanted layer that is sent at all."""
        sent = [layer for layer, bps in enumerate(self.layer_bps[: self.wanted + 1]) if bps]
        return sent[-1] if sent else NOTHING

    def ladder(self) -> list[tuple[float, Choice]]:
        """What can be sent, with its rate, from the least: each layer first without its highest temporal layer, the
        lowest also with nothing but its base layer."""
        shares = TEMPORAL_SHARES[max(1, min(self.temporal_layers, 3))]
        rungs: list[tuple[float, Choice]] = []
        for layer, bps in enumerate(self.layer_bps[: self.wanted + 1]):
            if layer and not bps:
                continue
            for level, share in enumerate(shares):
                if layer and level < len(shares) - 2:
                    continue
                if not rungs or bps * share > rungs[-1][0]:
                    whole = level == len(shares) - 1
                    rungs.append((bps * share, Choice(layer, temporal.HIGHEST if whole else level)))
        return rungs or [(0.0, Choice(0))]


def allocate(limit_bps: float | None, demands: Sequence[Demand]) -> list[Choice]:
    """What of each demand fits into the limit.

    Those of high priority are asked first: for the least that can be sent, and again for each step up, which those of
    one priority take in turn.  Evidence may exceed the limit a little before it goes dark.
    """
    if limit_bps is None:
        return [Choice(d.wanted) for d in demands]
    ladders = [d.ladder() for d in demands]
    at = [NOTHING] * len(demands)
    left = limit_bps
    by_priority = sorted(range(len(demands)), key=lambda i: -demands[i].priority)
    for i in by_priority:
        least = ladders[i][0][0]
        if least <= left + (EVIDENCE_OVERSEND_BPS if demands[i].priority == Priority.EVIDENCE else 0):
            at[i] = 0
            left -= least
    for priority in sorted({d.priority for d in demands}, reverse=True):
        same = [i for i in by_priority if demands[i].priority == priority]
        for step in range(1, max(len(ladders[i]) for i in same)):
            for i in same:
                if step >= len(ladders[i]) or at[i] != step - 1:
                    continue
                more = ladders[i][step][0] - ladders[i][step - 1][0]
                if more <= left:
                    at[i] = step
                    left -= more
    return [ladders[i][at[i]][1] if at[i] >= 0 else Choice(NOTHING) for i in range(len(demands))]
