"""Networks without UDP and without IPv4: the worker is reached directly all the same."""

from __future__ import annotations

import pytest

from .court import Court

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="package"),
    pytest.mark.timeout(180),
]


async def test_without_udp_by_tcp_to_the_worker(court: Court) -> None:
    """ICE-TCP, passive at the worker (RFC 6544): the same port number, no relay."""
    with court.world.namespace() as namespace:
        namespace.join()
        namespace.allow_only(
            ("-p", "tcp", "--dport", str(court.https_port)), ("-p", "tcp", "--dport", str(court.media_port))
        )
        async with court.visitor(namespace) as person:
            await court.both_ways(person)
            for route in await person.routes():
                assert route["type"] != "relay"
                assert (route["protocol"], route["remote"]) == ("tcp", court.world.v4)
            assert person.errors == []


async def test_with_ipv6_alone(court: Court) -> None:
    with court.world.namespace() as namespace:
        namespace.join(v4=False, v6=True)
        async with court.visitor(namespace, v6=True) as person:
            await court.both_ways(person)
            assert [(r["type"], r["protocol"], r["remote"]) for r in await person.routes()] == [
                ("host", "udp", court.world.v6)
            ] * 2
            assert person.errors == []
