"""Guards of identity, consent, tasks and the orders of the room: a code if the row may not be taken."""

from __future__ import annotations

from typing import Any, Final

from ..draft import Draft, Guard
from ..model import SYSTEM, Objection
from ..people import consents, presents
from ..permissions import GRANTABLE, PUBLISH, Leave, leave
from ..states import BENCH, TECHNICAL, UNSCREENED, Presence, Role

#: People that one sitting may have, observers with them.
PEOPLE_LIMIT = 300
#: Objections that may wait for a ruling.
OBJECTION_LIMIT = 50


# --- consent -----------------------------------------------------------------------------


def _consent_known(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    known = any(stage.consent and stage.consent == detail.get("stage") for stage in draft.sitting.rules.agenda)
    return None if known else "stage-unknown"


def _consent_needed(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    needed = draft.sitting.people[subject].role.value in draft.sitting.rules.consent_of
    return None if needed else "consent-not-needed"


def _before_the_stage(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    """Consent can be withdrawn before its stage, not once it has begun (OLR art. 5)."""
    sitting = draft.sitting
    names = [stage.name for stage in sitting.rules.agenda]
    reached = names.index(sitting.stage) if sitting.stage in names else -1
    begun = any(stage.consent == detail["stage"] for stage in sitting.rules.agenda[: reached + 1])
    return "stage-begun" if begun else None


def _task_is_theirs(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    technician = draft.actor.role == Role.TECHNICIAN
    return "not-allowed" if technician and draft.sitting.tasks[detail["task"]].kind not in TECHNICAL else None


# --- silence, the floor, grants --------------------------------------------------------------


def _may_ever_speak(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if PUBLISH[draft.sitting.people[subject].role] else "never-heard"


def _is_muted(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.people[subject].muted else "not-muted"


def _hand_is_up(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.people[subject].hand is not None else "no-hand"


def _own_lock_open(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    locked = subject == draft.actor.id and draft.sitting.people[subject].locked
    return "muted-by-court" if locked else None


def _inside(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    person = draft.sitting.people[draft.actor.id]
    return None if person.presence is Presence.IN_HEARING else "not-inside"


def _subject_inside(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.people[subject].in_room else "person-not-in-hearing"


def _share_grantable(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if leave("share", draft.sitting.people[subject].role) is Leave.GRANT else "not-grantable"


def _share_granted(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if "share" in draft.sitting.people[subject].grants else "not-granted"


def _grantable(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    verb, role = detail.get("verb", ""), draft.sitting.people[subject].role
    if verb == "consult_in_session":
        return None if leave("consult", role) is Leave.ALLOWED else "not-grantable"
    return None if verb in GRANTABLE and leave(verb, role) is Leave.GRANT else "not-grantable"


def _granted(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if detail.get("verb") in draft.sitting.people[subject].grants else "not-granted"


# --- the course of the hearing ---------------------------------------------------------------


def _stage_known(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.rules.stage(detail.get("stage", "")) is not None else "stage-unknown"


def _stage_consented(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    sitting = draft.sitting
    inside = (person for person in sitting.people.values() if person.in_room)
    agreed = all(consents(sitting, person, detail.get("stage", "")) for person in inside)
    return None if agreed else "consent-missing"


def _private_for_panel(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    panel = draft.sitting.people[draft.actor.id].role is Role.PANEL
    return "note-private-only" if panel and not detail.get("private") else None


def _objections_left(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return "too-many-objections" if len(draft.sitting.objections) >= OBJECTION_LIMIT else None


def _objection_known(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    open_ones: tuple[Objection, ...] = draft.sitting.objections
    return None if any(one.id == detail.get("objection") for one in open_ones) else "objection-unknown"


def _may_be_heard(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    person = draft.sitting.people[subject]
    silenced = person.locked or person.behind_curtain or (draft.sitting.curtain and person.role not in BENCH)
    return "muted-by-court" if silenced else None


def _may_present(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    person = draft.sitting.people[draft.actor.id]
    right = leave("share", person.role) is Leave.ALLOWED or "share" in person.grants
    return None if right or draft.sitting.floor == person.id else "needs-floor"


def _presents(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    if draft.sitting.exhibit is None:
        return "no-exhibit"
    return None if presents(draft.sitting, draft.sitting.people[draft.actor.id]) else "not-presenting"


# --- interpretation -----------------------------------------------------------------------------


def _interprets(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.people[subject].role is Role.INTERPRETER else "not-an-interpreter"


def _mix_possible(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    language = detail.get("language", "")
    if not language:
        return None
    person, mixes = draft.sitting.people[subject], draft.sitting.rules.mixes
    fits = (not mixes or language in mixes) and (not person.languages or language in person.languages)
    return None if fits else "language-unknown"


def _mix_known(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    language = detail.get("language", "")
    known = not language or any(person.mix == language for person in draft.sitting.people.values())
    return None if known else "language-unknown"


# --- leaving ----------------------------------------------------------------------------------------


def _has_gone(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    person = draft.sitting.people[subject]
    if person.role is Role.OBSERVER or person.presence in (Presence.IN_HEARING, Presence.IN_CONSULTATION):
        return "person-present"
    gone = person.left or person.presence in (Presence.AWAY, Presence.DISCONNECTED, Presence.NOT_SIGNED_IN)
    return None if gone else "person-present"


def _was_prompted(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.people[subject].leaving == "prompted" else "prompt-first"


def _was_warned(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.people[subject].leaving == "warned" else "warn-first"


def _leaving_begun(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.people[subject].leaving else "person-present"


def _lawful_excuse(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if detail.get("ground") in draft.sitting.rules.exempt_grounds else "ground-unlawful"


def _suspend_was_asked(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.suspend_asked_by else "nothing-asked"


# --- people ------------------------------------------------------------------------------------------


def _person_fits(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    sitting = draft.sitting
    if detail["id"] in sitting.people or detail["id"] == SYSTEM.id:
        return "person-known"
    if len(sitting.people) >= PEOPLE_LIMIT:
        return "too-many-people"
    if detail["role"] == Role.JUDGE or (detail.get("deputy") and detail["role"] != Role.PANEL):
        return "one-judge-only"
    role = Role(detail["role"])
    return _relations(draft, detail["id"], role, detail.get("linked", ()), detail.get("screened_from", ()))


def _change_fits(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    person = draft.sitting.people[subject]
    if detail.get("deputy") and person.role is not Role.PANEL:
        return "one-judge-only"
    linked = detail.get("linked", person.linked)
    return _relations(draft, subject, person.role, linked, detail.get("screened_from", person.screened_from))


def _relations(draft: Draft, person_id: str, role: Role, linked: Any, screened: Any) -> str | None:
    others = {*linked, *screened}
    if not others <= draft.sitting.people.keys():
        return "unknown-person"
    if person_id in others or set(linked) & set(screened):
        return "relations-contradict"
    roles = {role, *(draft.sitting.people[other].role for other in screened)}
    return "court-unscreened" if screened and roles & UNSCREENED else None


def _can_preside(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.people[subject].role is Role.PANEL else "not-of-the-panel"


GUARDS: Final[dict[str, Guard]] = {
    "task_is_theirs": _task_is_theirs,
    "consent_known": _consent_known,
    "consent_needed": _consent_needed,
    "before_the_stage": _before_the_stage,
    "may_ever_speak": _may_ever_speak,
    "is_muted": _is_muted,
    "hand_is_up": _hand_is_up,
    "own_lock_open": _own_lock_open,
    "inside": _inside,
    "subject_inside": _subject_inside,
    "share_grantable": _share_grantable,
    "share_granted": _share_granted,
    "grantable": _grantable,
    "granted": _granted,
    "stage_known": _stage_known,
    "stage_consented": _stage_consented,
    "private_for_panel": _private_for_panel,
    "objections_left": _objections_left,
    "objection_known": _objection_known,
    "may_be_heard": _may_be_heard,
    "may_present": _may_present,
    "presents": _presents,
    "interprets": _interprets,
    "mix_possible": _mix_possible,
    "mix_known": _mix_known,
    "has_gone": _has_gone,
    "was_prompted": _was_prompted,
    "was_warned": _was_warned,
    "leaving_begun": _leaving_begun,
    "lawful_excuse": _lawful_excuse,
    "suspend_was_asked": _suspend_was_asked,
    "person_fits": _person_fits,
    "change_fits": _change_fits,
    "can_preside": _can_preside,
}

__all__ = ["GUARDS", "OBJECTION_LIMIT", "PEOPLE_LIMIT"]
