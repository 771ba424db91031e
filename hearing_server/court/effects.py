"""Effects: further rows that follow at once, each through its own row of the tables."""

from __future__ import annotations

from typing import Any, Final

from .draft import Draft, Effect
from .model import Person
from .people import bars_entry, comes_in, interpreters_of, members, people_of
from .states import (
    BENCH,
    EVIDENCE_GIVERS,
    Identity,
    Presence,
    RecordState,
    Role,
    Signature,
    SittingState,
    Stream,
    TaskKind,
    TaskState,
)

#: Answers of a check-in that mean that a person will not be seen or heard as they should.
_BAD_CHECKS: Final = frozenset({"refused", "missing", "busy", "bad"})
#: Whose loss of the connection is a task of the staff.
_MISSED: Final = frozenset(Role) - {Role.OBSERVER, Role.GUEST, Role.TECHNICIAN}


def _everybody(draft: Draft) -> list[Person]:
    return list(draft.sitting.people.values())


# --- the record ---------------------------------------------------------------------------


def _arm_record(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    """Unless the judge has just opened without one; when the court goes on later the record is tried again."""
    if not (draft.events[-1].name == "open" and draft.sitting.off_record):
        draft.follow("arm")


def _stand_record_down(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    if draft.sitting.state is SittingState.NOT_STARTED:
        draft.follow("stand_down")
    elif draft.sitting.state is SittingState.SUSPENDED:
        draft.follow("interrupt", reason="fault")
    else:
        draft.follow("interrupt", reason="recess")


def _interrupt_for_recess(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    draft.follow("interrupt", reason="recess")


def _close_record(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    draft.follow("stand_down" if draft.sitting.opened is None else "finalize")


def _state_the_fault(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    """What was lost by a fault has to be stated by the presiding judge (RRC art. 4, 5)."""
    if draft.sitting.incident:
        _open_task(draft, TaskKind.INCIDENT_STATEMENT, reason=draft.sitting.record_reason)


def _record_again(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    draft.follow("first_durable")


def _suspend_unrecorded(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    """No record, no session, unless the judge has elected another way (hearing-model.md §4)."""
    if draft.sitting.state is SittingState.IN_SESSION and not draft.sitting.fallback:
        draft.follow("suspend_by_court", reason="record-failed")


# --- in and out of the room ------------------------------------------------------------------


def _bring_in(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    """Everybody who is due; interpreters after the people they interpret for."""
    for person in sorted(_everybody(draft), key=lambda one: one.role is Role.INTERPRETER):
        _enter(draft, person.id)


def _enter(draft: Draft, person_id: str) -> None:
    person = draft.sitting.people[person_id]
    if person.presence is Presence.WAITING and comes_in(draft.sitting, person):
        draft.follow("enter", person_id)


def _enter_if_due(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    if draft.sitting.state is not SittingState.IN_SESSION:
        return
    _enter(draft, subject)
    if draft.sitting.people[subject].in_room:
        _bring_linked(draft, subject, detail)


def _bring_linked(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    for interpreter in interpreters_of(draft.sitting, draft.sitting.people[subject]):
        if interpreter.presence is Presence.WAITING:
            draft.follow("enter", interpreter.id)


def _take_linked_out(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    """Interpreters leave with the last of their people."""
    for interpreter in interpreters_of(draft.sitting, draft.sitting.people[subject]):
        if interpreter.in_room and not any(other.in_room for other in people_of(draft.sitting, interpreter)):
            draft.follow("send_out", interpreter.id)


def _show_public_out(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    for person in _everybody(draft):
        if person.role is Role.OBSERVER and person.in_room and bars_entry(draft.sitting, person):
            draft.follow("send_out", person.id)


def _let_public_in(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    """Who watches need not be let in one by one while the stream is live; who was sent out stays out."""
    for person in _everybody(draft):
        if person.role is Role.OBSERVER and person.presence is Presence.WAITING and comes_in(draft.sitting, person):
            draft.follow("enter", person.id)


def _show_viewers_out(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    for person in _everybody(draft):
        if person.role is Role.OBSERVER and person.in_room:
            draft.follow("send_out", person.id)


def _stop_the_stream(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    """What is not public any more is not streamed."""
    if draft.sitting.stream is Stream.LIVE:
        draft.follow("end_stream")


def _stop_an_excluded_stream(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    if draft.sitting.category not in draft.sitting.rules.stream_open:
        draft.follow("end_stream")


def _end_stream(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    draft.follow("end_stream")


def _break_off(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    """Everybody waits; after a suspension they come back with the court as they were."""
    returns = draft.sitting.state is SittingState.SUSPENDED
    for person in _everybody(draft):
        if person.in_room:
            draft.follow("break_off", person.id, detail={"returns": True} if returns else {})


def _retire_bench(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    for person in _everybody(draft):
        if person.in_room:
            draft.follow("retire_to" if person.role in BENCH else "break_off", person.id)


def _rise(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    for person in _everybody(draft):
        if person.in_room:
            draft.follow("rise", person.id)


# --- private rooms -----------------------------------------------------------------------------


def _join_talk(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    draft.follow("join_consultation", subject, detail={"consultation": detail["consultation"]})


def _invite_linked(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    """Where a person goes their interpreter is asked too (W5)."""
    talk_id = detail["consultation"]
    sitting = draft.sitting
    invited = [subject, *sitting.consultations[talk_id].invited]
    for person_id in invited:
        for interpreter in interpreters_of(sitting, sitting.people[person_id]):
            if interpreter.id not in invited and interpreter.presence is Presence.WAITING:
                draft.take("invite", interpreter.id, "", {"consultation": talk_id})


def _clear_rooms(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    """The countdown runs: out of every private room."""
    for person in _everybody(draft):
        if person.has_place(Presence.IN_CONSULTATION) or person.has_place(Presence.IN_DELIBERATION):
            draft.follow("gather", person.id)
    _end_empty(draft)


def _end_consultations(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    for person in _everybody(draft):
        if person.has_place(Presence.IN_CONSULTATION):
            draft.follow("gather", person.id)
    _end_empty(draft)


def _end_empty_talk(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    _end_empty(draft)


def _end_empty(draft: Draft) -> None:
    for talk_id in list(draft.sitting.consultations):
        if not members(draft.sitting, talk_id):
            draft.follow("end_consultation", detail={"consultation": talk_id})


def _part_the_screened(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    person = draft.sitting.people[subject]
    if person.has_place(Presence.IN_CONSULTATION):
        draft.follow("gather", subject)
        _end_empty(draft)


# --- tasks -----------------------------------------------------------------------------------------


def _open_task(draft: Draft, kind: TaskKind, subject: str = "", reason: str = "") -> None:
    """One open task of a kind about a person at a time."""
    open_now = any(
        task.kind is kind and task.subject == subject and task.state is TaskState.OPEN
        for task in draft.sitting.tasks.values()
    )
    if not open_now:
        draft.follow("open_task", subject, reason, {"kind": kind.value})


def _close_tasks(draft: Draft, *kinds: TaskKind, subject: str = "") -> None:
    for task in list(draft.sitting.tasks.values()):
        if task.kind in kinds and task.state is TaskState.OPEN and task.subject == subject:
            draft.follow("close_task", task.subject, detail={"task": task.id})


def _task_absence(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    person = draft.sitting.people[subject]
    if subject == draft.sitting.presiding:
        _open_task(draft, TaskKind.JUDGE_DISCONNECTED, subject)
    elif person.role in _MISSED and (person.in_room or person.presence is Presence.DISCONNECTED):
        _open_task(draft, TaskKind.PARTICIPANT_DISCONNECTED, subject)


def _close_absence_task(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    _close_tasks(
        draft,
        TaskKind.JUDGE_DISCONNECTED,
        TaskKind.PARTICIPANT_DISCONNECTED,
        TaskKind.MEDIA_BLOCKED,
        subject=subject,
    )


def _judge_check(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    """A bad device test is allowed, and somebody looks after it (M5)."""
    person = draft.sitting.people[subject]
    bad = sorted(f"{name}:{value}" for name, value in person.check.items() if value in _BAD_CHECKS)
    if person.role is Role.OBSERVER or not bad:
        _close_tasks(draft, TaskKind.SELF_TEST_FAILED, subject=subject)
    else:
        _open_task(draft, TaskKind.SELF_TEST_FAILED, subject, " ".join(bad)[:200])


def _ask_for_identity(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    person = draft.sitting.people[subject]
    wanted = person.role.value in draft.sitting.rules.identity_wanted
    if wanted and person.identity is not Identity.REVERIFIED_TODAY:
        _open_task(draft, TaskKind.IDENTITY_CHECK, subject)


def _task_witness_dismissed(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    if draft.sitting.people[subject].role in EVIDENCE_GIVERS:
        _open_task(draft, TaskKind.WITNESS_DISMISSED, subject)


def _task(kind: TaskKind, *, about: bool = True) -> Effect:
    """Open a task of this kind, about the subject of the row or about the sitting."""

    def effect(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
        reason = draft.reason or draft.events[-1].reason
        _open_task(draft, kind, subject if about and subject in draft.sitting.people else "", reason)

    return effect


def _done(*kinds: TaskKind, about: bool = True) -> Effect:
    """Close the open tasks of these kinds."""

    def effect(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
        if about:
            _close_tasks(draft, *kinds, subject=subject)
            return
        for task in list(draft.sitting.tasks.values()):
            if task.kind in kinds and task.state is TaskState.OPEN:
                draft.follow("close_task", task.subject, detail={"task": task.id})

    return effect


def _close_record_task(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    if draft.sitting.record is RecordState.RECORDING:
        _close_tasks(draft, TaskKind.RECORD_TROUBLE)


# --- the written record -----------------------------------------------------------------------


def _ask_for_signatures(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    for person in _everybody(draft):
        draft.follow("ask_signature", person.id)


def _void_signatures(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    """A signature binds to the bytes that were signed, and to nothing later."""
    for person in _everybody(draft):
        draft.follow("void_signature", person.id)


def _note_missing_signatures(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    for person in _everybody(draft):
        draft.follow("miss_signature", person.id)


def _settle_corrections(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    if not draft.follow("redraft"):
        draft.follow("uphold")


def _complete_signing(draft: Draft, subject: str, detail: dict[str, Any]) -> None:
    if not any(person.signature is Signature.ASKED for person in _everybody(draft)):
        draft.follow("complete")


EFFECTS: Final[dict[str, Effect]] = {
    "arm_record": _arm_record,
    "stand_record_down": _stand_record_down,
    "interrupt_for_recess": _interrupt_for_recess,
    "close_record": _close_record,
    "record_again": _record_again,
    "state_the_fault": _state_the_fault,
    "suspend_unrecorded": _suspend_unrecorded,
    "bring_in": _bring_in,
    "enter_if_due": _enter_if_due,
    "bring_linked": _bring_linked,
    "take_linked_out": _take_linked_out,
    "show_public_out": _show_public_out,
    "let_public_in": _let_public_in,
    "show_viewers_out": _show_viewers_out,
    "stop_the_stream": _stop_the_stream,
    "stop_an_excluded_stream": _stop_an_excluded_stream,
    "end_stream": _end_stream,
    "break_off": _break_off,
    "retire_bench": _retire_bench,
    "rise": _rise,
    "join_talk": _join_talk,
    "invite_linked": _invite_linked,
    "clear_rooms": _clear_rooms,
    "end_consultations": _end_consultations,
    "end_empty_talk": _end_empty_talk,
    "part_the_screened": _part_the_screened,
    "task_absence": _task_absence,
    "close_absence_task": _close_absence_task,
    "judge_check": _judge_check,
    "ask_for_identity": _ask_for_identity,
    "task_witness_dismissed": _task_witness_dismissed,
    "task_suspended": _task(TaskKind.SUSPENDED, about=False),
    "task_suspend_requested": _task(TaskKind.SUSPEND_REQUESTED),
    "task_record_trouble": _task(TaskKind.RECORD_TROUBLE, about=False),
    "task_not_closed_by_judge": _task(TaskKind.NOT_CLOSED_BY_JUDGE, about=False),
    "task_identity": _task(TaskKind.IDENTITY_CHALLENGED),
    "task_consent": _task(TaskKind.CONSENT_REFUSED),
    "task_blocked": _task(TaskKind.MEDIA_BLOCKED),
    "task_duress": _task(TaskKind.DURESS),
    "close_suspension_tasks": _done(TaskKind.SUSPENDED, TaskKind.SUSPEND_REQUESTED, about=False),
    "close_suspend_request": _done(TaskKind.SUSPEND_REQUESTED, about=False),
    "close_record_task": _close_record_task,
    "close_incident_task": _done(TaskKind.INCIDENT_STATEMENT, about=False),
    "ask_for_signatures": _ask_for_signatures,
    "void_signatures": _void_signatures,
    "note_missing_signatures": _note_missing_signatures,
    "settle_corrections": _settle_corrections,
    "complete_signing": _complete_signing,
    "close_identity_tasks": _done(TaskKind.IDENTITY_CHALLENGED, TaskKind.IDENTITY_CHECK),
}
