"""Arrival on the day: consents, documents, identity; guests and observers."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ..api.shapes import Consent, Identity, Locale, Struct
from .booking import TestRow
from .shapes import Line, Name, Profile, Reason, Ref, Words


class ConsentRequest(Struct):
    stage: Ref
    answer: Literal["given", "refused", "withdrawn"]


class ConsentRow(Struct):
    """Consent to the online procedure for one stage (M7)."""

    stage: str
    state: Consent
    #: Whether the person can still withdraw it.
    may_withdraw: bool


class DocumentRow(Struct):
    document_id: str
    media_type: str
    bytes: int
    sha256: str
    width: int
    height: int
    uploaded_at: float


class IdentityCheck(Struct):
    """What is known of who a person is.  ``documents`` is told to the court's staff only."""

    state: Identity
    uploaded: int
    decided_at: float | None
    decided_by: str | None
    note: str
    documents: list[DocumentRow]


class IdentityDecision(Struct, omit_defaults=True):
    decision: Literal["confirm", "challenge", "in_person"]
    note: Words = ""


class Check(Struct):
    """``GET /api/check``: what the arriving person has done, and has still to do."""

    profile: Profile
    identity_needed: bool
    consent_needed: bool
    consents: list[ConsentRow]
    identity: IdentityCheck
    #: Newest first.
    tests: list[TestRow]
    #: May go on without a test on the day: a lawyer who has passed one before.
    may_skip_test: bool


class PublicHearing(Struct):
    """``GET /api/public/{token}``: what a stranger may know before they give their name."""

    case_number: str
    case_name: str
    case_name_zh: str
    court: str
    court_zh: str
    room: str
    room_zh: str
    scheduled_at: float
    help_phone: str
    profile: Profile
    observers_allowed: bool


class GuestRequest(Struct, omit_defaults=True):
    """``attend``: an observer gives an e-mail address, a guest says what they come for in ``capacity``.
    ``accepted``: they were told that recording is an offence."""

    attend: Literal["observer", "guest"]
    name: Name
    accepted: bool
    email: Annotated[str, msgspec.Meta(max_length=254)] = ""
    capacity: Line = ""
    locale: Locale = "en"


class DirectionRequest(Struct):
    allowed: bool
    grounds: Reason
