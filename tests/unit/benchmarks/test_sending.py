"""The load is RTP that a forwarder must take for a browser's."""

from __future__ import annotations

import itertools
import time

import pytest

from benchmarks.forwarding.sending import (
    ABS_SEND_TIME_ID,
    AUDIO_LEVEL_ID,
    OPUS_PT,
    STAMP,
    STAMP_BYTES,
    VP8_PT,
    Flow,
    Writer,
    cycle,
)
from signaling.sfu import rtp, vp8

VIDEO = Flow(transport=0, kind="video", ssrc=1001, period_ms=40, packets=4, payload=1100, phase_us=0)
AUDIO = Flow(transport=0, kind="audio", ssrc=1000, period_ms=20, packets=1, payload=100, phase_us=0)


def frame(writer: Writer) -> list[rtp.RtpPacket]:
    keyframe = writer.begin_frame()
    found = []
    for i in range(writer.flow.packets):
        buffer = bytearray(2048)
        writer.write(memoryview(buffer), 0, i, keyframe, time.time_ns())
        packet = rtp.parse(bytes(buffer[: writer.size]))
        assert packet is not None
        found.append(packet)
    return found


def test_sound_carries_its_level_and_the_time_of_sending() -> None:
    writer = Writer(AUDIO)
    before = time.time_ns()
    (packet,) = frame(writer)
    assert (packet.payload_type, packet.ssrc, len(packet.payload)) == (OPUS_PT, AUDIO.ssrc, AUDIO.payload)
    assert packet.extensions()[AUDIO_LEVEL_ID][0] & 0x7F == 30
    assert before <= STAMP.unpack(packet.payload[-STAMP_BYTES:])[0] <= time.time_ns()


def test_a_picture_begins_with_a_keyframe_and_goes_on_with_others() -> None:
    writer = Writer(VIDEO)
    first, second = frame(writer), frame(writer)
    for packets, keyframe in ((first, True), (second, False)):
        assert [p.marker for p in packets] == [0, 0, 0, 0x80]
        assert {p.payload_type for p in packets} == {VP8_PT}
        assert {len(p.payload) for p in packets} == {VIDEO.payload}
        assert all(len(p.extensions()[ABS_SEND_TIME_ID]) == 3 for p in packets)
        descriptors = [vp8.parse(p.data, p.payload_at, p.payload_end) for p in packets]
        assert [d.starts_frame for d in descriptors if d] == [True, False, False, False]
        assert descriptors[0] is not None
        assert descriptors[0].keyframe is keyframe
        assert len({d.picture_id for d in descriptors if d}) == 1
    assert [p.sequence - first[0].sequence for p in first + second] == list(range(8))
    assert second[0].timestamp - first[0].timestamp == 90 * VIDEO.period_ms


def test_a_keyframe_comes_when_it_is_asked_for() -> None:
    writer = Writer(VIDEO)
    assert writer.begin_frame()
    assert not writer.begin_frame()
    writer.wants_keyframe = True
    assert writer.begin_frame()


def test_every_flow_sends_at_its_own_pace_in_one_cycle() -> None:
    late = Flow(transport=1, kind="video", ssrc=3, period_ms=40, packets=4, payload=1100, phase_us=39_000)
    length_ns, events = cycle([AUDIO, VIDEO, late])
    assert length_ns == 40_000_000
    assert events == [(0, 0), (0, 1), (20_000_000, 0), (39_000_000, 2)]


@pytest.mark.parametrize("flow", [AUDIO, VIDEO], ids=["sound", "picture"])
def test_numbers_wrap(flow: Flow) -> None:
    writer = Writer(flow)
    sequences = [packet.sequence for _ in range(70_000 // flow.packets) for packet in _cheap(writer)]
    steps = {(b - a) & 0xFFFF for a, b in itertools.pairwise(sequences)}
    assert steps == {1}


def _cheap(writer: Writer) -> list[rtp.RtpPacket]:
    keyframe = writer.begin_frame()
    buffer = memoryview(bytearray(2048))
    found = []
    for i in range(writer.flow.packets):
        writer.write(buffer, 0, i, keyframe, 0)
        packet = rtp.parse(bytes(buffer[:32]))
        assert packet is not None
        found.append(packet)
    return found
