"""Machine P: where each person is (hearing-model.md §5)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..states import LIVE, Machine, Presence
from .row import HELD, OWN, SAME, SYSTEM_ONLY, Row, row

_P = Presence


def _presence(
    sources: Iterable[Presence],
    event: str,
    to: str,
    who: str | frozenset[str],
    guards: tuple[str, ...] = (),
    effects: tuple[str, ...] = (),
    *,
    own: bool = False,
) -> Row:
    return row(Machine.PRESENCE, sources, event, to, who, guards=guards, effects=effects, own=own)


_ADMITTED: Final = (_P.WAITING, _P.IN_HEARING, _P.IN_CONSULTATION, _P.IN_DELIBERATION)

PRESENCE: Final = (
    # --- coming and going by oneself -------------------------------------------------
    _presence((_P.NOT_SIGNED_IN, _P.DISCONNECTED), "sign_in", _P.CHECKING, OWN, ("has_business",)),
    # A newer device wins, and has to pass the check before it gets the place.
    _presence(LIVE | {_P.AWAY}, "change_device", _P.CHECKING, OWN, ("has_business",), ("end_empty_talk",)),
    _presence(
        (_P.CHECKING,),
        "check_in",
        _P.WAITING,
        OWN,
        ("has_business", "declared"),
        ("close_absence_task", "judge_check", "ask_for_identity", "enter_if_due"),
    ),
    _presence(_ADMITTED, "check_in", SAME, OWN, ("has_business", "declared"), ("judge_check",)),
    _presence(
        (_P.WAITING,),
        "come_in",
        _P.IN_HEARING,
        "come_in",
        ("in_session", "not_sent_out", "may_enter"),
        ("bring_linked",),
        own=True,
    ),
    _presence((_P.IN_HEARING,), "leave_room", _P.WAITING, OWN, ("in_session", "host_remains"), ("take_linked_out",)),
    _presence(LIVE | {_P.AWAY}, "sign_out", _P.NOT_SIGNED_IN, OWN, ("has_business",), ("end_empty_talk",)),
    # --- the connection --------------------------------------------------------------
    _presence(LIVE, "lose", _P.AWAY, SYSTEM_ONLY, ("has_business",), ("task_absence",)),
    _presence((_P.AWAY,), "come_back", HELD, OWN, ("has_business",), ("close_absence_task", "enter_if_due")),
    _presence(
        (_P.AWAY,),
        "give_up",
        _P.DISCONNECTED,
        SYSTEM_ONLY,
        ("not_closed", "seat_held_long_enough"),
        ("end_empty_talk", "task_absence"),
    ),
    # --- in and out of the hearing room ------------------------------------------------
    _presence((_P.WAITING,), "enter", _P.IN_HEARING, SYSTEM_ONLY, ("in_session", "may_enter")),
    _presence(
        (_P.WAITING,),
        "call",
        _P.IN_HEARING,
        "call",
        ("in_session", "may_enter", "linked_ready"),
        ("bring_linked",),
    ),
    _presence(
        (_P.IN_HEARING,),
        "dismiss",
        _P.WAITING,
        "call",
        ("in_session", "not_the_judge"),
        ("take_linked_out", "task_witness_dismissed"),
    ),
    _presence(
        (_P.AWAY,),
        "dismiss",
        SAME,
        "call",
        ("in_session", "not_the_judge", "holds_a_place"),
        ("take_linked_out", "task_witness_dismissed"),
    ),
    # The doors are closed, or the direction for observers is withdrawn, or an interpreter's people have left.
    _presence((_P.IN_HEARING,), "send_out", _P.WAITING, SYSTEM_ONLY, ("no_business_inside",)),
    _presence((_P.AWAY,), "send_out", SAME, SYSTEM_ONLY, ("holds_a_place", "no_business_inside")),
    _presence(
        (*_ADMITTED, _P.CHECKING, _P.AWAY, _P.DISCONNECTED, _P.NOT_SIGNED_IN),
        "remove",
        _P.REMOVED,
        "remove",
        ("not_closed", "not_the_judge", "reason_given"),
        ("end_empty_talk", "take_linked_out"),
    ),
    _presence((_P.REMOVED,), "readmit", _P.NOT_SIGNED_IN, "remove", ("not_closed",)),
    # --- when the sitting moves ----------------------------------------------------------
    _presence((_P.IN_HEARING,), "break_off", _P.WAITING, SYSTEM_ONLY, ("broken_off",)),
    _presence((_P.AWAY,), "break_off", SAME, SYSTEM_ONLY, ("broken_off", "holds_a_place")),
    _presence((_P.IN_HEARING,), "retire_to", _P.IN_DELIBERATION, SYSTEM_ONLY, ("deliberating", "of_the_bench")),
    _presence((_P.AWAY,), "retire_to", SAME, SYSTEM_ONLY, ("deliberating", "of_the_bench", "holds_a_place")),
    # Out of a private room: the countdown runs, the talk has ended, or the bench's time after the close is over.
    _presence((_P.IN_CONSULTATION, _P.IN_DELIBERATION), "gather", _P.WAITING, SYSTEM_ONLY, ("private_room_over",)),
    _presence((_P.AWAY,), "gather", SAME, SYSTEM_ONLY, ("private_room_over",)),
    # The court rises: the only move of a person, save the bench in its own room, at or after the close.
    _presence((_P.IN_HEARING,), "rise", _P.WAITING, SYSTEM_ONLY, ("closed",)),
    _presence((_P.AWAY,), "rise", SAME, SYSTEM_ONLY, ("closed", "holds_a_place")),
    # --- private rooms ---------------------------------------------------------------------
    _presence((_P.WAITING,), "enter_bench_room", _P.IN_DELIBERATION, "bench_room", ("bench_room_open",), own=True),
    _presence((_P.IN_DELIBERATION,), "leave_bench_room", _P.WAITING, OWN),
    _presence((_P.WAITING, _P.IN_HEARING), "join_consultation", _P.IN_CONSULTATION, SYSTEM_ONLY, ("talk_awaits",)),
    _presence((_P.IN_CONSULTATION,), "leave_consultation", _P.WAITING, OWN, (), ("end_empty_talk", "enter_if_due")),
)
