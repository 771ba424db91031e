"""Private consultations, and what the Chinese rules ask before a person comes in."""

from __future__ import annotations

import pytest

from hearing_server.court import Booked, Presence, Role, Rules, booked, plan, profile
from hearing_server.court.profiles import PROFILES

from .company import COMPANY, IDS, in_full_swing, in_session
from .room import PEOPLE, Room

P = Presence


def recess() -> Room:
    room = in_session()
    room.give("judge", "recess")
    return room


def talk_of(room: Room, person: str) -> dict[str, object]:
    return {"consultation": room.sitting.people[person].talk}


@pytest.mark.parametrize(
    ("giver", "invited", "code"),
    [
        ("lawyer", "judge", "not-to-be-invited"),
        ("lawyer", "panel", "not-to-be-invited"),
        ("lawyer", "witness", "not-to-be-invited"),
        ("lawyer", "expert", "not-to-be-invited"),
        ("lawyer", "observer", "not-to-be-invited"),
        ("lawyer", "technician", "not-to-be-invited"),
        ("lawyer", "nobody", "unknown-person"),
        ("lawyer", "respondent", None),
        ("claimant", "lawyer", None),
        ("claimant", "respondent", "other-side"),
        ("claimant", "clerk", None),
        ("witness", "lawyer", None),
        ("witness", "clerk", None),
        ("respondent", "interpreter", None),
        ("interpreter", "respondent", None),
        ("interpreter", "lawyer", "not-linked"),
        ("judge", "lawyer", "not-allowed"),
        ("observer", "lawyer", "not-allowed"),
        ("guest", "lawyer", "not-allowed"),
    ],
)
def test_who_may_invite_whom(giver: str, invited: str, code: str | None) -> None:
    assert recess().give(giver, "consult", detail={"invite": [invited]}) == code


def test_a_protected_person_is_never_together_with_whom_they_are_protected_from() -> None:
    room = recess()
    room.give("lawyer", "consult", detail={"invite": ["respondent"]})
    assert room.give("respondent", "accept", detail=talk_of(room, "lawyer")) is None
    room.give("witness", "consult", detail={"invite": ["lawyer"]})
    assert room.give("lawyer", "leave_consultation") is None
    assert room.give("lawyer", "accept", detail=talk_of(room, "witness")) is None
    assert room.give("lawyer", "invite", "respondent", detail=talk_of(room, "lawyer")) == "not-to-be-invited"


def test_a_consultation_is_left_locked_and_ends_when_empty() -> None:
    room = recess()
    room.give("lawyer", "consult", detail={"invite": ["claimant", "respondent"]})
    talk = talk_of(room, "lawyer")
    assert room.give("expert", "accept", detail=talk) == "not-invited"
    room.give("claimant", "accept", detail=talk)
    assert room.give("respondent", "lock_consultation", detail=talk) == "wrong-place"
    assert room.give("claimant", "lock_consultation", detail=talk) is None
    assert room.give("respondent", "accept", detail=talk) == "wrong-consultation-state"
    assert room.give("lawyer", "invite", "clerk", detail=talk) == "wrong-consultation-state"
    assert room.give("lawyer", "leave_consultation") is None
    assert room.sitting.consultations
    room.give("system", "lose", "claimant")
    assert room.sitting.consultations, "the place is held"
    room.wait(300)
    room.give("system", "give_up", "claimant")
    assert room.sitting.consultations == {}


def test_a_consultation_holds_a_bounded_number_of_people() -> None:
    room = Room(Rules(consult_limit=2), COMPANY)
    room.arrive(*IDS)
    assert room.give("lawyer", "consult", detail={"invite": ["claimant", "respondent"]}) == "consultation-full"
    assert room.give("lawyer", "consult", detail={"invite": ["claimant"]}) is None
    assert room.give("claimant", "accept", detail=talk_of(room, "lawyer")) is None
    assert room.give("lawyer", "invite", "clerk", detail=talk_of(room, "lawyer")) == "consultation-full"


def test_everybody_is_pulled_out_when_the_countdown_runs() -> None:
    room = recess()
    room.give("lawyer", "consult", detail={"invite": ["claimant"]})
    room.give("claimant", "accept", detail=talk_of(room, "lawyer"))
    room.give("panel", "enter_bench_room")
    room.give("system", "lose", "claimant")
    assert room.give("judge", "resume") is None
    assert room.sitting.consultations == {}
    assert {room.sitting.people[person].presence for person in ("lawyer", "panel")} == {P.WAITING}
    assert room.sitting.people["claimant"].held is P.WAITING
    assert plan(room.sitting).publish == {}
    assert room.give("lawyer", "consult") == "countdown-running"


def test_in_session_a_consultation_needs_the_judges_leave() -> None:
    room = in_session()
    assert room.give("claimant", "consult", detail={"invite": ["lawyer"]}) == "needs-leave-to-consult"
    assert room.give("judge", "grant", "claimant", detail={"verb": "consult_in_session"}) is None
    assert room.give("claimant", "consult", detail={"invite": ["lawyer"]}) is None
    assert room.give("lawyer", "accept", detail=talk_of(room, "claimant")) is None
    compiled = plan(room.sitting)
    assert compiled.receive["claimant"] == ("lawyer",)
    assert "claimant" not in compiled.receive["judge"]
    assert compiled.capture.keys().isdisjoint({"claimant", "lawyer"}), "never recorded, while the hearing is"
    assert compiled.record == room.sitting.id
    assert "judge" in compiled.capture
    assert room.give("claimant", "leave_consultation") is None
    assert room.sitting.people["claimant"].in_room, "back in the hearing by themself"


