"""Packets of one peer as another gets them, through real sockets, DTLS and SRTP."""

from __future__ import annotations

import asyncio
import itertools

from signaling import worker_api as api
from signaling.ortc import DtlsParameters
from signaling.sfu import rtcp, rtp
from signaling.sfu.capabilities import H264_PT, MID_ID, OPUS_PT, VP8_PT, VP8_RTX_PT

from . import peer
from .peer import ROOM, Court, audio_parameters, opus, video_parameters, vp8

BOTH: list[api.Source] = ["microphone", "camera"]


async def pair(court: Court) -> tuple[peer.Link, peer.Link]:
    """a sends to b."""
    await court.obey({"a": BOTH}, {"b": ["a"]})
    return await court.link("a", "send"), await court.link("b", "recv")


async def test_sound_arrives_with_the_subscribers_numbers(court: Court) -> None:
    up, down = await pair(court)
    await court.produce(up, "microphone", audio_parameters())
    consumer = await court.consumer("b", "microphone")
    for n in range(65530, 65550):
        up.send_rtp(opus(n & 0xFFFF, body=b"%d" % n))
    await court.until(lambda: len(down.packets) == 20)
    first = down.packets[0]
    assert [p.payload for p in down.packets] == [b"%d" % n for n in range(65530, 65550)]
    assert {p.ssrc for p in down.packets} == {consumer.rtp_parameters.encodings[0].ssrc}
    assert {p.payload_type for p in down.packets} == {OPUS_PT}
    assert [(p.sequence - first.sequence) & 0xFFFF for p in down.packets] == list(range(20))
    assert first.extensions()[10] == b"\x1e"


async def test_video_begins_with_a_keyframe_that_is_asked_for(court: Court) -> None:
    up, down = await pair(court)
    await court.produce(up, "camera", video_parameters())
    up.send_rtp(vp8(1))
    await court.consumer("b", "camera")
    await court.until(lambda: any(isinstance(r, rtcp.KeyframeRequest) for r in up.reports))
    up.send_rtp(vp8(2))
    up.send_rtp(vp8(3, key=True))
    up.send_rtp(vp8(4))
    await court.until(lambda: len(down.packets) == 2)
    assert {p.payload_type for p in down.packets} == {VP8_PT}
    assert down.packets[0].payload[6] == 0x10
    assert len(down.packets[0].extensions()[4]) == 3


async def test_h264_begins_and_changes_layers_at_parameter_sets(court: Court) -> None:
    up, down = await pair(court)
    await court.produce(up, "camera", peer.h264_parameters(["r0", "r1"]))
    sets, slice_ = b"\x78\x00\x02\x67\x42\x00\x02\x68\xce", b"\x41"
    up.send_rtp(peer.h264(0, 1, slice_ + b"0 too early"))
    await court.consumer("b", "camera")
    await court.until(lambda: any(isinstance(r, rtcp.KeyframeRequest) for r in up.reports))
    await asyncio.sleep(0.35)  # nothing better comes
    up.send_rtp(peer.h264(0, 2, sets + b"0"))
    up.send_rtp(peer.h264(0, 3, slice_ + b"0"))
    up.send_rtp(peer.h264(1, 1, slice_ + b"1 too early"))
    up.send_rtp(peer.h264(1, 2, sets + b"1"))
    up.send_rtp(peer.h264(0, 4, slice_ + b"0 too late"))
    up.send_rtp(peer.h264(1, 3, slice_ + b"1"))
    await court.until(lambda: len(down.packets) == 4)
    assert [p.payload for p in down.packets] == [sets + b"0", slice_ + b"0", sets + b"1", slice_ + b"1"]
    assert {p.payload_type for p in down.packets} == {H264_PT}
    assert [(p.sequence - down.packets[0].sequence) & 0xFFFF for p in down.packets] == [0, 1, 2, 3]


