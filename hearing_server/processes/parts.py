"""Parts that several processes are made of, built from the settings."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
from collections.abc import Coroutine
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
import uvloop

from recording.age import Recipient
from recording.backup import PairedStore
from recording.encrypted import EncryptedStore
from recording.keys import (
    KeyProblem,
    PublicKey,
    SigningKey,
    load_or_make,
    load_or_make_identity,
    load_public,
    publish,
)
from recording.locks import CannotLock, Lock
from recording.objects import ObjectStore, S3Options, StoreProblem, open_store
from recording.tokens import open_key
from signaling.bus import BusClosed

from ..addresses import PortUse
from ..config import Settings, variable
from ..words import Fault, Word

log = structlog.get_logger(__name__)

#: In the data folder: large files while they are encrypted.
ENCRYPTING_FOLDER = "encrypting"
#: How long a process that starts waits for its object storage, s; it goes on without it.
PREPARE_LIMIT_S = 5.0

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


def signing_key(settings: Settings, *, make: bool = False) -> SigningKey:
    """What seals this court's records: in a file, or in a token; its public half is published.

    ``make``: a new one if there is none yet.  Only the recorder does that: what another process would make is not the
    key of this court's records.  Raises :class:`Fault`.
    """
    setting, path = "key_token" if settings.key_token else "key_file", settings.record_key_path
    if not settings.key_token and not make and not path.exists():
        raise Fault("key-missing", path=path, name=variable(setting))
    try:
        key = open_key(settings.key_token) if settings.key_token else load_or_make(path)
        publish(settings.public_key_path, key.public)
    except KeyProblem as error:
        raise Fault("key-unusable", reason=error, name=variable(setting)) from error
    return key


def record_key(settings: Settings) -> PublicKey | None:
    """The public half of the key that seals this court's records; none if it is not here (yet), or cannot be read."""
    with contextlib.suppress(KeyProblem):
        return load_public(settings.public_key_path)
    return None


def needed_record_key(settings: Settings) -> PublicKey:
    """The same, where nothing can be done without it.  Raises :class:`Fault`."""
    path = settings.public_key_path
    if not path.exists():
        raise Fault("public-key-missing", path=path, name=variable("public_key_file"))
    try:
        return load_public(path)
    except KeyProblem as error:
        raise Fault("public-key-unusable", reason=error) from error


def lock_of(settings: Settings) -> Lock | None:
    return None if settings.lock == "off" else Lock(settings.lock, settings.lock_days)


def open_archive(settings: Settings, owed: Path | None = None) -> ObjectStore:
    """The object storage of the settings, with its backup if there is one.  Raises :class:`Fault`.

    ``owed``: where it is noted what one of the two lacks, for who makes those copies: this process, and no other.
    Without it nothing can be stored while either is away.
    """
    lock = lock_of(settings)
    primary = _open(settings.store_url, s3_options(settings), "store", lock)
    return encrypted(_with_backup(primary, settings, lock, owed), settings)


def encrypted(store: ObjectStore, settings: Settings) -> ObjectStore:
    """The same storage, with its records encrypted if the settings name anybody for whom.  Raises :class:`Fault`."""
    if not settings.escrow:
        return store
    path = settings.record_identity_path
    try:
        identity = load_or_make_identity(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Fault("identity-unusable", path=path, reason=reason, name=variable("record_identity")) from error
    escrow = [Recipient.parse(recipient) for recipient in settings.escrow]
    return EncryptedStore(store, identity, escrow, settings.data / ENCRYPTING_FOLDER)


def _with_backup(primary: ObjectStore, settings: Settings, lock: Lock | None, owed: Path | None) -> ObjectStore:
    if not settings.backup_store:
        return primary
    options = S3Options(
        endpoint=settings.backup_s3_endpoint or None,
        key_id=settings.backup_s3_key_id or None,
        secret=settings.backup_s3_secret or None,
        region=settings.backup_s3_region,
    )
    backup = _open(settings.backup_store, options, "backup_store", lock)
    return PairedStore(primary, backup, owed)


async def prepare_archive(store: ObjectStore) -> None:
    """See that the storage locks as the court demands; one that is away is looked at later.  Raises :class:`Fault`."""
    try:
        async with asyncio.timeout(PREPARE_LIMIT_S):
            await store.prepare()
    except CannotLock as error:
        raise Fault(f"lock-{error.code}", place=error.place, reason=error.detail, name=variable("lock")) from error
    except (StoreProblem, TimeoutError) as error:
        log.warning("store.away", error=repr(error))


def _open(url: str, options: S3Options, name: str, lock: Lock | None) -> ObjectStore:
    try:
        return open_store(url, options, lock)
    except OSError as error:
        reason = error.strerror or str(error)
        raise Fault("folder-not-writable", path=url, reason=reason, name=variable(name)) from error


def need_shared_bus(settings: Settings, command: str) -> None:
    """A process that nobody supervises reaches the others over Redis only.  Raises :class:`Fault`."""
    if settings.bus == "local:":
        raise Fault("bus-needs-redis", command=command)


def without_password(url: str) -> str:
    """An address as it may be shown and logged."""
    parts = urlsplit(url)
    return url if "@" not in parts.netloc else parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def run(main: Coroutine[Any, Any, int], bus: str = "") -> int:
    """Run a process's main coroutine on the fast event loop; log what ends it, and answer 1 then.

    Raises :class:`Fault`, also where the bus at that address does not answer at the start; later on it is waited for.
    """
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(main)
    except (Fault, KeyboardInterrupt):
        raise
    except BusClosed as error:
        raise Fault("bus-unreachable", url=without_password(bus), reason=error) from error
    except Exception:
        log.exception("process.failed")
        return 1
