"""The whole court at work: recess, curtain, rooms, exhibits, tasks, bookings, two processes."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from hearing_server.court import SYSTEM, Actor, Command, RecordState
from hearing_server.court.arguments import ARGUMENTS
from hearing_server.hearings import Hearings
from hearing_server.hearings.journal import interruptions
from hearing_server.hearings.tasks import BY_ITSELF, row_id
from hearing_server.store import PersonRow, StoreError
from hearing_server.store.desk import ExhibitRow
from signaling.application import Refusal
from signaling.messages import AnyRequest, CheckIn, Hint, Hinted, Join, News
from signaling.messages import Command as Request
from tests.unit.hearing_server.parts import NS, Court, new_court


@pytest.fixture
async def court(tmp_path: Path) -> AsyncIterator[Court]:
    async with new_court(tmp_path) as made:
        yield made


async def refused(awaitable: Any) -> str:
    with pytest.raises(Refusal) as caught:
        await awaitable
    return caught.value.code


def person(view: dict[str, Any], person_id: str) -> dict[str, Any]:
    found: dict[str, Any] = next(entry for entry in view["people"] if entry["personId"] == person_id)
    return found


async def go_on(court: Court) -> None:
    """The countdown that a command has begun runs out, with the record."""
    court.room.capture()
    await court.settled()
    court.clock.wait(10)
    court.room.capture()
    await court.settled()


# --- recess, curtain, rooms ---------------------------------------------------------------------


async def test_a_recess_cuts_everything_and_the_hearing_goes_on_with_the_record(court: Court) -> None:
    sockets = await court.start("claimant", "respondent")
    began = court.clock.now
    await court.command(sockets["judge"], "recess", arguments={"until": began // NS + 600})
    plan = court.room.plan
    assert (plan.publish, plan.receive, plan.record, plan.capture) == ({}, {}, None, {})
    await court.settled()
    view = sockets["claimant"].view
    assert (view["state"], view["recessUntil"]) == ("recess", began // NS + 600)
    assert (view["record"]["state"], view["record"]["fault"]) == ("interrupted", "recess")
    court.clock.wait(300)
    await court.settled()
    assert court.state == "recess"
    await court.command(sockets["judge"], "resume")
    assert court.room.plan.record == court.sitting_id
    assert court.room.plan.publish == {}
    await go_on(court)
    assert court.state == "in_session"
    assert set(court.room.plan.publish) == {court.people[role] for role in ("judge", "claimant", "respondent")}
    await court.command(sockets["judge"], "close")
    (span,) = interruptions(await court.store.log.read(court.sitting_id))
    assert (span.ground, span.start_wall_ns, span.end_wall_ns) == ("recess", began, began + 300 * NS)


async def test_the_curtain_leaves_the_bench_alone_and_never_waits(court: Court) -> None:
    sockets = await court.start("claimant", "respondent")
    judge, claimant = court.people["judge"], court.people["claimant"]
    with contextlib.suppress(Refusal):
        for _ in range(40):
            await court.command(sockets["judge"], "note", arguments={"text": "x"})
    assert await refused(court.command(sockets["judge"], "note", arguments={"text": "x"})) == "too-many"
    await court.command(sockets["judge"], "curtain", expected_version=1)
    assert set(court.room.plan.publish) == {judge}
    assert court.room.plan.record == court.sitting_id
    court.clock.wait(10)
    await court.command(sockets["judge"], "lift", arguments={"keep": [claimant]})
    assert set(court.room.plan.publish) == {judge, court.people["respondent"]}
    await court.settled()
    assert person(sockets["claimant"].view, claimant)["behindCurtain"]


async def test_the_court_mutes_at_the_server(court: Court) -> None:
    sockets = await court.start("claimant")
    claimant = court.people["claimant"]
    await court.command(sockets["judge"], "mute_lock", arguments={"personId": claimant})
    assert court.room.plan.publish[claimant] == ["camera"]
    assert await refused(court.command(sockets["claimant"], "unmute", arguments={"personId": claimant})) == (
        "muted-by-court"
    )
    await court.settled()
    assert "unmute" not in sockets["claimant"].view["may"]
    await court.command(sockets["judge"], "unlock", arguments={"personId": claimant})
    assert court.room.plan.publish[claimant] == ["microphone", "camera"]


async def test_a_consultation_flows_beside_the_hearing_and_is_not_captured(court: Court) -> None:
    sockets = await court.start("claimant", "respondent", "clerk")
    ids = court.people
    await court.command(
        sockets["judge"], "grant", arguments={"personId": ids["claimant"], "verb": "consult_in_session"}
    )
    await court.command(sockets["claimant"], "consult", arguments={"invite": [ids["clerk"]]})
    await court.settled()
    (invitation,) = sockets["clerk"].view["invitations"]
    assert sockets["respondent"].view["invitations"] == []
    await court.command(sockets["clerk"], "accept", arguments={"consultation": invitation["id"]})
    plan = court.room.plan
    assert plan.receive[ids["claimant"]] == [ids["clerk"]]
    assert plan.receive[ids["clerk"]] == [ids["claimant"]]
    assert set(plan.capture or {}) == {ids["judge"], ids["respondent"]}
    await court.settled()
    assert set(sockets["clerk"].view["talk"]["members"]) == {ids["claimant"], ids["clerk"]}
    assert sockets["clerk"].view["place"] == "consultation"


async def test_the_bench_deliberates_after_the_close_without_a_record(court: Court) -> None:
    sockets = await court.start("claimant")
    await court.command(sockets["judge"], "retire")
    assert court.state == "deliberation"
    assert court.room.plan.record is None
    assert set(court.room.plan.publish) == {court.people["judge"]}
    await court.command(sockets["judge"], "close")
    await court.settled()
    view = sockets["judge"].view
    assert (view["state"], view["record"]["state"]) == ("closed", "finalizing")
    await court.hearings.gone(sockets["judge"])
    await asyncio.sleep(0.4)
    back, view = await court.join("judge")
    assert view["place"] in ("deliberation", "waiting_room")
    facts = await court.hearings._facts_for_record(court.sitting_id)
    assert facts is not None
    last = facts.events[-1]
    assert last["utc"] == facts.closed_wall_ns, "what comes after the close is not in the record"
    await court.hearings.leave(back)


async def test_without_a_judge_the_court_suspends_and_goes_on_when_they_are_back(court: Court) -> None:
    sockets = await court.start("claimant", "clerk")
    await court.hearings.gone(sockets["judge"])
    await court.settled()
    court.clock.wait(61)
    court.room.capture()
    await court.settled()
    assert court.state == "suspended"
    assert court.room.plan.publish == {}
    assert sockets["claimant"].view["stateReason"] == "judge-absent"
    assert {task["kind"] for task in sockets["clerk"].view["tasks"] if task["closedAt"] is None} >= {
        "suspended",
        "judge_disconnected",
    }
    court.clock.wait(61)
    court.room.capture()
    await court.settled()
    judge, view = await court.join("judge")
    assert view["record"]["state"] == "interrupted"
    assert view["record"]["incident"]
    assert await refused(court.command(judge, "resume")) == "incident-missing"
    await court.command(judge, "state_incident", arguments={"text": "The judge's line was cut."})
    await court.command(judge, "resume")
    await go_on(court)
    assert court.state == "in_session"
    assert court.people["claimant"] in court.room.plan.publish


async def test_a_record_that_fails_suspends_the_session(court: Court) -> None:
    sockets = await court.start("claimant")
    court.room.capture(fault="disk-full")
    court.clock.wait(61)
    court.room.capture(fault="disk-full")
    await court.settled()
    assert court.state == "suspended"
    assert sockets["claimant"].view["stateReason"] == "record-failed"
    assert court.room.plan.publish == {}


async def test_nobody_closed_it_so_the_court_does(court: Court) -> None:
    await court.start("claimant")
    for socket in ("judge", "claimant"):
        await court.hearings.gone(court.hearings.live(court.sitting_id)._connections[court.people[socket]])  # type: ignore[union-attr]
    await court.settled()
    court.clock.wait(15 * 3600)
    await court.settled()
    assert court.state == "closed"
    tasks = (await court.store.desk.tasks([court.sitting_id]))[court.sitting_id]
    assert "not-closed-by-judge" in {task.kind for task in tasks}


async def test_a_sitting_that_nobody_came_to_is_closed_by_the_sweep(court: Court) -> None:
    court.clock.wait(15 * 3600)
    await court.hearings.aclose()
    court.hearings = Hearings(court.store, court.rooms, court.recorder, clock=court.clock)
    await court.hearings.start()
    for _ in range(100):
        facts = await court.store.docket.by_hearing(court.sitting_id)
        assert facts is not None
        if facts.state == "closed":
            return
        await asyncio.sleep(0.05)
    pytest.fail("nobody closed it")


# --- exhibits ------------------------------------------------------------------------------------


async def exhibit(court: Court, name: str, *, side: str = "", by: str = "clerk", pages: int = 3) -> str:
    row = ExhibitRow(
        id=name,
        hearing_id=court.sitting_id,
        title=name,
        file_name=f"{name}.pdf",
        kind="document",
        media_type="application/pdf",
        bytes=10,
        sha256="0" * 64,
        pages=pages,
        side=side,
        uploaded_by=court.people[by],
        uploaded_by_name="",
        uploaded_by_name_zh="",
        uploaded_utc=court.clock.now,
    )
    return (await court.store.desk.add_exhibit(row)).id


async def test_an_exhibit_is_shown_turned_and_pointed_at(court: Court) -> None:
    sockets = await court.start("claimant", "respondent", "witness")
    judge, claimant, respondent = sockets["judge"], sockets["claimant"], sockets["respondent"]
    own = await exhibit(court, "contract", side="claimant", by="claimant")
    assert await refused(court.command(judge, "show_exhibit", arguments={"document": "none"})) == "exhibit-unknown"
    await court.command(judge, "give_floor", arguments={"personId": court.people["respondent"]})
    assert await refused(court.command(respondent, "show_exhibit", arguments={"document": own})) == "exhibit-unknown"
    await court.command(judge, "give_floor", arguments={"personId": court.people["claimant"]})
    assert await refused(court.command(claimant, "show_exhibit", arguments={"document": own, "page": 4})) == (
        "page-unknown"
    )
    await court.command(claimant, "show_exhibit", arguments={"document": own, "page": 2})
    await court.settled()
    assert respondent.view["exhibit"] == {"document": own, "page": 2, "by": court.people["claimant"]}
    assert any(isinstance(notice, News) and notice.name == "exhibits" for notice in respondent.notices)
    row = await court.store.desk.exhibit(court.sitting_id, own)
    assert row is not None
    assert row.shown_utc == court.clock.now

    pointer = {"x": 420, "y": 95}
    await court.hearings.hint(claimant, Hint(id=1, name="pointer", arguments=pointer))
    told = [notice.data for notice in respondent.notices if isinstance(notice, Hinted)]
    assert told == [{"document": own, "page": 2, **pointer}]
    assert not [notice for notice in sockets["witness"].notices if isinstance(notice, Hinted)]
    for bad in ({"x": 1}, {"x": 1001, "y": 0}, {"x": True, "y": 0}, {"x": "1", "y": 1}):
        assert await refused(court.hearings.hint(claimant, Hint(id=1, name="pointer", arguments=bad))) == "invalid"
    assert (
        await refused(court.hearings.hint(respondent, Hint(id=1, name="pointer", arguments=pointer)))
        == "not-presenting"
    )
    assert await refused(court.command(claimant, "turn_page", arguments={"page": 9})) == "page-unknown"
    await court.command(claimant, "turn_page", arguments={"page": 3})
    log = await court.store.log.read(court.sitting_id)
    assert log[-1].name == "turn_page"
    await court.command(judge, "recess")
    assert await refused(court.command(claimant, "turn_page", arguments={"page": 1})) == "in-recess"


# --- tasks -----------------------------------------------------------------------------------------


async def test_tasks_are_in_the_table_with_who_closed_them(court: Court) -> None:
    sockets = await court.start("clerk")
    claimant, _ = await court.join("claimant")
    await court.hearings.check_in(claimant, CheckIn(id=1, declaration=True, camera="missing"))
    await court.settled()

    async def table() -> dict[str, Any]:
        rows = (await court.store.desk.tasks([court.sitting_id])).get(court.sitting_id, [])
        return {row.kind: row for row in rows}

    failed = (await table())["self-test-failed"]
    assert (failed.person_id, failed.detail, failed.closed_utc) == (court.people["claimant"], "camera:missing", None)
    (task,) = [t for t in sockets["clerk"].view["tasks"] if t["kind"] == "self_test_failed"]
    assert row_id(court.sitting_id, task["id"]) == failed.id
    await court.command(sockets["clerk"], "close_task", arguments={"task": task["id"]})
    closed = (await table())["self-test-failed"]
    assert (closed.closed_by, closed.closed_utc) == ("R. Santos", court.clock.now)

    await court.hearings.gone(claimant)
    await court.settled()
    absent = (await table())["participant-disconnected"]
    assert await court.hearings.close_task(court.sitting_id, absent.id, SYSTEM, "en")
    assert (await table())["participant-disconnected"].closed_by == BY_ITSELF[0]
    assert not await court.hearings.close_task(court.sitting_id, "another", SYSTEM, "en")


async def test_tasks_that_a_crash_kept_from_the_table_get_there(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    sockets = await court.start("clerk", "claimant")

    async def fails(*_: Any) -> None:
        raise StoreError("store-full", "full")

    with monkeypatch.context() as patched:
        patched.setattr(court.store.desk, "open_task", fails)
        await court.command(sockets["claimant"], "duress")
    assert "duress" not in {
        row.kind for row in (await court.store.desk.tasks([court.sitting_id])).get(court.sitting_id, [])
    }
    await court.hearings.aclose()
    court.hearings = Hearings(court.store, court.rooms, court.recorder, clock=court.clock)
    await court.hearings.start()
    await court.settled()
    rows = (await court.store.desk.tasks([court.sitting_id]))[court.sitting_id]
    assert [row.kind for row in rows if row.person_id == court.people["claimant"]] == ["duress"]


async def test_the_public_watches_after_everybody_was_told_and_is_out_at_once(court: Court) -> None:
    sockets = await court.start("claimant", "respondent", "clerk", "observer")
    judge, claimant, observer = (court.people[role] for role in ("judge", "claimant", "observer"))
    await court.command(sockets["clerk"], "classify", arguments={"category": "ordinary"})
    await court.command(sockets["clerk"], "announce_stream")
    await court.settled()
    assert {sockets[role].view["stream"] for role in ("claimant", "respondent", "judge")} == {"announced"}
    assert "object_to_stream" in sockets["claimant"].view["may"]
    await court.command(sockets["claimant"], "object_to_stream", arguments={"text": "My address."})
    assert await refused(court.command(sockets["judge"], "start_stream")) == "reason-missing"
    await court.command(sockets["judge"], "start_stream", arguments={"reason": "It is withheld."})
    assert set(court.room.plan.receive[observer]) >= {judge, claimant}
    assert observer not in court.room.plan.publish
    await court.settled()
    assert [one["text"] for one in sockets["judge"].view["streamObjections"]] == ["My address."]
    assert sockets["respondent"].view["streamObjections"] == []
    await court.command(sockets["judge"], "stop_stream")
    assert observer not in court.room.plan.receive


async def test_a_hearing_that_goes_over_to_the_courtroom_takes_its_booking_along(court: Court) -> None:
    """What was done online stays, and is sealed (J25)."""
    sockets = await court.start("claimant")
    because = {"ground": "originals", "reason": "The deed has to be seen."}
    await court.command(sockets["judge"], "convert_offline", arguments=because)
    facts = await court.store.docket.by_hearing(court.sitting_id)
    assert facts is not None
    assert (facts.state, facts.record_state) == ("closed", "finalizing")
    assert (facts.booking, facts.reason) == ("converted_offline", "originals: The deed has to be seen.")


# --- bookings that change (C4) ------------------------------------------------------------------------


async def test_a_person_added_on_the_day_can_come_at_once(court: Court) -> None:
    sockets = await court.start("claimant")
    actor = court.hearings.live(court.sitting_id)
    assert actor is not None
    facts = actor.facts
    lawyer = PersonRow(id="lawyer-1", role="lawyer", name="A. Lawyer", name_zh="律师", side="claimant")
    screen = PersonRow(
        id="witness-2", role="witness", name="W.", name_zh="证人", screened_from=(court.people["respondent"],)
    )
    await actor.rebooked(replace(facts, people=(*facts.people, lawyer, screen)))
    await court.settled()
    assert person(sockets["judge"].view, "lawyer-1")["name"] == "A. Lawyer"
    assert actor.sitting.people[court.people["respondent"]].screened_from == ("witness-2",)
    court.people["lawyer"] = "lawyer-1"
    socket = await court.arrive("lawyer")
    await court.settled()
    assert socket.view["place"] == "hearing"
    seq = actor.sitting.seq
    await actor.rebooked(actor.facts)
    assert actor.sitting.seq == seq, "nothing has changed"


async def test_a_new_judge_takes_the_chair_before_the_session(court: Court) -> None:
    clerk = await court.arrive("clerk")
    actor = court.hearings.live(court.sitting_id)
    assert actor is not None
    old = court.people["judge"]
    people = [replace(row, role="panel") if row.id == old else row for row in actor.facts.people]
    new = PersonRow(id="judge-2", role="judge", name="N. Judge", name_zh="新法官")
    await actor.rebooked(replace(actor.facts, people=(*people, new)))
    await court.settled()
    assert actor.sitting.presiding == "judge-2"
    assert person(clerk.view, "judge-2")["role"] == "judge"
    assert person(clerk.view, old)["role"] == "panel"


async def test_a_direction_lets_observers_in_and_out(court: Court) -> None:
    sockets = await court.start("observer")
    actor = court.hearings.live(court.sitting_id)
    assert actor is not None
    direction = '{"allowed":true,"grounds":"open justice","judge":"x","at":1.0}'
    await actor.rebooked(replace(actor.facts, observers=direction))
    await court.settled()
    assert sockets["judge"].view["publicGrounds"] == "open justice"
    log = await court.store.log.read(court.sitting_id)
    assert (log[-1].name, log[-1].actor) == ("direct_public", court.people["judge"])
    await actor.rebooked(replace(actor.facts, observers='{"allowed":false,"grounds":"closed","judge":"x","at":2.0}'))
    await court.settled()
    assert sockets["judge"].view["publicGrounds"] == ""


# --- clocks and lines of clients ----------------------------------------------------------------------


async def test_a_judge_whose_browser_dies_returns_with_all_rights(court: Court) -> None:
    sockets = await court.start("claimant", "clerk")
    await court.command(sockets["judge"], "curtain")
    await court.settled()
    before = sockets["judge"].view
    await court.hearings.gone(sockets["judge"])
    court.clock.wait(30)
    court.room.capture()
    await court.settled()
    assert court.state == "in_session"
    judge, view = await court.join("judge")
    assert (view["may"], view["mayPublish"], view["place"]) == (before["may"], before["mayPublish"], "hearing")
    assert [one["may"] for one in view["people"]] == [one["may"] for one in before["people"]]
    await court.command(judge, "lift")
    assert court.people["claimant"] in court.room.plan.publish


def test_no_request_carries_a_clients_clock() -> None:
    """Invariant 8: what a client sends has no time in it but the end of a recess, which is only shown."""
    fields = {name for request in get_args(AnyRequest) for name in request.__struct_fields__}
    fields |= {name for arguments in ARGUMENTS.values() for name in arguments.__struct_fields__}
    timely = {name for name in fields if re.search(r"time|clock|_at$|^at$|utc|since|until|when|stamp", name)}
    assert timely == {"until"}


# --- several processes, several windows ---------------------------------------------------------------


async def test_two_processes_racing_on_a_command_write_it_once(court: Court) -> None:
    """One wins; the other sees what it did, and answers conflict, or the first's answer to the same request."""
    judge = await court.arrive("judge")
    await court.settled()
    version = judge.view["version"]
    other = Hearings(court.store, court.rooms, court.recorder, clock=court.clock)
    second = court.socket("judge")
    await other.enter(second, Join(id=1))

    async def ask(hearings: Hearings, socket: Any, request_id: str) -> Any:
        request = Request(id=3, name="open", request_id=request_id, expected_version=version)
        try:
            return await hearings.command(socket, request)
        except Refusal as refusal:
            return refusal.code

    answers = await asyncio.gather(ask(court.hearings, judge, "a"), ask(other, second, "b"))
    assert answers.count("conflict") == 1
    won = "a" if answers[0] != "conflict" else "b"
    again = await asyncio.gather(ask(court.hearings, judge, won), ask(other, second, won))
    assert again[0] == again[1] == next(answer for answer in answers if answer != "conflict")
    log = await court.store.log.read(court.sitting_id)
    assert [event.seq for event in log] == list(range(1, len(log) + 1))
    assert [event.name for event in log].count("open") == 1
    await other.aclose()


async def test_a_request_that_is_repeated_after_a_restart_is_answered_and_not_done_again(court: Court) -> None:
    sockets = await court.start("claimant")
    note = {"arguments": {"text": "once"}, "request_id": "n1"}
    first = await court.command(sockets["judge"], "note", **note)
    await court.hearings.aclose()
    court.hearings = Hearings(court.store, court.rooms, court.recorder, clock=court.clock)
    await court.hearings.start()
    judge, _ = await court.join("judge")
    assert await court.command(judge, "note", **note) == first
    assert [event.name for event in await court.store.log.read(court.sitting_id)].count("note") == 1


async def test_commands_from_the_desks_go_by_the_same_law(court: Court) -> None:
    await court.start("claimant")
    claimant, clerk = court.people["claimant"], court.people["clerk"]
    by = Actor(id=clerk, role="clerk")
    verify = Command(name="verify_today", subject=claimant)
    sitting = await court.hearings.act(court.sitting_id, by, verify, "en")
    assert sitting.people[claimant].identity.value == "reverified_today"
    assert await court.hearings.sitting(court.sitting_id) == sitting
    assert await refused(court.hearings.act(court.sitting_id, by, Command(name="close"), "en")) == "not-allowed"
    assert sitting.record is RecordState.RECORDING
