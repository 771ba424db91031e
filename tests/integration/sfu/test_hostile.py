"""The port takes anything from anyone, and nobody else notices."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import socket
from collections.abc import AsyncIterator

import pytest

from signaling import worker_api as api
from signaling.ortc import DtlsFingerprint, DtlsParameters
from signaling.sfu import rtp, stun
from signaling.sfu.settings import WorkerSettings
from signaling.sfu.worker import Worker

from . import peer
from .peer import ROOM, Court, Link, MemorySink, audio_parameters, opus

SOUND: list[api.Source] = ["microphone"]


class Call:
    """a speaks to b; :meth:`works` proves it."""

    def __init__(self, court: Court, up: Link, down: Link) -> None:
        self.court, self.up, self.down = court, up, down
        self._sent = 0

    async def works(self) -> None:
        for _ in range(5):
            self._sent += 1
            self.up.send_rtp(opus(self._sent, body=b"call%d" % self._sent))
        await self.court.until(
            lambda: bool(self.down.packets) and self.down.packets[-1].payload == b"call%d" % self._sent
        )


@pytest.fixture
async def call(court: Court) -> AsyncIterator[Call]:
    await court.obey({"a": SOUND}, {"b": ["a"]})
    up, down = await court.link("a", "send"), await court.link("b", "recv")
    await court.produce(up, "microphone", audio_parameters())
    await court.consumer("b", "microphone")
    call = Call(court, up, down)
    await call.works()
    yield call
    await call.works()


async def stranger(call: Call, datagrams: list[bytes], *, wait_s: float = 0.1) -> list[bytes]:
    """Send from an address nobody knows; returns what came back."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind(("127.0.0.1", 0))
    for i, datagram in enumerate(datagrams):
        sock.sendto(datagram, call.up.address)
        if i % 50 == 0:
            await asyncio.sleep(0)
    await asyncio.sleep(wait_s)
    answers = []
    while True:
        try:
            answers.append(sock.recv(2048))
        except BlockingIOError:
            break
    sock.close()
    return answers


async def test_empty_and_tiny_datagrams_from_strangers_and_from_members(call: Call) -> None:
    # An empty datagram from any address closes aiortc's own transport.
    tiny = [b"", *(bytes([n]) for n in range(256)), b"\x80\xc8", b"\x16", b"\x80" * 3]
    assert await stranger(call, tiny) == []
    for datagram in tiny:
        call.up.send_raw(datagram)
        call.down.send_raw(datagram)


async def test_garbage_of_all_sizes(call: Call) -> None:
    source = random.Random(7)
    noise = [source.randbytes(source.randrange(1, 1500)) for _ in range(400)]
    assert await stranger(call, noise) == []
    for datagram in noise:
        call.up.send_raw(datagram)


async def test_spoofed_checks_are_not_answered_and_move_nothing(call: Call) -> None:
    known = call.up.parameters.username_fragment
    spoofed = [
        stun.request(bytes(12), f"{known}:x", "guess", use_candidate=True),
        stun.request(bytes(12), "nobody:x", call.up.parameters.password, use_candidate=True),
        stun.request(bytes(12), "", "", use_candidate=True),
        stun.request(bytes(12), known, "guess"),
    ]
    assert await stranger(call, spoofed * 20) == []


async def test_media_from_an_unproven_address_is_ignored(call: Call) -> None:
    wire = call.up.protect(opus(60))
    before = len(call.down.packets)
    await stranger(call, [wire] * 5)
    assert len(call.down.packets) == before
    call.up.send_raw(wire)
    await call.court.until(lambda: len(call.down.packets) == before + 1)
    call._sent = 60


async def test_replayed_and_bent_media_is_dropped(call: Call) -> None:
    source = random.Random(8)
    wire = call.up.send_rtp(opus(100))
    call._sent = 100
    await asyncio.sleep(0.05)
    before = len(call.down.packets)
    for _ in range(50):
        call.up.send_raw(wire)
        at = source.randrange(len(wire))
        call.up.send_raw(wire[:at] + bytes([wire[at] ^ 1 << source.randrange(8)]) + wire[at + 1 :])
    await asyncio.sleep(0.1)
    assert len(call.down.packets) == before


