"""Frames are judged by order, number and size; nothing a client sends raises."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from signaling import messages
from signaling.gate import (
    BURST_REQUESTS,
    CLOSE_MISUSE,
    CLOSE_TOO_LARGE,
    OFFENCES_LIMIT,
    SILENCE_LIMIT_S,
    Cut,
    Gate,
    Refuse,
)
from signaling.messages import FRAME_LIMIT_BYTES, PENDING_LIMIT, REQUESTS_PER_S


def joined_gate(now: float = 0.0) -> Gate:
    gate = Gate(now)
    join = gate.take('{"id": 1, "type": "join"}', now)
    assert isinstance(join, messages.Join)
    gate.answered(join, ok=True)
    return gate


def ping(number: int) -> str:
    return f'{{"id": {number}, "type": "ping"}}'


def test_join_comes_first_and_once() -> None:
    gate = Gate(0.0)
    assert gate.take('{"id": 1, "type": "leave"}', 0.0) == Refuse(1, "join-first")
    join = gate.take('{"id": 2, "type": "join"}', 0.0)
    assert isinstance(join, messages.Join)
    assert gate.take('{"id": 3, "type": "join"}', 0.0) == Refuse(3, "already-joined")
    assert gate.take('{"id": 4, "type": "leave"}', 0.0) == Refuse(4, "join-first")
    gate.answered(join, ok=False)
    assert isinstance(gate.take('{"id": 2, "type": "join"}', 0.0), messages.Join)


def test_numbers_may_be_used_again_after_the_answer() -> None:
    gate = joined_gate()
    first = gate.take(ping(5), 0.0)
    assert isinstance(first, messages.Ping)
    assert gate.take(ping(5), 0.0) == Refuse(5, "duplicate-id")
    gate.answered(first, ok=True)
    assert isinstance(gate.take(ping(5), 0.0), messages.Ping)


def test_unanswered_requests_are_bounded() -> None:
    gate = joined_gate()
    for number in range(PENDING_LIMIT):
        assert isinstance(gate.take(ping(100 + number), 0.0), messages.Ping)
    assert gate.take(ping(99), 0.0) == Refuse(99, "too-many-pending")


def test_the_rate_is_bounded_and_recovers() -> None:
    gate = joined_gate()
    taken = 0
    for number in range(2 * BURST_REQUESTS):
        verdict = gate.take(ping(100 + number), 0.0)
        if isinstance(verdict, messages.Ping):
            gate.answered(verdict, ok=True)
            taken += 1
    assert taken == BURST_REQUESTS - 1  # the join was one
    assert gate.take(ping(1), 0.0) == Refuse(1, "too-fast") or isinstance(gate.take(ping(1), 0.0), Cut)
    verdicts = [gate.take(ping(1000 + number), 1.0) for number in range(REQUESTS_PER_S)]
    assert all(isinstance(verdict, messages.Ping) for verdict in verdicts)


def test_endless_offences_cut() -> None:
    gate = joined_gate()
    verdicts = [gate.take("garbage", 0.0) for _ in range(OFFENCES_LIMIT + 1)]
    assert verdicts[:-1] == [Refuse(-1, "bad-message")] * OFFENCES_LIMIT
    assert isinstance(verdicts[-1], Cut)
    assert verdicts[-1].close_code == CLOSE_MISUSE


def test_size_counts_in_bytes() -> None:
    gate = joined_gate()
    assert gate.take('"' + "庭" * (FRAME_LIMIT_BYTES // 3 - 1) + '"', 0.0) == Refuse(-1, "bad-message")
    for frame in ("庭" * (FRAME_LIMIT_BYTES // 3 + 1), " " * (FRAME_LIMIT_BYTES + 1)):
        verdict = gate.take(frame, 0.0)
        assert isinstance(verdict, Cut)
        assert verdict.close_code == CLOSE_TOO_LARGE


def test_deep_nesting() -> None:
    gate = joined_gate()
    head = '{"id": 8, "type": "command", "name": "x", "requestId": "r", "arguments": {"a": '
    frame = head + "[" * 20_000 + "]" * 20_000 + "}}"
    assert gate.take(frame, 0.0) == Refuse(-1, "bad-message")


def test_any_frame_breaks_the_silence() -> None:
    gate = Gate(10.0)
    assert gate.silence_left_s(12.0) == SILENCE_LIMIT_S - 2.0
    gate.take("garbage", 12.0)
    assert gate.silence_left_s(12.0) == SILENCE_LIMIT_S
    assert gate.silence_left_s(12.0 + SILENCE_LIMIT_S) == 0.0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(st.one_of(st.text(max_size=200), st.binary(max_size=50), JSON), max_size=30))
def test_nothing_raises(frames: list[object]) -> None:
    gate = joined_gate()
    for number, frame in enumerate(frames):
        if not isinstance(frame, bytes):
            frame = frame if isinstance(frame, str) else msgspec.json.encode(frame).decode()
        verdict = gate.take(frame, float(number))
        assert isinstance(verdict, Refuse | Cut) or verdict.id >= 0
