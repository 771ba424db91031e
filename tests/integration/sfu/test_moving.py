"""A person moves from one network to another in the middle of a hearing, as from Wi-Fi to a mobile network.

Sound and picture flow again both ways within the issue's bar, over the same DTLS association, and the way that was left
is forgotten.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import pytest

from signaling import worker_api as api
from signaling.sfu import ice, rtcp, transport

from .peer import Court, Link, audio_parameters, opus, video_parameters, vp8

BOTH: list[api.Source] = ["microphone", "camera"]
#: The issue's bar.
BACK_WITHIN_S = 3.0
ELSEWHERE = "127.0.0.2"


class Pair:
    """a and b send sound and picture to each other."""

    def __init__(self, court: Court) -> None:
        self.court = court
        self.up: dict[str, Link] = {}
        self.down: dict[str, Link] = {}
        self._number = 0

    @classmethod
    async def meet(cls, court: Court) -> Pair:
        pair = cls(court)
        await court.obey({"a": BOTH, "b": BOTH}, {"a": ["b"], "b": ["a"]})
        for person in ("a", "b"):
            pair.up[person] = await court.link(person, "send")
            pair.down[person] = await court.link(person, "recv")
            await court.produce(pair.up[person], "microphone", audio_parameters())
            await court.produce(pair.up[person], "camera", video_parameters())
        for person in ("a", "b"):
            await court.consumer(person, "microphone")
            await court.consumer(person, "camera")
        await pair.flows()
        return pair

    def links_of(self, person: str) -> list[Link]:
        return [self.up[person], self.down[person]]

    async def flows(self) -> None:
        """Sound and picture that are sent now arrive, both ways."""
        marks = {person: b"%s%d" % (person.encode(), self._number) for person in self.up}

        def arrived() -> bool:
            self._number += 1
            for person, link in self.up.items():
                link.send_rtp(opus(self._number, body=marks[person]))
                number = self._number
                link.send_rtp(vp8(number, key=number % 10 == 1, picture=number, body=marks[person]))
            return all(
                {p.payload_type for p in self.down[person].packets[-40:] if p.payload.endswith(mark)} == {100, 101}
                for person, mark in (("a", marks["b"]), ("b", marks["a"]))
            )

        await self.court.until(arrived)

    async def moves(self, move: Callable[[Link], Awaitable[None]]) -> None:
        """Person a moves; everything is back in time and under the old keys."""
        keys = [link.keys for link in self.links_of("a")]
        begun = time.monotonic()
        for link in self.links_of("a"):
            await move(link)
        await self.flows()
        assert time.monotonic() - begun < BACK_WITHIN_S
        assert [link.keys for link in self.links_of("a")] == keys
        assert {e.state for e in self.court.events if isinstance(e, api.TransportState)} == {"connected"}


async def test_a_check_from_a_new_address_is_enough(court: Court) -> None:
    pair = await Pair.meet(court)
    await pair.moves(lambda link: link.open(ELSEWHERE))


async def test_a_restart_of_ice_from_a_new_address(court: Court) -> None:
    pair = await Pair.meet(court)

    async def restart(link: Link) -> None:
        restarted = await court.ask(api.RestartIce(transport_id=link.id))
        assert isinstance(restarted, api.IceRestarted)
        link.parameters = restarted.ice_parameters
        await link.open(ELSEWHERE)

    await pair.moves(restart)
    await pair.moves(restart)


async def test_from_udp_to_tcp_and_back(court: Court) -> None:
    pair = await Pair.meet(court)
    await pair.moves(Link.open_tcp)
    await pair.moves(Link.open)
    await court.until(lambda: not court.worker._port.connections)


async def test_a_tcp_connection_that_breaks_gives_way_to_another(court: Court) -> None:
    pair = await Pair.meet(court)
    await pair.moves(Link.open_tcp)

    async def again(link: Link) -> None:
        assert link._writer is not None
        link._writer.close()
        await link.open_tcp()

    await pair.moves(again)


async def test_the_way_that_was_left_is_forgotten(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = await Pair.meet(court)
    port = court.worker._port

    def ways() -> int:
        return sum(len(sock.routes) for sock in port._sockets)

    assert ways() == 4
    credentials = set(port.receivers)

    async def restart(link: Link) -> None:
        restarted = await court.ask(api.RestartIce(transport_id=link.id))
        assert isinstance(restarted, api.IceRestarted)
        link.parameters = restarted.ice_parameters
        await link.open(ELSEWHERE)

    await pair.moves(restart)
    assert ways() == 6
    monkeypatch.setattr(ice, "FORGET_S", 0.5)
    await court.until(lambda: ways() == 4 and len(port.receivers) == 4)
    assert not credentials >= set(port.receivers)
    await pair.flows()


async def test_nobody_who_was_silent_for_long_is_taken_for_present(
    court: Court, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Consent (RFC 7675) expires; a new check from a new address brings everything back."""
    pair = await Pair.meet(court)
    monkeypatch.setattr(ice, "CONSENT_S", 0.3)

    def states(link: Link) -> list[str]:
        return [e.state for e in court.events if isinstance(e, api.TransportState) and e.transport_id == link.id]

    await court.until(lambda: all(states(link)[-1] == "lost" for link in pair.links_of("a")))
    monkeypatch.setattr(ice, "CONSENT_S", 10.0)
    for link in [*pair.links_of("b"), *pair.links_of("a")]:
        await link.open(ELSEWHERE)
    await pair.flows()
    await court.until(lambda: all(states(link)[-1] == "connected" for link in pair.links_of("a")))


async def test_who_comes_back_after_a_silence_gets_a_keyframe(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was sent to the old address is lost; without a keyframe the picture would stand until the browser asks."""
    pair = await Pair.meet(court)
    await court.until(lambda: not any(p.keyframes.pending for _, _, p in court.worker._producers.values()))
    asked = len([r for r in pair.up["b"].reports if isinstance(r, rtcp.KeyframeRequest)])
    monkeypatch.setattr(transport, "OUTAGE_MS", 0)
    await pair.down["a"].open(ELSEWHERE)
    await court.until(lambda: len([r for r in pair.up["b"].reports if isinstance(r, rtcp.KeyframeRequest)]) > asked)
