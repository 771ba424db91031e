"""Seats, devices and lines of people on their sockets."""

from __future__ import annotations

from typing import Any

from signaling.messages import CheckIn, Quality
from signaling.worker_api import PeerQuality
from tests.unit.hearing_server.parts import Court, refused


def person(view: dict[str, Any], role: str) -> dict[str, Any]:
    found: dict[str, Any] = next(entry for entry in view["people"] if entry["role"] == role)
    return found


async def test_devices_are_shown_to_all(court: Court) -> None:
    sockets = await court.start("claimant")
    court.room.listener.devices_changed(court.people["claimant"], "off", "on")
    court.room.listener.devices_changed("nobody", "on", "on")
    await court.settled()
    assert person(sockets["judge"].view, "claimant")["microphone"] == "off"
    assert person(sockets["judge"].view, "claimant")["camera"] == "on"


async def test_a_second_window_displaces_the_first(court: Court) -> None:
    first = await court.arrive("claimant")
    second, view = await court.join("claimant")
    assert first.ended is not None
    assert first.ended.reason == "displaced"
    assert view["people"]
    assert person(view, "claimant")["presence"] == "waiting"
    assert (await refused(court.command(first, "open"))).code == "displaced"
    await court.hearings.gone(first)
    await court.settled()
    assert person(second.view, "claimant")["presence"] == "waiting"


async def test_a_second_device_displaces_the_first_and_passes_the_check_again(court: Court) -> None:
    sockets = await court.start("claimant")
    court.hearings.seat_taken(court.sitting_id, court.people["claimant"], "phone")
    assert sockets["claimant"].ended is not None
    await court.settled()
    assert person(sockets["judge"].view, "claimant")["presence"] == "away"
    phone, view = await court.join("claimant", seat_id="phone")
    assert person(view, "claimant")["presence"] == "checking"
    await court.hearings.check_in(phone, CheckIn(id=9, declaration=True))
    await court.settled()
    assert person(phone.view, "claimant")["presence"] == "in_hearing"
    court.hearings.seat_taken(court.sitting_id, court.people["claimant"], "phone")
    assert phone.ended is None


async def test_a_lost_socket_makes_the_person_away_and_the_seat_is_kept(court: Court) -> None:
    sockets = await court.start("claimant")
    await court.hearings.gone(sockets["claimant"])
    await court.settled()
    entry = person(sockets["judge"].view, "claimant")
    assert (entry["presence"], entry["inRoom"]) == ("away", True)
    assert entry["awaySince"] is not None
    assert court.people["claimant"] in court.room.plan.publish
    _, view = await court.join("claimant")
    assert person(view, "claimant")["presence"] == "in_hearing"


async def test_after_five_minutes_the_seat_is_given_up(court: Court) -> None:
    sockets = await court.start("claimant")
    await court.hearings.gone(sockets["claimant"])
    await court.settled()
    court.clock.wait(301)
    court.room.capture()
    await court.settled()
    assert person(sockets["judge"].view, "claimant")["presence"] == "disconnected"
    assert court.people["claimant"] not in court.room.plan.publish


async def test_leaving_by_ones_own_will(court: Court) -> None:
    sockets = await court.start("claimant")
    await court.hearings.leave(sockets["claimant"])
    await court.settled()
    assert person(sockets["judge"].view, "claimant")["presence"] == "not_signed_in"
    await court.hearings.leave(sockets["claimant"])


async def test_people_learn_of_their_own_line_and_the_bench_of_all(court: Court) -> None:
    sockets = await court.start("clerk", "claimant")
    lines = {court.people[role]: PeerQuality(uplink_loss=0.1) for role in ("judge", "claimant")}
    court.room.listener.quality_changed(lines)

    def told(role: str) -> list[set[str]]:
        return [set(notice.people) for notice in sockets[role].notices if isinstance(notice, Quality)]

    assert told("judge") == told("clerk") == [set(lines)]
    assert told("claimant") == [{court.people["claimant"]}]


async def test_bench_and_clerk_are_told_that_no_server_has_room(court: Court) -> None:
    sockets = await court.start("clerk", "claimant")
    listener = court.room.listener
    for state, told in (("full", True), ("ready", False), ("lost", False)):
        listener.media_changed(state, "w1.first" if state == "ready" else None)  # type: ignore[arg-type]
        await court.settled()
        assert sockets["judge"].view["mediaFull"] is told
        assert sockets["clerk"].view["mediaFull"] is told
        assert sockets["claimant"].view["mediaFull"] is False
