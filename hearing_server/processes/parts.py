"""Parts that several processes are made of, built from the settings."""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections.abc import Coroutine
from typing import Any

import structlog
import uvloop

from recording.backup import OWED_FOLDER, PairedStore
from recording.objects import ObjectStore, S3Options, open_store

from ..addresses import PortUse
from ..config import Settings, variable
from ..words import Fault, Word

log = structlog.get_logger(__name__)

SOFTWARE = f"hearing-platform {importlib.metadata.version('hearing-platform')}"


def s3_options(settings: Settings) -> S3Options:
    return S3Options(
        endpoint=settings.s3_endpoint or None,
        key_id=settings.s3_key_id or None,
        secret=settings.s3_secret or None,
        region=settings.s3_region,
    )


def port_uses(settings: Settings) -> list[tuple[str, int, PortUse]]:
    """Address, port and use of everything that listens."""
    return [
        (settings.http_address, settings.http_port, PortUse(variable("http_port"), "HTTP")),
        (settings.https_address, settings.https_port, PortUse(variable("https_port"), "HTTPS")),
        *(
            (settings.media_address, port, PortUse(variable("media_port"), Word("use-media"), "tcp+udp"))
            for port in settings.media_ports
        ),
    ]


def open_archive(settings: Settings) -> ObjectStore:
    """The object storage of the settings, with its backup if there is one.  Raises :class:`Fault`."""
    primary = _open(settings.store_url, s3_options(settings), "store")
    if not settings.backup_store:
        return primary
    options = S3Options(
        endpoint=settings.backup_s3_endpoint or None,
        key_id=settings.backup_s3_key_id or None,
        secret=settings.backup_s3_secret or None,
        region=settings.backup_s3_region,
    )
    backup = _open(settings.backup_store, options, "backup_store")
    return PairedStore(primary, backup, settings.spool_folder / OWED_FOLDER)


def _open(url: str, options: S3Options, name: str) -> ObjectStore:
    try:
        return open_store(url, options)
    except OSError as error:
        reason = error.strerror or str(error)
        raise Fault("folder-not-writable", path=url, reason=reason, name=variable(name)) from error


def need_shared_bus(settings: Settings, command: str) -> None:
    """A process that nobody supervises reaches the others over Redis only.  Raises :class:`Fault`."""
    if settings.bus == "local:":
        raise Fault("bus-needs-redis", command=command)


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run a process's main coroutine on the fast event loop; log what ends it, and answer 1 then."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(main)
    except (Fault, KeyboardInterrupt):
        raise
    except Exception:
        log.exception("process.failed")
        return 1
