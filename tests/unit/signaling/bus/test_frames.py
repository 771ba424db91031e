"""Frames over a byte stream, and what waits for a process that does not read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.bus import BusError, HandlerFailed, NoResponder, RequestTimeout
from signaling.bus.frames import (
    FRAME_LIMIT_BYTES,
    AnyFrame,
    Call,
    Dropped,
    FrameReader,
    Message,
    Outbox,
    Publish,
    Request,
    Serve,
    Settled,
    Subscribe,
    outcome,
    pack,
    settled,
)

FRAMES: list[AnyFrame] = [
    Publish("a", b"1"),
    Subscribe(1, ["a", "b"]),
    Serve(2, "worker.1"),
    Request(3, "worker.1", bytes(1000), 5.0),
    Settled(3, b"answer"),
    Settled(4, b"", "no-responder", "nobody"),
    Message("a", b"\xff\x00"),
    Call(1, "worker.1", b""),
    Dropped("a", 5),
]


@given(st.lists(st.integers(1, 400), min_size=1, max_size=20))
def test_frames_survive_any_cutting_of_the_stream(sizes: list[int]) -> None:
    stream = b"".join(pack(frame) for frame in FRAMES)
    reader = FrameReader()
    taken: list[AnyFrame] = []
    position = 0
    for size in sizes:
        taken += reader.feed(stream[position : position + size])
        position += size
    taken += reader.feed(stream[position:])
    assert taken == FRAMES


@given(st.binary(max_size=300))
def test_garbage_raises_nothing_else(data: bytes) -> None:
    reader = FrameReader()
    try:
        frames = reader.feed(data)
    except BusError:
        return
    assert isinstance(frames, list)


def test_a_frame_above_the_limit() -> None:
    with pytest.raises(BusError, match="above the limit"):
        FrameReader().feed((FRAME_LIMIT_BYTES + 1).to_bytes(4, "big"))


@pytest.mark.parametrize("error", [NoResponder("x"), RequestTimeout("x"), HandlerFailed("x"), BusError("x")])
def test_faults_keep_their_kind(error: BusError) -> None:
    came = outcome(settled(1, error))
    assert type(came) is type(error)
    assert str(came) == "x"
    assert outcome(settled(1, b"answer")) == b"answer"


def test_messages_give_way_and_answers_do_not() -> None:
    outbox = Outbox(limit_messages=3)
    outbox.put(Settled(1, b""))
    for number in range(5):
        outbox.put_message("a", b"%d" % number)
    outbox.put(Settled(2, b""))
    frames = FrameReader().feed(outbox.take())
    assert frames == [
        Dropped("a", 2),
        Settled(1, b""),
        Message("a", b"2"),
        Message("a", b"3"),
        Message("a", b"4"),
        Settled(2, b""),
    ]
    assert outbox.bytes == 0
    assert outbox.take() == b""
