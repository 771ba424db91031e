"""Small pure ASGI layers: headers that keep pages safe, a bound on bodies, measurement, and the last net for errors."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence

import structlog
from prometheus_client import Counter, Histogram
from prometheus_client.registry import CollectorRegistry
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problems import BrokenOff, locale_of, problem

log = structlog.get_logger(__name__)

#: Largest body of any request, bytes; the API takes small JSON objects only.
BODY_LIMIT_BYTES = 16 * 1024

#: The policy's language knows no IPv6 addresses (CSP Level 3 §2.3.1, host-source); browsers complain of one.
_HOST = re.compile(r"^[A-Za-z0-9.\-]+(:[0-9]{1,5})?$")

#: Everything comes from this origin; media elements and workers also from blobs that the page itself made.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "media-src 'self' blob:; worker-src 'self' blob:; manifest-src 'self'; connect-src 'self'{sockets}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # The personal link is in the address of the page, and must not reach anybody else.
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "camera=(self), microphone=(self), display-capture=(self), screen-wake-lock=(self), autoplay=(self), "
        "fullscreen=(self), speaker-selection=(self), geolocation=(), payment=(), usb=(), serial=()"
    ),
}


class SecurityHeaders:
    """Adds the policy to every answer.  Older browsers need the socket's address written out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host", "")
        sockets = f" ws://{host} wss://{host}" if _HOST.match(host) else ""

        async def send_with(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", _POLICY.format(sockets=sockets))
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with)


class _TooLarge(Exception):
    pass


class BodyLimit:
    """Refuses a body above the limit, whether it says its length or not.

    ``larger``: method, pattern of the path and limit of the addresses that take more.
    """

    def __init__(
        self,
        app: ASGIApp,
        limit: int = BODY_LIMIT_BYTES,
        larger: Sequence[tuple[str, re.Pattern[str], int]] = (),
    ) -> None:
        self._app = app
        self._usual = limit
        self._larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "0")
        limit = self._limit(scope)
        if not (length.isascii() and length.isdigit() and int(length) <= limit):
            await self._refuse(scope, receive, send)
            return
        taken = 0

        async def receive_some() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise _TooLarge
            return message

        try:
            await self._app(scope, receive_some, send)
        except _TooLarge:
            await self._refuse(scope, receive, send)

    def _limit(self, scope: Scope) -> int:
        method, path = scope["method"], scope["path"]
        return next((limit for of, pattern, limit in self._larger if of == method and pattern.match(path)), self._usual)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = problem("too-large", locale_of(HTTPConnection(scope)), {"Connection": "close"})
        await answer(scope, receive, send)


class Measured:
    """Counts and times requests by route, and turns what nobody caught into a problem in the reader's language."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._requests = Counter(
            "hearing_http_requests", "HTTP requests answered.", ("method", "route", "status"), registry=registry
        )
        self._seconds = Histogram(
            "hearing_http_request_seconds", "Time to the end of an answer.", ("route",), registry=registry
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 0

        async def send_seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_seen)
        except BrokenOff as broken:
            # Whoever serves us ends the connection of an answer that is not whole.
            log.info("http.broken_off", route=_route(scope), code=str(broken))
        except Exception:
            log.exception("http.failed", route=_route(scope))
            if status == 0:
                await problem("unexpected", locale_of(HTTPConnection(scope)))(scope, receive, send_seen)
        finally:
            route = _route(scope)
            self._requests.labels(_method(scope), route, str(status)).inc()
            self._seconds.labels(route).observe(time.perf_counter() - began)


def _route(scope: Mapping[str, object]) -> str:
    """The route's pattern, which bounds the number of series; addresses as asked would not."""
    return str(scope.get("hearing.route", "other"))


def _method(scope: Mapping[str, object]) -> str:
    method = str(scope.get("method", ""))
    return method if method in ("GET", "HEAD", "POST", "DELETE") else "other"
