"""Signing in at an identity provider: OpenID Connect Core 1.0, the authorization code flow with PKCE (RFC 7636).

What a provider says is believed only as far as the standard lets it be: the
issuer of its own discovery document, the signature by its published keys, our
client id as audience, the nonce of this very sign-in.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

import httpx
import msgspec
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from webauthn.helpers import bytes_to_base64url

log = structlog.get_logger(__name__)

NS = 1_000_000_000
#: Longest wait for a provider's answer, s, and most bytes of one.
TIMEOUT_S = 10.0
ANSWER_LIMIT_BYTES = 256 * 1024
#: How long a discovery document and its keys are kept, s; keys are asked again at once for one that is not there.
KEEP_S = 3600.0
#: Clocks of two courts' servers may differ by this, s.
LEEWAY_S = 60
#: Asymmetric signatures only: the client's secret must never be a key (RFC 8725 §3.1).
ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "EdDSA")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class ProviderTrouble(Exception):
    """``code``: ``provider-unreachable`` (later may help) or ``provider-refused`` (what it says cannot be believed)."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code


class ProviderSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table ``[[provider]]`` of the providers' file.

    ``account_type`` bounds what its users may be: ``judiciary`` judges, ``staff`` everything else.  ``claim``: the one
    of the ID token that names the person, and that an account's ``subject`` must equal.
    """

    id: str
    name: str
    name_zh: str
    account_type: Literal["judiciary", "staff"]
    issuer: str
    client_id: str
    client_secret: str = ""
    scopes: tuple[str, ...] = ("openid",)
    claim: str = "sub"


class _File(msgspec.Struct, forbid_unknown_fields=True):
    provider: list[ProviderSettings]


def read_providers(path: Path) -> list[ProviderSettings]:
    """Raises :class:`ValueError` with what is wrong, or :class:`OSError`."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    found = msgspec.convert(content, _File).provider
    for provider in found:
        _check_address(provider.issuer)
    if len({provider.id for provider in found}) != len(found):
        raise ValueError("two providers have the same id")
    return found


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that goes on at the provider; ``nonce`` and ``verifier`` are needed when the browser comes back."""

    address: str
    nonce: str
    verifier: str

    def with_state(self, state: str) -> str:
        return f"{self.address}&{urlencode({'state': state})}"


@dataclass
class _Kept:
    at: float
    document: dict[str, Any]
    keys: KeySet = field(repr=False)


class Provider:
    def __init__(
        self,
        settings: ProviderSettings,
        client: httpx.AsyncClient,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self._client = client
        self._now = now
        self._kept: _Kept | None = None
        self._asking = asyncio.Lock()

    async def begin(self, redirect_uri: str) -> Begun:
        """Where to send the browser, once ``state`` is added.  Raises :class:`ProviderTrouble`."""
        document = (await self._known()).document
        verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
        challenge = bytes_to_base64url(hashlib.sha256(verifier.encode()).digest())
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self.settings.client_id,
                "redirect_uri": redirect_uri,
                "scope": " ".join(self.settings.scopes),
                "nonce": nonce,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            }
        )
        address = document["authorization_endpoint"]
        return Begun(f"{address}{'&' if '?' in address else '?'}{query}", nonce, verifier)

    async def finish(self, code: str, redirect_uri: str, begun_nonce: str, verifier: str) -> str:
        """The provider's name for the person who signed in there.  Raises :class:`ProviderTrouble`."""
        document = (await self._known()).document
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": self.settings.client_id,
            "code_verifier": verifier,
        }
        auth = (self.settings.client_id, self.settings.client_secret) if self.settings.client_secret else None
        answer = await self._ask("POST", document["token_endpoint"], data=form, auth=auth)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise ProviderTrouble("provider-refused", "no id_token")
        claims = await self._believed(token)
        if claims.get("nonce") != begun_nonce:
            raise ProviderTrouble("provider-refused", "another nonce")
        subject = claims.get(self.settings.claim)
        if not isinstance(subject, str) or not subject:
            raise ProviderTrouble("provider-refused", f"no {self.settings.claim}")
        return subject

    async def _believed(self, token: str) -> dict[str, Any]:
        """The claims of a token, checked (OpenID Connect Core §3.1.3.7).  Raises :class:`ProviderTrouble`."""
        kept = await self._known()
        try:
            decoded = jwt.decode(token, kept.keys, algorithms=list(ALGORITHMS))
        except (JoseError, ValueError):
            # The provider may have new keys.
            try:
                decoded = jwt.decode(token, (await self._known(fresh=True)).keys, algorithms=list(ALGORITHMS))
            except (JoseError, ValueError) as error:
                raise ProviderTrouble("provider-refused", "signature") from error
        registry = jwt.JWTClaimsRegistry(
            now=lambda: int(self._now()),
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self.settings.issuer},
            aud={"essential": True, "value": self.settings.client_id},
            exp={"essential": True},
            iat={"essential": True},
        )
        try:
            registry.validate(decoded.claims)
        except JoseError as error:
            raise ProviderTrouble("provider-refused", type(error).__name__) from error
        party = decoded.claims.get("azp", self.settings.client_id)
        if party != self.settings.client_id:
            raise ProviderTrouble("provider-refused", "azp")
        return dict(decoded.claims)

    async def _known(self, *, fresh: bool = False) -> _Kept:
        """The discovery document and the keys.  Raises :class:`ProviderTrouble`."""
        async with self._asking:
            if self._kept is not None and not fresh and self._now() < self._kept.at + KEEP_S:
                return self._kept
            issuer = self.settings.issuer
            document = await self._ask("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            if document.get("issuer") != issuer:
                raise ProviderTrouble("provider-refused", "another issuer")
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                try:
                    _check_address(document.get(name))
                except ValueError as error:
                    raise ProviderTrouble("provider-refused", f"{name}: {error}") from error
            try:
                keys = KeySet.import_key_set(await self._ask("GET", document["jwks_uri"]))  # type: ignore[arg-type]
            except (JoseError, ValueError, KeyError, TypeError) as error:
                raise ProviderTrouble("provider-refused", "keys") from error
            self._kept = _Kept(self._now(), document, keys)
            return self._kept

    async def _ask(self, method: str, address: str, **options: Any) -> dict[str, Any]:
        try:
            async with self._client.stream(method, address, timeout=TIMEOUT_S, **options) as answer:
                body = bytearray()
                async for piece in answer.aiter_bytes():
                    body += piece
                    if len(body) > ANSWER_LIMIT_BYTES:
                        raise ProviderTrouble("provider-refused", "too long an answer")
        except httpx.HTTPError as error:
            raise ProviderTrouble("provider-unreachable", type(error).__name__) from error
        if answer.status_code != 200:
            code = "provider-unreachable" if answer.status_code >= 500 else "provider-refused"
            raise ProviderTrouble(code, f"status {answer.status_code}")
        try:
            content = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ProviderTrouble("provider-refused", "no JSON") from error
        if not isinstance(content, dict):
            raise ProviderTrouble("provider-refused", "no object")
        return content


class Providers:
    """All providers of the settings, over one HTTP client."""

    def __init__(self, settings: Sequence[ProviderSettings] = (), now: Callable[[], float] = time.time) -> None:
        self._client = httpx.AsyncClient(follow_redirects=False, trust_env=False) if settings else None
        self._providers = {one.id: Provider(one, self._client, now) for one in settings if self._client is not None}

    def __iter__(self) -> Any:
        return iter(self._providers.values())

    def get(self, provider_id: str) -> Provider | None:
        return self._providers.get(provider_id)

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.aclose()


def _check_address(address: object) -> None:
    """HTTPS, or plain HTTP on this computer.  Raises :class:`ValueError`."""
    parts = urlsplit(address if isinstance(address, str) else "")
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and parts.hostname in LOOPBACK:
        return
    raise ValueError(f"{address!r} does not begin with https://")
