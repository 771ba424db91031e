"""What a connection tells of itself: its cookies, its window, its address, where its page is from."""

from __future__ import annotations

import ipaddress
from typing import Final

from starlette.requests import HTTPConnection

#: The seat taken last in this browser, and one cookie per person (``seat-<person id>``), so that several people's
#: windows can be open in one browser, each with a seat of its own (``?person=`` says which).
SEAT_COOKIE = "seat"
PERSON_PARAMETER = "person"
#: Seats one browser keeps; the demo has seven.
SEATS_LIMIT = 16

#: What proxies add (RFC 7239, and before it).
FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-real-ip")

#: The session of a signed-in account.
ACCOUNT_COOKIE = "staff"


def person_cookie(person_id: str) -> str:
    """The cookie that holds this person's seat."""
    return f"{SEAT_COOKIE}-{person_id}"


def own_cookie(connection: HTTPConnection) -> str | None:
    """The seat of the person whose window asks; of a window that does not say whose it is, the one taken last."""
    person = connection.query_params.get(PERSON_PARAMETER)
    return connection.cookies.get(SEAT_COOKIE if person is None else person_cookie(person))


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
