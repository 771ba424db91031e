"""What is done in the room without moving a machine: silence, the floor, the agenda, exhibits, notes, people.

The sources of these rows are states of the sitting, which stays in the one it is in.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..permissions import Leave, roles_with
from ..states import Machine, SittingState
from .row import BY_SYSTEM, NOBODY, OWN, SAME, Row, row

_S = SittingState
_ALWAYS: Final = frozenset(_S)
_NOT_CLOSED: Final = _ALWAYS - {_S.CLOSED}
_SESSION: Final = (_S.IN_SESSION,)
#: Before the session, silencing waits for it.
_AROUND_SESSION: Final = (_S.COUNTDOWN, _S.IN_SESSION)
_SHARERS: Final = roles_with("share", Leave.ALLOWED, Leave.GRANT)


def _order(
    sources: Iterable[SittingState],
    event: str,
    who: str | frozenset[str],
    guards: tuple[str, ...] = (),
    effects: tuple[str, ...] = (),
    *,
    also: frozenset[str] = NOBODY,
    own: bool = False,
) -> Row:
    return row(Machine.ORDER, sources, event, SAME, who, guards=guards, effects=effects, also=also, own=own)


ORDER: Final = (
    # --- silence (J7, J31) ------------------------------------------------------------
    _order(_AROUND_SESSION, "mute", "mute", ("not_the_judge", "may_ever_speak")),
    _order(_AROUND_SESSION, "unmute", "mute", ("is_muted", "own_lock_open"), also=OWN),
    _order(_AROUND_SESSION, "mute_lock", "mute", ("not_the_judge", "may_ever_speak")),
    _order(_AROUND_SESSION, "unlock", "mute", ("is_muted",)),
    _order(_AROUND_SESSION, "mute_all", "mute"),
    _order(_AROUND_SESSION, "unlock_all", "mute"),
    # Never fails: no guard, no version, given again it is given again.
    _order(_NOT_CLOSED, "curtain", "curtain"),
    _order(_NOT_CLOSED, "lift", "curtain"),
    # --- the floor (J8, J9) -----------------------------------------------------------
    _order(_SESSION, "raise_hand", "raise_hand", ("inside",), own=True),
    _order(_SESSION, "lower_hand", "mute", ("hand_is_up",), also=OWN),
    _order(_SESSION, "lower_hands", "mute"),
    _order(_SESSION, "give_floor", "floor", ("subject_inside",)),
    _order(_SESSION, "clear_floor", "floor"),
    # What the line lost is said again (opportunity 4).
    _order(_SESSION, "ask_repeat", "floor", ("not_the_judge", "subject_inside", "may_ever_speak")),
    _order(_SESSION, "spotlight", "floor", ("subject_inside", "may_ever_speak")),
    _order(_SESSION, "clear_spotlight", "floor"),
    _order(_NOT_CLOSED, "allow_share", "grant", ("share_grantable",)),
    _order(_NOT_CLOSED, "stop_share", "floor", ("share_granted",), also=OWN),
    _order(_NOT_CLOSED, "grant", "grant", ("grantable",)),
    _order(_NOT_CLOSED, "withdraw_grant", "grant", ("granted",)),
    # --- the course of the hearing (J30, C18, C19, M26) -----------------------------------
    _order(_SESSION, "set_stage", "agenda", ("stage_known", "stage_consented")),
    _order(_ALWAYS, "note", "note", ("private_for_panel",)),
    _order(_SESSION, "ruling", "rule"),
    _order(_SESSION, "objection", "object", ("inside", "objections_left")),
    _order(_SESSION, "rule_objection", "rule", ("objection_known",)),
    _order(_SESSION, "statement", "speak", ("inside", "may_be_heard"), own=True),
    _order(_NOT_CLOSED, "restrict", "restrict"),
    _order(_NOT_CLOSED, "unrestrict", "restrict"),
    # --- exhibits --------------------------------------------------------------------------
    _order(_SESSION, "show_exhibit", _SHARERS, ("inside", "may_present")),
    _order(_SESSION, "turn_page", _SHARERS, ("inside", "presents")),
    _order(_SESSION, "hide_exhibit", _SHARERS, ("presents",)),
    # --- observers (O1) ------------------------------------------------------------------------
    _order(_NOT_CLOSED, "direct_public", "public"),
    _order(_NOT_CLOSED, "withdraw_public", "public", (), ("stop_the_stream", "show_public_out")),
    # What kind of case it is decides whether it may be streamed (O5).
    _order(_NOT_CLOSED, "classify", "restrict", ("category_exists",), ("stop_an_excluded_stream",)),
    # --- interpretation (W6) ---------------------------------------------------------------------
    _order(_NOT_CLOSED, "assign_mix", "assign_mix", ("interprets", "mix_possible"), also=OWN),
    _order(_NOT_CLOSED, "listen", OWN, ("mix_known",)),
    # --- leaving without leave (J24, OLR art. 25) ---------------------------------------------------
    _order(_SESSION, "prompt_return", "leaving", ("not_the_judge", "has_gone")),
    _order(_SESSION, "warn_return", "leaving", ("has_gone", "was_prompted")),
    _order(_SESSION, "treat_as_left", "sit", ("has_gone", "was_warned")),
    _order(_NOT_CLOSED, "excuse_leaving", "leaving", ("leaving_begun", "lawful_excuse")),
    _order(_NOT_CLOSED, "order_place", "in_person"),
    # --- help ------------------------------------------------------------------------------------------
    _order(
        (_S.IN_SESSION, _S.RECESS),
        "request_suspend",
        roles_with("suspend", Leave.REQUEST),
        ("reason_given",),
        ("task_suspend_requested",),
    ),
    _order((_S.IN_SESSION, _S.RECESS), "decline_suspend", "sit", ("suspend_was_asked",), ("close_suspend_request",)),
    _order(_NOT_CLOSED, "report_blocked", OWN, (), ("task_blocked",)),
    # Without a trace for anybody but the court's staff (W9).
    _order(_NOT_CLOSED, "duress", "duress", (), ("task_duress",), own=True),
    # --- people, until the last minute (C4) -----------------------------------------------------------------
    _order(
        _NOT_CLOSED,
        "add_person",
        "people",
        ("person_fits",),
        also=frozenset({BY_SYSTEM}),
    ),
    _order(
        _NOT_CLOSED,
        "change_person",
        "people",
        ("change_fits",),
        ("part_the_screened",),
        also=frozenset({BY_SYSTEM}),
    ),
    _order(
        (_S.NOT_STARTED, _S.RECESS, _S.SUSPENDED, _S.DELIBERATION),
        "change_judge",
        "people",
        ("can_preside",),
        also=frozenset({BY_SYSTEM}),
    ),
)
