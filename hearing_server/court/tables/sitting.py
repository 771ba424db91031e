"""Machines S and V: the live hearing, its doors and its stream (hearing-model.md §3)."""

from __future__ import annotations

from typing import Final

from ..states import Doors, Machine, SittingState, Stream
from .row import BACK, SAME, SYSTEM_ONLY, Row, row

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
        (_S.IN_SESSION, *_BROKEN_OFF),
        "close",
        _S.CLOSED,
        "sit",
        (),
        ("close_record", "end_consultations", "rise", "end_stream"),
    ),
    _sitting(
        _NOT_CLOSED,
        "convert_offline",
        _S.CLOSED,
        "sit",
        ("lawful_conversion", "reason_given"),
        ("close_record", "end_consultations", "rise", "end_stream"),
    ),
    _sitting(
        _NOT_CLOSED,
        "auto_close",
        _S.CLOSED,
        SYSTEM_ONLY,
        ("long_overdue", "nobody_inside"),
        ("close_record", "end_consultations", "rise", "end_stream", "task_not_closed_by_judge"),
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
        effects=("stop_the_stream", "show_public_out"),
    ),
    row(Machine.DOORS, (Doors.CLOSED,), "open_doors", Doors.OPEN, "close_doors", guards=("not_closed",)),
)

#: Streaming to the public (O4, O5, O7): told first, to which people may object on the record; stopped at once.
STREAM: Final = (
    row(
        Machine.STREAM,
        (Stream.OFF,),
        "announce_stream",
        Stream.ANNOUNCED,
        "announce_stream",
        guards=("not_closed", "category_known", "may_be_streamed"),
    ),
    row(Machine.STREAM, (Stream.ANNOUNCED,), "withdraw_stream", Stream.OFF, "announce_stream"),
    row(
        Machine.STREAM,
        (Stream.ANNOUNCED, Stream.LIVE),
        "object_to_stream",
        SAME,
        "object_to_stream",
        guards=("no_objection_yet",),
        own=True,
    ),
    row(
        Machine.STREAM,
        (Stream.ANNOUNCED,),
        "start_stream",
        Stream.LIVE,
        "stream",
        guards=("in_session", "doors_open", "public_directed", "objections_answered"),
        effects=("let_public_in",),
    ),
    # Never fails: who watches is out at once.
    row(Machine.STREAM, (Stream.LIVE,), "stop_stream", Stream.ANNOUNCED, "stream", effects=("show_viewers_out",)),
    row(
        Machine.STREAM,
        (Stream.ANNOUNCED, Stream.LIVE),
        "end_stream",
        Stream.OFF,
        SYSTEM_ONLY,
        effects=("show_viewers_out",),
    ),
)
