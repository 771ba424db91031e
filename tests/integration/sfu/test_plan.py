"""The plan is obeyed before it is answered, and what it forbids neither flows nor is recorded."""

from __future__ import annotations

import asyncio

import pytest

from signaling import worker_api as api
from signaling.ortc import RtpCapabilities
from signaling.sfu import rtcp
from signaling.sfu.settings import WorkerSettings
from signaling.sfu.worker import Worker

from .peer import ROOM, Court, MemorySink, audio_parameters, h264_parameters, opus, video_parameters, vp8

SOUND: list[api.Source] = ["microphone"]
BOTH: list[api.Source] = ["microphone", "camera"]


def closed(court: Court) -> list[str]:
    return [e.consumer_id for e in court.events if isinstance(e, api.ConsumerClosed)]


async def test_nothing_flows_without_a_plan(court: Court) -> None:
    await court.obey(record="r")
    up, down = await court.link("a", "send"), await court.link("b", "recv")
    await court.produce(up, "microphone", audio_parameters())
    for n in range(10):
        up.send_rtp(opus(n))
    await asyncio.sleep(0.1)
    assert not [e for e in court.events if isinstance(e, api.ConsumerNew)]
    assert not down.packets
    assert court.sink.recordings["r"].tracks == []


async def test_a_revoked_right_stops_packets_before_the_answer(court: Court) -> None:
    await court.obey({"a": SOUND}, {"b": ["a"], "c": ["a"]})
    up = await court.link("a", "send")
    b, c = await court.link("b", "recv"), await court.link("c", "recv")
    await court.produce(up, "microphone", audio_parameters())
    consumer = await court.consumer("b", "microphone")
    await court.consumer("c", "microphone")
    up.send_rtp(opus(1))
    await court.until(lambda: len(b.packets) == len(c.packets) == 1)

    await court.obey({"a": SOUND}, {"c": ["a"]})
    for n in range(2, 12):
        up.send_rtp(opus(n))
    await court.until(lambda: len(c.packets) == 11)
    assert len(b.packets) == 1
    assert closed(court) == [consumer.consumer_id]
    answer = await court.ask(api.ResumeConsumer(consumer_id=consumer.consumer_id))
    assert isinstance(answer, api.Refused)
    assert answer.reason == "unknown-consumer"


async def test_a_producer_allowed_again_flows_again_from_a_keyframe(court: Court) -> None:
    await court.obey({"a": BOTH}, {"b": ["a"]}, record="r")
    up, down = await court.link("a", "send"), await court.link("b", "recv")
    await court.produce(up, "camera", video_parameters())
    await court.consumer("b", "camera")
    up.send_rtp(vp8(1, key=True))
    await court.until(lambda: len(down.packets) == 1)

    await court.obey({"a": SOUND}, {"b": ["a"]}, record="r")
    for n in range(2, 20):
        up.send_rtp(vp8(n))
    await asyncio.sleep(0.1)
    assert len(down.packets) == 1
    (track,) = court.sink.recordings["r"].tracks
    assert len(track.packets) == 1
    assert track.closed == "forbidden"

    await asyncio.sleep(0.6)  # longer than the throttle of keyframe requests
    up.reports.clear()
    await court.obey({"a": BOTH}, {"b": ["a"]}, record="r")
    await court.consumer("b", "camera")
    up.send_rtp(vp8(20))
    await court.until(lambda: any(isinstance(r, rtcp.KeyframeRequest) for r in up.reports))
    up.send_rtp(vp8(21, key=True))
    await court.until(lambda: len(down.packets) == 2)
    assert down.packets[1].ssrc != down.packets[0].ssrc, "a new consumer"


async def test_nobody_gets_their_own_or_an_undecodable_track(court: Court) -> None:
    await court.obey({"a": BOTH}, {"a": ["a"], "deaf": ["a"]})
    up = await court.link("a", "send")
    await court.link("a", "recv")
    await court.ask(api.CreateTransport(room_id=ROOM, peer_id="deaf", direction="recv", capabilities=RtpCapabilities()))
    await court.produce(up, "microphone", audio_parameters())
    await asyncio.sleep(0.05)
    assert not [e for e in court.events if isinstance(e, api.ConsumerNew)]


