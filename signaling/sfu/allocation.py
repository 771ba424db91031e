"""How much video a subscriber's link takes, and which layer each consumer gets of it, without I/O.

A receiver's REMB says little while less is sent than fits: it stays near one and a half times what arrived.  So it is
believed when it falls below what is sent (congestion), and going up is tried step by step, more rarely after each
failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

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


@dataclass(frozen=True, slots=True)
class Demand:
    """One video consumer: the bit rate of each layer now (0: not sent), and the highest it has use for."""

    layer_bps: Sequence[float]
    wanted: int
    priority: Priority = Priority.GALLERY

    @property
    def reachable(self) -> int:
        """The highest wanted layer that is sent at all."""
        sent = [layer for layer, bps in enumerate(self.layer_bps[: self.wanted + 1]) if bps]
        return sent[-1] if sent else NOTHING


def allocate(limit_bps: float | None, demands: Sequence[Demand]) -> list[int]:
    """The highest layer of each demand that fits into the limit, :data:`NOTHING` if not even the lowest does.

    Those of high priority are asked first: for the lowest layer, and again for each step up, which those of one
    priority take in turn.  Evidence may exceed the limit a little before it goes dark.
    """
    if limit_bps is None:
        return [d.wanted for d in demands]
    chosen = [NOTHING] * len(demands)
    left = limit_bps
    by_priority = sorted(range(len(demands)), key=lambda i: -demands[i].priority)
    for i in by_priority:
        lowest = demands[i].layer_bps[0] if demands[i].layer_bps else 0.0
        room = left + (EVIDENCE_OVERSEND_BPS if demands[i].priority == Priority.EVIDENCE else 0)
        if lowest <= room:
            chosen[i] = 0
            left -= lowest
    for priority in sorted({d.priority for d in demands}, reverse=True):
        same = [i for i in by_priority if demands[i].priority == priority]
        for step in range(1, max(len(demands[i].layer_bps) for i in same)):
            for i in same:
                demand = demands[i]
                if step > demand.wanted or step >= len(demand.layer_bps) or chosen[i] != step - 1:
                    continue
                more = demand.layer_bps[step] - demand.layer_bps[step - 1]
                if demand.layer_bps[step] and more <= left:
                    chosen[i] = step
                    left -= max(0.0, more)
    return chosen
