"""What each person may know, read, write and do."""

from __future__ import annotations

from hearing_server.court import (
    Event,
    View,
    into_record,
    may_chat,
    may_publish,
    may_read,
    may_read_stored,
    may_receive,
    plan,
    view,
)
from hearing_server.court.permissions import CUSTODIAN

from .company import IDS, company, in_full_swing, in_session
from .room import Room


def seen(room: Room, person: str) -> View:
    return view(room.sitting, person, room.now)


def ids(room: Room, person: str) -> set[str]:
    return {line.person_id for line in seen(room, person).people}


def names(room: Room, person: str) -> set[str]:
    return {line.person_id for line in seen(room, person).people if line.named}


def readers(room: Room, event: Event) -> set[str]:
    return {person for person in room.sitting.people if may_read(room.sitting, person, event)}


def test_strangers_get_nothing() -> None:
    room = in_session()
    assert may_publish(room.sitting, "stranger") == ()
    assert not may_receive(room.sitting, "stranger", "judge")
    assert not may_receive(room.sitting, "judge", "stranger")
    assert not may_chat(room.sitting, "stranger", "clerk")
    assert not may_read(room.sitting, "stranger", room.log[-1])


def test_what_the_judge_is_offered() -> None:
    room = company()
    course = {"open", "abort", "close", "call", "dismiss", "recess", "resume", "retire"}

    def offered(person: str) -> set[str]:
        return course & set(seen(room, person).may)

    assert offered("judge") == set()
    room.arrive("judge", "claimant", "observer")
    assert offered("judge") == {"open"}
    room.give("judge", "open")
    assert offered("judge") == {"abort"}
    room.give("system", "first_durable")
    room.wait(10)
    room.give("system", "elapsed")
    assert offered("judge") == {"close", "call", "dismiss", "recess", "retire"}
    assert offered("clerk") == set()
    assert seen(room, "judge").watching == 0
    about = {line.person_id: set(line.may) for line in seen(room, "judge").people}
    assert "call" in about["observer"]
    assert "dismiss" in about["claimant"]
    assert "dismiss" not in about["judge"]
    room.give("judge", "call", "observer")
    assert seen(room, "judge").watching == 1
    assert seen(room, "observer").may_publish == ()
    room.give("judge", "recess")
    assert offered("judge") == {"resume", "close"}


def test_a_grant_makes_an_offer() -> None:
    room = in_session()
    assert "call" not in seen(room, "clerk").may
    room.give("judge", "grant", "clerk", detail={"verb": "call"})
    assert "call" in seen(room, "clerk").may
    room.give("judge", "withdraw_grant", "clerk", detail={"verb": "call"})
    assert "call" not in seen(room, "clerk").may


def test_duress_is_offered_to_nobody_and_taken_from_everybody_without_a_trace() -> None:
    room = in_full_swing()
    before = {person: seen(room, person) for person in IDS}
    assert all("duress" not in shown.may for shown in before.values())
    assert room.give("witness", "duress") is None
    event = room.log[-2]
    assert event.name == "duress"
    assert readers(room, event) == {"clerk", "staff_host"}
    for person in IDS:
        if person in ("clerk", "staff_host"):
            assert [task.kind for task in seen(room, person).tasks if task.subject == "witness"] == ["duress"]
        else:
            assert seen(room, person) == before[person]
    assert all(one.name not in ("duress", "open_task") for one in into_record(room.log))


def test_a_witness_who_waits_knows_nobody_but_the_judge_and_their_interpreter() -> None:
    room = in_session()
    assert ids(room, "witness") == {"witness", "judge", "second"}
    assert ids(room, "expert") == {"expert", "judge"}
    assert seen(room, "expert").isolated
    assert seen(room, "expert").stage == ""


def test_a_witness_inside_sees_their_own_side_by_name_until_released() -> None:
    room = in_full_swing()
    assert {"claimant", "lawyer", "judge", "panel", "second"} <= names(room, "witness")
    assert "clerk" not in names(room, "witness")
    assert "clerk" in ids(room, "witness")
    room.give("judge", "dismiss", "witness", detail={"release": True})
    room.give("judge", "call", "witness")
    assert "clerk" in names(room, "witness")


def test_observers_see_roles_and_are_seen_by_the_court() -> None:
    room = in_full_swing()
    assert names(room, "observer") == {"observer", "judge", "panel"}
    assert "claimant" in ids(room, "observer")
    assert "observer" in ids(room, "clerk")
    assert "observer" not in ids(room, "claimant")
    assert seen(room, "claimant").watching == 1


def test_screened_people_do_not_exist_for_each_other() -> None:
    room = in_full_swing()
    assert "witness" not in ids(room, "respondent")
    assert "respondent" not in ids(room, "witness")
    room.give("judge", "give_floor", "witness")
    room.give("witness", "statement", detail={"text": "it was dark"})
    assert "respondent" not in readers(room, room.log[-1])
    assert {"judge", "claimant", "lawyer", "observer"} <= readers(room, room.log[-1])
    room.give("witness", "raise_hand")
    shown = seen(room, "respondent")
    assert (shown.floor, shown.hands) == ("", ())
    assert seen(room, "claimant").floor == "witness"
    assert not may_receive(room.sitting, "respondent", "witness")
    assert not may_receive(room.sitting, "witness", "respondent")
    assert may_receive(room.sitting, "claimant", "witness")