async def test_a_lost_packet_comes_again_on_the_retransmission_stream(court: Court) -> None:
    up, down = await pair(court)
    await court.produce(up, "camera", video_parameters())
    consumer = await court.consumer("b", "camera")
    encoding = consumer.rtp_parameters.encodings[0]
    assert encoding.ssrc is not None
    assert encoding.rtx is not None
    for n in range(10, 20):
        up.send_rtp(vp8(n, key=n == 10, body=b"%d" % n))
    await court.until(lambda: len(down.packets) == 10)
    missing = down.packets[4]
    down.send_rtcp(rtcp.nack(1, encoding.ssrc, [missing.sequence]))
    await court.until(lambda: len(down.packets) == 11)
    again = down.packets[-1]
    assert (again.ssrc, again.payload_type) == (encoding.rtx.ssrc, VP8_RTX_PT)
    original = rtp.unwrap_rtx(again, encoding.ssrc, VP8_PT)
    assert original is not None
    restored = rtp.parse(original)
    assert restored is not None
    assert restored.payload == missing.payload
    assert (restored.sequence, restored.timestamp) == (missing.sequence, missing.timestamp)


async def test_lost_sound_comes_again_byte_by_byte(court: Court) -> None:
    up, down = await pair(court)
    await court.produce(up, "microphone", audio_parameters())
    consumer = await court.consumer("b", "microphone")
    ssrc = consumer.rtp_parameters.encodings[0].ssrc
    assert ssrc is not None
    down.lost = {5}
    for n in range(8):
        up.send_rtp(opus(n, body=b"%d" % n))
    await court.until(lambda: len(down.packets) == 7)
    missing = (down.packets[3].sequence + 1) & 0xFFFF
    # From the report on, packets do not name their section any more; one sent again is what it was (AES-GCM).
    down.send_rtcp(rtcp.receiver_report(1, [rtcp.ReportBlock(ssrc, 0, 0, 0, 0, 0, 0)]))
    down.send_rtcp(rtcp.nack(1, ssrc, [missing]))
    await court.until(lambda: len(down.packets) == 8)
    assert (down.packets[-1].sequence, down.packets[-1].payload) == (missing, b"4")
    up.send_rtp(opus(8))
    await court.until(lambda: len(down.packets) == 9)
    assert consumer.rtp_parameters.mid is not None
    assert down.packets[-2].extensions()[MID_ID] == consumer.rtp_parameters.mid.encode()
    assert MID_ID not in down.packets[-1].extensions()


async def test_what_the_worker_misses_it_asks_for_and_forwards_when_it_comes(court: Court) -> None:
    up, down = await pair(court)
    await court.produce(up, "camera", video_parameters())
    await court.consumer("b", "camera")
    for n in (10, 11, 13, 14):
        up.send_rtp(vp8(n, key=n == 10, picture=n))
    await court.until(lambda: any(isinstance(r, rtcp.Nack) for r in up.reports))
    nack = next(r for r in up.reports if isinstance(r, rtcp.Nack))
    assert (nack.media_ssrc, nack.sequences) == (2000, (12,))
    lost = rtp.parse(vp8(12, picture=12))
    assert lost is not None
    up.send_rtp(rtp.build(peer.RTX_PT, 700, lost.timestamp, 2001, b"\x00\x0c" + lost.payload, marker=True))
    await court.until(lambda: len(down.packets) == 5)
    late = down.packets[-1]
    assert late.payload_type == VP8_PT
    assert late.sequence == (down.packets[0].sequence + 2) & 0xFFFF
    assert late.payload == lost.payload


