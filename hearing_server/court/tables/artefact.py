"""Machine A: a stored part of the record (hearing-model.md §1, record.md E3, E11, E14, E15).

No row leads to destruction before retention is over, under a legal hold, or by one person alone.  ``hidden`` and
``sealed`` are laid over the state, and taken off again.
"""

from __future__ import annotations

from typing import Final

from ..states import ArtefactState, Machine
from .row import SAME, SYSTEM_ONLY, Row, row

_A = ArtefactState
_ALIVE: Final = tuple(state for state in _A if state is not _A.DESTROYED)
_KEPT: Final = (_A.LOCKED, _A.ARCHIVED)


def _artefact(
    sources: tuple[ArtefactState, ...],
    event: str,
    to: str,
    who: str | frozenset[str],
    guards: tuple[str, ...] = (),
) -> Row:
    return row(Machine.ARTEFACT, sources, event, to, who, guards=guards)


ARTEFACT: Final = (
    # --- into the archive ---------------------------------------------------------------
    _artefact((_A.LOCAL,), "store", _A.STORED, SYSTEM_ONLY),
    # Read back, and every byte is what was captured; else it is stored again from the spool, which lets go only then.
    _artefact((_A.STORED,), "verify", _A.VERIFIED, SYSTEM_ONLY, ("hash_matches",)),
    _artefact((_A.STORED,), "reject", _A.LOCAL, SYSTEM_ONLY, ("hash_differs",)),
    _artefact((_A.VERIFIED,), "lock", _A.LOCKED, SYSTEM_ONLY, ("retention_known",)),
    _artefact((_A.LOCKED,), "archive", _A.ARCHIVED, SYSTEM_ONLY),
    # --- how long ---------------------------------------------------------------------------
    _artefact(_ALIVE, "retain", SAME, "retention", ("order_given", "reason_given", "not_shorter")),
    _artefact(_ALIVE, "hold", SAME, "retention", ("order_given", "not_held")),
    _artefact(_ALIVE, "release", SAME, "retention", ("order_given", "held")),
    _artefact(_KEPT, "expire", _A.EXPIRED, SYSTEM_ONLY, ("retention_over", "not_held")),
    # Retention was made longer, or a hold was laid on it, while it waited for its end.
    _artefact((_A.EXPIRED,), "reprieve", _A.ARCHIVED, SYSTEM_ONLY, ("to_be_kept",)),
    # --- who sees it ----------------------------------------------------------------------------
    _artefact(_ALIVE, "hide", SAME, "hide", ("reason_given", "not_hidden")),
    _artefact(_ALIVE, "unhide", SAME, "hide", ("reason_given", "hidden")),
    _artefact(_ALIVE, "seal", SAME, "seal_span", ("order_given", "not_sealed")),
    _artefact(_ALIVE, "unseal", SAME, "seal_span", ("order_given", "sealed")),
    # --- the end, by two people --------------------------------------------------------------------
    _artefact((_A.EXPIRED,), "mark", SAME, "mark_for_deletion", ("reason_given", "not_held", "not_marked")),
    _artefact((_A.EXPIRED,), "unmark", SAME, "mark_for_deletion", ("marked",)),
    _artefact(
        (_A.EXPIRED,),
        "destroy",
        _A.DESTROYED,
        "approve_deletion",
        ("marked", "another_person", "reason_given", "retention_over", "not_held"),
    ),
)
