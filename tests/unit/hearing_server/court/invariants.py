"""The eight invariants of hearing-model.md, said again in other words than the law says them.

Each is asked of every state that a walk reaches; :func:`check_step` of every step that was taken.
"""

from __future__ import annotations

from collections import Counter
from typing import Protocol

import msgspec

from hearing_server.court import (
    Event,
    MediaPlan,
    Now,
    Person,
    Presence,
    RecordState,
    Role,
    Sitting,
    SittingState,
    flows,
    may_chat,
    may_read,
    plan,
    replay,
    view,
)
from hearing_server.court.states import TECHNICAL, Machine
from hearing_server.court.tables import ISOLATED_UNTIL_CALLED

S = SittingState
R = RecordState
BENCH = (Role.JUDGE, Role.PANEL)
STAFF = (Role.CLERK, Role.STAFF_HOST)
SOURCES = ("microphone", "camera", "screen")
_decoder = msgspec.json.Decoder(Event)


#: The invariants by number, as hearing-model.md §6 has them.
INVARIANTS = {
    1: "one judge presides, and somebody who may is there in session or was within the minute",
    2: "nobody receives what the policy denies",
    3: "technicians never fetch media",
    4: "nothing of a private room is taken in",
    5: "replaying the log gives the state bit for bit",
    6: "one event and one actor for each transition of the sitting",
    7: "screened people never meet, in either direction",
    8: "the court's clock orders, never a client's",
}
#: How often each was asked for, and held.
CHECKED: Counter[int] = Counter()


class Walked(Protocol):
    """A sitting that a walk goes through, wherever its log is."""

    @property
    def sitting(self) -> Sitting: ...
    @property
    def utc(self) -> int: ...
    @property
    def log(self) -> list[Event]: ...
    @property
    def now(self) -> Now: ...


def said(checked: Counter[int]) -> str:
    """For the end of a run."""
    return "; ".join(f"({number}) {INVARIANTS[number]}: {count}" for number, count in sorted(checked.items()))


def check_state(room: Walked, *, thorough: bool = True) -> None:
    """``thorough``: what does not flow is asked for too, and not only what does."""
    sitting = room.sitting
    compiled = plan(sitting)
    _one_judge(sitting)
    _presided(room)
    _record(sitting)
    _media(sitting, compiled, thorough=thorough)
    _capture(sitting, compiled)
    _screening(sitting, compiled)
    _signatures(sitting)
    _stream(sitting)
    CHECKED.update((1, 2, 3, 4, 7))


def _stream(sitting: Sitting) -> None:
    """What is streamed is public, of a kind that may be, and everybody was told (O5, O7)."""
    if sitting.stream == "off":
        return
    assert sitting.state is not S.CLOSED
    assert sitting.category in sitting.rules.stream_open or sitting.stream_override
    assert sitting.category not in sitting.rules.stream_never
    if sitting.stream == "live":
        assert sitting.doors == "open"
        assert not sitting.rules.observers_need_direction or sitting.public_grounds


def _signatures(sitting: Sitting) -> None:
    """What is signed is what lies there now, by who was there; nothing is signed before the close (RRC art. 9)."""
    asked = [person for person in sitting.people.values() if person.signature != "not_asked"]
    assert all(person.attended and person.role not in (Role.OBSERVER, Role.TECHNICIAN, Role.GUEST) for person in asked)
    if sitting.transcript == "draft":
        assert not asked
        assert sitting.sign_by is None
    else:
        assert sitting.state is S.CLOSED
        assert sitting.text_hash
    if sitting.transcript in ("signed", "final"):
        assert all(person.signature != "asked" for person in asked)
        assert all(one.answer for one in sitting.corrections if one.draft == sitting.draft)


