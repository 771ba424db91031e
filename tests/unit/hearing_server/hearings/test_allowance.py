"""Token buckets."""

from __future__ import annotations

from hearing_server.hearings import allowance
from hearing_server.hearings.allowance import Allowance


def test_a_burst_then_so_many_a_second() -> None:
    bucket = Allowance(3, 2)
    assert [bucket.take("a", 0.0) for _ in range(4)] == [True, True, True, False]
    assert bucket.take("b", 0.0)
    assert [bucket.take("a", 1.0) for _ in range(3)] == [True, True, False]
    assert [bucket.take("a", 100.0) for _ in range(4)] == [True, True, True, False]


def test_it_remembers_a_bounded_number() -> None:
    bucket = Allowance(1, 0)
    for number in range(allowance.LIMIT + 1):
        assert bucket.take(number, 0.0)
    assert len(bucket._left) == allowance.LIMIT
    assert bucket.take(0, 0.0), "the first was forgotten"
    assert not bucket.take(allowance.LIMIT, 0.0)
