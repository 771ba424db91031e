"""VP8 frames out of packets, and Opus durations."""

from __future__ import annotations

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recording.media import opus
from recording.media.frames import FRAME_LIMIT_BYTES, Decodable, Frame
from recording.media.rtp import Packet
from recording.media.vp8 import BLACK_KEYFRAME, Assembler, frame_size, parse_descriptor
from tests.recorded import opus_packets, vp8_frames

KEY = vp8_frames()[0][0]
DELTA = vp8_frames()[1][0]


def packet(payload: bytes, timestamp: int = 0, *, marker: bool = False) -> Packet:
    return Packet(1, 96, 0, timestamp, marker, memoryview(payload), 0)


def frame(
    *,
    key: bool = False,
    tid: int | None = None,
    tl0: int | None = None,
    sync: bool = False,
    lost: bool = False,
    ssrc: int = 1,
) -> Frame:
    return Frame(ssrc, 0, 0, b"", key, 0, 0, tl0, tid, sync, lost)


@pytest.mark.parametrize(
    ("payload", "length", "picture_id", "tl0", "tid", "sync"),
    [
        (b"\x10", 1, None, None, None, False),
        (b"\x90\x80\x05", 3, 5, None, None, False),
        (b"\x90\x80\x81\x02", 4, 0x102, None, None, False),
        (b"\x90\xe0\x81\x02\x07\x60", 6, 0x102, 7, 1, True),
        (b"\x90\x30\x80", 3, None, None, 2, False),
    ],
)
def test_descriptors(
    payload: bytes, length: int, picture_id: int | None, tl0: int | None, tid: int | None, sync: bool
) -> None:
    parsed = parse_descriptor(memoryview(payload + b"data"))
    assert parsed is not None
    assert (parsed.length, parsed.picture_id, parsed.tl0_index) == (length, picture_id, tl0)
    assert (parsed.temporal_id, parsed.layer_sync, parsed.starts_frame) == (tid, sync, True)


@given(st.binary(max_size=8))
def test_any_descriptor_is_read_or_refused(payload: bytes) -> None:
    parsed = parse_descriptor(memoryview(payload))
    assert parsed is None or parsed.length <= len(payload)


def test_a_frame_is_put_together_from_its_packets() -> None:
    assembler = Assembler()
    parts = [KEY[:500], KEY[500:700], KEY[700:]]
    assert assembler.push(packet(b"\x10" + parts[0], 9), 0) == []
    assert assembler.push(packet(b"\x00" + parts[1], 9), 0) == []
    (done,) = assembler.push(packet(b"\x00" + parts[2], 9, marker=True), 0)
    assert done.data == KEY
    assert (done.key, done.width, done.height, done.timestamp, done.after_loss) == (True, 320, 180, 9, False)


def test_a_frame_with_a_hole_is_left_out_and_the_next_one_says_so() -> None:
    assembler = Assembler()
    assembler.push(packet(b"\x10" + KEY[:500], 1), 0)
    assert assembler.push(packet(b"\x00" + KEY[700:], 1, marker=True), 1) == []
    (done,) = assembler.push(packet(b"\x10" + DELTA, 2, marker=True), 0)
    assert done.after_loss
    assert assembler.broken == 1


def test_a_whole_missing_frame_is_noticed() -> None:
    assembler = Assembler()
    assembler.push(packet(b"\x10" + KEY, 1, marker=True), 0)
    (done,) = assembler.push(packet(b"\x10" + DELTA, 3, marker=True), 2)
    assert done.after_loss


def test_a_forgotten_marker_costs_nothing() -> None:
    assembler = Assembler()
    assembler.push(packet(b"\x10" + KEY, 1), 0)
    first, second = assembler.push(packet(b"\x10" + DELTA, 2, marker=True), 0)
    assert (first.data, second.data) == (KEY, DELTA)


def test_padding_carries_nothing_but_what_misses_before_it_counts() -> None:
    assembler = Assembler()
    assembler.push(packet(b"\x10" + KEY, 1, marker=True), 0)
    assert assembler.push(packet(b"", 1), 0) == []
    (whole,) = assembler.push(packet(b"\x10" + DELTA, 2, marker=True), 0)
    assert not whole.after_loss
    assembler.push(packet(b"", 2), 1)
    (after,) = assembler.push(packet(b"\x10" + DELTA, 3, marker=True), 0)
    assert after.after_loss


