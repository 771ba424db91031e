"""Staff accounts and how they sign in: password, passkey, or an identity provider (:mod:`.oidc`).

A session is a row; what the browser holds is a random token in an HttpOnly cookie, kept here only as a hash.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import secrets
import string
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import webauthn
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, options_to_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from .store import Conflict, Store
from .store.accounts import AccountRow, ChallengeRow, PasskeyRow, SessionRow

NS = 1_000_000_000
#: A session ends this long after the sign-in, s: a working day with its evening.
SESSION_S = 12 * 3600
#: And this long after it was last used, s.
IDLE_S = 2 * 3600
#: How often the use of a session is written down, s.
SEEN_EVERY_S = 60
TOKEN_BYTES = 32
DEVICE_TEXT_LIMIT = 200
#: How long a person may take between the halves of a sign-in, s.
CHALLENGE_S = 600
#: Fewest characters of a password (NIST SP 800-63B-4 §3.1.1.2 asks for 15 where it is the only factor).
PASSWORD_LENGTH = 15
#: Fewest different characters of one, and the shortest user name that must not be part of it.
DIFFERENT = 5
NAME_LENGTH = 4
#: A one-time password: letters and digits that cannot be taken for each other, about 119 bits.
ONE_TIME_LENGTH = 24
ONE_TIME_LETTERS = "".join(sorted(set(string.ascii_letters + string.digits) - set("0O1lI")))
#: Passwords that are hashed at a time: each takes 64 MiB and tens of milliseconds.
HASHES_AT_A_TIME = 2
PASSKEYS_LIMIT = 20
RELYING_PARTY = "Hearing platform"

ROLES = frozenset({"judge", "staff_host", "clerk", "technician", "records_custodian", "auditor", "administrator"})


class SignInRefused(Exception):
    """``code``: ``sign-in-refused``, ``sign-in-needed``, ``passkey-refused``, ``passkey-unavailable``,
    ``password-wrong``, ``password-weak``, ``account-exists`` or ``too-many-passkeys``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Place:
    """Where the browser is: the page's origin (``https://court.example``) and its host."""

    origin: str
    host: str

    @property
    def takes_passkeys(self) -> bool:
        """A passkey belongs to a name; a bare address has none (WebAuthn Level 3 §5.1.3)."""
        try:
            ipaddress.ip_address(self.host.strip("[]"))
        except ValueError:
            return True
        return False


