from __future__ import annotations

from signaling.sfu.levels import LevelMeter


def test_the_loudest_packet_of_the_period_counts_and_silence_is_told_once() -> None:
    meter = LevelMeter()
    assert meter.take() is None
    for level in (127, 30, 45):
        meter.add("judge", level)
    meter.add("claimant", 110)
    assert meter.take() == {"judge": 30}
    meter.add("judge", 127)
    assert meter.take() == {}
    assert meter.take() is None
