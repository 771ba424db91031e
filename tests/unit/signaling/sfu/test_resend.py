"""How often a packet is sent again, and what that says of the link."""

from __future__ import annotations

import random

import pytest

from signaling.sfu.resend import MAX_RESENDS, REPEAT_MS, Resends, true_loss

STEP_NS = (REPEAT_MS + 1) * 1_000_000


def test_a_packet_is_sent_again_a_few_times_and_not_at_once() -> None:
    resends = Resends()
    assert resends.grant(7, STEP_NS)
    assert not resends.grant(7, STEP_NS + 1)
    granted = sum(resends.grant(7, (2 + number) * STEP_NS) for number in range(10))
    assert granted == MAX_RESENDS - 1
    assert (resends.granted, resends.again) == (MAX_RESENDS, 1)


@pytest.mark.parametrize("loss", [0.0, 0.05, 0.1, 0.2, 0.3])
def test_what_was_asked_for_twice_tells_the_loss(loss: float) -> None:
    """Requests and answers are lost as packets are; jitter makes receivers ask once, needlessly."""
    dice = random.Random(1)
    resends = Resends()
    packets = 20_000
    now_ns = 0
    for number in range(packets):
        now_ns += 10_000_000
        lost = dice.random() < loss
        if not lost and dice.random() < 0.3:
            resends.grant(number, now_ns)  # it was only late
        at_ns = now_ns
        for _ in range(4):
            if not lost:
                break
            if dice.random() >= loss:  # the request arrives
                resends.grant(number, at_ns)
                lost = dice.random() < loss
            at_ns += STEP_NS
    assert true_loss(packets, resends.again) == pytest.approx(loss, abs=0.06)


def test_nothing_sent_says_nothing() -> None:
    assert true_loss(0, 5) == 0.0
    assert true_loss(1, 5) == 1.0