async def test_simulcast_switches_at_keyframes_and_nobody_notices(court: Court) -> None:
    up, down = await pair(court)
    await court.produce(up, "camera", video_parameters(["r0", "r1", "r2"]))
    consumer = await court.consumer("b", "camera")
    heads = [100, 30000, 65530]
    stamps = [5000, 900000, 2**32 - 9000]

    def frame(*, key: bool = False) -> None:
        """One frame on all layers, as a browser sends them."""
        for layer in range(3):
            extensions = {peer.MID_ID: b"1", peer.RID_ID: b"r%d" % layer}
            up.send_rtp(
                vp8(
                    heads[layer] & 0xFFFF,
                    ssrc=500 + layer,
                    timestamp=stamps[layer] & 0xFFFFFFFF,
                    key=key,
                    picture=heads[layer] & 0x7FFF,
                    extensions=extensions,
                    body=b"layer%d" % layer,
                )
            )
            heads[layer] += 1
            stamps[layer] += 3000

    async def watch(wish: int) -> None:
        await court.ask(api.SetPreferredLayers(consumer_id=consumer.consumer_id, spatial_layer=wish))
        before = len(down.packets)
        for i in range(8):
            frame(key=i == 3)
            await asyncio.sleep(0.01)
        await court.until(lambda: len(down.packets) >= before + 6)

    frame(key=True)
    for wish in (2, 0, 1, 2, 0):
        await watch(wish)
        assert down.packets[-1].payload.endswith(b"layer%d" % wish)
    sequences = [p.sequence for p in down.packets]
    assert all((b - a) & 0xFFFF == 1 for a, b in itertools.pairwise(sequences))
    times = [p.timestamp for p in down.packets]
    assert all(0 < (b - a) & 0xFFFFFFFF < 90000 for a, b in itertools.pairwise(times))
    pictures = [int.from_bytes(p.payload[2:4], "big") & 0x7FFF for p in down.packets]
    assert all((b - a) & 0x7FFF == 1 for a, b in itertools.pairwise(pictures))
    layers = [p.payload[-1:] for p in down.packets]
    for a, b in zip(down.packets, down.packets[1:], strict=False):
        assert a.payload[-1:] == b.payload[-1:] or b.payload[6] == 0x10, "a switch not at a keyframe"
    assert set(layers) == {b"0", b"1", b"2"}


async def test_sender_reports_are_moved_to_the_subscribers_clock(court: Court) -> None:
    up, down = await pair(court)
    await court.produce(up, "microphone", audio_parameters())
    await court.consumer("b", "microphone")
    up.send_rtp(opus(1))
    await court.until(lambda: len(down.packets) == 1)
    ntp = 3_900_000_000 << 32
    up.send_rtcp(rtcp.sender_report(1000, ntp, 48000, 1, 10))
    await court.until(lambda: any(isinstance(r, rtcp.SenderReport) for r in down.reports))
    report = next(r for r in down.reports if isinstance(r, rtcp.SenderReport))
    assert report.ssrc == down.packets[0].ssrc
    shift = down.packets[0].timestamp - 960
    elapsed_s = (report.ntp - ntp) / 2**32
    assert 0 <= elapsed_s < 5
    assert abs((report.rtp_timestamp - shift - 48000) / 48000 - elapsed_s) < 0.001


async def test_senders_get_reports_and_their_limit(court: Court) -> None:
    up, _ = await pair(court)
    await court.produce(up, "camera", video_parameters())
    up.send_rtp(vp8(1, key=True))
    await court.until(lambda: any(isinstance(r, rtcp.Remb) for r in up.reports))
    await court.until(lambda: any(isinstance(r, rtcp.ReceiverReport) and r.reports for r in up.reports))
    remb = next(r for r in up.reports if isinstance(r, rtcp.Remb))
    assert remb.ssrcs == (2000,)
    assert remb.bitrate > 1_000_000


async def test_a_pause_leaves_no_gap(court: Court) -> None:
    up, down = await pair(court)
    await court.produce(up, "microphone", audio_parameters())
    consumer = await court.consumer("b", "microphone")
    up.send_rtp(opus(1))
    await court.until(lambda: len(down.packets) == 1)
    await court.ask(api.PauseConsumer(consumer_id=consumer.consumer_id))
    for n in range(2, 12):
        up.send_rtp(opus(n))
    await asyncio.sleep(0.1)
    await court.ask(api.ResumeConsumer(consumer_id=consumer.consumer_id))
    up.send_rtp(opus(12))
    await court.until(lambda: len(down.packets) == 2)
    assert (down.packets[1].sequence - down.packets[0].sequence) & 0xFFFF == 1


async def test_a_sender_that_restarts_with_a_new_ssrc_is_followed(court: Court) -> None:
    up, down = await pair(court)
    await court.produce(up, "microphone", audio_parameters())
    await court.consumer("b", "microphone")
    up.send_rtp(opus(1))
    await court.until(lambda: len(down.packets) == 1)
    restarted = rtp.build(peer.OPUS_PT, 40000, 7, 4242, b"again", extensions={peer.MID_ID: b"0"})
    up.send_rtp(restarted)
    await court.until(lambda: len(down.packets) == 2)
    assert down.packets[1].ssrc == down.packets[0].ssrc
    assert (down.packets[1].sequence - down.packets[0].sequence) & 0xFFFF == 1
    assert 0 < (down.packets[1].timestamp - down.packets[0].timestamp) & 0xFFFFFFFF < 48000 * 5


