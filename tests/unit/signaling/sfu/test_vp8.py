from __future__ import annotations

import random

import pytest

from signaling.sfu import vp8


def parse(data: bytes) -> vp8.Vp8Descriptor | None:
    return vp8.parse(b"head" + data + b"tail", 4, 4 + len(data))


def test_a_keyframe_with_everything() -> None:
    found = parse(b"\x90\xf0\x81\x02\x07\x60" + b"\x10rest")
    assert found is not None
    assert found.starts_frame
    assert found.keyframe
    assert (found.picture_at, found.picture_id, found.long_picture_id) == (2, 0x102, True)
    assert (found.tl0_at, found.tl0) == (4, 7)
    assert (found.temporal_layer, found.layer_sync) == (1, True)


def test_the_short_picture_id_and_an_interframe() -> None:
    found = parse(b"\x90\x80\x05" + b"\x11")
    assert found is not None
    assert not found.keyframe
    assert (found.picture_at, found.picture_id, found.long_picture_id) == (2, 5, False)
    assert found.tl0_at == -1


def test_a_later_packet_of_a_keyframe_is_no_start() -> None:
    for first in (b"\x80", b"\x91", b"\x81"):  # no S, or another partition
        found = parse(first + b"\x80\x05" + b"\x10")
        assert found is not None
        assert not found.starts_frame
        assert not found.keyframe


def test_the_bare_descriptor() -> None:
    found = parse(b"\x10\x10")
    assert found is not None
    assert found.keyframe
    assert found.picture_at == -1


@pytest.mark.parametrize(
    "data", [b"", b"\x90", b"\x90\x80", b"\x90\x80\x81", b"\x90\xf0\x01", b"\x90\xf0\x01\x02", b"\x10"]
)
def test_cut_descriptors(data: bytes) -> None:
    assert parse(data) is None


def test_garbage_never_raises() -> None:
    source = random.Random(5)
    for _ in range(5000):
        parse(source.randbytes(source.randrange(9)))
