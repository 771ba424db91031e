"""The course of a sitting in the cases that matter: breaks, faults, doors, curtain, the bench's own room, the close."""

from __future__ import annotations

import pytest

from hearing_server.court import Presence, RecordState, SittingState, may_receive, plan, profile
from hearing_server.court.model import NS
from hearing_server.court.timers import due, next_due

from .company import COMPANY, IDS, company, in_full_swing, in_session
from .room import START_UTC, Room

S = SittingState
R = RecordState
P = Presence


def places(room: Room) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for person in room.sitting.people.values():
        found.setdefault(person.presence.value, set()).add(person.id)
    return found


def settle(room: Room, seconds: float = 0) -> list[str]:
    """Let time pass and the court do what falls due."""
    room.wait(seconds)
    done = []
    while commands := due(room.sitting, room.utc):
        assert room.give("system", commands[0].name, commands[0].subject, reason=commands[0].reason) is None
        done.append(commands[0].name)
    return done


def resume(room: Room) -> None:
    assert room.give("judge", "resume" if room.sitting.state is not S.DELIBERATION else "return") is None
    if room.sitting.record is R.ARMING:
        assert room.give("system", "first_durable") is None
    assert settle(room, 10) == ["elapsed"]


# --- recess ---------------------------------------------------------------------------------


