from __future__ import annotations

import ipaddress

from signaling.sfu.port import announced_addresses


def test_announced_addresses_win() -> None:
    assert announced_addresses(("0.0.0.0",), ("203.0.113.5", "203.0.113.5")) == ["203.0.113.5"]


def test_plain_listening_addresses_are_told_as_they_are() -> None:
    assert announced_addresses(("127.0.0.1", "::1"), ()) == ["127.0.0.1", "::1"]


def test_a_wildcard_stands_for_a_real_address() -> None:
    for address in announced_addresses(("0.0.0.0", "::"), ()):
        assert not ipaddress.ip_address(address).is_unspecified
