"""What the shapes of the HTTP API are made of."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

ShortText = Annotated[str, msgspec.Meta(max_length=512)]
Role = Literal[
    "judge",
    "panel",
    "staff_host",
    "clerk",
    "lawyer",
    "claimant",
    "respondent",
    "witness",
    "expert",
    "interpreter",
    "guest",
    "observer",
    "technician",
]
Locale = Literal["en", "zh-CN"]
SittingState = Literal["not_started", "countdown", "in_session", "recess", "suspended", "deliberation", "closed"]
RecordState = Literal["idle", "arming", "recording", "interrupted", "degraded", "failed", "finalizing", "sealed"]
Presence = Literal[
    "not_signed_in",
    "checking",
    "waiting",
    "in_hearing",
    "in_consultation",
    "in_deliberation",
    "away",
    "disconnected",
    "removed",
]
#: Where a person is, or holds a place while they are away.
Place = Literal["none", "waiting_room", "hearing", "consultation", "deliberation"]
Identity = Literal["unverified", "account_verified", "reverified_today", "challenged", "in_person_required"]
Consent = Literal["not_asked", "asked", "given", "refused", "withdrawn"]


class Struct(msgspec.Struct, rename="camel", kw_only=True):
    """Base of every shape of the HTTP API: camelCase on the wire."""


class Problem(Struct):
    """Every error answer.  ``code`` is stable; ``message`` is a sentence in the reader's language."""

    code: str
    message: str
