from __future__ import annotations

import random

from signaling.sfu.clock import NS_PER_MS as MS
from signaling.sfu.nack import MAX_MISSING, MAX_TRIES, MISSING_AFTER_SILENCE, SILENCE_MS, NackGenerator


def test_a_gap_is_asked_for_after_a_moment_and_again_after_a_round_trip() -> None:
    nack = NackGenerator()
    nack.received(10, 0)
    nack.received(13, 0)
    assert nack.due(5 * MS) == []
    assert nack.due(20 * MS) == [11, 12]
    assert nack.due(40 * MS) == []
    assert nack.due(130 * MS) == [11, 12]
    nack.received(11, 131 * MS)
    assert nack.due(300 * MS) == [12]


def test_reordering_is_not_loss() -> None:
    nack = NackGenerator()
    for number in (1, 3, 2, 4):
        nack.received(number, 0)
    assert not nack.missing
    assert nack.recovered == 0


def test_the_round_trip_is_learned_from_answers() -> None:
    nack = NackGenerator()
    nack.received(0, 0)
    for i in range(1, 40):
        now = i * 1000 * MS
        nack.received(i * 2, now)
        assert nack.due(now + 20 * MS) == [i * 2 - 1]
        nack.received(i * 2 - 1, now + 30 * MS)
    assert nack.rtt_ns < 15 * MS
    assert nack.recovered == 39


def test_it_gives_up() -> None:
    nack = NackGenerator()
    nack.received(0, 0)
    nack.received(2, 0)
    asked = [n for t in range(0, 5000, 20) for n in nack.due(t * MS)]
    assert 1 < len(asked) <= MAX_TRIES
    assert not nack.missing


def test_on_a_line_that_loses_a_third_both_ways_hardly_anything_stays_missing() -> None:
    """Half a round trip of 0 to 100 ms; the sender answers one request for a packet in 100 ms, as browsers do."""
    dice = random.Random(4)
    nack = NackGenerator()
    coming: list[tuple[int, int]] = []
    answered: dict[int, int] = {}
    missing = set()

    def travel(number: int, at_ms: int) -> None:
        if dice.random() >= 0.3:
            coming.append((at_ms + dice.randrange(100), number))

    for now_ms in range(0, 120_000, 10):
        if now_ms % 50 == 0 and now_ms < 115_000:
            missing.add(now_ms // 50)
            travel(now_ms // 50, now_ms)
        for at_ms, number in sorted(entry for entry in coming if entry[0] <= now_ms):
            coming.remove((at_ms, number))
            if number in missing:
                missing.remove(number)
                nack.received(number, now_ms * MS)
        asked = nack.due(now_ms * MS) if now_ms % 20 == 0 else []
        if asked and dice.random() >= 0.3:
            there_ms = now_ms + dice.randrange(100)
            for number in asked:
                if there_ms - answered.get(number, -1000) >= 100:
                    answered[number] = there_ms
                    travel(number, there_ms)
    assert len(missing) < 12, "of some 700 that were lost"


def test_what_was_lost_on_the_way_to_another_network_is_not_asked_for() -> None:
    nack = NackGenerator()
    nack.received(0, 0)
    later = (SILENCE_MS + 1) * MS
    assert nack.received(MISSING_AFTER_SILENCE + 2, later, 0)
    assert not nack.missing
    assert not nack.received(MISSING_AFTER_SILENCE + 4, 2 * later, later)  # a still picture that lost a packet
    assert list(nack.missing) == [MISSING_AFTER_SILENCE + 3]


def test_an_outage_is_not_asked_for_but_needs_a_keyframe() -> None:
    nack = NackGenerator()
    nack.received(0, 0)
    assert nack.received(MAX_MISSING + 2, 0)
    assert not nack.missing
    assert not nack.received(MAX_MISSING + 3, 0)
