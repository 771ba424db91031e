"""Who may see which part of a record: public, confidential or sealed, by order (C18, record.md E10).

A log like custody's: decisions are checked against what those before lead to, and appended.  A span is withheld from
the day of its order until an order lifts it; what is sealed can be opened by a person who has the right, for a time,
under an order that they name, and stays withheld from everybody else.  The clerk and the parties may prepare a span or
ask for it, during the session too: that withholds nothing before somebody who decides has taken it up.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from .artefact import Artefact, keep
from .desk import Request
from .model import Refused
from .permissions import Leave, roles_with
from .states import ArtefactState

#: Who decides, and who may open what is sealed: the judge in their own case, and the records custodian.
DECIDERS: Final = roles_with("seal_span", Leave.ALLOWED)
#: Who may only ask for it: the clerk, who prepares it, the parties and their counsel.
REQUESTERS: Final = roles_with("seal_span", Leave.REQUEST)
#: Why something is not for everybody.
GROUNDS: Final = (
    "personal_data",
    "children",
    "privacy",
    "trade_secret",
    "classified",
    "national_security",
    "witness_protection",
    "other",
)
#: The ground of what was withheld before the database was lost; nobody can choose it.
NOT_RECORDED: Final = "not_recorded"
#: What is sealed and was opened is closed again after this, ns: a sitting of reading, and no standing right.
OPEN_NS: Final = 2 * 3600 * 1_000_000_000
#: What is so near to a span is withheld with it, ns: the same as in recording/withheld.py.
AROUND_NS: Final = 1_000_000_000
#: Spans of one record that are in force at a time; each needs a decision of a person.
SPANS_LIMIT: Final = 100
#: Spans of one record that were asked for and wait for a decision.
PROPOSALS_LIMIT: Final = 20


class Level(StrEnum):
    """``confidential``: the court's own people see it, and no copy for others has it; ``sealed``: nobody sees it."""

    CONFIDENTIAL = "confidential"
    SEALED = "sealed"


class LevelAction(StrEnum):
    """``PREPARE``: a span is asked for; ``DECLINE``: it is not taken up, or taken back by whoever asked; ``END``: what
    was withheld to the end stops now."""

    SET = "set"
    LIFT = "lift"
    OPEN = "open"
    PREPARE = "prepare"
    DECLINE = "decline"
    END = "end"


class Audience(StrEnum):
    """Whom a copy is for."""

    COURT = "court"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelDecision:
    """``from_utc``, ``to_utc``: the span, ns since 1970; ``to_utc`` 0 is to the end.  ``of``: the serial of the span
    that is lifted or ended, or of what was asked for and is decided by this.  ``until_utc``: when what was opened is
    closed again."""

    action: LevelAction
    by: str
    order: str
    level: Level | None = None
    ground: str = ""
    from_utc: int = 0
    to_utc: int = 0
    of: int = 0
    until_utc: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A span that somebody asked for; ``order`` may still be empty, ``to_utc`` 0 is to the end."""

    serial: int
    by: str
    level: Level
    ground: str
    order: str
    from_utc: int
    to_utc: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A span that is withheld; ``serial`` is the decision's."""

    serial: int
    level: Level
    ground: str
    order: str
    from_utc: int
    to_utc: int


@dataclass(frozen=True, slots=True)
class Opening:
    """Until when it lasts; what is withheld by a later decision than ``serial`` is not opened by it."""

    until_utc: int
    serial: int


