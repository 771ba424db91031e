from __future__ import annotations

from signaling.sfu.clock import NS_PER_MS as MS
from signaling.sfu.keyframes import MAX_TRIES, KeyframeRequester


def test_many_wishes_are_one_request() -> None:
    requester = KeyframeRequester()
    assert requester.want(0)
    assert not any(requester.want(t * MS) for t in range(1, 400, 10))


def test_a_wish_soon_after_an_answer_waits_its_turn() -> None:
    requester = KeyframeRequester()
    assert requester.want(0)
    requester.arrived()
    assert not requester.want(100 * MS)
    assert not requester.due(400 * MS)
    assert requester.due(500 * MS)


def test_an_unanswered_request_is_repeated_but_not_for_ever() -> None:
    requester = KeyframeRequester()
    asked = [requester.want(0)] + [requester.due(t * MS) for t in range(20, 60_000, 20)]
    assert sum(asked) == MAX_TRIES
    assert not requester.pending


def test_an_answer_ends_it() -> None:
    requester = KeyframeRequester()
    requester.want(0)
    requester.arrived()
    assert not any(requester.due(t * MS) for t in range(0, 5000, 20))


def test_what_could_not_be_sent_stays_due() -> None:
    requester = KeyframeRequester()
    assert requester.want(0)
    requester.not_sent()
    assert requester.due(20 * MS)
    assert not requester.due(40 * MS)