def test_a_recess_cuts_every_microphone_and_the_record() -> None:
    room = in_full_swing()
    assert plan(room.sitting).publish.keys() >= {"judge", "claimant", "witness"}
    assert room.give("judge", "recess", detail={"until": START_UTC // NS + 900}) is None
    during = plan(room.sitting)
    assert (during.publish, during.receive, during.capture, during.record) == ({}, {}, {}, None)
    assert room.sitting.record is R.INTERRUPTED
    assert room.sitting.record_reason == "recess"
    assert room.sitting.recess_until == START_UTC + 900 * NS
    assert P.IN_HEARING.value not in places(room)


def test_after_a_recess_the_called_wait_to_be_called_again() -> None:
    room = in_full_swing()
    room.give("judge", "recess")
    resume(room)
    inside = {person.id for person in room.sitting.people.values() if person.in_room}
    assert inside == {"judge", "panel", "clerk", "lawyer", "claimant", "respondent", "interpreter"}
    assert room.sitting.record is R.RECORDING
    assert room.sitting.recess_until is None


def test_a_countdown_after_a_recess_goes_back_there_when_it_is_called_off() -> None:
    room = in_full_swing()
    room.give("judge", "recess")
    room.give("judge", "resume")
    assert room.sitting.record is R.ARMING
    assert room.give("judge", "abort") is None
    assert room.sitting.state is S.RECESS
    assert room.sitting.record is R.INTERRUPTED
    room.give("judge", "resume")
    assert settle(room, 40) == ["fail_to_record"]
    assert (room.sitting.state, room.sitting.reason) == (S.RECESS, "no-record")


def test_what_belongs_to_the_moment_ends_with_it() -> None:
    room = in_full_swing()
    room.give("claimant", "raise_hand")
    room.give("judge", "give_floor", "lawyer")
    room.give("judge", "spotlight", "claimant")
    room.give("clerk", "show_exhibit", detail={"document": "d"})
    room.give("judge", "recess")
    sitting = room.sitting
    assert (sitting.floor, sitting.spotlight, sitting.exhibit) == ("", "", None)
    assert sitting.people["claimant"].hand is None
    assert sitting.people["lawyer"].grants == (), "a grant to share ends with the room"


# --- suspension -------------------------------------------------------------------------------


def test_a_suspension_brings_everybody_back_as_they_were() -> None:
    room = in_full_swing()
    assert room.give("staff_host", "suspend") == "reason-missing"
    assert room.give("staff_host", "suspend", reason="no sound") is None
    assert room.sitting.people["witness"].presence is P.WAITING
    assert plan(room.sitting).publish == {}
    assert room.sitting.record is R.RECORDING
    resume(room)
    assert {"witness", "expert", "guest", "observer"} <= places(room)["in_hearing"]
    tasks = [(task.kind.value, task.state.value) for task in room.sitting.tasks.values()]
    assert ("suspended", "done") in tasks


def test_a_suspension_that_lasts_interrupts_the_record_and_needs_a_statement() -> None:
    room = in_full_swing()
    room.give("judge", "suspend", reason="no sound")
    assert settle(room, 60) == ["interrupt"]
    assert (room.sitting.record, room.sitting.record_reason) == (R.INTERRUPTED, "fault")
    assert room.give("judge", "resume") == "incident-missing"
    assert room.give("clerk", "state_incident", detail={"text": "the line"}) == "not-allowed"
    assert room.give("judge", "state_incident", detail={"text": "the line was cut"}) is None
    resume(room)
    assert room.sitting.incident_statement == "the line was cut"


def test_staff_may_ask_for_a_suspension_and_the_judge_decides() -> None:
    room = in_full_swing()
    assert room.give("clerk", "suspend", reason="echo") == "not-allowed"
    assert room.give("technician", "request_suspend", reason="echo") is None
    assert room.sitting.suspend_asked_by == "technician"
    assert room.give("judge", "decline_suspend") is None
    assert room.sitting.suspend_asked_by == ""
    assert room.give("judge", "decline_suspend") == "nothing-asked"


def test_without_anybody_to_preside_the_court_suspends_after_a_minute() -> None:
    room = in_full_swing()
    room.give("system", "lose", "judge")
    assert settle(room, 61) == [], "the deputy presides"
    room.give("system", "lose", "panel")
    assert settle(room, 59) == []
    assert settle(room, 1) == ["suspend_by_court"]
    assert (room.sitting.state, room.sitting.reason) == (S.SUSPENDED, "judge-absent")
    assert room.log[-1].actor == "system"


def test_a_judge_who_returns_within_the_minute_goes_on() -> None:
    room = Room()
    room.start("claimant")
    room.give("system", "lose", "judge")
    assert settle(room, 59) == []
    room.give("judge", "come_back")
    assert room.sitting.unpresided is None
    assert settle(room, 60) == []


def test_the_last_who_presides_does_not_walk_out() -> None:
    room = in_session()
    assert room.give("judge", "leave_room") is None, "the deputy stays"
    assert room.give("panel", "leave_room") == "last-host"
    assert room.give("judge", "come_in") is None
    assert room.give("panel", "leave_room") is None


def test_a_deputy_has_the_judges_rights_while_the_judge_is_gone() -> None:
    room = in_session()
    assert room.give("panel", "recess") == "not-presiding"
    assert room.give("panel", "call", "expert") == "not-allowed"
    room.give("system", "lose", "judge")
    assert room.give("panel", "call", "expert") is None
    assert room.give("panel", "recess") is None
    assert room.log[-1].role != "judge"
    room.give("judge", "come_back")
    assert room.give("panel", "resume") == "not-presiding"


def test_another_judge_takes_the_chair() -> None:
    room = in_session()
    room.give("judge", "recess")
    assert room.give("clerk", "change_judge", "claimant") == "not-of-the-panel"
    assert room.give("clerk", "change_judge", "panel") is None
    assert (room.sitting.presiding, room.sitting.people["judge"].role.value) == ("panel", "panel")
    assert room.give("judge", "resume") == "not-presiding"
    assert room.give("panel", "resume") is None


# --- the record ----------------------------------------------------------------------------------


def test_a_record_that_fails_suspends_unless_the_judge_has_another() -> None:
    room = in_full_swing()
    assert room.give("system", "fail", reason="disk-full") is None
    assert (room.sitting.state, room.sitting.reason) == (S.SUSPENDED, "record-failed")
    assert room.sitting.incident
    other = in_full_swing()
    other.give("system", "degrade", reason="late")
    assert other.give("judge", "elect_fallback") == "reason-missing"
    assert other.give("judge", "elect_fallback", reason="the clerk's tape recorder") is None
    other.give("system", "fail", reason="disk-full")
    assert other.sitting.state is S.IN_SESSION
    assert settle(other, 3600) == []
    other.give("system", "rearm")
    assert (other.sitting.record, other.sitting.fallback) == (R.RECORDING, "")


def test_a_record_that_was_hurt_is_sealed_as_partial_once_the_judge_has_stated_why() -> None:
    """RRC art. 4 and 5; whether it was noticed in the room or only when the archive had all of it."""
    for fault in (("fail", "disk-full"), ("open_incident", "")):
        room = in_full_swing()
        room.give("system", fault[0], reason=fault[1])
        room.give("judge", "close")
        assert room.give("system", "seal") == "incident-missing"
        assert room.sitting.record is R.FINALIZING
        assert room.give("clerk", "state_incident", detail={"text": "the disk was full"}) == "not-allowed"
        assert room.give("judge", "state_incident", detail={"text": "the disk was full from 10:02"}) is None
        assert room.give("judge", "state_incident", detail={"text": "again"}) == "no-incident"
        assert room.give("system", "seal") is None
        assert room.sitting.record is R.SEALED
        assert room.log[-1].detail == {"partial": True}
    whole = in_full_swing()
    whole.give("judge", "recess")
    whole.give("judge", "close")
    whole.give("system", "seal")
    assert whole.log[-1].detail == {}


def test_only_lawful_grounds_interrupt_the_record() -> None:
    room = in_full_swing()
    assert room.give("judge", "interrupt_record", detail={"ground": "lunch"}) == "ground-unlawful"
    assert room.give("clerk", "interrupt_record", detail={"ground": "mediation"}) == "not-allowed"
    assert room.give("clerk", "request_interrupt", detail={"ground": "mediation"}) is None
    assert (room.sitting.interrupt_asked, room.sitting.interrupt_asked_by) == ("mediation", "clerk")
    assert room.give("judge", "decline_interrupt") is None
    assert (room.sitting.interrupt_asked, room.sitting.interrupt_asked_by) == ("", "")
    assert room.give("judge", "decline_interrupt") == "nothing-asked"
    assert room.give("judge", "interrupt_record", detail={"ground": "mediation"}) is None
    during = plan(room.sitting)
    assert during.publish.keys() >= {"judge", "claimant"}
    assert during.capture == {}
    assert room.sitting.record_reason == "mediation"
    assert room.give("judge", "resume_record") is None
    assert plan(room.sitting).capture.keys() == during.publish.keys()


def test_a_court_may_sit_without_a_record_where_its_rules_allow_it() -> None:
    room = company()
    room.arrive(*IDS)
    assert room.give("judge", "open", detail={"off_record": "the recorder is being repaired"}) is None
    assert settle(room, 10) == ["elapsed"]
    assert (room.sitting.state, room.sitting.record) == (S.IN_SESSION, R.IDLE)
    assert plan(room.sitting).record is None
    room.give("judge", "recess")
    resume(room)
    assert room.sitting.record is R.RECORDING, "the record is tried again"
    china = Room(profile("china"), COMPANY)
    china.arrive("judge")
    assert china.give("judge", "open", detail={"off_record": "no recorder"}) == "off-record-unlawful"


# --- curtain and doors --------------------------------------------------------------------------------


def test_the_curtain_leaves_the_bench_alone() -> None:
    room = in_full_swing()
    assert room.give("judge", "curtain", expected_version=1) is None, "never stale"
    behind = plan(room.sitting)
    assert behind.publish.keys() == {"judge", "panel"}
    assert "observer" not in behind.receive
    assert behind.record == room.sitting.id
    assert room.give("judge", "curtain") is None, "never fails"
    assert room.give("judge", "lift", detail={"keep": ["guest", "respondent"]}) is None
    after = plan(room.sitting)
    assert {"claimant", "lawyer", "witness"} <= after.publish.keys()
    assert after.publish.keys().isdisjoint({"guest", "respondent"})
    assert room.give("respondent", "statement", detail={"text": "let me"}) == "muted-by-court"
    room.give("judge", "lift")
    assert "respondent" in plan(room.sitting).publish


def test_behind_the_curtain_microphones_can_be_locked_one_by_one() -> None:
    room = in_full_swing()
    room.give("judge", "curtain")
    room.give("judge", "lift", detail={"keep": ["guest"], "lock": ["respondent", "panel"]})
    after = plan(room.sitting).publish
    assert "microphone" not in after["respondent"]
    assert "camera" in after["respondent"]
    assert {"claimant", "panel"} <= {person for person, sources in after.items() if "microphone" in sources}
    assert room.give("respondent", "unmute") == "muted-by-court"
    room.give("judge", "unlock", "respondent")
    assert "microphone" in plan(room.sitting).publish["respondent"]


def test_closed_doors_put_the_public_out_and_keep_the_record() -> None:
    room = in_full_swing()
    assert room.give("judge", "close_doors", detail={"ground": "noise"}) == "ground-unlawful"
    assert room.give("judge", "close_doors", detail={"ground": "minors"}) is None
    assert room.sitting.people["observer"].presence is P.WAITING
    assert room.sitting.people["guest"].presence is P.IN_HEARING
    assert room.sitting.record is R.RECORDING
    assert room.give("judge", "call", "observer") == "doors-closed"
    assert room.give("judge", "open_doors") is None
    assert room.give("judge", "call", "observer") is None


def test_observers_need_a_direction_where_the_law_asks_for_one() -> None:
    room = Room(profile("england"), COMPANY)
    room.start("observer", "claimant", "panel")
    assert room.give("judge", "call", "observer") == "no-direction"
    assert room.give("judge", "direct_public", detail={"grounds": "a reporter asked"}) is None
    assert room.give("judge", "call", "observer") is None
    assert room.give("judge", "withdraw_public") is None
    assert room.sitting.people["observer"].presence is P.WAITING


# --- the bench's own room, the close ---------------------------------------------------------------------


def test_the_bench_deliberates_alone_and_unrecorded() -> None:
    room = in_full_swing()
    room.give("judge", "retire")
    during = plan(room.sitting)
    assert during.publish.keys() == {"judge", "panel"}
    assert during.receive == {"judge": ("panel",), "panel": ("judge",)}
    assert (during.capture, during.record) == ({}, None)
    assert room.give("clerk", "enter_bench_room") == "not-allowed"
    resume(room)
    assert {"judge", "panel"} <= places(room)["in_hearing"]


def test_the_bench_keeps_its_room_for_two_hours_after_the_close() -> None:
    room = in_full_swing()
    room.give("judge", "retire")
    room.give("judge", "close")
    assert places(room)["in_deliberation"] == {"judge", "panel"}
    assert plan(room.sitting).publish.keys() == {"judge", "panel"}
    assert room.give("claimant", "sign_out") == "sitting-closed"
    assert room.give("panel", "leave_bench_room") is None
    assert room.give("panel", "enter_bench_room") is None
    assert settle(room, 7199) == []
    assert settle(room, 1) == ["gather", "gather"]
    assert plan(room.sitting).publish == {}
    assert room.give("panel", "enter_bench_room") == "room-not-open"
    assert next_due(room.sitting) is None


@pytest.mark.parametrize("state", ["recess", "suspend", "retire"])
def test_a_hearing_is_closed_from_every_break(state: str) -> None:
    room = in_full_swing()
    room.give("judge", state, reason="because")
    assert room.give("judge", "close") is None
    assert room.sitting.record is R.FINALIZING


def test_a_hearing_is_moved_to_the_courtroom_on_a_lawful_ground() -> None:
    room = in_full_swing()
    assert room.give("judge", "convert_offline", reason="r", detail={"ground": "weather"}) == "ground-unlawful"
    assert room.give("judge", "convert_offline", detail={"ground": "originals"}) == "reason-missing"
    assert room.give("judge", "convert_offline", reason="the deed", detail={"ground": "originals"}) is None
    assert (room.sitting.state, room.sitting.converted) == (S.CLOSED, "originals")
    early = company()
    early.arrive("judge")
    assert early.give("judge", "convert_offline", reason="the deed", detail={"ground": "originals"}) is None
    assert early.sitting.record is R.IDLE, "what never was in session has no record"


def test_a_hearing_that_nobody_closed_is_closed_after_fourteen_hours() -> None:
    room = Room(None, COMPANY, scheduled=START_UTC)
    room.start("claimant")
    assert settle(room, 14 * 3600) == [], "people are inside"
    room.give("judge", "recess")
    assert settle(room) == ["auto_close"]
    assert room.sitting.state is S.CLOSED
    assert "not_closed_by_judge" in {task.kind for task in room.sitting.tasks.values()}


# --- people ------------------------------------------------------------------------------------------------


def test_interpreters_come_and_go_with_their_people() -> None:
    room = in_session()
    assert room.sitting.people["interpreter"].in_room, "the respondent is inside"
    assert not room.sitting.people["second"].in_room
    room.give("system", "lose", "second")
    assert room.give("judge", "call", "witness") == "interpreter-not-ready"
    room.give("second", "come_back")
    assert room.give("judge", "call", "witness") is None
    assert room.sitting.people["second"].in_room
    assert room.give("judge", "dismiss", "witness") is None
    assert not room.sitting.people["second"].in_room


def test_a_language_goes_to_those_who_chose_it_and_is_recorded_with_its_name() -> None:
    room = in_session()
    assert room.give("interpreter", "assign_mix", detail={"language": "ja"}) == "language-unknown"
    assert room.give("respondent", "listen", detail={"language": "fr"}) == "language-unknown"
    assert room.give("interpreter", "assign_mix", detail={"language": "fr"}) is None
    assert room.give("respondent", "listen", detail={"language": "fr"}) is None
    compiled = plan(room.sitting)
    assert compiled.withhold["judge"] == {"interpreter": ("microphone",)}
    assert "respondent" not in compiled.withhold
    assert compiled.labels == {"interpreter": {"language": "fr"}}
    assert "microphone" in compiled.capture["interpreter"]
    assert room.give("claimant", "assign_mix", "interpreter", detail={"language": "zh"}) == "not-allowed"


def test_silence_is_kept_at_the_plan() -> None:
    room = in_session()
    room.give("staff_host", "come_in")
    room.give("judge", "mute", "claimant")
    assert plan(room.sitting).publish["claimant"] == ("camera",)
    assert room.give("claimant", "unmute") is None
    assert "microphone" in plan(room.sitting).publish["claimant"]
    room.give("judge", "mute_lock", "claimant")
    assert room.give("claimant", "unmute") == "muted-by-court"
    assert room.give("judge", "mute", "judge") == "judge-stays"
    room.give("judge", "mute_all", detail={"lock": True})
    speaking = {person for person, sources in plan(room.sitting).publish.items() if "microphone" in sources}
    assert speaking == {"judge", "panel"}
    room.give("staff_host", "unlock_all")
    assert "microphone" in plan(room.sitting).publish["claimant"]


def test_a_screen_is_shared_by_right_or_by_grant() -> None:
    room = in_session()
    assert "screen" in plan(room.sitting).publish["judge"]
    assert "screen" in plan(room.sitting).publish["clerk"]
    assert "screen" not in plan(room.sitting).publish["claimant"]
    assert room.give("judge", "allow_share", "interpreter") == "not-grantable"
    assert room.give("judge", "allow_share", "claimant") is None
    assert "screen" in plan(room.sitting).publish["claimant"]
    assert room.give("staff_host", "stop_share", "claimant") is None
    assert "screen" not in plan(room.sitting).publish["claimant"]


def test_leaving_without_leave_is_prompted_warned_and_then_counts() -> None:
    room = in_session()
    assert room.give("judge", "prompt_return", "claimant") == "person-present"
    room.give("claimant", "leave_room")
    assert room.give("judge", "treat_as_left", "claimant") == "warn-first"
    assert room.give("clerk", "warn_return", "claimant") == "prompt-first"
    for step in ("prompt_return", "warn_return", "treat_as_left"):
        assert room.give("judge", step, "claimant") is None
    person = room.sitting.people["claimant"]
    assert (person.leaving, person.leaving_since) == ("left", room.utc)
    assert room.give("claimant", "come_in") == "sent-out"
    assert room.give("judge", "excuse_leaving", "claimant", detail={"ground": "boredom"}) == "ground-unlawful"
    assert room.give("judge", "excuse_leaving", "claimant", detail={"ground": "power_cut"}) is None


def test_a_removed_person_returns_by_the_judge_only() -> None:
    room = in_full_swing()
    assert room.give("judge", "remove", "guest") == "reason-missing"
    assert room.give("judge", "remove", "guest", reason="shouting") is None
    assert room.give("guest", "sign_in", detail={"seat": "a"}) == "person-removed"
    assert room.give("staff_host", "readmit", "guest") == "not-allowed"
    assert room.give("judge", "readmit", "guest") is None
    room.arrive("guest")
    assert room.sitting.people["guest"].presence is P.WAITING


def test_screening_that_is_ordered_in_session_parts_at_once() -> None:
    room = in_full_swing()
    assert may_receive(room.sitting, "claimant", "expert")
    assert room.give("clerk", "change_person", "expert", detail={"screened_from": ["claimant"]}) is None
    assert not may_receive(room.sitting, "claimant", "expert")
    assert not may_receive(room.sitting, "expert", "claimant")
    assert room.give("clerk", "change_person", "expert", detail={"screened_from": ["expert"]}) == "relations-contradict"
    assert room.give("clerk", "change_person", "expert", detail={"screened_from": ["judge"]}) == "court-unscreened"
    assert room.give("clerk", "change_person", "panel", detail={"screened_from": ["claimant"]}) == "court-unscreened"
    assert room.give("clerk", "change_person", "expert", detail={"screened_from": []}) is None
    assert may_receive(room.sitting, "claimant", "expert")


def test_people_are_added_until_the_last_minute() -> None:
    room = in_session()
    assert room.give("clerk", "add_person", detail={"id": "late", "role": "judge"}) == "one-judge-only"
    assert room.give("clerk", "add_person", detail={"id": "clerk", "role": "guest"}) == "person-known"
    assert room.give("clerk", "add_person", detail={"id": "system", "role": "guest"}) == "person-known"
    assert room.give("clerk", "add_person", detail={"id": "late", "role": "archbishop"}) == "invalid"
    added = {"id": "late", "role": "lawyer", "side": "respondent"}
    assert room.give("clerk", "add_person", detail=added) is None
    room.arrive("late")
    assert room.sitting.people["late"].in_room
