from __future__ import annotations

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