def test_bounds_and_garbage() -> None:
    assembler = Assembler()
    assert assembler.push(packet(b"\x80"), 0) == []
    assert assembler.push(packet(b"\x10", marker=True), 0) == []
    assert assembler.push(packet(b"\x10\x00\x00", marker=True), 0) == []
    assembler.push(packet(b"\x10" + bytes(FRAME_LIMIT_BYTES), 5), 0)
    assert assembler.push(packet(b"\x00x", 5, marker=True), 0) == []
    assert frame_size(b"\x00" * 10) is None


def test_after_a_loss_only_a_keyframe_helps_without_layers() -> None:
    decodable = Decodable()
    assert not decodable.keeps(frame())
    assert decodable.keeps(frame(key=True))
    assert decodable.keeps(frame())
    assert not decodable.keeps(frame(lost=True))
    assert not decodable.keeps(frame())
    assert decodable.keeps(frame(key=True, lost=True))
    assert decodable.keeps(frame())


def test_with_layers_a_lost_upper_frame_stops_only_its_layer() -> None:
    decodable = Decodable()
    assert decodable.keeps(frame(key=True, tid=0, tl0=4))
    assert decodable.keeps(frame(tid=2, tl0=4))
    assert not decodable.keeps(frame(tid=2, tl0=4, lost=True))
    assert decodable.keeps(frame(tid=0, tl0=5))
    assert not decodable.keeps(frame(tid=2, tl0=5))
    assert decodable.keeps(frame(tid=1, tl0=5, sync=True))
    assert decodable.keeps(frame(tid=2, tl0=5))


def test_a_lost_base_frame_needs_a_keyframe() -> None:
    decodable = Decodable()
    decodable.keeps(frame(key=True, tid=0, tl0=255))
    assert decodable.keeps(frame(tid=0, tl0=0, lost=True))
    assert not decodable.keeps(frame(tid=0, tl0=2, lost=True))
    assert not decodable.keeps(frame(tid=0, tl0=3))
    assert not decodable.keeps(frame(tid=1, tl0=3, sync=True))
    assert decodable.keeps(frame(key=True, tid=0, tl0=4))


def test_an_upper_frame_of_another_base_is_left_out() -> None:
    decodable = Decodable()
    decodable.keeps(frame(key=True, tid=0, tl0=1))
    assert not decodable.keeps(frame(tid=1, tl0=2, sync=True))


def test_another_source_begins_with_a_keyframe_and_stragglers_of_the_old_one_do_no_harm() -> None:
    decodable = Decodable()
    decodable.keeps(frame(key=True))
    assert not decodable.keeps(frame(ssrc=2))
    assert decodable.keeps(frame(ssrc=2, key=True))
    assert not decodable.keeps(frame())
    assert decodable.keeps(frame(ssrc=2))


@pytest.mark.parametrize(
    ("packet_", "samples"),
    [
        (b"", 0),
        (b"\xf8", 960),
        (b"\xf9xx", 1920),
        (b"\x18x", 2880),
        (b"\x00x", 480),
        (b"\xe0x", 120),
        (b"\x60x", 480),
        (b"\xfb", 0),
        (b"\xfb\x3f", 0),
        (opus.SILENCE, opus.SILENCE_SAMPLES),
        (opus.LONG_SILENCE, opus.LONG_SILENCE_SAMPLES),
    ],
)
def test_durations(packet_: bytes, samples: int) -> None:
    assert opus.samples(packet_) == samples


def test_durations_of_an_encoder() -> None:
    assert {opus.samples(data) for data in opus_packets()} == {960}


def test_silence_is_silent_and_black_is_black() -> None:
    decoder = av.CodecContext.create("libopus", "r")
    for data, count in ((opus.SILENCE, 960), (opus.LONG_SILENCE, 5760)):
        (sound,) = decoder.decode(av.Packet(data))
        assert sound.samples == count
        assert not any(bytes(sound.planes[0]))
    (picture,) = av.CodecContext.create("libvpx", "r").decode(av.Packet(BLACK_KEYFRAME))
    assert frame_size(BLACK_KEYFRAME) == (picture.width, picture.height) == (320, 180)
    assert max(bytes(picture.planes[0])[:320]) == 16
