"""Staff accounts: who they are, what they may be in each court, their passkeys and sessions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from . import desk_tables as d
from . import tables as t
from .engine import transaction
from .rows import Court

#: Accounts that one list answers at most.
LIST_LIMIT = 500
ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """``roles``: by court id.  ``password_hash`` is Argon2's text; nothing for who signs in otherwise."""

    id: str
    user_name: str
    name: str
    name_zh: str
    created_utc: int
    password_hash: str | None = None
    must_change: bool = False
    provider: str | None = None
    subject: str | None = None
    signed_in_utc: int | None = None
    disabled_utc: int | None = None
    roles: dict[str, frozenset[str]]
    passkeys: int = 0

    def roles_in(self, court_id: str) -> frozenset[str]:
        return self.roles.get(court_id, frozenset())


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyRow:
    """``credential_id`` and ``public_key`` (COSE) in base64url."""

    id: str
    account_id: str
    credential_id: str
    public_key: str
    sign_count: int
    name: str
    created_utc: int
    used_utc: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    id: str
    account: AccountRow
    created_utc: int
    seen_utc: int
    ended_utc: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeRow:
    kind: str
    account_id: str | None
    data: str
    expires_utc: int


class LastAdministrator(Exception):
    """The court would be left without anybody who can administer it."""


