"""Who is asking, and may they: one table of routes and roles, checked in one place.

Two kinds of people ask: who sits in a hearing by a personal link (a seat), and who has signed in to an account and
has roles in courts.  A hearing that somebody has no business with does not exist for them (404); within their own
they are told that their role does not allow it (403).
"""

from __future__ import annotations

import contextvars
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import structlog
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from ..accounts import Accounts, SignInRefused
from ..court.custody import fold
from ..court.permissions import CUSTODIAN
from ..links import LinkRefused, Links
from ..store import Access, HearingFacts, Store
from .callers import AccountCaller, Caller, SeatCaller
from .connections import ACCOUNT_COOKIE, PERSON_PARAMETER, address, own_cookie
from .limits import COST, RateLimit
from .problems import ProblemError

log = structlog.get_logger(__name__)

#: What is of a hearing's record, or of the evidence in it: whoever is given something below, or changes it, stands in
#: the hearing's access ledger (A9).
LEDGERED: Final = re.compile(
    r"/api/(hearings/\{(hearing|sitting)_id\}/(record|written|custody|exhibits)|shares/\{token\}/(record|media|played))"
    r"(/|$)"
)
#: Actions that the request at work has written into a ledger.
_noted: contextvars.ContextVar[list[str] | None] = contextvars.ContextVar("noted", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A row of the route table.

    ``who`` is nothing for strangers, else the roles allowed, by whom ``by``: a seat, an account or either.
    ``limited`` entries spend from the address's allowance.  ``body`` and ``answer`` are the msgspec types of the JSON,
    if it is JSON; ``body_limit``: bytes, where the usual limit is too small.  ``always``: works before a one-time
    password is changed, too.  ``{hearing_id}`` in the path is a hearing with its current sitting, ``{sitting_id}``
    one of its sittings.  ``unledgered``: why what it gives of a record need not stand in the access ledger.
    """

    name: str
    method: str
    path: str
    summary: str
    handler: Callable[[Ask], Awaitable[Response]]
    who: frozenset[str] | None = None
    by: Literal["seat", "account", "either"] = "either"
    limited: bool = False
    always: bool = False
    body_limit: int = 0
    body: Any = None
    answer: Any = None
    status: int = 200
    media_type: str = "application/json"
    unledgered: str = ""

    @property
    def ledgered(self) -> bool:
        """Whether an answer is given only with an entry of the access ledger."""
        return bool(LEDGERED.match(self.path)) and not self.unledgered


class Unledgered(Exception):
    """A programming error: a part of a record would have been given out, or changed, and nobody would ever know."""


async def in_ledger(row: Endpoint, ask: Ask) -> Response:
    """The handler's answer.  Raises :class:`Unledgered` instead of giving what is of a record without an entry."""
    noted: list[str] = []
    token = _noted.set(noted)
    try:
        answer = await row.handler(ask)
    finally:
        _noted.reset(token)
    gives = answer.status_code < 300 and ask.request.method != "HEAD"
    if row.ledgered and gives and not noted:
        raise Unledgered(f"{row.name} wrote nothing into the access ledger")
    return answer


@dataclass(frozen=True, slots=True)
class Ask:
    """One request that has passed the table.  ``hearing`` is the one in the path, if the path has one."""

    request: Request
    locale: str
    body: Any
    #: Nobody for endpoints that strangers may use.
    _caller: Caller | None
    _hearing: HearingFacts | None

    @property
    def caller(self) -> Caller:
        if self._caller is None:
            raise ProblemError("seat-unknown")
        return self._caller

    @property
    def seat(self) -> SeatCaller:
        """The caller of an endpoint for seats."""
        if not isinstance(self._caller, SeatCaller):
            raise ProblemError("seat-unknown")
        return self._caller

    @property
    def account(self) -> AccountCaller:
        """The caller of an endpoint for accounts."""
        if not isinstance(self._caller, AccountCaller):
            raise ProblemError("sign-in-needed")
        return self._caller

    @property
    def roles(self) -> frozenset[str]:
        """What the caller is in the hearing of the path."""
        return self.caller.roles_for(self.hearing)

    @property
    def hearing(self) -> HearingFacts:
        if self._hearing is None:
            raise ProblemError("not-found")
        return self._hearing


class Gate:
    """Finds out who is asking, and for which hearing."""

    def __init__(self, store: Store, links: Links, accounts: Accounts, limit: RateLimit) -> None:
        self._store = store
        self._links = links
        self._accounts = accounts
        self._limit = limit

    def spend(self, connection: HTTPConnection) -> None:
        """Raises :class:`ProblemError` ``too-many``."""
        self.spend_as(address(connection))

    def spend_as(self, key: str, cost: float = COST) -> None:
        """Spend from the allowance of something else than an address.  Raises :class:`ProblemError` ``too-many``."""
        if not self._limit.spend(key, cost):
            raise ProblemError("too-many", {"Retry-After": str(self._limit.retry_after_s())})

    def missed(self, connection: HTTPConnection) -> None:
        """A link or cookie that does not exist was tried."""
        self._limit.punish(address(connection))

    async def caller(self, connection: HTTPConnection, row: Endpoint) -> Caller:
        """Who asks, as this row wants it.

        A window that says whose it is speaks by that seat.  Any other speaks by the account that is signed in in this
        browser, or by the seat that was taken last.  Raises :class:`ProblemError`.
        """
        named = PERSON_PARAMETER in connection.query_params
        token = connection.cookies.get(ACCOUNT_COOKIE)
        if row.by == "account" or (row.by == "either" and not named and token):
            try:
                return await self.account(connection, always=row.always)
            except ProblemError as refused:
                if row.by == "account" or refused.code != "sign-in-needed" or own_cookie(connection) is None:
                    raise
        return await self.seat(connection)

    async def account(self, connection: HTTPConnection, *, always: bool = False) -> AccountCaller:
        """The account that is signed in in this browser.  Raises :class:`ProblemError`."""
        token = connection.cookies.get(ACCOUNT_COOKIE)
        try:
            session = await self._accounts.session(token)
        except SignInRefused as refused:
            if token:
                self.spend(connection)
            raise ProblemError(refused.code) from refused
        if session.account.must_change and not always:
            raise ProblemError("password-must-change")
        return AccountCaller(session)

    async def seat(self, connection: HTTPConnection) -> SeatCaller:
        """The person whose window asks; other seats of the same browser count for nothing.

        Raises :class:`ProblemError`.
        """
        cookie = own_cookie(connection)
        try:
            seat = await self._links.seat(cookie)
        except LinkRefused as refused:
            if cookie and refused.code == "seat-unknown":
                self.spend(connection)
            raise ProblemError(refused.code) from refused
        facts = await self._store.docket.by_hearing(seat.person.hearing_id)
        if facts is None or facts.person(seat.person.id) is None:
            raise ProblemError("seat-unknown")
        return SeatCaller(seat, facts)

    async def admitted(self, caller: Caller, who: frozenset[str], path: Mapping[str, Any]) -> HearingFacts | None:
        """The hearing in the path, if there is one, to a caller who may.  Raises :class:`ProblemError`."""
        if "hearing_id" in path:
            return await self.hearing(caller, str(path["hearing_id"]), who)
        if "sitting_id" in path:
            return self._admit(caller, await self._store.docket.by_sitting(str(path["sitting_id"])), who)
        court_id = path.get("court_id")
        if court_id is not None and not caller.roles(court_id):
            raise ProblemError("not-found")
        if not caller.roles(court_id) & who:
            raise ProblemError("not-allowed")
        return None

    async def hearing(self, caller: Caller, hearing_id: str, who: frozenset[str]) -> HearingFacts:
        """The hearing this caller asks for.  Raises :class:`ProblemError`."""
        own = caller.facts if isinstance(caller, SeatCaller) and caller.facts.hearing_id == hearing_id else None
        return self._admit(caller, own or await self._store.docket.by_hearing(hearing_id), who)

    def _admit(self, caller: Caller, facts: HearingFacts | None, who: frozenset[str]) -> HearingFacts:
        roles = caller.roles_for(facts) if facts is not None else frozenset()
        if facts is None or not roles:
            raise ProblemError("not-found")
        if not roles & who:
            raise ProblemError("not-allowed")
        return facts

    async def again(self, ask: Ask) -> None:
        """Raises :class:`ProblemError` if whoever asked could not ask this now: signed out, seated elsewhere, or not
        any more what they were in the hearing."""
        seated = isinstance(ask.caller, SeatCaller)
        caller = await self.seat(ask.request) if seated else await self.account(ask.request)
        if caller.id != ask.caller.id or not ask.roles <= caller.roles_for(ask.hearing):
            raise ProblemError("not-allowed")

    async def seen(self, caller: Caller, facts: HearingFacts) -> None:
        """Raises :class:`ProblemError` if this hearing's record may not be seen now."""
        if code := await self.unseen(caller, facts):
            raise ProblemError(code)

    async def unseen(self, caller: Caller, facts: HearingFacts) -> str:
        """Why this hearing's record may not be seen now, whatever the caller's role; empty if it may."""
        rows = await self._store.custody.read(facts.hearing_id)
        custody = fold((row.decision for row in rows), facts.court.profile)
        if custody.destroyed:
            return "record-destroyed"
        return "record-hidden" if custody.hidden and CUSTODIAN not in caller.roles_for(facts) else ""

    async def note(self, caller: Caller, hearing_id: str, action: str, target: str, utc: int, **detail: object) -> int:
        """Write into the access ledger before anything is given out; answers the entry's number.

        Raises on a database that does not take it.
        """
        access = Access(
            actor=caller.id,
            role=",".join(sorted(caller.roles()))[:32],
            seat=caller.device,
            action=action,
            target=target[:512],
            detail=dict(detail),
        )
        seq = await self._store.ledger.write(hearing_id, access, utc)
        if (noted := _noted.get()) is not None:
            noted.append(action)
        log.info("access", hearing=hearing_id, person=access.actor, action=action, target=target, entry=seq)
        return seq


def court_ledger(court_id: str) -> str:
    """The name of the ledger of what is changed about a court's accounts."""
    return f"court {court_id}"[:64]
