"""How much a sender may send: REMB from arrival times and loss, without I/O.

The overuse detector is aiortc's (a Kalman filter over abs-send-time).  Its rate control is not used: that one never
grants more than one and a half times what arrives, which keeps a sender of a still picture from ever starting its
higher layers.
"""

from __future__ import annotations

from aiortc.rate import BandwidthUsage, RemoteBitrateEstimator

from .clock import NS_PER_MS, NS_PER_S

#: Three simulcast layers of 720p with headroom, and a voice.
CEILING_BPS = 4_000_000
FLOOR_BPS = 100_000
BACKOFF = 0.85
#: Between two reductions: a round trip and the sender's reaction.
BACKOFF_INTERVAL_MS = 500
#: Growth per second while nothing limits.
GROWTH_PER_S = 1.15
HIGH_LOSS = 0.10
#: Weight of the newest half second in the loss that is judged; a handful of packets says little.
LOSS_SMOOTHING = 0.3


class UplinkEstimate:
    """``bitrate_bps`` is what to tell the sender."""

    def __init__(self, now_ns: int) -> None:
        self.bitrate_bps = float(CEILING_BPS)
        self._estimator = RemoteBitrateEstimator()
        self._loss = 0.0
        self._reduced_ns = 0
        self._grown_ns = now_ns

    def add(self, abs_send_time: int, size: int, ssrc: int, now_ns: int) -> None:
        """One packet: its 24-bit send time (6.18 fixed point seconds) and its bytes."""
        now_ms = now_ns // NS_PER_MS
        self._estimator.add(now_ms, abs_send_time, size, ssrc)
        if self._estimator.detector.state() is BandwidthUsage.OVERUSING:
            self._reduce(self._estimator.incoming_bitrate.rate(now_ms) or self.bitrate_bps, BACKOFF, now_ns)

    def update(self, expected: int, lost: int, received_bps: float, now_ns: int) -> None:
        """Called about twice a second with the packets expected and lost, and the rate received, since."""
        if expected:
            self._loss += (lost / expected - self._loss) * LOSS_SMOOTHING
        if self._loss > HIGH_LOSS:
            self._reduce(received_bps, 1 - self._loss / 2, now_ns)
        seconds = (now_ns - self._grown_ns) / NS_PER_S
        self._grown_ns = now_ns
        if now_ns - self._reduced_ns > 2 * BACKOFF_INTERVAL_MS * NS_PER_MS:
            self.bitrate_bps = min(CEILING_BPS, self.bitrate_bps * GROWTH_PER_S**seconds)

    def _reduce(self, received_bps: float, factor: float, now_ns: int) -> None:
        if now_ns - self._reduced_ns < BACKOFF_INTERVAL_MS * NS_PER_MS:
            return
        self._reduced_ns = now_ns
        self.bitrate_bps = max(FLOOR_BPS, min(self.bitrate_bps, received_bps * factor))
