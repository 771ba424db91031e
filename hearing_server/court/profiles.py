"""What differs between courts: the profile of a sitting, part of its first event.

Two profiles follow a law: ``england`` (the practice of HM Courts & Tribunals: the
Practice Direction 51Y line of remote hearings, observers by direction only) and
``china`` (the Supreme People's Court's Online Litigation Rules of 2021, OLR, and
its rules on the recording of trials of 2017, RRC).  ``demo`` is the English
practice without the demands that a demonstration has nobody to meet.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

HOUR_S = 3600.0

#: Grounds on which a trial's recording may pause (RRC art. 3): recess, evidence that is not public, mediation.
INTERRUPT_GROUNDS: Final = ("recess", "private_evidence", "mediation")
#: Recess alone needs no judge's word: it follows from the sitting's own state.
ASKED_GROUNDS: Final = ("private_evidence", "mediation")
#: Why leaving is not held against a person (OLR art. 25).
EXEMPT_GROUNDS: Final = ("network_fault", "device_damage", "power_cut", "force_majeure")


#: What is not streamed unless the judge overrides it with reasons (model rules for live streaming in India, r. 95(2)).
EXCLUDED: Final = ("family", "sexual_offences", "children", "in_camera", "evidence")


class Stage(msgspec.Struct, frozen=True):
    """One item of the agenda.  ``consent``: the consent that doing it online needs, if any."""

    name: str
    consent: str = ""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """A court's profile.  A sitting keeps the rules it began with; the defaults are those of ``demo``."""

    profile: str = "demo"
    #: From the judge's "start" to the session (hearing-model.md §3).
    countdown_s: float = 10.0
    #: How long after the countdown the first durable second of the record is waited for.
    record_wait_s: float = 30.0
    #: How long the seat of a person who lost the connection is held (hearing-model.md §5).
    seat_held_s: float = 300.0
    #: How long the room may be without anybody who presides before the court suspends.
    judge_absence_s: float = 60.0
    #: How long the record runs on after a suspension before it counts as interrupted by a fault.
    suspended_record_s: float = 60.0
    #: How long the bench keeps its room after the close.
    bench_room_s: float = 2 * HOUR_S
    #: When a sitting that nobody closed is closed, after the time it was set for.
    auto_close_s: float = 14 * HOUR_S
    #: How long signatures under the written record are waited for; no rule of procedure names a time.
    sign_within_s: float = 24 * HOUR_S

    #: Who comes in by themself when the court opens; an interpreter comes with the person they interpret for.
    auto_enter: tuple[str, ...] = ("judge", "panel", "clerk", "lawyer", "claimant", "respondent")
    #: Who is silenced on coming in, until the court or they themself undo it.
    muted_on_entry: tuple[str, ...] = ("witness", "expert", "guest")
    #: Who must have been verified on the day before coming in.
    identity_to_enter: tuple[str, ...] = ()
    #: Whose identity is checked by staff on the day: a task, if it does not bar the door.
    identity_wanted: tuple[str, ...] = ()
    #: Whose consent to the stage is needed.
    consent_of: tuple[str, ...] = ()
    #: Whether observers need a direction of the judge.
    observers_need_direction: bool = False
    #: Who may consult in private during the session without the judge's leave.
    consult_in_session: tuple[str, ...] = ()
    #: How many people one consultation holds.
    consult_limit: int = 8

    interrupt_grounds: tuple[str, ...] = ASKED_GROUNDS
    doors_grounds: tuple[str, ...] = ("national_security", "minors", "protection", "confidential", "justice")
    convert_grounds: tuple[str, ...] = ("parties_object", "no_means", "originals", "identity", "interests_of_justice")
    exempt_grounds: tuple[str, ...] = EXEMPT_GROUNDS
    #: Kinds of cases: what may be streamed to the public; what needs an override with reasons; what never may be.
    stream_open: tuple[str, ...] = ("ordinary", "public_interest")
    stream_excluded: tuple[str, ...] = EXCLUDED
    stream_never: tuple[str, ...] = ()
    #: Whether the judge may open without a record, with a reason.
    off_record_allowed: bool = True
    agenda: tuple[Stage, ...] = (
        Stage("opening"),
        Stage("evidence"),
        Stage("submissions"),
        Stage("judgment"),
    )
    #: Languages an interpreter may be assigned to; empty: any.
    mixes: tuple[str, ...] = ()

    def written(self) -> dict[str, Any]:
        """As the first event holds them, and as its JSON reads back: times in whole milliseconds."""
        fields = msgspec.to_builtins(self)
        return {
            (name.removesuffix("_s") + "_ms" if name.endswith("_s") else name): (
                round(value * 1000) if name.endswith("_s") else list(value) if isinstance(value, tuple) else value
            )
            for name, value in fields.items()
        }

    @classmethod
    def read(cls, written: dict[str, Any]) -> Rules:
        """Fields that an older log lacks are those of ``demo``."""
        return msgspec.convert(
            {
                (name.removesuffix("_ms") + "_s" if name.endswith("_ms") else name): (
                    value / 1000 if name.endswith("_ms") else value
                )
                for name, value in written.items()
            },
            cls,
        )

    @property
    def categories(self) -> tuple[str, ...]:
        """All kinds of cases that this court knows."""
        return (*self.stream_open, *self.stream_excluded, *self.stream_never)

    def stage(self, name: str) -> Stage | None:
        return next((stage for stage in self.agenda if stage.name == name), None)


DEMO: Final = Rules()

ENGLAND: Final = Rules(
    profile="england",
    identity_wanted=("claimant", "respondent", "witness", "expert"),
    observers_need_direction=True,
    sign_within_s=7 * 24 * HOUR_S,
)

#: The stages of OLR art. 22; consent is asked stage by stage (OLR art. 4, 5, 10).
CHINA: Final = Rules(
    profile="china",
    identity_to_enter=("lawyer", "claimant", "respondent", "witness", "expert"),
    identity_wanted=("lawyer", "claimant", "respondent", "witness", "expert"),
    consent_of=("claimant", "respondent"),
    observers_need_direction=True,
    doors_grounds=("state_secrets", "privacy", "minors", "trade_secrets", "divorce"),
    convert_grounds=(
        "parties_object",
        "no_means",
        "originals",
        "identity",
        "state_secrets",
        "public_concern",
        "cannot_find_facts",
    ),
    # OLR art. 27: state secrets and privacy never; minors, trade secrets and divorce on request.
    stream_excluded=("minors", "trade_secrets", "divorce"),
    stream_never=("state_secrets", "privacy"),
    off_record_allowed=False,
    sign_within_s=3 * 24 * HOUR_S,
    agenda=(
        Stage("opening", "trial"),
        Stage("rights_notice", "trial"),
        Stage("recusal", "trial"),
        Stage("investigation", "trial"),
        Stage("debate", "trial"),
        Stage("final_statements", "trial"),
        Stage("mediation", "mediation"),
        Stage("judgment", "judgment"),
    ),
)

PROFILES: Final[dict[str, Rules]] = {rules.profile: rules for rules in (DEMO, ENGLAND, CHINA)}


def profile(name: str, **changes: Any) -> Rules:
    """The rules of this profile, with these fields set otherwise.  Raises :class:`KeyError` for a name unknown."""
    return msgspec.structs.replace(PROFILES[name], **changes)
