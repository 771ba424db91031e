from __future__ import annotations

import random

from signaling.sfu.seqmap import MAX_SEGMENTS, SequenceMap


def test_a_switch_goes_on_without_a_gap() -> None:
    numbers = SequenceMap(100)
    first = numbers.switch("low", 5000, 0)
    assert (5000 + first.delta) & 0xFFFF == 100
    numbers.highest_out = 5003 + first.delta
    second = numbers.switch("high", 77, 90000, picture_delta=3)
    assert 77 + second.delta == numbers.highest_out + 1
    numbers.highest_out = 80 + second.delta
    assert numbers.origin(5002 + first.delta) == (first, 5002)
    assert numbers.origin(78 + second.delta) == (second, 78)
    assert numbers.origin(numbers.highest_out + 1) is None
    assert numbers.origin(first.first_out - 1) is None


def test_late_packets_belong_where_they_were_sent_from() -> None:
    numbers = SequenceMap(0)
    first = numbers.switch("a", 10, 0)
    numbers.highest_out = 20 + first.delta
    second = numbers.switch("b", 500, 0)
    numbers.highest_out = 510 + second.delta
    assert numbers.segment_of("b", 505) is second
    assert numbers.segment_of("b", 499) is None
    assert numbers.segment_of("a", 15) is first
    assert numbers.segment_of("a", 21) is None, "its number was given to the other stream"
    assert numbers.segment_of("a", 9) is None


def test_what_is_left_out_leaves_no_gap() -> None:
    numbers = SequenceMap(0)
    segment = numbers.switch("a", 10, 0)
    numbers.highest_out = 10 + segment.delta
    numbers.leave_out(11)
    numbers.leave_out(12)
    current = numbers.current
    assert current is not None
    assert 13 + current.delta == numbers.highest_out + 1
    assert numbers.segment_of("a", 10) is segment
    numbers.leave_out(10)
    assert numbers.current is current, "it came late: its gap is out"


def test_memory_is_bounded_and_numbers_are_never_given_twice() -> None:
    source = random.Random(4)
    numbers = SequenceMap(0)
    sent: set[int] = set()
    heads = {"a": 1000, "b": 2000, "c": 3000}
    for _ in range(3000):
        name = source.choice("abc")
        segment = numbers.switch(name, heads[name], 0)
        for _ in range(source.randrange(1, 5)):
            out = heads[name] + segment.delta
            assert out not in sent
            sent.add(out)
            numbers.highest_out = max(numbers.highest_out, out)
            assert numbers.origin(out) == (segment, heads[name])
            heads[name] += 1
    assert len(numbers._past) <= MAX_SEGMENTS


def test_extending_sixteen_bits_near_the_newest() -> None:
    numbers = SequenceMap(0)
    numbers.highest_out = 0x20002
    assert numbers.extend(0x0001) == 0x20001
    assert numbers.extend(0xFFFF) == 0x1FFFF
