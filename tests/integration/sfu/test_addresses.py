"""One port on every address of a computer: IPv4 and IPv6 in one room, and answers from the address that was asked."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from signaling import worker_api as api
from signaling.ortc import DtlsParameters
from signaling.sfu import stun
from signaling.sfu.settings import WorkerSettings
from signaling.sfu.worker import Worker

from .peer import CLIENT_CAPABILITIES, ROOM, Court, Link, MemorySink, audio_parameters, opus

SOUND: list[api.Source] = ["microphone"]


@asynccontextmanager
async def serving(settings: WorkerSettings) -> AsyncIterator[Court]:
    worker = Worker(settings, MemorySink())
    await worker.start()
    court = Court(worker, MemorySink())
    try:
        await court.ask(api.OpenRoom(room_id=ROOM, plan=court.plan))
        yield court
    finally:
        for link in court.links:
            await link.close()
        await worker.aclose()


async def linked(court: Court, peer_id: str, direction: str, address: str) -> Link:
    """A transport over the candidate with this address."""
    created = await court.ask(
        api.CreateTransport(
            room_id=ROOM,
            peer_id=peer_id,
            direction=direction,  # type: ignore[arg-type]
            capabilities=CLIENT_CAPABILITIES if direction == "recv" else None,
        )
    )
    assert isinstance(created, api.TransportCreated)
    link = Link(created)
    court.links.append(link)
    candidate = next(c for c in created.ice_candidates if (c.address, c.protocol) == (address, "udp"))
    link.address = (candidate.address, candidate.port)
    theirs = DtlsParameters(fingerprints=[link.certificate.fingerprint], role="client")
    await court.ask(api.ConnectTransport(transport_id=link.id, dtls_parameters=theirs))
    await link.open("::1" if ":" in address else "127.0.0.1")
    await link.handshake()
    return link


async def test_one_over_ipv6_and_one_over_ipv4_hear_each_other() -> None:
    async with serving(WorkerSettings(listen=("127.0.0.1", "::1"))) as court:
        await court.obey({"a": SOUND, "b": SOUND}, {"a": ["b"], "b": ["a"]})
        ways = {"a": "::1", "b": "127.0.0.1"}
        for peer_id, address in ways.items():
            up = await linked(court, peer_id, "send", address)
            await court.produce(up, "microphone", audio_parameters())
        ups = list(court.links)
        for peer_id, address in ways.items():
            await linked(court, peer_id, "recv", address)
            await court.consumer(peer_id, "microphone")
        for up, down, body in zip(ups, reversed(court.links[2:]), (b"over six", b"over four"), strict=True):
            for n in range(20):
                up.send_rtp(opus(n, body=body))
            await court.until(lambda down=down, body=body: [p.payload for p in down.packets] == [body] * 20)  # type: ignore[misc]


@pytest.mark.parametrize("asked", ["127.0.0.1", "127.0.0.2", "127.0.0.3", "::1"])
async def test_answers_leave_from_the_address_that_was_asked(asked: str) -> None:
    """127.0.0.3 is served by the wildcard alone, as an address that came after the start; the route prefers another."""
    settings = WorkerSettings(listen=("0.0.0.0", "::"), own=("127.0.0.1", "127.0.0.2", "::1"))
    async with serving(settings) as court:
        created = await court.ask(api.CreateTransport(room_id=ROOM, peer_id="a", direction="send"))
        assert isinstance(created, api.TransportCreated)
        ice = created.ice_parameters
        family = socket.AF_INET6 if ":" in asked else socket.AF_INET
        answered: list[str] = []
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind(("::1" if ":" in asked else "127.0.0.1", 0))
            sock.setblocking(False)
            check = stun.request(os.urandom(12), f"{ice.username_fragment}:c", ice.password, use_candidate=True)

            def heard() -> bool:
                sock.sendto(check, (asked, court.worker.port))
                try:
                    answered.append(sock.recvfrom(2048)[1][0])
                except BlockingIOError:
                    return False
                return True

            await court.until(heard)
        assert answered[0] == ("127.0.0.1" if asked == "127.0.0.3" else asked)


async def test_media_over_an_address_beside_the_wildcard() -> None:
    settings = WorkerSettings(listen=("0.0.0.0",), own=("127.0.0.2",), announced=("127.0.0.2",))
    async with serving(settings) as court:
        await court.obey({"a": SOUND}, {"b": ["a"]})
        up, down = await linked(court, "a", "send", "127.0.0.2"), await linked(court, "b", "recv", "127.0.0.2")
        await court.produce(up, "microphone", audio_parameters())
        await court.consumer("b", "microphone")
        for n in range(20):
            up.send_rtp(opus(n))
        await court.until(lambda: len(down.packets) == 20)


async def test_nobody_else_gets_the_number_and_what_cannot_be_bound_is_left_to_the_wildcard() -> None:
    settings = WorkerSettings(listen=("0.0.0.0",), own=("127.0.0.2", "192.0.2.200", "::1"), tcp=False)
    async with serving(settings) as court:
        for address in ("0.0.0.0", "127.0.0.1", "127.0.0.2"):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thief:
                thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                with pytest.raises(OSError, match="in use"):
                    thief.bind((address, court.worker.port))


async def test_behind_a_router_clients_are_told_its_address_alone() -> None:
    settings = WorkerSettings(listen=("127.0.0.1",), announced=("198.51.100.7", "2001:db8::7"))
    async with serving(settings) as court:
        created = await court.ask(api.CreateTransport(room_id=ROOM, peer_id="a", direction="send"))
        assert isinstance(created, api.TransportCreated)
        assert {c.address for c in created.ice_candidates} == {"198.51.100.7", "2001:db8::7"}
        assert {c.port for c in created.ice_candidates} == {court.worker.port}
        link = Link(created)
        link.address = ("127.0.0.1", court.worker.port)  # as the router translates it
        await link.open()
        assert link.answers == 1
        await link.close()
