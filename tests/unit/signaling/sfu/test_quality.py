from __future__ import annotations

from signaling.sfu.clock import NS_PER_MS
from signaling.sfu.quality import LossWindow, RoundTrip


def test_loss_is_a_share_of_what_was_expected_since_the_last_question() -> None:
    window = LossWindow()
    assert window.take() is None
    window.add(90, 3)
    window.add(10, 2)
    assert window.take() == 0.05
    assert window.take() is None


def test_loss_stays_a_share_whatever_is_counted() -> None:
    window = LossWindow()
    window.add(5, 9)
    assert window.take() == 1.0
    window.add(5, -3)
    assert window.take() == 0.0


def test_the_round_trip_leaves_out_what_the_receiver_held() -> None:
    trip = RoundTrip()
    trip.learn(sent_ns=0, now_ns=540 * NS_PER_MS, dlsr=65536 // 2)
    assert trip.ms == 40.0


def test_an_impossible_round_trip_is_not_believed() -> None:
    trip = RoundTrip()
    trip.learn(sent_ns=0, now_ns=100 * NS_PER_MS, dlsr=65536)
    trip.learn(sent_ns=0, now_ns=60_000 * NS_PER_MS, dlsr=0)
    assert trip.ms is None
