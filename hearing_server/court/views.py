"""What one person may know and do now, and who may read and write to whom."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from .guards.places import side_of
from .law import decide, permitted
from .model import Actor, Command, Consultation, Event, Exhibit, Now, Objection, Person, Refused, Sitting, Task
from .people import members
from .permissions import ISOLATED_UNTIL_CALLED, SEES_CHECKS, SEES_ROLES_ONLY, Leave, leave
from .states import BENCH, EVIDENCE_GIVERS, STAFF, TECHNICAL, Machine, Presence, Role, SittingState, TaskState
from .tables import ABOUT_SOMEBODY, COMMANDS, UNOFFERED
from .visibility import may_publish


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a person's roster.

    ``named``: by name, or by role only; ``check``: with what the check-in said, identity, consent and blocked devices;
    ``may``: commands that the reader can give about this person now.
    """

    person_id: str
    named: bool
    check: bool
    may: tuple[str, ...] = ()


class TalkSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A consultation that the reader is in or invited to; ``members`` and ``invited`` are people they may see."""

    id: str
    state: str
    opened_by: str
    members: tuple[str, ...]
    invited: tuple[str, ...]
    declined: tuple[str, ...]


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What one person may know and do now; the people are named by id, and only those in ``people``.

    ``isolated``: has not been called yet, and is told nothing of what goes on inside, not even how many there are;
    the fields from ``stage`` to ``objections`` are empty then.
    """

    isolated: bool
    people: tuple[Seen, ...]
    may: tuple[str, ...]
    may_publish: tuple[str, ...]
    watching: int
    talk: TalkSeen | None = None
    invitations: tuple[TalkSeen, ...] = ()
    stage: str = ""
    agenda: tuple[str, ...] = ()
    floor: str = ""
    spotlight: str = ""
    #: Raised hands, the first first.
    hands: tuple[str, ...] = ()
    pinned: tuple[str, ...] = ()
    #: Languages that are interpreted into now.
    mixes: tuple[str, ...] = ()
    exhibit: Exhibit | None = None
    objections: tuple[Objection, ...] = ()
    restriction: str = ""
    #: Who objected to the stream: all for the court, one's own for others.
    stream_objections: tuple[Objection, ...] = ()
    category: str = ""
    #: Open first, and only for staff (A1); for technicians what is technical.
    tasks: tuple[Task, ...] = ()
    suspend_asked_by: str = ""
    interrupt_asked: str = ""
    interrupt_asked_by: str = ""


def view(sitting: Sitting, person_id: str, now: Now) -> View:
    """What this person, who must be one of the sitting's, may know and do."""
    person = sitting.people[person_id]
    seen = tuple(other for other in sitting.people.values() if sees(sitting, person, other))
    ids = frozenset(other.id for other in seen)
    lines = tuple(
        Seen(
            person_id=other.id,
            named=named(person, other),
            check=person.role in SEES_CHECKS or other.id == person.id,
            may=_may_about(sitting, person, other, now),
        )
        for other in seen
    )
    known = View(
        isolated=is_isolated(person),
        people=lines,
        may=_may(sitting, person, lines, now),
        may_publish=may_publish(sitting, person_id),
        watching=0,
        talk=_own_talk(sitting, person, ids),
        invitations=tuple(
            _talk_seen(sitting, talk, ids) for talk in sitting.consultations.values() if person_id in talk.invited
        ),
        restriction=sitting.restriction,
        stream_objections=tuple(
            one for one in sitting.stream_objections if one.by == person_id or person.role in BENCH | STAFF
        ),
        category=sitting.category if person.role in BENCH | STAFF else "",
        tasks=_tasks(sitting, person),
    )
    return known if known.isolated else _inside(sitting, person, known, ids)


