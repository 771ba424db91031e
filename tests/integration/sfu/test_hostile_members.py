"""What a member of a hearing, with good keys, can do to the others: nothing, at a bounded cost."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import time
from collections.abc import AsyncIterator

import pytest

from signaling import worker_api as api
from signaling.sfu import port as ports
from signaling.sfu import rtcp, stun
from signaling.sfu.clock import NS_PER_S, Clock
from signaling.sfu.resend import MAX_PER_S
from signaling.sfu.settings import WorkerSettings
from signaling.sfu.transport import MAX_DTLS_RECORDS
from signaling.sfu.worker import Worker

from .peer import ROOM, Court, Link, MemorySink, audio_parameters, opus, video_parameters, vp8

BOTH: list[api.Source] = ["microphone", "camera"]


class Show:
    """a is seen and heard by b and c; c is the one who means ill."""

    def __init__(self, court: Court, up: Link, seen_by_b: Link, seen_by_c: Link, evil: Link) -> None:
        self.court = court
        self.up = up
        self.b = seen_by_b
        self.c = seen_by_c
        self.evil = evil
        self.ssrc: dict[tuple[str, str], int] = {}
        self._number = 0

    def send(self, packets: int = 1) -> None:
        for _ in range(packets):
            self._number += 1
            number = self._number
            body = b"%d" % number
            self.up.send_rtp(opus(number & 0xFFFF, body=body))
            self.up.send_rtp(vp8(number & 0xFFFF, key=number % 30 == 1, picture=number, body=body))

    async def goes_on(self) -> None:
        """What is sent now arrives at b, in order and whole."""
        before = {kind: self._got(kind) for kind in (100, 101)}
        self.send(30)
        await self.court.until(lambda: all(self._got(kind) >= before[kind] + 30 for kind in (100, 101)))

    def _got(self, payload_type: int) -> int:
        return sum(packet.payload_type == payload_type for packet in self.b.packets)


@pytest.fixture
async def show(court: Court) -> AsyncIterator[Show]:
    await court.obey({"a": BOTH, "c": BOTH}, {"b": ["a"], "c": ["a"]})
    up, evil = await court.link("a", "send"), await court.link("c", "send")
    b, c = await court.link("b", "recv"), await court.link("c", "recv")
    await court.produce(up, "microphone", audio_parameters())
    await court.produce(up, "camera", video_parameters())
    await court.produce(evil, "camera", video_parameters(ssrc=9000, rtx_ssrc=9001))
    show = Show(court, up, b, c, evil)
    for person in ("b", "c"):
        for source in BOTH:
            event = await court.consumer(person, source)
            ssrc = event.rtp_parameters.encodings[0].ssrc
            assert ssrc is not None
            show.ssrc[person, source] = ssrc
    await show.goes_on()
    yield show
    await show.goes_on()


def bye(*ssrcs: int) -> bytes:
    return (
        bytes([0x80 | len(ssrcs), 203]) + len(ssrcs).to_bytes(2, "big") + b"".join(s.to_bytes(4, "big") for s in ssrcs)
    )


async def test_a_goodbye_in_the_name_of_others(show: Show) -> None:
    for link in (show.evil, show.c):
        link.send_rtcp(rtcp.receiver_report(1, []) + bye(1000, 2000, 2001, *show.ssrc.values()))
    await show.goes_on()
    assert not any(isinstance(e, api.ConsumerClosed) for e in show.court.events)


async def test_media_and_reports_in_the_name_of_others(show: Show) -> None:
    """An SSRC belongs to the transport it came over."""
    for number in range(50):
        show.evil.send_rtp(opus(number, ssrc=1000, body=b"forged"))
        show.evil.send_rtp(vp8(number, ssrc=2000, key=True, body=b"forged"))
    show.evil.send_rtcp(rtcp.sender_report(1000, 1 << 63, 77, 1, 1) + rtcp.sender_report(2000, 1 << 63, 77, 1, 1))
    await show.goes_on()
    assert not any(b"forged" in packet.payload for packet in show.b.packets)


async def test_a_storm_of_nacks_is_bounded_per_second_and_wakes_no_sender(show: Show) -> None:
    for _ in range(30):
        show.send(10)
        await asyncio.sleep(0.002)
    await show.court.until(lambda: len(show.c.packets) >= 600)
    sent = [p.sequence for p in show.c.packets if p.ssrc == show.ssrc["c", "camera"]]
    before, begun = show.c.datagrams, time.monotonic()
    show.up.reports.clear()
    for _ in range(100):
        show.c.send_rtcp(rtcp.nack(1, show.ssrc["c", "camera"], sent[-400:]))
        show.c.send_rtcp(rtcp.nack(1, show.ssrc["b", "camera"], sent[-400:]))
        show.c.send_rtcp(rtcp.nack(1, show.ssrc["c", "microphone"], list(range(400))))
        await asyncio.sleep(0.003)
    await asyncio.sleep(0.2)
    seconds = int(time.monotonic() - begun) + 1
    assert show.c.datagrams - before <= 2 * MAX_PER_S * seconds
    assert not any(isinstance(r, rtcp.Nack) for r in show.up.reports)


async def test_a_storm_of_keyframe_requests_is_throttled(show: Show) -> None:
    show.up.reports.clear()
    fir = rtcp._FEEDBACK.pack(1, 0) + show.ssrc["c", "camera"].to_bytes(4, "big") + bytes(4)
    begun = time.monotonic()
    for _ in range(200):
        show.c.send_rtcp(rtcp.pli(1, show.ssrc["c", "camera"]))
        show.c.send_rtcp(bytes([0x84, 206, 0, 4]) + fir)
        await asyncio.sleep(0.005)
    asked = sum(isinstance(r, rtcp.KeyframeRequest) for r in show.up.reports)
    assert 1 <= asked <= 2 * (time.monotonic() - begun) + 2


@pytest.mark.parametrize("bitrate", [0, 1, 2**63, 0x3FFFF << 63])
async def test_an_absurd_limit_concerns_its_sender_alone_and_never_sound(show: Show, bitrate: int) -> None:
    remb = bytearray(rtcp.remb(1, min(bitrate, 2**63), [1]))
    if bitrate > 2**63:
        remb[17:20] = b"\xff\xff\xff"  # the largest that can be written
    for _ in range(8):
        show.send(20)
        for link in (show.c, show.evil):
            link.send_rtcp(bytes(remb))
        await asyncio.sleep(0.15)
    heard = sum(p.payload_type == 100 for p in show.c.packets)
    show.send(20)
    await show.court.until(lambda: sum(p.payload_type == 100 for p in show.c.packets) >= heard + 20)
    assert not any(isinstance(e, api.ConsumerState) and e.peer_id == "b" for e in show.court.events)


async def test_sender_reports_with_wild_clocks(show: Show) -> None:
    """Lip sync of that sender suffers; nothing else."""
    dice = random.Random(3)
    for ntp in (0, 1, (1 << 64) - 1, 1 << 63, *(dice.getrandbits(64) for _ in range(20))):
        show.up.send_rtcp(rtcp.sender_report(2000, ntp, dice.getrandbits(32), 0, 0))
        show.up.send_rtcp(rtcp.sender_report(1000, ntp, dice.getrandbits(32), 0, 0))
        show.send(3)
        await asyncio.sleep(0.05)
    await show.goes_on()
    stamps = [p.timestamp for p in show.b.packets if p.payload_type == 101]
    assert all(0 <= (b - a) & 0xFFFFFFFF < 1 << 31 for a, b in itertools.pairwise(stamps))


async def test_reports_about_streams_that_are_not_theirs(show: Show) -> None:
    blocks = [rtcp.ReportBlock(show.ssrc["b", source], 255, 0x7FFFFF, 0, 0xFFFFFFFF, 1, 1) for source in BOTH]
    for _ in range(20):
        show.c.send_rtcp(rtcp.receiver_report(1, blocks * 15))
        show.send(2)
        await asyncio.sleep(0.05)
    assert not any(isinstance(e, api.ConsumerState) for e in show.court.events)


async def test_duplicates_and_packets_out_of_order(show: Show) -> None:
    dice = random.Random(4)
    first = show._number + 1
    batch = []
    for number in range(first, first + 100):
        batch += [opus(number, body=b"%d" % number)] * dice.choice((1, 1, 2))
    show._number += 100
    for at in range(0, len(batch), 5):
        part = batch[at : at + 5]
        dice.shuffle(part)
        for packet in part:
            show.up.send_rtp(packet)
    wanted = [b"%d" % number for number in range(first, first + 100)]

    def got() -> list[bytes]:
        mine = [p for p in show.b.packets if p.payload_type == 100]
        start = mine[0].sequence
        mine.sort(key=lambda p: (p.sequence - start) & 0xFFFF)
        return [p.payload for p in mine][-100:]

    await show.court.until(lambda: got() == wanted)


async def test_a_flood_of_dtls_records_of_a_member_is_read_to_a_bound(show: Show) -> None:
    transport = show.court.worker._transports[show.evil.id].transport
    fed: list[int] = []
    feed = transport._dtls.feed

    def count(datagram: bytes) -> None:
        fed.append(len(datagram))
        feed(datagram)

    transport._dtls.feed = count  # type: ignore[method-assign]
    begun = time.monotonic()
    for n in range(5000):
        show.evil.send_raw(bytes([20 + n % 44]) + os.urandom(60))
        if n % 200 == 0:
            await asyncio.sleep(0)
    await show.goes_on()
    assert len(fed) <= MAX_DTLS_RECORDS * (2 * (time.monotonic() - begun) + 2)


async def test_nobody_gets_more_bytes_than_were_sent_before_the_path_is_proven(show: Show) -> None:
    """Neither STUN nor a ClientHello from a stranger is worth anything to somebody who forges addresses."""
    known = show.evil.parameters
    for datagram in (
        stun.request(os.urandom(12), f"{known.username_fragment}:x", "wrong"),
        stun.request(os.urandom(12), f"{known.username_fragment}:x", known.password),
        bytes.fromhex("16feff0000000000000000009a0100008e") + os.urandom(142),
        b"\x80\x60" + os.urandom(40),
    ):
        loop = asyncio.get_running_loop()
        got: list[bytes] = []

        class Stranger(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
                got.append(data)  # noqa: B023

        transport, _ = await loop.create_datagram_endpoint(Stranger, remote_addr=show.evil.address)
        transport.sendto(datagram)
        await asyncio.sleep(0.1)
        transport.close()
        assert sum(map(len, got)) <= len(datagram)


async def test_connections_that_prove_nothing_are_few_per_address_and_make_room(
    show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = show.court.worker._port
    writers = []
    for _ in range(40):
        _, writer = await asyncio.open_connection(*show.evil.address)
        writers.append(writer)
    await show.court.until(lambda: len(port.connections) == ports.MAX_UNPROVEN_PER_ADDRESS)

    # From other addresses, until nothing is left: the oldest that proves nothing goes.
    monkeypatch.setattr(ports, "MAX_TCP_CONNECTIONS", ports.MAX_UNPROVEN_PER_ADDRESS)
    oldest = next(iter(port.connections))
    _, writer = await asyncio.open_connection(*show.evil.address, local_addr=("127.0.0.9", 0))
    writers.append(writer)
    await show.court.until(lambda: oldest not in port.connections)
    assert len(port.connections) == ports.MAX_UNPROVEN_PER_ADDRESS
    for writer in writers:
        writer.close()
    await show.court.until(lambda: not port.connections)


async def test_a_laptop_that_slept_for_ten_minutes_comes_back() -> None:
    """Packets from before the sleep are in its buffers, then come those of now: other numbers, other timestamps."""
    asleep_ns = 0
    worker = Worker(
        WorkerSettings(listen=("127.0.0.1",)), MemorySink(), Clock(mono_ns=lambda: time.monotonic_ns() + asleep_ns)
    )
    await worker.start()
    court = Court(worker, MemorySink())
    try:
        await court.ask(api.OpenRoom(room_id=ROOM, plan=court.plan))
        await court.obey({"a": BOTH}, {"b": ["a"]})
        up, down = await court.link("a", "send"), await court.link("b", "recv")
        await court.produce(up, "microphone", audio_parameters())
        await court.produce(up, "camera", video_parameters())
        for source in BOTH:
            await court.consumer("b", source)

        def send(numbers: range, slept_s: int) -> None:
            for n in numbers:
                up.send_rtp(vp8(n, key=n % 10 == 0, picture=n, timestamp=n * 3000 + slept_s * 90000))
                up.send_rtp(opus(n))

        send(range(20), 0)
        await court.until(lambda: len(down.packets) == 40)
        last = max(p.timestamp for p in down.packets if p.payload_type == 101)
        asleep_ns = 600 * NS_PER_S
        await court.until(
            lambda: [e.state for e in court.events if isinstance(e, api.TransportState)].count("lost") == 2
        )
        for link in (up, down):
            await link.check()
        send(range(20, 25), 0)  # late, with the timestamps of ten minutes ago
        send(range(25, 40), 600)
        await court.until(lambda: sum(p.payload_type == 100 for p in down.packets) == 40)
        await court.until(lambda: sum(p.payload_type == 101 for p in down.packets) >= 30)
        for kind in (100, 101):
            sequences = sorted(
                (p.sequence - down.packets[0].sequence) & 0xFFFF for p in down.packets if p.payload_type == kind
            )
            assert len(set(sequences)) == len(sequences)
        newest = max(p.timestamp for p in down.packets if p.payload_type == 101)
        assert abs((newest - last) / 90000 - 600) < 10, "the receiver's clock went on, too"
    finally:
        for link in court.links:
            await link.close()
        await worker.aclose()