class Accounts:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    # --- accounts ---------------------------------------------------------------------

    async def add(self, account: AccountRow) -> None:
        """Raises :class:`~.engine.Conflict` if the user name, or the provider's user, has an account."""
        columns = ("id", "user_name", "name", "name_zh", "created_utc", "password_hash", "must_change")
        values = {name: getattr(account, name) for name in (*columns, "provider", "subject")}
        async with transaction(self._engine, writes=True) as connection:
            await connection.execute(insert(d.accounts).values(values))
            for court_id, roles in account.roles.items():
                await _put_roles(connection, account.id, court_id, roles)

    async def get(self, account_id: str) -> AccountRow | None:
        return await self._one(d.accounts.c.id == account_id)

    async def by_user(self, user_name: str) -> AccountRow | None:
        return await self._one(d.accounts.c.user_name == user_name)

    async def by_subject(self, provider: str, subject: str) -> AccountRow | None:
        """The account of this user of an identity provider."""
        return await self._one((d.accounts.c.provider == provider) & (d.accounts.c.subject == subject))

    async def of_court(self, court_id: str) -> list[AccountRow]:
        """All who have a role in this court, by user name."""
        mine = select(d.account_roles.c.account_id).where(d.account_roles.c.court_id == court_id)
        return await self._many(_accounts().where(d.accounts.c.id.in_(mine)))

    async def all(self) -> list[AccountRow]:
        return await self._many(_accounts())

    async def change(self, account_id: str, **values: Any) -> None:
        """Change ``password_hash``, ``must_change``, ``signed_in_utc``, ``provider`` or ``subject``."""
        async with transaction(self._engine, writes=True) as connection:
            await connection.execute(update(d.accounts).where(d.accounts.c.id == account_id).values(values))

    async def set_roles(self, account_id: str, court_id: str, roles: Collection[str]) -> None:
        """Raises :class:`LastAdministrator`."""
        async with transaction(self._engine, writes=True) as connection:
            await _lock_court(connection, court_id)
            if ADMINISTRATOR not in roles:
                await _keep_administrator(connection, court_id, account_id)
            await _put_roles(connection, account_id, court_id, roles)

    async def disable(self, account_id: str, utc: int) -> None:
        """Nobody signs in with it any more, and all its sessions end.  Raises :class:`LastAdministrator`."""
        async with transaction(self._engine, writes=True) as connection:
            mine = select(d.account_roles.c.court_id).where(
                d.account_roles.c.account_id == account_id, d.account_roles.c.role == ADMINISTRATOR
            )
            for court_id in sorted((await connection.scalars(mine)).all()):
                await _lock_court(connection, court_id)
                await _keep_administrator(connection, court_id, account_id)
            await connection.execute(update(d.accounts).where(d.accounts.c.id == account_id).values(disabled_utc=utc))
            await connection.execute(_end(utc).where(d.account_sessions.c.account_id == account_id))

    async def enable(self, account_id: str) -> None:
        async with transaction(self._engine, writes=True) as connection:
            await connection.execute(update(d.accounts).where(d.accounts.c.id == account_id).values(disabled_utc=None))

    async def _one(self, condition: Any) -> AccountRow | None:
        found = await self._many(_accounts().where(condition))
        return found[0] if found else None

    async def _many(self, query: Select[Any]) -> list[AccountRow]:
        async with transaction(self._engine, writes=False) as connection:
            return await _read(connection, query)

    # --- courts -----------------------------------------------------------------------------

    async def courts(self, court_ids: Collection[str] | None = None) -> list[Court]:
        """These courts, or all, by name."""
        query = select(t.courts).order_by(t.courts.c.name)
        if court_ids is not None:
            query = query.where(t.courts.c.id.in_(court_ids))
        async with transaction(self._engine, writes=False) as connection:
            return [Court(**row) for row in (await connection.execute(query)).mappings()]

    async def add_court(self, court: Court) -> None:
        """Raises :class:`~.engine.Conflict` if it is there."""
        values = {name: getattr(court, name) for name in court.__dataclass_fields__}
        async with transaction(self._engine, writes=True) as connection:
            await connection.execute(insert(t.courts).values(values))

    # --- sessions ----------------------------------------------------------------------------

    async def begin_session(self, session_id: str, account_id: str, token_hash: str, device: str, utc: int) -> None:
        async with transaction(self._engine, writes=True) as connection:
            await connection.execute(
                insert(d.account_sessions).values(
                    id=session_id,
                    account_id=account_id,
                    token_hash=token_hash,
                    device=device,
                    created_utc=utc,
                    seen_utc=utc,
                )
            )
            await connection.execute(update(d.accounts).where(d.accounts.c.id == account_id).values(signed_in_utc=utc))

    async def session(self, token_hash: str) -> SessionRow | None:
        """The session of this cookie, ended or not."""
        query = select(d.account_sessions).where(d.account_sessions.c.token_hash == token_hash)
        async with transaction(self._engine, writes=False) as connection:
            row = (await connection.execute(query)).mappings().first()
            if row is None:
                return None
            (account,) = await _read(connection, _accounts().where(d.accounts.c.id == row["account_id"]))
        times = {name: row[name] for name in ("created_utc", "seen_utc", "ended_utc")}
        return SessionRow(id=row["id"], account=account, **times)

    async def seen(self, session_id: str, utc: int) -> None:
        async with transaction(self._engine, writes=True) as connection:
            mine = update(d.account_sessions).where(d.account_sessions.c.id == session_id)
            await connection.execute(mine.values(seen_utc=utc))

    async def end_session(self, session_id: str, utc: int) -> None:
        async with transaction(self._engine, writes=True) as connection:
            await connection.execute(_end(utc).where(d.account_sessions.c.id == session_id))

    async def end_sessions(self, account_id: str, utc: int, *, but: str = "") -> None:
        """End all of an account's sessions, but one."""
        async with transaction(self._engine, writes=True) as connection:
            others = _end(utc).where(d.account_sessions.c.account_id == account_id, d.account_sessions.c.id != but)
            await connection.execute(others)

    # --- passkeys -----------------------------------------------------------------------------

    async def add_passkey(self, passkey: PasskeyRow) -> None:
        """Raises :class:`~.engine.Conflict` if the authenticator's credential is known."""
        values = {name: getattr(passkey, name) for name in passkey.__dataclass_fields__}
        async with transaction(self._engine, writes=True) as connection:
            await connection.execute(insert(d.passkeys).values(values))

    async def passkeys(self, account_id: str) -> list[PasskeyRow]:
        """Oldest first."""
        query = select(d.passkeys).where(d.passkeys.c.account_id == account_id)
        async with transaction(self._engine, writes=False) as connection:
            rows = await connection.execute(query.order_by(d.passkeys.c.created_utc, d.passkeys.c.id))
            return [PasskeyRow(**row) for row in rows.mappings()]

    async def passkey(self, credential_id: str) -> PasskeyRow | None:
        async with transaction(self._engine, writes=False) as connection:
            query = select(d.passkeys).where(d.passkeys.c.credential_id == credential_id)
            row = (await connection.execute(query)).mappings().first()
        return None if row is None else PasskeyRow(**row)

    async def passkey_used(self, passkey_id: str, sign_count: int, utc: int) -> None:
        async with transaction(self._engine, writes=True) as connection:
            mine = update(d.passkeys).where(d.passkeys.c.id == passkey_id)
            await connection.execute(mine.values(sign_count=sign_count, used_utc=utc))

    async def remove_passkey(self, account_id: str, passkey_id: str) -> bool:
        """Whether this account had it."""
        mine = delete(d.passkeys).where(d.passkeys.c.account_id == account_id, d.passkeys.c.id == passkey_id)
        async with transaction(self._engine, writes=True) as connection:
            return bool((await connection.execute(mine)).rowcount)

    # --- between the halves of a sign-in -----------------------------------------------------------

    async def put_challenge(self, token_hash: str, challenge: ChallengeRow, utc: int) -> None:
        """Remember this, and forget what nobody came back for."""
        values = {name: getattr(challenge, name) for name in challenge.__dataclass_fields__}
        async with transaction(self._engine, writes=True) as connection:
            await connection.execute(delete(d.challenges).where(d.challenges.c.expires_utc <= utc))
            await connection.execute(insert(d.challenges).values(token_hash=token_hash, **values))

    async def take_challenge(self, token_hash: str, kind: str, utc: int) -> ChallengeRow | None:
        """What was remembered, once."""
        mine = d.challenges.c.token_hash == token_hash
        async with transaction(self._engine, writes=True) as connection:
            row = (await connection.execute(select(d.challenges).where(mine))).mappings().first()
            if row is None or not (await connection.execute(delete(d.challenges).where(mine))).rowcount:
                return None
        if row["kind"] != kind or row["expires_utc"] <= utc:
            return None
        return ChallengeRow(**{name: row[name] for name in ChallengeRow.__dataclass_fields__})


