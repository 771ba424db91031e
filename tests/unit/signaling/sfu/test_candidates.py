from __future__ import annotations

import ipaddress

from signaling.sfu.candidates import announced_addresses, candidates


def test_announced_addresses_win() -> None:
    assert announced_addresses(("0.0.0.0",), ("203.0.113.5", "203.0.113.5")) == ["203.0.113.5"]


def test_plain_listening_addresses_are_told_as_they_are() -> None:
    assert announced_addresses(("127.0.0.1", "::1"), ()) == ["127.0.0.1", "::1"]


def test_a_wildcard_stands_for_a_real_address() -> None:
    for address in announced_addresses(("0.0.0.0", "::"), ()):
        assert not ipaddress.ip_address(address).is_unspecified


def test_udp_comes_before_tcp_and_earlier_addresses_before_later() -> None:
    found = candidates(["192.0.2.1", "2001:db8::1"], 5000, tcp=True)
    assert [(c.ip, c.protocol) for c in sorted(found, key=lambda c: -c.priority)] == [
        ("192.0.2.1", "udp"),
        ("2001:db8::1", "udp"),
        ("192.0.2.1", "tcp"),
        ("2001:db8::1", "tcp"),
    ]
    assert {c.tcp_type for c in found if c.protocol == "tcp"} == {"passive"}
    assert {c.protocol for c in candidates(["192.0.2.1"], 5000, tcp=False)} == {"udp"}


def test_link_local_ipv6_is_told_to_nobody() -> None:
    assert announced_addresses(("fe80::1", "2001:db8::1", "169.254.0.9"), ()) == ["2001:db8::1", "169.254.0.9"]
    assert announced_addresses(("::1",), ("fe80::7", "192.0.2.1")) == ["192.0.2.1"]