async def test_malformed_packets_of_an_authentic_member(call: Call) -> None:
    # A wrong extension length, properly encrypted, closes aiortc's own transport (struct.error).
    good = rtp.build(peer.OPUS_PT, 0, 0, 1000, b"x")
    bad_extension = b"\x90" + good[1:12] + b"\xbe\xde\x00\x01\x1f\x00\x00\x00" + b"x"
    for n in range(200, 230):
        call.up.send_rtp(bad_extension[:2] + n.to_bytes(2, "big") + bad_extension[4:])
    call._sent = 300
    source = random.Random(9)
    for kind in (200, 201, 202, 203, 205, 206, 207, 210):
        for _ in range(20):
            body = source.randbytes(4 * source.randrange(1, 12))
            head = bytes([0x80 | source.randrange(32), kind]) + (len(body) // 4).to_bytes(2, "big")
            call.up.send_rtcp(head + body)
            call.down.send_rtcp(head + body)
    for ssrc in range(5000, 5400):  # more streams than anyone has
        call.up.send_rtp(rtp.build(77, 1, 1, ssrc, b"x"))


async def test_dtls_records_from_strangers_and_members(call: Call) -> None:
    hello = bytes.fromhex("16fefd0000000000000000002001000014") + bytes(20)
    assert await stranger(call, [hello] * 100) == []
    for n in range(300):
        call.up.send_raw(bytes([20 + n % 44]) + hello[1:])
    await asyncio.sleep(0.1)


async def test_a_flood_of_path_proofs_is_bounded(call: Call) -> None:
    username = f"{call.up.parameters.username_fragment}:x"
    for _ in range(40):
        await stranger(call, [stun.request(os.urandom(12), username, call.up.parameters.password)], wait_s=0.01)
    sock = call.court.worker._port._sockets[0]
    assert len(sock.routes) <= 8 + 1


async def test_tcp_garbage_and_silence(call: Call) -> None:
    source = random.Random(10)
    writers = []
    for i in range(20):
        _, writer = await asyncio.open_connection(*call.up.address)
        writer.write(source.randbytes(3000) if i % 2 else b"\xff\xff")
        writers.append(writer)
    await asyncio.sleep(0.1)
    for writer in writers:
        writer.close()
    await call.court.until(lambda: not call.court.worker._port.connections)


async def test_a_wrong_certificate_is_refused(court: Court) -> None:
    created = await court.ask(api.CreateTransport(room_id=ROOM, peer_id="x", direction="send"))
    assert isinstance(created, api.TransportCreated)
    link = Link(created)
    court.links.append(link)
    lie = DtlsFingerprint(algorithm="sha-256", value=":".join(["00"] * 32))
    await court.ask(
        api.ConnectTransport(transport_id=link.id, dtls_parameters=DtlsParameters(fingerprints=[lie], role="client"))
    )
    await link.open()
    await link.handshake()
    await court.until(lambda: any(isinstance(e, api.TransportState) and e.state == "failed" for e in court.events))


async def test_silence_is_loss_and_a_new_check_is_life(monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    from signaling.sfu import ice

    monkeypatch.setattr(ice, "CONSENT_S", 0.3)
    court = call.court

    def states() -> list[str]:
        return [e.state for e in court.events if isinstance(e, api.TransportState) and e.transport_id == call.up.id]

    await court.until(lambda: states() == ["connected", "lost"])
    monkeypatch.setattr(ice, "CONSENT_S", 10.0)
    await call.up.check()
    await call.down.check()
    await court.until(lambda: states() == ["connected", "lost", "connected"])


async def test_a_port_in_use_is_said(court: Court) -> None:
    other = Worker(WorkerSettings(listen=("127.0.0.1",), port=court.worker.port), MemorySink())
    with pytest.raises(OSError, match="in use"):
        await other.start()
    await other.aclose()


async def test_ipv6_and_ipv4_share_the_number() -> None:
    sink = MemorySink()
    worker = Worker(WorkerSettings(listen=("127.0.0.1", "::1"), announced=("::1", "127.0.0.1")), sink)
    await worker.start()
    court = Court(worker, sink)
    try:
        opened = api.Plan(version=1, publish={"a": SOUND}, receive={"b": ["a"]})
        await court.ask(api.OpenRoom(room_id=ROOM, plan=opened))
        created = await court.ask(api.CreateTransport(room_id=ROOM, peer_id="a", direction="send"))
        assert isinstance(created, api.TransportCreated)
        assert {c.port for c in created.ice_candidates} == {worker.port}
        assert [(c.address, c.protocol) for c in created.ice_candidates] == [
            ("::1", "udp"),
            ("::1", "tcp"),
            ("127.0.0.1", "udp"),
            ("127.0.0.1", "tcp"),
        ]
        link = Link(created)
        await link.open("::1")
        assert link.answers == 1
        await link.close()
    finally:
        await worker.aclose()


async def test_a_system_without_ipv6_is_served_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.socket

    def without_ipv6(family: int = socket.AF_INET, *rest: int, **named: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return real(family, *rest, **named)

    monkeypatch.setattr("signaling.sfu.udp.socket.socket", without_ipv6)
    worker = Worker(WorkerSettings(listen=("127.0.0.1", "::"), tcp=False), MemorySink())
    await worker.start()
    assert worker.port
    await worker.aclose()
    alone = Worker(WorkerSettings(listen=("::",), tcp=False), MemorySink())
    with pytest.raises(OSError, match="not supported"):
        await alone.start()
    await alone.aclose()
