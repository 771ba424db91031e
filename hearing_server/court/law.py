"""Deciding: ``decide(state, actor, command, now)`` makes events.

It walks the tables: it finds the row, asks its guards, writes the event and lets
its effects add further events, each through its own row.  It changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import arguments, effects, guards
from .applying import ANSWERED_LIMIT, ChainBroken, answer_key, apply, begin, replay
from .draft import PERSONAL, Draft, acting_role, sealed
from .model import GENESIS_HASH, SYSTEM, Actor, Booked, Command, Event, Now, Person, Refused, Sitting
from .people import presiding_waits
from .profiles import Rules
from .states import LIVE, UNSCREENED, Machine, Role, SittingState
from .tables import ABOUT_SOMEBODY, BY_SYSTEM, SELF, Row, rows

GUARDS = guards.GUARDS
EFFECTS = effects.EFFECTS

#: Never in conflict with what the giver saw: it must not fail (J31).
NEVER_STALE = frozenset({"curtain", "stop_stream"})


def booked(
    sitting_id: str,
    people: Sequence[Booked],
    rules: Rules,
    now: Now,
    *,
    scheduled: int | None = None,
    public_grounds: str = "",
    restriction: str = "",
) -> Event:
    """The first event of a sitting.  ``scheduled``: when it is set for, ns since 1970; ``public_grounds``: of the
    direction that lets observers in, if it was given at booking; ``restriction``: on reporting.

    Raises :class:`ValueError` unless exactly one judge presides (invariant 1) and the people fit together.
    """
    judges = [person.id for person in people if person.role is Role.JUDGE]
    if len(judges) != 1:
        raise ValueError(f"a sitting has exactly one presiding judge, not {len(judges)}")
    known = {person.id for person in people}
    if len(known) != len(people):
        raise ValueError("a person is booked twice")
    if SYSTEM.id in known:
        raise ValueError(f"{SYSTEM.id} is the name of the court's own machinery")
    for person in people:
        if not known.issuperset((*person.linked, *person.screened_from)):
            raise ValueError(f"{person.id} is linked to, or screened from, a person who is not booked")
        if person.id in person.linked or person.id in person.screened_from:
            raise ValueError(f"{person.id} is linked to, or screened from, themself")
    linked, screened = (
        {frozenset((person.id, other)) for person in people for other in getattr(person, field)}
        for field in ("linked", "screened_from")
    )
    if linked & screened:
        raise ValueError("a person is linked to somebody they are screened from")
    roles = {person.id: person.role for person in people}
    if any(roles[one] in UNSCREENED for pair in screened for one in pair):
        raise ValueError("nobody is screened from the court")
    detail: dict[str, Any] = {
        "sitting": sitting_id,
        "presiding": judges[0],
        "people": [_written(person) for person in people],
        "rules": rules.written(),
    }
    if scheduled is not None:
        detail["scheduled"] = scheduled
    if public_grounds:
        detail["public_grounds"] = public_grounds
    if restriction:
        detail["restriction"] = restriction
    return sealed(
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


def _written(person: Booked) -> dict[str, Any]:
    """As the first event holds a person: what is nothing is left out."""
    fields: dict[str, Any] = {"id": person.id, "role": person.role.value}
    if person.side:
        fields["side"] = person.side
    for name in ("linked", "screened_from", "languages"):
        if getattr(person, name):
            fields[name] = list(getattr(person, name))
    if person.deputy:
        fields["deputy"] = True
    return fields


def decide(sitting: Sitting, actor: Actor, command: Command, now: Now) -> tuple[Event, ...] | Refused:
    """The events that this command makes now, in order; none if it was already done; or the reason why not."""
    table = rows(command.name)
    if not table:
        return Refused(code="unknown-command")
    if command.request_id and answer_key(actor.id, command.request_id) in sitting.answered:
        return ()
    subject = command.subject or actor.id
    refused = _may_give(sitting, actor, table[0], subject)
    if refused is not None:
        return refused
    stale = command.expected_version is not None and command.expected_version != sitting.version
    if stale and command.name not in NEVER_STALE:
        return Refused(code="conflict")
    if _needs_person(table[0]) and subject not in sitting.people:
        return Refused(code="unknown-person")
    detail = arguments.read(command.name, command.detail)
    if detail is None:
        return Refused(code="invalid")
    draft = Draft(sitting, actor, now, GUARDS, EFFECTS)
    draft.reason = command.reason
    failed = draft.take(command.name, subject, command.reason, detail, request_id=command.request_id)
    return failed or tuple(draft.events)


def permitted(sitting: Sitting, actor: Actor, name: str, subject: str, now: Now) -> bool:
    """Whether this person could give this command now, with the right arguments and a reason."""
    table = rows(name)
    if not table or _may_give(sitting, actor, table[0], subject) is not None:
        return False
    if _needs_person(table[0]) and subject not in sitting.people:
        return False
    draft = Draft(sitting, actor, now, guards.WITHOUT_ARGUMENTS, EFFECTS)
    return any(isinstance(draft.permits(name, subject, detail), Row) for detail in _occasions(sitting, actor, table[0]))


def _occasions(sitting: Sitting, actor: Actor, row: Row) -> list[dict[str, Any]]:
    """The consultations that a command could be about; for other commands the only one."""
    if row.machine is not Machine.CONSULTATION or row.event == "consult":
        return [{}]
    talks = [sitting.people[actor.id].talk] + [
        talk.id for talk in sitting.consultations.values() if actor.id in talk.invited
    ]
    return [{"consultation": talk} for talk in talks if talk]


def _needs_person(row: Row) -> bool:
    return row.machine in PERSONAL or row.event in ABOUT_SOMEBODY


def _may_give(sitting: Sitting, actor: Actor, row: Row, subject: str) -> Refused | None:
    """Why this role may not give the command, if it may not; all rows of an event have the same givers."""
    if actor.role == BY_SYSTEM:
        return None if BY_SYSTEM in row.who else Refused(code="not-allowed")
    person = sitting.people.get(actor.id)
    if person is None or person.role.value != actor.role:
        return Refused(code="not-allowed")
    if row.own and subject != actor.id:
        return Refused(code="not-allowed")
    role = acting_role(sitting, actor)
    if role in row.who or actor.role in row.who or (SELF in row.who and subject == actor.id):
        return None
    if actor.role in row.by_grant:
        return None if row.verb in person.grants else Refused(code="needs-grant")
    return Refused(code="not-presiding" if actor.role in row.deputies else "not-allowed")


def is_live(person: Person) -> bool:
    """Connected, as far as the log knows."""
    return person.presence in LIVE


__all__ = [
    "ANSWERED_LIMIT",
    "EFFECTS",
    "GUARDS",
    "ChainBroken",
    "Command",
    "answer_key",
    "apply",
    "begin",
    "booked",
    "decide",
    "is_live",
    "permitted",
    "presiding_waits",
    "replay",
]
