"""A consumer between a producer of packets made here and a downlink that keeps what it is given."""

from __future__ import annotations

from typing import Any

import pytest

from signaling.ortc import RtpCodec, RtpEncoding, RtpHeaderExtension, RtpParameters
from signaling.sfu import capabilities as caps
from signaling.sfu import rtcp, rtp
from signaling.sfu.allocation import Priority
from signaling.sfu.clock import NS_PER_MS as MS
from signaling.sfu.clock import NS_PER_S
from signaling.sfu.consumer import Consumer
from signaling.sfu.dtls_adapter import SEND_BUFFER
from signaling.sfu.producer import Producer, abs_send_time, video_block
from signaling.sfu.rate import UplinkEstimate
from signaling.sfu.resend import MAX_PER_S, MAX_RESENDS, RESEND_MEMORY
from signaling.sfu.sent_stream import MAX_NAMED_PACKETS
from signaling.sfu.stream import MediaStream

PT, RTX_PT = 96, 97


class FakeDownlink:
    def __init__(self) -> None:
        self.ready = True
        self.time_ns = NS_PER_S
        self.sent: list[rtp.RtpPacket] = []
        self.reports = 0

    def now_ns(self) -> int:
        return self.time_ns

    def send_rtp(self, size: int) -> None:
        packet = rtp.parse(bytes(SEND_BUFFER[:size]))
        assert packet is not None
        self.sent.append(packet)

    def report_soon(self) -> None:
        self.reports += 1


class Bench:
    """One video producer of ``layers`` layers and one resumed consumer."""

    def __init__(self, layers: int = 1, *, rtx: bool = True) -> None:
        parameters = RtpParameters(
            mid="0",
            codecs=[
                RtpCodec(mime_type="video/VP8", clock_rate=90000, payload_type=PT),
                RtpCodec(mime_type="video/rtx", clock_rate=90000, payload_type=RTX_PT, parameters={"apt": PT}),
            ],
            header_extensions=[RtpHeaderExtension(uri=caps.ORIENTATION_URI, id=3)],
            encodings=[RtpEncoding(ssrc=100 + i) for i in range(layers)],
        )
        self.asked: list[int] = []
        self.producer = Producer(
            "p",
            "peer",
            "camera",
            "video",
            caps.producer_codec("video", parameters),
            parameters,
            {},
            request_keyframe=self._ask,
        )
        self.producer.set_flow(allowed=True)
        self.streams = [self.producer.add_stream(100 + i, i) for i in range(layers)]
        self.estimate = UplinkEstimate(0)
        self.down = FakeDownlink()
        downlink: Any = self.down
        self.consumer = Consumer(
            "c",
            downlink,
            self.producer,
            ssrc=7,
            rtx_ssrc=8 if rtx else None,
            payload_type=101,
            rtx_payload_type=102,
            cname="n",
        )
        self.producer.consumers["c"] = self.consumer
        self.consumer.resume()

    def _ask(self, layer: int) -> bool:
        self.asked.append(layer)
        return True

    def send(
        self,
        number: int,
        *,
        layer: int = 0,
        key: bool = False,
        timestamp: int | None = None,
        body: bytes = b"body",
        extensions: dict[int, bytes] | None = None,
    ) -> None:
        payload = b"\x90\xc0" + (0x8000 | number & 0x7FFF).to_bytes(2, "big") + bytes([number & 0xFF])
        payload += (b"\x10" if key else b"\x11") + body
        stamp = number * 3000 if timestamp is None else timestamp
        self.raw(rtp.build(PT, number, stamp, 100 + layer, payload if body else b"", extensions=extensions), layer)

    def raw(self, data: bytes, layer: int = 0) -> None:
        packet = rtp.parse(data)
        assert packet is not None
        self.producer.on_rtp(self.streams[layer], packet, self.down.time_ns, self.estimate, recovered=False)

    def report(self, layer: int, ntp_s: float, timestamp: int) -> None:
        (report,) = rtcp.parse(rtcp.sender_report(100 + layer, int(ntp_s * 2**32), timestamp, 0, 0))
        assert isinstance(report, rtcp.SenderReport)
        self.streams[layer].on_sender_report(report, self.down.time_ns)


def test_padding_leaves_no_gap() -> None:
    bench = Bench()
    bench.send(1, key=True)
    bench.send(2, body=b"")
    bench.send(3, body=b"")
    bench.send(4)
    first, second = bench.down.sent
    assert (second.sequence - first.sequence) & 0xFFFF == 1


def test_an_oversized_packet_is_left_out_not_raised() -> None:
    bench = Bench()
    bench.send(1, key=True)
    bench.send(2, body=bytes(1700))
    bench.send(3)
    assert len(bench.down.sent) == 2


def test_the_orientation_travels_on() -> None:
    bench = Bench()
    bench.send(1, key=True, extensions={3: b"\x01"})
    assert bench.down.sent[0].extensions()[caps.ORIENTATION_ID] == b"\x01"


