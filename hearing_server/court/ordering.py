"""Applying orders of the room: by name, how each changes the state; those that only go into the log are absent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from .model import Event, Exhibit, Objection, Person, Sitting
from .states import Role

#: Who is silenced by "mute all": everybody who is not of the bench and may speak.
_MUTE_ALL_SPARES: Final = frozenset({Role.JUDGE, Role.PANEL, Role.OBSERVER, Role.TECHNICIAN})


def _person(sitting: Sitting, person_id: str, **changes: Any) -> Sitting:
    person = replace(sitting.people[person_id], **changes)
    return replace(sitting, people={**sitting.people, person_id: person})


def _everybody(sitting: Sitting, change: Callable[[Person], Person]) -> Sitting:
    return replace(sitting, people={person.id: change(person) for person in sitting.people.values()})


def related(people: dict[str, Person], person_id: str, field: str, others: tuple[str, ...]) -> dict[str, Person]:
    """The people with this relation of one person to the others, kept in both directions."""
    changed = {**people, person_id: replace(people[person_id], **{field: others})}
    for other in people.values():
        if other.id == person_id:
            continue
        theirs: tuple[str, ...] = getattr(other, field)
        has, should = person_id in theirs, other.id in others
        if has != should:
            kept = tuple(one for one in theirs if one != person_id)
            changed[other.id] = replace(other, **{field: (*kept, person_id) if should else kept})
    return changed


# --- silence ---------------------------------------------------------------------------


def _mute_all(sitting: Sitting, event: Event) -> Sitting:
    lock = event.detail.get("lock", False)

    def silenced(person: Person) -> Person:
        if person.role in _MUTE_ALL_SPARES or person.id == sitting.presiding:
            return person
        return replace(person, muted=True, locked=person.locked or lock)

    return _everybody(sitting, silenced)


def _unlock_all(sitting: Sitting, event: Event) -> Sitting:
    return _everybody(sitting, lambda person: replace(person, muted=False, locked=False) if person.muted else person)


def _lift(sitting: Sitting, event: Event) -> Sitting:
    keep, lock = (frozenset(event.detail.get(name, ())) for name in ("keep", "lock"))

    def lifted(person: Person) -> Person:
        if person.id in lock and person.role not in _MUTE_ALL_SPARES:
            person = replace(person, muted=True, locked=True)
        return replace(person, behind_curtain=person.id in keep)

    return replace(_everybody(sitting, lifted), curtain=False)


# --- grants ------------------------------------------------------------------------------


def _granted(sitting: Sitting, person_id: str, verb: str) -> Sitting:
    grants = tuple(sorted({*sitting.people[person_id].grants, verb}))
    return _person(sitting, person_id, grants=grants)


def _withdrawn(sitting: Sitting, person_id: str, verb: str) -> Sitting:
    grants = tuple(grant for grant in sitting.people[person_id].grants if grant != verb)
    return _person(sitting, person_id, grants=grants)


# --- the course of the hearing -------------------------------------------------------------


def _objection(sitting: Sitting, event: Event) -> Sitting:
    raised = Objection(id=event.seq, by=event.actor, text=event.detail["text"])
    return replace(sitting, objections=(*sitting.objections, raised))


def _rule_objection(sitting: Sitting, event: Event) -> Sitting:
    ruled = event.detail["objection"]
    return replace(sitting, objections=tuple(one for one in sitting.objections if one.id != ruled))


def _show(sitting: Sitting, event: Event) -> Sitting:
    shown = Exhibit(document=event.detail["document"], page=event.detail.get("page", 1), by=event.actor)
    return replace(sitting, exhibit=shown)


def _turn(sitting: Sitting, event: Event) -> Sitting:
    if sitting.exhibit is None:
        return sitting
    return replace(sitting, exhibit=replace(sitting.exhibit, page=event.detail["page"]))


# --- leaving ----------------------------------------------------------------------------------


def _leaving(step: str) -> Callable[[Sitting, Event], Sitting]:
    def change(sitting: Sitting, event: Event) -> Sitting:
        gone = {"dismissed": True} if step == "left" else {}
        return _person(sitting, event.subject, leaving=step, leaving_since=event.utc if step else None, **gone)

    return change


# --- people -----------------------------------------------------------------------------------


def _add(sitting: Sitting, event: Event) -> Sitting:
    entry = event.detail
    person = Person(
        id=entry["id"],
        role=Role(entry["role"]),
        side=entry.get("side", ""),
        languages=tuple(entry.get("languages", ())),
        deputy=entry.get("deputy", False),
    )
    people = {**sitting.people, person.id: person}
    people = related(people, person.id, "linked", tuple(entry.get("linked", ())))
    people = related(people, person.id, "screened_from", tuple(entry.get("screened_from", ())))
    return replace(sitting, people=people)


def _change(sitting: Sitting, event: Event) -> Sitting:
    people = sitting.people
    plain: dict[str, Any] = {}
    for field, value in event.detail.items():
        if field in ("linked", "screened_from"):
            people = related(people, event.subject, field, tuple(value))
        else:
            plain[field] = tuple(value) if isinstance(value, list | tuple) else value
    people = {**people, event.subject: replace(people[event.subject], **plain)}
    return replace(sitting, people=people)


def _change_judge(sitting: Sitting, event: Event) -> Sitting:
    before, after = sitting.people[sitting.presiding], sitting.people[event.subject]
    people = {
        **sitting.people,
        before.id: replace(before, role=Role.PANEL, deputy=False),
        after.id: replace(after, role=Role.JUDGE, deputy=False),
    }
    return replace(sitting, presiding=after.id, people=people)


#: Order to change; ``note``, ``ruling``, ``statement`` and ``duress`` are their own event and change nothing.
ORDERS: Final[dict[str, Callable[[Sitting, Event], Sitting]]] = {
    "mute": lambda s, e: _person(s, e.subject, muted=True),
    "unmute": lambda s, e: _person(s, e.subject, muted=False, locked=False),
    "mute_lock": lambda s, e: _person(s, e.subject, muted=True, locked=True),
    "unlock": lambda s, e: _person(s, e.subject, muted=False, locked=False),
    "mute_all": _mute_all,
    "unlock_all": _unlock_all,
    "curtain": lambda s, e: replace(s, curtain=True, exhibit=None),
    "lift": _lift,
    "raise_hand": lambda s, e: _person(s, e.subject, hand=e.utc),
    "lower_hand": lambda s, e: _person(s, e.subject, hand=None),
    "lower_hands": lambda s, e: _everybody(s, lambda person: replace(person, hand=None) if person.hand else person),
    "give_floor": lambda s, e: _person(replace(s, floor=e.subject), e.subject, hand=None),
    "ask_repeat": lambda s, e: _person(s, e.subject, repeat=e.utc),
    "clear_floor": lambda s, e: replace(s, floor=""),
    "spotlight": lambda s, e: replace(s, spotlight=e.subject),
    "clear_spotlight": lambda s, e: replace(s, spotlight=""),
    "allow_share": lambda s, e: _granted(s, e.subject, "share"),
    "stop_share": lambda s, e: _withdrawn(s, e.subject, "share"),
    "grant": lambda s, e: _granted(s, e.subject, e.detail["verb"]),
    "withdraw_grant": lambda s, e: _withdrawn(s, e.subject, e.detail["verb"]),
    "set_stage": lambda s, e: replace(s, stage=e.detail["stage"], stage_since=e.utc),
    "objection": _objection,
    "rule_objection": _rule_objection,
    "restrict": lambda s, e: replace(s, restriction=e.detail["text"]),
    "unrestrict": lambda s, e: replace(s, restriction=""),
    "show_exhibit": _show,
    "turn_page": _turn,
    "hide_exhibit": lambda s, e: replace(s, exhibit=None),
    "direct_public": lambda s, e: replace(s, public_grounds=e.detail["grounds"]),
    "classify": lambda s, e: replace(s, category=e.detail["category"]),
    "withdraw_public": lambda s, e: replace(s, public_grounds=""),
    "assign_mix": lambda s, e: _person(s, e.subject, mix=e.detail.get("language", "")),
    "listen": lambda s, e: _person(s, e.subject, listens=e.detail.get("language", "")),
    "prompt_return": _leaving("prompted"),
    "warn_return": _leaving("warned"),
    "treat_as_left": _leaving("left"),
    "excuse_leaving": _leaving(""),
    "order_place": lambda s, e: _person(s, e.subject, attend_at=e.detail.get("place", "")),
    "request_suspend": lambda s, e: replace(s, suspend_asked_by=e.actor),
    "decline_suspend": lambda s, e: replace(s, suspend_asked_by=""),
    "report_blocked": lambda s, e: _person(s, e.subject, blocked=e.detail["device"]),
    "add_person": _add,
    "change_person": _change,
    "change_judge": _change_judge,
}
