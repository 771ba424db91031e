from __future__ import annotations

import pytest

from tests.servers.weather import Direction, Weather

PACKETS = 20_000


def through(weather: Weather, seed: int = 1, gap_s: float = 0.002, size: int = 1000) -> list[float | None]:
    """How long each packet is on its way, s."""
    direction = Direction(seed)
    direction.weather = weather
    due = [(number * gap_s, direction.offer(size, number * gap_s)) for number in range(PACKETS)]
    return [None if out is None else out - at for at, out in due]


def test_fair_weather_changes_nothing() -> None:
    assert set(through(Weather())) == {0.0}


def test_loss_delay_and_jitter_are_as_asked() -> None:
    delays = through(Weather(loss=0.1, delay_ms=60, jitter_ms=50))
    passed = [delay for delay in delays if delay is not None]
    assert delays.count(None) / PACKETS == pytest.approx(0.1, abs=0.01)
    assert min(passed) >= 0.010 - 1e-9
    assert max(passed) <= 0.110 + 1e-9
    assert sum(passed) / len(passed) == pytest.approx(0.06, abs=0.002)


def test_packets_overtake_each_other() -> None:
    delays = through(Weather(delay_ms=50, jitter_ms=50))
    arrivals = [number * 0.002 + delay for number, delay in enumerate(delays) if delay is not None]
    assert arrivals != sorted(arrivals)


def test_the_same_dice() -> None:
    weather = Weather(loss=0.3, delay_ms=20, jitter_ms=20)
    assert through(weather, seed=7) == through(weather, seed=7)
    assert through(weather, seed=7) != through(weather, seed=8)


def test_a_rate_queues_and_then_loses() -> None:
    # 1,000 bytes each 2 ms are 4 Mbit/s: twice what passes.
    delays = through(Weather(rate_bps=2_000_000, queue_ms=100))
    assert delays.count(None) / PACKETS == pytest.approx(0.5, abs=0.01)
    passed = [delay for delay in delays if delay is not None]
    assert max(passed) == pytest.approx(0.104, abs=0.001)


def test_counts() -> None:
    direction = Direction(1)
    direction.weather = Weather(loss=1)
    assert direction.offer(100, 0.0) is None
    direction.weather = Weather()
    assert direction.offer(100, 1.5) == 1.5
    assert (direction.passed, direction.lost) == (1, 1)
