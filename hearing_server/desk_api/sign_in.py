"""Signing in, and the accounts of a court."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from ..api.shapes import Struct
from .shapes import AccountRole, Name, Password, Profile


class IdentityProvider(Struct):
    """An OpenID Connect provider; ``account_type`` says whom its key is for."""

    provider_id: str
    name: str
    name_zh: str
    account_type: Literal["judiciary", "staff"]


class SignInMethods(Struct):
    """``GET /api/sign-in``: what the sign-in page offers.  The key of a provider is ``/api/sign-in/oidc/{id}``."""

    password: bool
    passkey: bool
    providers: list[IdentityProvider]


class PasswordSignIn(Struct):
    user: Name
    password: Password


class PasskeyAnswer(Struct):
    """What the browser's ``navigator.credentials`` gave, in the JSON of WebAuthn Level 3 §5.1 (``toJSON()``)."""

    credential: dict[str, Any]


class NewPasskey(Struct):
    """A passkey to be kept under a name that its owner knows it by."""

    name: Name
    credential: dict[str, Any]


class PasskeyRow(Struct):
    passkey_id: str
    name: str
    created_at: float
    used_at: float | None


class CourtRoles(Struct):
    """What an account may be in one court."""

    court_id: str
    court: str
    court_zh: str
    profile: Profile
    time_zone: str
    roles: list[AccountRole]


class Account(Struct):
    """Who is signed in.  ``must_change_password``: nothing else works before that is done."""

    account_id: str
    user: str
    name: str
    name_zh: str
    has_password: bool
    must_change_password: bool
    passkeys: int
    courts: list[CourtRoles]


class PasswordChange(Struct):
    """``current`` is empty where the account has none yet."""

    current: Annotated[str, msgspec.Meta(max_length=256)]
    new: Password


class AccountRow(Struct):
    """An account as the court's administrator sees it."""

    account_id: str
    user: str
    name: str
    name_zh: str
    roles: list[AccountRole]
    disabled: bool
    has_password: bool
    passkeys: int
    #: The identity provider whose user this is, if any, and that provider's name for them.
    provider_id: str | None
    subject: str | None
    signed_in_at: float | None


class AccountRequest(Struct, omit_defaults=True):
    """``POST /api/courts/{court_id}/accounts``.  With ``provider_id`` and ``subject`` the person signs in there."""

    user: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._@+\-]+$")]
    name: Name
    name_zh: Name
    roles: list[AccountRole]
    provider_id: str | None = None
    subject: Annotated[str, msgspec.Meta(max_length=256)] | None = None


class AccountMade(Struct):
    """``password`` is shown once, and has to be changed at the first sign-in; nothing for a provider's user."""

    account: AccountRow
    password: str | None


class RolesRequest(Struct):
    roles: list[AccountRole]
