"""How much video a subscriber's link takes, and which layer each consumer gets of it, without I/O.

A receiver's REMB says little while less is sent than fits: it stays near one and a half times what arrived.  And it
falls at every jitter, since it looks at the growth of delays, and returns so slowly that a picture which followed it
would stay dark on a good link.  So it is believed where a queue stands as well: the *least* round trip of the last
seconds is well above the least of late, which jitter alone cannot do (as in :mod:`.rate`).  Where round trips are not
known it is believed when it stays below what is sent.

Radio loses packets at random, up to a tenth, and repair mends that; more is taken for congestion.  Once it ends, what
went well before is tried first, then step by step, more rarely after each failure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from . import temporal
from .clock import NS_PER_S
from .line_loss import HIGH_LOSS, LOW_LOSS

#: Least round trip above the base, over which a queue stands: more than 50 ms of jitter both ways leave of a few.
STANDING_QUEUE_MS = 100
#: Over how long the least round trip is taken, of how many at least, and how long the base is remembered: one to two
#: of these.
RECENT_S = 4.0
MIN_SAMPLES = 3
BASE_WINDOW_S = 30.0
#: Share of the estimate that is used.
HEADROOM = 0.95
#: A REMB below this share of what is sent, in this many periods in a row, means congestion.  Between, it only follows
#: the throughput up and down.
CONGESTED_SHARE = 0.9
CONGESTED_PERIODS = 2
#: Weight of the newest period in the rate sent: a keyframe is a burst.
SMOOTHING = 0.4
FIRST_RETRY_S = 1.5
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
        self._low_periods = 0
        self._good_bps: float | None = None
        """What was sent before loss alone lowered it."""
        self._queue = StandingQueue()

    def on_remb(self, bitrate: int) -> None:
        self.remb_bps = bitrate

    def update(self, sent_bps: float, loss: float, now_ns: int, rtt_ms: float | None = None) -> None:
        """Judge the last period: what was sent, the share that the line lost of late (:mod:`.line_loss`), and the
        period's least round trip, if it is known."""
        self._sent_bps += (sent_bps - self._sent_bps) * SMOOTHING
        sent_bps, remb = self._sent_bps, self.remb_bps
        stands = self._queue.update(rtt_ms, now_ns)
        low = remb is not None and remb < sent_bps * CONGESTED_SHARE and stands is not False
        self._low_periods = self._low_periods + 1 if low else 0
        since_s = (now_ns - self._changed_ns) / NS_PER_S
        if loss > HIGH_LOSS or self._low_periods >= CONGESTED_PERIODS:
            if since_s < 1.0:
                return
            self._good_bps = None if self._low_periods else max(self._good_bps or 0.0, sent_bps)
            fits = sent_bps * (1 - loss) if loss > HIGH_LOSS else sent_bps
            if remb is not None and stands is not False:
                fits = min(fits, remb)
            limit_bps = max(FLOOR_BPS, fits * HEADROOM)
            if limit_bps == self.limit_bps:  # nothing is left to take: once it is over, nothing has to settle
                return
            if self._raised:
                self._retry_s = min(self._retry_s * 2, MAX_RETRY_S)
            self._change(limit_bps, now_ns, raised=False)
        elif self.limit_bps is not None and loss < LOW_LOSS and not stands and since_s > self._retry_s:
            self._change(max(self.limit_bps * STEP_UP, sent_bps * STEP_UP, self._good_bps or 0.0), now_ns, raised=True)
            self._good_bps = None

    def relax(self, all_layers_bps: float) -> None:
        """Forget the limit once it is above everything there is to send."""
        if self.limit_bps is not None and self.limit_bps > all_layers_bps * STEP_UP:
            self.limit_bps = None
            self._retry_s = FIRST_RETRY_S

    def _change(self, limit_bps: float, now_ns: int, *, raised: bool) -> None:
        self.limit_bps = limit_bps
        self._changed_ns = now_ns
        self._raised = raised


class StandingQueue:
    """Whether packets wait somewhere on the way, from round trips."""

    def __init__(self) -> None:
        self._recent: deque[tuple[int, float]] = deque(maxlen=int(4 * RECENT_S))
        self._base_ms = self._next_base_ms = float("inf")
        self._base_since_ns = 0

    def update(self, rtt_ms: float | None, now_ns: int) -> bool | None:
        """The least round trip of a period, if there was any; ``None`` while too little is known."""
        if now_ns - self._base_since_ns > BASE_WINDOW_S * NS_PER_S:
            self._base_ms, self._next_base_ms, self._base_since_ns = self._next_base_ms, float("inf"), now_ns
        if rtt_ms is not None:
            self._recent.append((now_ns, rtt_ms))
            self._base_ms = min(self._base_ms, rtt_ms)
            self._next_base_ms = min(self._next_base_ms, rtt_ms)
        while self._recent and now_ns - self._recent[0][0] > RECENT_S * NS_PER_S:
            self._recent.popleft()
        if len(self._recent) < MIN_SAMPLES:
            return None
        return min(sample for _, sample in self._recent) - self._base_ms > STANDING_QUEUE_MS


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
