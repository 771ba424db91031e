"""Machine T: the written record is put before those who attended, corrected and signed (RRC art. 7 to 9, OLR art. 34).

A signature binds to the bytes of one draft; a new draft is signed anew.  Missing and refused signatures are part of the
record and never hold it up; nor do requests for a correction that the court has refused, which stay attached.
"""

from __future__ import annotations

from typing import Final

from ..states import Machine, Signature, Transcript
from .row import BY_SYSTEM, SAME, SYSTEM_ONLY, Row, row

_T = Transcript
_G = Signature
_SYSTEM_TOO: Final = frozenset({BY_SYSTEM})
#: Lies before those who attended.
_OUT: Final = (_T.CIRCULATED, _T.CORRECTION_REQUESTED)


def _system(
    sources: tuple[Transcript, ...],
    event: str,
    to: str,
    guards: tuple[str, ...] = (),
    effects: tuple[str, ...] = (),
) -> Row:
    return row(Machine.TRANSCRIPT, sources, event, to, SYSTEM_ONLY, guards=guards, effects=effects)


def _own(
    sources: tuple[Signature, ...],
    event: str,
    to: str,
    guards: tuple[str, ...],
) -> Row:
    return row(
        Machine.SIGNATURE, sources, event, to, "sign_record", guards=guards, effects=("complete_signing",), own=True
    )


TRANSCRIPT: Final = (
    row(
        Machine.TRANSCRIPT,
        (_T.DRAFT,),
        "circulate",
        _T.CIRCULATED,
        "circulate",
        also=_SYSTEM_TOO,
        guards=("hearing_over", "next_draft", "root_said"),
        effects=("ask_for_signatures", "complete_signing"),
    ),
    # The court itself has found something to put right.
    row(
        Machine.TRANSCRIPT,
        _OUT,
        "recall_draft",
        _T.DRAFT,
        "circulate",
        guards=("reason_given",),
        effects=("void_signatures",),
    ),
    row(
        Machine.TRANSCRIPT,
        _OUT,
        "request_correction",
        _T.CORRECTION_REQUESTED,
        "sign_record",
        guards=("asked_to_sign", "same_draft", "corrections_left"),
        own=True,
    ),
    row(
        Machine.TRANSCRIPT,
        (_T.CORRECTION_REQUESTED,),
        "answer_correction",
        SAME,
        "circulate",
        guards=("correction_open",),
        effects=("settle_corrections",),
    ),
    # Every request has its answer: what was accepted makes a new draft, what was refused stays attached.
    _system(
        (_T.CORRECTION_REQUESTED,), "redraft", _T.DRAFT, ("corrections_answered", "some_accepted"), ("void_signatures",)
    ),
    _system(
        (_T.CORRECTION_REQUESTED,),
        "uphold",
        _T.CIRCULATED,
        ("corrections_answered", "none_accepted"),
        ("complete_signing",),
    ),
    _system(_OUT, "lapse", SAME, ("signing_time_over",), ("note_missing_signatures", "complete_signing")),
    _system((_T.CIRCULATED,), "complete", _T.SIGNED, ("nobody_left_to_sign",)),
    row(
        Machine.TRANSCRIPT,
        (_T.SIGNED,),
        "make_final",
        _T.FINAL,
        "circulate",
        also=_SYSTEM_TOO,
        guards=("incident_stated",),
    ),
)

SIGNATURE: Final = (
    row(
        Machine.SIGNATURE,
        (_G.NOT_ASKED,),
        "ask_signature",
        _G.ASKED,
        SYSTEM_ONLY,
        guards=("draft_is_out", "was_there_to_sign"),
    ),
    # Late, and after a refusal, as long as the document is not made.
    _own((_G.ASKED, _G.REFUSED, _G.MISSING), "sign_record", _G.SIGNED, ("still_to_sign", "same_bytes")),
    _own((_G.ASKED, _G.MISSING), "refuse_to_sign", _G.REFUSED, ("still_to_sign", "same_draft", "reason_given")),
    row(Machine.SIGNATURE, (_G.ASKED,), "miss_signature", _G.MISSING, SYSTEM_ONLY, guards=("signing_time_over",)),
    row(
        Machine.SIGNATURE,
        (_G.ASKED, _G.SIGNED, _G.REFUSED, _G.MISSING),
        "void_signature",
        _G.NOT_ASKED,
        SYSTEM_ONLY,
        guards=("draft_is_open",),
    ),
)
