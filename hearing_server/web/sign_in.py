"""Signing in to an account, and what its owner may do with it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import msgspec
import structlog
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from webauthn.helpers import base64url_to_bytes

from .. import desk_api as d
from ..accounts import Accounts, Place, SignInRefused
from ..oidc import Provider, Providers, ProviderTrouble
from ..store import Store
from ..store.accounts import AccountRow, PasskeyRow
from .access import Ask, Gate
from .connections import ACCOUNT_COOKIE, over_https, same_origin
from .problems import Json, ProblemError

log = structlog.get_logger(__name__)

NS = 1_000_000_000
#: Holds, on the browser's side, what binds the two halves of a sign-in to one browser.
HALF_COOKIE = "sign-in"
HALF_COOKIE_S = 600
#: What one attempt costs the account's own allowance (:mod:`.limits`): ten at once, then one in six seconds.
COST_OF_A_GUESS = 12.0
#: Pages of ours to come back to.
_OWN_PATH = re.compile(r"/(?![/\\])[\w\-./?=&%]{0,300}")
DEFAULT_PATH = "/staff"


class _Half(msgspec.Struct):
    """What is remembered while the browser is at an identity provider."""

    provider: str
    nonce: str
    verifier: str
    redirect_uri: str
    path: str


class SignIn:
    def __init__(
        self, store: Store, accounts: Accounts, providers: Providers, gate: Gate, origins: frozenset[str]
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._providers = providers
        self._gate = gate
        self._origins = origins

    # --- the door ------------------------------------------------------------------------

    async def methods(self, ask: Ask) -> Response:
        return Json(
            d.SignInMethods(
                password=True,
                passkey=self._place(ask.request).takes_passkeys,
                providers=[
                    d.IdentityProvider(
                        provider_id=one.settings.id,
                        name=one.settings.name,
                        name_zh=one.settings.name_zh,
                        account_type=one.settings.account_type,
                    )
                    for one in self._providers
                ],
            )
        )

    async def by_password(self, ask: Ask) -> Response:
        body: d.PasswordSignIn = ask.body
        self._gate.spend_as(f"user {body.user.strip().casefold()}", COST_OF_A_GUESS)
        try:
            account = await self._accounts.by_password(body.user, body.password)
        except SignInRefused as refused:
            self._gate.missed(ask.request)
            log.info("sign_in.refused", way="password")
            raise ProblemError(refused.code) from refused
        return await self._signed_in(ask.request, account, "password")

    async def passkey_request(self, ask: Ask) -> Response:
        try:
            token, options = await self._accounts.passkey_request(self._place(ask.request))
        except SignInRefused as refused:
            raise ProblemError(refused.code) from refused
        return self._half(ask.request, Response(options, media_type="application/json"), token, lax=False)

    async def by_passkey(self, ask: Ask) -> Response:
        body: d.PasskeyAnswer = ask.body
        token = ask.request.cookies.get(HALF_COOKIE)
        try:
            account = await self._accounts.by_passkey(body.credential, token, self._place(ask.request))
        except SignInRefused as refused:
            self._gate.missed(ask.request)
            log.info("sign_in.refused", way="passkey")
            raise ProblemError(refused.code) from refused
        return await self._signed_in(ask.request, account, "passkey")

    async def begin_at_provider(self, ask: Ask) -> Response:
        provider = self._provider(ask)
        place = self._place(ask.request)
        redirect_uri = f"{place.origin}/api/sign-in/oidc/{provider.settings.id}/callback"
        wanted = ask.request.query_params.get("to", "")
        path = wanted if _OWN_PATH.fullmatch(wanted) else DEFAULT_PATH
        try:
            known = await provider.begin(redirect_uri)
            half = _Half(provider.settings.id, known.nonce, known.verifier, redirect_uri, path)
            token = await self._accounts.remember("oidc", msgspec.json.encode(half))
        except ProviderTrouble as trouble:
            return _back(trouble.code)
        return self._half(ask.request, RedirectResponse(known.with_state(token), 303), token, lax=True)

    async def back_from_provider(self, ask: Ask) -> Response:
        query = ask.request.query_params
        token = ask.request.cookies.get(HALF_COOKIE)
        provider = self._provider(ask)
        challenge = await self._accounts.recall("oidc", token) if token and token == query.get("state") else None
        half = msgspec.json.decode(base64url_to_bytes(challenge.data), type=_Half) if challenge else None
        if half is None or half.provider != provider.settings.id:
            return _back("sign-in-expired")
        code = query.get("code")
        if not code:
            return _back("sign-in-refused")
        try:
            subject = await provider.finish(code, half.redirect_uri, half.nonce, half.verifier)
        except ProviderTrouble as trouble:
            log.warning("sign_in.provider", provider=provider.settings.id, error=str(trouble))
            return _back(trouble.code)
        account = await self._store.accounts.by_subject(provider.settings.id, subject)
        if account is None or account.disabled_utc is not None or not fits(provider, account):
            log.info("sign_in.refused", way=provider.settings.id)
            return _back("account-unknown")
        answer = RedirectResponse(half.path, 303)
        return await self._signed_in(ask.request, account, provider.settings.id, answer)

    def _provider(self, ask: Ask) -> Provider:
        provider = self._providers.get(str(ask.request.path_params["provider_id"]))
        if provider is None:
            raise ProblemError("not-found")
        return provider

    async def _signed_in(
        self, request: Request, account: AccountRow, way: str, answer: Response | None = None
    ) -> Response:
        try:
            token = await self._accounts.begin(account, request.headers.get("user-agent", ""))
        except SignInRefused as refused:
            raise ProblemError(refused.code) from refused
        log.info("sign_in", account=account.id, way=way)
        answer = answer or Json(await self.shape(account))
        # Lax: a page reached from elsewhere, such as an identity provider, is shown signed in; what changes something
        # is checked by its Origin.
        answer.set_cookie(ACCOUNT_COOKIE, token, httponly=True, samesite="lax", secure=over_https(request), path="/")
        answer.delete_cookie(HALF_COOKIE, path="/api", httponly=True, samesite="lax")
        return answer

    def _half(self, request: Request, answer: Response, token: str, *, lax: bool) -> Response:
        answer.set_cookie(
            HALF_COOKIE,
            token,
            max_age=HALF_COOKIE_S,
            httponly=True,
            samesite="lax" if lax else "strict",
            secure=over_https(request),
            path="/api",
        )
        return answer

    def _place(self, connection: HTTPConnection) -> Place:
        """The origin of the page that asks: what the browser says, if it is ours; else how we were addressed."""
        origin = connection.headers.get("origin")
        if origin is None or not same_origin(connection, self._origins):
            origin = f"{connection.url.scheme}://{connection.headers.get('host', '')}"
            addressed = [own for own in self._origins if urlsplit(own).netloc == connection.headers.get("host")]
            origin = addressed[0] if addressed else origin
        return Place(origin.rstrip("/"), urlsplit(origin).hostname or "")

    # --- one's own account --------------------------------------------------------------------

    async def who_am_i(self, ask: Ask) -> Response:
        return Json(await self.shape(ask.account.session.account))

    async def leave(self, ask: Ask) -> Response:
        await self._accounts.end(ask.account.session)
        answer = Response(status_code=204)
        answer.delete_cookie(ACCOUNT_COOKIE, path="/", httponly=True, samesite="lax")
        return answer

    async def change_password(self, ask: Ask) -> Response:
        body: d.PasswordChange = ask.body
        session = ask.account.session
        self._gate.spend_as(f"user {session.account.user_name}", COST_OF_A_GUESS)
        try:
            await self._accounts.change_password(session, body.current, body.new)
        except SignInRefused as refused:
            raise ProblemError(refused.code) from refused
        return Json(await self.shape(await self._fresh(session.account)))

    async def passkeys(self, ask: Ask) -> Response:
        return Json([_passkey(row) for row in await self._store.accounts.passkeys(ask.account.id)])

    async def passkey_creation(self, ask: Ask) -> Response:
        account = ask.account.session.account
        try:
            token, options = await self._accounts.passkey_creation(account, self._place(ask.request))
        except SignInRefused as refused:
            raise ProblemError(refused.code) from refused
        return self._half(ask.request, Response(options, media_type="application/json"), token, lax=False)

    async def add_passkey(self, ask: Ask) -> Response:
        body: d.NewPasskey = ask.body
        token = ask.request.cookies.get(HALF_COOKIE)
        account = ask.account.session.account
        try:
            passkey = await self._accounts.add_passkey(
                account, body.name, body.credential, token, self._place(ask.request)
            )
        except SignInRefused as refused:
            raise ProblemError(refused.code) from refused
        return Json(_passkey(passkey), 201)

    async def remove_passkey(self, ask: Ask) -> Response:
        if not await self._store.accounts.remove_passkey(ask.account.id, str(ask.request.path_params["passkey_id"])):
            raise ProblemError("not-found")
        return Response(status_code=204)

    async def _fresh(self, account: AccountRow) -> AccountRow:
        found = await self._store.accounts.get(account.id)
        if found is None:
            raise ProblemError("sign-in-needed")
        return found

    async def shape(self, account: AccountRow) -> d.Account:
        courts = await self._store.accounts.courts(list(account.roles))
        return d.Account(
            account_id=account.id,
            user=account.user_name,
            name=account.name,
            name_zh=account.name_zh,
            has_password=account.password_hash is not None,
            must_change_password=account.must_change,
            passkeys=account.passkeys,
            courts=[
                d.CourtRoles(
                    court_id=court.id,
                    court=court.name,
                    court_zh=court.name_zh,
                    profile=msgspec.convert(court.profile, d.Profile),
                    time_zone=court.time_zone,
                    roles=msgspec.convert(sorted(account.roles[court.id]), list[d.AccountRole]),
                )
                for court in courts
            ],
        )


def fits(provider: Provider, account: AccountRow) -> bool:
    """Whether a provider of this type may vouch for somebody with these roles (A16)."""
    roles = frozenset().union(*account.roles.values())
    judges = "judge" in roles
    return judges if provider.settings.account_type == "judiciary" else not judges


def _passkey(row: PasskeyRow) -> d.PasskeyRow:
    return d.PasskeyRow(
        passkey_id=row.id,
        name=row.name,
        created_at=row.created_utc / NS,
        used_at=row.used_utc / NS if row.used_utc is not None else None,
    )


def _back(code: str) -> RedirectResponse:
    """To the sign-in page, which says what is the matter."""
    return RedirectResponse(f"{DEFAULT_PATH}?problem={code}", 303)
