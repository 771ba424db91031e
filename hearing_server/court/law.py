"""Deciding and applying: ``decide(state, actor, command, now)`` makes events, ``apply(state, event)`` makes states.

``decide`` walks the tables: it finds the row, asks its guards, writes the event
and lets its effects add further events, each through its own row.  It changes
nothing.  ``apply`` asks no guard: the log is what happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from msgspec.structs import replace

from .model import (
    GENESIS_HASH,
    LIVE,
    NS,
    SYSTEM,
    Actor,
    Booked,
    Command,
    Event,
    Machine,
    Now,
    Person,
    Presence,
    RecordState,
    Refused,
    Role,
    Rules,
    Sitting,
    SittingState,
)
from .tables import AUTO_ENTER, BY_SYSTEM, HELD, SAME, SELF, Row, rows

#: Answered request ids that are remembered; a repeat comes within seconds, so that this is far more than needed.
ANSWERED_LIMIT = 256


class ChainBroken(Exception):
    """An event does not follow the one before it: the log was changed or is incomplete."""


# --- the first event ------------------------------------------------------------


def booked(sitting_id: str, people: Sequence[Booked], rules: Rules, now: Now) -> Event:
    """The first event of a sitting.  Raises :class:`ValueError` unless exactly one judge presides (invariant 1)."""
    judges = [person.id for person in people if person.role is Role.JUDGE]
    if len(judges) != 1:
        raise ValueError(f"a sitting has exactly one presiding judge, not {len(judges)}")
    if len({person.id for person in people}) != len(people):
        raise ValueError("a person is booked twice")
    detail = {
        "sitting": sitting_id,
        "presiding": judges[0],
        "people": [{"id": person.id, "role": person.role.value} for person in people],
        "rules": rules.written(),
    }
    return _sealed(
        Event(
            seq=1,
            utc=now.utc,
            mono=now.mono,
            machine=Machine.SITTING,
            name="book",
            subject="",
            actor=SYSTEM.id,
            role=SYSTEM.role,
            source="",
            to=SittingState.NOT_STARTED.value,
            reason="",
            request_id="",
            detail=detail,
            prev_hash=GENESIS_HASH,
        )
    )


def _sealed(event: Event) -> Event:
    return replace(event, hash=event.digest())


# --- applying -------------------------------------------------------------------


def replay(events: Iterable[Event]) -> Sitting | None:
    """The state after these events, or nothing if there are none.  Raises :class:`ChainBroken`."""
    sitting: Sitting | None = None
    for event in events:
        if event.hash != event.digest():
            raise ChainBroken(f"event {event.seq} does not match its hash")
        sitting = begin(event) if sitting is None else apply(sitting, event)
    return sitting


def begin(event: Event) -> Sitting:
    """The state after the first event."""
    if event.seq != 1 or event.prev_hash != GENESIS_HASH:
        raise ChainBroken(f"the log begins with event {event.seq}")
    people = {entry["id"]: Person(id=entry["id"], role=Role(entry["role"])) for entry in event.detail["people"]}
    return Sitting(
        id=event.detail["sitting"],
        seq=1,
        head=event.hash,
        version=1,
        presiding=event.detail["presiding"],
        rules=Rules.read(event.detail["rules"]),
        people=people,
        state=SittingState.NOT_STARTED,
        since=event.utc,
    )


def apply(sitting: Sitting, event: Event) -> Sitting:
    """The state after one more event.  Raises :class:`ChainBroken` if it does not follow."""
    if event.seq != sitting.seq + 1 or event.prev_hash != sitting.head:
        raise ChainBroken(f"event {event.seq} does not follow event {sitting.seq}")
    changed = _APPLY[event.machine](sitting, event)
    changed = replace(changed, seq=event.seq, head=event.hash)
    if event.request_id:
        answered = {**changed.answered, answer_key(event.actor, event.request_id): changed.version}
        while len(answered) > ANSWERED_LIMIT:
            del answered[next(iter(answered))]
        changed = replace(changed, answered=answered)
    return changed


def _apply_sitting(sitting: Sitting, event: Event) -> Sitting:
    to = SittingState(event.to)
    ends = event.utc + int(sitting.rules.countdown_s * NS) if to is SittingState.COUNTDOWN else None
    return replace(
        sitting,
        state=to,
        since=event.utc,
        reason=event.reason,
        version=event.seq,
        countdown_ends=ends,
        opened=event.utc if to is SittingState.IN_SESSION and sitting.opened is None else sitting.opened,
        closed=event.utc if to is SittingState.CLOSED else sitting.closed,
    )


def _apply_record(sitting: Sitting, event: Event) -> Sitting:
    if event.name == "writer":
        return replace(sitting, writers=(*sitting.writers, event.detail["writer"]))
    return replace(sitting, record=RecordState(event.to), record_reason=event.reason)


def _apply_presence(sitting: Sitting, event: Event) -> Sitting:
    person = sitting.people[event.subject]
    to = Presence(event.to)
    changed = replace(
        person,
        presence=to,
        since=event.utc if to is not person.presence else person.since,
        held=_held_after(person, event, to),
        seat=event.detail.get("seat", person.seat),
        check=event.detail.get("check", person.check),
        dismissed=event.name == "dismiss" or (person.dismissed and event.name != "call"),
        called=event.utc if event.name == "call" else person.called,
    )
    if not changed.in_room:
        changed = replace(changed, called=None)
    return replace(sitting, people={**sitting.people, person.id: changed})


def _held_after(person: Person, event: Event, to: Presence) -> Presence | None:
    if to is not Presence.AWAY:
        return None
    if event.name == "lose":
        return person.presence
    if event.name in ("dismiss", "rise") and person.held is Presence.IN_HEARING:
        return Presence.WAITING
    return person.held


_APPLY: Final = {
    Machine.SITTING: _apply_sitting,
    Machine.RECORD: _apply_record,
    Machine.PRESENCE: _apply_presence,
}


def answer_key(actor: str, request_id: str) -> str:
    """Where ``Sitting.answered`` keeps the answer: a request id is the giver's own."""
    return f"{actor}/{request_id}"


