"""The accounts of a court, for its administrator."""

from __future__ import annotations

import time

import msgspec
from starlette.responses import Response

from .. import desk_api as d
from ..accounts import Accounts, SignInRefused
from ..oidc import Providers
from ..store import Store
from ..store.accounts import AccountRow, LastAdministrator
from .access import Ask, Endpoint, Gate, court_ledger
from .problems import Json, ProblemError

NS = 1_000_000_000
ADMINISTRATOR = frozenset({"administrator"})
_ACCOUNTS = "/api/courts/{court_id}/accounts"
_ACCOUNT = _ACCOUNTS + "/{account_id}"


class CourtAccounts:
    def __init__(self, store: Store, accounts: Accounts, providers: Providers, gate: Gate) -> None:
        self._store = store
        self._accounts = accounts
        self._providers = providers
        self._gate = gate

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint(
                name="listAccounts",
                method="GET",
                path=_ACCOUNTS,
                summary="The accounts that have a role in this court.",
                handler=self.list,
                who=ADMINISTRATOR,
                by="account",
                answer=list[d.AccountRow],
            ),
            Endpoint(
                name="addAccount",
                method="POST",
                path=_ACCOUNTS,
                summary="A new account, with a one-time password that is answered once.",
                handler=self.add,
                who=ADMINISTRATOR,
                by="account",
                body=d.AccountRequest,
                answer=d.AccountMade,
                status=201,
            ),
            Endpoint(
                name="setRoles",
                method="POST",
                path=_ACCOUNT + "/roles",
                summary="What an account may be in this court; nothing: it has no business here any more.",
                handler=self.set_roles,
                who=ADMINISTRATOR,
                by="account",
                body=d.RolesRequest,
                answer=d.AccountRow,
            ),
            Endpoint(
                name="renewPassword",
                method="POST",
                path=_ACCOUNT + "/password",
                summary="A new one-time password; the account's sessions end.",
                handler=self.renew_password,
                who=ADMINISTRATOR,
                by="account",
                answer=d.AccountMade,
            ),
            Endpoint(
                name="disableAccount",
                method="POST",
                path=_ACCOUNT + "/disable",
                summary="Nobody signs in with it any more; its sessions end.",
                handler=self.disable,
                who=ADMINISTRATOR,
                by="account",
                answer=d.AccountRow,
            ),
            Endpoint(
                name="enableAccount",
                method="POST",
                path=_ACCOUNT + "/enable",
                summary="It may be signed in with again.",
                handler=self.enable,
                who=ADMINISTRATOR,
                by="account",
                answer=d.AccountRow,
            ),
        )

    async def list(self, ask: Ask) -> Response:
        court_id = _court(ask)
        return Json([_row(account, court_id) for account in await self._store.accounts.of_court(court_id)])

    async def add(self, ask: Ask) -> Response:
        body: d.AccountRequest = ask.body
        court_id = _court(ask)
        if not body.roles or (body.provider_id is None) != (body.subject is None):
            raise ProblemError("invalid")
        if body.provider_id is not None and self._providers.get(body.provider_id) is None:
            raise ProblemError("invalid")
        await self._note(ask, "add-account", body.user, roles=sorted(body.roles))
        try:
            account, password = await self._accounts.add(
                body.user,
                name=body.name,
                name_zh=body.name_zh,
                roles={court_id: frozenset(body.roles)},
                provider=body.provider_id,
                subject=body.subject,
            )
        except SignInRefused as refused:
            raise ProblemError(refused.code) from refused
        return Json(d.AccountMade(account=_row(account, court_id), password=password), 201)

    async def set_roles(self, ask: Ask) -> Response:
        body: d.RolesRequest = ask.body
        account = await self._account(ask)
        await self._note(ask, "set-roles", account.user_name, roles=sorted(body.roles))
        try:
            await self._store.accounts.set_roles(account.id, _court(ask), frozenset(body.roles))
        except LastAdministrator as last:
            raise ProblemError("last-administrator") from last
        return await self._answer(ask, account.id)

    async def renew_password(self, ask: Ask) -> Response:
        account = await self._own(ask)
        if account.provider is not None:
            raise ProblemError("not-allowed")
        await self._note(ask, "renew-password", account.user_name)
        password = await self._accounts.renew_password(account)
        fresh = await self._store.accounts.get(account.id)
        return Json(d.AccountMade(account=_row(fresh or account, _court(ask)), password=password))

    async def disable(self, ask: Ask) -> Response:
        account = await self._own(ask)
        await self._note(ask, "disable-account", account.user_name)
        try:
            await self._store.accounts.disable(account.id, time.time_ns())
        except LastAdministrator as last:
            raise ProblemError("last-administrator") from last
        return await self._answer(ask, account.id)

    async def enable(self, ask: Ask) -> Response:
        account = await self._own(ask)
        await self._note(ask, "enable-account", account.user_name)
        await self._store.accounts.enable(account.id)
        return await self._answer(ask, account.id)

    async def _account(self, ask: Ask) -> AccountRow:
        """One of this court.  Raises :class:`ProblemError`."""
        account = await self._store.accounts.get(str(ask.request.path_params["account_id"]))
        if account is None or not account.roles_in(_court(ask)):
            raise ProblemError("not-found")
        return account

    async def _own(self, ask: Ask) -> AccountRow:
        """One of this court that no other court has a say in.  Raises :class:`ProblemError`."""
        account = await self._account(ask)
        others = {court for court, roles in account.roles.items() if roles} - {_court(ask)}
        if any("administrator" not in ask.account.roles(court) for court in others):
            raise ProblemError("not-allowed")
        return account

    async def _note(self, ask: Ask, action: str, target: str, **detail: object) -> None:
        """Into the ledger of the court's accounts."""
        await self._gate.note(ask.caller, court_ledger(_court(ask)), action, target, time.time_ns(), **detail)

    async def _answer(self, ask: Ask, account_id: str) -> Response:
        account = await self._store.accounts.get(account_id)
        if account is None:
            raise ProblemError("not-found")
        return Json(_row(account, _court(ask)))


def _court(ask: Ask) -> str:
    return str(ask.request.path_params["court_id"])


def _row(account: AccountRow, court_id: str) -> d.AccountRow:
    return d.AccountRow(
        account_id=account.id,
        user=account.user_name,
        name=account.name,
        name_zh=account.name_zh,
        roles=msgspec.convert(sorted(account.roles_in(court_id)), list[d.AccountRole]),
        disabled=account.disabled_utc is not None,
        has_password=account.password_hash is not None,
        passkeys=account.passkeys,
        provider_id=account.provider,
        subject=account.subject,
        signed_in_at=account.signed_in_utc / NS if account.signed_in_utc is not None else None,
    )
