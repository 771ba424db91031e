"""Machines I and K, and consultations and tasks: what concerns single people beside their place."""

from __future__ import annotations

from typing import Final

from ..states import Consent, Identity, Machine, Talk, TaskState
from .row import BY_SYSTEM, OWN, SAME, SYSTEM_ONLY, row

_I = Identity
_K = Consent
_SYSTEM_TOO: Final = frozenset({BY_SYSTEM})

IDENTITY: Final = (
    row(
        Machine.IDENTITY,
        (_I.UNVERIFIED,),
        "verify_account",
        _I.ACCOUNT_VERIFIED,
        "identity_check",
        also=_SYSTEM_TOO,
        guards=("not_oneself",),
    ),
    row(
        Machine.IDENTITY,
        (_I.UNVERIFIED, _I.ACCOUNT_VERIFIED, _I.CHALLENGED),
        "verify_today",
        _I.REVERIFIED_TODAY,
        "identity_check",
        guards=("not_oneself", "not_closed"),
        effects=("close_identity_tasks", "enter_if_due"),
    ),
    # The person came to the court and was seen there.
    row(
        Machine.IDENTITY,
        (_I.IN_PERSON_REQUIRED,),
        "verify_in_person",
        _I.REVERIFIED_TODAY,
        "identity_check",
        guards=("not_oneself", "not_closed"),
        effects=("close_identity_tasks", "enter_if_due"),
    ),
    row(
        Machine.IDENTITY,
        (_I.UNVERIFIED, _I.ACCOUNT_VERIFIED, _I.REVERIFIED_TODAY),
        "challenge_identity",
        _I.CHALLENGED,
        "identity_challenge",
        guards=("not_oneself", "not_the_judge", "not_closed", "reason_given"),
        effects=("task_identity",),
    ),
    row(
        Machine.IDENTITY,
        (_I.UNVERIFIED, _I.ACCOUNT_VERIFIED, _I.REVERIFIED_TODAY, _I.CHALLENGED),
        "require_in_person",
        _I.IN_PERSON_REQUIRED,
        "in_person",
        guards=("not_oneself", "not_closed"),
    ),
)

CONSENT: Final = (
    row(
        Machine.CONSENT,
        (_K.NOT_ASKED, _K.REFUSED, _K.WITHDRAWN),
        "ask_consent",
        _K.ASKED,
        "ask_consent",
        also=_SYSTEM_TOO,
        guards=("not_closed", "consent_known", "consent_needed"),
    ),
    row(
        Machine.CONSENT,
        (_K.NOT_ASKED, _K.ASKED),
        "give_consent",
        _K.GIVEN,
        "consent",
        guards=("not_closed", "consent_known", "consent_needed"),
        effects=("enter_if_due",),
        own=True,
    ),
    row(
        Machine.CONSENT,
        (_K.NOT_ASKED, _K.ASKED),
        "refuse_consent",
        _K.REFUSED,
        "consent",
        guards=("not_closed", "consent_known", "consent_needed"),
        effects=("task_consent",),
        own=True,
    ),
    row(
        Machine.CONSENT,
        (_K.GIVEN,),
        "withdraw_consent",
        _K.WITHDRAWN,
        "consent",
        guards=("not_closed", "consent_known", "consent_needed", "before_the_stage"),
        effects=("task_consent",),
        own=True,
    ),
)

CONSULTATION: Final = (
    row(
        Machine.CONSULTATION,
        (Talk.NONE,),
        "consult",
        Talk.OPEN,
        "consult",
        guards=("may_consult_now", "free_to_consult", "may_all_be_invited"),
        effects=("join_talk", "invite_linked"),
        own=True,
    ),
    row(
        Machine.CONSULTATION,
        (Talk.OPEN,),
        "invite",
        SAME,
        "consult",
        guards=("talk_is_mine", "may_be_invited"),
        effects=("invite_linked",),
    ),
    row(
        Machine.CONSULTATION,
        (Talk.OPEN,),
        "accept",
        SAME,
        OWN,
        guards=("may_consult_now", "free_to_consult", "was_invited", "place_left"),
        effects=("join_talk",),
    ),
    row(Machine.CONSULTATION, (Talk.OPEN, Talk.LOCKED), "decline", SAME, OWN, guards=("was_invited",)),
    row(
        Machine.CONSULTATION,
        (Talk.OPEN,),
        "lock_consultation",
        Talk.LOCKED,
        OWN,
        guards=("talk_is_mine",),
    ),
    row(
        Machine.CONSULTATION,
        (Talk.LOCKED,),
        "unlock_consultation",
        Talk.OPEN,
        OWN,
        guards=("talk_is_mine",),
    ),
    row(
        Machine.CONSULTATION,
        (Talk.OPEN, Talk.LOCKED),
        "end_consultation",
        Talk.NONE,
        SYSTEM_ONLY,
        guards=("talk_empty",),
    ),
)

TASK: Final = (
    row(
        Machine.TASK,
        (TaskState.NONE,),
        "open_task",
        TaskState.OPEN,
        SYSTEM_ONLY,
    ),
    row(
        Machine.TASK,
        (TaskState.OPEN,),
        "close_task",
        TaskState.DONE,
        "tasks",
        also=_SYSTEM_TOO,
        guards=("task_is_theirs",),
    ),
)
