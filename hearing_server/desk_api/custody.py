"""The custody of records after the close."""

from __future__ import annotations

import datetime
from typing import Literal

from ..api.shapes import Struct
from .shapes import Line, Words

CustodyState = Literal["undecided", "kept", "expired", "marked", "approved", "destroyed"]
CustodyAction = Literal[
    "outcome", "override", "hold", "release", "hide", "show", "mark", "withdraw", "approve", "destroyed"
]
CustodyOutcome = Literal[
    "not_guilty", "non_custodial", "custodial", "life", "civil", "short_term", "long_term", "permanent"
]


class CustodyRequest(Struct, omit_defaults=True):
    """A decision.  ``outcome`` with ``decided`` (and ``sentence_ends``) for an outcome, ``until`` for an override;
    days as ``YYYY-MM-DD``.  What needs a ``reason`` and an ``order``: docs/protocol.md."""

    action: CustodyAction
    reason: Words = ""
    order: Line = ""
    outcome: Line = ""
    decided: datetime.date | None = None
    sentence_ends: datetime.date | None = None
    until: datetime.date | None = None


class CustodyRow(Struct):
    """A hearing's record.  ``until``: the last day to which it is kept, if that is decided; ``told``: the storage obeys
    everything that was decided; ``problem``: why it does not (``locked``: its lock outlasts the decision)."""

    hearing_id: str
    sitting_id: str
    case_number: str
    case_name: str
    case_name_zh: str
    held_at: float
    state: CustodyState
    outcome: CustodyOutcome | None
    until: datetime.date | None
    permanent: bool
    held: bool
    hidden: bool
    told: bool
    problem: str


class CustodyEvent(Struct):
    """One decision."""

    serial: int
    at: float
    name: str
    name_zh: str
    action: CustodyAction
    reason: str
    order: str
    outcome: CustodyOutcome | None
    until: datetime.date | None


class OutcomeClass(Struct):
    """What an outcome of this court leads to; ``sentence``: kept to the sentence's end if that is later."""

    outcome: CustodyOutcome
    years: int
    sentence: bool
    permanent: bool


class CustodyPage(Struct):
    """``may``: what the caller may decide now.  ``objects``: left of the record in the storage."""

    row: CustodyRow
    objects: int
    outcomes: list[OutcomeClass]
    events: list[CustodyEvent]
    may: list[CustodyAction]
    today: datetime.date


class StoredObject(Struct):
    """One object of a record in the storage.  ``state``: ``stored``, or what is wrong with it: ``object-empty``,
    ``object-size``, ``object-type``, ``object-checksum``, ``object-missing``, ``object-unlisted``, ``derived-…``,
    ``not-locked`` (codes of docs/administration.md).  ``locked_until``: nothing where nothing locks it."""

    name: str
    kind: Literal["segment", "derived", "written", "added", "proof"]
    size: int
    state: str
    detail: str
    locked_until: float | None


class StoredFinding(Struct):
    """What is wrong with the record as a whole: ``not-sealed``, ``not-anchored``, ``copy-owed`` …"""

    code: str
    detail: str


class StoredRecord(Struct):
    """The storage of one sitting's record, objects in trouble first; at most 500 of ``count``.  ``checked_at``: when
    every byte was read and compared last."""

    sitting_id: str
    count: int
    bytes: int
    checked_at: float | None
    objects: list[StoredObject]
    found: list[StoredFinding]
