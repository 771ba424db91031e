from __future__ import annotations

import pytest

from signaling.sfu import h264

SPS, PPS, IDR, SLICE, AUD = b"\x67\x42\xe0\x1f", b"\x68\xce", b"\x65\x88\x80", b"\x41\x9a", b"\x09\xf0"


def stap(*units: bytes) -> bytes:
    return b"\x78" + b"".join(len(u).to_bytes(2, "big") + u for u in units)


@pytest.mark.parametrize(
    ("payload", "starts"),
    [
        (SPS, True),
        (stap(SPS, PPS, IDR), True),
        (stap(AUD, SPS, PPS), True),
        (b"\x7c\x87" + SPS[1:], True),
        (PPS, False),
        (IDR, False),
        (SLICE, False),
        (stap(AUD, PPS), False),
        (b"\x7c\x85\x88", False),
        (b"\x7c\x07" + SPS[1:], False),
        (b"\x7c", False),
        (b"\x78", False),
        (b"\x78\x00", False),
        (b"\x78\x00\x09\x67", False),
        (b"\x78\x00\x00\x67", False),
        (b"", False),
    ],
)
def test_where_a_decoder_can_begin(payload: bytes, starts: bool) -> None:
    assert h264.starts_keyframe(b"head" + payload + b"tail", 4, 4 + len(payload)) is starts


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("42e01f", True),
        ("42E01F", True),
        ("42c028", True),
        ("42001f", False),
        ("640c1f", False),
        ("x", False),
        (7, False),
    ],
)
def test_constrained_baseline(text: object, fits: bool) -> None:
    assert h264.is_constrained_baseline(text) is fits
