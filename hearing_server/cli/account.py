"""``hearing account``: staff accounts, made and ended where the server runs; the way to a court's first administrator.

A password is asked for at the terminal, or read as one line from standard input; it is never an argument, which other
users of the computer could see.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import getpass
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from .. import config, logs
from ..accounts import Accounts, SignInRefused, check_strength, folded
from ..processes import folder
from ..refusals import sentence
from ..store import Conflict, Court, Store, StoreError
from ..store.accounts import AccountRow, LastAdministrator
from ..terminal import Terminal
from ..words import Fault

Job = Callable[[Store], Awaitable[Any]]


def add(options: argparse.Namespace, terminal: Terminal) -> int:
    """A new account; its court is made, too, if it is new and has been named."""
    password = None
    if options.provider is None:
        password = _password(terminal)
        try:
            check_strength(password, options.user)
        except SignInRefused as refused:
            raise Fault("account-refused", reason=sentence(refused.code, terminal.locale)) from refused

    async def job(store: Store) -> AccountRow:
        await _ensure_court(store, options)
        try:
            account, _ = await Accounts(store).add(
                options.user,
                name=options.name or options.user,
                name_zh=options.name_zh or "",
                roles={options.court: frozenset(options.role)},
                password=password,
                provider=options.provider,
                subject=options.subject,
            )
        except SignInRefused as refused:
            raise Fault("account-refused", reason=sentence(refused.code, terminal.locale)) from refused
        return account

    account = _with_store(job)
    if terminal.as_json:
        terminal.answer(_shape(account))
    else:
        terminal.say("account-added", user=account.user_name, court=options.court, roles=", ".join(options.role))
    return 0


def list_(options: argparse.Namespace, terminal: Terminal) -> int:
    """All accounts, with their roles."""
    accounts = _with_store(lambda store: store.accounts.all())
    if terminal.as_json:
        terminal.answer([_shape(account) for account in accounts])
        return 0
    for account in accounts:
        roles = "; ".join(f"{court}: {', '.join(sorted(names))}" for court, names in sorted(account.roles.items()))
        key = "account-line" if account.disabled_utc is None else "account-line-disabled"
        terminal.say(key, user=account.user_name, name=account.name, roles=roles)
    return 0


def disable(options: argparse.Namespace, terminal: Terminal) -> int:
    """Nobody signs in with it any more; its sessions end."""

    async def job(store: Store) -> None:
        account = await store.accounts.by_user(folded(options.user))
        if account is None:
            raise Fault("account-unknown", user=options.user)
        try:
            await store.accounts.disable(account.id, time.time_ns())
        except LastAdministrator as last:
            raise Fault("account-refused", reason=sentence("last-administrator", terminal.locale)) from last

    _with_store(job)
    terminal.say("account-disabled", user=options.user)
    return 0


def _with_store(job: Job) -> Any:
    settings = config.load()
    # What is for people goes to the terminal; the log has only what went wrong.
    logs.configure(dataclasses.replace(settings, log_level="warning", log_file=""), "account")
    if not settings.database:
        folder.keep_private()
        folder.check(settings.data)

    async def run() -> Any:
        try:
            store = await Store.open(settings.database_url)
        except StoreError as error:
            raise Fault("database-unreachable", reason=error.detail or error.code) from error
        try:
            return await job(store)
        except StoreError as error:
            raise Fault("database-unreachable", reason=error.detail or error.code) from error
        finally:
            await store.aclose()

    return asyncio.run(run())


async def _ensure_court(store: Store, options: argparse.Namespace) -> None:
    if await store.accounts.courts([options.court]):
        return
    if not options.court_name:
        raise Fault("court-unknown", court=options.court)
    court = Court(
        id=options.court,
        name=options.court_name,
        name_zh=options.court_name_zh or options.court_name,
        help_phone=options.help_phone,
        time_zone=options.time_zone,
        profile=options.profile,
    )
    try:
        await store.accounts.add_court(court)
    except Conflict:
        return  # somebody else has just made it


def _password(terminal: Terminal) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    terminal.say("account-password")
    first, again = getpass.getpass(""), getpass.getpass("")
    if first != again:
        raise Fault("account-passwords-differ")
    return first


def _shape(account: AccountRow) -> dict[str, Any]:
    return {
        "user": account.user_name,
        "name": account.name,
        "roles": {court: sorted(names) for court, names in account.roles.items()},
        "disabled": account.disabled_utc is not None,
        "provider": account.provider,
    }