def test_a_keyframe_recovered_late_brings_what_followed_it() -> None:
    bench = Bench()
    bench.send(9)
    bench.send(11)
    bench.send(12)
    assert not bench.down.sent
    bench.send(10, key=True)
    assert [p.payload[5] for p in bench.down.sent] == [0x10, 0x11, 0x11]
    bench.send(13)
    sequences = [p.sequence for p in bench.down.sent]
    assert [s - sequences[0] for s in sequences] == [0, 1, 2, 3]


def test_a_duplicate_is_sent_once() -> None:
    bench = Bench()
    bench.send(1, key=True)
    bench.send(2)
    bench.send(2)
    assert len(bench.down.sent) == 2


def test_requests_for_one_packet_are_limited() -> None:
    bench = Bench()
    bench.send(1, key=True)
    sequence = bench.down.sent[0].sequence
    for i in range(100):
        bench.consumer.on_nack((sequence,) * 10, bench.down.time_ns + i * 100 * MS)
    again = bench.down.sent[1:]
    assert len(again) == MAX_RESENDS
    assert {p.ssrc for p in again} == {8}
    assert len({p.sequence for p in again}) == MAX_RESENDS, "each retransmission has a number of its own"


def test_requests_for_nonsense_are_nothing_and_cost_bounded_memory() -> None:
    bench = Bench()
    bench.send(1, key=True)
    for i in range(5):
        bench.consumer.on_nack(tuple(range(i, 65536, 5)), bench.down.time_ns)
    assert len(bench.down.sent) <= 2
    assert len(bench.consumer.resends) <= RESEND_MEMORY


def test_a_switch_keeps_the_time_that_the_senders_clock_tells() -> None:
    bench = Bench(layers=2)
    bench.consumer.preferred = 0
    # The same instant is 1,000,000 on the lower layer's clock and 77,000 on the upper one's.
    bench.report(0, 5000.0, 1_000_000)
    bench.report(1, 5000.0, 77_000)
    bench.send(1, layer=0, key=True, timestamp=1_009_000)
    bench.consumer.preferred = 1
    bench.down.time_ns += 250 * MS  # late by chance
    bench.send(50, layer=1, key=True, timestamp=77_000 + 9_000 + 3_000)
    first, second = bench.down.sent
    assert second.timestamp - first.timestamp == 3_000


def test_a_senders_clock_that_is_far_off_is_not_believed() -> None:
    bench = Bench(layers=2)
    bench.consumer.preferred = 0
    bench.report(0, 5000.0, 1_000_000)
    bench.report(1, 9000.0, 77_000)
    bench.send(1, layer=0, key=True, timestamp=1_009_000)
    bench.consumer.preferred = 1
    bench.down.time_ns += 100 * MS
    bench.send(50, layer=1, key=True, timestamp=89_000)
    first, second = bench.down.sent
    assert second.timestamp - first.timestamp == 9_000, "the time between their arrivals"


def test_the_report_follows_the_clock_of_what_is_shown() -> None:
    bench = Bench()
    assert bench.consumer.sender_report(bench.down.time_ns) == b""
    bench.report(0, 5000.0, 1_000_000)
    bench.send(1, key=True, timestamp=1_003_000)
    (report,) = rtcp.parse(bench.consumer.sender_report(bench.down.time_ns + 2 * NS_PER_S))
    assert isinstance(report, rtcp.SenderReport)
    assert report.ntp == 5002 << 32
    assert report.rtp_timestamp == 1_000_000 + 180_000
    assert (report.packets, report.octets) == (1, 10)


def test_nothing_is_sent_while_the_producer_is_forbidden() -> None:
    bench = Bench()
    bench.send(1, key=True)
    bench.producer.set_flow(allowed=False)
    bench.send(2)
    assert len(bench.down.sent) == 1
    bench.producer.set_flow(allowed=True)
    bench.send(3)
    assert len(bench.down.sent) == 1, "not before a keyframe"
    bench.send(4, key=True)
    assert (bench.down.sent[1].sequence - bench.down.sent[0].sequence) & 0xFFFF == 1


def test_a_sender_that_jumps_is_followed_without_a_gap() -> None:
    bench = Bench()
    bench.send(1, key=True)
    for n in (40000, 40001, 40002):
        bench.send(n)
    assert [(p.sequence - bench.down.sent[0].sequence) & 0xFFFF for p in bench.down.sent] == [0, 1, 2]


def test_what_the_senders_line_lost_is_a_hole_until_it_comes_late() -> None:
    bench = Bench()
    for number in (1, 2, 3):
        bench.send(number, key=number == 1)
    before = bench.consumer.holes()
    for number in (6, 7):
        bench.send(number)
    assert bench.consumer.holes() - before == 2
    bench.send(5)
    assert bench.consumer.holes() - before == 1
    bench.send(8, body=b"")
    bench.send(9)
    assert bench.consumer.holes() - before == 1, "padding is left out and leaves none"


def test_of_a_picture_that_arrives_badly_the_lowest_layer_is_shown() -> None:
    bench = Bench(layers=2)
    for layer in (0, 1):
        bench.send(1, layer=layer, key=True)
    assert bench.consumer.status == "high"
    bench.producer.arrives_badly = True
    bench.asked.clear()
    bench.consumer.grant(1, bench.down.time_ns)
    bench.send(2, layer=0, key=True)
    assert bench.consumer.status == "middle", "of two layers the lower"
    bench.producer.arrives_badly = False
    bench.consumer.grant(1, bench.down.time_ns)
    bench.send(2, layer=1, key=True)
    assert bench.consumer.status == "high"


