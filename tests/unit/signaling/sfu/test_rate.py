"""The estimate on simulated links: a sender that follows it, a queue, and a receiver that reports twice a second."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable

import pytest

from signaling.sfu.clock import NS_PER_MS, NS_PER_S
from signaling.sfu.rate import CEILING_BPS, FLOOR_BPS, UplinkEstimate

PACKET_BYTES = 1100


class Link:
    """A bottleneck with a drop-tail queue; ``content_bps`` is what the picture needs at most.

    The sender follows the grant as of half a second ago.  ``hiccups``: (start, end) in ms during which nothing is
    delivered; it comes all at once afterwards.
    """

    def __init__(
        self,
        *,
        capacity_bps: Callable[[float], float] = lambda second: 100e6,
        content_bps: float = 2.5e6,
        queue_ms: float = 400,
        jitter_ms: float = 0,
        loss: Callable[[float], float] = lambda second: 0.0,
        delay_ms: Callable[[float], float] = lambda second: 20,
        hiccups: tuple[tuple[float, float], ...] = (),
    ) -> None:
        self.estimate = UplinkEstimate(0)
        self.granted: list[float] = []
        """Each half second."""
        self.queued_ms: list[float] = []
        self._capacity, self._content, self._limit_ms = capacity_bps, content_bps, queue_ms
        self._jitter_ms, self._loss, self._delay_ms, self._hiccups = jitter_ms, loss, delay_ms, hiccups
        self._random = random.Random(7)
        self._free_ms = 0.0
        self._now_ms = 0.0
        self._next_ms = 0.0
        self._flight: list[tuple[float, int]] = []
        self._rate = 300e3

    def run(self, seconds: float) -> None:
        start, report = self._now_ms, self._now_ms
        expected = lost = octets = 0
        follows = self.estimate.bitrate_bps
        while self._now_ms < start + seconds * 1000:
            self._now_ms = report + 500
            while self._next_ms < self._now_ms:
                expected += 1
                if not self._send(self._next_ms):
                    lost += 1
                rate = max(20e3, min(self._content, follows))
                self._next_ms += PACKET_BYTES * 8 / rate * 1000
            while self._flight and self._flight[0][0] <= self._now_ms:
                arrival, sent = heapq.heappop(self._flight)
                self.estimate.add(sent, int(arrival * NS_PER_MS))
                octets += PACKET_BYTES
            follows = self.estimate.bitrate_bps
            self.estimate.update(expected, lost, octets * 16, int(self._now_ms * NS_PER_MS))
            self.granted.append(self.estimate.bitrate_bps)
            self.queued_ms.append(max(0.0, self._free_ms - self._now_ms))
            expected = lost = octets = 0
            report += 500

    def _send(self, sent_ms: float) -> bool:
        second = sent_ms / 1000
        begin = max(sent_ms, self._free_ms)
        if begin - sent_ms > self._limit_ms or self._random.random() < self._loss(second):
            return False
        self._free_ms = begin + PACKET_BYTES * 8 / self._capacity(second) * 1000
        arrival = self._free_ms + self._delay_ms(second) + self._random.random() * self._jitter_ms
        for first, last in self._hiccups:
            if first <= arrival < last:
                arrival = last
        heapq.heappush(self._flight, (arrival, int(sent_ms * (1 << 18) / 1000) & 0xFFFFFF))
        return True


def test_a_clean_link_keeps_the_ceiling_past_the_wrap_of_send_times() -> None:
    link = Link()
    link.run(150)
    assert min(link.granted) == CEILING_BPS


@pytest.mark.parametrize("capacity", [300e3, 1e6, 2e6])
def test_a_slow_link_is_found_and_used(capacity: float) -> None:
    link = Link(capacity_bps=lambda second: capacity)
    link.run(60)
    later = link.granted[20:]
    assert max(later) < capacity * 2
    assert sum(later) / len(later) > capacity * 0.6
    assert sorted(link.queued_ms[20:])[len(later) // 2] < 200


def test_a_drop_of_capacity_is_followed_down_and_up() -> None:
    link = Link(capacity_bps=lambda second: 500e3 if 20 <= second < 50 else 5e6)
    link.run(20)
    assert min(link.granted) == CEILING_BPS
    link.run(30)
    assert max(link.granted[-40:]) < 1e6
    link.run(12)
    assert link.granted[-1] > 2.5e6


@pytest.mark.parametrize("jitter", [30, 100])
def test_jitter_is_not_congestion(jitter: float) -> None:
    link = Link(jitter_ms=jitter)
    link.run(60)
    assert min(link.granted) == CEILING_BPS


def test_a_still_picture_on_a_machine_that_hiccups_keeps_its_grant() -> None:
    hiccups = tuple((at, at + length) for at, length in ((3000, 300), (5000, 900), (9000, 1500), (15000, 600)))
    link = Link(content_bps=60e3, hiccups=hiccups)
    link.run(30)
    assert min(link.granted) == CEILING_BPS


def test_a_still_picture_behind_a_queue_of_others_is_not_cut_to_its_own_rate() -> None:
    # For three seconds all packets come later and later, whatever this sender does.
    link = Link(content_bps=60e3, delay_ms=lambda second: 20 + 100 * max(0.0, min(3.0, second - 10)) * (second < 14))
    link.run(14)
    assert min(link.granted) > 600e3
    link.run(6)
    assert link.granted[-1] == CEILING_BPS


def test_a_longer_path_is_learnt() -> None:
    link = Link(content_bps=60e3, delay_ms=lambda second: 20 if second < 10 else 120)
    link.run(20)
    assert min(link.granted) > 700e3
    link.run(10)
    assert link.granted[-1] == CEILING_BPS


def test_a_told_change_of_path_costs_nothing() -> None:
    link = Link(delay_ms=lambda second: 20 if second < 10 else 120)
    link.run(10)
    link.estimate.path_changed(10 * NS_PER_S)
    link.run(20)
    assert min(link.granted) == CEILING_BPS


def test_a_tenth_lost_at_random_costs_nothing() -> None:
    link = Link(loss=lambda second: 0.1)
    link.run(60)
    assert min(link.granted) == CEILING_BPS


def test_heavy_loss_reduces_and_its_end_restores_within_five_seconds() -> None:
    link = Link(loss=lambda second: 0.3 if 10 <= second < 30 else 0.0)
    link.run(30)
    assert link.granted[-1] < 600e3
    link.run(5)
    assert link.granted[-1] > 1.5e6


def test_loss_never_takes_the_floor_away() -> None:
    link = Link(loss=lambda second: 0.6)
    link.run(60)
    assert link.granted[-1] == FLOOR_BPS


def test_silence_begins_the_delays_anew() -> None:
    estimate = UplinkEstimate(0)
    for n in range(100):
        estimate.add(n * 2621, n * 10 * NS_PER_MS)
    for half in range(3, 80):
        estimate.update(0, 0, 0.0, half * NS_PER_S // 2)
    for n in range(400):
        at = 40 * NS_PER_S + n * 10 * NS_PER_MS
        estimate.add(n * 2621 + 77777, at)
        if n % 50 == 49:
            estimate.update(50, 0, 800e3, at)
    assert estimate.bitrate_bps == CEILING_BPS