async def test_a_muted_microphone_is_neither_forwarded_nor_captured(court: Court) -> None:
    await court.obey({"a": SOUND}, {"b": ["a"]}, record="r")
    up, down = await court.link("a", "send"), await court.link("b", "recv")
    producer = await court.produce(up, "microphone", audio_parameters())
    consumer = await court.consumer("b", "microphone")
    up.send_rtp(opus(1))
    await court.until(lambda: len(down.packets) == 1)
    await court.ask(api.PauseProducer(producer_id=producer))
    up.send_rtp(opus(2))
    await asyncio.sleep(0.1)
    await court.ask(api.ResumeProducer(producer_id=producer))
    up.send_rtp(opus(3))
    await court.until(lambda: len(down.packets) == 2)
    assert (down.packets[1].sequence - down.packets[0].sequence) & 0xFFFF == 1
    (track,) = court.sink.recordings["r"].tracks
    assert track.notes == ["muted", "unmuted"]
    assert [p[2:4] for p in track.packets] == [b"\0\1", b"\0\3"]
    states = [e.producer_paused for e in court.events if isinstance(e, api.ConsumerState)]
    assert states == [True, False]
    assert consumer.producer_paused is False


async def test_an_older_plan_is_stale(court: Court) -> None:
    await court.obey()
    answer = await court.ask(api.SetPlan(room_id=ROOM, plan=api.Plan(version=0, publish={"a": SOUND})))
    assert isinstance(answer, api.Refused)
    assert answer.reason == "stale"


async def test_a_peer_that_leaves_takes_its_media_along(court: Court) -> None:
    await court.obey({"a": SOUND}, {"b": ["a"]}, record="r")
    up = await court.link("a", "send")
    await court.link("b", "recv")
    await court.produce(up, "microphone", audio_parameters())
    consumer = await court.consumer("b", "microphone")
    up.send_rtp(opus(1))
    await court.until(lambda: bool(court.sink.recordings["r"].tracks))
    assert isinstance(await court.ask(api.ClosePeer(room_id=ROOM, peer_id="a")), api.Done)
    await court.until(lambda: closed(court) == [consumer.consumer_id])
    assert court.sink.recordings["r"].tracks[0].closed == "left"
    await asyncio.wait_for(up.ended.wait(), 5)  # the goodbye of DTLS


async def test_a_second_transport_or_producer_replaces_the_first(court: Court) -> None:
    await court.obey({"a": SOUND}, {"b": ["a"]})
    up, _ = await court.link("a", "send"), await court.link("b", "recv")
    await court.produce(up, "microphone", audio_parameters())
    first = await court.consumer("b", "microphone")
    await court.produce(up, "microphone", audio_parameters(ssrc=1001))
    second = await court.consumer("b", "microphone")
    assert first.consumer_id in closed(court)
    down = await court.link("b", "recv")
    third = await court.consumer("b", "microphone")
    assert second.consumer_id in closed(court)
    up.send_rtp(opus(1, ssrc=1001))
    await court.until(lambda: len(down.packets) == 1)
    assert down.packets[0].ssrc == third.rtp_parameters.encodings[0].ssrc
    again = await court.link("a", "send")
    assert third.consumer_id in closed(court), "the producers went with the transport"
    assert again.id != up.id


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (api.SetPlan(room_id="?", plan=api.Plan(version=9)), "unknown-room"),
        (api.CreateTransport(room_id="?", peer_id="a", direction="send"), "unknown-room"),
        (api.CreateTransport(room_id=ROOM, peer_id="a", direction="recv"), "invalid"),
        (api.RestartIce(transport_id="?"), "unknown-transport"),
        (api.PauseProducer(producer_id="?"), "unknown-producer"),
        (api.CloseProducer(producer_id="?"), "unknown-producer"),
        (api.PauseConsumer(consumer_id="?"), "unknown-consumer"),
        (api.SetPreferredLayers(consumer_id="?", spatial_layer=1), "unknown-consumer"),
        (api.ClosePeer(room_id=ROOM, peer_id="?"), "unknown-peer"),
    ],
)
async def test_what_is_not_there_is_refused(court: Court, command: api.AnyCommand, reason: str) -> None:
    answer = await court.ask(command)
    assert isinstance(answer, api.Refused)
    assert answer.reason == reason


async def test_bad_producers_are_refused(court: Court) -> None:
    up = await court.link("a", "send")
    wrong_kind = api.Produce(transport_id=up.id, kind="video", source="microphone", rtp_parameters=video_parameters())
    wrong_codec = api.Produce(transport_id=up.id, kind="video", source="camera", rtp_parameters=audio_parameters())
    for command, reason in ((wrong_kind, "invalid"), (wrong_codec, "unsupported")):
        answer = await court.ask(command)
        assert isinstance(answer, api.Refused)
        assert answer.reason == reason


