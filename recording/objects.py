"""Object storage: a directory or an S3 bucket behind one interface, write-once and read back.

There is no way here to overwrite an object.  :meth:`ObjectStore.destroy` is for what the court decided to destroy, and
refuses what is locked (see :mod:`recording.locks`).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import aiofiles
import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import LocalStore, S3Store

from . import locks
from .blocks import read_pieces
from .copies import Different, copy_new
from .late_head import LateHead
from .locks import Lock, LockKind, Protection
from .spool import sync_folder

#: Pieces in which objects are streamed, bytes.
STREAM_BYTES = 1024 * 1024
#: Above this an upload to S3 is made in parts; a segment is always below it.
MULTIPART_ABOVE_BYTES = 64 * 1024 * 1024
PART_BYTES = 16 * 1024 * 1024
#: An object read whole into memory is at most this large.
READ_LIMIT_BYTES = 256 * 1024 * 1024

#: Folders of a directory that are remembered to be on the disk.
FOLDERS_REMEMBERED = 10_000


class StoreProblem(Exception):
    """The store could not do what was asked now; trying later may help."""


class NotStored(StoreProblem):
    """There is no such object."""


class AlreadyStored(Exception):
    """An object of this name exists and holds other bytes; it was left as it is."""


class Locked(StoreProblem):
    """The object may not be deleted now: it is locked, or under a legal hold."""


class ReadBackMismatch(StoreProblem):
    """What the store gives back is not what it was given."""


@dataclass(frozen=True, slots=True)
class S3Options:
    """How to reach an S3 service.  Without keys the environment's own credentials are used."""

    endpoint: str | None = None
    key_id: str | None = None
    secret: str | None = field(default=None, repr=False)
    region: str = "us-east-1"


@dataclass(frozen=True, slots=True)
class Stored:
    """``sha256`` in hex, of the bytes that were read back."""

    key: str
    size: int
    sha256: str
    version: str | None = None


