"""The runtime and its log: restarts, rest, other writers, floods, a database that fails."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hearing_server.court import replay
from hearing_server.hearings import Hearings
from hearing_server.hearings import actor as actor_module
from hearing_server.store import StoreError
from signaling.application import Refusal
from signaling.messages import CheckIn, Join
from tests.unit.hearing_server.parts import Court, refused, until


def person(view: dict[str, Any], role: str) -> dict[str, Any]:
    found: dict[str, Any] = next(entry for entry in view["people"] if entry["role"] == role)
    return found


async def test_a_flood_of_requests_does_not_fill_the_log(court: Court) -> None:
    socket = await court.arrive("claimant")
    codes = []
    for number in range(60):
        try:
            await court.hearings.check_in(
                socket, CheckIn(id=number, declaration=True, camera="ok" if number % 2 else "off")
            )
        except Refusal as refusal:
            codes.append(refusal.code)
    assert set(codes) == {"too-many"}
    assert len(await court.store.log.read(court.sitting_id)) < 40
    court.clock.wait(60)
    await court.hearings.check_in(socket, CheckIn(id=99, declaration=True, camera="busy"))


async def test_the_same_check_again_writes_nothing(court: Court) -> None:
    socket = await court.arrive("claimant")
    before = len(await court.store.log.read(court.sitting_id))
    await court.hearings.check_in(socket, CheckIn(id=5, declaration=True))
    assert len(await court.store.log.read(court.sitting_id)) == before


async def test_another_writer_of_the_log_is_followed(court: Court) -> None:
    """Two control processes on one database: the second to write sees what the first did, and decides anew."""
    judge = await court.arrive("judge")
    other = Hearings(court.store, court.rooms, court.recorder, clock=court.clock)
    claimant = court.socket("claimant")
    await other.enter(claimant, Join(id=1))
    await other.check_in(claimant, CheckIn(id=2, declaration=True))
    await court.command(judge, "open")
    await court.settled()
    assert person(judge.view, "claimant")["presence"] in ("waiting", "away")
    log = await court.store.log.read(court.sitting_id)
    assert [event.seq for event in log] == list(range(1, len(log) + 1))
    assert replay(log) is not None
    await other.aclose()


async def test_a_database_that_fails_is_said_and_nothing_moves(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = await court.arrive("judge")

    async def full(*_: Any) -> None:
        raise StoreError("store-full", "database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(court.store.log, "append", full)
        assert (await refused(court.command(judge, "open", request_id="x"))).code == "store-full"
        await court.hearings.gone(judge)
        await court.settled()
    assert court.state == "not_started"
    judge, view = await court.join("judge")
    assert person(view, "judge")["presence"] == "waiting"
    await court.command(judge, "open", request_id="x")
    assert court.state == "countdown"


async def test_a_restart_goes_on_with_an_open_sitting(court: Court) -> None:
    sockets = await court.start("claimant")
    await court.hearings.aclose()
    again = Hearings(court.store, court.rooms, court.recorder, clock=court.clock)
    court.hearings = again
    await again.start()
    assert court.state == "in_session"
    assert set(court.room.plan.publish) == {court.people["judge"], court.people["claimant"]}
    _, view = await court.join("judge")
    assert person(view, "judge")["presence"] == "in_hearing"
    assert person(view, "claimant")["presence"] == "in_hearing"
    court.clock.wait(7)
    court.room.capture()
    await court.settled()
    log = await court.store.log.read(court.sitting_id)
    assert (log[-2].name, log[-2].subject) == ("lose", court.people["claimant"])
    assert (log[-1].name, log[-1].detail["kind"]) == ("open_task", "participant_disconnected")
    assert sockets["claimant"].ended is None


async def test_a_restart_in_the_countdown_waits_until_record_and_judge_are_seen(court: Court) -> None:
    judge = await court.arrive("judge")
    await court.command(judge, "open")
    court.room.capture()
    await court.settled()
    await court.hearings.aclose()
    court.clock.wait(20)
    court.hearings = Hearings(court.store, court.rooms, court.recorder, clock=court.clock)
    await court.hearings.start()
    await court.settled()
    assert court.state == "countdown"
    court.room.capture()
    await court.settled()
    assert court.state == "countdown"
    await court.join("judge")
    await court.settled()
    assert court.state == "in_session"


async def test_an_empty_sitting_rests_and_wakes(court: Court) -> None:
    socket = await court.arrive("claimant")
    room = court.room
    await court.hearings.gone(socket)
    await court.settled()
    assert not room.closed
    court.clock.wait(301)
    room.capture()

    async def rested() -> bool:
        return court.hearings.live(court.sitting_id) is None

    await until(rested)
    assert room.closed
    assert court.hearings.at_work() == []
    again, view = await court.join("claimant")
    assert person(view, "claimant")["presence"] == "checking"
    assert not court.room.closed
    await court.hearings.leave(again)
    await until(rested)


async def test_a_closed_sitting_rests(court: Court) -> None:
    sockets = await court.start("claimant")
    await court.command(sockets["judge"], "close")

    async def rested() -> bool:
        return court.hearings.live(court.sitting_id) is None

    await asyncio.sleep(actor_module.FAREWELL_S + 0.1)
    assert (await refused(court.join("claimant"))).code == "sitting-closed"
    assert sockets["judge"].ended is None
    await court.hearings.leave(sockets["judge"])
    await until(rested)
    judge, view = await court.join("judge")
    assert "enter_bench_room" not in view["may"], "after another check only"
    court.clock.wait(2 * 3600 + 1)
    await court.hearings.leave(judge)
    await until(rested)
    assert (await refused(court.join("judge"))).code == "sitting-closed"
    await until(rested)
