from __future__ import annotations

from signaling.sfu import rtcp, rtp
from signaling.sfu.clock import NS_PER_MS as MS
from signaling.sfu.clock import NS_PER_S
from signaling.sfu.store import Media
from signaling.sfu.stream import MAX_MENDED, VIDEO_CACHE_PACKETS, MediaStream


def accept(
    stream: MediaStream, sequence: int, now_ns: int = 0, timestamp: int = 0, *, recovered: bool = False
) -> Media | None:
    packet = rtp.parse(rtp.build(96, sequence, timestamp, stream.ssrc, b"x" * 88))
    assert packet is not None
    return stream.accept(packet, now_ns, recovered=recovered)


def test_duplicates_are_refused_and_late_ones_taken() -> None:
    stream = MediaStream(1, 0, 90000)
    assert accept(stream, 10) is not None
    assert accept(stream, 12) is not None
    assert accept(stream, 10) is None
    late = accept(stream, 11)
    assert late is not None
    assert stream.cached(late.number) is late


def test_what_fell_out_of_the_cache_is_refused_when_it_comes_late() -> None:
    stream = MediaStream(1, 0, 90000)
    first = accept(stream, 0)
    assert first is not None
    for n in range(2, VIDEO_CACHE_PACKETS + 5):
        accept(stream, n)
    assert stream.cached(first.number) is None
    assert accept(stream, 1) is None


def test_loss_and_rate_are_reported() -> None:
    stream = MediaStream(1, 0, 90000)
    stream.measure(0)
    for n in range(100):
        if n % 4:
            accept(stream, n, n * 10 * MS, n * 900)
    stream.measure(NS_PER_S)
    assert stream.bitrate_bps == 75 * 100 * 8
    block = stream.report_block(NS_PER_S)
    assert block is not None
    assert block.total_lost == 24, "the loss before the first packet is not known"
    assert block.fraction_lost == 24 * 256 // 99
    assert block.jitter == 0
    again = stream.report_block(NS_PER_S)
    assert again is not None
    assert again.fraction_lost == 0


def test_what_repair_mended_was_missed_and_what_was_only_late_was_not() -> None:
    stream = MediaStream(1, 0, 90000)
    for n in range(100):
        if n % 10 or not n:
            accept(stream, n)
    stream.report_block(0)
    assert (stream.expected_now, stream.lost_now, stream.missed_now) == (100, 9, 9)
    for n in range(10, 100, 10):
        accept(stream, n, recovered=True)
    stream.report_block(0)
    assert (stream.expected_now, stream.lost_now, stream.missed_now) == (0, 0, 0), "mended, but missed all the same"
    for n in range(10, 60, 10):
        assert accept(stream, n) is None
    stream.report_block(0)
    assert stream.missed_now == -5, "these were overtaken by their retransmissions"
    for n in range(100, 100 + 2 * MAX_MENDED):
        accept(stream, n, recovered=True)
    assert accept(stream, 100) is None
    stream.report_block(0)
    assert stream.missed_now == 2 * MAX_MENDED, "only so many are remembered"


def test_jitter_of_uneven_arrival() -> None:
    stream = MediaStream(1, 0, 48000)
    for n in range(200):
        accept(stream, n, (n * 20 + (n % 2) * 10) * MS, n * 960)
    block = stream.report_block(0)
    assert block is not None
    assert 400 < block.jitter < 500, "10 ms at 48 kHz are 480"


def test_the_age_of_the_senders_report_is_told() -> None:
    stream = MediaStream(1, 0, 48000)
    assert stream.report_block(0) is None
    accept(stream, 1)
    (report,) = rtcp.parse(rtcp.sender_report(1, 0x0000AAAABBBB0000, 0, 0, 0))
    assert isinstance(report, rtcp.SenderReport)
    assert stream.on_sender_report(report, NS_PER_S)
    assert not stream.on_sender_report(report, NS_PER_S)
    block = stream.report_block(3 * NS_PER_S)
    assert block is not None
    assert (block.lsr, block.dlsr) == (0xAAAABBBB, 2 * 65536)


def test_after_a_pause_numbers_are_new_and_nothing_is_missing() -> None:
    stream = MediaStream(1, 0, 90000)
    before = accept(stream, 10)
    stream.pause()
    after = accept(stream, 11)
    assert before is not None
    assert after is not None
    assert after.number > before.number + 1
    assert not stream.nack.missing
    block = stream.report_block(0)
    assert block is not None
    assert block.total_lost == 0


def test_an_outage_is_no_loss_of_the_network_that_follows() -> None:
    stream = MediaStream(1, 0, 90000)
    for n in range(100):
        accept(stream, n, n * 10 * MS)
    assert stream.report_block(NS_PER_S) is not None
    for n in range(400, 420):
        accept(stream, n, 4 * NS_PER_S + n * 10 * MS)
        if n == 400:
            stream.forgive(300)
    block = stream.report_block(5 * NS_PER_S)
    assert block is not None
    assert block.fraction_lost == 0
    assert (stream.expected_now, stream.lost_now) == (20, 0)
    assert block.total_lost == 300
    # For who listens it is gone all the same.
    assert stream.gone_now == 300
    stream.report_block(6 * NS_PER_S)
    assert stream.gone_now == 0
