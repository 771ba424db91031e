"""The law of what is kept (machine A): from the spool to the archive, retention, holds, hiding, and the end by two.

    answer = keep(artefact, Request(name="mark", actor="ledger.lin", roles=frozenset({"records_custodian"}), ...))

Pure: it answers the artefact as it is afterwards, or why not; who stores the bytes does the rest.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import replace

from .desk import Guard, Request, permits, reason_given
from .model import Refused
from .states import ArtefactState
from .tables.artefact import ARTEFACT
from .tables.row import SAME


class Artefact(msgspec.Struct, frozen=True, kw_only=True):
    """One stored part of the record, or all of one sitting's.

    ``expected`` and ``found`` are SHA-256, hex: of what was captured, and of what was read back.  ``retain_until`` is
    ns since 1970.  ``hold``, ``sealed``: the reference of the order; ``marked_by`` who has marked it for deletion.
    """

    state: ArtefactState = ArtefactState.LOCAL
    expected: str = ""
    found: str = ""
    retain_until: int | None = None
    hold: str = ""
    hidden: bool = False
    sealed: str = ""
    marked_by: str = ""
    marked_reason: str = ""


def keep(artefact: Artefact, request: Request) -> Artefact | Refused:
    """The artefact after this request, or why not.

    Arguments in ``request.detail``: ``order`` (the reference of the order) for ``retain``, ``hold``, ``release``,
    ``seal`` and ``unseal``; ``until`` (ns since 1970) for ``retain``; ``hash`` (SHA-256, hex, of what was read back)
    for ``verify`` and ``reject``.
    """
    row = permits(ARTEFACT, GUARDS, artefact, artefact.state.value, request, wrong_state="artefact-state")
    if isinstance(row, Refused):
        return row
    moved = artefact if row.to == SAME else replace(artefact, state=ArtefactState(row.to))
    detail = request.detail
    match request.name:
        case "verify" | "reject":
            return replace(moved, found=detail.get("hash", ""))
        case "retain":
            return replace(moved, retain_until=detail["until"])
        case "hold":
            return replace(moved, hold=detail["order"])
        case "release":
            return replace(moved, hold="")
        case "hide" | "unhide":
            return replace(moved, hidden=request.name == "hide")
        case "seal":
            return replace(moved, sealed=detail["order"])
        case "unseal":
            return replace(moved, sealed="")
        case "mark":
            return replace(moved, marked_by=request.actor, marked_reason=request.reason)
        case "unmark" | "reprieve":
            return replace(moved, marked_by="", marked_reason="")
    return moved


def _over(artefact: Artefact, request: Request) -> bool:
    return artefact.retain_until is not None and request.utc >= artefact.retain_until


def _not_shorter(artefact: Artefact, request: Request) -> str | None:
    """What is locked is never kept for less time than was said (record.md, design 4)."""
    until = request.detail.get("until")
    if not isinstance(until, int) or isinstance(until, bool) or until <= 0:
        return "invalid"
    shorter = artefact.retain_until is not None and until < artefact.retain_until
    return "retention-shorter" if shorter else None


def _when(code: str, *, holds: bool, field: str) -> Guard[Artefact]:
    """The guard that wants this field set, or not set."""

    def guard(artefact: Artefact, request: Request) -> str | None:
        return None if bool(getattr(artefact, field)) is holds else code

    return guard


def _hash_matches(artefact: Artefact, request: Request) -> str | None:
    return None if artefact.expected and request.detail.get("hash") == artefact.expected else "hash-differs"


def _hash_differs(artefact: Artefact, request: Request) -> str | None:
    return None if _hash_matches(artefact, request) else "artefact-state"


def _order_given(artefact: Artefact, request: Request) -> str | None:
    return None if str(request.detail.get("order", "")).strip() else "order-missing"


def _retention_over(artefact: Artefact, request: Request) -> str | None:
    return None if _over(artefact, request) else "retention-runs"


def _to_be_kept(artefact: Artefact, request: Request) -> str | None:
    return None if artefact.hold or not _over(artefact, request) else "artefact-state"


def _another_person(artefact: Artefact, request: Request) -> str | None:
    return "same-person" if request.actor == artefact.marked_by else None


GUARDS: Final[dict[str, Guard[Artefact]]] = {
    "reason_given": reason_given,
    "hash_matches": _hash_matches,
    "hash_differs": _hash_differs,
    "retention_known": _when("retention-unknown", holds=True, field="retain_until"),
    "retention_over": _retention_over,
    "not_shorter": _not_shorter,
    "order_given": _order_given,
    "held": _when("not-held", holds=True, field="hold"),
    "not_held": _when("legal-hold", holds=False, field="hold"),
    "to_be_kept": _to_be_kept,
    "hidden": _when("artefact-state", holds=True, field="hidden"),
    "not_hidden": _when("artefact-state", holds=False, field="hidden"),
    "sealed": _when("artefact-state", holds=True, field="sealed"),
    "not_sealed": _when("artefact-state", holds=False, field="sealed"),
    "marked": _when("not-marked", holds=True, field="marked_by"),
    "not_marked": _when("artefact-state", holds=False, field="marked_by"),
    "another_person": _another_person,
}
