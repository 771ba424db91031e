"""Guards of the written record and its signatures: a code if the row may not be taken."""

from __future__ import annotations

from typing import Any, Final

from ..draft import Draft, Guard
from ..model import Correction
from ..people import signs_record
from ..states import RecordState, Signature, SittingState, Transcript

#: Requests for a correction that one record may hold, answered ones with them.
CORRECTION_LIMIT = 500
_OUT: Final = frozenset({Transcript.CIRCULATED, Transcript.CORRECTION_REQUESTED})


def of_this_draft(draft: Draft) -> list[Correction]:
    """What was asked of the draft that lies before people now."""
    return [one for one in draft.sitting.corrections if one.draft == draft.sitting.draft]


def _hearing_over(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.state is SittingState.CLOSED else "hearing-not-closed"


def _next_draft(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if detail.get("draft") == draft.sitting.draft + 1 else "text-changed"


def _root_said(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    """What is signed covers the record of sound and picture, where there is one (RRC art. 9)."""
    unrecorded = draft.sitting.record is RecordState.IDLE
    return None if detail.get("record_root") or unrecorded else "record-not-sealed"


def _draft_is_out(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.transcript in _OUT else "transcript-state"


def _draft_is_open(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.transcript is Transcript.DRAFT else "transcript-state"


def _asked_to_sign(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return "not-asked-to-sign" if draft.sitting.people[subject].signature is Signature.NOT_ASKED else None


def _was_there_to_sign(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if signs_record(draft.sitting.people[subject]) else "not-asked-to-sign"


def _same_draft(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if detail.get("draft") == draft.sitting.draft else "text-changed"


def _same_bytes(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    sitting = draft.sitting
    read = (detail.get("draft"), detail.get("text_hash"), detail.get("record_root", ""))
    return None if read == (sitting.draft, sitting.text_hash, sitting.record_root) else "text-changed"


def _still_to_sign(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    open_ = draft.sitting.transcript in _OUT | {Transcript.SIGNED}
    return None if open_ else "transcript-state"


def _corrections_left(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return "too-many-corrections" if len(draft.sitting.corrections) >= CORRECTION_LIMIT else None


def _correction_open(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    known = any(one.id == detail.get("correction") and not one.answer for one in of_this_draft(draft))
    return None if known else "correction-unknown"


def _corrections_answered(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if all(one.answer for one in of_this_draft(draft)) else "transcript-state"


def _some_accepted(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if any(one.answer == "accepted" for one in of_this_draft(draft)) else "transcript-state"


def _none_accepted(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return "transcript-state" if any(one.answer == "accepted" for one in of_this_draft(draft)) else None


def _signing_time_over(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    sitting = draft.sitting
    over = sitting.sign_by is not None and draft.now.utc >= sitting.sign_by
    return None if over and _waited_for(draft) else "transcript-state"


def _nobody_left_to_sign(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return "transcript-state" if _waited_for(draft) else None


def _waited_for(draft: Draft) -> bool:
    return any(person.signature is Signature.ASKED for person in draft.sitting.people.values())


GUARDS: Final[dict[str, Guard]] = {
    "hearing_over": _hearing_over,
    "next_draft": _next_draft,
    "root_said": _root_said,
    "draft_is_out": _draft_is_out,
    "draft_is_open": _draft_is_open,
    "asked_to_sign": _asked_to_sign,
    "was_there_to_sign": _was_there_to_sign,
    "same_draft": _same_draft,
    "same_bytes": _same_bytes,
    "still_to_sign": _still_to_sign,
    "corrections_left": _corrections_left,
    "correction_open": _correction_open,
    "corrections_answered": _corrections_answered,
    "some_accepted": _some_accepted,
    "none_accepted": _none_accepted,
    "signing_time_over": _signing_time_over,
    "nobody_left_to_sign": _nobody_left_to_sign,
}