# --- deciding -------------------------------------------------------------------


def decide(sitting: Sitting, actor: Actor, command: Command, now: Now) -> tuple[Event, ...] | Refused:
    """The events that this command makes now, in order; none if it was already done; or the reason why not."""
    table = rows(command.name)
    if not table:
        return Refused(code="unknown-command")
    if command.request_id and answer_key(actor.id, command.request_id) in sitting.answered:
        return ()
    subject = command.subject or actor.id
    if not any(_may_give(row, actor, subject) for row in table):
        return Refused(code="not-allowed")
    if command.expected_version is not None and command.expected_version != sitting.version:
        return Refused(code="conflict")
    if table[0].machine is Machine.PRESENCE and subject not in sitting.people:
        return Refused(code="unknown-person")
    draft = _Draft(sitting, actor, now)
    refused = draft.take(command.name, subject, command.reason, command.detail, request_id=command.request_id)
    return refused or tuple(draft.events)


def _may_give(row: Row, actor: Actor, subject: str) -> bool:
    if actor.role in row.who:
        return True
    return SELF in row.who and actor.id == subject and actor.role != BY_SYSTEM


class _Draft:
    """Events being made, and the state they lead to so far."""

    def __init__(self, sitting: Sitting, actor: Actor, now: Now) -> None:
        self.sitting = sitting
        self.actor = actor
        self.now = now
        self.events: list[Event] = []

    def take(
        self, event: str, subject: str, reason: str, detail: dict[str, Any], *, request_id: str = ""
    ) -> Refused | None:
        """One row with its effects, or why not."""
        row = self._row(event, subject)
        if row is None:
            return Refused(code=_wrong_state(event, subject, self.sitting))
        for guard in row.guards:
            code = GUARDS[guard](self, subject, detail)
            if code:
                return Refused(code=code)
        self._write(row, subject, reason, detail, request_id)
        for effect in row.effects:
            EFFECTS[effect](self, subject)
        return None

    def _present(self, machine: Machine, subject: str) -> str:
        if machine is Machine.SITTING:
            return self.sitting.state.value
        if machine is Machine.RECORD:
            return self.sitting.record.value
        return self.sitting.people[subject].presence.value

    def _row(self, event: str, subject: str) -> Row | None:
        return next((row for row in rows(event) if self._present(row.machine, subject) in row.sources), None)

    def _write(self, row: Row, subject: str, reason: str, detail: dict[str, Any], request_id: str) -> None:
        source = self._present(row.machine, subject)
        to = row.to
        if to == SAME:
            to = source
        elif to == HELD:
            to = self.sitting.people[subject].held or Presence.CHECKING
        by_the_court = row.who == frozenset({BY_SYSTEM})
        actor = SYSTEM if by_the_court else self.actor
        event = _sealed(
            Event(
                seq=self.sitting.seq + 1,
                utc=self.now.utc,
                mono=self.now.mono,
                machine=row.machine,
                name=row.event,
                subject=subject if row.machine is Machine.PRESENCE else "",
                actor=actor.id,
                role=actor.role,
                source=source,
                to=str(to),
                reason=reason,
                request_id=request_id,
                detail=detail,
                prev_hash=self.sitting.head,
            )
        )
        self.events.append(event)
        self.sitting = apply(self.sitting, event)


def _wrong_state(event: str, subject: str, sitting: Sitting) -> str:
    """The code that tells a person best why this cannot be done now."""
    if sitting.state is SittingState.CLOSED:
        return "sitting-closed"
    machine = rows(event)[0].machine
    if machine is Machine.SITTING:
        return {
            SittingState.NOT_STARTED: "not-started",
            SittingState.COUNTDOWN: "countdown-running",
            SittingState.IN_SESSION: "already-started",
        }[sitting.state]
    if machine is Machine.RECORD:
        return "wrong-record-state"
    if sitting.people[subject].presence is Presence.AWAY:
        return "person-away"
    return {"call": "person-not-waiting", "dismiss": "person-not-in-hearing"}.get(event, "wrong-place")