class Accounts:
    def __init__(self, store: Store, now: Callable[[], int] = time.time_ns) -> None:
        self._store = store.accounts
        self._now = now
        self._hasher = PasswordHasher()
        self._hashing = asyncio.Semaphore(HASHES_AT_A_TIME)
        #: Compared with when there is no such account, so that the time does not tell; made when first needed.
        self._nobodys = ""

    # --- making and changing ------------------------------------------------------------

    async def add(
        self,
        user_name: str,
        *,
        name: str,
        name_zh: str = "",
        roles: Mapping[str, frozenset[str]],
        password: str | None = None,
        provider: str | None = None,
        subject: str | None = None,
    ) -> tuple[AccountRow, str | None]:
        """A new account, and its one-time password if neither a password nor a provider's user was given.

        ``roles`` by court id.  Raises :class:`SignInRefused`.
        """
        once = None if password or provider else one_time_password()
        if password:
            check_strength(password, user_name)
        chosen = password or once
        account = AccountRow(
            id=secrets.token_hex(8),
            user_name=folded(user_name),
            name=name,
            name_zh=name_zh or name,
            created_utc=self._now(),
            password_hash=await self._hash(chosen) if chosen else None,
            must_change=once is not None,
            provider=provider,
            subject=subject,
            roles=dict(roles),
        )
        try:
            await self._store.add(account)
        except Conflict as conflict:
            raise SignInRefused("account-exists") from conflict
        return account, once

    async def renew_password(self, account: AccountRow) -> str:
        """A one-time password in place of the account's own; its sessions end."""
        once = one_time_password()
        await self._store.change(account.id, password_hash=await self._hash(once), must_change=True)
        await self._store.end_sessions(account.id, self._now())
        return once

    async def change_password(self, session: SessionRow, current: str, new: str) -> None:
        """The owner changes it; the account's other sessions end.  Raises :class:`SignInRefused`."""
        account = session.account
        if account.password_hash is not None and not await self._verify(account.password_hash, current):
            raise SignInRefused("password-wrong")
        if new == current:
            raise SignInRefused("password-weak")
        check_strength(new, account.user_name)
        await self._store.change(account.id, password_hash=await self._hash(new), must_change=False)
        await self._store.end_sessions(account.id, self._now(), but=session.id)

    # --- sessions -------------------------------------------------------------------------

    async def by_password(self, user_name: str, password: str) -> AccountRow:
        """Raises :class:`SignInRefused`."""
        account = await self._store.by_user(folded(user_name))
        known = account.password_hash if account is not None else None
        if known is None and not self._nobodys:
            self._nobodys = await self._hash(secrets.token_hex(16))
        fits = await self._verify(known or self._nobodys, password)
        if account is None or known is None or not fits or account.disabled_utc is not None:
            raise SignInRefused("sign-in-refused")
        if self._hasher.check_needs_rehash(known):
            await self._store.change(account.id, password_hash=await self._hash(password))
        return account

    async def begin(self, account: AccountRow, device: str) -> str:
        """A session on this device: the cookie's token."""
        if account.disabled_utc is not None:
            raise SignInRefused("sign-in-refused")
        token = secrets.token_urlsafe(TOKEN_BYTES)
        await self._store.begin_session(
            secrets.token_hex(8), account.id, _digest(token), device[:DEVICE_TEXT_LIMIT], self._now()
        )
        return token

    async def session(self, token: str | None) -> SessionRow:
        """Who holds this cookie.  Raises :class:`SignInRefused`."""
        session = await self._store.session(_digest(token)) if token else None
        now = self._now()
        if (
            session is None
            or session.ended_utc is not None
            or session.account.disabled_utc is not None
            or now >= session.created_utc + SESSION_S * NS
            or now >= session.seen_utc + IDLE_S * NS
        ):
            raise SignInRefused("sign-in-needed")
        if now >= session.seen_utc + SEEN_EVERY_S * NS:
            await self._store.seen(session.id, now)
        return session

    async def end(self, session: SessionRow) -> None:
        await self._store.end_session(session.id, self._now())

    # --- passkeys (WebAuthn Level 3) ----------------------------------------------------------

    async def passkey_creation(self, account: AccountRow, place: Place) -> tuple[str, bytes]:
        """The token of a cookie, and what the page passes to ``navigator.credentials.create``, as JSON."""
        if not place.takes_passkeys:
            raise SignInRefused("passkey-unavailable")
        present = await self._store.passkeys(account.id)
        if len(present) >= PASSKEYS_LIMIT:
            raise SignInRefused("too-many-passkeys")
        options = webauthn.generate_registration_options(
            rp_id=place.host,
            rp_name=RELYING_PARTY,
            user_name=account.user_name,
            user_id=account.id.encode(),
            user_display_name=account.name,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[
                PublicKeyCredentialDescriptor(id=base64url_to_bytes(row.credential_id)) for row in present
            ],
        )
        token = await self.remember("create", options.challenge, account.id)
        return token, options_to_json(options).encode()

    async def add_passkey(
        self, account: AccountRow, name: str, credential: dict[str, Any], token: str | None, place: Place
    ) -> PasskeyRow:
        """Raises :class:`SignInRefused`."""
        challenge = await self.recall("create", token)
        if challenge is None or challenge.account_id != account.id:
            raise SignInRefused("passkey-refused")
        try:
            verified = webauthn.verify_registration_response(
                credential=credential,
                expected_challenge=base64url_to_bytes(challenge.data),
                expected_rp_id=place.host,
                expected_origin=place.origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError) as error:
            raise SignInRefused("passkey-refused") from error
        passkey = PasskeyRow(
            id=secrets.token_hex(8),
            account_id=account.id,
            credential_id=bytes_to_base64url(verified.credential_id),
            public_key=bytes_to_base64url(verified.credential_public_key),
            sign_count=verified.sign_count,
            name=name,
            created_utc=self._now(),
        )
        try:
            await self._store.add_passkey(passkey)
        except Conflict as conflict:
            raise SignInRefused("passkey-refused") from conflict
        return passkey

    async def passkey_request(self, place: Place) -> tuple[str, bytes]:
        """The token of a cookie, and what the page passes to ``navigator.credentials.get``, as JSON."""
        if not place.takes_passkeys:
            raise SignInRefused("passkey-unavailable")
        options = webauthn.generate_authentication_options(
            rp_id=place.host, user_verification=UserVerificationRequirement.REQUIRED
        )
        return await self.remember("get", options.challenge), options_to_json(options).encode()

    async def by_passkey(self, credential: dict[str, Any], token: str | None, place: Place) -> AccountRow:
        """Raises :class:`SignInRefused`."""
        challenge = await self.recall("get", token)
        known = credential.get("id")
        passkey = await self._store.passkey(known) if isinstance(known, str) else None
        account = await self._store.get(passkey.account_id) if passkey is not None else None
        if challenge is None or passkey is None or account is None or account.disabled_utc is not None:
            raise SignInRefused("passkey-refused")
        try:
            verified = webauthn.verify_authentication_response(
                credential=credential,
                expected_challenge=base64url_to_bytes(challenge.data),
                expected_rp_id=place.host,
                expected_origin=place.origin,
                credential_public_key=base64url_to_bytes(passkey.public_key),
                credential_current_sign_count=passkey.sign_count,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError) as error:
            raise SignInRefused("passkey-refused") from error
        await self._store.passkey_used(passkey.id, verified.new_sign_count, self._now())
        return account

    # --- between the halves of a sign-in ----------------------------------------------------------

    async def remember(self, kind: str, data: bytes, account_id: str | None = None) -> str:
        """Keep this until the browser comes back with the token, once, for ten minutes."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        row = ChallengeRow(
            kind=kind,
            account_id=account_id,
            data=bytes_to_base64url(data),
            expires_utc=self._now() + CHALLENGE_S * NS,
        )
        await self._store.put_challenge(_digest(token), row, self._now())
        return token

    async def recall(self, kind: str, token: str | None) -> ChallengeRow | None:
        return await self._store.take_challenge(_digest(token), kind, self._now()) if token else None

    # --- passwords ---------------------------------------------------------------------------------

    async def _hash(self, password: str) -> str:
        async with self._hashing:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def _verify(self, known: str, password: str) -> bool:
        async with self._hashing:
            try:
                return await asyncio.to_thread(self._hasher.verify, known, password)
            except (VerificationError, InvalidHashError):
                return False


def check_strength(password: str, user_name: str) -> None:
    """Raises :class:`SignInRefused` for a password that is too easy to guess."""
    named = len(user_name) >= NAME_LENGTH and user_name.casefold() in password.casefold()
    if len(password) < PASSWORD_LENGTH or len(set(password)) < DIFFERENT or named:
        raise SignInRefused("password-weak")


def one_time_password() -> str:
    return "".join(secrets.choice(ONE_TIME_LETTERS) for _ in range(ONE_TIME_LENGTH))


def folded(user_name: str) -> str:
    """User names differ by more than case."""
    return user_name.strip().casefold()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
