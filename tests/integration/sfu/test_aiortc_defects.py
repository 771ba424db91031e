"""What closes, leaks or blinds a peer connection of aiortc 1.16 does nothing here.

Each test reproduces one defect that was found by running aiortc (or reported to it), against a worker that stands on
aiortc's DTLS.  The session of somebody else goes on throughout: the fixture ``call`` proves it before and after.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import secrets
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from OpenSSL import SSL

from signaling import worker_api as api
from signaling.sfu import mmsg, rtcp, rtp, stun
from signaling.sfu.consumer import Consumer
from signaling.sfu.dtls_adapter import MAX_QUEUED_RECORDS
from signaling.sfu.producer import Producer
from signaling.sfu.stream import MediaStream
from signaling.sfu.transport import MAX_DTLS_RECORDS, Transport

from . import peer
from .peer import ROOM, Court, Link, audio_parameters, opus, video_parameters, vp8
from .test_hostile import Call, stranger

BOTH: list[api.Source] = ["microphone", "camera"]


@pytest.fixture
async def call(court: Court) -> AsyncIterator[Call]:
    """a speaks to b, and is shown to b."""
    await court.obey({"a": BOTH}, {"b": ["a"]})
    up, down = await court.link("a", "send"), await court.link("b", "recv")
    await court.produce(up, "microphone", audio_parameters())
    await court.consumer("b", "microphone")
    call = Call(court, up, down)
    await call.works()
    yield call
    await call.works()


async def test_defect_1_an_empty_datagram_closes_the_connection(call: Call) -> None:
    """``_recv_next`` reads ``data[0]``: one empty datagram from any address ended the DTLS transport."""
    await stranger(call, [b""] * 20)
    for link in (call.up, call.down):
        link.send_raw(b"")
    await call.works()
    assert {e.state for e in call.court.events if isinstance(e, api.TransportState)} == {"connected"}


@pytest.mark.parametrize(
    "element",
    [
        pytest.param(b"\x1f\x00\x00\x00", id="longer than the block"),
        pytest.param(b"\x10\x1e\x40\x00", id="two bytes of a three-byte element"),
        pytest.param(b"\x23\x00\x00\x00", id="abs-send-time of four bytes"),
        pytest.param(b"\x10\x00\x10\x00", id="level twice"),
        pytest.param(b"\xf0\x00\x00\x00", id="the reserved id"),
    ],
)
async def test_defect_2_a_header_extension_of_a_wrong_length_closes_the_connection(call: Call, element: bytes) -> None:
    """``struct.error`` out of the extension parser ended the transport of an authentic sender."""
    for number in range(300, 320):
        plain = rtp.build(peer.OPUS_PT, number, number * 960, 1000, b"x")
        call.up.send_rtp(b"\x90" + plain[1:12] + b"\xbe\xde\x00\x01" + element + b"x")
    # The block itself is longer than the packet.
    call.up.send_rtp(b"\x90" + rtp.build(peer.OPUS_PT, 320, 0, 1000, b"")[1:12] + b"\xbe\xde\xff\xff")
    call._sent = 330
    await call.works()


async def test_defect_3_a_nack_across_the_wrap_names_a_number_beyond_16_bits(
    court: Court, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``[65535, 65536]`` was what aiortc read; packet 0 never came again."""
    monkeypatch.setattr(secrets, "randbelow", lambda bound: 0xFFFC)
    await court.obey({"a": BOTH}, {"b": ["a"]})
    up, down = await court.link("a", "send"), await court.link("b", "recv")
    await court.produce(up, "camera", video_parameters())
    consumer = await court.consumer("b", "camera")
    ssrc = consumer.rtp_parameters.encodings[0].ssrc
    assert ssrc is not None
    for n in range(8):
        up.send_rtp(vp8(n, key=n == 0, picture=n, body=b"%d" % n))
    await court.until(lambda: len(down.packets) == 8)
    assert [p.sequence for p in down.packets] == [0xFFFC, 0xFFFD, 0xFFFE, 0xFFFF, 0, 1, 2, 3]
    one_item = rtcp.nack(1, ssrc, [65535, 0, 1])
    assert rtcp.parse(one_item) == [rtcp.Nack(ssrc, (65535, 0, 1))]
    down.send_rtcp(one_item)
    await court.until(lambda: len(down.packets) == 11)
    assert [p.payload[-1:] for p in down.packets[8:]] == [b"3", b"4", b"5"]

    # And what is missing of a sender's across the wrap is asked for by its real number, until it comes.
    up2 = await court.link("a", "send")
    await court.produce(up2, "camera", video_parameters())
    for n in (65533, 65534, 2, 3):
        up2.send_rtp(vp8(n, key=n == 65533))

    def asked() -> set[int]:
        return {n for r in up2.reports if isinstance(r, rtcp.Nack) for n in r.sequences}

    await court.until(lambda: asked() == {65535, 0, 1})
    up2.reports.clear()
    await court.until(lambda: asked() == {65535, 0, 1}, 5)  # aiortc asked once


