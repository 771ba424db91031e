"""Applying: ``apply(state, event)`` makes states.  It asks no guard: the log is what happened."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from msgspec.structs import replace

from .model import GENESIS_HASH, NS, Consultation, Event, Objection, Person, Sitting, Task, root_of
from .ordering import ORDERS, related
from .profiles import Rules
from .states import (
    Consent,
    Doors,
    Identity,
    Machine,
    Presence,
    RecordState,
    Role,
    SittingState,
    Stream,
    Talk,
    TaskKind,
    TaskState,
)
from .written import apply_signature, apply_transcript

#: Answered request ids that are remembered; a repeat comes within seconds, so that this is far more than needed.
ANSWERED_LIMIT = 256
#: Tasks that are remembered; the oldest that are done go first.
TASK_LIMIT = 200


class ChainBroken(Exception):
    """An event does not follow the one before it: the log was changed or is incomplete."""


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
    people: dict[str, Person] = {}
    for entry in event.detail["people"]:
        people[entry["id"]] = _person(entry)
    for field in ("linked", "screened_from"):
        for entry in event.detail["people"]:
            # Said of one of the two, it holds for both.
            already: tuple[str, ...] = getattr(people[entry["id"]], field)
            both = tuple(dict.fromkeys((*already, *entry.get(field, ()))))
            people = related(people, entry["id"], field, both)
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
        scheduled=event.detail.get("scheduled"),
        public_grounds=event.detail.get("public_grounds", ""),
        restriction=event.detail.get("restriction", ""),
    )


def _person(entry: dict[str, Any]) -> Person:
    return Person(
        id=entry["id"],
        role=Role(entry["role"]),
        side=entry.get("side", ""),
        linked=tuple(entry.get("linked", ())),
        screened_from=tuple(entry.get("screened_from", ())),
        languages=tuple(entry.get("languages", ())),
        deputy=entry.get("deputy", False),
    )


def apply(sitting: Sitting, event: Event) -> Sitting:
    """The state after one more event.  Raises :class:`ChainBroken` if it does not follow."""
    if event.seq != sitting.seq + 1 or event.prev_hash != sitting.head:
        raise ChainBroken(f"event {event.seq} does not follow event {sitting.seq}")
    changed = _APPLY[event.machine](sitting, event)
    answered = changed.answered
    if event.request_id:
        answered = {**answered, answer_key(event.actor, event.request_id): changed.version}
        while len(answered) > ANSWERED_LIMIT:
            del answered[next(iter(answered))]
    return replace(
        changed, seq=event.seq, head=event.hash, answered=answered, unpresided=_unpresided(changed, event.utc)
    )


def answer_key(actor: str, request_id: str) -> str:
    """Where ``Sitting.answered`` keeps the answer: a request id is the giver's own."""
    return f"{actor}/{request_id}"


def _unpresided(sitting: Sitting, utc: int) -> int | None:
    if sitting.state is not SittingState.IN_SESSION or sitting.presided:
        return None
    return utc if sitting.unpresided is None else sitting.unpresided


# --- S, V, R ---------------------------------------------------------------------


def _apply_sitting(sitting: Sitting, event: Event) -> Sitting:
    to = SittingState(event.to)
    into_countdown = to is SittingState.COUNTDOWN
    changed = replace(
        sitting,
        state=to,
        since=event.utc,
        reason=event.reason,
        version=event.seq,
        countdown_ends=event.utc + int(sitting.rules.countdown_s * NS) if into_countdown else None,
        countdown_from=SittingState(event.source) if into_countdown else sitting.countdown_from,
        closed=event.utc if to is SittingState.CLOSED else sitting.closed,
        recess_until=_until(sitting, event) if to is SittingState.RECESS else None,
        converted=event.detail.get("ground", "") if event.name == "convert_offline" else sitting.converted,
        off_record=event.detail.get("off_record", "") if event.name == "open" else sitting.off_record,
        failed_starts=sitting.failed_starts + (event.name == "fail_to_record"),
        suspend_asked_by="" if to is not SittingState.IN_SESSION else sitting.suspend_asked_by,
    )
    if to is SittingState.IN_SESSION and sitting.opened is None:
        first = sitting.rules.agenda[0].name if sitting.rules.agenda else ""
        return replace(changed, opened=event.utc, stage=first, stage_since=event.utc)
    if SittingState(event.source) is SittingState.IN_SESSION:
        return _room_emptied(changed)
    return changed


def _until(sitting: Sitting, event: Event) -> int | None:
    until = event.detail.get("until")
    return until * NS if until is not None else (sitting.recess_until if event.name != "recess" else None)