def check_step(before: Sitting, room: Walked, events: tuple[Event, ...]) -> None:
    """(6) one event with one actor for each transition of the sitting; (8) the court's clock orders."""
    moves = [event for event in events if event.machine is Machine.SITTING]
    at = before.state.value
    for event in moves:
        assert event.source == at, "a transition is missing from the log"
        assert event.to != event.source
        assert event.actor
        assert event.actor == "system" or event.actor in room.sitting.people
        assert before.state is not S.CLOSED
        at = event.to
    assert at == room.sitting.state.value
    for number, event in enumerate(events):
        assert event.seq == before.seq + 1 + number
        assert event.utc == room.utc
        assert (event.role == "system") == (event.actor == "system")
    CHECKED.update((6, 8))


def check_log(room: Walked) -> None:
    """(5) replaying the log from zero, as the store gives it back, gives the state bit for bit."""
    stored = [_decoder.decode(msgspec.json.encode(event, order="deterministic")) for event in room.log]
    again = replay(stored)
    assert msgspec.json.encode(again, order="deterministic") == msgspec.json.encode(room.sitting, order="deterministic")
    CHECKED.update((5,))


def _one_judge(sitting: Sitting) -> None:
    """(1), the first half."""
    judges = [person.id for person in sitting.people.values() if person.role is Role.JUDGE]
    assert judges == [sitting.presiding]
    assert all(person.role is Role.PANEL for person in sitting.people.values() if person.deputy)


def _presided(room: Walked) -> None:
    """(1), the second half: in session somebody who may preside is inside, or has been within the last minute."""
    sitting = room.sitting
    if sitting.state is not S.IN_SESSION:
        return
    inside = any(
        person.presence is Presence.IN_HEARING and (person.id == sitting.presiding or person.deputy)
        for person in sitting.people.values()
    )
    assert inside or (sitting.unpresided is not None and room.utc - sitting.unpresided < 60 * 10**9)


def _record(sitting: Sitting) -> None:
    """No session without a record, or the judge's reason why not; none before and none after."""
    if sitting.state is S.IN_SESSION and sitting.record in (R.IDLE, R.ARMING):
        assert sitting.off_record or sitting.fallback
    if sitting.state is S.IN_SESSION and sitting.record is R.FAILED:
        assert sitting.fallback
    if sitting.state is S.NOT_STARTED:
        assert sitting.record is R.IDLE
    if sitting.state is S.CLOSED:
        assert sitting.record in (R.FINALIZING, R.SEALED, R.IDLE)
    else:
        assert sitting.record not in (R.FINALIZING, R.SEALED)


def _media(sitting: Sitting, compiled: MediaPlan, *, thorough: bool) -> None:
    """(2) the plan is the policy for every pair and source, and nothing flows but where it may; (3) technicians."""
    people = sitting.people
    for publisher, sources in compiled.publish.items():
        of = people[publisher]
        assert of.role not in (Role.OBSERVER, Role.TECHNICIAN)
        assert _where(sitting, of) is not None
        for subscriber, to in people.items():
            granted = publisher in compiled.receive.get(subscriber, ())
            withheld = compiled.withhold.get(subscriber, {}).get(publisher, ())
            for source in SOURCES:
                allowed = granted and source in sources and source not in withheld
                if thorough:
                    assert allowed == flows(sitting, subscriber, publisher, source)
                if allowed:
                    _lawful(sitting, to, of, source)
    for subscriber, publishers in compiled.receive.items():
        assert people[subscriber].role is not Role.TECHNICIAN
        assert set(publishers) <= compiled.publish.keys()
    assert compiled.version == sitting.seq


def _where(sitting: Sitting, person: Person) -> str | None:
    """Where a person's sound would go, from their place alone."""
    place = person.held if person.presence is Presence.AWAY else person.presence
    if place is Presence.IN_HEARING:
        return "hearing" if sitting.state is S.IN_SESSION else None
    if place is Presence.IN_CONSULTATION:
        return person.talk or None
    return "bench" if place is Presence.IN_DELIBERATION else None