@dataclass(frozen=True, slots=True)
class Levels:
    """What the decisions so far lead to.  ``opened``: by person."""

    serial: int = 0
    spans: tuple[Span, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    opened: dict[str, Opening] = field(default_factory=dict)

    def withheld(self, audience: Audience, person: str = "", now_utc: int = 0) -> tuple[Span, ...]:
        """What this person, of this audience, may not see now."""
        opened = self.opened[person].serial if self.opened_until(person, now_utc) else 0
        levels = {Level.SEALED} if audience is Audience.COURT else set(Level)
        return tuple(span for span in self.spans if span.level in levels and span.serial > opened)

    def opened_until(self, person: str, now_utc: int) -> int:
        """When what was opened for this person is closed again; 0 if nothing is open."""
        opening = self.opened.get(person)
        return opening.until_utc if opening and now_utc < opening.until_utc else 0


def within(spans: Iterable[Span], utc: int, around_ns: int = 0) -> bool:
    """Whether this moment, or one so near to it, is in one of the spans."""
    return any(
        span.from_utc - around_ns <= utc and (not span.to_utc or utc <= span.to_utc + around_ns) for span in spans
    )


def fold(decisions: Sequence[LevelDecision]) -> Levels:
    levels = Levels()
    for decision in decisions:
        levels = applied(levels, decision)
    return levels


def applied(levels: Levels, decision: LevelDecision) -> Levels:
    """What this decision makes of it; it was allowed when it was made."""
    serial = levels.serial + 1
    match decision.action:
        case LevelAction.SET:
            span = Span(
                serial=serial,
                level=decision.level or Level.SEALED,
                ground=decision.ground,
                order=decision.order,
                from_utc=decision.from_utc,
                to_utc=decision.to_utc,
            )
            spans = sorted((*levels.spans, span), key=lambda each: (each.from_utc, each.serial))
            return replace(levels, serial=serial, spans=tuple(spans), proposals=_without(levels, decision.of))
        case LevelAction.LIFT:
            left = tuple(span for span in levels.spans if span.serial != decision.of)
            return replace(levels, serial=serial, spans=left)
        case LevelAction.OPEN:
            opened = {**levels.opened, decision.by: Opening(decision.until_utc, serial)}
            return replace(levels, serial=serial, opened=opened)
        case LevelAction.PREPARE:
            asked = Proposal(
                serial=serial,
                by=decision.by,
                level=decision.level or Level.SEALED,
                ground=decision.ground,
                order=decision.order,
                from_utc=decision.from_utc,
                to_utc=decision.to_utc,
            )
            return replace(levels, serial=serial, proposals=(*levels.proposals, asked))
        case LevelAction.DECLINE:
            return replace(levels, serial=serial, proposals=_without(levels, decision.of))
        case LevelAction.END:
            ended = tuple(
                replace(span, to_utc=decision.to_utc) if span.serial == decision.of else span for span in levels.spans
            )
            return replace(levels, serial=serial, spans=ended)


def _without(levels: Levels, serial: int) -> tuple[Proposal, ...]:
    return tuple(asked for asked in levels.proposals if asked.serial != serial)


def refusal(levels: Levels, decision: LevelDecision, roles: frozenset[str], now_utc: int) -> str:
    """Why this may not be decided now by somebody with these roles; empty if it may.  Machine A has the last word."""
    if code := _unfit(levels, decision):
        return code
    if decision.action is LevelAction.PREPARE:
        return "" if roles & REQUESTERS else "not-allowed"
    if decision.action is LevelAction.DECLINE:
        own = any(each.serial == decision.of and each.by == decision.by for each in levels.proposals)
        return "" if own or roles & DECIDERS else "not-allowed"
    sets = decision.action is LevelAction.SET
    asked = Request(
        name="seal" if sets else "unseal",
        actor=decision.by,
        roles=roles,
        utc=now_utc,
        detail={"order": decision.order},
    )
    held = Artefact(state=ArtefactState.ARCHIVED, sealed="" if sets else "an order")
    answer = keep(held, asked)
    return answer.code if isinstance(answer, Refused) else ""


def _unfit(levels: Levels, decision: LevelDecision) -> str:
    """What is wrong with the decision itself, whoever makes it."""
    meant = next((span for span in levels.spans if span.serial == decision.of), None)
    waits = any(asked.serial == decision.of for asked in levels.proposals)
    match decision.action:
        case LevelAction.SET | LevelAction.PREPARE:
            if decision.ground not in GROUNDS or decision.level is None or decision.from_utc <= 0:
                return "invalid"
            if decision.to_utc and decision.to_utc <= decision.from_utc:
                return "level-span"
            if decision.of and not waits:
                return "level-decided"
            if decision.action is LevelAction.PREPARE:
                return "level-many" if len(levels.proposals) >= PROPOSALS_LIMIT else ""
            return "level-many" if len(levels.spans) >= SPANS_LIMIT else ""
        case LevelAction.LIFT:
            return "" if meant else "level-lifted"
        case LevelAction.END:
            if meant is None or meant.to_utc:
                return "level-lifted"
            return "" if decision.to_utc > meant.from_utc else "level-span"
        case LevelAction.OPEN:
            return "" if levels.spans else "level-nothing"
        case LevelAction.DECLINE:
            return "" if waits else "level-decided"
