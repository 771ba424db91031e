"""The runtime: from sockets, timers and media to the log, and from the log to plans, views and the recorder."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from hearing_server.hearings import actor as actor_module
from signaling.application import Refusal
from signaling.messages import CheckIn
from tests.unit.hearing_server.parts import Court, refused


def person(view: dict[str, Any], role: str) -> dict[str, Any]:
    found: dict[str, Any] = next(entry for entry in view["people"] if entry["role"] == role)
    return found


async def test_a_hearing_from_the_first_socket_to_the_close(court: Court) -> None:
    sockets = await court.start("clerk", "claimant", "respondent", "witness")
    assert court.state == "in_session"
    ids = {court.people[role] for role in ("judge", "clerk", "claimant", "respondent")}
    assert set(court.room.plan.publish) == ids
    assert {subscriber: set(others) for subscriber, others in court.room.plan.receive.items()} == {
        one: ids - {one} for one in ids
    }
    assert court.room.plan.record == court.sitting_id
    assert court.room.plan.pinned == [court.people["judge"]]
    view = sockets["judge"].view
    assert view["state"] == "in_session"
    assert view["record"]["state"] == "recording"
    assert view["record"]["tracks"] == 2
    assert {"close", "call", "dismiss", "recess"} <= set(view["may"])
    assert sockets["witness"].view["mayPublish"] == []

    await court.command(sockets["judge"], "call", arguments={"personId": court.people["witness"]})
    await court.settled()
    assert court.people["witness"] in court.room.plan.publish
    assert set(court.room.plan.pinned) == {court.people["judge"], court.people["witness"]}
    assert person(sockets["claimant"].view, "witness")["calledAt"] is not None

    await court.command(sockets["judge"], "close")
    assert court.room.plan.publish == {}
    assert court.room.plan.receive == {}
    assert court.room.plan.record is None
    assert sockets["claimant"].view["state"] == "closed"
    await asyncio.sleep(actor_module.FAREWELL_S + 0.1)
    for role, socket in sockets.items():
        assert (socket.ended is None) == (role == "judge"), "the bench keeps its own room"
        assert socket.ended is None or socket.ended.reason == "closed"
    assert (await refused(court.join("claimant"))).code == "sitting-closed"
    await court.hearings.leave(sockets["judge"])
    assert court.room.closed


async def test_nobody_gets_media_before_the_session(court: Court) -> None:
    judge = await court.arrive("judge")
    await court.arrive("claimant")
    await court.command(judge, "open")
    court.room.capture()
    await court.settled()
    assert court.state == "countdown"
    for plan in court.room.plans:
        assert plan.publish == {}
        assert plan.receive == {}
    assert court.room.plan.record == court.sitting_id


async def test_no_session_before_the_record_runs(court: Court) -> None:
    judge = await court.arrive("judge")
    await court.command(judge, "open")
    court.clock.wait(15)
    court.room.listener.devices_changed(court.people["judge"], "on", "on")
    await court.settled()
    assert court.state == "countdown"
    assert judge.view["record"]["state"] == "arming"
    court.clock.wait(30)
    await court.settled()
    assert court.state == "not_started"
    assert judge.view["stateReason"] == "no-record"
    assert court.room.plan.record is None
    assert judge.view["record"]["failedStarts"] == 1
    await court.command(judge, "open")
    court.clock.wait(45)
    await court.settled()
    assert judge.view["record"]["failedStarts"] == 2, "other equipment is to be used"
    await court.command(judge, "open")
    court.room.capture()
    await court.settled()
    assert (judge.view["record"]["state"], judge.view["record"]["failedStarts"]) == ("recording", 0)


async def test_no_session_while_the_judge_is_away(court: Court) -> None:
    judge = await court.arrive("judge")
    claimant = await court.arrive("claimant")
    await court.command(judge, "open")
    court.room.capture()
    await court.settled()
    await court.hearings.gone(judge)
    court.clock.wait(10)
    court.room.capture()
    await court.settled()
    assert court.state == "not_started"
    assert claimant.view["stateReason"] == "no-judge"
    assert court.room.plan.record is None
    again, _ = await court.join("judge")
    await court.command(again, "open")
    assert court.state == "countdown"


async def test_the_countdown_ends_by_itself(court: Court) -> None:
    judge = await court.arrive("judge")
    await court.command(judge, "open")
    court.room.capture()
    await court.settled()
    court.clock.wait(10)
    for _ in range(60):
        await asyncio.sleep(0.05)
        if court.state == "in_session":
            break
    assert court.state == "in_session"


async def test_a_waiting_witness_knows_nobody_but_the_judge(court: Court) -> None:
    sockets = await court.start("claimant", "respondent")
    sockets["witness"], view = await court.join("witness")
    assert {entry["role"] for entry in view["people"]} == {"judge", "witness"}
    assert view["may"] == []
    court.room.capture()
    await court.settled()
    assert sockets["witness"].view["record"]["tracks"] == 0 < sockets["judge"].view["record"]["tracks"]


async def test_an_observer_sees_roles_and_never_speaks(court: Court) -> None:
    sockets = await court.start("claimant", "observer")
    await court.command(sockets["judge"], "call", arguments={"personId": court.people["observer"]})
    await court.settled()
    view = sockets["observer"].view
    assert person(view, "claimant")["name"] == ""
    assert person(view, "claimant")["nameZh"] == ""
    assert person(view, "judge")["name"] == "M. Adeyemi"
    assert sockets["judge"].view["watching"] == 1
    assert court.people["observer"] in court.room.plan.receive
    assert court.people["observer"] not in court.room.plan.publish
    assert (await refused(court.hearings.may_produce(sockets["observer"], "microphone"))).code == "may-not-publish"
    interpreter = await court.arrive("interpreter")
    assert (await refused(court.hearings.may_produce(interpreter, "screen"))).code == "source-not-allowed"
    attributes = await court.hearings.may_produce(sockets["claimant"], "camera")
    assert attributes == {"name": "Joan Larkin", "name_zh": "琼·拉金", "role": "claimant"}
    seat = replace(sockets["claimant"].seat, device="phone", browser="Safari")
    sockets["claimant"].seat = seat
    attributes = await court.hearings.may_produce(sockets["claimant"], "camera")
    assert (attributes["device"], attributes["browser"]) == ("phone", "Safari")


async def test_the_bench_sees_what_the_check_said_and_parties_do_not(court: Court) -> None:
    judge = await court.arrive("judge")
    claimant, _ = await court.join("claimant")
    await court.hearings.check_in(claimant, CheckIn(id=4, declaration=True, camera="missing", network="weak"))
    respondent = await court.arrive("respondent")
    await court.settled()
    assert person(judge.view, "claimant")["check"] == {"camera": "missing", "microphone": "ok", "network": "weak"}
    assert person(respondent.view, "claimant")["check"] is None


async def test_refusals_are_in_the_persons_language(court: Court) -> None:
    socket = await court.arrive("claimant", locale="zh-CN")
    refusal = await refused(court.command(socket, "open"))
    assert refusal.code == "not-allowed"
    assert "身份" in refusal.message


async def test_commands_that_are_none(court: Court) -> None:
    judge = await court.arrive("judge")
    for name in ("elapsed", "first_durable", "seal", "check_in", "sign_out", "book", "nonsense"):
        assert (await refused(court.command(judge, name))).code == "unknown-command"
    assert (await refused(court.command(judge, "call", arguments={"personId": 5}))).code == "invalid"
    assert (await refused(court.command(judge, "call", arguments={"personId": "x" * 600}))).code == "invalid"
    assert (await refused(court.command(judge, "call"))).code == "unknown-person"
    assert (await refused(court.command(judge, "call", arguments={"personId": "nobody"}))).code == "unknown-person"


async def test_two_windows_that_start_at_the_same_time_start_once(court: Court) -> None:
    judge = await court.arrive("judge")
    _, view = await court.join("judge")
    version = view["version"]
    judge = await court.arrive("judge")
    answers = await asyncio.gather(
        court.command(judge, "open", request_id="a", expected_version=version),
        court.command(judge, "open", request_id="b", expected_version=version),
        court.command(judge, "open", request_id="a", expected_version=version),
        return_exceptions=True,
    )
    assert answers[0] == answers[2]
    assert isinstance(answers[1], Refusal)
    assert answers[1].code == "conflict"
    log = await court.store.log.read(court.sitting_id)
    assert [event.name for event in log].count("open") == 1


async def test_closing_twice_with_the_same_request_is_answered_once_and_the_same(court: Court) -> None:
    sockets = await court.start()
    first = await court.command(sockets["judge"], "close", request_id="c")
    again = await court.command(sockets["judge"], "close", request_id="c")
    assert first == again
    assert (await refused(court.command(sockets["judge"], "close", request_id="d"))).code == "sitting-closed"


async def test_a_repeat_gets_the_first_answer_whatever_happened_since(court: Court) -> None:
    judge = await court.arrive("judge")
    first = await court.command(judge, "open", request_id="o")
    await court.command(judge, "abort", request_id="a")
    assert await court.command(judge, "open", request_id="o") == first
    assert court.state == "not_started"