def _inside(sitting: Sitting, person: Person, known: View, ids: frozenset[str]) -> View:
    """With what goes on in the hearing room."""
    hands = sorted(
        (other for other in sitting.people.values() if other.hand is not None and other.id in ids),
        key=lambda other: (other.hand or 0, other.id),
    )
    exhibit = sitting.exhibit
    if exhibit is not None and exhibit.by not in ids:
        exhibit = msgspec.structs.replace(exhibit, by="")
    court = person.role in BENCH | STAFF
    return msgspec.structs.replace(
        known,
        watching=sum(1 for other in sitting.people.values() if other.role is Role.OBSERVER and other.in_room),
        stage=sitting.stage,
        agenda=tuple(stage.name for stage in sitting.rules.agenda),
        floor=sitting.floor if sitting.floor in ids else "",
        spotlight=sitting.spotlight if sitting.spotlight in ids else "",
        hands=tuple(other.id for other in hands),
        pinned=tuple(other for other in (sitting.floor, sitting.spotlight) if other and other in ids),
        mixes=tuple(sorted({other.mix for other in sitting.people.values() if other.mix and other.in_room})),
        exhibit=exhibit,
        objections=tuple(one for one in sitting.objections if one.by in ids),
        suspend_asked_by=sitting.suspend_asked_by if court else "",
        interrupt_asked=sitting.interrupt_asked if court else "",
        interrupt_asked_by=sitting.interrupt_asked_by if court else "",
    )


# --- the roster ---------------------------------------------------------------------------


def is_isolated(person: Person) -> bool:
    """Has not been brought in, and may know nothing of what goes on inside (W1)."""
    return person.role in ISOLATED_UNTIL_CALLED and not person.in_room


def sees(sitting: Sitting, person: Person, other: Person) -> bool:
    """Whether the other stands in this person's roster at all; screened people never do (M22)."""
    if other.id == person.id:
        return True
    if other.id in person.screened_from:
        return False
    if other.role in (Role.TECHNICIAN, Role.OBSERVER):
        # The others are told how many watch.
        return person.role in BENCH | STAFF | {Role.TECHNICIAN}
    if is_isolated(person):
        return other.id == sitting.presiding or _belong(person, other)
    return True


def _belong(person: Person, other: Person) -> bool:
    """Linked, in one consultation, or those of one's own side: known to a person who knows nothing of the room."""
    together = bool(person.talk) and person.talk == other.talk
    return other.id in person.linked or together


def named(person: Person, other: Person) -> bool:
    """Whether the other stands there by name (hearing-model.md §6, see roster names)."""
    if other.id == person.id or other.role in BENCH:
        return True
    if person.role in SEES_ROLES_ONLY:
        return False
    if person.role in EVIDENCE_GIVERS and not person.released:
        return _belong(person, other) or (bool(side_of(person)) and side_of(person) == side_of(other))
    if person.role is Role.GUEST:
        return other.role in STAFF | {Role.LAWYER} or _belong(person, other)
    return True


# --- private talks, tasks ---------------------------------------------------------------------


def _own_talk(sitting: Sitting, person: Person, ids: frozenset[str]) -> TalkSeen | None:
    talk = sitting.consultations.get(person.talk)
    return _talk_seen(sitting, talk, ids) if talk is not None else None


def _talk_seen(sitting: Sitting, talk: Consultation, ids: frozenset[str]) -> TalkSeen:
    return TalkSeen(
        id=talk.id,
        state=talk.state.value,
        opened_by=talk.opened_by if talk.opened_by in ids else "",
        members=tuple(one for one in members(sitting, talk.id) if one in ids),
        invited=tuple(one for one in talk.invited if one in ids),
        declined=tuple(one for one in talk.declined if one in ids),
    )


def _tasks(sitting: Sitting, person: Person) -> tuple[Task, ...]:
    if person.role not in STAFF | {Role.TECHNICIAN}:
        return ()
    theirs = [task for task in sitting.tasks.values() if person.role in STAFF or task.kind in TECHNICAL]
    return tuple(sorted(theirs, key=lambda task: (task.state is not TaskState.OPEN, -task.opened)))


