"""Networks that let nothing pass but the court's pages and one way to its relay; and what the relay refuses."""

from __future__ import annotations

import asyncio
import ssl
import time
from pathlib import Path

import pytest
from aioice import stun, turn

from signaling.turn import TurnServers
from tests.servers import coturn
from tests.servers.netns import World

from ..harness.pages import CHROMIUM, Person, playwright
from .court import Court, address_for_others, https_port, start_demo, told_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="package"),
    pytest.mark.timeout(180),
]


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_a_hearing_by_the_relay_alone(court: Court, relay: coturn.Relay, transport: str) -> None:
    """As in an office or a prison, where only TCP to port 443 leaves the house, if at all."""
    port = relay.tls_port if transport == "tls" else relay.port
    way = ("-p", "udp" if transport == "udp" else "tcp", "--dport", str(port))
    with court.world.namespace() as namespace:
        namespace.join()
        namespace.allow_only(way, ("-p", "tcp", "--dport", str(court.https_port)))
        trust = (f"--ignore-certificate-errors-spki-list={relay.key_hash}",)
        async with court.visitor(namespace, flags=trust) as person:
            await court.both_ways(person)
            routes = await person.routes()
            assert [(route["type"], route["relayProtocol"]) for route in routes] == [("relay", transport)] * 2
            assert person.errors == []


async def test_the_check_says_that_only_the_relay_gets_through(
    world: World, relay: coturn.Relay, tmp_path: Path
) -> None:
    """Before the hearing, with real sound: by TLS to the relay alone (capability M18)."""
    demo, _ = await start_demo(world, tmp_path, told_of(relay))
    try:
        with world.namespace() as namespace:
            namespace.join()
            ports = (relay.tls_port, https_port(demo))
            namespace.allow_only(*(("-p", "tcp", "--dport", str(port)) for port in ports))
            trust = (f"--ignore-certificate-errors-spki-list={relay.key_hash}",)
            async with playwright() as running:
                program = namespace.wrapper(CHROMIUM, tmp_path)
                person = await Person.open(running, "claimant", tmp_path, program=program, flags=trust)
                await person.page.goto(address_for_others(world, demo, "claimant"))
                await person.press("i-am")
                await person.declare()
                await person.press("ask-devices")
                await person.page.locator("[data-testid=check-path][data-result=relay]").wait_for()
                assert person.errors == []
                await person.close()
    finally:
        await demo.stop()


# --- what the relay refuses ---------------------------------------------------------------------------


class Silent(asyncio.DatagramProtocol):
    """Listens to nothing."""


async def allocate(relay: coturn.Relay, transport: str, username: str, credential: str) -> str:
    """Ask for a relayed address with aioice's client; returns what came of it."""
    endpoint = None
    try:
        context = None
        if transport == "tls":
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        endpoint, _ = await turn.create_turn_endpoint(
            Silent,
            server_addr=(relay.address, relay.tls_port if transport == "tls" else relay.port),
            username=username,
            password=credential,
            ssl=context if context is not None else False,
            transport="udp" if transport == "udp" else "tcp",
        )
    except stun.TransactionFailed as failed:
        return str(failed.response.attributes["ERROR-CODE"][0])
    finally:
        if endpoint is not None:
            endpoint.close()
    return "allocated"


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_the_relay_serves_whom_the_court_sent_and_nobody_else(relay: coturn.Relay, transport: str) -> None:
    urls = (relay.url(transport),)
    now = time.time()
    (good,) = TurnServers(urls, coturn.SECRET, 60).ice_servers("p1", now)
    (ended,) = TurnServers(urls, coturn.SECRET, 60).ice_servers("p1", now - 61)
    (forged,) = TurnServers(urls, "another secret", 60).ice_servers("p1", now)
    assert await allocate(relay, transport, good.username, good.credential) == "allocated"
    assert await allocate(relay, transport, ended.username, ended.credential) == "401"
    assert await allocate(relay, transport, forged.username, forged.credential) == "401"
    later = f"{int(now) + 86_400}:p1"
    assert await allocate(relay, transport, later, good.credential) == "401"
    assert await allocate(relay, transport, good.username.replace("p1", "p2"), good.credential) == "401"
    assert await allocate(relay, transport, "p1", good.credential) == "401"


async def test_the_relay_reaches_the_media_worker_and_nothing_else(world: World, relay: coturn.Relay) -> None:
    """A relay that reached the court's other servers would be a hole in its firewall."""
    (good,) = TurnServers((relay.url("udp"),), coturn.SECRET, 60).ice_servers("p1", time.time())
    loop = asyncio.get_running_loop()
    heard: list[bytes] = []

    class Inner(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            heard.append(data)

    for address, reached in ((world.v4, True), (world.inner_v4, False), ("127.0.0.1", False)):
        heard.clear()
        inside, _ = await loop.create_datagram_endpoint(Inner, local_addr=(address, 0))
        endpoint, _ = await turn.create_turn_endpoint(
            Silent, (relay.address, relay.port), username=good.username, password=good.credential
        )
        endpoint.sendto(b"knock", inside.get_extra_info("sockname"))
        for _ in range(20):
            await asyncio.sleep(0.05)
            if heard:
                break
        assert bool(heard) is reached
        endpoint.close()
        inside.close()
