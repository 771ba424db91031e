"""One recording's way from the spool to the object store, and back again after a restart."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import mmap
import os
import shutil
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .chain import ReadSegment, read_segment
from .format import FormatError, read_header
from .manifest import RAW_PREFIX, prefix
from .native.hashing import able
from .objects import AlreadyStored, ObjectStore
from .record import Record
from .recovery import recover
from .spool import CLOSED_SUFFIX, LOCK_NAME, OPEN_SUFFIX, segment_name, sync_folder, try_lock

log = logging.getLogger(__name__)

#: A store that gave back other bytes than it was given is asked again after this, s: it may have been ill for a while.
CONFLICT_AGAIN_S = 15.0


@dataclass(slots=True)
class _Memory:
    """``bytes`` begin at a page, as disks want it (:mod:`.blocks`)."""

    bytes: mmap.mmap = field(default_factory=lambda: mmap.mmap(-1, mmap.PAGESIZE))


class Uploads:
    """Room for so many segments on their way to the store at a time.

    The memory that they are read into is used again: what the system gives anew must be cleared and mapped each time.
    """

    def __init__(self, limit: int) -> None:
        self._room = asyncio.Semaphore(limit)
        self._spare: list[_Memory] = []

    @contextlib.asynccontextmanager
    async def one(self) -> AsyncIterator[_Memory]:
        """Memory for a segment."""
        async with self._room:
            memory = self._spare.pop() if self._spare else _Memory()
            yield memory
            # Not so after an error or a cancellation, when a thread or the store may still look at it.
            self._spare.append(memory)


class Archive:
    """Moves closed segments of one recording to the store, in order, and feeds them to its :class:`Record`.

    A segment leaves the spool only after the store gave back the same bytes.  What a dead writer left is recovered.
    """

    def __init__(self, spool: Path, store: ObjectStore, recording_id: str, work: Path | None) -> None:
        self.recording_id = recording_id
        self.record = Record(recording_id, work)
        self.folder = spool / recording_id
        self.objects = 0
        self.bytes = 0
        #: Playable files do not grow now, so that the disk is left to the spool; :meth:`rebuild` makes them later.
        self.disk_short = False
        #: Writers whose lock is held by a living process.
        self.live: set[str] = set()
        #: Segments the store seems to hold other bytes for, and when to look again (monotonic, s); they stay in the
        #: spool and nothing is overwritten.
        self.conflicts: dict[str, float] = {}
        self._store = store
        self._work = work

    def backlog(self) -> int:
        return len(self._conflict_free(self.folder.glob(f"*/*{CLOSED_SUFFIX}")))

    async def step(self, uploads: Uploads) -> bool:
        """Archive what is closed now.  Answers whether anything is left here or may still come.

        Raises :class:`recording.objects.StoreProblem` or :class:`OSError`; then call it again later.
        """
        seen = await asyncio.to_thread(_look, self.folder)
        self.live &= {folder.name for folder, _, _ in seen}
        for folder, closed, live in seen:
            await self._archive_closed(folder, closed, uploads)
            lock = None if live else await asyncio.to_thread(try_lock, folder)
            if lock is None:
                self.live.add(folder.name)
                continue
            try:
                # Nobody writes here any more: the writer ended or died.
                self.live.discard(folder.name)
                await self._archive_closed(folder, await asyncio.to_thread(_closed, folder), uploads)
                await self.catch_up(folder.name)
                for done in await asyncio.to_thread(recover, folder, self.record.chain(folder.name)):
                    log.warning("recovered %s: %d torn bytes set apart", done.path, done.torn_bytes)
                await self._archive_closed(folder, await asyncio.to_thread(_closed, folder), uploads)
                await asyncio.to_thread(_remove, folder)
            finally:
                os.close(lock)
        if seen:
            return True
        with contextlib.suppress(OSError):
            self.folder.rmdir()
        return False

    async def catch_up(self, writer: str | None = None) -> None:
        """Feed what the store holds and the record has not seen: after a restart, or of another node's recorder."""
        place = prefix(self.recording_id) + RAW_PREFIX + (f"{writer}/" if writer else "")
        found = [key for key, _ in await self._store.list(place)]
        missing: list[tuple[str, str]] = []
        for key in found:
            name = key[len(prefix(self.recording_id)) :]
            owner, segment = name.removeprefix(RAW_PREFIX).rsplit("/", 1)
            if segment.endswith(CLOSED_SUFFIX) and segment >= segment_name(self.record.next_segment(owner)):
                missing.append((owner, name))
        if len({owner for owner, _ in missing}) > 1:
            missing = await self._by_time(missing)
        for owner, name in missing:
            if name.rsplit("/", 1)[1] >= segment_name(self.record.next_segment(owner)):
                data = await self._store.read(prefix(self.recording_id) + name)
                await self._feed(owner, name, data)

    async def rebuild(self) -> None:
        """Forget the record and make it anew from the store, all writers in order of time."""
        self.record.discard_files()
        self.record = Record(self.recording_id, self._work)
        self.objects = self.bytes = 0
        self.disk_short = False
        await self.catch_up()

    async def _by_time(self, missing: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Segments of several writers by the time in their headers, each writer's own in order."""
        timed: list[tuple[int, str, str]] = []
        for owner, name in missing:
            head = b"".join([piece async for piece in self._store.stream(prefix(self.recording_id) + name, 0, 4096)])
            try:
                wall_us = read_header(head)[0].wall_us
            except FormatError:
                wall_us = timed[-1][0] if timed and timed[-1][1] == owner else 0
            timed.append((wall_us, owner, name))
        return [(owner, name) for _, owner, name in sorted(timed)]

    async def _archive_closed(self, folder: Path, closed: list[Path], uploads: Uploads) -> None:
        for path in sorted(self._conflict_free(closed)):
            async with uploads.one() as memory:
                await self._archive(folder.name, path, memory)

    async def _archive(self, writer: str, path: Path, memory: _Memory) -> None:
        name = f"{RAW_PREFIX}{writer}/{path.name}"
        number = int(path.name.removesuffix(CLOSED_SUFFIX))
        if number > self.record.next_segment(writer):
            await self.catch_up(writer)
        key = prefix(self.recording_id) + name
        read = await asyncio.to_thread(_read, path, memory)
        data = memoryview(memory.bytes)[: read.size]
        try:
            stored = await self._store.adopt(key, path, read.size, read.sha256.hex(), data)
            if stored is None:
                stored = await self._store.put_new(key, bytes(data))
        except AlreadyStored:
            log.error("%s: the store holds other bytes under this name; %s is kept", name, path)
            self.conflicts[str(path)] = time.monotonic() + CONFLICT_AGAIN_S
            return
        self.conflicts.pop(str(path), None)
        if number >= self.record.next_segment(writer):
            await self._feed(writer, name, data, read)
        await asyncio.to_thread(_let_go, path)

    async def _feed(self, writer: str, name: str, data: bytes | memoryview, read: ReadSegment | None = None) -> None:
        if self.disk_short and self.record.work is not None:
            self.record.give_up_files()
        await asyncio.to_thread(self.record.feed, writer, name, data, "", read)
        self.objects += 1
        self.bytes += len(data)

    def _conflict_free(self, paths: Iterable[Path]) -> list[Path]:
        now = time.monotonic()
        return [path for path in paths if self.conflicts.get(str(path), 0.0) <= now]


def recordings(spool: Path) -> dict[str, bool]:
    """The recordings on the spool, and whether there is anything to do for them; in one go, as this is asked often.

    That is a closed segment, a writer that ended or died, or a folder that nobody writes to.  Raises :class:`OSError`.
    """
    with os.scandir(spool) as entries:
        found = [Path(entry.path) for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    return {path.name: _calls(path) for path in found}


def _calls(folder: Path) -> bool:
    seen = _look(folder)
    return not seen or any(closed or not live for _, closed, live in seen)


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir())
    except FileNotFoundError:
        return []


def _look(folder: Path) -> list[tuple[Path, list[Path], bool]]:
    """Each writer's folder, its closed segments, and whether the writer lives."""
    seen = []
    for each in _folders(folder):
        with contextlib.suppress(FileNotFoundError):  # it was removed just now
            lock = try_lock(each)
            if lock is not None:
                os.close(lock)
            seen.append((each, _closed(each), lock is None))
    return seen


def _closed(folder: Path) -> list[Path]:
    names = [name for name in os.listdir(folder) if name.endswith(CLOSED_SUFFIX) and name[:6].isdigit()]
    return [folder / name for name in names]


def _read(path: Path, memory: _Memory) -> ReadSegment:
    """Read a segment into this memory, or larger one that takes its place, and check every hash in it."""
    at = 0
    with path.open("rb", buffering=0) as file:
        wanted = os.fstat(file.fileno()).st_size + 1  # one more, so that its end is seen
        if wanted > len(memory.bytes):
            memory.bytes = mmap.mmap(-1, wanted)
        view = memoryview(memory.bytes)
        while got := file.readinto(view[at:]):
            at += got
    return read_segment(view[:at], library=able())


def _let_go(path: Path) -> None:
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def _remove(folder: Path) -> None:
    """Remove a writer's folder once only the lock is left in it.  The caller holds the lock."""
    names = {path.name for path in folder.iterdir()}
    drafts = {name for name in names if name.endswith(OPEN_SUFFIX + ".mended")}
    if names - drafts <= {LOCK_NAME}:
        shutil.rmtree(folder)
