from __future__ import annotations

import dataclasses
import os

from signaling.sfu import ice, stun
from signaling.sfu.clock import NS_PER_S

SOURCE = ("192.0.2.1", 4000)


def check(
    agent: ice.IceLite[str], path: str, *, use: bool = False, now: int = 0, which: int = -1
) -> ice.Reply[str] | None:
    local = agent.credentials[which]
    data = stun.request(os.urandom(12), f"{local.ufrag}:them", local.password, use_candidate=use)
    request = stun.parse_request(data)
    assert request is not None
    return agent.on_request(request, path, SOURCE, now)


def test_the_first_proven_path_is_used_until_one_is_nominated() -> None:
    agent: ice.IceLite[str] = ice.IceLite(0)
    first = check(agent, "a")
    assert first is not None
    assert first.nominated
    second = check(agent, "b")
    assert second is not None
    assert agent.selected == "b"
    check(agent, "a", use=True)
    check(agent, "b")
    assert agent.selected == "a"
    check(agent, "b", use=True)
    assert agent.selected == "b"


def test_a_wrong_password_or_fragment_changes_nothing() -> None:
    agent: ice.IceLite[str] = ice.IceLite(0)
    for ufrag, password in ((agent.local.ufrag, "wrong"), ("other", agent.local.password)):
        request = stun.parse_request(stun.request(bytes(12), f"{ufrag}:x", password, use_candidate=True))
        assert request is not None
        assert agent.on_request(request, "evil", SOURCE, 1) is None
    assert agent.selected is None
    assert not agent.paths


def test_old_and_new_credentials_hold_after_a_restart_but_no_third() -> None:
    agent: ice.IceLite[str] = ice.IceLite(0)
    oldest = agent.local
    check(agent, "a", use=True)
    assert agent.restart() is None
    assert check(agent, "a", which=0) is not None
    check(agent, "b", use=True)
    assert agent.selected == "b"
    assert agent.restart() == oldest
    assert oldest not in agent.credentials


def test_a_restart_is_followed_before_it_is_nominated() -> None:
    agent: ice.IceLite[str] = ice.IceLite(0)
    check(agent, "wifi", use=True)
    agent.restart()
    check(agent, "wifi", which=0)
    assert agent.selected == "wifi"
    moved = check(agent, "mobile")
    assert moved is not None
    assert moved.nominated
    assert agent.selected == "mobile"
    check(agent, "relay")
    assert agent.selected == "mobile"
    check(agent, "relay", use=True)
    assert agent.selected == "relay"


def test_consent_expires_and_returns() -> None:
    agent: ice.IceLite[str] = ice.IceLite(0)
    check(agent, "a", use=True, now=1 * NS_PER_S)
    assert not agent.expired(11 * NS_PER_S)
    assert agent.expired(12 * NS_PER_S)
    check(agent, "a", now=12 * NS_PER_S)
    assert not agent.expired(13 * NS_PER_S)


def test_paths_are_bounded_and_the_selected_one_stays() -> None:
    agent: ice.IceLite[str] = ice.IceLite(0)
    check(agent, "chosen", use=True, now=0)
    forgotten = []
    for i in range(20):
        reply = check(agent, f"p{i}", now=i + 1)
        assert reply is not None
        forgotten.append(reply.forgotten)
    assert len(agent.paths) == ice.MAX_PATHS
    assert agent.selected == "chosen"
    assert forgotten[ice.MAX_PATHS - 1] == "p0"


def test_a_closed_path_yields_to_the_one_proven_last() -> None:
    agent: ice.IceLite[str] = ice.IceLite(0)
    check(agent, "tcp", use=True, now=1)
    check(agent, "udp", now=2)
    agent.forget("tcp")
    assert agent.selected == "udp"
    agent.forget("udp")
    assert agent.selected is None


def test_a_controlled_peer_is_told_of_the_conflict() -> None:
    agent: ice.IceLite[str] = ice.IceLite(0)
    local = agent.local
    data = stun.request(bytes(12), f"{local.ufrag}:them", local.password)
    request = stun.parse_request(data)
    assert request is not None
    conflicting = dataclasses.replace(request, use_candidate=True, controlled=True)
    reply = agent.on_request(conflicting, "a", SOURCE, 0)
    assert reply is not None
    assert not reply.authentic
    assert agent.selected is None


def test_a_path_that_the_peer_has_left_and_replaced_credentials_are_forgotten() -> None:
    agent: ice.IceLite[str] = ice.IceLite(0)
    old = agent.local
    check(agent, "wifi", use=True, now=1 * NS_PER_S)
    agent.restart()
    check(agent, "mobile", use=True, now=20 * NS_PER_S)
    check(agent, "idle", now=21 * NS_PER_S)
    assert agent.forget_old(30 * NS_PER_S) == ([], [])
    assert agent.forget_old(32 * NS_PER_S) == (["wifi"], [])
    assert agent.forget_old(51 * NS_PER_S) == ([], [old])
    assert agent.forget_old(90 * NS_PER_S) == (["idle"], [])
    assert agent.selected == "mobile", "the chosen path stays, however quiet"
    assert agent.forget_old(500 * NS_PER_S) == ([], [])
    assert list(agent.paths) == ["mobile"]


def test_a_restart_before_the_first_check_with_new_credentials_keeps_both() -> None:
    agent: ice.IceLite[str] = ice.IceLite(0)
    check(agent, "a", use=True)
    agent.restart()
    assert agent.forget_old(100 * NS_PER_S) == ([], [])
    assert len(agent.credentials) == 2


def test_an_overheard_check_that_is_repeated_from_elsewhere_moves_nothing() -> None:
    agent: ice.IceLite[str] = ice.IceLite(0)
    request = stun.parse_request(
        stun.request(os.urandom(12), f"{agent.local.ufrag}:x", agent.local.password, use_candidate=True)
    )
    assert request is not None
    assert agent.on_request(request, "theirs", SOURCE, 0) is not None
    assert agent.on_request(request, "evil", SOURCE, 1) is None
    assert agent.on_request(request, "theirs", SOURCE, 2) is not None, "they repeat it themselves while unanswered"
    assert (agent.selected, list(agent.paths)) == ("theirs", ["theirs"])


def test_nobody_gets_more_than_was_sent() -> None:
    """The shortest check that can be signed, from IPv6: its answer would be longer."""
    agent: ice.IceLite[str] = ice.IceLite(0)
    local = agent.local
    request = stun.parse_request(stun.request(os.urandom(12), f"{local.ufrag}:x", local.password))
    assert request is not None
    short = dataclasses.replace(request, size=68)
    assert agent.on_request(short, "a", ("2001:db8::1", 4000), 0) is None
    assert agent.paths == {}
    answered = agent.on_request(request, "a", ("2001:db8::1", 4000), 0)
    assert answered is not None
    assert len(answered.datagram) <= request.size
