"""Guards of the sitting, its doors and its record: a code if the row may not be taken."""

from __future__ import annotations

from typing import Any, Final

from ..draft import Draft, Guard, wrong_sitting_state
from ..model import NS
from ..people import presiding_stands_by, presiding_waits
from ..states import Doors, Presence, RecordState, SittingState

#: The sitting has begun and is not in session.
_BROKEN_OFF: Final = frozenset({SittingState.RECESS, SittingState.SUSPENDED, SittingState.DELIBERATION})


def _presiding_ready(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    ready = presiding_waits if draft.sitting.state is SittingState.COUNTDOWN else presiding_stands_by
    return None if ready(draft.sitting) else "judge-not-ready"


def _presiding_absent(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return "countdown-running" if presiding_waits(draft.sitting) else None


def _record_or_reason(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    off_record = bool(detail.get("off_record"))
    return "off-record-unlawful" if off_record and not draft.sitting.rules.off_record_allowed else None


def _countdown_over(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    ends = draft.sitting.countdown_ends
    return None if ends is not None and draft.now.utc >= ends else "countdown-running"


def _record_runs(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.may_begin else "record-not-running"


def _record_overdue(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    sitting = draft.sitting
    waited = sitting.countdown_ends is not None and (
        draft.now.utc >= sitting.countdown_ends + int(sitting.rules.record_wait_s * NS)
    )
    return None if waited and not sitting.may_begin else "countdown-running"


def _incident_stated(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return "incident-missing" if draft.sitting.incident else None


def _reason_given(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.reason.strip() else "reason-missing"


def _must_suspend(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    sitting = draft.sitting
    unrecorded = sitting.record is RecordState.FAILED and not sitting.fallback
    limit = int(sitting.rules.judge_absence_s * NS)
    unpresided = sitting.unpresided is not None and draft.now.utc >= sitting.unpresided + limit
    return None if unrecorded or unpresided else "already-started"


def _lawful_conversion(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if detail.get("ground") in draft.sitting.rules.convert_grounds else "ground-unlawful"


def _long_overdue(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    sitting = draft.sitting
    limit = int(sitting.rules.auto_close_s * NS)
    over = sitting.scheduled is not None and draft.now.utc >= sitting.scheduled + limit
    return None if over else "already-started"


def _nobody_inside(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    inside = any(person.presence is Presence.IN_HEARING for person in draft.sitting.people.values())
    return "already-started" if inside else None


def _in_session(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    state = draft.sitting.state
    return None if state is SittingState.IN_SESSION else wrong_sitting_state(state)


def _lawful_privacy(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if detail.get("ground") in draft.sitting.rules.doors_grounds else "ground-unlawful"


def _doors_open(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return "doors-closed" if draft.sitting.doors is Doors.CLOSED else None


def _category_exists(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if detail.get("category") in draft.sitting.rules.categories else "category-unknown"


def _category_known(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.category else "category-missing"


def _may_be_streamed(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    """Excluded kinds of cases need the judge's reasons; some are never streamed (O5)."""
    sitting = draft.sitting
    if sitting.category in sitting.rules.stream_never:
        return "stream-never"
    excluded = sitting.category in sitting.rules.stream_excluded
    return "stream-excluded" if excluded and not str(detail.get("override", "")).strip() else None


def _public_directed(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    undirected = draft.sitting.rules.observers_need_direction and not draft.sitting.public_grounds
    return "no-direction" if undirected else None


def _no_objection_yet(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    already = any(one.by == subject for one in draft.sitting.stream_objections)
    return "objected-already" if already else None


def _objections_answered(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    """Whoever objected is answered on the record: by the reason with which the stream begins (O7)."""
    unanswered = draft.sitting.stream_objections and not draft.reason.strip()
    return "reason-missing" if unanswered else None


def _not_closed(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return "sitting-closed" if draft.sitting.state is SittingState.CLOSED else None


def _closed(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.state is SittingState.CLOSED else "already-started"


def _about_to_begin(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.state is SittingState.COUNTDOWN else "wrong-record-state"


def _never_in_session(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    sitting = draft.sitting
    called_off = sitting.state in (SittingState.NOT_STARTED, SittingState.CLOSED) and sitting.opened is None
    return None if called_off else "wrong-record-state"


def _broken_off(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.state in _BROKEN_OFF else "wrong-record-state"


def _lawful_interruption(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if detail.get("ground") in draft.sitting.rules.interrupt_grounds else "ground-unlawful"


def _interrupt_was_asked(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.interrupt_asked else "nothing-asked"


def _incident_open(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.incident else "no-incident"


GUARDS: Final[dict[str, Guard]] = {
    "presiding_ready": _presiding_ready,
    "presiding_absent": _presiding_absent,
    "record_or_reason": _record_or_reason,
    "countdown_over": _countdown_over,
    "record_runs": _record_runs,
    "record_overdue": _record_overdue,
    "incident_stated": _incident_stated,
    "reason_given": _reason_given,
    "must_suspend": _must_suspend,
    "lawful_conversion": _lawful_conversion,
    "long_overdue": _long_overdue,
    "nobody_inside": _nobody_inside,
    "in_session": _in_session,
    "lawful_privacy": _lawful_privacy,
    "doors_open": _doors_open,
    "category_exists": _category_exists,
    "category_known": _category_known,
    "may_be_streamed": _may_be_streamed,
    "public_directed": _public_directed,
    "no_objection_yet": _no_objection_yet,
    "objections_answered": _objections_answered,
    "not_closed": _not_closed,
    "closed": _closed,
    "about_to_begin": _about_to_begin,
    "never_in_session": _never_in_session,
    "broken_off": _broken_off,
    "lawful_interruption": _lawful_interruption,
    "interrupt_was_asked": _interrupt_was_asked,
    "incident_open": _incident_open,
}
