"""Control, put together: the store, the law, the rooms and the pages, over a bus that is given."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route
from starlette.websockets import WebSocket

from recording.backup import OWED_FOLDER, PairedStore, paired
from recording.serve import RecordReader
from signaling import socket
from signaling.application import Seat
from signaling.bus import Bus
from signaling.rooms import Rooms
from signaling.turn import TurnServers

from .. import incoming
from ..added_files import AddedFiles
from ..certificates import Certificates
from ..config import Settings, variable
from ..exhibit_files import ExhibitFiles
from ..hearings import Hearings, RecorderClient
from ..links import Links
from ..mailing import Mailing
from ..notices import RecordNotices
from ..oidc import Providers, read_providers
from ..recording_tests import Path as RealPath
from ..recording_tests import RecordingTests
from ..store import Store, StoreError
from ..upkeep import upkeep
from ..web.app import create_app
from ..web.media_metrics import MediaMetrics
from ..words import Fault, Word
from ..written import WrittenRecords
from .lifetime import cancelled
from .parts import open_archive, prepare_archive, record_key
from .post_office import running_post
from .reconciliation import nightly

STATIC = Path(__file__).parent.parent / "web" / "static"
LINK_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Control:
    app: Starlette
    store: Store
    links: Links


@contextlib.asynccontextmanager
async def running_control(
    settings: Settings, bus: Bus, certificates: Certificates | None, base_url: str
) -> AsyncIterator[Control]:
    """Control at work, but for its listening sockets.  ``base_url`` begins the links that it sends.

    Raises :class:`Fault`.
    """
    async with contextlib.AsyncExitStack() as stack:
        store = await _open_database(settings)
        stack.push_async_callback(store.aclose)
        links = Links(store, link_secret(settings.link_key_path))
        rooms = Rooms(bus, turn=turn_servers(settings))
        await rooms.start()
        stack.push_async_callback(rooms.aclose)
        recorder = RecorderClient(bus)
        hearings = Hearings(store, rooms, recorder, countdown_s=settings.countdown_s)
        await hearings.start()
        stack.push_async_callback(hearings.aclose)

        providers = open_providers(settings)
        stack.push_async_callback(providers.aclose)
        post = await stack.enter_async_context(running_post(settings, store))
        sender = settings.mail_from if settings.mail else ""
        notices = RecordNotices(Mailing(store, links, base_url=base_url, sender=sender, posted=post.told), store)
        notices.start()
        stack.push_async_callback(notices.aclose)
        hearings.on_events = notices.heard
        await stack.enter_async_context(upkeep(store, settings.identity_days))

        async def serve_socket(websocket: WebSocket, seat: Seat) -> None:
            await socket.serve(websocket, seat, hearings)

        async def ready() -> dict[str, bool]:
            return {"recorder": hearings.recorder_state is not None}

        archive = open_archive(settings, settings.data / OWED_FOLDER)
        await prepare_archive(archive)
        uploads = settings.data / "uploads"
        await asyncio.to_thread(incoming.clear, uploads)
        key = partial(record_key, settings)  # the recorder makes it at its first start
        await stack.enter_async_context(nightly(store, archive, key, settings.lock_days))
        path = RealPath(bus, archive, key)
        tests = RecordingTests(store, path, lambda: rooms.heartbeats, settings.recording_test_hour)
        tests.start()
        stack.push_async_callback(tests.aclose)
        registry = CollectorRegistry()
        registry.register(MediaMetrics(lambda: rooms.heartbeats))
        if (pair := paired(archive)) is not None:
            await stack.enter_async_context(copying(pair, registry))
        reader = RecordReader(archive, key)
        written = WrittenRecords(store, hearings, reader, recorder.ask)
        written.start()
        stack.push_async_callback(written.aclose)
        app = create_app(
            store=store,
            links=links,
            hearings=hearings,
            archive=reader,
            written=written,
            tests=tests,
            exhibits=ExhibitFiles(archive, uploads),
            added=AddedFiles(archive, uploads, settings.added_limit_mb * 1024 * 1024),
            serve_socket=serve_socket,
            static_dir=STATIC,
            providers=providers,
            base_url=base_url,
            mail_sender=sender,
            share_hours=settings.share_hours,
            posted=post.told,
            allowed_origins=[settings.base_url] if settings.base_url else [],
            ready=ready,
            metrics_open=settings.metrics_open,
            registry=registry,
        )
        if certificates is not None:
            app.router.routes.insert(0, _authority_route(certificates))
        yield Control(app, store, links)


@contextlib.asynccontextmanager
async def copying(pair: PairedStore, registry: CollectorRegistry) -> AsyncIterator[None]:
    """Until the block is left, make the copies that control owes one of two storages: exhibits, what one lost."""
    text = "Objects that control stored, or found, in one of the two stores and that the other lacks still."
    owed = Gauge("hearing_control_copies_owed", text, registry=registry)
    owed.set_function(lambda: len(pair.owing()))
    task = asyncio.create_task(pair.run(), name="copies")
    try:
        yield
    finally:
        await cancelled(task)


def open_providers(settings: Settings) -> Providers:
    """The identity providers of the settings.  Raises :class:`Fault`."""
    if not settings.providers_file:
        return Providers()
    path = Path(settings.providers_file)
    try:
        return Providers(read_providers(path))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Fault("providers-unusable", path=path, reason=reason, name=variable("providers_file")) from error


def link_secret(path: Path) -> bytes:
    """The secret that signs personal links; made at the first start.  Raises :class:`Fault`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(LINK_KEY_BYTES))
        secret = path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise Fault("file-unreadable", path=path, reason=reason, name=variable("link_key_file")) from error
    if len(secret) < LINK_KEY_BYTES:
        few = Word("too-few-bytes", bytes=LINK_KEY_BYTES)
        raise Fault("file-unreadable", path=path, reason=few, name=variable("link_key_file"))
    return secret


def turn_servers(settings: Settings) -> TurnServers | None:
    """The relays that clients are told of, if the court has any.  Raises :class:`Fault`."""
    if not settings.relays:
        return None
    secret = settings.turn_secret
    if settings.turn_secret_file:
        try:
            secret = Path(settings.turn_secret_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise _unreadable_secret(settings, getattr(error, "strerror", None) or str(error)) from error
        if not secret:
            raise _unreadable_secret(settings, Word("too-few-bytes", bytes=1))
    return TurnServers(tuple(settings.relays), secret, settings.turn_lifetime_s)


def _unreadable_secret(settings: Settings, reason: str | Word) -> Fault:
    return Fault("file-unreadable", path=settings.turn_secret_file, reason=reason, name=variable("turn_secret_file"))


async def _open_database(settings: Settings) -> Store:
    try:
        return await Store.open(settings.database_url)
    except StoreError as error:
        raise Fault("database-unreachable", reason=error.detail or error.code) from error


def _authority_route(certificates: Certificates) -> Route:
    """The authority's certificate, for a phone to install."""

    async def authority(request: Request) -> FileResponse:
        return FileResponse(certificates.authority, media_type="application/x-x509-ca-cert", filename="ca.crt")

    return Route("/ca.crt", authority)
