"""Whose line loses: a sender's line, ours, and a receiver that reports as browsers do (RFC 3550 A.3)."""

from __future__ import annotations

import random

import pytest

from signaling.sfu.clock import NS_PER_S
from signaling.sfu.line_loss import HIGH_LOSS, MIN_EXPECTED, SETTLE_S, LineLoss, ReportedLoss

PACKETS_PER_S = 40
REPORT_EVERY_S = 0.5


class Court:
    """One stream from its sender over ``theirs`` to us, and from us over ``ours`` to a receiver (shares lost).

    What ``theirs`` loses reaches us a fifth of a second later as a retransmission, three times of four.
    """

    def __init__(self, theirs: float = 0.0, ours: float = 0.0, first: int = 0) -> None:
        self.theirs, self.ours = theirs, ours
        self.line = LineLoss()
        self.reported = ReportedLoss()
        self.now_s = 0.0
        self.shares: list[float] = []
        self.lossy: list[bool] = []
        self._dice = random.Random(5)
        self._number = self._first = first
        self._sent = self._received = 0
        self._late: list[float] = []

    def run(self, seconds: float) -> Court:
        until = self.now_s + seconds
        next_report = self.now_s + REPORT_EVERY_S
        while self.now_s < until:
            self.now_s += 1 / PACKETS_PER_S
            self._number += 1
            if self._dice.random() >= self.theirs:
                self._forward()
            elif self._dice.random() < 0.75:
                self._late.append(self.now_s + 0.2)
            while self._late and self._late[0] <= self.now_s:
                self._late.pop(0)
                self._forward()
            if self.now_s >= next_report:
                next_report += REPORT_EVERY_S
                self._report()
        return self

    def _forward(self) -> None:
        self._sent += 1
        self._received += self._dice.random() >= self.ours

    def _report(self) -> None:
        now_ns = int(self.now_s * NS_PER_S)
        expected = self._number - self._first
        lost, holes = expected - self._received, expected - self._sent
        self.line.add(*self.reported.heard(1, self._number & 0xFFFFFFFF, lost & 0xFFFFFF, holes), now_ns)
        share = self.line.share(now_ns)
        if share is not None:
            self.shares.append(share)
        self.lossy.append(self.line.lossy(now_ns))


@pytest.mark.parametrize("loss", [0.0, 0.05, 0.1, 0.3, 0.6])
def test_what_our_line_loses_is_found(loss: float) -> None:
    court = Court(ours=loss).run(120)
    assert sum(court.shares) / len(court.shares) == pytest.approx(loss, abs=0.02)


@pytest.mark.parametrize("theirs", [0.1, 0.3])
def test_holes_of_the_senders_line_are_not_the_receivers_loss(theirs: float) -> None:
    court = Court(theirs=theirs).run(120)
    assert max(court.shares) < 0.03
    assert not any(court.lossy)


def test_two_bad_lines_are_told_apart() -> None:
    court = Court(theirs=0.3, ours=0.1).run(120)
    assert sum(court.shares) / len(court.shares) == pytest.approx(0.1, abs=0.02)


def test_a_tenth_is_borne_and_a_third_is_not() -> None:
    assert sum(Court(ours=0.1).run(600).lossy) < 12, "of 1,200 looks"
    court = Court(ours=0.3).run(600)
    assert sum(court.lossy[10:]) > 1180


def test_the_end_of_loss_is_known_soon() -> None:
    court = Court(ours=0.3).run(30)
    assert court.lossy[-1]
    court.ours = 0.0
    court.run(3)
    assert not court.lossy[-1]


def test_numbers_wrap() -> None:
    court = Court(ours=0.3, first=2**32 - 2000).run(120)
    assert sum(court.shares) / len(court.shares) == pytest.approx(0.3, abs=0.02)
    reported = ReportedLoss()
    reported.heard(1, 100, -2, 0)
    assert reported.heard(1, 150, 3, 0) == (50, 5), "duplicates count as received: less than nothing was lost"


def test_a_stream_that_begins_anew_says_nothing_at_first() -> None:
    reported = ReportedLoss()
    assert reported.heard(1, 1000, 10, 0) == (0, 0)
    assert reported.heard(1, 5, 0, 0) == (0, 0)
    assert reported.heard(1, 55, 5, 0) == (50, 5)
    reported.forget(1)
    assert reported.heard(1, 105, 10, 0) == (0, 0)


def test_too_little_says_nothing() -> None:
    line = LineLoss()
    line.add(int(MIN_EXPECTED) - 1, 5, 0)
    assert line.share(0) is None
    line.add(20, 5, 0)
    assert line.share(0) == pytest.approx(10 / 29)
    assert line.share(60 * NS_PER_S) is None, "that was a minute ago"
    assert not line.lossy(60 * NS_PER_S)


def test_late_packets_take_a_loss_back_and_leave_no_less_than_none() -> None:
    line = LineLoss()
    line.add(20, 4, 0)
    line.add(20, -6, 0)
    assert line.share(0) == 0.0


def test_another_path_begins_with_a_clean_slate() -> None:
    line = LineLoss()
    line.add(100, 80, 0)
    assert line.lossy(0)
    line.path_changed(NS_PER_S)
    assert not line.lossy(NS_PER_S)
    line.add(100, 80, NS_PER_S + 1)
    assert line.share(NS_PER_S + 1) is None, "that was lost between the two"
    later = NS_PER_S + int(SETTLE_S * NS_PER_S)
    line.add(100, 1, later)
    assert line.share(later) == pytest.approx(0.01)
    assert HIGH_LOSS > 0.1