async def test_newcomers_are_refused_above_the_budget_and_members_are_not() -> None:
    worker = Worker(WorkerSettings(listen=("127.0.0.1",), packets_out_limit_s=0), MemorySink())
    await worker.start()
    try:
        answer = await worker.handle(api.OpenRoom(room_id="late", plan=api.Plan(version=1)))
        assert isinstance(answer, api.Refused)
        assert answer.reason == "over-capacity"
    finally:
        await worker.aclose()


async def test_closing_a_room_ends_everything_in_it(court: Court) -> None:
    await court.obey({"a": SOUND}, {"b": ["a"]}, record="r")
    up, down = await court.link("a", "send"), await court.link("b", "recv")
    await court.produce(up, "microphone", audio_parameters())
    await court.consumer("b", "microphone")
    up.send_rtp(opus(1))
    await court.until(lambda: len(down.packets) == 1)
    await court.ask(api.CloseRoom(room_id=ROOM))
    recording = court.sink.recordings["r"]
    assert recording.closed == "room-closed"
    assert recording.tracks[0].closed == "room-closed"
    await asyncio.wait_for(asyncio.gather(up.ended.wait(), down.ended.wait()), 5)
    assert court.worker.load().rooms == ()
    assert not court.worker._port.receivers


async def test_a_codec_that_is_not_offered_is_refused() -> None:
    settings = WorkerSettings(listen=("127.0.0.1",), codecs=frozenset({"audio/opus", "video/vp8"}))
    worker = Worker(settings, MemorySink())
    await worker.start()
    try:
        opened = await worker.handle(api.OpenRoom(room_id="r", plan=api.Plan(version=1)))
        assert isinstance(opened, api.RoomOpened)
        assert "video/H264" not in [codec.mime_type for codec in opened.router_rtp_capabilities.codecs]
        made = await worker.handle(api.CreateTransport(room_id="r", peer_id="p", direction="send"))
        assert isinstance(made, api.TransportCreated)
        refused = await worker.handle(
            api.Produce(
                transport_id=made.id, kind="video", source="camera", rtp_parameters=h264_parameters(["r0", "r1"])
            )
        )
        assert isinstance(refused, api.Refused)
        assert refused.reason == "unsupported"
    finally:
        await worker.aclose()


async def test_everybody_s_line_is_reported(court: Court) -> None:
    """Loss both ways, the round trip from reports of ours that the client answers, and the layer that arrives.

    The sender's line loses every tenth packet, the receiver's every fourth, as it reports.
    """
    await court.obey(publish={"a": ["camera"]}, receive={"b": ["a"]})
    sender, receiver = await court.link("a", "send"), await court.link("b", "recv")
    await court.produce(sender, "camera", video_parameters())
    consumer = await court.consumer("b", "camera")
    ssrc = consumer.rtp_parameters.encodings[0].ssrc
    assert ssrc is not None

    def quality(peer: str) -> api.PeerQuality | None:
        told = [e.peers.get(peer) for e in court.events if isinstance(e, api.Quality)]
        return told[-1] if told else None

    answered: set[int] = set()

    def complete() -> bool:
        up, down = quality("a"), quality("b")
        return bool(up and up.uplink_loss and up.layer == 0 and down and down.downlink_loss and down.rtt_ms is not None)

    async with asyncio.timeout(10):
        for i in range(10_000):
            if complete():
                break
            if i % 10 != 5:
                sender.send_rtp(vp8(i, key=i % 50 == 0, picture=i))
            if i == 20:
                sender.send_rtcp(rtcp.sender_report(2000, i << 32, i * 3000, i, i))
            for report in [r for r in receiver.reports if isinstance(r, rtcp.SenderReport) and r.ssrc == ssrc]:
                if report.ntp not in answered:
                    answered.add(report.ntp)
                    came = [p.sequence for p in receiver.packets if p.ssrc == ssrc]
                    kept = len(came) - len(came) // 4
                    lost = max(came) - min(came) + 1 - kept
                    block = rtcp.ReportBlock(ssrc, 64, lost, max(came), 0, report.ntp >> 16 & 0xFFFFFFFF, 0)
                    receiver.send_rtcp(rtcp.receiver_report(1, [block]))
            await asyncio.sleep(0.01)
    down = quality("b")
    assert down is not None
    assert down.downlink_loss == pytest.approx(0.25, abs=0.04), "its own line's"
    assert down.rtt_ms is not None
    assert 0 <= down.rtt_ms < 1000


