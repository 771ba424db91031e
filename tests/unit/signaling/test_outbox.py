"""What waits for a client: order, one view, bounds."""

from __future__ import annotations

import json

from signaling.messages import ConsumerClosed, Levels, Reply, ViewChanged
from signaling.outbox import LIMIT_BYTES, LIMIT_MESSAGES, MOMENTARY_LIMIT_MESSAGES, Outbox


def drain(outbox: Outbox) -> list[dict[str, object]]:
    taken = []
    while outbox:
        taken.append(json.loads(outbox.take()))
    return taken


def test_order() -> None:
    outbox = Outbox()
    for number in range(5):
        assert outbox.put(Reply(id=number, data={}))
    assert [message["id"] for message in drain(outbox)] == list(range(5))


def test_only_the_newest_view_is_sent() -> None:
    outbox = Outbox()
    outbox.put(ViewChanged(view={"version": 1}))
    outbox.put(ConsumerClosed(consumer_id="c"))
    outbox.put(ViewChanged(view={"version": 2}))
    assert drain(outbox) == [
        {"type": "consumer.closed", "consumerId": "c"},
        {"type": "view", "view": {"version": 2}},
    ]
    outbox.put(ViewChanged(view={"version": 3}))
    assert drain(outbox) == [{"type": "view", "view": {"version": 3}}]


def test_loudness_is_not_kept_for_a_slow_reader() -> None:
    outbox = Outbox()
    for _ in range(10 * MOMENTARY_LIMIT_MESSAGES):
        assert outbox.put(Levels(levels={"judge": 30}))
    assert len(drain(outbox)) == MOMENTARY_LIMIT_MESSAGES


def test_bounds() -> None:
    outbox = Outbox()
    verdicts = [outbox.put(ConsumerClosed(consumer_id="c")) for _ in range(LIMIT_MESSAGES + 1)]
    assert verdicts == [True] * LIMIT_MESSAGES + [False]
    outbox = Outbox()
    assert not outbox.put(Reply(id=1, data="x" * LIMIT_BYTES))
    drain(outbox)
    assert outbox.put(Reply(id=1, data="x"))