async def test_speakers_are_told_and_then_that_nobody_speaks(court: Court) -> None:
    up, _ = await pair(court)
    await court.produce(up, "microphone", audio_parameters())
    for n in range(5):
        up.send_rtp(opus(n, level=20 + n))
    await court.until(lambda: api.Levels(room_id=ROOM, levels={"a": 20}) in court.events)
    await court.until(lambda: api.Levels(room_id=ROOM, levels={}) in court.events)


async def test_a_peer_that_is_the_dtls_server(court: Court) -> None:
    await court.obey({"a": BOTH}, {"b": ["a"]})
    up = await court.link("a", "send", role="server")
    down = await court.link("b", "recv")
    await court.produce(up, "microphone", audio_parameters())
    await court.consumer("b", "microphone")
    up.send_rtp(opus(1))
    await court.until(lambda: len(down.packets) == 1)


async def test_both_ways_over_tcp(court: Court) -> None:
    await court.obey({"a": BOTH}, {"b": ["a"]})
    up, down = await court.link("a", "send", tcp=True), await court.link("b", "recv", tcp=True)
    await court.produce(up, "microphone", audio_parameters())
    await court.consumer("b", "microphone")
    for n in range(50):
        up.send_rtp(opus(n))
    await court.until(lambda: len(down.packets) == 50)


async def test_ice_restart_from_a_new_address_keeps_the_keys(court: Court) -> None:
    up, down = await pair(court)
    await court.produce(up, "microphone", audio_parameters())
    await court.consumer("b", "microphone")
    for number, link in ((1, up), (2, down)):
        restarted = await court.ask(api.RestartIce(transport_id=link.id))
        assert isinstance(restarted, api.IceRestarted)
        assert restarted.ice_parameters.username_fragment != link.parameters.username_fragment
        up.send_rtp(opus(number * 10))  # the old path still works
        await court.until(lambda n=number: len(down.packets) == n * 2 - 1)  # type: ignore[misc]
        link.parameters = restarted.ice_parameters
        await link.open()
        up.send_rtp(opus(number * 10 + 1))
        await court.until(lambda n=number: len(down.packets) == n * 2)  # type: ignore[misc]


async def test_a_newcomer_begins_with_the_keyframe_that_has_just_passed(court: Court) -> None:
    await court.obey({"a": BOTH}, {"b": ["a"]})
    up = await court.link("a", "send")
    await court.produce(up, "camera", video_parameters())
    for n in range(10, 16):
        up.send_rtp(vp8(n, key=n == 12, picture=n))
    down = await court.link("b", "recv")
    await court.until(lambda: any(isinstance(r, rtcp.KeyframeRequest) for r in up.reports))
    await court.consumer("b", "camera")
    await court.until(lambda: len(down.packets) == 4)
    up.send_rtp(vp8(16, picture=16))
    await court.until(lambda: len(down.packets) == 5)
    sequences = [p.sequence for p in down.packets]
    assert all((b - a) & 0xFFFF == 1 for a, b in itertools.pairwise(sequences))
    assert [int.from_bytes(p.payload[2:4], "big") & 0x7FFF for p in down.packets] == [12, 13, 14, 15, 16]


async def test_a_consumer_resumed_before_its_transport_is_there_loses_nothing(court: Court) -> None:
    await court.obey({"a": BOTH}, {"b": ["a"]})
    up = await court.link("a", "send")
    await court.produce(up, "camera", video_parameters())
    created = await court.ask(
        api.CreateTransport(room_id=ROOM, peer_id="b", direction="recv", capabilities=peer.CLIENT_CAPABILITIES)
    )
    assert isinstance(created, api.TransportCreated)
    await court.consumer("b", "camera")
    up.send_rtp(vp8(1, key=True))
    up.send_rtp(vp8(2))
    down = peer.Link(created)
    court.links.append(down)
    theirs = DtlsParameters(fingerprints=[down.certificate.fingerprint], role="client")
    await court.ask(api.ConnectTransport(transport_id=down.id, dtls_parameters=theirs))
    await down.open()
    await down.handshake()
    await court.until(lambda: len(down.packets) == 2)
