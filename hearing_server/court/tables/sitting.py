"""Machines S and V: the live hearing, and its doors (hearing-model.md §3)."""

from __future__ import annotations

from typing import Final

from ..states import Doors, Machine, SittingState
from .row import BACK, SYSTEM_ONLY, Row, row

_S = SittingState
_NOT_CLOSED: Final = frozenset(_S) - {_S.CLOSED}
#: Where a session can be taken up again from.
_BROKEN_OFF: Final = (_S.RECESS, _S.SUSPENDED, _S.DELIBERATION)


def _sitting(
    sources: tuple[SittingState, ...] | frozenset[SittingState],
    event: str,
    to: str,
    who: str | frozenset[str],
    guards: tuple[str, ...] = (),
    effects: tuple[str, ...] = (),
) -> Row:
    return row(Machine.SITTING, sources, event, to, who, guards=guards, effects=effects)


SITTING: Final = (
    _sitting(
        (_S.NOT_STARTED,),
        "open",
        _S.COUNTDOWN,
        "sit",
        ("presiding_ready", "record_or_reason"),
        ("arm_record", "clear_rooms"),
    ),
    _sitting(
        (_S.COUNTDOWN,),
        "elapsed",
        _S.IN_SESSION,
        SYSTEM_ONLY,
        ("countdown_over", "record_runs", "presiding_ready"),
        ("bring_in",),
    ),
    _sitting((_S.COUNTDOWN,), "abort", BACK, "sit", (), ("stand_record_down",)),
    _sitting((_S.COUNTDOWN,), "fail_to_record", BACK, SYSTEM_ONLY, ("record_overdue",), ("stand_record_down",)),
    _sitting(
        (_S.COUNTDOWN,),
        "fail_to_preside",
        BACK,
        SYSTEM_ONLY,
        ("countdown_over", "presiding_absent"),
        ("stand_record_down",),
    ),
    _sitting((_S.IN_SESSION,), "recess", _S.RECESS, "sit", (), ("interrupt_for_recess", "break_off")),
    _sitting((_S.RECESS,), "resume", _S.COUNTDOWN, "sit", ("presiding_ready",), ("arm_record", "clear_rooms")),
    _sitting(
        (_S.SUSPENDED,),
        "resume",
        _S.COUNTDOWN,
        "sit",
        ("presiding_ready", "incident_stated"),
        ("arm_record", "clear_rooms", "close_suspension_tasks"),
    ),
    _sitting(
        (_S.IN_SESSION, _S.RECESS),
        "suspend",
        _S.SUSPENDED,
        "suspend",
        ("reason_given",),
        ("break_off", "task_suspended"),
    ),
    _sitting(
        (_S.IN_SESSION,),
        "suspend_by_court",
        _S.SUSPENDED,
        SYSTEM_ONLY,
        ("must_suspend",),
        ("break_off", "task_suspended"),
    ),
    _sitting((_S.IN_SESSION,), "retire", _S.DELIBERATION, "sit", (), ("interrupt_for_recess", "retire_bench")),
    _sitting((_S.DELIBERATION,), "return", _S.COUNTDOWN, "sit", ("presiding_ready",), ("arm_record", "clear_rooms")),
    _sitting(
        (_S.IN_SESSION, *_BROKEN_OFF), "close", _S.CLOSED, "sit", (), ("close_record", "end_consultations", "rise")
    ),
    _sitting(
        _NOT_CLOSED,
        "convert_offline",
        _S.CLOSED,
        "sit",
        ("lawful_conversion", "reason_given"),
        ("close_record", "end_consultations", "rise"),
    ),
    _sitting(
        _NOT_CLOSED,
        "auto_close",
        _S.CLOSED,
        SYSTEM_ONLY,
        ("long_overdue", "nobody_inside"),
        ("close_record", "end_consultations", "rise", "task_not_closed_by_judge"),
    ),
)

DOORS: Final = (
    row(
        Machine.DOORS,
        (Doors.OPEN,),
        "close_doors",
        Doors.CLOSED,
        "close_doors",
        guards=("in_session", "lawful_privacy"),
        effects=("show_public_out",),
    ),
    row(Machine.DOORS, (Doors.CLOSED,), "open_doors", Doors.OPEN, "close_doors", guards=("not_closed",)),
)
