"""Segment files on the spool: one writer's series for one recording.  :mod:`.spool_thread` writes them.

Folder: ``<spool>/<recording_id>/<writer>/``.  A segment is ``000000.hrec.open`` while it grows and ``000000.hrec`` when
it is closed.  ``lock`` is held by flock(2) as long as the writer lives; the kernel lets go of it when a process dies,
so that the recorder can tell an open segment from an orphan.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import MappingProxyType

from .digests import Addition, CompiledHash, SegmentHash, Unhashed, fastest
from .format import (
    CHUNK_OVERHEAD_BYTES,
    NO_PREDECESSOR,
    RECORDING_TRACK,
    SegmentHeader,
    pack_head,
    pack_header,
    pack_note,
)

OPEN_SUFFIX = ".hrec.open"
CLOSED_SUFFIX = ".hrec"
LOCK_NAME = "lock"

#: A segment is closed when it is this old or this large: about 360 objects per hearing-hour.
ROLL_AFTER_NS = 10_000_000_000
ROLL_AFTER_BYTES = 32 * 1024 * 1024
#: How often and after what pause the lock is tried again before that is a fault.
LOCK_TRIES = 50
LOCK_WAIT_S = 0.01
#: Most pieces that one writev(2) takes (IOV_MAX of Linux).
WRITE_PIECES = 1024

#: Names become folders and parts of object keys.
_NAME = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,127}")


def check_name(name: str) -> str:
    """A recording's or writer's name that is safe as a folder.  Raises :class:`ValueError`."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a name for a folder of the spool: {name!r}")
    return name


def segment_name(number: int, suffix: str = CLOSED_SUFFIX) -> str:
    return f"{number:06d}{suffix}"


@dataclass(slots=True)
class PendingChunk:
    """Records of one track on their way to disk; index and chain are given when they are written."""

    track: int
    records: bytes | bytearray
    count: int
    mono_ns: tuple[int, int]
    wall_ns: tuple[int, int]


@dataclass(slots=True)
class Batch:
    """What one recording gathered up to one reading of the clocks, at most one chunk of each track.  ``end`` is the
    reason if it is the last one."""

    series: SegmentSeries
    chunks: list[PendingChunk]
    mono_ns: int
    wall_ns: int
    size: int
    end: str | None = None


@dataclass(slots=True)
class _Chain:
    next_index: int = 0
    head: bytes = NO_PREDECESSOR


#: A record of which nothing is known but its id.
UNNAMED: Mapping[str, str] = MappingProxyType({})


