"""Frames of higher temporal layers are left out, and nobody can tell from what is left."""

from __future__ import annotations

import random

import pytest

from signaling.sfu import rtp, vp8
from signaling.sfu.clock import NS_PER_S
from signaling.sfu.seqmap import SequenceMap

from .test_consumer import PT, Bench

#: Layer and sync flag of a browser's eight frames (libvpx, three layers): the first of each layer refers to the base
#: layer only.
PATTERN = [(0, False), (2, True), (1, True), (2, False), (0, False), (2, False), (1, False), (2, False)]


def packets_of(
    frame: int, *, key: bool = False, parts: int = 2, first: int | None = None, sync: bool = True
) -> list[bytes]:
    """The packets of one frame of the pattern; ``frame`` counts from 0, numbers from ``first``."""
    layer, marks = PATTERN[frame % 8]
    base = sum(1 for f in range(frame + 1) if PATTERN[f % 8][0] == 0)
    made = []
    for part in range(parts):
        descriptor = bytes([0x90 if part == 0 else 0x80, 0xE0]) + (0x8000 | frame).to_bytes(2, "big")
        descriptor += bytes([base & 0xFF, layer << 6 | (marks and sync) << 5])
        payload = descriptor + (b"\x10" if key and part == 0 else b"\x11") + b"part%d" % part
        number = (frame * parts if first is None else first) + part
        made.append(rtp.build(PT, number, frame * 3000, 100, payload, marker=part == parts - 1))
    return made


def send(bench: Bench, frames: range, *, sync: bool = True) -> None:
    for frame in frames:
        for packet in packets_of(frame, key=frame == 0, sync=sync):
            bench.raw(packet)


def layers_of(bench: Bench) -> list[int]:
    """The temporal layers that came, frame by frame."""
    found = []
    for packet in bench.down.sent:
        descriptor = vp8.parse(packet.data, packet.payload_at, packet.payload_end)
        assert descriptor is not None
        if descriptor.starts_frame:
            found.append(descriptor.temporal_layer)
    return found


def check_unbroken(bench: Bench) -> None:
    """Numbers and picture ids go up by one, the base layer's index with each base frame, and no frame is cut."""
    before = None
    for packet in bench.down.sent:
        descriptor = vp8.parse(packet.data, packet.payload_at, packet.payload_end)
        assert descriptor is not None
        if before is not None:
            last, last_packet = before
            assert (packet.sequence - last_packet.sequence) & 0xFFFF == 1
            assert (descriptor.picture_id - last.picture_id) & 0x7FFF == descriptor.starts_frame
            assert bool(last_packet.marker) == descriptor.starts_frame
            step = descriptor.starts_frame and descriptor.temporal_layer == 0
            assert (descriptor.tl0 - last.tl0) & 0xFF == step
        before = descriptor, packet


@pytest.mark.parametrize(("limit", "passing"), [(0, [0, 0, 0, 0]), (1, [0, 1] * 4), (2, [0, 2, 1, 2] * 4)])
def test_only_the_wanted_layers_come_and_leave_no_gap(limit: int, passing: list[int]) -> None:
    bench = Bench()
    bench.consumer.prefer(0, limit)
    send(bench, range(16))
    assert layers_of(bench) == passing
    check_unbroken(bench)


def test_the_limit_falls_at_once_and_rises_where_the_sender_marks_it() -> None:
    bench = Bench()
    send(bench, range(8))
    bench.consumer.prefer(0, 0)
    send(bench, range(8, 16))
    bench.consumer.prefer(0, 2)
    send(bench, range(16, 24))
    bench.consumer.prefer(0, 0)
    send(bench, range(24, 31))
    bench.consumer.prefer(0, 1)
    send(bench, range(31, 40))
    assert layers_of(bench) == [
        *(0, 2, 1, 2, 0, 2, 1, 2),
        *(0, 0),
        *(0, 2, 1, 2, 0, 2, 1, 2),
        *(0, 0),
        *(0, 1, 0, 1),
    ]
    check_unbroken(bench)


def test_a_limit_in_the_middle_of_a_frame_waits_for_the_next() -> None:
    bench = Bench()
    for packet in packets_of(0, key=True):
        bench.raw(packet)
    begun, rest = packets_of(1)
    bench.raw(begun)
    bench.consumer.prefer(0, 0)
    bench.raw(rest)
    send(bench, range(2, 9))
    assert layers_of(bench) == [0, 2, 0, 0]
    check_unbroken(bench)