async def test_a_private_talk_beside_the_hearing_is_forwarded_and_never_captured(court: Court) -> None:
    """Two places in one room: a and b are in the hearing, c and d talk in private."""
    publish = {"a": SOUND, "c": SOUND}
    receive = {"b": ["a"], "d": ["c"]}
    await court.obey(publish, receive, record="r", capture={"a": SOUND})
    a, c = await court.link("a", "send"), await court.link("c", "send")
    b, d = await court.link("b", "recv"), await court.link("d", "recv")
    for link in (a, c):
        await court.produce(link, "microphone", audio_parameters())
    for listener in ("b", "d"):
        await court.consumer(listener, "microphone")
    for n in range(5):
        a.send_rtp(opus(n, body=b"hearing"))
        c.send_rtp(opus(n, body=b"private"))
    await court.until(lambda: len(b.packets) == len(d.packets) == 5)
    assert {p.payload for p in b.packets} == {b"hearing"}
    assert {p.payload for p in d.packets} == {b"private"}
    (track,) = court.sink.recordings["r"].tracks
    assert track.info.peer_id == "a"

    # The hearing takes c in: from here on c is recorded; and back again.
    await court.obey(publish, {**receive, "b": ["a", "c"]}, record="r", capture={"a": SOUND, "c": SOUND})
    c.send_rtp(opus(5, body=b"in the open"))
    await court.until(lambda: len(court.sink.recordings["r"].tracks) == 2)
    await court.obey(publish, receive, record="r", capture={"a": SOUND})
    c.send_rtp(opus(6, body=b"private"))
    await court.until(lambda: len(d.packets) == 7)
    other = court.sink.recordings["r"].tracks[1]
    assert (other.info.peer_id, other.closed, len(other.packets)) == ("c", "forbidden", 1)


async def test_a_withheld_source_does_not_reach_that_listener(court: Court) -> None:
    """An interpreter's voice goes to those who chose it, the picture to all."""
    publish = {"i": BOTH}
    receive = {"x": ["i"], "y": ["i"]}
    await court.obey(publish, receive, withhold={"y": {"i": SOUND}})
    up = await court.link("i", "send")
    x, y = await court.link("x", "recv"), await court.link("y", "recv")
    await court.produce(up, "microphone", audio_parameters())
    await court.consumer("x", "microphone")
    up.send_rtp(opus(1))
    await court.until(lambda: len(x.packets) == 1)
    assert [e.peer_id for e in court.events if isinstance(e, api.ConsumerNew)] == ["x"]

    await court.obey(publish, receive, withhold={"x": {"i": SOUND}})
    await court.consumer("y", "microphone")
    up.send_rtp(opus(2))
    await court.until(lambda: len(y.packets) == 1)
    assert len(x.packets) == 1
    assert len(closed(court)) == 1


async def test_with_another_language_another_track_begins(court: Court) -> None:
    await court.obey({"i": SOUND}, record="r", capture={"i": SOUND})
    up = await court.link("i", "send")
    await court.produce(up, "microphone", audio_parameters())
    up.send_rtp(opus(1))
    await court.until(lambda: len(court.sink.recordings["r"].tracks) == 1)
    await court.obey({"i": SOUND}, record="r", capture={"i": SOUND}, labels={"i": {"language": "zh"}})
    up.send_rtp(opus(2))
    await court.until(lambda: len(court.sink.recordings["r"].tracks) == 2)
    room, interpreted = court.sink.recordings["r"].tracks
    assert (room.info.attributes, room.closed) == ({"name": "N."}, "closed")
    assert interpreted.info.attributes == {"name": "N.", "language": "zh"}


async def test_words_that_never_came_are_told_and_mended_ones_are_not(court: Court) -> None:
    """Of who speaks a second is lost, of which half comes late after all; of who is silent, all of it."""
    await court.obey(publish={"a": ["microphone"], "b": ["microphone"]}, receive={})
    speaks, silent = await court.link("a", "send"), await court.link("b", "send")
    await court.produce(speaks, "microphone", audio_parameters(1000))
    await court.produce(silent, "microphone", audio_parameters(3000))

    def lost(peer: str) -> int:
        return sum(e.peers[peer].words_lost_ms for e in court.events if isinstance(e, api.Quality) and peer in e.peers)

    async with asyncio.timeout(20):
        for i in range(2_000):
            if 100 <= i < 150:
                if i % 2 == 0:
                    speaks.send_rtp(opus(i, level=20))
            else:
                speaks.send_rtp(opus(i, level=20))
                silent.send_rtp(opus(i, ssrc=3000, level=127))
            if i > 150 and lost("a"):
                break
            await asyncio.sleep(0.005)
    assert 400 <= lost("a") <= 600
    assert lost("b") == 0
