"""Machine R: the recording of the sitting (hearing-model.md §4)."""

from __future__ import annotations

from typing import Final

from ..permissions import Leave, roles_with
from ..states import Machine, RecordState
from .row import SAME, SYSTEM_ONLY, Row, row

_R = RecordState
#: A recording is under way, well or not.
UNDER_WAY: Final = frozenset({_R.ARMING, _R.RECORDING, _R.DEGRADED, _R.FAILED})


def _system(
    sources: set[RecordState] | frozenset[RecordState],
    event: str,
    to: str,
    guards: tuple[str, ...] = (),
    effects: tuple[str, ...] = (),
) -> Row:
    return row(Machine.RECORD, sources, event, to, SYSTEM_ONLY, guards=guards, effects=effects)


RECORD: Final = (
    _system({_R.IDLE, _R.INTERRUPTED, _R.FAILED}, "arm", _R.ARMING, ("about_to_begin",)),
    _system({_R.ARMING}, "first_durable", _R.RECORDING, (), ("close_record_task",)),
    # A first countdown that is called off leaves nothing to be recorded.
    _system(UNDER_WAY, "stand_down", _R.IDLE, ("never_in_session",)),
    # The sitting's own state interrupts: a recess, a deliberation, a suspension that lasts.
    _system(UNDER_WAY, "interrupt", _R.INTERRUPTED, ("broken_off",), ("state_the_fault",)),
    row(
        Machine.RECORD,
        {_R.RECORDING, _R.DEGRADED},
        "interrupt_record",
        _R.INTERRUPTED,
        "interrupt_record",
        guards=("in_session", "lawful_interruption"),
    ),
    row(
        Machine.RECORD,
        {_R.INTERRUPTED},
        "resume_record",
        _R.RECORDING,
        "interrupt_record",
        guards=("in_session",),
    ),
    row(
        Machine.RECORD,
        {_R.RECORDING, _R.DEGRADED},
        "request_interrupt",
        SAME,
        roles_with("interrupt_record", Leave.REQUEST),
        guards=("in_session", "lawful_interruption"),
    ),
    row(
        Machine.RECORD,
        {_R.RECORDING, _R.DEGRADED},
        "decline_interrupt",
        SAME,
        "interrupt_record",
        guards=("interrupt_was_asked",),
    ),
    _system({_R.RECORDING}, "degrade", _R.DEGRADED, (), ("task_record_trouble",)),
    _system({_R.DEGRADED}, "recover", _R.RECORDING, (), ("close_record_task",)),
    _system(
        {_R.RECORDING, _R.DEGRADED},
        "fail",
        _R.FAILED,
        (),
        ("task_record_trouble", "state_the_fault", "suspend_unrecorded"),
    ),
    # Bytes are durable again after a failure: armed and recording in one step, so that a session is never only armed.
    _system({_R.FAILED}, "rearm", _R.ARMING, (), ("record_again",)),
    row(
        Machine.RECORD,
        {_R.ARMING, _R.INTERRUPTED, _R.DEGRADED, _R.FAILED},
        "elect_fallback",
        SAME,
        "interrupt_record",
        guards=("not_closed", "reason_given"),
    ),
    # The sealed record shows a fault that nobody noticed in the room.
    _system(frozenset(_R) - {_R.IDLE}, "open_incident", SAME, (), ("state_the_fault",)),
    row(
        Machine.RECORD,
        frozenset(_R) - {_R.IDLE},
        "state_incident",
        SAME,
        "incident",
        guards=("incident_open",),
        effects=("close_incident_task",),
    ),
    _system(UNDER_WAY | {_R.INTERRUPTED}, "finalize", _R.FINALIZING, ("closed",)),
    # A record that a fault has cost something is sealed, as partial, after that was stated (RRC art. 4, 5).
    _system({_R.FINALIZING}, "seal", _R.SEALED, ("incident_stated",)),
    # A media worker took the room: its part of the record carries this name.
    _system(UNDER_WAY | {_R.INTERRUPTED}, "writer", SAME),
    # Each minute: what the archive holds by now, as one hash that the log keeps.
    _system(UNDER_WAY | {_R.INTERRUPTED}, "root", SAME),
)