def _room_emptied(sitting: Sitting) -> Sitting:
    """What belongs to the moment of a session ends with it."""
    people = {
        person.id: replace(person, hand=None) if person.hand is not None else person
        for person in sitting.people.values()
    }
    return replace(
        sitting,
        floor="",
        spotlight="",
        exhibit=None,
        interrupt_asked="",
        interrupt_asked_by="",
        people=people if people != sitting.people else sitting.people,
    )


def _apply_doors(sitting: Sitting, event: Event) -> Sitting:
    return replace(sitting, doors=Doors(event.to), doors_since=event.utc, doors_ground=event.detail.get("ground", ""))


def _apply_stream(sitting: Sitting, event: Event) -> Sitting:
    to = Stream(event.to)
    moved = replace(sitting, stream=to, stream_since=event.utc if to is not sitting.stream else sitting.stream_since)
    match event.name:
        case "announce_stream":
            return replace(moved, stream_override=event.detail.get("override", ""), stream_objections=())
        case "object_to_stream":
            objection = Objection(id=event.seq, by=event.subject, text=event.detail["text"])
            return replace(moved, stream_objections=(*sitting.stream_objections, objection))
        case "start_stream":
            return replace(moved, stream_reason=event.reason)
    return moved


def _apply_record(sitting: Sitting, event: Event) -> Sitting:
    match event.name:
        case "writer":
            return replace(sitting, writers=(*sitting.writers, event.detail["writer"]))
        case "root":
            return replace(
                sitting,
                root=root_of(event),
                root_media=event.detail["media"],
                root_at=event.utc,
                root_tracks=event.detail.get("tracks", 0),
            )
        case "request_interrupt":
            return replace(sitting, interrupt_asked=event.detail["ground"], interrupt_asked_by=event.actor)
        case "decline_interrupt":
            return replace(sitting, interrupt_asked="", interrupt_asked_by="")
        case "elect_fallback":
            return replace(sitting, fallback=event.reason)
        case "open_incident":
            return replace(sitting, incident=True, partial=True)
        case "state_incident":
            return replace(sitting, incident=False, incident_statement=event.detail["text"])
    to = RecordState(event.to)
    fault = event.name == "fail" or (event.name == "interrupt" and event.reason == "fault")
    runs = to is RecordState.RECORDING
    return replace(
        sitting,
        record=to,
        record_since=event.utc,
        record_reason=event.detail.get("ground", "") or event.reason,
        incident=sitting.incident or fault,
        partial=sitting.partial or fault,
        interrupt_asked="" if to is RecordState.INTERRUPTED else sitting.interrupt_asked,
        interrupt_asked_by="" if to is RecordState.INTERRUPTED else sitting.interrupt_asked_by,
        fallback="" if runs else sitting.fallback,
        off_record="" if runs else sitting.off_record,
        failed_starts=0 if runs else sitting.failed_starts,
    )


# --- P, I, K ---------------------------------------------------------------------


def _apply_presence(sitting: Sitting, event: Event) -> Sitting:
    person = sitting.people[event.subject]
    to = Presence(event.to)
    entered = to is Presence.IN_HEARING and event.source != to
    changed = replace(
        person,
        presence=to,
        since=event.utc if to is not person.presence else person.since,
        held=_held_after(person, event, to),
        attended=person.attended or to is Presence.IN_HEARING,
        seat=event.detail.get("seat", person.seat),
        check=event.detail.get("check", person.check),
        talk=event.detail["consultation"] if event.name == "join_consultation" else person.talk,
        dismissed=(event.name == "dismiss" or person.dismissed) and not (entered and event.name != "come_back"),
        left=(event.name == "leave_room" or person.left) and not entered,
        returns=_returns(person, event) and not entered,
        called=event.utc if event.name == "call" else person.called,
        under_oath=_under_oath(person, event),
        released=(event.name == "dismiss" and event.detail.get("release", False)) or person.released,
        muted=person.muted or (entered and event.name != "come_back" and person.role in sitting.rules.muted_on_entry),
        blocked="" if event.name == "check_in" else person.blocked,
    )
    if entered and changed.leaving:
        changed = replace(changed, leaving="", leaving_since=None)
    if not changed.has_place(Presence.IN_CONSULTATION) and changed.talk:
        changed = replace(changed, talk="")
    if changed.in_room:
        return replace(sitting, people={**sitting.people, person.id: changed})
    return _gone_from_room(sitting, changed)


