"""The custody of a hearing's record after the close: how long it is kept, held, hidden, and who may destroy it.

Like a sitting it is a log: each decision is checked against what the ones before it lead to, and appended.  Nobody
deletes inside retention, nobody alone, and a hold stops everything (C20, C21, E14, E15): that is machine A's law
(:mod:`.artefact`); here is what it means for all of a hearing's record, in days.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Final

from .artefact import Artefact, keep
from .desk import Request
from .model import Refused
from .permissions import CUSTODIAN
from .retention import retention_class
from .states import ArtefactState
from .tables.artefact import ARTEFACT

TEXT_LIMIT: Final = 2000


class Custody(StrEnum):
    """Where a record stands (machine A: archived, expired, destroyed), and how far its destruction is."""

    #: The outcome of the case is not recorded: kept until it is.
    UNDECIDED = "undecided"
    KEPT = "kept"
    #: Due: two people may destroy it.
    EXPIRED = "expired"
    MARKED = "marked"
    #: Two people have said so; the storage is being told.
    APPROVED = "approved"
    DESTROYED = "destroyed"


class Action(StrEnum):
    OUTCOME = "outcome"
    OVERRIDE = "override"
    HOLD = "hold"
    RELEASE = "release"
    HIDE = "hide"
    SHOW = "show"
    MARK = "mark"
    WITHDRAW = "withdraw"
    APPROVE = "approve"
    #: The storage has nothing of it any more.
    DESTROYED = "destroyed"


#: What each is called in machine A.  Of an outcome it knows the day only, and of its end the storage's word.
EVENTS: Final[dict[Action, str]] = {
    Action.OVERRIDE: "retain",
    Action.HOLD: "hold",
    Action.RELEASE: "release",
    Action.HIDE: "hide",
    Action.SHOW: "unhide",
    Action.MARK: "mark",
    Action.WITHDRAW: "unmark",
    Action.APPROVE: "destroy",
}
#: Who decides what.
WHO: Final[dict[Action, frozenset[str]]] = {
    Action.OUTCOME: frozenset({"judge", "clerk", CUSTODIAN}),
    **{action: next(row.who for row in ARTEFACT if row.event == event) for action, event in EVENTS.items()},
}
#: What needs a reason: all but what the judgment itself says.
NEEDS_REASON: Final = frozenset(EVENTS)
#: What changes how long the storage locks the record: it must be told.
FOR_STORAGE: Final = frozenset({Action.OUTCOME, Action.OVERRIDE, Action.HOLD, Action.RELEASE, Action.APPROVE})
SYSTEM: Final = "system"
DAY_NS: Final = 86_400 * 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """``until``: of an outcome or override, what it led to."""

    action: Action
    by: str
    reason: str = ""
    order: str = ""
    outcome: str = ""
    decided: date | None = None
    sentence_ends: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class RecordCustody:
    """What the decisions so far lead to.  ``serial`` counts them; ``to_storage`` is the last the storage must know."""

    serial: int = 0
    to_storage: int = 0
    outcome: str = ""
    until: date | None = None
    permanent: bool = False
    held: bool = False
    hold_order: str = ""
    hidden: bool = False
    marked_by: str = ""
    mark_reason: str = ""
    approved_by: str = ""
    destroyed: bool = False

    def state(self, today: date) -> Custody:
        if self.destroyed:
            return Custody.DESTROYED
        if self.approved_by:
            return Custody.APPROVED
        if self.marked_by:
            return Custody.MARKED
        if self.until is None:
            return Custody.UNDECIDED
        return Custody.EXPIRED if self.due(today) else Custody.KEPT

    def due(self, today: date) -> bool:
        """Whether nothing demands any longer that it is kept."""
        return self.until is not None and not self.permanent and not self.held and self.until < today


def fold(decisions: Iterable[Decision], profile: str) -> RecordCustody:
    custody = RecordCustody()
    for decision in decisions:
        custody = applied(custody, decision, profile)
    return custody


def applied(custody: RecordCustody, decision: Decision, profile: str) -> RecordCustody:
    """What this decision makes of it; the decision was allowed when it was made."""
    action = decision.action
    custody = replace(custody, serial=custody.serial + 1)
    if action in FOR_STORAGE:
        custody = replace(custody, to_storage=custody.serial)
    match action:
        case Action.OUTCOME:
            kind = retention_class(profile, decision.outcome)
            permanent = kind is not None and kind.permanent
            return replace(custody, outcome=decision.outcome, until=decision.until, permanent=permanent)
        case Action.OVERRIDE:
            return replace(custody, until=decision.until, permanent=False)
        case Action.HOLD:
            return replace(custody, held=True, hold_order=decision.order)
        case Action.RELEASE:
            return replace(custody, held=False, hold_order="")
        case Action.HIDE:
            return replace(custody, hidden=True)
        case Action.SHOW:
            return replace(custody, hidden=False)
        case Action.MARK:
            return replace(custody, marked_by=decision.by, mark_reason=decision.reason)
        case Action.WITHDRAW:
            return replace(custody, marked_by="", mark_reason="")
        case Action.APPROVE:
            return replace(custody, approved_by=decision.by)
        case Action.DESTROYED:
            return replace(custody, destroyed=True)


def settle(decision: Decision, custody: RecordCustody, profile: str) -> Decision | None:
    """The decision with the day to which it leads; nothing if the court has no such outcome or the day is missing.

    What is kept is kept for longer, never for less time: an outcome that leads to an earlier day leaves the later one.
    """
    if decision.action is Action.OUTCOME:
        kind = retention_class(profile, decision.outcome)
        if kind is None or decision.decided is None:
            return None
        until = kind.until(decision.decided, decision.sentence_ends)
        return replace(decision, until=until if custody.until is None else max(until, custody.until))
    if decision.action is Action.OVERRIDE and decision.until is None:
        return None
    return decision


def refusal(custody: RecordCustody, decision: Decision, roles: frozenset[str], today: date, *, closed: bool) -> str:
    """Why this may not be decided now by somebody with these roles; empty if it may.

    Machine A decides; what is said here first is what it has no word for, or a plainer one.
    """
    action = decision.action
    if action is Action.DESTROYED:
        return "" if custody.approved_by and not custody.destroyed else "artefact-state"
    if custody.destroyed or custody.approved_by:
        return "custody-destroyed"
    if not roles & WHO[action]:
        return "not-allowed"
    if not closed:
        return "custody-not-closed"
    if action in NEEDS_REASON and not decision.reason.strip():
        return "reason-missing"
    if action is Action.OUTCOME:
        return "custody-date" if decision.decided is None or decision.decided > today else ""
    if action is Action.OVERRIDE and (decision.until is None or decision.until < today):
        return "custody-date"
    if action in (Action.MARK, Action.APPROVE) and not custody.due(today):
        return "legal-hold" if custody.held else "retention-runs"
    asked = Request(
        name=EVENTS[action],
        actor=decision.by,
        roles=roles,
        utc=_day_ns(today),
        reason=decision.reason,
        detail={"order": decision.order, "until": _day_ns(decision.until) if decision.until else 0},
    )
    answer = keep(_artefact(custody, today), asked)
    return answer.code if isinstance(answer, Refused) else ""


def _artefact(custody: RecordCustody, today: date) -> Artefact:
    """The record as machine A sees it; its time is in whole days here, and over when the last one is."""
    return Artefact(
        state=ArtefactState.EXPIRED if custody.due(today) else ArtefactState.ARCHIVED,
        retain_until=None if custody.until is None else _day_ns(custody.until),
        hold=custody.hold_order if custody.held else "",
        hidden=custody.hidden,
        marked_by=custody.marked_by,
    )


def _day_ns(day: date) -> int:
    return day.toordinal() * DAY_NS