class ObjectStore:
    """Objects under one prefix.  Keys use ``/`` and are relative to it.  Made by :func:`open_store`."""

    def __init__(self, store: Any, root: Path | None, lock: Lock | None = None) -> None:
        self._store = store
        self._root = root
        self._lock = lock
        #: Folders whose names are on the disk, by inode.
        self._named: dict[Path, int] = {}

    @property
    def lock_kind(self) -> LockKind:
        """What keeps the objects here; of a bucket known after :meth:`prepare`."""
        return LockKind.FILES if self._lock is not None and self._root is not None else LockKind.NONE

    async def prepare(self) -> None:
        """See, before anything is stored, that the storage locks as it was told to.

        Raises :class:`recording.locks.CannotLock`, or :class:`StoreProblem` if it does not answer now.
        """
        if self._root is not None and self._lock is not None and self._lock.demand == "compliance":
            raise locks.CannotLock("directory", str(self._root))

    async def put_new(self, key: str, source: bytes | Path) -> Stored:
        """Store once, read back and compare.  Putting the same bytes again is harmless and answers the same.

        A file must not change any more: a directory store on the same disk takes it over by a link, without a copy.
        Raises :class:`AlreadyStored`, :class:`ReadBackMismatch` or :class:`StoreProblem`.
        """
        size, digest = await asyncio.to_thread(_measure, source)
        version = None
        linked = isinstance(source, Path) and self._root is not None and await self._link(key, source, synced=False)
        with problems(key):
            try:
                if not linked:
                    result = await obstore.put_async(
                        self._store,
                        key,
                        source,
                        mode="create",
                        use_multipart=self._root is None and size > MULTIPART_ABOVE_BYTES,
                        chunk_size=PART_BYTES,
                    )
                    version = result.get("version")
            except AlreadyExistsError:
                if await self._digest(key) != (size, digest):
                    raise AlreadyStored(key) from None
            await self._make_sure(key)
        if not linked and await self.digest(key) != (size, digest):
            raise ReadBackMismatch(key)
        return Stored(key, size, digest, version)

    async def adopt(
        self, key: str, path: Path, size: int, sha256: str, data: memoryview | None = None
    ) -> Stored | None:
        """Take over a file that must not change any more, whose size and SHA-256 were read from it: by a link, or as a
        copy of its bytes if these are at hand in ``data``, read back and compared.

        Nothing if that cannot be: it is no directory, or not on the same disk, or the name is taken; then
        :meth:`put_new` it.  Raises :class:`ReadBackMismatch` or :class:`StoreProblem`.
        """
        return None

    async def claim(self, key: str, data: bytes) -> Stored:
        """As :meth:`put_new`, for a name that several may want at once: only one gets it."""
        return await self.put_new(key, data)

    async def _make_sure(self, key: str) -> None:
        """What is in a directory is locked, if that was asked for, and on the disk, with its name."""
        if self._root is None:
            return
        if self._lock is not None:
            await self.retain(key, int(time.time()) + self._lock.days * locks.DAY_S)
        await asyncio.to_thread(self._make_durable, self._root, key)

    def _make_durable(self, root: Path, key: str) -> None:
        """A directory answers before its bytes and names are on the disk; the spool must not be let go before.

        The names of the folders above are synced once: a folder is known by its inode, as it may be made anew.
        """
        path = root / key
        _sync_file(path)
        folder = path.parent
        sync_folder(folder)
        while folder != root and self._named.get(folder) != (inode := folder.stat().st_ino):
            sync_folder(folder.parent)
            if len(self._named) >= FOLDERS_REMEMBERED:
                self._named.clear()
            self._named[folder] = inode
            folder = folder.parent

    async def _link(self, key: str, source: Path, *, synced: bool = True) -> bool:
        """Give the file this name too, if nothing has it and the disk is the same.

        Its bytes are on the disk before: after a power cut the name might stand for others, and be taken for good.
        """
        assert self._root is not None
        target = self._root / key
        try:
            await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
            if not synced:
                await asyncio.to_thread(_sync_file, source)
            await asyncio.to_thread(os.link, source, target)
        except OSError:
            return False
        return True

    async def digest(self, key: str) -> tuple[int, str]:
        """Size and SHA-256 of what is stored, by reading it.  Raises :class:`StoreProblem`."""
        with problems(key):
            return await self._digest(key)

    async def digest_late(self, key: str, start: int) -> tuple[int, str]:
        """As :meth:`digest`, beginning at ``start``, the bytes before it last (:mod:`.late_head`)."""
        hasher = LateHead(start)
        async for piece in self.stream(key):
            await asyncio.to_thread(hasher.update, piece)
        return hasher.size, hasher.hexdigest()

    async def size(self, key: str) -> int:
        """Raises :class:`NotStored` or :class:`StoreProblem`."""
        with problems(key):
            return int((await obstore.head_async(self._store, key))["size"])

    async def read(self, key: str, limit: int = READ_LIMIT_BYTES) -> bytes:
        """A whole object.  Raises :class:`NotStored` or :class:`StoreProblem` (also if it is above the limit)."""
        with problems(key):
            result = await self._get(key)
            if result.meta["size"] > limit:
                raise StoreProblem(f"{key}: larger than {limit} bytes")
            return bytes(await result.bytes_async())

    async def stream(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from ``start`` up to, not including, ``end``.  Raises as :meth:`read`."""
        with problems(key):
            stop = await self.size(key) if end is None else end
            if start >= stop:
                return
            result = await self._get(key, range=(start, stop))
            async for piece in result.stream(min_chunk_size=STREAM_BYTES):
                yield bytes(piece)

    async def fetch(self, key: str, target: Path) -> Path:
        """A file with these bytes: the stored one itself if it is in a directory, else a copy at ``target``.

        It must only be read.  Raises :class:`NotStored` or :class:`StoreProblem`.
        """
        if self._root is not None:
            await self.size(key)
            return self._root / key
        async with aiofiles.open(target, "wb") as file:
            async for piece in self.stream(key):
                await file.write(piece)
        return target

    async def list(self, prefix: str) -> list[tuple[str, int]]:
        """Keys and sizes of all objects whose key begins with this folder, in the order of the keys."""
        found: list[tuple[str, int]] = []
        with problems(prefix):
            async for batch in obstore.list(self._store, prefix):
                found += [(str(item["path"]), int(item["size"])) for item in batch]
        return sorted(found)

    # --- custody ------------------------------------------------------------------------

    async def retain(self, key: str, until_s: int) -> None:
        """Lock the object until then (s since 1970), as far as the storage can; never for less than it is.

        Raises :class:`NotStored` or :class:`StoreProblem`.
        """
        if self._root is not None:
            with problems(key):
                await asyncio.to_thread(locks.commit_file, self._root / key, until_s)

    async def hold(self, key: str, *, on: bool) -> None:
        """Begin or end a legal hold, where the storage has such a thing.  Raises as :meth:`retain`."""

    async def protection(self, key: str) -> Protection:
        """What the storage itself says of the object.  Raises as :meth:`retain`."""
        if self._root is None:
            await self.size(key)
            return Protection()
        with problems(key):
            return await asyncio.to_thread(locks.committed, self._root / key)

    async def destroy(self, key: str) -> None:
        """Delete the object for good; harmless if there is none.  Raises :class:`Locked` or :class:`StoreProblem`."""
        with contextlib.suppress(NotStored):
            if locks.is_locked(await self.protection(key)):
                raise Locked(f"{key}: it is locked")
            with problems(key):
                await obstore.delete_async(self._store, key)

    # --- inside -------------------------------------------------------------------------

    async def _get(self, key: str, **options: Any) -> Any:
        """An answer of the storage for this object."""
        return await obstore.get_async(self._store, key, options=cast(Any, options))

    async def _digest(self, key: str) -> tuple[int, str]:
        result = await self._get(key)
        hasher, size = hashlib.sha256(), 0
        async for piece in result.stream(min_chunk_size=STREAM_BYTES):
            size += len(piece)
            if len(piece) > STREAM_BYTES // 4:
                await asyncio.to_thread(hasher.update, piece)
            else:
                hasher.update(piece)
        return size, hasher.hexdigest()


class DirectoryStore(ObjectStore):
    """A directory of this computer.  Made by :func:`open_store`."""

    async def read(self, key: str, limit: int = READ_LIMIT_BYTES) -> bytes:
        """Straight from the file, at half the processor time."""
        path = self._file(key)
        if path is None:
            return await super().read(key, limit)
        with problems(key):
            return await asyncio.to_thread(_read_file, key, path, limit)

    async def _digest(self, key: str) -> tuple[int, str]:
        path = self._file(key)
        return await super()._digest(key) if path is None else await asyncio.to_thread(_measure, path)

    async def digest_late(self, key: str, start: int) -> tuple[int, str]:
        path = self._file(key)
        if path is None:
            return await super().digest_late(key, start)
        with problems(key):
            return await asyncio.to_thread(_measure_late, path, start)

    def _file(self, key: str) -> Path | None:
        """The file that has this name, if it is written as the name is."""
        assert self._root is not None
        plain = key and not any(part in ("", ".", "..") for part in key.split("/"))
        path = self._root / key
        return path if plain and path.is_file() else None

    async def adopt(
        self, key: str, path: Path, size: int, sha256: str, data: memoryview | None = None
    ) -> Stored | None:
        assert self._root is not None
        with problems(key):
            if not await self._link(key, path):
                try:
                    if data is None or not await asyncio.to_thread(copy_new, self._root / key, data):
                        return None
                except Different:
                    raise ReadBackMismatch(key) from None
            await self._make_sure(key)
        return Stored(key, size, sha256)


def open_store(url: str, s3: S3Options | None = None, lock: Lock | None = None) -> ObjectStore:
    """``file:///folder`` (made if it is not there) or ``s3://bucket/prefix``.  ``lock``: whether and how it is to lock.

    Raises :class:`ValueError` if the address is of neither kind, :class:`OSError` if the folder cannot be made.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path.startswith("/"):
        root = Path(unquote(parts.path))
        made = [folder for folder in (root, *root.parents) if not folder.exists()]
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in made:  # all that will ever be stored hangs on these names
            sync_folder(folder.parent)
        return DirectoryStore(LocalStore(root), root, lock)
    if parts.scheme == "s3" and parts.netloc:
        bucket, prefix, options = parts.netloc, parts.path.strip("/"), s3 or S3Options()
        if lock is None:
            return ObjectStore(s3_client(bucket, prefix, options), None)
        from .locked import LockedBucket  # built on what is here

        return LockedBucket(bucket, prefix, options, lock)
    raise ValueError(f"not an address of an object store: {url!r} (use file:///folder or s3://bucket/prefix)")


def s3_client(bucket: str, prefix: str, options: S3Options) -> S3Store:
    """The client of the data path."""
    config: dict[str, Any] = {"region": options.region, "checksum_algorithm": "SHA256"}
    client: Any = {"timeout": "60s", "connect_timeout": "5s"}
    if options.endpoint:
        config |= {"endpoint": options.endpoint, "virtual_hosted_style_request": False}
        client["allow_http"] = options.endpoint.startswith("http://")
    if options.key_id and options.secret:
        config |= {"access_key_id": options.key_id, "secret_access_key": options.secret}
    # Retries beyond these few are the recorder's, which can say what it waits for.
    retry: Any = {"max_retries": 2}
    return S3Store(bucket, prefix=prefix or None, client_options=client, retry_config=retry, **config)


@contextlib.contextmanager
def problems(key: str) -> Any:
    try:
        yield
    except (NotFoundError, FileNotFoundError) as error:
        raise NotStored(key) from error
    except (BaseError, OSError) as error:
        raise StoreProblem(f"{key}: {error}") from error


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _measure(source: bytes | Path) -> tuple[int, str]:
    if isinstance(source, bytes):
        return len(source), hashlib.sha256(source).hexdigest()
    with source.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return file.tell(), digest.hexdigest()


def _measure_late(path: Path, start: int) -> tuple[int, str]:
    hasher = LateHead(start)
    with path.open("rb", buffering=0) as file:
        for piece in read_pieces(file.fileno(), STREAM_BYTES):
            hasher.update(piece)
    return hasher.size, hasher.hexdigest()


def _read_file(key: str, path: Path, limit: int) -> bytes:
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size > limit:
            raise StoreProblem(f"{key}: larger than {limit} bytes")
        return file.read()
