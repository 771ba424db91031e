"""What reaches the record, and that a failing record disturbs nobody."""

from __future__ import annotations

import asyncio
import errno

from signaling import worker_api as api
from signaling.sfu import rtcp, rtp
from signaling.sfu.capture import SinkState

from . import peer
from .peer import ROOM, Court, audio_parameters, opus, video_parameters, vp8

BOTH: list[api.Source] = ["microphone", "camera"]


async def test_every_packet_is_captured_as_sent(court: Court) -> None:
    await court.obey({"a": BOTH}, record="r")
    up = await court.link("a", "send")
    await court.produce(up, "microphone", audio_parameters())
    sent = [opus(n) for n in (1, 3, 2, 4)]
    for packet in sent:
        up.send_rtp(packet)
    await court.until(lambda: bool(court.sink.recordings["r"].tracks))
    (track,) = court.sink.recordings["r"].tracks
    await court.until(lambda: len(track.packets) == 4)
    assert track.packets == sent
    assert (track.info.peer_id, track.info.source, track.info.kind) == ("a", "microphone", "audio")
    assert (track.info.codec, track.info.payload_type) == ("audio/opus", peer.OPUS_PT)
    assert (track.info.clock_rate, track.info.channels) == (48000, 2)
    assert track.info.attributes == {"name": "N."}
    assert track.info.level_extension == peer.LEVEL_ID
    report = rtcp.sender_report(1000, 1 << 40, 960, 4, 20)
    up.send_rtcp(report + rtcp.sdes_cname([(1000, "c")]))
    await court.until(lambda: track.reports == [report])


async def test_a_recovered_packet_is_captured_in_its_original_form(court: Court) -> None:
    await court.obey({"a": BOTH}, record="r")
    up = await court.link("a", "send")
    await court.produce(up, "camera", video_parameters())
    up.send_rtp(vp8(1, key=True))
    up.send_rtp(vp8(3))
    lost = vp8(2)
    parsed = rtp.parse(lost)
    assert parsed is not None
    up.send_rtp(rtp.build(peer.RTX_PT, 9, parsed.timestamp, 2001, b"\x00\x02" + parsed.payload, marker=True))
    up.send_rtp(lost)  # the original after all: a duplicate
    up.send_rtp(vp8(4))
    await court.until(lambda: bool(court.sink.recordings["r"].tracks))
    (track,) = court.sink.recordings["r"].tracks
    await court.until(lambda: len(track.packets) == 4)
    assert track.packets == [vp8(1, key=True), vp8(3), lost, vp8(4)]


async def test_the_best_layer_is_captured_and_changed_at_keyframes_only(court: Court) -> None:
    await court.obey({"a": BOTH}, record="r")
    up = await court.link("a", "send")
    await court.produce(up, "camera", video_parameters(["r0", "r1"]))

    def frame(layer: int, number: int, *, key: bool = False) -> None:
        extensions = {peer.MID_ID: b"1", peer.RID_ID: b"r%d" % layer}
        up.send_rtp(vp8(number, ssrc=500 + layer, key=key, extensions=extensions, body=b"layer%d" % layer))

    frame(0, 1, key=True)
    frame(0, 2)
    frame(1, 1)
    frame(1, 2, key=True)
    frame(0, 3, key=True)
    frame(1, 3)
    await court.until(lambda: bool(court.sink.recordings["r"].tracks))
    (track,) = court.sink.recordings["r"].tracks
    await court.until(lambda: len(track.packets) == 4)
    assert [(p[-1:], p[2:4]) for p in track.packets] == [
        (b"0", b"\0\1"),
        (b"0", b"\0\2"),
        (b"1", b"\0\2"),
        (b"1", b"\0\3"),
    ]
    assert [n for n in track.notes if n.startswith("layer")] == ["layer:0", "layer:1"]
    # The higher layer falls silent: the lower one is taken at its next keyframe.
    await asyncio.sleep(0.4)
    for n in (4, 5, 6):
        frame(0, n)
    await court.until(lambda: any(isinstance(r, rtcp.KeyframeRequest) for r in up.reports))
    frame(0, 7, key=True)
    await court.until(lambda: len(track.packets) == 5)
    assert track.notes[-3:] == ["layer-stopped:1", "keyframe-asked", "layer:0"]


async def test_the_record_begins_and_ends_with_the_plan(court: Court) -> None:
    await court.obey({"a": BOTH})
    up = await court.link("a", "send")
    await court.produce(up, "microphone", audio_parameters())
    up.send_rtp(opus(1))
    await asyncio.sleep(0.05)
    assert not court.sink.recordings
    await court.obey({"a": BOTH}, record="one")
    up.send_rtp(opus(2))
    await court.until(lambda: bool(court.sink.recordings["one"].tracks))
    await court.obey({"a": BOTH}, record="two")
    up.send_rtp(opus(3))
    await court.until(lambda: bool(court.sink.recordings["two"].tracks))
    await court.obey()
    up.send_rtp(opus(4))
    await asyncio.sleep(0.05)
    one, two = court.sink.recordings["one"], court.sink.recordings["two"]
    assert (one.closed, two.closed) == ("closed", "closed")
    assert [t.closed for t in one.tracks + two.tracks] == ["closed", "closed"]
    assert [t.packets for t in one.tracks + two.tracks] == [[opus(2)], [opus(3)]]
    assert one.tracks[0].info.track_id != two.tracks[0].info.track_id


async def test_the_sinks_states_are_told(court: Court) -> None:
    await court.obey(record="r")
    court.sink.on_state(SinkState(tracks=2, durable_wall_ns=7, bytes=9))
    told = api.CaptureState(room_id=ROOM, recording_id="r", tracks=2, durable_wall_ns=7, bytes=9)
    await court.until(lambda: told in court.events)


async def test_a_failing_sink_is_told_retried_and_disturbs_nobody(court: Court) -> None:
    court.sink.failure = OSError(errno.ENOSPC, "No space left on device")
    await court.obey({"a": BOTH}, {"b": ["a"]}, record="r")
    up, down = await court.link("a", "send"), await court.link("b", "recv")
    await court.produce(up, "microphone", audio_parameters())
    await court.consumer("b", "microphone")

    def faults() -> list[str | None]:
        return [e.fault for e in court.events if isinstance(e, api.CaptureState)]

    for n in range(20):
        up.send_rtp(opus(n))
    await court.until(lambda: len(down.packets) == 20)
    assert set(faults()) == {"disk-full"}

    court.sink.failure = None
    sent = 20
    while not (court.sink.recordings and court.sink.recordings["r"].tracks):
        up.send_rtp(opus(sent))
        sent += 1
        await asyncio.sleep(0.05)
    (track,) = court.sink.recordings["r"].tracks

    court.sink.failure = ValueError("a fault of the sink")
    up.send_rtp(opus(sent))
    await court.until(lambda: len(down.packets) == sent + 1)
    court.sink.failure = None
    before = len(track.packets)
    for n in range(sent + 1, sent + 40):
        up.send_rtp(opus(n))
        await asyncio.sleep(0.05)
    await court.until(lambda: len(court.sink.recordings["r"].tracks) == 2)
    await court.until(lambda: len(down.packets) == sent + 40)
    assert len(track.packets) == before
    assert court.sink.recordings["r"].tracks[1].packets
