from __future__ import annotations

import socket

import pytest

from hearing_server import addresses
from hearing_server.addresses import PortUse
from hearing_server.words import Fault
from tests.servers.process import free_port

USE = PortUse("HEARING_HTTP_PORT", "HTTP")


@pytest.fixture
def taken() -> int:
    listener = socket.create_server(("127.0.0.1", 0))
    yield listener.getsockname()[1]  # type: ignore[misc]
    listener.close()


def close(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()


def test_localhost_and_everything_can_be_bound() -> None:
    for address in ("localhost", "*", "127.0.0.1"):
        bound = addresses.bind_tcp(address, 0, USE)
        assert bound
        assert len({each.getsockname()[1] for each in bound}) == 1
        close(bound)


def test_a_taken_port_is_named_with_the_setting_that_changes_it(taken: int) -> None:
    with pytest.raises(Fault) as caught:
        addresses.bind_tcp("localhost", taken, USE)
    assert str(taken) in caught.value.sentence("zh-CN")
    assert "HEARING_HTTP_PORT" in caught.value.sentence("en")


def test_the_next_port_is_offered(taken: int) -> None:
    assert addresses.next_free_port("localhost", taken, USE) > taken


def test_a_port_taken_for_udp_only_counts_where_both_are_needed() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        addresses.check_port("127.0.0.1", port, USE)
        with pytest.raises(Fault):
            addresses.check_port("127.0.0.1", port, PortUse("HEARING_MEDIA_PORT", "media", "tcp+udp"))


def test_an_address_of_another_computer_is_refused() -> None:
    with pytest.raises(Fault) as caught:
        addresses.bind_tcp("203.0.113.77", free_port(), USE)
    assert caught.value.key == "address-unknown"


def test_local_addresses_can_be_reached_from_elsewhere() -> None:
    for address in addresses.local_addresses():
        assert not address.is_loopback
        assert not address.is_unspecified
