"""The application of control: the route table, and what stands around it."""

from __future__ import annotations

import asyncio
import importlib.metadata
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute, compile_path
from starlette.websockets import WebSocket

from recording.serve import RecordReader
from signaling.application import Seat

from ..accounts import Accounts
from ..added_files import AddedFiles
from ..exhibit_files import ExhibitFiles
from ..hearings import Hearings
from ..links import Links
from ..mailing import Mailing
from ..oidc import Providers
from ..recording_tests import RecordingTests
from ..store import HearingFacts, Store, StoreError
from ..written import WrittenRecords
from . import devices
from .access import Ask, Endpoint, Gate, in_ledger
from .accounts import CourtAccounts
from .added import Added
from .archive import Archive
from .arrival import Arrival
from .attendance import Attendance
from .bookings import Bookings
from .callers import Caller
from .connections import is_local, same_origin
from .custody import CustodyDesk
from .desk import Desk
from .exhibits import Exhibits
from .guests import Guests
from .identity import Identity
from .invitations import Invitations
from .levels import LevelDesk
from .limits import RateLimit
from .metrics import HearingGauges
from .middleware import BodyLimit, Measured, SecurityHeaders
from .notices import Notices
from .observers import Observers
from .openapi import document
from .pages import Pages
from .people import People
from .problems import Json, ProblemError, locale_of, problem
from .record_endpoints import record_endpoints
from .recording_tests import RecordingTestDesk
from .records import Records
from .shared import Shared
from .shares import Shares
from .sign_in import SignIn
from .sign_in_endpoints import sign_in_endpoints
from .written import Written

log = structlog.get_logger(__name__)

#: Speaks the signalling protocol on an accepted socket, for this seat (:func:`signaling.socket.serve`).
ServeSocket = Callable[[WebSocket, Seat], Awaitable[None]]
#: What a node needs besides its database, by name, and whether it is there.
Ready = Callable[[], Awaitable[dict[str, bool]]]

VERSION = importlib.metadata.version("hearing-platform")
#: What lies below is the record itself: not shown while it is hidden, nor when it was destroyed.
RECORD_PATH = "/api/hearings/{sitting_id}/record"
CHANGING = frozenset({"POST", "DELETE"})
#: How long a client may take to send the few hundred bytes of a body, s.
BODY_TIMEOUT_S = 10.0
#: Sockets that one seat may have: a page has one, and those it lost stay until they are silent for long enough.
SOCKETS_PER_SEAT = 16