def _lawful(sitting: Sitting, to: Person, of: Person, source: str) -> None:
    place = _where(sitting, to)
    assert place is not None
    assert place == _where(sitting, of)
    assert to.id != of.id
    if place == "bench":
        assert to.role in BENCH
        assert of.role in BENCH
        assert sitting.state is not S.IN_SESSION
    elif place == "hearing":
        assert not of.behind_curtain
        assert not sitting.curtain or of.role in BENCH
        assert not (source == "microphone" and (of.muted or of.locked))
        if to.role is Role.OBSERVER:
            assert sitting.doors == "open"
            assert not sitting.curtain
        if source == "screen":
            assert of.role in (*STAFF, Role.JUDGE) or "share" in of.grants
        if source == "microphone" and of.role is Role.INTERPRETER and of.mix:
            assert to.listens == of.mix
    else:
        assert sitting.state not in (S.COUNTDOWN, S.CLOSED)
        assert {to.role, of.role}.isdisjoint({*BENCH, Role.OBSERVER, Role.GUEST})
        assert not to.under_oath
        assert not of.under_oath


def _capture(sitting: Sitting, compiled: MediaPlan) -> None:
    """(4) nothing of a private room is ever taken in, and nothing at all while the court has risen."""
    for person, sources in compiled.capture.items():
        assert _where(sitting, sitting.people[person]) == "hearing"
        assert sources == compiled.publish[person]
        assert compiled.record == sitting.id
    if sitting.state in (S.NOT_STARTED, S.RECESS, S.DELIBERATION, S.CLOSED):
        assert compiled.record is None
    if sitting.state is not S.IN_SESSION or sitting.record is R.INTERRUPTED:
        assert not compiled.capture
    if sitting.state is S.IN_SESSION and sitting.record in (R.RECORDING, R.DEGRADED):
        inside = {person for person in compiled.publish if sitting.people[person].in_room}
        assert compiled.capture.keys() == inside


def _screening(sitting: Sitting, compiled: MediaPlan) -> None:
    """(7) screened people never meet, in either direction."""
    for person in sitting.people.values():
        for other in person.screened_from:
            assert person.id in sitting.people[other].screened_from
            assert other not in compiled.receive.get(person.id, ())
            assert not may_chat(sitting, person.id, other)
            here, there = _where(sitting, person), _where(sitting, sitting.people[other])
            assert here is None or here == "hearing" or here != there, "together in a private room"


def check_views(room: Walked) -> None:
    """Rosters, (7) again, isolation of those who have not been called, and duress without a trace."""
    sitting = room.sitting
    last = room.log[-1]
    for person in sitting.people.values():
        seen = view(sitting, person.id, room.now)
        ids = {line.person_id for line in seen.people}
        assert person.id in ids
        assert ids.isdisjoint(person.screened_from)
        shown = {seen.floor, seen.spotlight, *seen.hands, *(one.by for one in seen.objections)} - {""}
        talks = [talk for talk in (seen.talk, *seen.invitations) if talk is not None]
        shown |= {one for talk in talks for one in (*talk.members, *talk.invited, *talk.declined)}
        assert shown <= ids
        if person.role in ISOLATED_UNTIL_CALLED and not person.in_room:
            assert seen.isolated
            assert (seen.watching, seen.stage, seen.exhibit, seen.objections) == (0, "", None, ())
            assert not may_read(sitting, person.id, last) or person.id in (last.actor, last.subject)
        if person.role not in STAFF:
            assert all(person.role is Role.TECHNICIAN and task.kind in TECHNICAL for task in seen.tasks)
            assert all(task.kind != "duress" for task in seen.tasks)
            assert not (last.name == "duress" and may_read(sitting, person.id, last))
        if last.actor in person.screened_from and last.name in ("statement", "objection", "ruling"):
            assert not may_read(sitting, person.id, last)
        assert set(seen.may_publish) == set(plan(sitting).publish.get(person.id, ()))
    CHECKED.update((7,))
