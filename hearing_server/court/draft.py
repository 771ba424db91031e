"""Events being made, and the state they lead to so far: what guards look at and effects add to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from .applying import apply
from .model import SYSTEM, Actor, Event, Now, Refused, Sitting
from .states import Machine, Presence, RecordState, Role, SittingState, Talk, TaskState
from .tables import ABOUT_SOMEBODY, BACK, BY_SYSTEM, HELD, SAME, SELF, Row, rows

#: A code if the row may not be taken.
Guard = Callable[["Draft", str, dict[str, Any]], str | None]
#: Adds further rows that follow at once.
Effect = Callable[["Draft", str, dict[str, Any]], None]

#: Machines of which each person has one of their own.
PERSONAL = frozenset({Machine.PRESENCE, Machine.IDENTITY, Machine.CONSENT, Machine.SIGNATURE})


def sealed(event: Event) -> Event:
    """The event with its hash."""
    return replace(event, hash=event.digest())


class Draft:
    """``guards`` and ``effects`` are given by :mod:`.law`, which joins the parts."""

    def __init__(
        self,
        sitting: Sitting,
        actor: Actor,
        now: Now,
        guards: dict[str, Guard],
        effects: dict[str, Effect],
    ) -> None:
        self.sitting = sitting
        self.actor = actor
        self.now = now
        self.reason = ""
        self.events: list[Event] = []
        self._guards = guards
        self._effects = effects

    def permits(self, event: str, subject: str, detail: dict[str, Any]) -> Row | Refused:
        """The row that this event would take now, or why there is none."""
        row = self._row(event, subject, detail)
        if row is None:
            return Refused(code=_wrong_state(event, subject, self.sitting))
        for guard in row.guards:
            code = self._guards[guard](self, subject, detail)
            if code:
                return Refused(code=code)
        return row

    def take(
        self, event: str, subject: str, reason: str, detail: dict[str, Any], *, request_id: str = ""
    ) -> Refused | None:
        """One row with its effects, or why not."""
        row = self.permits(event, subject, detail)
        if isinstance(row, Refused):
            return row
        self._write(row, subject, reason, detail, request_id)
        for effect in row.effects:
            self._effects[effect](self, subject, detail)
        return None

    def follow(self, event: str, subject: str = "", reason: str = "", detail: dict[str, Any] | None = None) -> bool:
        """A row that the court's own machinery adds; false if the law has no place for it now."""
        giver, self.actor = self.actor, SYSTEM
        refused = self.take(event, subject, reason, detail or {})
        self.actor = giver
        return refused is None

    def _present(self, machine: Machine, subject: str, detail: dict[str, Any]) -> str | None:
        """The state of this machine now; nothing for a person or thing unknown."""
        sitting = self.sitting
        match machine:
            case Machine.SITTING | Machine.ORDER:
                return sitting.state.value
            case Machine.RECORD:
                return sitting.record.value
            case Machine.DOORS:
                return sitting.doors.value
            case Machine.STREAM:
                return sitting.stream.value
            case Machine.TRANSCRIPT:
                return sitting.transcript.value
            case Machine.CONSULTATION:
                talk = sitting.consultations.get(detail.get("consultation", ""))
                return Talk.NONE.value if talk is None else talk.state.value
            case Machine.TASK:
                task = sitting.tasks.get(detail.get("task", ""))
                return TaskState.NONE.value if task is None else task.state.value
        person = sitting.people.get(subject)
        if person is None:
            return None
        if machine is Machine.PRESENCE:
            return person.presence.value
        if machine is Machine.IDENTITY:
            return person.identity.value
        if machine is Machine.SIGNATURE:
            return person.signature.value
        return person.consent.get(detail.get("stage", ""), "not_asked")

    def _row(self, event: str, subject: str, detail: dict[str, Any]) -> Row | None:
        return next(
            (row for row in rows(event) if self._present(row.machine, subject, detail) in row.sources),
            None,
        )

    def _write(self, row: Row, subject: str, reason: str, detail: dict[str, Any], request_id: str) -> None:
        seq = self.sitting.seq + 1
        if row.event == "consult":
            detail["consultation"] = f"c{seq}"
        elif row.event == "open_task":
            detail["task"] = f"t{seq}"
        elif row.event == "seal" and self.sitting.partial:
            detail["partial"] = True
        source = self._present(row.machine, subject, detail) or ""
        to = row.to
        if to == SAME:
            to = source
        elif to == BACK:
            to = self.sitting.countdown_from.value
        elif to == HELD:
            to = self.sitting.people[subject].held or Presence.CHECKING
        actor = SYSTEM if row.who == frozenset({BY_SYSTEM}) else self.actor
        event = sealed(
            Event(
                seq=seq,
                utc=self.now.utc,
                mono=self.now.mono,
                machine=row.machine,
                name=row.event,
                subject=subject if _about_a_person(row) and subject in self.sitting.people else "",
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


def _about_a_person(row: Row) -> bool:
    if row.machine in PERSONAL or row.machine in (Machine.CONSULTATION, Machine.TASK):
        return True
    return row.machine in (Machine.ORDER, Machine.STREAM, Machine.TRANSCRIPT) and (
        row.own or SELF in row.who or row.event in ABOUT_SOMEBODY
    )


_BY_STATE = {
    SittingState.NOT_STARTED: "not-started",
    SittingState.COUNTDOWN: "countdown-running",
    SittingState.IN_SESSION: "already-started",
    SittingState.RECESS: "in-recess",
    SittingState.SUSPENDED: "is-suspended",
    SittingState.DELIBERATION: "in-deliberation",
    SittingState.CLOSED: "sitting-closed",
}


def wrong_sitting_state(state: SittingState) -> str:
    """The code that says in which state the sitting is, and so why something cannot be done."""
    return _BY_STATE[state]


def _wrong_state(event: str, subject: str, sitting: Sitting) -> str:
    """The code that tells a person best why this cannot be done now."""
    machine = rows(event)[0].machine
    if machine is Machine.TRANSCRIPT:
        return "transcript-state"
    if machine is Machine.SIGNATURE:
        return "signature-state"
    if sitting.state is SittingState.CLOSED and machine is not Machine.TASK:
        return "sitting-closed"
    match machine:
        case Machine.SITTING | Machine.ORDER:
            return wrong_sitting_state(sitting.state)
        case Machine.RECORD:
            return "wrong-record-state" if sitting.record is not RecordState.IDLE else "record-not-running"
        case Machine.DOORS:
            return "doors-closed" if event == "close_doors" else "doors-open"
        case Machine.STREAM:
            return "stream-state"
        case Machine.IDENTITY:
            return "wrong-identity-state"
        case Machine.CONSENT:
            return "wrong-consent-state"
        case Machine.CONSULTATION:
            return "wrong-consultation-state"
        case Machine.TASK:
            return "task-unknown"
    person = sitting.people.get(subject)
    if person is None:
        return "unknown-person"
    if person.presence is Presence.AWAY:
        return "person-away"
    if person.presence is Presence.REMOVED:
        return "person-removed"
    return {"call": "person-not-waiting", "dismiss": "person-not-in-hearing", "readmit": "person-not-removed"}.get(
        event, "wrong-place"
    )


#: Where a deputy is when they can act; where the presiding judge is not when a deputy may.
_AT_HAND = frozenset({Presence.WAITING, Presence.IN_HEARING, Presence.IN_DELIBERATION})
_GONE = frozenset({Presence.AWAY, Presence.DISCONNECTED, Presence.NOT_SIGNED_IN, Presence.REMOVED})


def acting_role(sitting: Sitting, actor: Actor) -> str:
    """The role whose rights count: a deputy who is there has the judge's while the presiding judge is not connected."""
    person = sitting.people.get(actor.id)
    if person is None or person.role is not Role.PANEL or not person.deputy or person.presence not in _AT_HAND:
        return actor.role
    return Role.JUDGE.value if sitting.people[sitting.presiding].presence in _GONE else actor.role