def test_what_the_link_grants_counts_like_the_wish() -> None:
    bench = Bench()
    bench.consumer.grant(0, bench.down.time_ns, 1)
    send(bench, range(8))
    bench.consumer.grant(0, bench.down.time_ns, 2)
    send(bench, range(8, 16))
    assert layers_of(bench) == [0, 1, 0, 1, 0, 2, 1, 2, 0, 2, 1, 2]
    check_unbroken(bench)


def test_a_sender_that_marks_nothing_is_asked_for_a_keyframe() -> None:
    bench = Bench()
    bench.consumer.prefer(0, 0)
    send(bench, range(8), sync=False)
    bench.consumer.prefer(0, 2)
    send(bench, range(8, 16), sync=False)
    bench.asked.clear()
    bench.consumer.choose_layer(bench.down.time_ns)
    assert bench.asked == []
    bench.down.time_ns += 3 * NS_PER_S
    bench.consumer.choose_layer(bench.down.time_ns)
    assert bench.asked == [0]
    bench.raw(packets_of(16, key=True)[0])
    send(bench, range(17, 24), sync=False)
    assert layers_of(bench)[-7:] == [2, 1, 2, 0, 2, 1, 2]


def test_a_lost_packet_of_a_lower_layer_still_has_its_place() -> None:
    bench = Bench()
    bench.consumer.prefer(0, 1)
    send(bench, range(4))
    first, late = packets_of(4)
    bench.raw(first)
    send(bench, range(5, 8))
    assert len(bench.down.sent) == 4 + 1 + 2
    bench.raw(late)
    start = bench.down.sent[0].sequence
    bench.down.sent.sort(key=lambda packet: (packet.sequence - start) & 0xFFFF)
    assert layers_of(bench) == [0, 1, 0, 1]
    check_unbroken(bench)


def test_a_late_packet_of_a_frame_that_was_left_out_stays_out() -> None:
    bench = Bench()
    bench.consumer.prefer(0, 0)
    send(bench, range(1))
    late, second = packets_of(1)
    bench.raw(second)
    bench.raw(late)
    send(bench, range(2, 8))
    assert layers_of(bench) == [0, 0]


def test_a_retransmission_finds_its_packet_across_what_was_left_out() -> None:
    bench = Bench()
    bench.consumer.prefer(0, 1)
    send(bench, range(16))
    sent = list(bench.down.sent)
    bench.consumer.on_nack(tuple(packet.sequence for packet in sent[4:8]), bench.down.time_ns)
    again = bench.down.sent[len(sent) :]
    assert [packet.payload[2:] for packet in again] == [packet.payload for packet in sent[4:8]]


def test_streams_without_temporal_layers_are_whole_whatever_is_wished() -> None:
    bench = Bench()
    bench.consumer.prefer(0, 0)
    bench.send(1, key=True)
    for number in range(2, 20):
        bench.send(number)
    assert len(bench.down.sent) == 19
    bench.consumer.prefer(0, 2)
    bench.send(20)
    assert bench.consumer.temporal.open


@pytest.mark.parametrize("seed", range(5))
def test_whatever_is_wished_when_no_frame_is_cut_or_missed(seed: int) -> None:
    dice = random.Random(seed)
    bench = Bench()
    number = 0
    for frame in range(400):
        if dice.random() < 0.1:
            bench.consumer.prefer(0, dice.randrange(3))
        if dice.random() < 0.05:
            bench.consumer.grant(0, bench.down.time_ns, dice.randrange(3))
        parts = dice.randrange(1, 4)
        for packet in packets_of(frame, key=frame == 0 or dice.random() < 0.01, parts=parts, first=number):
            bench.raw(packet)
        number += parts
    check_unbroken(bench)
    assert set(layers_of(bench)) == {0, 1, 2}


def test_leaving_out_behind_a_gap_keeps_the_gap_and_no_more() -> None:
    numbers = SequenceMap(0)
    segment = numbers.switch("s", 10, 0)
    numbers.highest_out = 10 + segment.delta
    numbers.leave_out(12, pictures=1)  # 11 is missing
    current = numbers.current
    assert current is not None
    assert (current.first, current.picture_delta) == (13, -1)
    assert 13 + current.delta == numbers.highest_out + 2
    late = numbers.segment_of("s", 11)
    assert late is segment
    assert numbers.segment_of("s", 12) is None
    assert numbers.origin(11 + segment.delta) is None, "not sent yet"
    numbers.highest_out = 13 + current.delta
    assert numbers.origin(11 + segment.delta) == (segment, 11)
