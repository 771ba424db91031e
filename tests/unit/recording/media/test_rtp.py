"""RTP and RTCP as the record reads them, and the order of packets."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recording.media.rtp import (
    REORDER_LIMIT_NS,
    REORDER_LIMIT_PACKETS,
    Packet,
    Sequencer,
    audio_level,
    parse_rtp,
    sender_reports,
)
from tests.recorded import NTP_EPOCH_S, rtp, sender_report, with_extension


def packet(sequence: int, arrival_ns: int = 0) -> Packet:
    return Packet(1, 96, sequence & 0xFFFF, 0, False, memoryview(b"x"), arrival_ns)


def test_header_extension_contributors_and_padding_are_left_out() -> None:
    first = 0x80 | 0x20 | 0x10 | 2
    data = struct.pack(">BBHII", first, 0x80 | 96, 7, 8, 9) + bytes(8)
    data += struct.pack(">HH", 0xBEDE, 1) + bytes(4) + b"media" + b"\0\0\3"
    parsed = parse_rtp(memoryview(data), 5)
    assert parsed is not None
    assert (parsed.ssrc, parsed.payload_type, parsed.sequence, parsed.timestamp, parsed.marker) == (9, 96, 7, 8, True)
    assert bytes(parsed.payload) == b"media"
    assert parsed.arrival_ns == 5


@pytest.mark.parametrize(
    ("profile", "elements", "level"),
    [
        (0xBEDE, b"\xa0\x8e", 14),
        (0xBEDE, b"\x10\x01\x00\x00\x31\x07\x07\xa0\x7f", 127),
        (0x1000, b"\x01\x02\x07\x07\x00\x0a\x01\x85", 5),
        (0xBEDE, b"\x90\x01", None),
        (0xBEDE, b"\xf0\x00\xa0\x05", None),
        (0xBEDE, b"\x10\x00\x01\xa3", None),
        (0x1000, b"\x0a\x00", None),
        (0x1000, b"\x01\x02\x07\x0a", None),
        (0x4444, b"\xa0\x05", None),
        (0xBEDE, b"", None),
    ],
)
def test_the_level_of_a_packet(profile: int, elements: bytes, level: int | None) -> None:
    parsed = parse_rtp(memoryview(with_extension(rtp(96, 1, 2, 3, b"media"), elements, profile)), 0)
    assert parsed is not None
    assert bytes(parsed.payload) == b"media"
    assert audio_level(parsed.extension, 10) == level
    assert audio_level(parsed.extension, 0) is None


def test_no_level_without_an_extension() -> None:
    parsed = parse_rtp(memoryview(rtp(96, 1, 2, 3, b"media")), 0)
    assert parsed is not None
    assert audio_level(parsed.extension, 10) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(11),
        rtp(96, 1, 1, 1, b"")[:11],
        b"\x40" + bytes(20),
        struct.pack(">BBHII", 0x8F, 96, 0, 0, 0),
        struct.pack(">BBHII", 0x90, 96, 0, 0, 0) + b"\0\0",
        struct.pack(">BBHII", 0x90, 96, 0, 0, 0) + b"\0\0\xff\xff",
        struct.pack(">BBHII", 0xA0, 96, 0, 0, 0) + b"\xff",
    ],
)
def test_what_is_no_rtp_packet_is_nothing(data: bytes) -> None:
    assert parse_rtp(memoryview(data), 0) is None


@given(st.binary(max_size=120))
def test_garbage_never_raises(data: bytes) -> None:
    parse_rtp(memoryview(data), 0)
    list(sender_reports(memoryview(data), 0))


def test_sender_reports_are_found_in_compound_packets() -> None:
    bye = struct.pack(">BBHI", 0x81, 203, 1, 7)
    compound = sender_report(7, (NTP_EPOCH_S + 5) * 10**9 + 250_000_000, 90_000) + bye
    (report,) = sender_reports(memoryview(compound), 3)
    assert (report.ssrc, report.timestamp, report.arrival_ns) == (7, 90_000, 3)
    assert abs(report.ntp_ns - ((NTP_EPOCH_S + 5) * 10**9 + 250_000_000)) < 2


def test_a_sender_without_a_wall_clock_reports_nothing() -> None:
    assert list(sender_reports(memoryview(sender_report(7, 0, 1)), 0)) == []


def test_packets_in_order_pass_at_once_over_the_wrap() -> None:
    sequencer = Sequencer()
    for number in range(65_530, 65_545):
        assert [(p.sequence, missing) for p, missing in sequencer.push(packet(number))] == [(number & 0xFFFF, 0)]
    assert sequencer.lost == 0


@given(st.integers(0, 65_535), st.integers(0, 2**32))
def test_shuffled_packets_come_out_in_order(start: int, seed: int) -> None:
    numbers = list(range(start, start + 200))
    mixed = sorted(numbers, key=lambda number: number + random.Random(seed ^ number).uniform(0, 12))
    mixed.remove(start)
    sequencer = Sequencer()
    out = [p for number in [start, *mixed] for p, missing in sequencer.push(packet(number)) if missing == 0]
    assert [p.sequence for p in out] == [number & 0xFFFF for number in numbers]
    assert sequencer.late == sequencer.lost == 0


def test_a_missing_packet_is_waited_for_so_long_in_time() -> None:
    sequencer = Sequencer()
    sequencer.push(packet(0, 0))
    assert sequencer.push(packet(2, 10)) == []
    assert sequencer.push(packet(3, REORDER_LIMIT_NS)) == []
    out = sequencer.push(packet(4, REORDER_LIMIT_NS + 11))
    assert [(p.sequence, missing) for p, missing in out] == [(2, 1), (3, 0), (4, 0)]
    assert sequencer.push(packet(1, REORDER_LIMIT_NS + 12)) == []
    assert (sequencer.lost, sequencer.late) == (1, 1)


def test_and_so_long_in_packets() -> None:
    sequencer = Sequencer()
    sequencer.push(packet(0))
    out = [pair for number in range(2, REORDER_LIMIT_PACKETS + 3) for pair in sequencer.push(packet(number))]
    assert [missing for _, missing in out] == [1, *[0] * REORDER_LIMIT_PACKETS]


def test_a_great_jump_is_a_new_beginning() -> None:
    sequencer = Sequencer()
    sequencer.push(packet(100))
    sequencer.push(packet(102))
    out = sequencer.push(packet(20_000))
    assert [(p.sequence, missing) for p, missing in out] == [(102, 1), (20_000, -1)]
    assert [missing for _, missing in sequencer.push(packet(20_001))] == [0]


def test_what_is_held_comes_out_at_the_end() -> None:
    sequencer = Sequencer()
    sequencer.push(packet(0))
    for number in (3, 2, 6):
        sequencer.push(packet(number))
    assert [(p.sequence, missing) for p, missing in sequencer.flush()] == [(2, 1), (3, 0), (6, 2)]


def test_a_packet_that_came_twice_is_taken_once() -> None:
    sequencer = Sequencer()
    sequencer.push(packet(0))
    sequencer.push(packet(2))
    assert sequencer.push(packet(2)) == []
    assert [p.sequence for p, _ in sequencer.push(packet(1))] == [1, 2]
