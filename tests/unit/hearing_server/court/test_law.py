"""The machines: who may do what, when, and what follows."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from hearing_server.court import (
    Actor,
    Booked,
    ChainBroken,
    Command,
    Presence,
    RecordState,
    Refused,
    Role,
    Rules,
    SittingState,
    apply,
    booked,
    decide,
    replay,
)
from hearing_server.court.law import ANSWERED_LIMIT, EFFECTS, GUARDS
from hearing_server.court.tables import TABLE, rows
from hearing_server.court.timers import due, next_due

from .room import DONE, NS, PEOPLE, Room

OTHERS = [role for role in Role if role is not Role.JUDGE]


def test_every_guard_and_effect_of_the_tables_exists_and_is_used() -> None:
    assert {guard for row in TABLE for guard in row.guards} == set(GUARDS)
    assert {effect for row in TABLE for effect in row.effects} == set(EFFECTS)


def test_no_two_rows_of_an_event_begin_in_the_same_state() -> None:
    for event in {row.event for row in TABLE}:
        sources = [source for row in rows(event) for source in row.sources]
        assert len(sources) == len(set(sources)), event


def test_a_sitting_has_exactly_one_judge() -> None:
    room = Room()
    for people in (PEOPLE[1:], (*PEOPLE, Booked(id="second", role=Role.JUDGE)), (*PEOPLE, PEOPLE[1])):
        with pytest.raises(ValueError, match=r"judge|twice"):
            booked("sitting", people, Rules(), room.now)


def test_from_the_waiting_room_to_the_close() -> None:
    room = Room()
    room.arrive("judge", "clerk", "claimant", "respondent", "witness", "interpreter", "observer")
    assert room.give("judge", "open") is None
    assert room.sitting.state is SittingState.COUNTDOWN
    assert room.sitting.record is RecordState.ARMING
    assert room.give("system", "first_durable") is None
    assert room.give("system", "elapsed") == "countdown-running"
    room.wait(10)
    assert room.give("system", "elapsed") is None
    assert room.sitting.opened == room.utc
    inside = {person.id for person in room.sitting.people.values() if person.in_room}
    assert inside == {"judge", "clerk", "claimant", "respondent"}
    assert room.give("judge", "call", "witness") is None
    assert room.sitting.people["witness"].presence is Presence.IN_HEARING
    assert room.sitting.people["witness"].called == room.utc
    assert room.give("judge", "dismiss", "witness") is None
    assert room.sitting.people["witness"].presence is Presence.WAITING
    assert room.give("judge", "close") is None
    assert room.sitting.state is SittingState.CLOSED
    assert room.sitting.record is RecordState.FINALIZING
    assert not any(person.in_room for person in room.sitting.people.values())
    assert room.give("system", "seal") is None
    assert room.sitting.record is RecordState.SEALED


@pytest.mark.parametrize("role", OTHERS)
@pytest.mark.parametrize("command", ["open", "abort", "close"])
def test_only_the_presiding_judge_moves_the_sitting(role: Role, command: str) -> None:
    room = Room()
    room.arrive(*(person.id for person in PEOPLE))
    expected = {Role.PANEL: "not-presiding", Role.STAFF_HOST: "needs-grant"}.get(role, "not-allowed")
    assert room.give(role.value, command) == expected


@pytest.mark.parametrize("role", [role for role in OTHERS if role is not Role.STAFF_HOST])
@pytest.mark.parametrize("command", ["call", "dismiss"])
def test_only_a_host_brings_people_in_and_sends_them_out(role: Role, command: str) -> None:
    room = Room()
    room.start("witness")
    assert room.give(role.value, command, "witness") == ("needs-grant" if role is Role.CLERK else "not-allowed")


@pytest.mark.parametrize("command", [row.event for row in TABLE if row.who == frozenset({"system"})])
def test_nobody_can_do_what_is_the_courts_own(command: str) -> None:
    room = Room()
    room.start("witness")
    for role in Role:
        assert room.give(role.value, command, "witness") == "not-allowed"


@pytest.mark.parametrize("command", ["sign_in", "check_in", "sign_out", "come_back", "change_device"])
def test_nobody_acts_for_somebody_else(command: str) -> None:
    room = Room()
    room.arrive("judge", "claimant")
    assert room.give("judge", command, "claimant") == "not-allowed"
    assert room.give("system", command, "claimant") == "not-allowed"


def test_what_cannot_be_done_is_refused_with_its_reason() -> None:
    room = Room()
    assert room.give("judge", "open") == "judge-not-ready"
    assert room.give("judge", "nonsense") == "unknown-command"
    assert room.give("judge", "call", "nobody") == "unknown-person"
    for command in ("abort", "close"):
        assert room.give("judge", command) == "not-started"
    room.arrive("judge", "claimant", "witness")
    assert room.give("judge", "call", "witness") == "not-started"
    assert room.give("judge", "open") is None
    assert room.give("judge", "open") == "countdown-running"
    assert room.give("judge", "close") == "countdown-running"
    assert room.give("judge", "call", "witness") == "countdown-running"
    room.give("system", "first_durable")
    room.wait(10)
    room.give("system", "elapsed")
    assert room.give("judge", "open") == "already-started"
    assert room.give("judge", "abort") == "already-started"
    assert room.give("judge", "call", "claimant") == "person-not-waiting"
    assert room.give("judge", "call", "observer") == "person-not-waiting"
    assert room.give("judge", "dismiss", "witness") == "person-not-in-hearing"
    assert room.give("judge", "dismiss", "judge") == "judge-stays"
    room.give("system", "lose", "witness")
    assert room.give("judge", "call", "witness") == "person-away"
    assert room.give("judge", "dismiss", "witness") == "person-not-in-hearing"
    assert room.give("judge", "close") is None
    for command in ("open", "abort", "close"):
        assert room.give("judge", command) == "sitting-closed"
    for command in ("call", "dismiss"):
        assert room.give("judge", command, "witness") == "sitting-closed"
    for command in ("sign_in", "check_in", "come_back", "sign_out"):
        assert room.give("claimant", command, detail=DONE) == "sitting-closed"


def test_a_judge_who_does_not_preside_has_no_power() -> None:
    room = Room()
    room.start()
    stranger = Actor(id="visitor", role="judge")
    for name, subject in (("close", ""), ("call", "witness"), ("dismiss", "claimant")):
        answer = decide(room.sitting, stranger, Command(name=name, subject=subject), room.now)
        assert isinstance(answer, Refused)


def test_a_repeated_request_is_done_once() -> None:
    room = Room()
    room.arrive("judge")
    assert room.give("judge", "open", request_id="r1") is None
    seq = room.sitting.seq
    assert room.give("judge", "open", request_id="r1") is None
    assert room.sitting.seq == seq
    assert room.give("judge", "open", request_id="r2") == "countdown-running"
    assert room.sitting.answered["judge/r1"] == room.sitting.version


def test_another_persons_request_id_is_not_mine() -> None:
    room = Room()
    room.arrive("judge", "claimant")
    room.give("claimant", "sign_out", request_id="same")
    assert room.give("judge", "open", request_id="same") is None
    assert room.sitting.state is SittingState.COUNTDOWN


def test_answered_requests_are_bounded() -> None:
    room = Room()
    room.arrive("judge")
    for number in range(ANSWERED_LIMIT + 10):
        assert room.give("judge", "check_in", detail=DONE, request_id=f"r{number}") is None
    assert len(room.sitting.answered) == ANSWERED_LIMIT


def test_a_command_given_on_an_old_view_is_a_conflict() -> None:
    room = Room()
    room.arrive("judge")
    seen = room.sitting.version
    assert room.give("judge", "open", expected_version=seen) is None
    assert room.give("judge", "abort", expected_version=seen) == "conflict"
    assert room.give("judge", "abort", expected_version=room.sitting.version) is None


def test_people_who_come_and_go_do_not_make_a_conflict() -> None:
    room = Room()
    room.arrive("judge")
    seen = room.sitting.version
    room.arrive("claimant")
    assert room.give("judge", "open", expected_version=seen) is None


def test_a_countdown_can_be_called_off_and_begun_again() -> None:
    room = Room()
    room.arrive("judge")
    room.give("judge", "open")
    assert room.give("judge", "abort") is None
    assert room.sitting.state is SittingState.NOT_STARTED
    assert room.sitting.record is RecordState.IDLE
    assert room.sitting.countdown_ends is None
    assert room.give("judge", "open") is None


def test_no_session_without_a_record() -> None:
    room = Room()
    room.arrive("judge")
    room.give("judge", "open")
    room.wait(10)
    assert due(room.sitting, room.utc) == []
    assert room.give("system", "elapsed") == "record-not-running"
    assert room.give("system", "fail_to_record") == "countdown-running"
    room.wait(30)
    (command,) = due(room.sitting, room.utc)
    assert command.name == "fail_to_record"
    assert room.give("system", command.name, reason=command.reason) is None
    assert room.sitting.state is SittingState.NOT_STARTED
    assert room.sitting.reason == "no-record"
    assert room.sitting.record is RecordState.IDLE


@pytest.mark.parametrize("absence", ["lose", "sign_out", "change_device"])
def test_no_session_without_the_presiding_judge(absence: str) -> None:
    room = Room()
    room.arrive("judge", "claimant")
    room.give("judge", "open")
    room.give("system", "first_durable")
    assert room.give("system", "fail_to_preside") == "countdown-running"
    fields = {"detail": {"seat": "another"}} if absence == "change_device" else {}
    assert room.give("system" if absence == "lose" else "judge", absence, "judge", **fields) is None
    assert room.give("system", "fail_to_preside") == "countdown-running"
    room.wait(10)
    assert room.give("system", "elapsed") == "judge-not-ready"
    (command,) = due(room.sitting, room.utc)
    assert command.name == "fail_to_preside"
    assert room.give("system", command.name, reason=command.reason) is None
    assert room.sitting.state is SittingState.NOT_STARTED
    assert room.sitting.reason == "no-judge"
    assert room.sitting.record is RecordState.IDLE
    assert room.give("judge", "open") == "judge-not-ready"


def test_a_judge_who_is_back_in_time_presides() -> None:
    room = Room()
    room.arrive("judge", "claimant")
    room.give("judge", "open")
    room.give("system", "first_durable")
    room.give("system", "lose", "judge")
    room.give("judge", "come_back")
    room.wait(10)
    assert [command.name for command in due(room.sitting, room.utc)] == ["elapsed"]
    assert room.give("system", "elapsed") is None
    assert room.sitting.people["judge"].in_room


def test_what_falls_due() -> None:
    room = Room()
    assert next_due(room.sitting) is None
    room.arrive("judge", "claimant")
    room.give("judge", "open")
    assert next_due(room.sitting) == room.utc + 40 * NS
    room.give("system", "first_durable")
    assert next_due(room.sitting) == room.utc + 10 * NS
    room.wait(10)
    assert [command.name for command in due(room.sitting, room.utc)] == ["elapsed"]
    room.give("system", "elapsed")
    room.give("system", "lose", "claimant")
    assert next_due(room.sitting) == room.utc + 300 * NS
    room.wait(300)
    assert [(command.name, command.subject) for command in due(room.sitting, room.utc)] == [("give_up", "claimant")]
    room.give("judge", "close")
    assert due(room.sitting, room.utc + 10**12) == []


def test_the_declaration_comes_first() -> None:
    room = Room()
    room.give("claimant", "sign_in", detail={"seat": "a"})
    assert room.give("claimant", "check_in", detail={**DONE, "declaration": False}) == "declaration-missing"
    assert room.give("claimant", "check_in", detail={}) == "declaration-missing"
    assert room.give("claimant", "check_in", detail=DONE) is None
    assert room.sitting.people["claimant"].check == DONE["check"]


def test_a_party_that_comes_late_enters_by_itself_and_a_witness_does_not() -> None:
    room = Room()
    room.start()
    room.arrive("claimant", "witness", "observer", "interpreter")
    assert room.sitting.people["claimant"].presence is Presence.IN_HEARING
    for person in ("witness", "observer", "interpreter"):
        assert room.sitting.people[person].presence is Presence.WAITING


def test_the_seat_is_held_for_five_minutes() -> None:
    room = Room()
    room.start("claimant", "witness")
    room.give("judge", "call", "witness")
    room.give("system", "lose", "witness")
    assert room.sitting.people["witness"].in_room
    room.wait(299)
    assert room.give("system", "give_up", "witness") == "seat-held"
    assert room.give("witness", "come_back") is None
    assert room.sitting.people["witness"].presence is Presence.IN_HEARING
    room.give("system", "lose", "witness")
    room.wait(300)
    assert room.give("system", "give_up", "witness") is None
    person = room.sitting.people["witness"]
    assert person.presence is Presence.DISCONNECTED
    assert not person.in_room
    room.arrive("witness")
    assert room.sitting.people["witness"].presence is Presence.WAITING


def test_a_party_that_was_away_when_the_court_opened_enters_on_return() -> None:
    room = Room()
    room.arrive("judge", "claimant")
    room.give("system", "lose", "claimant")
    room.give("judge", "open")
    room.give("system", "first_durable")
    room.wait(10)
    room.give("system", "elapsed")
    assert not room.sitting.people["claimant"].in_room
    assert room.give("claimant", "come_back") is None
    assert room.sitting.people["claimant"].in_room


def test_a_dismissed_party_cannot_slip_back_in() -> None:
    room = Room()
    room.start("claimant")
    assert room.give("judge", "dismiss", "claimant") is None
    room.give("system", "lose", "claimant")
    room.give("claimant", "come_back")
    assert room.sitting.people["claimant"].presence is Presence.WAITING
    room.give("claimant", "sign_out")
    room.arrive("claimant")
    assert room.sitting.people["claimant"].presence is Presence.WAITING
    assert room.give("judge", "call", "claimant") is None
    assert room.sitting.people["claimant"].in_room


def test_a_person_who_is_away_can_be_dismissed() -> None:
    room = Room()
    room.start("claimant")
    room.give("system", "lose", "claimant")
    assert room.give("judge", "dismiss", "claimant") is None
    assert not room.sitting.people["claimant"].in_room
    assert room.give("claimant", "come_back") is None
    assert room.sitting.people["claimant"].presence is Presence.WAITING


def test_another_device_has_to_pass_the_check() -> None:
    room = Room()
    room.start("witness")
    room.give("judge", "call", "witness")
    assert room.give("witness", "change_device", detail={"seat": "phone"}) is None
    person = room.sitting.people["witness"]
    assert (person.presence, person.seat, person.in_room) == (Presence.CHECKING, "phone", False)


def test_the_judge_keeps_all_rights_through_a_drop_and_a_new_device() -> None:
    room = Room()
    room.start("claimant")
    room.give("system", "lose", "judge")
    room.wait(400)
    room.give("system", "give_up", "judge")
    room.arrive("judge")
    assert room.sitting.people["judge"].in_room
    room.give("judge", "change_device", detail={"seat": "tablet"})
    room.give("judge", "check_in", detail=DONE)
    assert room.sitting.people["judge"].in_room
    assert room.give("judge", "close") is None


def test_the_record_degrades_recovers_fails_and_is_armed_again() -> None:
    room = Room()
    room.start()
    assert room.give("system", "writer", detail={"writer": "w1.a"}) is None
    assert room.give("system", "degrade", reason="late") is None
    assert (room.sitting.record, room.sitting.record_reason) == (RecordState.DEGRADED, "late")
    assert room.give("system", "recover") is None
    assert room.give("judge", "elect_fallback", reason="tape") == "wrong-record-state"
    assert room.give("system", "degrade", reason="late") is None
    assert room.give("judge", "elect_fallback", reason="tape") is None
    assert room.give("system", "fail", reason="disk-full") is None
    assert room.sitting.record is RecordState.FAILED
    assert room.sitting.state is SittingState.IN_SESSION
    assert room.give("system", "rearm") is None
    assert [event.to for event in room.log if event.machine == "record"][-2:] == ["arming", "recording"]
    assert room.sitting.writers == ("w1.a",)
    assert room.give("system", "rearm") == "wrong-record-state"
    for command in ("arm", "stand_down"):
        assert room.give("system", command) == "wrong-record-state"
    assert room.give("system", "finalize") == "already-started"
    assert room.sitting.record is RecordState.RECORDING
    assert room.give("system", "seal") == "wrong-record-state"


@pytest.mark.parametrize("trouble", ["degrade", "fail"])
def test_a_record_in_trouble_is_still_sealed_after_the_close(trouble: str) -> None:
    room = Room()
    room.start()
    room.give("system", trouble)
    room.give("judge", "close")
    assert room.sitting.record is RecordState.FINALIZING


def test_a_changed_log_is_seen() -> None:
    room = Room()
    room.start("claimant")
    assert replay(room.log) == room.sitting
    with pytest.raises(ChainBroken):
        replay([replace(event, reason="x") if event.seq == 3 else event for event in room.log])
    with pytest.raises(ChainBroken):
        replay([event for event in room.log if event.seq != 3])
    with pytest.raises(ChainBroken):
        replay(room.log[1:])
    with pytest.raises(ChainBroken):
        apply(room.sitting, room.log[-1])
    forged = replace(room.log[-1], reason="forged")
    with pytest.raises(ChainBroken):
        replay([*room.log[:-1], replace(forged, hash=forged.digest(), prev_hash="0" * 64)])


def test_events_survive_the_way_through_json() -> None:
    room = Room(Rules(countdown_s=1.5))
    room.start("claimant")
    decoder = msgspec.json.Decoder(type(room.log[0]))
    again = [decoder.decode(msgspec.json.encode(event, order="deterministic")) for event in room.log]
    assert replay(again) == room.sitting
    assert room.sitting.rules.countdown_s == 1.5
    assert b'"from":' in msgspec.json.encode(room.log[-1])
