"""The media worker process: the forwarding plane with the record's sink behind it."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from typing import cast

import structlog

from recording.capture import SpoolSink
from recording.format import PLAYABLE_CODECS
from signaling.bus.factory import open_bus
from signaling.sfu.capture import CaptureSink
from signaling.sfu.collector import keep_collected
from signaling.sfu.native.library import Unavailable
from signaling.sfu.service import new_epoch, run_worker
from signaling.sfu.settings import WorkerSettings
from signaling.sfu.worker import Worker

from .. import logs
from ..addresses import local_addresses
from ..config import Settings, variable
from ..words import Fault, Word
from . import folder
from .lifetime import cancelled, until_told_or_done
from .parts import SOFTWARE, need_shared_bus, run

log = structlog.get_logger(__name__)

LOOPBACK = "127.0.0.1"
#: How long the thread that writes the record may keep the interpreter from the packets (CPython: 5 ms).
SWITCH_INTERVAL_S = 0.0005


def main(settings: Settings, *, supervised: bool) -> int:
    folder.keep_private()
    logs.configure(settings, "media-worker")
    if not supervised:
        need_shared_bus(settings, "hearing media-worker")
    folder.check(settings.spool_folder, "spool")
    return run(_serve(settings, supervised=supervised), settings.bus)


async def _serve(settings: Settings, *, supervised: bool) -> int:
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    epoch = new_epoch()
    worker_id = settings.worker_id or _own_name(settings.media_port)
    sink = SpoolSink(settings.spool_folder, f"{worker_id}.{epoch}", software=SOFTWARE)
    # The same shapes under other names: neither package may import the other.
    try:
        worker = Worker(_worker_settings(settings), cast(CaptureSink, sink))
    except Unavailable as error:
        raise Fault("hot-path-missing", reason=str(error), name=variable("media_hot_path")) from error
    try:
        await worker.start()
    except OSError as error:
        raise Fault(
            "port-in-use", port=settings.media_port, use=Word("use-media"), name=variable("media_port")
        ) from error
    async with open_bus(settings.bus, settings.run_folder, hub=False) as bus:
        serving = asyncio.create_task(run_worker(worker, bus, worker_id, epoch))
        collecting = asyncio.create_task(keep_collected(lambda: worker.load().packets_out_s))
        log.info("worker.ready", worker=worker_id, epoch=epoch, port=worker.port, hot_path=worker.hot_path)
        try:
            await until_told_or_done(serving, supervised=supervised)
        finally:
            # The last chunks go to disk first: what counts is the record.
            await worker.aclose()
            await sink.aclose()
            await cancelled(serving)
            await cancelled(collecting)
    return 0


def _own_name(port: int) -> str:
    host = "".join(letter if letter.isalnum() or letter == "-" else "-" for letter in socket.gethostname())
    return f"{host[:48] or 'worker'}-{port or os.getpid()}"


def _worker_settings(settings: Settings) -> WorkerSettings:
    if settings.media_address == "localhost":
        listen: tuple[str, ...] = (LOOPBACK,)
    elif settings.media_address == "*":
        listen = _own_among(settings.announced) or (("0.0.0.0", "::") if socket.has_ipv6 else ("0.0.0.0",))
    else:
        listen = (settings.media_address,)
    return WorkerSettings(
        listen=listen,
        # A room carries what its record can show.
        codecs=PLAYABLE_CODECS,
        port=settings.media_port,
        own=_own(listen),
        announced=_announced(settings, listen),
        packets_out_limit_s=settings.media_packets_per_s,
        hot_path=settings.media_hot_path,
    )


def _own_among(announced: tuple[str, ...]) -> tuple[str, ...]:
    """The announced addresses, if all are this computer's own.

    A datagram leaves a wildcard socket from the address that its route prefers, which on a computer with several is not
    always the one that was asked; browsers drop such answers.
    """
    try:
        for address in announced:
            with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.bind((address, 0))
    except OSError:  # of a router in front
        return ()
    return announced


def _own(listen: tuple[str, ...]) -> tuple[str, ...]:
    """Beside a wildcard: every address of this computer."""
    found = [str(address) for address in local_addresses()] if listen[0] == "0.0.0.0" else []
    return tuple(found)


def _announced(settings: Settings, listen: tuple[str, ...]) -> tuple[str, ...]:
    """With a wildcard: every address of this computer, and loopback for a browser on it while it has no network."""
    if settings.announced:
        return settings.announced
    if settings.media_address != "*":
        return ()
    found = [str(address) for address in local_addresses() if address.version == 4 or "::" in listen]
    return (*found, LOOPBACK)