def test_a_witness_under_oath_talks_to_nobody() -> None:
    room = in_full_swing()
    room.give("judge", "recess")
    assert room.give("witness", "consult", detail={"invite": ["lawyer"]}) == "under-oath"
    room.give("judge", "resume")
    room.give("system", "first_durable")
    room.wait(10)
    room.give("system", "elapsed")
    room.give("judge", "call", "witness")
    room.give("judge", "dismiss", "witness", detail={"release": True})
    room.give("judge", "recess")
    assert room.give("witness", "consult", detail={"invite": ["lawyer"]}) is None


def test_a_place_in_a_consultation_is_held_and_given_back() -> None:
    room = recess()
    room.give("lawyer", "consult", detail={"invite": ["claimant"]})
    room.give("system", "lose", "lawyer")
    assert room.give("lawyer", "come_back") is None
    assert room.sitting.people["lawyer"].presence is P.IN_CONSULTATION
    room.give("system", "lose", "lawyer")
    room.give("judge", "resume")
    assert room.give("lawyer", "come_back") is None
    assert room.sitting.people["lawyer"].presence is P.WAITING


# --- what a profile asks for ----------------------------------------------------------------------


def china() -> Room:
    room = Room(profile("china"), COMPANY)
    room.arrive(*IDS)
    return room


def open_court(room: Room) -> None:
    assert room.give("judge", "open") is None
    assert room.give("system", "first_durable") is None
    room.wait(10)
    assert room.give("system", "elapsed") is None


def test_in_china_nobody_enters_unverified_or_without_consent() -> None:
    room = china()
    kinds = {task.kind.value for task in room.sitting.tasks.values() if task.subject == "claimant"}
    assert kinds == {"identity_check"}
    open_court(room)
    inside = {person.id for person in room.sitting.people.values() if person.in_room}
    assert inside == {"judge", "panel", "clerk"}
    assert room.give("judge", "call", "claimant") == "identity-missing"
    assert room.give("claimant", "verify_today", "claimant") == "not-allowed"
    room.give("clerk", "verify_today", "claimant")
    assert room.give("judge", "call", "claimant") == "consent-missing"
    assert room.give("clerk", "ask_consent", "claimant", detail={"stage": "trial"}) is None
    assert room.give("claimant", "give_consent", detail={"stage": "trial"}) is None
    assert room.sitting.people["claimant"].in_room
    room.give("clerk", "verify_today", "lawyer")
    assert room.sitting.people["lawyer"].in_room, "a lawyer is verified, and asked nothing"


def test_consent_is_for_one_stage_and_can_be_withdrawn_before_it() -> None:
    room = china()
    room.give("clerk", "verify_today", "claimant")
    room.give("claimant", "give_consent", detail={"stage": "trial"})
    open_court(room)
    assert room.give("judge", "set_stage", detail={"stage": "debate"}) is None
    assert room.give("judge", "set_stage", detail={"stage": "judgment"}) == "consent-missing"
    assert room.give("claimant", "withdraw_consent", detail={"stage": "trial"}) == "stage-begun"
    assert room.give("claimant", "give_consent", detail={"stage": "judgment"}) is None
    assert room.give("claimant", "withdraw_consent", detail={"stage": "judgment"}) is None
    assert room.give("judge", "set_stage", detail={"stage": "judgment"}) == "consent-missing"
    assert room.give("judge", "set_stage", detail={"stage": "dancing"}) == "stage-unknown"
    assert room.give("lawyer", "give_consent", detail={"stage": "trial"}) == "consent-not-needed"


def test_a_doubted_identity_bars_the_door_until_it_is_settled() -> None:
    room = in_session()
    room.give("claimant", "leave_room")
    assert room.give("lawyer", "challenge_identity", "claimant") == "reason-missing"
    assert room.give("lawyer", "challenge_identity", "claimant", reason="another voice") is None
    assert room.give("claimant", "come_in") == "identity-challenged"
    room.give("judge", "require_in_person", "claimant")
    assert room.give("claimant", "come_in") == "in-person-required"
    assert room.give("clerk", "verify_today", "claimant") == "wrong-identity-state"
    assert room.give("clerk", "verify_in_person", "claimant") is None
    assert room.give("claimant", "come_in") is None
    assert all(task.state == "done" for task in room.sitting.tasks.values() if task.subject == "claimant")


def test_in_england_identity_is_a_task_and_no_bar() -> None:
    room = Room(profile("england"), COMPANY)
    room.start("claimant", "clerk")
    assert room.sitting.people["claimant"].in_room
    assert "identity_check" in {task.kind.value for task in room.sitting.tasks.values()}


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_survives_the_log(name: str) -> None:
    rules = profile(name, countdown_s=1.5)
    assert Rules.read(rules.written()) == rules
    assert Room(rules).sitting.rules == rules


def test_a_log_of_the_first_version_is_read() -> None:
    rules = Rules.read({"countdown_ms": 1500, "record_wait_ms": 30000, "seat_held_ms": 300000})
    assert rules == Rules(countdown_s=1.5)


@pytest.mark.parametrize(
    "wrong",
    [
        Booked(id="x", role=Role.GUEST, linked=("nobody",)),
        Booked(id="system", role=Role.GUEST),
        Booked(id="x", role=Role.GUEST, screened_from=("x",)),
        Booked(id="x", role=Role.INTERPRETER, linked=("witness",), screened_from=("witness",)),
        Booked(id="x", role=Role.GUEST, screened_from=("clerk",)),
        Booked(id="x", role=Role.PANEL, screened_from=("claimant",)),
    ],
)
def test_a_booking_that_contradicts_itself_is_refused(wrong: Booked) -> None:
    with pytest.raises(ValueError, match=r"linked|screened|machinery"):
        booked("sitting", (*PEOPLE, wrong), Rules(), Room().now)