async def _put_roles(connection: AsyncConnection, account_id: str, court_id: str, roles: Collection[str]) -> None:
    mine = (d.account_roles.c.account_id == account_id) & (d.account_roles.c.court_id == court_id)
    await connection.execute(delete(d.account_roles).where(mine))
    rows = [{"account_id": account_id, "court_id": court_id, "role": role} for role in sorted(roles)]
    if rows:
        await connection.execute(insert(d.account_roles), rows)


async def _lock_court(connection: AsyncConnection, court_id: str) -> None:
    """Two administrators must not remove each other at the same time."""
    await connection.execute(select(t.courts.c.id).where(t.courts.c.id == court_id).with_for_update())


async def _keep_administrator(connection: AsyncConnection, court_id: str, account_id: str) -> None:
    """Raises :class:`LastAdministrator` if this account is the court's only one that works."""
    roles = d.account_roles.c
    administrators = (
        select(roles.account_id)
        .join(d.accounts, d.accounts.c.id == roles.account_id)
        .where(roles.court_id == court_id, roles.role == ADMINISTRATOR, d.accounts.c.disabled_utc.is_(None))
    )
    if set((await connection.scalars(administrators)).all()) == {account_id}:
        raise LastAdministrator(court_id)


def _end(utc: int) -> Any:
    return update(d.account_sessions).where(d.account_sessions.c.ended_utc.is_(None)).values(ended_utc=utc)


def _accounts() -> Select[Any]:
    keys = select(func.count()).select_from(d.passkeys).where(d.passkeys.c.account_id == d.accounts.c.id)
    return select(d.accounts, keys.scalar_subquery().label("passkeys")).order_by(d.accounts.c.user_name)


async def _read(connection: AsyncConnection, query: Select[Any]) -> list[AccountRow]:
    rows: Sequence[Any] = (await connection.execute(query.limit(LIST_LIMIT))).mappings().all()
    of_these = d.account_roles.c.account_id.in_([row["id"] for row in rows])
    roles: dict[str, dict[str, set[str]]] = {}
    for found in (await connection.execute(select(d.account_roles).where(of_these))).mappings():
        roles.setdefault(found["account_id"], {}).setdefault(found["court_id"], set()).add(found["role"])
    return [
        AccountRow(
            **row,
            roles={court: frozenset(names) for court, names in roles.get(row["id"], {}).items()},
        )
        for row in rows
    ]