def create_app(
    *,
    store: Store,
    links: Links,
    hearings: Hearings,
    archive: RecordReader,
    serve_socket: ServeSocket,
    static_dir: Path,
    exhibits: ExhibitFiles,
    added: AddedFiles,
    written: WrittenRecords,
    tests: RecordingTests,
    accounts: Accounts | None = None,
    providers: Providers | None = None,
    base_url: str = "",
    mail_sender: str = "",
    share_hours: int = 72,
    posted: Callable[[], None] = lambda: None,
    allowed_origins: Sequence[str] = (),
    ready: Ready | None = None,
    registry: CollectorRegistry | None = None,
    metrics_open: bool = False,
) -> Starlette:
    """The ASGI application.

    ``base_url`` begins links in messages, which come from ``mail_sender``; ``share_hours``: how long a shared record is
    open if nothing else is said; ``posted`` is called when some were written.
    ``allowed_origins``: origins of our own pages besides the address asked (a proxy in front may change that).
    ``serve_socket`` is called with a checked seat and an accepted socket.  ``registry`` may hold metrics of
    others; ``/metrics`` shows all of it, to programs on this computer or, with ``metrics_open``, to everybody.
    """
    origins = frozenset(origin.rstrip("/") for origin in allowed_origins)
    metrics = registry or CollectorRegistry()
    ProcessCollector(registry=metrics)
    metrics.register(HearingGauges(hearings))
    accounts = accounts or Accounts(store)
    providers = providers or Providers()
    gate = Gate(store, links, accounts, RateLimit(time.monotonic))
    invitations = Invitations(store, links, base_url=base_url, sender=mail_sender, posted=posted)
    mailing = Mailing(store, links, base_url=base_url, sender=mail_sender, posted=posted)
    attendance = Attendance(store, hearings)
    identity = Identity(store, links, hearings, attendance, gate)
    pages = Pages(static_dir)
    records = Records(store, hearings, archive, gate)
    table = (
        *identity.endpoints(),
        *People(store, links, hearings, invitations, gate).endpoints(),
        *record_endpoints(records),
        *Archive(store, hearings, records, gate).endpoints(),
        *Shares(store, records, hearings.levels, mailing, gate, share_hours).endpoints(),
        *Shared(store, hearings, records, mailing, gate, links.derived_key(b"share codes")).endpoints(),
        *Added(store, hearings, added, gate).endpoints(),
        *LevelDesk(hearings, gate).endpoints(),
        *sign_in_endpoints(SignIn(store, accounts, providers, gate, origins)),
        *CourtAccounts(store, accounts, providers, gate).endpoints(),
        *Bookings(store, links, hearings, invitations, gate).endpoints(),
        *Observers(store, links, hearings, attendance, gate).endpoints(),
        *Notices(store, invitations, gate).endpoints(),
        *Arrival(store, hearings, attendance, gate, links.derived_key(b"identity documents")).endpoints(),
        *Exhibits(store, hearings, exhibits, gate).endpoints(),
        *CustodyDesk(store, hearings, archive, gate).endpoints(),
        *Desk(store, hearings, attendance, gate, tests.hour).endpoints(),
        *RecordingTestDesk(store, tests, gate).endpoints(),
        *Guests(store, links, hearings, identity, gate).endpoints(),
        *Written(written, archive, attendance, gate, hearings.levels).endpoints(),
    )
    described = document(table, VERSION)
    sockets: Counter[str] = Counter()

    async def openapi(request: Request) -> Response:
        return Json(described)

    async def healthz(request: Request) -> Response:
        """The process answers."""
        return Json({"status": "ok"})

    async def readyz(request: Request) -> Response:
        """The process can do its work: its database, and what the composition adds, are there."""
        parts = {"database": await _answers(store), **(await ready() if ready else {})}
        answer = parts if metrics_open or is_local(request) else {"ready": all(parts.values())}
        return Json(answer, 200 if all(parts.values()) else 503)

    async def show_metrics(request: Request) -> Response:
        if not (metrics_open or is_local(request)):
            raise ProblemError("not-found")
        return Response(generate_latest(metrics), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def signal(websocket: WebSocket) -> None:
        """Only our own pages, and only with a seat."""
        locale = locale_of(websocket)
        try:
            if not same_origin(websocket, origins):
                raise ProblemError("origin-refused")
            caller = await gate.seat(websocket)
            if sockets[caller.seat.id] >= SOCKETS_PER_SEAT:
                raise ProblemError("too-many", {"Retry-After": "6"})
        except ProblemError as refused:
            await websocket.send_denial_response(problem(refused.code, locale, refused.headers))
            return
        except StoreError as error:
            log.error("store.failed", code=error.code, detail=error.detail)
            await websocket.send_denial_response(problem(error.code, locale))
            return
        seat = caller.seat
        sockets[seat.id] += 1
        try:
            await websocket.accept()
            made = devices.of(websocket.headers.get("user-agent", ""))
            await serve_socket(
                websocket, Seat(caller.facts.sitting_id, seat.person.id, seat.id, locale, made.kind, made.browser)
            )
        finally:
            sockets[seat.id] -= 1
            if not sockets[seat.id]:
                del sockets[seat.id]

    routes: list[Route | WebSocketRoute] = [
        *_api_routes(table, gate, origins),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", show_metrics),
        Route("/openapi.json", openapi),
        WebSocketRoute("/signal", signal),
        Route("/", pages.party),
        Route("/hearing", pages.party),
        Route("/j/{token}", pages.party),
        Route("/g/{token}", pages.party),
        Route("/shared/{token}", pages.party),
        Route("/exhibits", pages.party),
        Route("/written/{sitting_id}", pages.party),
        Route("/staff", pages.staff),
        Route("/staff/{page:path}", pages.staff),
        Route("/record/{hearing_id}", pages.staff),
        Route("/verify.html", pages.verifier),
        Route("/{path:path}", pages.asset),
    ]
    return Starlette(
        routes=routes,
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(Measured, registry=metrics),
            Middleware(BodyLimit, larger=_body_limits(table)),
        ],
        exception_handlers={ProblemError: _problem, StoreError: _store_error, HTTPException: _http_error},
    )


def _api_routes(table: Sequence[Endpoint], gate: Gate, origins: frozenset[str]) -> list[Route]:
    return [Route(row.path, _handled(row, gate, origins), methods=[row.method], name=row.name) for row in table]


def _handled(row: Endpoint, gate: Gate, origins: frozenset[str]) -> Callable[[Request], Awaitable[Response]]:
    """What every endpoint has in common: origin, allowance, seat, hearing, role, body."""
    decoder = None if row.body is None else msgspec.json.Decoder(row.body)

    async def endpoint(request: Request) -> Response:
        request.scope["hearing.route"] = row.path
        if any("\0" in str(part) for part in request.path_params.values()):
            raise ProblemError("not-found")  # no name has it, and not every database takes it
        if row.method in CHANGING and not same_origin(request, origins):
            raise ProblemError("origin-refused")
        if row.limited:
            gate.spend(request)
        caller: Caller | None = None
        hearing: HearingFacts | None = None
        if row.who is not None:
            caller = await gate.caller(request, row)
            hearing = await gate.admitted(caller, row.who, request.path_params)
            if hearing is not None and row.path.startswith(RECORD_PATH):
                await gate.seen(caller, hearing)
        body = None
        if decoder is not None:
            try:
                async with asyncio.timeout(BODY_TIMEOUT_S):
                    body = decoder.decode(await request.body())
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise ProblemError("invalid") from error
            except (TimeoutError, ClientDisconnect) as error:
                raise ProblemError("invalid", {"Connection": "close"}) from error
        return await in_ledger(row, Ask(request, locale_of(request), body, caller, hearing))

    return endpoint


def _body_limits(table: Sequence[Endpoint]) -> list[tuple[str, re.Pattern[str], int]]:
    return [(row.method, compile_path(row.path)[0], row.body_limit) for row in table if row.body_limit]


async def _answers(store: Store) -> bool:
    try:
        await store.ping()
    except StoreError as error:
        log.error("store.failed", code=error.code, detail=error.detail)
        return False
    return True


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return problem(error.code, locale_of(request), error.headers)


async def _store_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, StoreError)
    log.error("store.failed", code=error.code, detail=error.detail)
    return problem(error.code, locale_of(request))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "invalid")
    return problem(code, locale_of(request), error.headers)
