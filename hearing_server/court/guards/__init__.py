"""The guards that the tables name, by name."""

from __future__ import annotations

from typing import Any, Final

from ..draft import Draft, Guard
from . import course, orders, places, written

GUARDS: Final[dict[str, Guard]] = {**course.GUARDS, **places.GUARDS, **orders.GUARDS, **written.GUARDS}

#: Guards that look at what a command says, and not only at where everything stands.
ABOUT_ARGUMENTS: Final = frozenset(
    {
        "reason_given",
        "declared",
        "record_or_reason",
        "lawful_conversion",
        "lawful_privacy",
        "lawful_interruption",
        "lawful_excuse",
        "consent_known",
        "before_the_stage",
        "grantable",
        "granted",
        "stage_known",
        "stage_consented",
        "private_for_panel",
        "objection_known",
        "mix_possible",
        "mix_known",
        "person_fits",
        "change_fits",
        "category_exists",
        "may_be_streamed",
        "objections_answered",
        "next_draft",
        "root_said",
        "same_draft",
        "same_bytes",
        "correction_open",
    }
)


def _some_consent(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if any(stage.consent for stage in draft.sitting.rules.agenda) else "stage-unknown"


def _some_mix(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if any(person.mix for person in draft.sitting.people.values()) else "language-unknown"


def _some_objection(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.objections else "objection-unknown"


def _some_grant(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.people[subject].grants else "not-granted"


def _passes(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None


#: To ask whether a command can be given at all, before anybody has filled in its arguments.
WITHOUT_ARGUMENTS: Final[dict[str, Guard]] = {
    **{name: _passes if name in ABOUT_ARGUMENTS else guard for name, guard in GUARDS.items()},
    "consent_known": _some_consent,
    "mix_known": _some_mix,
    "objection_known": _some_objection,
    "granted": _some_grant,
}
