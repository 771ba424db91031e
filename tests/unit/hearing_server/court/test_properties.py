"""The invariants of hearing-model.md over random sequences of commands by random people.

(2) nobody gets a track that the policy denies, (5) replay equals state, (6) each transition of the sitting is one
event with one actor, (8) the client's clock is never used; and nobody gets any media before the session or after it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearing_server.court import (
    SYSTEM,
    Actor,
    Command,
    Now,
    Presence,
    RecordState,
    Refused,
    Role,
    SittingState,
    may_publish,
    may_receive,
    plan,
    replay,
    role_may_publish,
    view,
)
from hearing_server.court.states import Machine
from hearing_server.court.tables import ISOLATED_UNTIL_CALLED, SEES_CHECKS, TABLE
from hearing_server.court.timers import due
from hearing_server.refusals import SENTENCES

from .room import DONE, PEOPLE, Room

IDS = [person.id for person in PEOPLE]
EVENTS = sorted({row.event for row in TABLE})

details: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [DONE, {}, {"seat": "a"}, {"seat": "b"}, {"writer": "w.1"}, {**DONE, "utc": 5, "now": 7}]
)
anything = st.builds(
    lambda actor, name, subject, detail, request: (
        actor,
        Command(name=name, subject=subject, detail=detail, request_id=request),
    ),
    st.sampled_from([*IDS, "system", "stranger"]),
    st.sampled_from(EVENTS),
    st.sampled_from([*IDS, ""]),
    details,
    st.sampled_from(["", "", "r1", "r2"]),
)
# Mostly steps that get somewhere.
sensible = st.one_of(
    st.sampled_from(IDS).map(lambda person: (person, Command(name="sign_in", detail={"seat": "a"}))),
    st.sampled_from(IDS).map(lambda person: (person, Command(name="check_in", detail=DONE))),
    st.sampled_from(IDS).map(lambda person: ("judge", Command(name="call", subject=person))),
    st.sampled_from(IDS).map(lambda person: ("judge", Command(name="dismiss", subject=person))),
    st.sampled_from(IDS).map(lambda person: ("system", Command(name="lose", subject=person))),
    st.sampled_from(IDS).map(lambda person: (person, Command(name="come_back"))),
    st.sampled_from(["open", "open", "open", "abort", "close"]).map(lambda name: ("judge", Command(name=name))),
    st.sampled_from(["first_durable", "degrade", "recover", "fail"]).map(lambda name: ("system", Command(name=name))),
)
steps = st.lists(
    st.tuples(st.one_of(sensible, sensible, anything), st.sampled_from([0, 0, 1, 10, 45, 301])), min_size=8, max_size=60
)


def actor_of(room: Room, name: str) -> Actor:
    if name == "system":
        return SYSTEM
    person = room.sitting.people.get(name)
    return Actor(id=name, role=person.role.value if person else "judge")


def nothing(room: Room) -> None: ...


def waiting(room: Room) -> None:
    room.arrive("judge", "claimant", "witness", "observer")


def counting_down(room: Room) -> None:
    waiting(room)
    room.give("judge", "open")
    room.give("system", "first_durable")


def in_session(room: Room) -> None:
    room.start("clerk", "claimant", "respondent", "witness", "interpreter", "observer")


def in_full_swing(room: Room) -> None:
    in_session(room)
    for person in ("witness", "interpreter", "observer"):
        room.give("judge", "call", person)
    room.give("system", "lose", "claimant")
    room.give("judge", "dismiss", "respondent")


#: Where sequences begin: random commands alone rarely open a court.
BEGINNINGS = [nothing, waiting, counting_down, in_session, in_full_swing]


@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("begin", BEGINNINGS, ids=lambda begin: begin.__name__)
@given(sequence=steps)
def test_invariants(begin: Callable[[Room], None], sequence: list[tuple[tuple[str, Command], int]]) -> None:
    room = Room()
    begin(room)
    check_media(room)
    check_views(room)
    for (name, command), seconds in sequence:
        room.wait(seconds)
        step(room, actor_of(room, name), command)
        for command_due in due(room.sitting, room.utc):
            step(room, SYSTEM, command_due)
    again = replay(room.log)
    assert msgspec.json.encode(again, order="deterministic") == msgspec.json.encode(room.sitting, order="deterministic")


def step(room: Room, actor: Actor, command: Command) -> None:
    before = room.sitting
    answer = room.try_(actor, command)
    if isinstance(answer, Refused):
        assert room.sitting is before
        assert answer.code in SENTENCES
        return
    moves = [event for event in answer if event.machine is Machine.SITTING]
    assert len(moves) == (before.state is not room.sitting.state), "one event for each transition"
    for event in answer:
        assert event.actor
        assert event.utc == room.utc, "the court's clock orders"
    for event in moves:
        if event.name == "elapsed":
            assert room.sitting.people["judge"].presence is Presence.IN_HEARING
        assert (event.source, event.to) == (before.state.value, room.sitting.state.value)
        assert event.actor in ("judge", "system")
    if before.state is SittingState.CLOSED:
        assert not moves
    check_record(room)
    check_media(room)
    check_views(room)


def check_record(room: Room) -> None:
    if room.sitting.state is SittingState.IN_SESSION:
        assert room.sitting.record in (RecordState.RECORDING, RecordState.DEGRADED, RecordState.FAILED)
    if room.sitting.state is SittingState.NOT_STARTED:
        assert room.sitting.record is RecordState.IDLE
    if room.sitting.state is SittingState.CLOSED:
        assert room.sitting.record in (
            (RecordState.FINALIZING, RecordState.SEALED) if room.sitting.opened else (RecordState.IDLE,)
        )


def check_media(room: Room) -> None:
    """For every pair: the plan is the policy, and the policy is the law."""
    sitting = room.sitting
    compiled = plan(sitting)
    live = sitting.state is SittingState.IN_SESSION
    for person in sitting.people.values():
        sources = may_publish(sitting, person.id)
        assert compiled.publish.get(person.id, ()) == sources
        assert not sources or (live and person.in_room)
        assert all(role_may_publish(person.role, source) for source in sources)
        assert person.role is not Role.OBSERVER or not sources
        assert person.id not in compiled.pinned or sources
        assert person.role is not Role.JUDGE or (person.id in compiled.pinned) == bool(sources)
        for other in sitting.people.values():
            allowed = may_receive(sitting, person.id, other.id)
            assert (other.id in compiled.receive.get(person.id, ())) == allowed
            if allowed:
                assert live
                assert person.id != other.id
                assert person.in_room
                assert other.in_room
                assert may_publish(sitting, other.id)
    if sitting.state in (SittingState.COUNTDOWN, SittingState.IN_SESSION):
        assert compiled.record == sitting.id
    if sitting.state in (SittingState.NOT_STARTED, SittingState.CLOSED):
        assert compiled.record is None
    assert compiled.version == sitting.seq


def check_views(room: Room) -> None:
    for person in room.sitting.people.values():
        seen = view(room.sitting, person.id, room.now)
        ids = {line.person_id for line in seen.people}
        assert person.id in ids
        if person.role in ISOLATED_UNTIL_CALLED and not person.in_room:
            assert ids <= {person.id, "judge"}
            assert seen.isolated
            assert seen.watching == 0
        if person.role is Role.OBSERVER:
            assert {line.person_id for line in seen.people if line.named} <= {person.id, "judge", "panel"}
        if person.role not in SEES_CHECKS:
            assert all(line.person_id == person.id for line in seen.people if line.check)
        if person.role in (Role.OBSERVER, Role.TECHNICIAN):
            assert not set(seen.may) & {"open", "call", "raise_hand", "statement", "consult"}
        assert seen.may_publish == may_publish(room.sitting, person.id)


def test_strangers_get_nothing() -> None:
    room = Room()
    room.start("claimant")
    assert may_publish(room.sitting, "stranger") == ()
    assert not may_receive(room.sitting, "stranger", "judge")
    assert not may_receive(room.sitting, "judge", "stranger")


def test_what_the_judge_is_offered() -> None:
    room = Room()
    now = Now(utc=room.utc, mono=0)
    course = {"open", "abort", "close", "call", "dismiss"}

    def offered(person: str) -> set[str]:
        return course & set(view(room.sitting, person, now).may)

    assert offered("judge") == set()
    room.arrive("judge", "claimant", "observer")
    assert offered("judge") == {"open"}
    room.give("judge", "open")
    assert offered("judge") == {"abort"}
    room.give("system", "first_durable")
    room.wait(10)
    room.give("system", "elapsed")
    assert offered("judge") == course - {"open", "abort"}
    assert offered("clerk") == set()
    assert view(room.sitting, "judge", room.now).watching == 0
    room.give("judge", "call", "observer")
    assert view(room.sitting, "judge", room.now).watching == 1
    assert view(room.sitting, "observer", room.now).may_publish == ()
