"""Who is asking, and may they: one table of routes and roles, checked in one place.

A hearing that somebody has no business with does not exist for them (404); within their own hearing they are told
that their role does not allow it (403).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from ..court import Role
from ..links import LinkRefused, Links
from ..store import Access, HearingFacts, SeatRow, Store
from .limits import RateLimit
from .problems import ProblemError

log = structlog.get_logger(__name__)

#: The seat taken last in this browser, and one cookie per person (``seat-<person id>``), so that several people's
#: windows can be open in one browser, each with a seat of its own (``?person=`` says which).
SEAT_COOKIE = "seat"
PERSON_PARAMETER = "person"
#: Seats one browser keeps; the demo has seven.
SEATS_LIMIT = 16

#: What proxies add (RFC 7239, and before it).
FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-real-ip")

EVERYBODY: Final = frozenset(role.value for role in Role)
#: The archive: judges for their own hearings, clerks for their court's (hearing-model.md §6, listen to recording).
STAFF: Final = frozenset({Role.JUDGE.value, Role.CLERK.value})
#: Who hands out links.
CLERK: Final = frozenset({Role.CLERK.value})


@dataclass(frozen=True, slots=True)
class Caller:
    """A seat, and the hearing it belongs to."""

    seat: SeatRow
    facts: HearingFacts

    @property
    def role(self) -> str:
        return self.seat.person.role


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A row of the route table.

    ``who`` is nothing for strangers, else the roles allowed.  ``limited`` entries spend from the address's allowance.
    ``body`` and ``answer`` are the msgspec types of the JSON, if it is JSON.
    """

    name: str
    method: str
    path: str
    summary: str
    handler: Callable[[Ask], Awaitable[Response]]
    who: frozenset[str] | None = None
    limited: bool = False
    body: Any = None
    answer: Any = None
    status: int = 200
    media_type: str = "application/json"


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
    def hearing(self) -> HearingFacts:
        if self._hearing is None:
            raise ProblemError("not-found")
        return self._hearing


class Gate:
    """Finds out who is asking, and for which hearing."""

    def __init__(self, store: Store, links: Links, limit: RateLimit) -> None:
        self._store = store
        self._links = links
        self._limit = limit

    def spend(self, connection: HTTPConnection) -> None:
        """Raises :class:`ProblemError` ``too-many``."""
        if not self._limit.spend(address(connection)):
            raise ProblemError("too-many", {"Retry-After": str(self._limit.retry_after_s())})

    def missed(self, connection: HTTPConnection) -> None:
        """A link or cookie that does not exist was tried."""
        self._limit.punish(address(connection))

    async def caller(self, connection: HTTPConnection) -> Caller:
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
        if facts is None:
            raise ProblemError("seat-unknown")
        return Caller(seat, facts)

    async def admitted(self, caller: Caller, who: frozenset[str], hearing_id: str | None) -> HearingFacts | None:
        """The hearing in the path, if there is one, to a caller who may.  Raises :class:`ProblemError`."""
        if hearing_id is not None:
            return await self.hearing(caller, hearing_id, who)
        if caller.role not in who:
            raise ProblemError("not-allowed")
        return None

    async def hearing(self, caller: Caller, hearing_id: str, who: frozenset[str]) -> HearingFacts:
        """The hearing this caller asks for.  Raises :class:`ProblemError`."""
        facts = (
            caller.facts if hearing_id == caller.facts.hearing_id else await self._store.docket.by_hearing(hearing_id)
        )
        if facts is None or not concerns(caller, facts):
            raise ProblemError("not-found")
        if caller.role not in who:
            raise ProblemError("not-allowed")
        return facts

    async def note(self, caller: Caller, hearing_id: str, action: str, target: str, utc: int, **detail: object) -> None:
        """Write into the access ledger before anything is given out.  Raises on a database that does not take it."""
        access = Access(
            actor=caller.seat.person.id,
            role=caller.role,
            seat=caller.seat.id,
            action=action,
            target=target[:512],
            detail=dict(detail),
        )
        seq = await self._store.ledger.write(hearing_id, access, utc)
        log.info("access", hearing=hearing_id, person=access.actor, action=action, target=target, entry=seq)


def person_cookie(person_id: str) -> str:
    """The cookie that holds this person's seat."""
    return f"{SEAT_COOKIE}-{person_id}"


def own_cookie(connection: HTTPConnection) -> str | None:
    """The seat of the person whose window asks; of a window that does not say whose it is, the one taken last."""
    person = connection.query_params.get(PERSON_PARAMETER)
    return connection.cookies.get(SEAT_COOKIE if person is None else person_cookie(person))


def concerns(caller: Caller, facts: HearingFacts) -> bool:
    """Whether this hearing is any business of the caller's."""
    if facts.hearing_id == caller.facts.hearing_id:
        return True
    person = caller.seat.person
    if person.role == Role.CLERK:
        return facts.court.id == caller.facts.court.id
    if person.role == Role.JUDGE and person.account is not None:
        return facts.judge.account == person.account
    return False


def address(connection: HTTPConnection) -> str:
    return connection.client.host if connection.client else "unknown"


def is_local(connection: HTTPConnection) -> bool:
    """Whether a program on this computer asks, and no proxy on it for somebody else."""
    if any(name in connection.headers for name in FORWARDED):
        return False
    try:
        return ipaddress.ip_address(address(connection)).is_loopback
    except ValueError:
        return False


def same_origin(connection: HTTPConnection, allowed: frozenset[str]) -> bool:
    """Whether a browser's request comes from our own pages; a client that sends no Origin is no browser."""
    origin = connection.headers.get("origin")
    if origin is None or origin in allowed:
        return True
    host = connection.headers.get("host", "")
    secure = connection.url.scheme in ("https", "wss")
    return bool(host) and origin.lower() == f"{'https' if secure else 'http'}://{host}".lower()


def over_https(connection: HTTPConnection) -> bool:
    """Whether the browser is on HTTPS; where a proxy in front of us ends it, the Origin, checked before, says so."""
    return connection.url.scheme == "https" or connection.headers.get("origin", "").startswith("https://")
