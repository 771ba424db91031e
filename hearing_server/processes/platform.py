"""Control at work, with or without its children: what ``hearing serve`` and ``hearing demo`` have in common."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from recording.messages import TOPIC as RECORDER_TOPIC
from signaling.bus import Bus
from signaling.bus.factory import open_bus
from signaling.worker_api import HEARTBEAT_TOPIC, heartbeat_decoder

from .. import config
from ..addresses import PortUse, bind_tcp, in_url, local_addresses
from ..certificates import Certificates, ensure
from ..config import Settings
from ..terminal import Steps, Terminal
from ..words import FAULT_CODE, Fault, Word
from . import folder
from .control import Control, running_control
from .lifetime import cancelled, end_of_life
from .supervisor import ChildSpec, Death, Supervisor
from .web_server import serving

log = structlog.get_logger(__name__)

MEDIA_WORKER, RECORDER = "media-worker", "recorder"
#: How long a child may take until it is heard on the bus, s.
CHILD_READY_S = 30.0
WEB_PAGES = Path(__file__).parent.parent / "web" / "static" / "index.html"
STEPS = 5


@dataclass(frozen=True, slots=True)
class Platform:
    """``base_url`` is for this computer; ``https_url`` for others, or nothing if it has no address in a network."""

    control: Control
    base_url: str
    https_url: str | None
    certificates: Certificates | None
    supervisor: Supervisor | None
    #: Done when this process is told to end.  A second signal kills the children and ends it where it stands.
    told: asyncio.Future[str]


@contextlib.asynccontextmanager
async def running(
    settings: Settings, terminal: Terminal, steps: Steps, *, with_children: bool
) -> AsyncIterator[Platform]:
    """Start everything in order; stop it in the other order.  Raises :class:`Fault`."""
    async with contextlib.AsyncExitStack() as stack:
        with steps.step("step-folder"):
            if not WEB_PAGES.exists():
                raise Fault("client-missing")
            folder.check(settings.data)
            stack.enter_context(folder.held(settings.data))
        with steps.step("step-certificates"):
            certificates = None if settings.tls_certificate else ensure(settings.certificates_folder)
            tls = (certificates or _given(settings)).context()
        with steps.step("step-server"):
            http = bind_tcp(settings.http_address, settings.http_port, _use("http_port", "HTTP"))
            stack.callback(_close, http)
            https = bind_tcp(settings.https_address, settings.https_port, _use("https_port", "HTTPS"))
            stack.callback(_close, https)
            base_url, https_url = _urls(settings, http[0].getsockname()[1], https[0].getsockname()[1])
            bus = await stack.enter_async_context(open_bus(settings.bus, settings.run_folder, hub=True))
            control = await stack.enter_async_context(
                running_control(settings, bus, certificates, settings.base_url or https_url or base_url)
            )
        supervisor = None
        if with_children:
            supervisor = await stack.enter_async_context(_children(settings, terminal, steps, bus))
        # Last to begin and first to end: pages are told before what they use goes away.
        await stack.enter_async_context(serving(control.app, http, proxies=settings.proxies))
        await stack.enter_async_context(serving(control.app, https, tls, settings.proxies))
        # Before anybody is told that it is ready: who then asks it to end must be heard.
        told = end_of_life(supervised=False, on_second_signal=supervisor.kill if supervisor else None)
        yield Platform(control, base_url, https_url, certificates, supervisor, told)


def _close(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()


def _use(setting: str, name: str) -> PortUse:
    return PortUse(config.variable(setting), name)


def _given(settings: Settings) -> Certificates:
    certificate, key = Path(settings.tls_certificate), Path(settings.tls_key)
    for name, path in (("tls_certificate", certificate), ("tls_key", key)):
        try:
            path.open("rb").close()
        except OSError as error:
            reason = error.strerror or str(error)
            raise Fault("file-unreadable", path=path, reason=reason, name=config.variable(name)) from error
    return Certificates(certificate, certificate, key)


def _urls(settings: Settings, http_port: int, https_port: int) -> tuple[str, str | None]:
    base_url = settings.base_url.rstrip("/")
    if not base_url:
        host = settings.http_address
        host = "localhost" if host == "*" else f"[{host}]" if ":" in host else host
        base_url = f"http://{host}:{http_port}"
    addresses = local_addresses()
    if settings.base_url.startswith("https:"):
        return base_url, base_url
    return base_url, f"https://{in_url(addresses[0])}:{https_port}" if addresses else None


@contextlib.asynccontextmanager
async def _children(settings: Settings, terminal: Terminal, steps: Steps, bus: Bus) -> AsyncIterator[Supervisor]:
    #: Filled while starting, by a child that met something the person at the terminal has to mend, and has said so.
    refused: asyncio.Future[Death] = asyncio.get_running_loop().create_future()
    starting = True

    def on_death(death: Death) -> None:
        if starting and death.code == FAULT_CODE:
            if not refused.done():
                refused.set_result(death)
            return
        reason = Word("by-signal", number=-death.code) if death.code < 0 else Word("by-code", code=death.code)
        key = "child-died-wait" if death.wait_s else "child-died"
        terminal.say(key, name=Word(death.name), reason=reason, delay=death.wait_s)

    supervisor = Supervisor(
        [*media_worker_specs(settings), _spec(settings, RECORDER)],
        on_death=on_death,
        on_return=lambda name: None if refused.done() else terminal.say("child-back", name=Word(name)),
    )
    async with bus.subscribe(HEARTBEAT_TOPIC) as worker_news, bus.subscribe(RECORDER_TOPIC) as recorder_news:
        await supervisor.start()
        try:
            with steps.step("step-worker"):
                heard: set[str] = set()
                while len(heard) < settings.media_processes:
                    beat = await _heard(worker_news, MEDIA_WORKER, refused)
                    heard.add(heartbeat_decoder.decode(beat).worker_id)
            with steps.step("step-recorder"):
                await _heard(recorder_news, RECORDER, refused)
        except BaseException:
            await supervisor.stop()
            raise
        starting = False
    try:
        yield supervisor
    finally:
        await supervisor.stop()


async def _heard(news: AsyncIterator[tuple[str, bytes]], name: str, refused: asyncio.Future[Death]) -> bytes:
    """Wait for a child's next sign of life.  Raises :class:`Fault`."""
    first = asyncio.ensure_future(anext(news))
    waiting: set[asyncio.Future[Any]] = {first, refused}
    await asyncio.wait(waiting, timeout=CHILD_READY_S, return_when=asyncio.FIRST_COMPLETED)
    if first.done():
        return first.result()[1]
    await cancelled(first)
    if refused.done():
        raise Fault("child-refused", name=Word(refused.result().name))
    raise Fault("child-silent", name=Word(name), seconds=int(CHILD_READY_S))


def media_worker_specs(settings: Settings) -> list[ChildSpec]:
    """One worker for each process that the settings name: the first at the media port, each other one port further."""
    specs = []
    for number, port in enumerate(settings.media_ports, 1):
        own_id = f"{settings.worker_id}-{number}" if settings.worker_id and number > 1 else settings.worker_id
        specs.append(_spec(dataclasses.replace(settings, media_port=port, worker_id=own_id), MEDIA_WORKER, number))
    return specs


def _spec(settings: Settings, name: str, number: int = 1) -> ChildSpec:
    """A child reads the same settings; beside a log file of ours it gets one of its own."""
    own = settings
    if settings.log_file:
        file = f"{name}.log" if number == 1 else f"{name}-{number}.log"
        own = dataclasses.replace(settings, log_file=str(Path(settings.log_file).with_name(file)))
    others = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(config.PREFIX) or key == config.LANGUAGE_VARIABLE
    }
    return ChildSpec(
        name,
        [sys.executable, "-m", "hearing_server", name, "--supervised"],
        {**others, **config.environment(own)},
        number,
    )
