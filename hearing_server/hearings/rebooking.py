"""What a changed booking means for a sitting whose log has begun: the commands that bring it there.

Who has been taken out of the booking stays in the log; they have no link any more, and nobody is shown them.
"""

from __future__ import annotations

from typing import Any

from ..court import Booked, Command, Role, Sitting
from ..store import HearingFacts, PersonRow


def as_booked(facts: HearingFacts) -> list[Booked]:
    """The people of a sitting that begins."""
    return [
        Booked(
            id=person.id,
            role=Role(person.role),
            side=person.side,
            linked=person.linked_to,
            screened_from=person.screened_from,
            languages=person.languages,
            deputy=person.deputy,
        )
        for person in facts.people
    ]


def changes(sitting: Sitting, facts: HearingFacts) -> list[Command]:
    """In the order in which they are to be given, by the court's own machinery."""
    new = [person for person in facts.people if person.id not in sitting.people]
    found = [Command(name="add_person", detail=_added(person)) for person in new]
    for person in facts.people:
        wanted = _relations(person)
        known = sitting.people.get(person.id)
        present = {name: getattr(known, name) for name in wanted} if known is not None else _NONE
        if known is None and person.deputy:
            present = {**present, "deputy": True}
        changed = {name: value for name, value in wanted.items() if value != present[name]}
        if changed:
            found.append(Command(name="change_person", subject=person.id, detail=changed))
    if facts.judge.id and facts.judge.id != sitting.presiding:
        found.append(Command(name="change_judge", subject=facts.judge.id))
    return found


_NONE: dict[str, Any] = {"linked": (), "screened_from": (), "deputy": False}


def _added(person: PersonRow) -> dict[str, Any]:
    """Relations follow once everybody is there; a new judge comes in by way of the panel."""
    role = Role.PANEL if person.role == Role.JUDGE else Role(person.role)
    fields: dict[str, Any] = {"id": person.id, "role": role.value, "languages": person.languages}
    if person.side:
        fields["side"] = person.side
    if person.deputy:
        fields["deputy"] = True
    return fields


def _relations(person: PersonRow) -> dict[str, Any]:
    return {"linked": person.linked_to, "screened_from": person.screened_from, "deputy": person.deputy}
