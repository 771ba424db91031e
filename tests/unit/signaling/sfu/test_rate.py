from __future__ import annotations

from signaling.sfu.clock import NS_PER_MS, NS_PER_S
from signaling.sfu.rate import CEILING_BPS, UplinkEstimate


def send(estimate: UplinkEstimate, first_ms: int, last_ms: int, queue_growth: float) -> None:
    """100 packets/s of 1000 bytes; each arrives later than its send time by a growing queue."""
    for sent_ms in range(first_ms, last_ms, 10):
        arrival_ns = int((sent_ms + (sent_ms - first_ms) * queue_growth) * NS_PER_MS)
        estimate.add((sent_ms << 18) // 1000 & 0xFFFFFF, 1000, 1, arrival_ns)


def test_a_clean_link_gets_the_ceiling() -> None:
    estimate = UplinkEstimate(0)
    send(estimate, 0, 5000, 0.0)
    assert estimate.bitrate_bps == CEILING_BPS


def test_a_growing_queue_reduces_and_calm_restores() -> None:
    estimate = UplinkEstimate(0)
    send(estimate, 0, 8000, 0.3)
    low = estimate.bitrate_bps
    assert low < 900_000
    for second in range(20, 60):
        estimate.update(100, 0, 800_000, second * NS_PER_S)
    assert estimate.bitrate_bps == CEILING_BPS


def test_heavy_loss_reduces_a_little_loss_does_not() -> None:
    estimate = UplinkEstimate(0)
    for second in range(1, 10):
        estimate.update(200, 10, 2e6, second * NS_PER_S)
    assert estimate.bitrate_bps == CEILING_BPS
    for second in range(10, 20):
        estimate.update(200, 60, 2e6, second * NS_PER_S)
    assert estimate.bitrate_bps < 2e6
