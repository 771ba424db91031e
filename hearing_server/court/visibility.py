"""Who may send, receive and see what: pure functions of the state (design.md D3).

Nobody gets any media before the session or after it; an observer never sends; a
witness who has not been called gets nothing and knows nobody but the bench.
"""

from __future__ import annotations

import msgspec

from .law import decide
from .model import Actor, Command, Now, Person, Refused, Role, Sitting, SittingState
from .tables import ISOLATED_UNTIL_CALLED, PUBLISH, SEES_CHECKS, SEES_ROLES_ONLY, rows

#: States in which tracks are captured: from the countdown on, so that the record runs before the first word.
RECORDED = frozenset({SittingState.COUNTDOWN, SittingState.IN_SESSION})

#: Whose faces a hearing turns on: the bench, a witness who is being heard, and the interpreter, whose lips and hands
#: are part of what is said.
PINNED = frozenset({Role.JUDGE, Role.WITNESS, Role.INTERPRETER})


class MediaPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of what may flow in the room; whoever is absent has no right.

    ``publish``: person to sources; ``receive``: subscriber to publishers; ``record``: the recording all that is
    published goes into.  ``pinned``: whose picture yields late on a weak line.  ``version`` grows with every event.
    """

    version: int
    publish: dict[str, tuple[str, ...]]
    receive: dict[str, tuple[str, ...]]
    record: str | None
    pinned: tuple[str, ...] = ()


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a person's roster.  ``named``: by name, or by role only; ``check``: with what the check-in said."""

    person_id: str
    named: bool
    check: bool


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What one person may know and do now.

    ``isolated``: has not been called yet, and is told nothing of what goes on inside, not even how many there are.
    """

    isolated: bool
    people: tuple[Seen, ...]
    may: tuple[str, ...]
    may_publish: tuple[str, ...]
    watching: int


def role_may_publish(role: Role, source: str) -> bool:
    """Whether this role can ever send such a track in this hearing."""
    return source in PUBLISH[role]


def may_publish(sitting: Sitting, person_id: str) -> tuple[str, ...]:
    """The sources this person may send now."""
    person = sitting.people.get(person_id)
    if person is None or sitting.state is not SittingState.IN_SESSION or not person.in_room:
        return ()
    return PUBLISH[person.role]


def may_receive(sitting: Sitting, subscriber: str, publisher: str) -> bool:
    """Whether the subscriber may get what the publisher sends."""
    person = sitting.people.get(subscriber)
    return (
        person is not None
        and subscriber != publisher
        and sitting.state is SittingState.IN_SESSION
        and person.in_room
        and bool(may_publish(sitting, publisher))
    )


def plan(sitting: Sitting) -> MediaPlan:
    """The subscription plan: the two functions above for everybody."""
    publish = {person: sources for person in sitting.people if (sources := may_publish(sitting, person))}
    receive = {
        person: publishers
        for person in sitting.people
        if (publishers := tuple(other for other in publish if may_receive(sitting, person, other)))
    }
    record = sitting.id if sitting.state in RECORDED else None
    pinned = tuple(person for person in publish if sitting.people[person].role in PINNED)
    return MediaPlan(version=sitting.seq, publish=publish, receive=receive, record=record, pinned=pinned)


def view(sitting: Sitting, person_id: str, now: Now) -> View:
    """What this person, who must be one of the sitting's, may know and do."""
    person = sitting.people[person_id]
    isolated = _isolated(person)
    observers = sum(1 for other in sitting.people.values() if other.role is Role.OBSERVER and other.in_room)
    return View(
        isolated=isolated,
        people=tuple(
            Seen(
                person_id=other.id,
                named=_named(person, other),
                check=person.role in SEES_CHECKS or other.id == person.id,
            )
            for other in sitting.people.values()
            if _sees(person, other)
        ),
        may=_may(sitting, person, now),
        may_publish=may_publish(sitting, person_id),
        watching=0 if isolated else observers,
    )


def sees_lines_of(sitting: Sitting, person_id: str) -> tuple[str, ...]:
    """Whose network quality this person is told: their own; as with the checks, everybody's for bench and clerk."""
    return tuple(seen for seen in sitting.people if seen == person_id or sitting.people[person_id].role in SEES_CHECKS)


def _isolated(person: Person) -> bool:
    return person.role in ISOLATED_UNTIL_CALLED and not person.in_room


def _sees(person: Person, other: Person) -> bool:
    if _isolated(person):
        return other.id == person.id or other.role is Role.JUDGE
    return True


def _named(person: Person, other: Person) -> bool:
    return other.id == person.id or other.role is Role.JUDGE or person.role not in SEES_ROLES_ONLY


#: Commands that a page offers as keys; the others follow from what a person does.
OFFERED = ("open", "abort", "close", "call", "dismiss")
_ABOUT_SOMEBODY = frozenset({"call", "dismiss"})


def _may(sitting: Sitting, person: Person, now: Now) -> tuple[str, ...]:
    actor = Actor(id=person.id, role=person.role.value)
    return tuple(name for name in OFFERED if _offered(sitting, actor, name, now))


def _offered(sitting: Sitting, actor: Actor, name: str, now: Now) -> bool:
    if name not in _ABOUT_SOMEBODY:
        return not isinstance(decide(sitting, actor, Command(name=name), now), Refused)
    given = any(actor.role in row.who for row in rows(name))
    return given and actor.id == sitting.presiding and sitting.state is SittingState.IN_SESSION
