"""The runtime: from sockets, timers and media to the log, and from the log to plans, views and the recorder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hearing_server.court import replay
from hearing_server.hearings import Hearings
from hearing_server.hearings import actor as actor_module
from hearing_server.store import StoreError
from recording import messages as m
from signaling.application import Refusal
from signaling.messages import CheckIn, Join, Quality
from signaling.worker_api import PeerQuality
from tests.unit.hearing_server.parts import NS, Court, new_court


@pytest.fixture
async def court(tmp_path: Path) -> AsyncIterator[Court]:
    async with new_court(tmp_path) as made:
        yield made


async def refused(awaitable: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await awaitable
    return caught.value


async def until(condition: Any, limit_s: float = 5.0) -> None:
    for _ in range(int(limit_s / 0.02)):
        if await condition():
            return
        await asyncio.sleep(0.02)
    pytest.fail("it never became so")


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
    await court.command(judge, "open")
    court.room.capture()
    await court.settled()
    assert judge.view["record"]["state"] == "recording"


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


async def test_the_bench_sees_what_the_check_said_and_parties_do_not(court: Court) -> None:
    judge = await court.arrive("judge")
    claimant, _ = await court.join("claimant")
    await court.hearings.check_in(claimant, CheckIn(id=4, declaration=True, camera="missing", network="weak"))
    respondent = await court.arrive("respondent")
    await court.settled()
    assert person(judge.view, "claimant")["check"] == {"camera": "missing", "microphone": "ok", "network": "weak"}
    assert person(respondent.view, "claimant")["check"] is None


async def test_devices_are_shown_to_all(court: Court) -> None:
    sockets = await court.start("claimant")
    court.room.listener.devices_changed(court.people["claimant"], "off", "on")
    court.room.listener.devices_changed("nobody", "on", "on")
    await court.settled()
    assert person(sockets["judge"].view, "claimant")["microphone"] == "off"
    assert person(sockets["judge"].view, "claimant")["camera"] == "on"


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


async def test_a_record_that_stops_is_seen_by_all(court: Court) -> None:
    sockets = await court.start("claimant")
    court.clock.wait(16)
    await court.settled()
    assert sockets["claimant"].view["record"] == {
        "state": "degraded",
        "tracks": 2,
        "sealedAt": 2.0,
        "fault": "late",
        "offRecord": "",
        "fallback": "",
        "incident": False,
    }
    court.room.capture()
    await court.settled()
    assert sockets["claimant"].view["record"]["state"] == "recording"
    assert sockets["claimant"].view["record"]["fault"] is None
    court.room.capture(fault="disk-full")
    await court.settled()
    assert sockets["judge"].view["record"]["fault"] == "disk-full"
    court.clock.wait(61)
    court.room.capture(fault="disk-full")
    await court.settled()
    assert sockets["judge"].view["record"]["state"] == "failed"
    court.room.capture()
    await court.settled()
    assert sockets["judge"].view["record"]["state"] == "recording"


async def test_a_media_worker_that_dies_is_followed_by_another(court: Court) -> None:
    sockets = await court.start("claimant")
    court.room.listener.media_changed("lost", None)
    await court.settled()
    assert sockets["judge"].view["record"]["state"] == "degraded"
    assert sockets["judge"].view["record"]["fault"] == "media-lost"
    court.room.listener.media_changed("ready", "w1.second")
    court.room.capture()
    await court.settled()
    assert sockets["judge"].view["record"]["state"] == "recording"
    sitting = replay(await court.store.log.read(court.sitting_id))
    assert sitting is not None
    assert sitting.writers == ("w1.first", "w1.second")


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


async def test_what_another_recording_made_durable_does_not_count(court: Court) -> None:
    judge = await court.arrive("judge")
    await court.command(judge, "open")
    court.room.room_id = "another"
    court.room.capture()
    await court.settled()
    assert judge.view["record"]["state"] == "arming"


# --- the record after the close ------------------------------------------------------


async def test_the_record_is_asked_for_until_it_is_sealed(court: Court) -> None:
    sockets = await court.start("claimant")
    await court.command(sockets["judge"], "close")

    async def asked_twice() -> bool:
        return len(court.recorder.asked) >= 2

    await until(asked_twice)
    request = court.recorder.asked[0]
    assert isinstance(request, m.Finalise)
    assert request.facts.case_number == "HC 2026-00418"
    assert request.facts.writers == ["w1.first"]
    assert request.facts.closed_wall_ns == court.clock.now
    assert request.facts.opened_wall_ns == court.clock.now
    assert {person.role for person in request.facts.participants} >= {"judge", "claimant"}
    assert [event["name"] for event in request.facts.events][:1] == ["book"]
    court.recorder.answer = lambda _: m.Finalised(manifest_sha256="ab" * 32, playable=True)

    async def sealed() -> bool:
        facts = await court.store.docket.by_hearing(court.sitting_id)
        return facts is not None and facts.record_state == "sealed"

    await until(sealed)
    assert (await court.store.records.get(court.sitting_id)).manifest_sha256 == "ab" * 32

    async def verified() -> bool:
        return isinstance(court.recorder.asked[-1], m.Verify)

    await until(verified)


async def test_the_recorders_events_are_noted(court: Court) -> None:
    sockets = await court.start("claimant")
    events = court.recorder.events
    events.put_nowait(m.Archived(sitting_id=court.sitting_id, sealed_wall_ns=5 * NS, objects=3, bytes=99))
    events.put_nowait(m.Archived(sitting_id="unknown", sealed_wall_ns=5 * NS, objects=3, bytes=99))
    events.put_nowait(m.RecorderState(backlog=0, spool_bytes=1, disk_free_bytes=2))
    await court.command(sockets["judge"], "close")
    events.put_nowait(m.Sealed(sitting_id=court.sitting_id, manifest_sha256="cd" * 32, playable=False))
    events.put_nowait(m.Verified(sitting_id=court.sitting_id, ok=True, report={"tracks": 4}))

    async def noted() -> bool:
        row = await court.store.records.get(court.sitting_id)
        return row.verification is not None

    await until(noted)
    row = await court.store.records.get(court.sitting_id)
    assert (row.sealed_utc, row.objects, row.bytes, row.manifest_sha256) == (5 * NS, 3, 99, "cd" * 32)
    assert court.hearings.recorder_state is not None
    facts = await court.store.docket.by_hearing(court.sitting_id)
    assert facts is not None
    assert facts.record_state == "sealed"


async def test_an_unfinished_sealing_goes_on_after_a_restart(court: Court) -> None:
    sockets = await court.start("claimant")
    await court.command(sockets["judge"], "close")
    await court.hearings.aclose()
    court.recorder.asked.clear()
    court.recorder.answer = lambda _: m.Finalised(manifest_sha256="ef" * 32, playable=True)
    court.hearings = Hearings(court.store, court.rooms, court.recorder, clock=court.clock)
    await court.hearings.start()

    async def finished() -> bool:
        return await court.store.docket.unfinished() == []

    await until(finished)
    assert (await court.store.records.get(court.sitting_id)).playable


async def test_a_composite_is_asked_for_until_it_is_done(court: Court) -> None:
    facts = await court.store.docket.by_hearing(court.sitting_id)
    assert facts is not None
    court.recorder.answer = lambda _: m.Accepted()
    job = await court.hearings.export(facts, "zh-CN", court.people["clerk"])
    same = await court.hearings.export(facts, "zh-CN", court.people["clerk"])
    assert same.id == job.id

    async def asked() -> bool:
        return bool(court.recorder.asked)

    await until(asked)
    request = court.recorder.asked[0]
    assert isinstance(request, m.Compose)
    assert (request.job_id, request.locale, request.timezone) == (job.id, "zh-CN", "UTC")
    told = {"sitting_id": court.sitting_id, "job_id": job.id}
    court.recorder.events.put_nowait(m.JobState(state="running", progress=0.5, **told))
    court.recorder.events.put_nowait(m.JobState(state="done", progress=1.0, name="x.mp4", bytes=9, **told))

    async def done() -> bool:
        row = await court.store.records.job(job.id)
        return row is not None and row.state == "done" and row.name == "x.mp4"

    await until(done)
    court.recorder.events.put_nowait(m.JobState(state="running", progress=0.1, **told))
    await asyncio.sleep(0.05)
    assert await done()


async def test_a_composite_that_is_refused_has_failed(court: Court) -> None:
    facts = await court.store.docket.by_hearing(court.sitting_id)
    assert facts is not None
    court.recorder.answer = lambda _: m.Refused(reason="not-sealed")
    job = await court.hearings.export(facts, "en", court.people["clerk"])

    async def failed() -> bool:
        row = await court.store.records.job(job.id)
        return row is not None and row.state == "failed"

    await until(failed)


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
