from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from signaling.turn import TurnServers, is_turn_url

NOW_S = 1_700_000_000.7


def test_a_credential_is_what_the_relay_computes_itself() -> None:
    relays = TurnServers(("turn:relay.example?transport=udp", "turns:relay.example:443"), "hush", 600)
    (server,) = relays.ice_servers("p7", NOW_S)
    assert server.urls == ["turn:relay.example?transport=udp", "turns:relay.example:443"]
    assert server.username == "1700000600:p7"
    expected = hmac.new(b"hush", b"1700000600:p7", hashlib.sha1).digest()
    assert base64.b64decode(server.credential) == expected


def test_each_person_and_each_time_has_its_own() -> None:
    relays = TurnServers(("turn:relay.example",), "hush")
    seen = {relays.ice_servers(person, now_s)[0].credential for person in ("p1", "p2") for now_s in (0.0, 60.0)}
    assert len(seen) == 4


def test_the_secret_is_not_in_its_text() -> None:
    assert "hush" not in repr(TurnServers(("turn:relay.example",), "hush"))


@pytest.mark.parametrize(
    "url",
    [
        "turn:relay.example",
        "turn:relay.example:3478?transport=udp",
        "turns:relay.example:443?transport=tcp",
        "turn:192.0.2.1:3478",
        "turn:[2001:db8::1]:3478?transport=tcp",
        "turn:[2001:db8::1]",
    ],
)
def test_addresses_that_browsers_take(url: str) -> None:
    assert is_turn_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "turn:",
        "relay.example",
        "stun:relay.example",
        "https://relay.example",
        "turn://relay.example",
        "turn:user@relay.example",
        "turn:relay.example:",
        "turn:relay.example:0",
        "turn:relay.example:70000",
        "turn:relay.example:x",
        "turn:relay.example?transport=sctp",
        "turn:relay.example?",
        "turn:relay.example?x=y",
        "turn:2001:db8::1",
        "turn:[2001:db8::1",
        "turn:[2001:db8::1]:",
        "turn:relay.example:²",
    ],
)
def test_addresses_that_browsers_refuse(url: str) -> None:
    assert not is_turn_url(url)