# --- guards: a code if the row may not be taken ----------------------------------

Guard = Callable[[_Draft, str, dict[str, Any]], str | None]


def _is_presiding(draft: _Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.actor.id == draft.sitting.presiding else "not-presiding"


def _presiding_ready(draft: _Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if presiding_waits(draft.sitting) else "judge-not-ready"


def _presiding_absent(draft: _Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return "countdown-running" if presiding_waits(draft.sitting) else None


def _countdown_over(draft: _Draft, subject: str, detail: dict[str, Any]) -> str | None:
    ends = draft.sitting.countdown_ends
    return None if ends is not None and draft.now.utc >= ends else "countdown-running"


def _record_runs(draft: _Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.record is RecordState.RECORDING else "record-not-running"


def _record_overdue(draft: _Draft, subject: str, detail: dict[str, Any]) -> str | None:
    sitting = draft.sitting
    waited = sitting.countdown_ends is not None and (
        draft.now.utc >= sitting.countdown_ends + int(sitting.rules.record_wait_s * NS)
    )
    return None if waited and sitting.record is not RecordState.RECORDING else "countdown-running"


def _in_session(draft: _Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return {
        SittingState.NOT_STARTED: "not-started",
        SittingState.COUNTDOWN: "countdown-running",
        SittingState.IN_SESSION: None,
        SittingState.CLOSED: "sitting-closed",
    }[draft.sitting.state]


def _about_to_begin(draft: _Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.state is SittingState.COUNTDOWN else "wrong-record-state"


def _called_off(draft: _Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.state is SittingState.NOT_STARTED else "wrong-record-state"


def _closed(draft: _Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.state is SittingState.CLOSED else "already-started"


def _not_closed(draft: _Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return "sitting-closed" if draft.sitting.state is SittingState.CLOSED else None


def _declared(draft: _Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if detail.get("declaration") is True else "declaration-missing"


def _not_the_judge(draft: _Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return "judge-stays" if subject == draft.sitting.presiding else None


def _holds_a_place(draft: _Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.people[subject].in_room else "person-not-in-hearing"


def _seat_held_long_enough(draft: _Draft, subject: str, detail: dict[str, Any]) -> str | None:
    person = draft.sitting.people[subject]
    return None if draft.now.utc >= person.since + int(draft.sitting.rules.seat_held_s * NS) else "seat-held"


def _names_a_writer(draft: _Draft, subject: str, detail: dict[str, Any]) -> str | None:
    """Replay reads the name from the event, so that no event may be without."""
    return None if isinstance(detail.get("writer"), str) and detail["writer"] else "invalid"


GUARDS: Final[dict[str, Guard]] = {
    "is_presiding": _is_presiding,
    "presiding_ready": _presiding_ready,
    "presiding_absent": _presiding_absent,
    "countdown_over": _countdown_over,
    "record_runs": _record_runs,
    "record_overdue": _record_overdue,
    "in_session": _in_session,
    "about_to_begin": _about_to_begin,
    "called_off": _called_off,
    "closed": _closed,
    "not_closed": _not_closed,
    "declared": _declared,
    "not_the_judge": _not_the_judge,
    "holds_a_place": _holds_a_place,
    "seat_held_long_enough": _seat_held_long_enough,
    "names_a_writer": _names_a_writer,
}


# --- effects: further rows that follow at once -----------------------------------


def _arm_record(draft: _Draft, subject: str) -> None:
    draft.take("arm", "", "", {})


def _stand_record_down(draft: _Draft, subject: str) -> None:
    draft.take("stand_down", "", "", {})


def _close_record(draft: _Draft, subject: str) -> None:
    draft.take("finalize", "", "", {})


def _record_again(draft: _Draft, subject: str) -> None:
    draft.take("first_durable", "", "", {})


def _bring_in(draft: _Draft, subject: str) -> None:
    for person in list(draft.sitting.people.values()):
        _enter_if_due(draft, person.id)


def _enter_if_due(draft: _Draft, subject: str) -> None:
    person = draft.sitting.people[subject]
    if person.role in AUTO_ENTER and not person.dismissed and person.presence is Presence.WAITING:
        draft.take("enter", subject, "", {})


def _rise(draft: _Draft, subject: str) -> None:
    for person in list(draft.sitting.people.values()):
        if person.in_room:
            draft.take("rise", person.id, "", {})


EFFECTS: Final[dict[str, Callable[[_Draft, str], None]]] = {
    "arm_record": _arm_record,
    "stand_record_down": _stand_record_down,
    "close_record": _close_record,
    "record_again": _record_again,
    "bring_in": _bring_in,
    "enter_if_due": _enter_if_due,
    "rise": _rise,
}


def presiding_waits(sitting: Sitting) -> bool:
    """Whether the presiding judge is there, checked in and connected, to begin the session (invariant 1)."""
    return sitting.people[sitting.presiding].presence is Presence.WAITING


def is_live(person: Person) -> bool:
    """Connected, as far as the log knows."""
    return person.presence in LIVE