def test_an_exhibit_shown_by_a_screened_person_has_no_name() -> None:
    room = in_full_swing()
    room.give("judge", "give_floor", "witness")
    assert room.give("witness", "show_exhibit", detail={"document": "d", "page": 4}) is None
    exhibit = seen(room, "respondent").exhibit
    assert exhibit is not None
    assert (exhibit.document, exhibit.page, exhibit.by) == ("d", 4, "")


def test_words_go_to_those_who_hear() -> None:
    room = in_session()
    room.give("lawyer", "objection", detail={"text": "leading"})
    assert readers(room, room.log[-1]).isdisjoint({"witness", "expert", "guest", "observer", "technician"})
    room.give("clerk", "note", detail={"text": "10:02 exhibits"})
    assert readers(room, room.log[-1]) == {"judge", "panel", "clerk", "staff_host"}
    assert room.give("panel", "note", detail={"text": "mine"}) == "note-private-only"
    room.give("panel", "note", detail={"text": "mine", "private": True})
    assert readers(room, room.log[-1]) == {"panel"}


def test_the_record_holds_no_private_note_and_nothing_after_the_close() -> None:
    room = in_session()
    room.give("panel", "note", detail={"text": "mine", "private": True})
    room.give("clerk", "note", detail={"text": "for all"})
    room.give("judge", "close")
    room.wait(5)
    room.give("clerk", "note", detail={"text": "afterwards"})
    room.give("panel", "enter_bench_room")
    room.give("system", "seal")
    kept = into_record(room.log)
    assert [one.detail["text"] for one in kept if one.name == "note"] == ["for all"]
    assert {"close", "rise", "finalize"} <= {one.name for one in kept}
    assert {"seal", "enter_bench_room"}.isdisjoint({one.name for one in kept})


def test_who_reads_the_log_of_a_past_sitting() -> None:
    room = in_session()
    room.give("panel", "note", detail={"text": "mine", "private": True})
    private = room.log[-1]
    assert may_read_stored(private, "panel", "panel")
    assert not may_read_stored(private, "judge", "judge")
    room.give("witness", "duress")
    duress = room.log[-2]
    assert may_read_stored(duress, "clerk", "clerk")
    assert not may_read_stored(duress, "judge", "judge")
    ordinary = room.log[0]
    assert may_read_stored(ordinary, CUSTODIAN, "somebody")
    assert not may_read_stored(ordinary, "claimant", "claimant")


def test_chat_is_with_staff_only() -> None:
    room = in_session()
    for one in IDS:
        for other in IDS:
            allowed = may_chat(room.sitting, one, other)
            assert allowed == may_chat(room.sitting, other, one)
            staffed = {one, other} & {"clerk", "staff_host"}
            watching = {one, other} & {"observer"}
            assert allowed == (one != other and bool(staffed) and not watching), (one, other)


def test_tasks_are_for_staff() -> None:
    room = in_session()
    room.give("system", "lose", "claimant")
    assert [task.kind for task in seen(room, "clerk").tasks] == ["participant_disconnected"]
    assert seen(room, "judge").tasks == ()
    room.give("claimant", "come_back")
    (task,) = seen(room, "clerk").tasks
    assert (task.state, task.closed_by, task.closed) == ("done", "system", room.utc)


def test_technicians_are_told_what_is_technical() -> None:
    room = in_session()
    room.give("witness", "duress")
    room.give("claimant", "report_blocked", detail={"device": "camera"})
    (task,) = seen(room, "technician").tasks
    assert (task.kind, task.subject) == ("media_blocked", "claimant")
    duress = next(one.id for one in seen(room, "clerk").tasks if one.kind == "duress")
    assert room.give("technician", "close_task", detail={"task": duress}) == "not-allowed"
    assert room.give("technician", "close_task", detail={"task": task.id}) is None
    assert room.give("clerk", "close_task", detail={"task": duress}) is None
    assert room.give("clerk", "close_task", detail={"task": duress}) == "task-unknown"


def test_a_consultation_is_seen_by_its_people() -> None:
    room = in_full_swing()
    room.give("judge", "recess")
    room.give("lawyer", "consult", detail={"invite": ["claimant", "respondent"]})
    talk = seen(room, "lawyer").talk
    assert talk is not None
    assert (talk.members, talk.invited) == (("lawyer",), ("claimant", "respondent", "interpreter"))
    (invitation,) = seen(room, "claimant").invitations
    assert invitation.id == talk.id
    assert {"accept", "decline"} <= set(seen(room, "claimant").may)
    assert seen(room, "expert").invitations == ()
    assert "accept" not in seen(room, "expert").may
    room.give("claimant", "accept", detail={"consultation": talk.id})
    assert plan(room.sitting).receive == {"lawyer": ("claimant",), "claimant": ("lawyer",)}
    room.give("respondent", "decline", detail={"consultation": talk.id})
    after = seen(room, "lawyer").talk
    assert after is not None
    assert (set(after.members), after.declined) == ({"lawyer", "claimant"}, ("respondent",))
