"""Questions about the people of a sitting that guards, effects and the visibility function share."""

from __future__ import annotations

from .model import NS, Person, Sitting
from .permissions import Leave, leave
from .states import BENCH, Consent, Identity, Presence, Role, SittingState, Stream

#: Where the bench may be in its own room.
BENCH_ROOM_STATES = frozenset(
    {SittingState.NOT_STARTED, SittingState.RECESS, SittingState.SUSPENDED, SittingState.DELIBERATION}
)
#: Where people may talk in private without asking.
TALK_STATES = BENCH_ROOM_STATES


def presiding_waits(sitting: Sitting) -> bool:
    """Whether somebody who may preside is there, checked in and connected, to begin the session (invariant 1)."""
    return _stands_by(sitting, frozenset({Presence.WAITING}))


def presiding_stands_by(sitting: Sitting) -> bool:
    """The same, from the bench's own room as well, which the countdown ends."""
    return _stands_by(sitting, frozenset({Presence.WAITING, Presence.IN_DELIBERATION}))


def _stands_by(sitting: Sitting, places: frozenset[Presence]) -> bool:
    if sitting.people[sitting.presiding].presence in places:
        return True
    return any(person.deputy and person.presence in places for person in sitting.people.values())


def bench_room_open(sitting: Sitting, utc: int) -> bool:
    """Whether the bench may use its room: not in session, and for a while after the close."""
    if sitting.state is SittingState.CLOSED:
        return sitting.closed is not None and utc < sitting.closed + int(sitting.rules.bench_room_s * NS)
    return sitting.state in BENCH_ROOM_STATES


def has_business(sitting: Sitting, person: Person, utc: int) -> bool:
    """Whether the person may come and go: anybody before the close, the bench for its room after it."""
    if sitting.state is not SittingState.CLOSED:
        return True
    return person.role in BENCH and bench_room_open(sitting, utc)


def members(sitting: Sitting, talk_id: str) -> tuple[str, ...]:
    """Who is in this consultation, or holds a place in it."""
    return tuple(
        person.id
        for person in sitting.people.values()
        if person.talk == talk_id and person.has_place(Presence.IN_CONSULTATION)
    )


def screened(sitting: Sitting, one: str, other: str) -> bool:
    """Whether neither may see, hear or read the other (invariant 7); kept both ways by the log."""
    return other in sitting.people[one].screened_from


def interpreters_of(sitting: Sitting, person: Person) -> tuple[Person, ...]:
    """The interpreters linked to this person."""
    return tuple(sitting.people[other] for other in person.linked if sitting.people[other].role is Role.INTERPRETER)


def people_of(sitting: Sitting, interpreter: Person) -> tuple[Person, ...]:
    """Whom this interpreter is linked to."""
    return tuple(
        sitting.people[other] for other in interpreter.linked if sitting.people[other].role is not Role.INTERPRETER
    )


def bars_entry(sitting: Sitting, person: Person) -> str | None:
    """Why this person may not come into the hearing room at all now, as a code."""
    rules = sitting.rules
    if person.role is Role.TECHNICIAN:
        return "never-enters"
    if person.role is Role.OBSERVER:
        if sitting.doors == "closed":
            return "doors-closed"
        if rules.observers_need_direction and not sitting.public_grounds:
            return "no-direction"
    if person.id == sitting.presiding:
        return None
    if person.identity is Identity.IN_PERSON_REQUIRED:
        return "in-person-required"
    if person.identity is Identity.CHALLENGED:
        return "identity-challenged"
    if person.role.value in rules.identity_to_enter and person.identity is not Identity.REVERIFIED_TODAY:
        return "identity-missing"
    if not consents(sitting, person, sitting.stage or (rules.agenda[0].name if rules.agenda else "")):
        return "consent-missing"
    return None


def consents(sitting: Sitting, person: Person, stage_name: str) -> bool:
    """Whether this person's consent allows this stage of the agenda to be held online."""
    stage = sitting.rules.stage(stage_name)
    if stage is None or not stage.consent or person.role.value not in sitting.rules.consent_of:
        return True
    return person.consent.get(stage.consent) is Consent.GIVEN


def comes_in(sitting: Sitting, person: Person) -> bool:
    """Whether this person comes into the room by themself, as soon as they wait and nothing bars it."""
    if person.returns:
        return True
    if person.dismissed or person.left:
        return False
    if person.role is Role.OBSERVER and sitting.stream is Stream.LIVE:
        return True
    if person.role is Role.INTERPRETER:
        return any(other.in_room for other in people_of(sitting, person))
    return person.role.value in sitting.rules.auto_enter


def signs_record(person: Person) -> bool:
    """Whether this person's signature under the written record is asked for: who may sign and was in the room."""
    return person.attended and leave("sign_record", person.role) is Leave.ALLOWED


def presents(sitting: Sitting, person: Person) -> bool:
    """Whether this person may turn the pages of what is shown, and point: who shows it, or the court."""
    exhibit = sitting.exhibit
    if exhibit is None or person.presence is not Presence.IN_HEARING:
        return False
    return exhibit.by == person.id or leave("share", person.role) is Leave.ALLOWED
