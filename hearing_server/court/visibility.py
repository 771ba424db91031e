"""Who may send and receive what: pure functions of the state (design.md D3).

:func:`flows` is the law; :func:`plan` the same for everybody at once, in the words
of the media worker.  Nobody gets any media from a hearing before the session or
after it; an observer never sends, a technician never receives; a witness who has
not been called gets nothing; screened people never get each other, wherever they
are; private rooms are never captured.
"""

from __future__ import annotations

import msgspec

from .model import Person, Sitting
from .people import TALK_STATES, bench_room_open
from .permissions import PUBLISH, SEES_CHECKS, Leave, leave
from .states import BENCH, EVIDENCE_GIVERS, STAFF, Presence, RecordState, Role, SittingState

#: Whose faces a hearing turns on, with whoever has the floor or the light: the bench, a witness who is being heard,
#: and the interpreter, whose lips and hands are part of what is said.
PINNED = frozenset({Role.JUDGE, Role.INTERPRETER}) | EVIDENCE_GIVERS

#: The places media flows in.
HEARING = "hearing"
DELIBERATION = "deliberation"

_CAPTURING = frozenset({RecordState.ARMING, RecordState.RECORDING, RecordState.DEGRADED, RecordState.FAILED})


class MediaPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of what may flow in the room; whoever is absent has no right.

    ``publish``: person to sources; ``receive``: subscriber to publishers, save the sources in ``withhold``
    (subscriber to publisher to sources).  ``record``: the recording that is written now; ``capture``: whose sources
    go into it, never those of a private room; ``labels``: what the record's tracks of a person say beside their name
    (``language``: the mix an interpreter speaks into).  ``pinned``: whose picture yields late on a weak line.
    ``version`` grows with every event.
    """

    version: int
    publish: dict[str, tuple[str, ...]]
    receive: dict[str, tuple[str, ...]]
    record: str | None
    withhold: dict[str, dict[str, tuple[str, ...]]] = {}
    capture: dict[str, tuple[str, ...]] = {}
    labels: dict[str, dict[str, str]] = {}
    pinned: tuple[str, ...] = ()


def role_may_publish(role: Role, source: str) -> bool:
    """Whether this role can ever send such a track in this hearing, with a grant if it needs one."""
    return source in PUBLISH[role]


def place_of(sitting: Sitting, person: Person) -> str | None:
    """The place whose media this person takes part in now: ``hearing``, ``deliberation``, a consultation's id, or
    none."""
    if person.role is Role.TECHNICIAN:
        return None
    if person.in_room:
        return HEARING if sitting.state is SittingState.IN_SESSION else None
    if person.has_place(Presence.IN_DELIBERATION):
        return DELIBERATION if person.role in BENCH and _bench_room_lawful(sitting) else None
    if person.has_place(Presence.IN_CONSULTATION) and person.talk in sitting.consultations:
        lawful = sitting.state in TALK_STATES or sitting.state is SittingState.IN_SESSION
        return person.talk if lawful else None
    return None


def _bench_room_lawful(sitting: Sitting) -> bool:
    # After the close a timer ends it; the state alone cannot know the time.
    return sitting.state is SittingState.CLOSED or bench_room_open(sitting, 0)


def may_publish(sitting: Sitting, person_id: str) -> tuple[str, ...]:
    """The sources this person may send now, wherever they are."""
    person = sitting.people.get(person_id)
    if person is None:
        return ()
    place = place_of(sitting, person)
    if place is None:
        return ()
    return _in_hearing(sitting, person) if place == HEARING else _in_private(person)


def _in_private(person: Person) -> tuple[str, ...]:
    return tuple(source for source in PUBLISH[person.role] if source != "screen")


def _in_hearing(sitting: Sitting, person: Person) -> tuple[str, ...]:
    if person.behind_curtain or (sitting.curtain and person.role not in BENCH):
        return ()
    if leave("publish", person.role) is Leave.GRANT and "publish" not in person.grants:
        return ()
    silenced = person.muted or person.locked
    return tuple(
        source
        for source in PUBLISH[person.role]
        if not (source == "microphone" and silenced) and not (source == "screen" and not may_share(person))
    )


def may_share(person: Person) -> bool:
    """Whether this person may share a screen in the hearing room, by right or by the judge's grant."""
    right = leave("share", person.role)
    return right is Leave.ALLOWED or (right is Leave.GRANT and "share" in person.grants)


