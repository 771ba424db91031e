"""What strangers may ask."""

from __future__ import annotations

from hearing_server.web.limits import ADDRESSES_LIMIT, BURST, COST_OF_A_MISS, PER_S, RateLimit


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_and_then_a_rate() -> None:
    time = Time()
    limit = RateLimit(time)
    assert all(limit.spend("192.0.2.1") for _ in range(int(BURST)))
    assert not limit.spend("192.0.2.1")
    assert limit.spend("192.0.2.2")
    time.now = 1.0
    assert [limit.spend("192.0.2.1") for _ in range(int(PER_S) + 1)] == [True] * int(PER_S) + [False]
    time.now += limit.retry_after_s()
    assert limit.spend("192.0.2.1")


def test_guessing_costs_more() -> None:
    limit = RateLimit(Time())
    guesses = 0
    while limit.spend("192.0.2.1"):
        limit.punish("192.0.2.1")
        guesses += 1
    assert guesses <= BURST / COST_OF_A_MISS + 1


def test_a_subscriber_has_one_allowance_however_many_addresses() -> None:
    limit = RateLimit(Time())
    for number in range(int(BURST)):
        assert limit.spend(f"2001:db8:1:2::{number:x}")
    assert not limit.spend("2001:db8:1:2:ffff::1")
    assert limit.spend("2001:db8:1:3::1")
    assert limit.spend("unknown")


def test_memory_is_bounded() -> None:
    limit = RateLimit(Time())
    for number in range(ADDRESSES_LIMIT + 500):
        limit.spend(f"host-{number}")
    assert len(limit._left) == ADDRESSES_LIMIT
