"""Records encrypted at rest: each hearing under a key of its own, and that key for the court and those it chose.

``keys/<sitting id>.age`` holds the hearing's identity, encrypted for the court's servers and every escrow holder; each
object of ``hearings/<sitting id>/`` and ``added/<sitting id>/`` is encrypted for the hearing's recipient.  Both are
plain age files.  Hashes, sizes and signatures are those of the plain bytes, so that a copy that was handed out verifies
as ever.  A record that was begun without encryption stays as it is; names of objects, decisions on custody and the
transparency log are not encrypted.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import shutil
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from tempfile import mkdtemp

import aiofiles

from . import age
from .age import AgeProblem, Identity, Recipient
from .locks import LockKind, Protection
from .manifest import ADDED_PREFIX, HEARINGS_PREFIX, KEYS_PREFIX, TESTS_PREFIX, key_name, prefix
from .objects import (
    READ_LIMIT_BYTES,
    STREAM_BYTES,
    AlreadyStored,
    NotStored,
    ObjectStore,
    ReadBackMismatch,
    Stored,
    StoreProblem,
)
from .spool import try_lock

log = logging.getLogger(__name__)

#: Hearings whose key is remembered, and objects whose opened header is, each about 200 bytes.
HEARINGS_KEPT = 1000
HEADS_KEPT = 5000
#: Every object of a hearing is for one recipient, so that all headers are equally long.
HEADER_BYTES = age.header_bytes(1)
#: Pieces that are read at a time.
PIECES_AT_A_TIME = STREAM_BYTES // age.PIECE_BYTES
RECORD_FOLDERS = (HEARINGS_PREFIX, ADDED_PREFIX, TESTS_PREFIX)


class EncryptedStore(ObjectStore):
    """``identity`` is the court's own, which its servers need to play and to check; ``escrow`` can open it too.

    ``work`` is where large files lie while they are encrypted; nothing: only what fits into memory can be stored.
    """

    def __init__(self, inner: ObjectStore, identity: Identity, escrow: Sequence[Recipient], work: Path | None) -> None:
        super().__init__(inner._store, inner._root)
        self.inner = inner
        self._identity = identity
        self._recipients = list(dict.fromkeys([identity.recipient, *escrow]))
        self._work = work
        self._keys: OrderedDict[str, Identity | None] = OrderedDict()
        self._heads: OrderedDict[str, tuple[age.Head, int]] = OrderedDict()
        self._making = asyncio.Lock()

    # --- storing ------------------------------------------------------------------------

    async def put_new(self, key: str, source: bytes | Path) -> Stored:
        sitting = _sitting(key)
        hearing = None if sitting is None else await self._hearing_key(sitting, make=True)
        if hearing is None:
            return await self.inner.put_new(key, source)
        if isinstance(source, bytes):
            size, digest = len(source), hashlib.sha256(source).hexdigest()
            sealed = await asyncio.to_thread(_sealed, source, hearing)
            stored = await self._put(key, sealed, size, digest)
        else:
            async with _workplace(self._folder()) as folder:
                path = folder / "sealed"
                size, digest = await asyncio.to_thread(_seal_file, source, path, hearing)
                stored = await self._put(key, path, size, digest)
        return stored

    async def claim(self, key: str, data: bytes) -> Stored:
        if _sitting(key) is None:
            return await self.inner.claim(key, data)
        return await self.put_new(key, data)

    async def _put(self, key: str, sealed: bytes | Path, size: int, digest: str) -> Stored:
        """The same plain bytes never give the same sealed ones: what is there already is opened and compared."""
        try:
            stored = await self.inner.put_new(key, sealed)
        except AlreadyStored:
            if await self.digest(key) != (size, digest):
                raise
            return Stored(key, size, digest)
        return Stored(key, size, digest, stored.version)

    def _folder(self) -> Path:
        if self._work is None:
            raise StoreProblem("no place to encrypt a file in")
        return self._work

    # --- reading ------------------------------------------------------------------------

    async def digest(self, key: str) -> tuple[int, str]:
        if await self._key_of(key) is None:
            return await self.inner.digest(key)
        hasher, size = hashlib.sha256(), 0
        async for piece in self.stream(key):
            size += len(piece)
            await asyncio.to_thread(hasher.update, piece)
        return size, hasher.hexdigest()

    async def size(self, key: str) -> int:
        size = await self.inner.size(key)
        return size if await self._key_of(key) is None else age.plain_size(size, HEADER_BYTES)

    async def read(self, key: str, limit: int = READ_LIMIT_BYTES) -> bytes:
        hearing = await self._key_of(key)
        if hearing is None:
            return await self.inner.read(key, limit)
        sealed = await self.inner.read(key, limit + limit // 1024 + HEADER_BYTES)
        data = await asyncio.to_thread(_opened, key, sealed, hearing)
        if len(data) > limit:
            raise StoreProblem(f"{key}: larger than {limit} bytes")
        return data

    async def stream(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        hearing = await self._key_of(key)
        if hearing is None:
            async for piece in self.inner.stream(key, start, end):
                yield piece
            return
        head, whole = await self._head(key, hearing)
        stop = min(whole, whole if end is None else end)
        if start >= stop and whole:
            return
        number = start // age.PIECE_BYTES
        while True:
            first, upto = number, min(number + PIECES_AT_A_TIME, max(1, -(-stop // age.PIECE_BYTES)))
            last = upto * age.PIECE_BYTES >= whole
            at = head.start + first * age.SEALED_PIECE_BYTES
            sealed = await self._part(key, at, head.start + upto * age.SEALED_PIECE_BYTES, last=last, whole=whole)
            plain = await asyncio.to_thread(_pieces, key, head, first, sealed, last)
            begin = max(0, start - first * age.PIECE_BYTES)
            wanted = plain[begin : stop - first * age.PIECE_BYTES]
            if wanted:
                yield wanted
            number = upto
            if number * age.PIECE_BYTES >= stop:
                return

    async def fetch(self, key: str, target: Path) -> Path:
        if await self._key_of(key) is None:
            return await self.inner.fetch(key, target)
        async with aiofiles.open(target, "wb") as file:
            async for piece in self.stream(key):
                await file.write(piece)
        return target

    async def list(self, prefix: str) -> list[tuple[str, int]]:
        found = await self.inner.list(prefix)
        sittings = {sitting for key, _ in found if (sitting := _sitting(key)) is not None}
        if len(sittings) > 1:
            keys = {key for key, _ in await self.inner.list(KEYS_PREFIX)}
            sealed = {sitting for sitting in sittings if key_name(sitting) in keys}
        else:
            sealed = {sitting for sitting in sittings if await self._hearing_key(sitting) is not None}
        return [(key, age.plain_size(size, HEADER_BYTES) if _sitting(key) in sealed else size) for key, size in found]

    async def _part(self, key: str, start: int, end: int, *, last: bool, whole: int) -> bytes:
        if last:
            tags = age.TAG_BYTES * max(1, -(-whole // age.PIECE_BYTES))
            end = HEADER_BYTES + whole + tags
        return b"".join([piece async for piece in self.inner.stream(key, start, end)])

    async def _head(self, key: str, hearing: Identity) -> tuple[age.Head, int]:
        known = self._heads.get(key)
        if known is None:
            size = await self.inner.size(key)
            data = b"".join([piece async for piece in self.inner.stream(key, 0, min(size, HEADER_BYTES))])
            try:
                known = age.open_header(data, [hearing]), age.plain_size(size, HEADER_BYTES)
            except AgeProblem as error:
                raise StoreProblem(f"{key}: {error}") from error
            self._heads[key] = known
            if len(self._heads) > HEADS_KEPT:
                self._heads.popitem(last=False)
        return known

    # --- the hearings' keys ---------------------------------------------------------------

    async def _key_of(self, key: str) -> Identity | None:
        sitting = _sitting(key)
        return None if sitting is None else await self._hearing_key(sitting)

    async def _hearing_key(self, sitting: str, *, make: bool = False) -> Identity | None:
        """The key of this hearing; nothing for a record that is not encrypted, or that has not begun."""
        if sitting in self._keys:
            self._keys.move_to_end(sitting)
            return self._keys[sitting]
        async with self._making:
            try:
                known: Identity | None = await self._open_key(sitting)
            except NotStored:
                begun = bool(await self.inner.list(prefix(sitting)))
                if not begun and not make:
                    return None
                known = None if begun else await self._make_key(sitting)
            self._keys[sitting] = known
            if len(self._keys) > HEARINGS_KEPT:
                self._keys.popitem(last=False)
            return known

    async def _open_key(self, sitting: str) -> Identity:
        sealed = await self.inner.read(key_name(sitting))
        try:
            return Identity.parse(age.decrypt(sealed, [self._identity]).decode())
        except (AgeProblem, ValueError) as error:
            raise StoreProblem(f"{key_name(sitting)}: {error}") from error

    async def _make_key(self, sitting: str) -> Identity:
        made = Identity.generate()
        try:
            await self.inner.claim(key_name(sitting), age.encrypt(f"{made}\n".encode(), self._recipients))
        except AlreadyStored:  # another recorder was first
            return await self._open_key(sitting)
        log.info("hearing %s has a key: %s", sitting, made.recipient)
        return made

    # --- custody ------------------------------------------------------------------------

    @property
    def lock_kind(self) -> LockKind:
        return self.inner.lock_kind

    async def prepare(self) -> None:
        if self._work is not None:
            await asyncio.to_thread(clear_abandoned, self._work)
        await self.inner.prepare()

    async def retain(self, key: str, until_s: int) -> None:
        await self.inner.retain(key, until_s)

    async def hold(self, key: str, *, on: bool) -> None:
        await self.inner.hold(key, on=on)

    async def protection(self, key: str) -> Protection:
        return await self.inner.protection(key)

    async def destroy(self, key: str) -> None:
        await self.inner.destroy(key)
        self._heads.pop(key, None)


@contextlib.asynccontextmanager
async def _workplace(work: Path) -> AsyncIterator[Path]:
    """A folder in ``work``, which is locked for as long as it is needed, and gone then.  Raises :class:`OSError`."""
    folder, lock = await asyncio.to_thread(_locked_folder, work)
    try:
        yield folder
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        os.close(lock)


def _locked_folder(work: Path) -> tuple[Path, int]:
    work.mkdir(parents=True, exist_ok=True, mode=0o700)
    while True:
        folder = Path(mkdtemp(dir=work))
        with contextlib.suppress(FileNotFoundError):
            if (lock := try_lock(folder)) is not None:
                return folder, lock
        # Another process that starts has just taken it for an abandoned one.


def clear_abandoned(work: Path) -> None:
    """Remove what processes that were killed left while they encrypted; several processes work here."""
    for folder in work.iterdir() if work.is_dir() else ():
        with contextlib.suppress(OSError):
            if (lock := try_lock(folder)) is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)


def _sitting(key: str) -> str | None:
    """The sitting whose record this object is of, or was added to; or the test recording."""
    folder, _, rest = key.partition("/")
    sitting, slash, _ = rest.partition("/")
    return sitting if slash and f"{folder}/" in RECORD_FOLDERS else None


def _sealed(data: bytes, hearing: Identity) -> bytes:
    """Encrypted, and opened again to see that it can be."""
    sealed = age.encrypt(data, [hearing.recipient])
    if age.decrypt(sealed, [hearing]) != data:
        raise ReadBackMismatch("what was encrypted does not open")
    return sealed


def _seal_file(source: Path, target: Path, hearing: Identity) -> tuple[int, str]:
    """Encrypt a file; answers size and SHA-256 of what it holds."""
    sealer, hasher, size = age.Sealer([hearing.recipient]), hashlib.sha256(), 0
    with source.open("rb") as reader, target.open("xb") as writer:
        writer.write(sealer.begin())
        while data := reader.read(STREAM_BYTES):
            hasher.update(data)
            size += len(data)
            writer.write(sealer.feed(data))
        writer.write(sealer.end())
    return size, hasher.hexdigest()


def _opened(key: str, sealed: bytes, hearing: Identity) -> bytes:
    try:
        return age.decrypt(sealed, [hearing])
    except AgeProblem as error:
        raise StoreProblem(f"{key}: {error}") from error


def _pieces(key: str, head: age.Head, number: int, sealed: bytes, last: bool) -> bytes:
    try:
        return head.pieces(number, sealed, last=last)
    except AgeProblem as error:
        raise StoreProblem(f"{key}: {error}") from error
