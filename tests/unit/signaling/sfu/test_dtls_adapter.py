"""The contract on what aiortc and pylibsrtp do not promise, and a real handshake over it."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import secrets
from collections.abc import AsyncIterator

import pylibsrtp
import pytest
from aiortc import RTCDtlsTransport, rtcdtlstransport
from pylibsrtp._binding import lib

from signaling.ortc import DtlsFingerprint, DtlsParameters
from signaling.sfu import rtcp, rtp
from signaling.sfu.dtls_adapter import (
    MAX_FLIGHT_BYTES,
    MAX_PACKET_BYTES,
    SEND_BUFFER,
    Certificate,
    DtlsSession,
    RecordWriter,
    SrtpKeys,
    Turns,
    preferred_profiles,
)


def test_names_and_signatures_we_rely_on() -> None:
    assert list(inspect.signature(RTCDtlsTransport.__init__).parameters) == ["self", "transport", "certificates"]
    assert list(inspect.signature(RTCDtlsTransport.start).parameters) == ["self", "remoteParameters"]
    assert list(inspect.signature(RTCDtlsTransport._set_role).parameters) == ["self", "role"]
    source = inspect.getsource(rtcdtlstransport)
    for name in ("self._srtp_profiles = SRTP_PROFILES", "self._rx_srtp = Session(", "self._tx_srtp = Session("):
        assert name in source
    for name in ("self.transport._recv()", "self.transport._send(", "self._task = asyncio", 'emit("statechange")'):
        assert name in source
    names = {n for n in source.split() if n.startswith("self.transport.")}
    assert {n.split("(")[0].rstrip(",") for n in names} <= {
        "self.transport._recv",
        "self.transport._send",
        "self.transport.role",
    }


def test_the_srtp_binding() -> None:
    for name in (
        "srtp_protect",
        "srtp_unprotect",
        "srtp_protect_rtcp",
        "srtp_unprotect_rtcp",
        "srtp_remove_stream",
    ):
        assert callable(getattr(lib, name))
    assert hasattr(pylibsrtp.Session(), "_srtp")


def test_aes_128_gcm_comes_first() -> None:
    assert [p.openssl_profile for p in preferred_profiles()] == [b"SRTP_AEAD_AES_128_GCM", b"SRTP_AES128_CM_SHA1_80"]


class Pair:
    def __init__(self) -> None:
        self.certificates = Certificate(), Certificate()
        self.closed = asyncio.Event()
        self.client = DtlsSession(self.certificates[0], lambda d: self.server.feed(d), lambda: None)
        self.server = DtlsSession(self.certificates[1], lambda d: self.client.feed(d), self.closed.set)

    async def handshake(self) -> tuple[SrtpKeys | None, SrtpKeys | None]:
        of_client, of_server = (c.fingerprint for c in self.certificates)
        client, server = await asyncio.gather(
            self.client.handshake(DtlsParameters(fingerprints=[of_server], role="server")),
            self.server.handshake(DtlsParameters(fingerprints=[of_client], role="client")),
        )
        return client, server


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    pair = Pair()
    yield pair
    await pair.client.stop()
    await pair.server.stop()


def protect(keys: SrtpKeys, packet: bytes, *, control: bool = False) -> bytes:
    SEND_BUFFER[: len(packet)] = packet
    size = keys.protect_rtcp(len(packet)) if control else keys.protect_rtp(len(packet))
    return bytes(SEND_BUFFER[:size])


async def test_two_sessions_agree_on_keys(pair: Pair) -> None:
    client, server = await pair.handshake()
    assert client is not None
    assert server is not None
    packet = rtp.build(96, 1, 2, 3, secrets.token_bytes(MAX_PACKET_BYTES - 12))
    wire = protect(client, packet)
    assert len(wire) == len(packet) + 16, "the trailer of AES-GCM"
    assert server.unprotect_rtp(wire) == packet
    assert server.unprotect_rtp(wire) is None, "a replay"
    report = rtcp.pli(1, 2)
    wire = protect(server, report, control=True)
    assert client.unprotect_rtcp(wire) == report
    assert client.unprotect_rtcp(wire[:-1] + b"\0") is None
    assert client.unprotect_rtp(b"") is None
    assert client.unprotect_rtp(bytes(4000)) is None
    server.forget_received(3)
    client.forget_sent(3)
    client.forget_sent(99)  # never sent


async def test_a_goodbye_is_noticed(pair: Pair) -> None:
    await pair.handshake()
    await pair.client.stop()
    await asyncio.wait_for(pair.closed.wait(), 5)


async def test_records_that_are_none_do_no_harm(pair: Pair) -> None:
    client, server = await pair.handshake()
    assert client is not None
    assert server is not None
    for datagram in (b"", b"\x16", b"\x80abc", bytes([20]) * 1400, bytes([63])):
        pair.server.feed(datagram)
    await asyncio.sleep(0.01)
    wire = protect(client, rtp.build(96, 1, 2, 3, b"x"))
    assert server.unprotect_rtp(wire) is not None
    assert not pair.closed.is_set()


async def test_the_wrong_certificate_gives_no_keys(pair: Pair) -> None:
    other = DtlsFingerprint(algorithm="sha-256", value=Certificate().fingerprint.value)
    of_server = pair.certificates[1].fingerprint
    _, server = await asyncio.gather(
        pair.client.handshake(DtlsParameters(fingerprints=[of_server], role="server")),
        pair.server.handshake(DtlsParameters(fingerprints=[other], role="client")),
    )
    assert server is None


async def test_handshakes_take_turns_with_the_loop() -> None:
    """While many shake hands at once, the loop goes round at least once between two steps."""
    turns, order = Turns(), list[str]()

    async def step(name: str) -> None:
        await turns.wait()
        order.append(name)

    async def others() -> None:
        for _ in range(20):
            order.append("media")
            await asyncio.sleep(0)

    await asyncio.gather(others(), *(step(f"step {n}") for n in range(5)))
    steps = [i for i, what in enumerate(order) if what != "media"]
    assert len(steps) == 5
    assert all(b - a > 1 for a, b in itertools.pairwise(steps))


def record(size: int, fill: int = 7) -> bytes:
    return b"\x16\xfe\xfd" + bytes(8) + size.to_bytes(2, "big") + bytes([fill]) * size


@pytest.mark.parametrize("piece", [1, 100, 1500, 5000])
def test_datagrams_hold_whole_records_however_they_were_written(piece: int) -> None:
    records = [record(size, size & 0xFF) for size in (50, 700, 400, 300, 1100, 2)]
    stream = b"".join(records)
    writer = RecordWriter()
    datagrams = [d for at in range(0, len(stream), piece) for d in writer.take(stream[at : at + piece])]
    assert b"".join(datagrams) == stream
    assert all(len(datagram) <= MAX_FLIGHT_BYTES for datagram in datagrams)
    found = []
    for datagram in datagrams:
        while datagram:
            end = 13 + int.from_bytes(datagram[11:13], "big")
            found.append(datagram[:end])
            datagram = datagram[end:]
    assert found == records


def test_small_records_share_a_datagram() -> None:
    assert RecordWriter().take(record(50) + record(60)) == [record(50) + record(60)]