def _gone_from_room(sitting: Sitting, person: Person) -> Sitting:
    """Hand down, floor and light go on, the share ends."""
    changed = replace(
        person, called=None, hand=None, grants=tuple(verb for verb in person.grants if verb not in ("share",))
    )
    return replace(
        sitting,
        people={**sitting.people, person.id: changed},
        floor="" if sitting.floor == person.id else sitting.floor,
        spotlight="" if sitting.spotlight == person.id else sitting.spotlight,
    )


def _returns(person: Person, event: Event) -> bool:
    if event.name == "break_off":
        return bool(event.detail.get("returns", False))
    return person.returns and event.name not in ("dismiss", "sign_out", "remove", "rise", "leave_room")


def _under_oath(person: Person, event: Event) -> bool:
    """From the first call on until being released."""
    if event.name == "call" and person.role in (Role.WITNESS, Role.EXPERT):
        return not person.released
    return person.under_oath and not (event.name == "dismiss" and event.detail.get("release", False))


#: Moves of a person that is away: the place that is held changes.
_HELD_MOVES: Final = {
    "dismiss": Presence.WAITING,
    "send_out": Presence.WAITING,
    "break_off": Presence.WAITING,
    "gather": Presence.WAITING,
    "rise": Presence.WAITING,
    "retire_to": Presence.IN_DELIBERATION,
}


def _held_after(person: Person, event: Event, to: Presence) -> Presence | None:
    if to is not Presence.AWAY:
        return None
    if event.name == "lose":
        return person.presence
    return _HELD_MOVES.get(event.name, person.held)


def _apply_identity(sitting: Sitting, event: Event) -> Sitting:
    person = replace(sitting.people[event.subject], identity=Identity(event.to))
    return replace(sitting, people={**sitting.people, person.id: person})


def _apply_consent(sitting: Sitting, event: Event) -> Sitting:
    person = sitting.people[event.subject]
    consent = {**person.consent, event.detail["stage"]: Consent(event.to)}
    return replace(sitting, people={**sitting.people, person.id: replace(person, consent=consent)})


# --- consultations and tasks --------------------------------------------------------


def _apply_consultation(sitting: Sitting, event: Event) -> Sitting:
    talk_id = event.detail["consultation"]
    talks = dict(sitting.consultations)
    if Talk(event.to) is Talk.NONE:
        talks.pop(talk_id, None)
        return replace(sitting, consultations=talks)
    talk = talks.get(talk_id) or Consultation(id=talk_id, opened_by=event.subject, state=Talk.OPEN)
    invited, declined = talk.invited, talk.declined
    match event.name:
        case "consult":
            invited = tuple(event.detail.get("invite", ()))
        case "invite":
            invited = (*(other for other in invited if other != event.subject), event.subject)
            declined = tuple(other for other in declined if other != event.subject)
        case "accept":
            invited = tuple(other for other in invited if other != event.subject)
        case "decline":
            invited = tuple(other for other in invited if other != event.subject)
            declined = (*declined, event.subject)
    talks[talk_id] = replace(talk, state=Talk(event.to), invited=invited, declined=declined)
    return replace(sitting, consultations=talks)


def _apply_task(sitting: Sitting, event: Event) -> Sitting:
    tasks = dict(sitting.tasks)
    task_id = event.detail["task"]
    if event.name == "open_task":
        tasks[task_id] = Task(
            id=task_id,
            kind=TaskKind(event.detail["kind"]),
            subject=event.subject,
            state=TaskState.OPEN,
            opened=event.utc,
            reason=event.reason,
        )
    else:
        tasks[task_id] = replace(tasks[task_id], state=TaskState.DONE, closed=event.utc, closed_by=event.actor)
    while len(tasks) > TASK_LIMIT:
        done = next((task.id for task in tasks.values() if task.state is TaskState.DONE), None)
        del tasks[done or next(iter(tasks))]
    return replace(sitting, tasks=tasks)


def _apply_order(sitting: Sitting, event: Event) -> Sitting:
    change = ORDERS.get(event.name)
    return sitting if change is None else change(sitting, event)


_APPLY: Final[dict[Machine, Callable[[Sitting, Event], Sitting]]] = {
    Machine.SITTING: _apply_sitting,
    Machine.DOORS: _apply_doors,
    Machine.STREAM: _apply_stream,
    Machine.RECORD: _apply_record,
    Machine.PRESENCE: _apply_presence,
    Machine.IDENTITY: _apply_identity,
    Machine.CONSENT: _apply_consent,
    Machine.TRANSCRIPT: apply_transcript,
    Machine.SIGNATURE: apply_signature,
    Machine.CONSULTATION: _apply_consultation,
    Machine.TASK: _apply_task,
    Machine.ORDER: _apply_order,
}
