"""The custody of a hearing's record after the close: how long it is kept, held, hidden, and who may destroy it.

Like a sitting it is a log: each decision is checked against what the ones before it lead to, and appended.  Nobody
deletes inside retention, nobody alone, and a hold stops everything (C20, C21, E14, E15; machine A of
hearing-model.md).  Pure: the day comes in, and what is locked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Final

from .retention import retention_class

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


#: What needs a reason, and what a reference to an order of the court.
NEEDS_REASON: Final = frozenset(
    {Action.OVERRIDE, Action.HOLD, Action.RELEASE, Action.HIDE, Action.SHOW, Action.MARK, Action.WITHDRAW}
)
NEEDS_ORDER: Final = frozenset({Action.OVERRIDE, Action.HOLD, Action.RELEASE})
#: What changes how long the storage locks the record: it must be told.
FOR_STORAGE: Final = frozenset({Action.OUTCOME, Action.OVERRIDE, Action.HOLD, Action.RELEASE, Action.APPROVE})
SYSTEM: Final = "system"


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


def settle(decision: Decision, custody: RecordCustody, profile: str, *, locked: bool) -> Decision | None:
    """The decision with the day to which it leads; nothing if the court has no such outcome or the day is missing.

    ``locked``: the storage's locks only grow, so that an outcome which leads to an earlier day leaves the later one.
    """
    if decision.action is Action.OUTCOME:
        kind = retention_class(profile, decision.outcome)
        if kind is None or decision.decided is None:
            return None
        until = kind.until(decision.decided, decision.sentence_ends)
        if locked and custody.until is not None:
            until = max(until, custody.until)
        return replace(decision, until=until)
    if decision.action is Action.OVERRIDE and decision.until is None:
        return None
    return decision


def refusal(custody: RecordCustody, decision: Decision, today: date, *, closed: bool, locked: bool) -> str:
    """Why this may not be decided now; empty if it may.  The codes have sentences in hearing_server/refusals.py."""
    action = decision.action
    if custody.destroyed or custody.approved_by:
        return "" if action is Action.DESTROYED and not custody.destroyed else "custody-destroyed"
    if not closed:
        return "custody-not-closed"
    if action in NEEDS_REASON and not decision.reason.strip():
        return "custody-needs-reason"
    if action in NEEDS_ORDER and not decision.order.strip():
        return "custody-needs-order"
    match action:
        case Action.OUTCOME if not _before(decision.decided, today):
            return "custody-date"
        case Action.OVERRIDE if not _before(today, decision.until):
            return "custody-date"
        case Action.OVERRIDE if locked and custody.until is not None and not _before(custody.until, decision.until):
            return "custody-shorter"
        case Action.RELEASE if not custody.held:
            return "custody-not-held"
        case Action.HOLD if custody.held:
            return "custody-held-already"
        case Action.HIDE | Action.SHOW if custody.hidden is (action is Action.HIDE):
            return "custody-so-already"
        case Action.MARK | Action.APPROVE if custody.held:
            return "custody-held"
        case Action.MARK | Action.APPROVE if not custody.due(today):
            return "custody-retained"
        case Action.MARK if custody.marked_by:
            return "custody-so-already"
        case Action.APPROVE | Action.WITHDRAW if not custody.marked_by:
            return "custody-not-marked"
        case Action.APPROVE if custody.marked_by == decision.by:
            return "custody-same-person"
        case Action.DESTROYED:
            return "custody-not-marked"
    return ""


def _before(one: date | None, other: date | None) -> bool:
    """The same day, or earlier; never if there is none."""
    return one is not None and other is not None and one <= other