class SegmentSeries:
    """The segments of one recording by one writer.  Used by the spool thread only.

    :meth:`append` chains chunks in memory; :meth:`flush` makes all of them durable or raises :class:`OSError`, after
    which it may be called again: nothing is let go before fsync said yes, and after a failure the file is cut back to
    what was durable and written anew, since a page that failed to be written may be gone from the page cache.
    A recording that ended may go on: the next segment then continues its chains.
    """

    def __init__(
        self,
        spool: Path,
        recording_id: str,
        writer: str,
        software: str,
        on_flushed: Callable[[SegmentSeries], None],
        about: Mapping[str, str] = UNNAMED,
    ) -> None:
        self.folder = spool / check_name(recording_id) / check_name(writer)
        self.on_flushed = on_flushed
        self.durable_wall_ns = 0
        self.durable_bytes = 0
        self.fault: str | None = None
        self._recording_id = recording_id
        self._writer = writer
        self._software = software
        self._about = dict(about)
        self._chains: dict[int, _Chain] = {}
        self._number = 0
        self._previous = NO_PREDECESSOR
        self._appended_wall_ns = 0
        self._lock: int | None = None
        self._file: int | None = None
        self._new_hash = fastest()
        self._hash: SegmentHash = self._new_hash()
        self._began_mono_ns: int | None = None
        self._synced = 0
        #: Pieces as they follow each other in the file, and their bytes; of these the hash knows already.
        self._unsynced: list[bytes | bytearray] = []
        self._unsynced_bytes = 0
        self._closing = False
        self._ending = False

    @property
    def complete(self) -> bool:
        """The segment is complete and must be flushed before anything is appended."""
        return self._closing

    @property
    def dirty(self) -> bool:
        return bool(self._unsynced) or self._closing

    def append(self, batch: Batch) -> None:
        if self._began_mono_ns is None:
            self._begin_segment(batch.mono_ns, batch.wall_ns)
        assert self._began_mono_ns is not None
        self._chain(batch.chunks)
        self._appended_wall_ns = batch.wall_ns
        self._ending = batch.end is not None
        if self._completed_by(batch, 0):
            note = pack_note(batch.mono_ns, "segment-end", continues=not self._ending, reason=batch.end or "roll")
            mono, wall = (batch.mono_ns, batch.mono_ns), (batch.wall_ns, batch.wall_ns)
            self._chain([PendingChunk(RECORDING_TRACK, note, 1, mono, wall)])
            self._closing = True

    def addition(self, batch: Batch) -> Addition | None:
        """What the file is to grow by, if the batch can be chained, written and fsynced in one call with others
        (:func:`recording.digests.spool_together`) instead of by :meth:`append` and :meth:`flush`.  Then
        :meth:`added` must follow."""
        hashes, file = self._hash, self._file
        if file is None or not isinstance(hashes, CompiledHash) or self.dirty or not batch.chunks:
            return None
        coming = sum(CHUNK_OVERHEAD_BYTES + len(chunk.records) for chunk in batch.chunks)
        if self._began_mono_ns is None or batch.end is not None or self._completed_by(batch, coming):
            return None
        return Addition(hashes, file, self._synced, self._heads(batch.chunks))

    def added(self, batch: Batch, addition: Addition) -> None:
        """It was tried.  Raises :class:`OSError` as :meth:`flush` does, which may be called then."""
        self._chained(batch.chunks, addition.chunks, addition.digests)
        self._appended_wall_ns = batch.wall_ns
        if addition.error:
            self._cut_back()
            raise OSError(addition.error, os.strerror(addition.error), str(self.folder))
        self._made_durable()
        self.durable_wall_ns = self._appended_wall_ns

    def flush(self) -> None:
        """Raises :class:`OSError`."""
        if self._unsynced:
            self._write()
        if self._closing:
            self._close_segment()
        if self._ending:
            self._unlock()
        self.durable_wall_ns = self._appended_wall_ns

    def abandon(self) -> None:
        """Let go of the files without ending them, as a crash would."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._unlock()

    # --- inside -------------------------------------------------------------------

    def _begin_segment(self, mono_ns: int, wall_ns: int) -> None:
        header = SegmentHeader(
            recording_id=self._recording_id,
            writer=self._writer,
            segment=self._number,
            wall_us=wall_ns // 1000,
            mono_us=mono_ns // 1000,
            previous_sha256=self._previous.hex(),
            software=self._software,
            about=self._about,
        )
        self._began_mono_ns = mono_ns
        self._synced = 0
        packed = pack_header(header)
        self._hash = self._new_hash()
        self._hash.add(packed)
        self._unsynced, self._unsynced_bytes = [packed], len(packed)

    def _completed_by(self, batch: Batch, coming_bytes: int) -> bool:
        """Whether the segment is old or large enough, or the last one, with this batch."""
        assert self._began_mono_ns is not None
        full = self._synced + self._unsynced_bytes + coming_bytes >= ROLL_AFTER_BYTES
        return full or batch.end is not None or batch.mono_ns - self._began_mono_ns >= ROLL_AFTER_NS

    def _heads(self, chunks: Sequence[PendingChunk]) -> list[Unhashed]:
        """Each of another track, as its head names the hash of the track's chunk before."""
        heads: list[Unhashed] = []
        for chunk in chunks:
            chain = self._chains.setdefault(chunk.track, _Chain())
            size = len(chunk.records)
            head = pack_head(chunk.track, chain.next_index, chain.head, size, chunk.count, chunk.mono_ns, chunk.wall_ns)
            heads.append((head, chunk.records))
        return heads

    def _chain(self, chunks: Sequence[PendingChunk]) -> None:
        headed = self._heads(chunks)
        self._chained(chunks, headed, self._hash.chain(headed))

    def _chained(self, chunks: Sequence[PendingChunk], headed: Sequence[Unhashed], digests: Sequence[bytes]) -> None:
        for chunk, (head, records), digest in zip(chunks, headed, digests, strict=True):
            chain = self._chains[chunk.track]
            chain.next_index += 1
            chain.head = digest
            self._unsynced += head, records, digest
            self._unsynced_bytes += CHUNK_OVERHEAD_BYTES + len(records)

    def _write(self) -> None:
        if self._lock is None:
            self._take_lock()
        if self._file is None:
            self._open_file()
        assert self._file is not None
        try:
            os.lseek(self._file, self._synced, os.SEEK_SET)
            write_all(self._file, self._unsynced)
            os.fdatasync(self._file)
        except OSError:
            self._cut_back()
            raise
        self._made_durable()

    def _cut_back(self) -> None:
        """To what is durable."""
        assert self._file is not None
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, self._synced)

    def _made_durable(self) -> None:
        self._synced += self._unsynced_bytes
        self.durable_bytes += self._unsynced_bytes
        self._unsynced, self._unsynced_bytes = [], 0

    def _open_file(self) -> None:
        path = self.folder / segment_name(self._number, OPEN_SUFFIX)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            sync_folder(self.folder)
        except OSError:
            os.close(file)  # its name is not durable: what is written to it would be told to be
            raise
        self._file = file

    def _close_segment(self) -> None:
        open_path = self.folder / segment_name(self._number, OPEN_SUFFIX)
        if open_path.exists():  # not so if only the sync of the folder failed last time
            os.rename(open_path, self.folder / segment_name(self._number))
        sync_folder(self.folder)
        assert self._file is not None
        file, self._file = self._file, None  # closed even where close(2) tells of an error
        with contextlib.suppress(OSError):  # all of it is durable
            os.close(file)
        self._number += 1
        self._previous = self._hash.digest()
        self._began_mono_ns = None
        self._closing = False

    def _take_lock(self) -> None:
        lock = None
        for _ in range(LOCK_TRIES):
            with contextlib.suppress(FileNotFoundError):  # the recorder has just removed the empty folder
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                lock = try_lock(self.folder)
            if lock is not None:
                break
            time.sleep(LOCK_WAIT_S)  # the recorder holds it for a moment to see whether the writer is dead
        if lock is None:
            raise OSError(errno.EAGAIN, "another process holds the lock", str(self.folder))
        try:
            sync_folder(self.folder.parent)
            sync_folder(self.folder.parent.parent)
        except OSError:
            os.close(lock)
            raise
        self._lock = lock

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def try_lock(folder: Path) -> int | None:
    """The descriptor that holds the folder's lock, or nothing if someone else holds it.  Raises :class:`OSError`."""
    path = folder / LOCK_NAME
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The recorder may have removed the folder between open and flock: then this lock guards nothing.
        if os.fstat(lock).st_ino == os.stat(path).st_ino:
            return lock
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError:
        os.close(lock)
        raise
    os.close(lock)
    return None


def write_all(file: int, pieces: Iterable[bytes | bytearray]) -> None:
    """All of the pieces, from where the file stands.  Raises :class:`OSError`; some may be written then."""
    left: deque[bytes | bytearray | memoryview] = deque(pieces)
    while left:
        now = list(islice(left, WRITE_PIECES))
        written = os.writev(file, now)
        if not written and any(now):
            raise OSError(errno.EIO, "the disk takes nothing")
        while left and written >= len(left[0]):
            written -= len(left.popleft())
        if written:
            left[0] = memoryview(left[0])[written:]


def sync_folder(folder: Path) -> None:
    """Make names in this folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
