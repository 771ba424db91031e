from __future__ import annotations

import random
import struct

import pytest

from signaling.sfu import rtcp


def test_sender_report_with_names() -> None:
    report = rtcp.sender_report(7, 0x1122334455667788, 2**32 + 5, 10, 1000)
    (parsed,) = rtcp.parse(report + rtcp.sdes_cname([(7, "room/judge")]))
    assert isinstance(parsed, rtcp.SenderReport)
    assert (parsed.ssrc, parsed.ntp, parsed.rtp_timestamp) == (7, 0x1122334455667788, 5)
    assert (parsed.packets, parsed.octets, parsed.reports) == (10, 1000, ())
    assert parsed.raw == report


@pytest.mark.parametrize("name", ["", "a", "ab", "abc", "abcd", "é" * 200])
def test_sdes_is_whole_words(name: str) -> None:
    data = rtcp.sdes_cname([(1, name), (2, name)])
    assert len(data) == 4 + struct.unpack_from("!H", data, 2)[0] * 4


def test_receiver_report() -> None:
    blocks = [rtcp.ReportBlock(1, 128, -3, 70000, 9, 0xAABBCCDD, 65536), rtcp.ReportBlock(2, 0, 5, 1, 0, 0, 0)]
    (parsed,) = rtcp.parse(rtcp.receiver_report(9, blocks))
    assert parsed == rtcp.ReceiverReport(9, tuple(blocks))


@pytest.mark.parametrize("lost", [[1], [65535, 0, 1], [10, 11, 26, 27, 44], list(range(100, 160)), [5, 5, 4]])
def test_nack_over_the_wrap(lost: list[int]) -> None:
    (parsed,) = rtcp.parse(rtcp.nack(1, 2, lost))
    assert isinstance(parsed, rtcp.Nack)
    assert parsed.media_ssrc == 2
    assert sorted(set(parsed.sequences)) == sorted(set(lost))
    assert all(0 <= s <= 65535 for s in parsed.sequences)


def test_a_nack_that_asks_for_everything_is_bounded() -> None:
    body = struct.pack("!II", 1, 2) + struct.pack("!HH", 0, 0xFFFF) * 5000
    data = struct.pack("!BBH", 0x81, 205, len(body) // 4) + body
    (parsed,) = rtcp.parse(data)
    assert isinstance(parsed, rtcp.Nack)
    assert len(parsed.sequences) == rtcp.MAX_NACK_ITEMS


def test_keyframe_requests() -> None:
    fir = struct.pack("!BBHIIII", 0x84, 206, 4, 1, 0, 77, 0x01000000)
    assert rtcp.parse(rtcp.pli(1, 42) + fir) == [rtcp.KeyframeRequest(42), rtcp.KeyframeRequest(77)]


@pytest.mark.parametrize("bitrate", [0, 1, 262143, 262144, 4_000_000, 1_000_000_000])
def test_remb(bitrate: int) -> None:
    (parsed,) = rtcp.parse(rtcp.remb(1, bitrate, [5, 6]))
    assert isinstance(parsed, rtcp.Remb)
    assert parsed.ssrcs == (5, 6)
    assert bitrate * 0.9999 <= parsed.bitrate <= bitrate


def test_bye() -> None:
    (parsed,) = rtcp.parse(struct.pack("!BBHII", 0x82, 203, 2, 3, 4))
    assert isinstance(parsed, rtcp.Bye)
    assert parsed.ssrcs == (3, 4)


def test_reports_before_a_malformed_one_are_kept() -> None:
    assert rtcp.parse(rtcp.pli(1, 2) + b"\x81\xce\x00\x09") == [rtcp.KeyframeRequest(2)]


def test_transport_wide_feedback_is_not_a_nack() -> None:
    assert rtcp.parse(struct.pack("!BBHIIIII", 0x8F, 205, 5, 1, 2, 3, 4, 5)) == []


def test_garbage_never_raises() -> None:
    source = random.Random(3)
    for _ in range(5000):
        kind = source.choice([200, 201, 202, 203, 205, 206, 207])
        body = source.randbytes(source.randrange(60))
        words = source.choice([len(body) // 4, source.randrange(20)])
        rtcp.parse(struct.pack("!BBH", 0x80 | source.randrange(64), kind, words) + body)
