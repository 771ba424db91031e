"""H.264 pictures out of packets, and their size."""

from __future__ import annotations

import random

import pytest

from recording.media import h264
from recording.media.frames import Frame
from recording.media.h264 import START_CODE, Assembler, Broken, picture_size
from recording.media.rtp import Packet
from tests.recorded import h264_frames, h264_payloads

KEY, *DELTAS = h264_frames()


def push(assembler: Assembler, payloads: list[bytes], timestamp: int, *, marker: bool = True) -> list[Frame]:
    frames: list[Frame] = []
    for number, payload in enumerate(payloads):
        last = marker and number == len(payloads) - 1
        frames += assembler.push(Packet(1, 103, 0, timestamp, last, memoryview(payload), 0), 0)
    return frames


def fragments(units: tuple[bytes, ...]) -> list[bytes]:
    payloads = h264_payloads(units, limit=40)
    assert any(payload[0] & 0x1F == 28 for payload in payloads)
    return payloads


def test_a_keyframe_from_an_aggregate_and_fragments() -> None:
    (frame,) = push(Assembler(), fragments(KEY), 5)
    assert frame.data == b"".join(START_CODE + unit for unit in KEY)
    assert (frame.key, frame.width, frame.height, frame.after_loss) == (True, 320, 180, False)


def test_a_picture_without_marker_is_whole_when_the_next_begins() -> None:
    assembler = Assembler()
    assert push(assembler, h264_payloads(KEY), 5, marker=False) == []
    frames = push(assembler, h264_payloads(DELTAS[0]), 6)
    assert [frame.key for frame in frames] == [True, False]


def test_a_keyframe_without_its_parameter_sets_is_none() -> None:
    (frame,) = push(Assembler(), h264_payloads(tuple(unit for unit in KEY if unit[0] & 0x1F == 5)), 5)
    assert not frame.key


def test_after_a_loss_nothing_of_the_broken_picture_is_taken() -> None:
    assembler = Assembler()
    payloads = fragments(KEY)
    push(assembler, payloads[:2], 5, marker=False)
    for number, payload in enumerate(payloads[3:]):
        last = number == len(payloads) - 4
        assert assembler.push(Packet(1, 103, 0, 5, last, memoryview(payload), 0), 1 if number == 0 else 0) == []
    (frame,) = push(assembler, h264_payloads(DELTAS[0]), 6)
    assert frame.after_loss
    assert assembler.broken


def test_a_picture_whose_beginning_is_lost_is_none() -> None:
    """The lost packet was the first of this picture, which nothing but the picture itself tells."""
    assembler = Assembler()
    push(assembler, h264_payloads(KEY), 5)
    middle = bytes([DELTAS[0][0][0], 0x40]) + DELTAS[0][0][2:]
    assert assembler.push(Packet(1, 103, 0, 6, True, memoryview(middle), 0), 1) == []


@pytest.mark.parametrize(
    "payload",
    [b"\x1c", b"\x1c\x05abc", b"\x78\x00", b"\x78\x00\x00", b"\x78\x00\x20abc", b"\x1eabc", b"\x00", b"\x67"],
)
def test_malformed_packets_break_their_picture_only(payload: bytes) -> None:
    assembler = Assembler()
    assert push(assembler, [payload], 5) == []
    assert len(push(assembler, h264_payloads(KEY), 6)) == 1


def test_a_picture_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(h264, "FRAME_LIMIT_BYTES", 5000)
    assembler = Assembler()
    push(assembler, [b"\x41\x80" + bytes(1000)] * 6, 5, marker=False)
    assert push(assembler, [b"\x41\x80"], 5) == []
    assert assembler.broken == 1


@pytest.mark.parametrize("size", [(320, 180), (640, 360), (1280, 720), (322, 182), (1920, 1080)])
def test_sizes(size: tuple[int, int]) -> None:
    sps = next(unit for unit in h264_frames(*size, seconds=1, rate=2)[0] if unit[0] & 0x1F == 7)
    assert picture_size(sps) == size


@pytest.mark.parametrize("round_", range(300))
def test_no_bytes_raise_anything_else(round_: int) -> None:
    dice = random.Random(round_)
    sps = bytearray(KEY[0])
    sps[dice.randrange(1, len(sps))] = dice.randrange(256)
    try:
        width, height = picture_size(bytes(sps[: dice.randrange(2, len(sps) + 1)]))
        assert width * height <= h264.PIXELS_LIMIT
    except Broken:
        pass
    push(Assembler(), [dice.randbytes(dice.randrange(1, 40)) for _ in range(10)], 5)
