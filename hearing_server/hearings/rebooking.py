"""What the booking says that the sitting's log does not say yet, as commands.  Pure.

Nothing is remembered: the two are compared, so that a change made while the sitting was not at work is taken over when
it is.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..court import SYSTEM, Actor, Booked, Command, Person, Role, Sitting
from ..court.states import UNSCREENED
from ..store import HearingFacts, PersonRow


class Direction(msgspec.Struct, rename="camel"):
    """The judge's direction about observers, as the booking holds it."""

    allowed: bool = False
    grounds: str = ""


def booked_people(facts: HearingFacts) -> list[Booked]:
    """The people as the first event of a sitting takes them."""
    relations = _relations(facts)
    return [
        Booked(
            id=row.id,
            role=Role(row.role),
            side=row.side,
            linked=relations[row.id][0],
            screened_from=relations[row.id][1],
            languages=row.languages,
            deputy=row.deputy and row.role == Role.PANEL,
        )
        for row in facts.people
    ]


def _relations(facts: HearingFacts) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Of each person, whom they are linked to and whom they are screened from: the booking says either from one side,
    the sitting from both.  Screening goes before a link; nobody is screened from the court."""
    court = {row.id for row in facts.people if row.role in UNSCREENED}
    linked: dict[str, set[str]] = {row.id: set() for row in facts.people}
    screened: dict[str, set[str]] = {row.id: set() for row in facts.people}
    for row in facts.people:
        for relation, others in ((linked, row.linked_to), (screened, row.screened_from)):
            for other in others:
                kept = relation is linked or court.isdisjoint((row.id, other))
                if other in relation and other != row.id and kept:
                    relation[row.id].add(other)
                    relation[other].add(row.id)
    return {
        row.id: (tuple(sorted(linked[row.id] - screened[row.id])), tuple(sorted(screened[row.id])))
        for row in facts.people
    }


def as_planned(command: Command, facts: HearingFacts) -> Command:
    """The opening of a hearing that was booked to be held off the record says so, with the order it rests on."""
    if command.name != "open" or facts.recording != "off" or command.detail.get("off_record"):
        return command
    return msgspec.structs.replace(command, detail={**command.detail, "off_record": facts.recording_reason})


def grounds_of(facts: HearingFacts) -> str:
    """On which observers are let in; empty if they are not."""
    if not facts.observers:
        return ""
    direction = msgspec.json.decode(facts.observers, type=Direction)
    return direction.grounds.strip() if direction.allowed else ""


def changes(sitting: Sitting, facts: HearingFacts) -> list[tuple[Actor, Command]]:
    """In an order in which each can be taken.  Whoever was taken out of the booking stays in the log, and cannot come
    in any more."""
    relations = _relations(facts)
    changed = (_changed(sitting, row, *relations[row.id]) for row in facts.people)
    return [
        *_new_people(sitting, facts),
        *(step for step in changed if step is not None),
        *_judge(sitting, facts),
        *_observers(sitting, facts),
    ]


def _new_people(sitting: Sitting, facts: HearingFacts) -> list[tuple[Actor, Command]]:
    """Their relations follow, when everybody is there; a new judge begins on the panel."""
    found: list[tuple[Actor, Command]] = []
    for row in facts.people:
        if row.id not in sitting.people:
            role = Role.PANEL if row.role == Role.JUDGE else Role(row.role)
            detail = {
                "id": row.id,
                "role": role.value,
                "side": row.side,
                "languages": list(row.languages),
                "deputy": row.deputy and role is Role.PANEL,
            }
            found.append((SYSTEM, Command(name="add_person", detail=detail)))
    return found


def _changed(
    sitting: Sitting, row: PersonRow, linked: tuple[str, ...], screened: tuple[str, ...]
) -> tuple[Actor, Command] | None:
    person = sitting.people.get(row.id) or Person(
        id=row.id, role=Role(row.role), side=row.side, languages=row.languages, deputy=row.deputy
    )
    detail: dict[str, Any] = {}
    if row.side != person.side:
        detail["side"] = row.side
    if set(linked) != set(person.linked):
        detail["linked"] = list(linked)
    if set(screened) != set(person.screened_from):
        detail["screened_from"] = list(screened)
    if row.languages != person.languages:
        detail["languages"] = list(row.languages)
    if row.deputy != person.deputy and person.role is Role.PANEL:
        detail["deputy"] = row.deputy
    return (SYSTEM, Command(name="change_person", subject=row.id, detail=detail)) if detail else None


def _judge(sitting: Sitting, facts: HearingFacts) -> list[tuple[Actor, Command]]:
    judge = facts.judge
    if not judge.id or judge.id == sitting.presiding:
        return []
    return [(SYSTEM, Command(name="change_judge", subject=judge.id))]


def _observers(sitting: Sitting, facts: HearingFacts) -> list[tuple[Actor, Command]]:
    """The direction is the presiding judge's, wherever it was given; one that was given in the room alone stands."""
    grounds = grounds_of(facts)
    if facts.observers is None or grounds == sitting.public_grounds:
        return []
    judge = Actor(id=sitting.presiding, role=sitting.people[sitting.presiding].role.value)
    if grounds:
        return [(judge, Command(name="direct_public", detail={"grounds": grounds}))]
    return [(judge, Command(name="withdraw_public"))]