@pytest.mark.parametrize("layers", [1, 3])
def test_a_closed_consumer_leaves_no_trace(layers: int) -> None:
    bench = Bench(layers=layers)
    bench.send(1, key=True)
    bench.consumer.close()
    assert not bench.producer.consumers
    assert all(not s.takers for s in bench.producer.streams if isinstance(s, MediaStream))


def test_a_consumer_without_room_is_silent_says_so_and_comes_back() -> None:
    bench = Bench()
    told: list[int] = []
    bench.consumer.on_yield = lambda consumer: told.append(consumer.granted)
    bench.send(1, key=True)
    bench.consumer.grant(-1, bench.down.time_ns)
    bench.consumer.grant(-1, bench.down.time_ns)
    bench.send(2, key=True)
    assert len(bench.down.sent) == 1
    bench.down.time_ns += NS_PER_S
    bench.asked.clear()
    bench.consumer.grant(0, bench.down.time_ns)
    assert bench.asked == [0]
    bench.send(3)
    bench.send(4, key=True)
    assert [(p.sequence - bench.down.sent[0].sequence) & 0xFFFF for p in bench.down.sent] == [0, 1]
    assert told == [-1, 0]


def test_who_speaks_who_is_pinned_and_what_is_shared_yields_late() -> None:
    producer = Bench().producer
    assert producer.priority(0) is Priority.GALLERY
    producer.heard_ns = 5 * NS_PER_S
    assert producer.priority(7 * NS_PER_S) is Priority.SPEAKER
    assert producer.priority(20 * NS_PER_S) is Priority.GALLERY
    producer.pinned = True
    assert producer.priority(20 * NS_PER_S) is Priority.SPEAKER
    producer.source = "screen"
    assert producer.priority(20 * NS_PER_S) is Priority.EVIDENCE


def test_the_extension_blocks_are_those_of_the_general_writer() -> None:
    sent = abs_send_time(5 * NS_PER_S).to_bytes(3, "big")
    general = rtp.extension_block({caps.ABS_SEND_TIME_ID: sent, caps.ORIENTATION_ID: b"\x03"})
    assert video_block(5 * NS_PER_S, b"\x03") == general
    assert video_block(5 * NS_PER_S, b"") == rtp.extension_block({caps.ABS_SEND_TIME_ID: sent})


def named_bench(*, rtx: bool = True) -> Bench:
    bench = Bench(rtx=rtx)
    bench.consumer.close()
    downlink: Any = bench.down
    bench.consumer = Consumer(
        "c",
        downlink,
        bench.producer,
        ssrc=7,
        rtx_ssrc=8 if rtx else None,
        payload_type=101,
        rtx_payload_type=102,
        cname="n",
        mid=b"m17",
    )
    bench.producer.consumers["c"] = bench.consumer
    bench.consumer.resume()
    return bench


def test_the_first_packets_name_their_section_until_the_subscriber_has_reported() -> None:
    bench = named_bench()
    bench.send(1, key=True, extensions={3: b"\x01"})
    bench.send(2)
    bench.consumer.reported()
    bench.send(3)
    first, second, third = (packet.extensions() for packet in bench.down.sent)
    assert first[caps.MID_ID] == second[caps.MID_ID] == b"m17"
    assert first[caps.ORIENTATION_ID] == b"\x01"
    assert len(first[caps.ABS_SEND_TIME_ID]) == 3
    assert caps.MID_ID not in third
    assert [packet.payload[6:] for packet in bench.down.sent] == [b"body"] * 3


def test_a_subscriber_that_never_reports_is_told_often_enough() -> None:
    bench = named_bench()
    for number in range(1, MAX_NAMED_PACKETS + 20):
        bench.send(number, key=number == 1)
    named = [caps.MID_ID in packet.extensions() for packet in bench.down.sent]
    assert named == [True] * MAX_NAMED_PACKETS + [False] * 19


def test_retransmissions_name_their_section() -> None:
    bench = named_bench()
    bench.send(1, key=True)
    bench.consumer.on_nack((bench.down.sent[0].sequence,), bench.down.time_ns)
    assert bench.down.sent[1].extensions()[caps.MID_ID] == b"m17"


def test_retransmissions_in_one_second_are_bounded_whatever_is_asked() -> None:
    bench = Bench()
    for number in range(1, 500):
        bench.send(number, key=number == 1)
    everything = tuple(packet.sequence for packet in bench.down.sent)
    for i in range(20):  # what a thousand requests may cost
        bench.consumer.on_nack(everything, bench.down.time_ns + i * 40 * MS)
    assert len(bench.down.sent) - len(everything) == MAX_PER_S
    assert bench.consumer.resends.refused
    bench.consumer.on_nack(everything[-5:], bench.down.time_ns + 1100 * MS)
    assert len(bench.down.sent) - len(everything) == MAX_PER_S + 5