async def test_defect_4_reports_count_no_cycles(court: Court) -> None:
    """``highest_sequence`` stayed below 65536, so that senders saw all later packets as lost or old."""
    await court.obey({"a": BOTH}, {})
    up = await court.link("a", "send")
    await court.produce(up, "microphone", audio_parameters())
    for n in itertools.chain(range(65500, 65536), range(40)):
        up.send_rtp(opus(n))

    def last() -> rtcp.ReportBlock | None:
        blocks = [b for r in up.reports if isinstance(r, rtcp.ReceiverReport) for b in r.reports]
        return blocks[-1] if blocks else None

    await court.until(lambda: (block := last()) is not None and block.highest_sequence == 65536 + 39)
    block = last()
    assert block is not None
    assert (block.total_lost, block.fraction_lost) == (0, 0)


async def test_defect_5_a_public_stun_server_learns_of_every_hearing(
    court: Court, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without ``iceServers=[]`` aiortc asks a server of Google's; nothing here asks anybody anything."""

    def resolve(*arguments: Any, **named: Any) -> Any:
        raise AssertionError(f"a name was to be resolved: {arguments}")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    created = await court.ask(api.CreateTransport(room_id=ROOM, peer_id="a", direction="send"))
    assert isinstance(created, api.TransportCreated)
    assert {c.type for c in created.ice_candidates} == {"host"}
    assert {c.address for c in created.ice_candidates} == {"127.0.0.1"}
    await court.obey({"a": BOTH}, {"b": ["a"]})
    up = await court.link("a", "send")
    await court.produce(up, "microphone", audio_parameters())
    assert up.keys is not None


async def test_defect_6_queues_without_an_end(call: Call) -> None:
    """Datagrams waited in ``aioice``'s and the track's queues without bound; records and media wait nowhere here."""
    created = await call.court.ask(api.CreateTransport(room_id=ROOM, peer_id="c", direction="send"))
    assert isinstance(created, api.TransportCreated)
    link = Link(created)
    call.court.links.append(link)
    await link.open()  # proven, and never connected: nobody reads its records
    for n in range(3000):
        link.send_raw(bytes([22]) + n.to_bytes(4, "big") + bytes(1000))
        link.send_raw(b"\x80\x60" + bytes(1000))
        if n % 100 == 0:
            await asyncio.sleep(0)
    await call.works()
    transport = call.court.worker._transports[created.id].transport
    assert transport._dtls._shim._queue.qsize() <= min(MAX_QUEUED_RECORDS, MAX_DTLS_RECORDS * 10)


async def test_defect_7_closed_connections_leak(court: Court) -> None:
    """Transports, producers and consumers that were closed stayed in memory."""

    def alive() -> dict[str, int]:
        gc.collect()
        kinds = (Transport, Producer, Consumer, MediaStream)
        found = [o for o in gc.get_objects() if isinstance(o, kinds)]
        return {kind.__name__: sum(isinstance(o, kind) for o in found) for kind in kinds}

    async def visit() -> None:
        await court.obey({"a": BOTH}, {"b": ["a"]})
        up, down = await court.link("a", "send"), await court.link("b", "recv")
        await court.produce(up, "microphone", audio_parameters())
        await court.produce(up, "camera", video_parameters(["r0", "r1", "r2"]))
        await court.consumer("b", "microphone")
        for n in range(5):
            up.send_rtp(opus(n))
        await court.until(lambda: len(down.packets) == 5)
        for person in ("a", "b"):
            await court.ask(api.ClosePeer(room_id=ROOM, peer_id=person))
        for link in (up, down):
            court.links.remove(link)
            await link.close()
        await court.until(lambda: not court.worker._closing)
        court.events.clear()

    await visit()
    before = alive()
    for _ in range(5):
        await visit()
    assert alive() == before
    assert not court.worker._port.receivers
    assert not any(sock.routes for sock in court.worker._port._sockets)


async def test_defect_8_an_answer_to_port_0_closes_the_socket_under_uvloop(call: Call) -> None:
    """A datagram that claims to come from port 0 was answered; uvloop then closed the socket of everybody."""
    port = call.court.worker._port
    sock = port._sockets[0]
    before = port.dropped
    ice = call.up.parameters
    check = stun.request(bytes(12), f"{ice.username_fragment}:x", ice.password, use_candidate=True)
    name = mmsg.pack_name(socket.AF_INET, ("127.0.0.1", 0))
    sock._take(check, name, None, 0)
    assert port.dropped == before + 1
    assert name not in sock.routes


async def test_defect_9_handshakes_in_small_fragments_stall(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    """aiortc sends what OpenSSL wrote in pieces of 1500 bytes, which cut the records of a longer flight in two.

    Here both sides' flights are in fragments of 300 bytes, as through tunnels with a small MTU.
    """

    class SmallMtu(SSL.Connection):
        def __init__(self, context: SSL.Context, *rest: Any) -> None:
            context.set_options(SSL.OP_NO_QUERY_MTU)
            super().__init__(context, *rest)
            self.set_ciphertext_mtu(300)

    monkeypatch.setattr("aiortc.rtcdtlstransport.SSL.Connection", SmallMtu)
    await court.obey({"a": BOTH}, {"b": ["a"]})
    up = await court.link("a", "send")
    down = await court.link("b", "recv", role="server")
    await court.produce(up, "microphone", audio_parameters())
    await court.consumer("b", "microphone")
    for n in range(5):
        up.send_rtp(opus(n))
    await court.until(lambda: len(down.packets) == 5)


async def test_defect_10_a_round_trip_without_an_answer_ends_the_connection_for_good(call: Call) -> None:
    """After six unanswered consent checks aiortc closes irrevocably; here ICE may be restarted at any time (the path,
    the DTLS association and the consumers are as they were)."""
    restarted = await call.court.ask(api.RestartIce(transport_id=call.up.id))
    assert isinstance(restarted, api.IceRestarted)
    call.up.parameters = restarted.ice_parameters
    await call.up.open("127.0.0.2")
    await call.works()


async def test_defect_11_sound_is_never_asked_for_again(court: Court) -> None:
    """aiortc knows no NACK for sound."""
    await court.obey({"a": BOTH}, {"b": ["a"]})
    up, down = await court.link("a", "send"), await court.link("b", "recv")
    await court.produce(up, "microphone", audio_parameters())
    await court.consumer("b", "microphone")
    for n in (1, 2, 4, 5):
        up.send_rtp(opus(n, body=b"%d" % n))
    await court.until(lambda: any(isinstance(r, rtcp.Nack) and r.sequences == (3,) for r in up.reports))
    up.send_rtp(opus(3, body=b"3"))
    await court.until(lambda: len(down.packets) == 5)
    assert sorted(p.payload for p in down.packets) == [b"1", b"2", b"3", b"4", b"5"]


async def test_defect_12_transport_wide_feedback_is_read_as_a_list_of_losses(call: Call) -> None:
    """RTPFB of format 15 was parsed as a generic NACK."""
    body = bytes(8) + bytes(range(16))
    feedback = bytes([0x80 | 15, 205]) + (len(body) // 4).to_bytes(2, "big") + body
    assert rtcp.parse(feedback) == []
    call.down.send_rtcp(rtcp.receiver_report(1, []) + feedback)
    await call.works()