def flows(sitting: Sitting, subscriber: str, publisher: str, source: str) -> bool:
    """Whether the subscriber may get this source of the publisher now."""
    return source in may_publish(sitting, publisher) and _reaches(sitting, subscriber, publisher, source)


def may_receive(sitting: Sitting, subscriber: str, publisher: str) -> bool:
    """Whether the subscriber may get anything that the publisher sends."""
    return any(_reaches(sitting, subscriber, publisher, source) for source in may_publish(sitting, publisher))


def _reaches(sitting: Sitting, subscriber: str, publisher: str, source: str) -> bool:
    to, of = sitting.people.get(subscriber), sitting.people.get(publisher)
    if to is None or of is None or to is of:
        return False
    return _meet(sitting, to, of) and source not in _withheld(sitting, to, of)


def _meet(sitting: Sitting, to: Person, of: Person) -> bool:
    """In one place, and not kept apart."""
    place = place_of(sitting, to)
    if place is None or place != place_of(sitting, of) or of.id in to.screened_from:
        return False
    return not (place == HEARING and to.role is Role.OBSERVER and _hidden_from_public(sitting))


def _hidden_from_public(sitting: Sitting) -> bool:
    return sitting.curtain or sitting.doors == "closed"


def _withheld(sitting: Sitting, to: Person, of: Person) -> tuple[str, ...]:
    """An interpreter's language goes to those who have chosen it."""
    if of.role is Role.INTERPRETER and of.mix and to.listens != of.mix and place_of(sitting, of) == HEARING:
        return ("microphone",)
    return ()


def plan(sitting: Sitting) -> MediaPlan:
    """The subscription plan: the functions above for everybody."""
    publish = {person: sources for person in sitting.people if (sources := may_publish(sitting, person))}
    receive: dict[str, tuple[str, ...]] = {}
    withhold: dict[str, dict[str, tuple[str, ...]]] = {}
    for to in sitting.people.values():
        if place_of(sitting, to) is None:
            continue
        publishers: list[str] = []
        for publisher, sources in publish.items():
            of = sitting.people[publisher]
            if of is to or not _meet(sitting, to, of):
                continue
            kept = tuple(source for source in _withheld(sitting, to, of) if source in sources)
            if len(kept) < len(sources):
                publishers.append(publisher)
                if kept:
                    withhold.setdefault(to.id, {})[publisher] = kept
        if publishers:
            receive[to.id] = tuple(publishers)
    capture = _captured(sitting, publish)
    return MediaPlan(
        version=sitting.seq,
        publish=publish,
        receive=receive,
        withhold=withhold,
        record=recording(sitting),
        capture=capture,
        labels={person: {"language": mix} for person in capture if (mix := sitting.people[person].mix)},
        pinned=tuple(person for person in publish if _is_pinned(sitting, sitting.people[person])),
    )


def recording(sitting: Sitting) -> str | None:
    """The recording that a media worker keeps open now: from the countdown on, and not while the court has risen.

    While the court sits and the record is lawfully interrupted it stays open and takes nothing in.
    """
    interrupted_in_session = sitting.record is RecordState.INTERRUPTED and sitting.state is SittingState.IN_SESSION
    return sitting.id if sitting.record in _CAPTURING or interrupted_in_session else None


def _captured(sitting: Sitting, publish: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """What is published in the hearing room, while the record takes it in; nothing of any private room."""
    if sitting.record not in _CAPTURING:
        return {}
    return {
        person: sources for person, sources in publish.items() if place_of(sitting, sitting.people[person]) == HEARING
    }


def _is_pinned(sitting: Sitting, person: Person) -> bool:
    lit = person.id in (sitting.floor, sitting.spotlight)
    return place_of(sitting, person) == HEARING and (lit or person.role in PINNED)


def sees_channels(sitting: Sitting, person_id: str) -> bool:
    """Whether this person is told what the record has of each person's sound: the bench and the court's officers, and
    nobody who is in a private room."""
    person = sitting.people[person_id]
    return person.role in BENCH | STAFF and person.in_room


def sees_lines(sitting: Sitting, person_id: str) -> bool:
    """Whether this person is told of everybody's line, and of what is wrong with the media as a whole."""
    return sitting.people[person_id].role in SEES_CHECKS


def sees_lines_of(sitting: Sitting, person_id: str) -> tuple[str, ...]:
    """Whose network quality this person is told: their own, and everybody's for those who see the checks."""
    everybody = sees_lines(sitting, person_id)
    return tuple(seen for seen in sitting.people if seen == person_id or everybody)