# --- commands ---------------------------------------------------------------------------------

#: Commands that a page offers as keys.
OFFERED = tuple(name for name in COMMANDS if name not in UNOFFERED)


def _may(sitting: Sitting, person: Person, lines: tuple[Seen, ...], now: Now) -> tuple[str, ...]:
    actor = Actor(id=person.id, role=person.role.value)
    about = frozenset(name for line in lines for name in line.may)
    return tuple(
        name
        for name in OFFERED
        if (
            name in about
            if name in ABOUT_SOMEBODY or name == "consult"
            else permitted(sitting, actor, name, person.id, now)
        )
    )


def _may_about(sitting: Sitting, person: Person, other: Person, now: Now) -> tuple[str, ...]:
    if person.role in (Role.OBSERVER, Role.TECHNICIAN):
        return ()
    actor = Actor(id=person.id, role=person.role.value)
    may = [name for name in OFFERED if name in ABOUT_SOMEBODY and permitted(sitting, actor, name, other.id, now)]
    if other is not person:  # whom one could begin a consultation with
        talk = Command(name="consult", detail={"invite": (other.id,)})
        if permitted(sitting, actor, "consult", person.id, now) and not isinstance(
            decide(sitting, actor, talk, now), Refused
        ):
            may.append("consult")
    return tuple(may)


# --- words ------------------------------------------------------------------------------------

#: Words that everybody who is in the room may read as they are said.
_PUBLIC_WORDS = frozenset({"ruling", "objection", "rule_objection", "statement"})


def may_chat(sitting: Sitting, one: str, other: str) -> bool:
    """Whether these two may write to each other: one of them is of the court's staff (J22), and nothing parts them."""
    first, second = sitting.people.get(one), sitting.people.get(other)
    if first is None or second is None or first is second or other in first.screened_from:
        return False
    staffed = first.role in STAFF or second.role in STAFF
    return staffed and all(leave("chat_to_staff", person.role) is Leave.ALLOWED for person in (first, second))


def may_read(sitting: Sitting, reader: str, event: Event) -> bool:
    """Whether this person may be told of this entry of the log while the sitting goes on.

    Words go to those in the room whom the speaker may be heard by; a private note to its writer alone; duress and
    tasks to the court's staff.
    """
    person = sitting.people.get(reader)
    if person is None:
        return False
    if event.name == "note" and event.detail.get("private"):
        return event.actor == reader
    if _is_of_the_staff(event):
        return person.role in STAFF
    if event.name == "note":
        return person.role in BENCH | STAFF
    if person.role in STAFF | BENCH:
        return event.actor not in person.screened_from
    if event.name in _PUBLIC_WORDS:
        return person.presence is Presence.IN_HEARING and event.actor not in person.screened_from
    return event.subject == reader or event.actor == reader


def may_read_stored(event: Event, role: str, reader: str) -> bool:
    """Whether somebody who may read the log of a past sitting (§6, read_log) may read this entry of it."""
    if event.name == "note" and event.detail.get("private"):
        return event.actor == reader
    if _is_of_the_staff(event):
        return role in {one.value for one in STAFF}
    return leave("read_log", role) is Leave.ALLOWED


def into_record(events: Iterable[Event]) -> list[Event]:
    """The entries that the sealed record holds: up to the close, without private notes and what is the staff's own.

    The numbers and hashes are those of the log, so that what was left out can be counted, and shown under an order.
    """
    closed: Event | None = None
    kept: list[Event] = []
    for event in events:
        # What the close brought about at once has the same instant.
        if closed is not None and (event.utc, event.mono) != (closed.utc, closed.mono):
            break
        if event.machine is Machine.SITTING and event.to == SittingState.CLOSED.value:
            closed = event
        if not (event.name == "note" and event.detail.get("private")) and not _is_of_the_staff(event):
            kept.append(event)
    return kept


def _is_of_the_staff(event: Event) -> bool:
    return event.machine is Machine.TASK or event.name == "duress"
