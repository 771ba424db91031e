"""The demo's staff, so that one can sign in as each kind of them."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from .accounts import Accounts
from .booking import DEMO_COURT
from .links import Links
from .store import Store

PASSWORD_BYTES = 15
#: What they are called in the demo's answer, user name, name, name in Chinese, roles.
DEMO_ACCOUNTS = (
    ("judge", "judge.adeyemi", "M. Adeyemi", "阿德耶米", {"judge"}),
    ("clerk", "clerk.santos", "R. Santos", "桑托斯", {"clerk"}),
    ("host", "host.okafor", "C. Okafor", "奥卡福", {"staff_host", "technician"}),
    ("administrator", "admin.lind", "E. Lind", "林德", {"administrator", "auditor", "records_custodian"}),
)


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """``password`` is the one the account was made with; its owner may have changed it since."""

    user: str
    password: str


async def open_demo_accounts(store: Store, links: Links) -> dict[str, DemoAccount]:
    """The demo's accounts, made if they are not there; their passwords follow from the data folder's secret."""
    accounts = Accounts(store)
    found = {}
    for kind, user, name, name_zh, roles in DEMO_ACCOUNTS:
        key = links.derived_key(b"demo account " + user.encode())[:PASSWORD_BYTES]
        password = base64.b32encode(key).decode().lower()
        if await store.accounts.by_user(user) is None:
            await accounts.add(
                user, name=name, name_zh=name_zh, roles={DEMO_COURT.id: frozenset(roles)}, password=password
            )
        found[kind] = DemoAccount(user, password)
    return found
