"""The transitions of hearing-model.md §3 to §5 as data.

A row says: in one of these states, this event, given by one of these roles, leads
to that state if every guard passes, and then has these effects.  ``who`` holds
roles, ``self`` (the person it is about) and ``system``.  Guards and effects are
named here and defined in :mod:`.law`; a test holds the names together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .model import LIVE, Machine, Presence, RecordState, Role, SittingState

SELF: Final = "self"
BY_SYSTEM: Final = "system"

#: Target of a row that leads back to the place held for a person.
HELD: Final = "held"
#: Target of a row that leaves the state as it is.
SAME: Final = "same"

_JUDGE = frozenset({Role.JUDGE.value})
_SELF = frozenset({SELF})
_SYSTEM = frozenset({BY_SYSTEM})


@dataclass(frozen=True, slots=True)
class Row:
    machine: Machine
    sources: frozenset[str]
    event: str
    to: str
    who: frozenset[str]
    guards: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()


def _sitting(source: SittingState, event: str, to: SittingState, who: frozenset[str], *rest: tuple[str, ...]) -> Row:
    return Row(Machine.SITTING, frozenset({source}), event, to, who, *rest)


def _record(sources: set[RecordState], event: str, to: str, *rest: tuple[str, ...]) -> Row:
    return Row(Machine.RECORD, frozenset(sources), event, to, _SYSTEM, *rest)


def _presence(
    sources: set[Presence] | frozenset[Presence], event: str, to: str, who: frozenset[str], *rest: tuple[str, ...]
) -> Row:
    return Row(Machine.PRESENCE, frozenset(sources), event, to, who, *rest)


_S = SittingState
_R = RecordState
_P = Presence

SITTING: Final = (
    _sitting(_S.NOT_STARTED, "open", _S.COUNTDOWN, _JUDGE, ("is_presiding", "presiding_ready"), ("arm_record",)),
    _sitting(
        _S.COUNTDOWN,
        "elapsed",
        _S.IN_SESSION,
        _SYSTEM,
        ("countdown_over", "record_runs", "presiding_ready"),
        ("bring_in",),
    ),
    _sitting(_S.COUNTDOWN, "abort", _S.NOT_STARTED, _JUDGE, ("is_presiding",), ("stand_record_down",)),
    _sitting(_S.COUNTDOWN, "fail_to_record", _S.NOT_STARTED, _SYSTEM, ("record_overdue",), ("stand_record_down",)),
    _sitting(
        _S.COUNTDOWN,
        "fail_to_preside",
        _S.NOT_STARTED,
        _SYSTEM,
        ("countdown_over", "presiding_absent"),
        ("stand_record_down",),
    ),
    _sitting(_S.IN_SESSION, "close", _S.CLOSED, _JUDGE, ("is_presiding",), ("close_record", "rise")),
)

RECORD: Final = (
    _record({_R.IDLE}, "arm", _R.ARMING, ("about_to_begin",)),
    _record({_R.ARMING}, "first_durable", _R.RECORDING),
    # A countdown that is called off leaves nothing to be recorded.
    _record({_R.ARMING, _R.RECORDING, _R.DEGRADED, _R.FAILED}, "stand_down", _R.IDLE, ("called_off",)),
    _record({_R.RECORDING}, "degrade", _R.DEGRADED),
    _record({_R.DEGRADED}, "recover", _R.RECORDING),
    _record({_R.RECORDING, _R.DEGRADED}, "fail", _R.FAILED),
    # Bytes are durable again after a failure: armed and recording in one step, so that a session is never only armed.
    _record({_R.FAILED}, "rearm", _R.ARMING, (), ("record_again",)),
    _record({_R.RECORDING, _R.DEGRADED, _R.FAILED}, "finalize", _R.FINALIZING, ("closed",)),
    _record({_R.FINALIZING}, "seal", _R.SEALED),
    # A media worker took the room: its part of the record carries this name.
    _record({_R.ARMING, _R.RECORDING, _R.DEGRADED, _R.FAILED}, "writer", SAME, ("names_a_writer",)),
)

PRESENCE: Final = (
    _presence({_P.NOT_SIGNED_IN, _P.DISCONNECTED}, "sign_in", _P.CHECKING, _SELF, ("not_closed",)),
    # A newer device wins, and has to pass the check before it gets the place.
    _presence(LIVE | {_P.AWAY}, "change_device", _P.CHECKING, _SELF, ("not_closed",)),
    _presence({_P.CHECKING}, "check_in", _P.WAITING, _SELF, ("not_closed", "declared"), ("enter_if_due",)),
    _presence({_P.WAITING, _P.IN_HEARING}, "check_in", SAME, _SELF, ("not_closed", "declared")),
    _presence({_P.WAITING}, "enter", _P.IN_HEARING, _SYSTEM, ("in_session",)),
    _presence({_P.WAITING}, "call", _P.IN_HEARING, _JUDGE, ("is_presiding", "in_session")),
    _presence({_P.IN_HEARING}, "dismiss", _P.WAITING, _JUDGE, ("is_presiding", "in_session", "not_the_judge")),
    _presence({_P.AWAY}, "dismiss", SAME, _JUDGE, ("is_presiding", "in_session", "not_the_judge", "holds_a_place")),
    _presence(LIVE, "lose", _P.AWAY, _SYSTEM, ("not_closed",)),
    _presence({_P.AWAY}, "come_back", HELD, _SELF, ("not_closed",), ("enter_if_due",)),
    _presence({_P.AWAY}, "give_up", _P.DISCONNECTED, _SYSTEM, ("not_closed", "seat_held_long_enough")),
    _presence(LIVE | {_P.AWAY}, "sign_out", _P.NOT_SIGNED_IN, _SELF, ("not_closed",)),
    # The court rises: the only move of a person at or after the close.
    _presence({_P.IN_HEARING}, "rise", _P.WAITING, _SYSTEM, ("closed",)),
    _presence({_P.AWAY}, "rise", SAME, _SYSTEM, ("closed",)),
)

TABLE: Final = SITTING + RECORD + PRESENCE


def rows(event: str) -> tuple[Row, ...]:
    """All rows of this event."""
    return tuple(row for row in TABLE if row.event == event)


#: Who comes in by themself when the court opens, or later when they have checked in (hearing-model.md §6, auto-enter).
AUTO_ENTER: Final = frozenset({Role.JUDGE, Role.CLERK, Role.CLAIMANT, Role.RESPONDENT})

#: What each role may send while it is in the hearing room (§6, publish).  A screen needs the judge's grant for all
#: but the judge, so that only the judge's stands here.
PUBLISH: Final[dict[Role, tuple[str, ...]]] = {
    Role.JUDGE: ("microphone", "camera", "screen"),
    Role.CLERK: ("microphone", "camera"),
    Role.CLAIMANT: ("microphone", "camera"),
    Role.RESPONDENT: ("microphone", "camera"),
    Role.WITNESS: ("microphone", "camera"),
    Role.INTERPRETER: ("microphone", "camera"),
    Role.OBSERVER: (),
}

#: Who is told what the check-in of the others said.
SEES_CHECKS: Final = frozenset({Role.JUDGE, Role.CLERK})
#: Whose roster holds roles in place of names (§6, see roster names).
SEES_ROLES_ONLY: Final = frozenset({Role.OBSERVER})
#: Who knows nothing of the others, save the bench, before being brought in.
ISOLATED_UNTIL_CALLED: Final = frozenset({Role.WITNESS, Role.OBSERVER})
