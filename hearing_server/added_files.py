"""The files of recordings that the court adds to a record: taken in, tried whether they play, and stored once.

They lie in ``added/<sitting id>/<SHA-256>``: locked, held, encrypted and destroyed with the record that they belong to.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from recording import custody
from recording.manifest import added_prefix
from recording.objects import ObjectStore, StoreProblem

from .exhibit_files import look
from .incoming import Incoming, Received

#: Recordings that are looked into, and stored, at a time.
AT_A_TIME = 2
#: How long looking into one may take, s: hours of a recording that does not say how long it is are read to the end.
LOOK_LIMIT_S = 600.0
#: A file lies there as it came, and once more while it is encrypted.
COPIES = 2


class Medium(msgspec.Struct, frozen=True):
    """What trying to play it said."""

    kind: str
    media_type: str
    duration_ms: int
    has_audio: bool


@dataclass(frozen=True, slots=True)
class TakenMedium:
    file: Received
    medium: Medium


class AddedFiles:
    """``folder`` is where files are while they come in, on this computer's disk; ``limit``: of one file, bytes."""

    def __init__(self, store: ObjectStore, folder: Path, limit: int) -> None:
        self._store = store
        self._incoming = Incoming(folder, copies=COPIES)
        self._turn = asyncio.Semaphore(AT_A_TIME)
        self.limit = limit

    @contextlib.asynccontextmanager
    async def taking(self, sender: str, pieces: AsyncIterator[bytes], announced: int) -> AsyncIterator[TakenMedium]:
        """The file, whole and tried; gone from this disk when the block is left.  ``announced``: bytes that will come.

        Raises :class:`~.incoming.UnfitFile`, :class:`~.incoming.TooManyFiles`, :class:`OSError`, or what the pieces
        raise.
        """
        async with self._incoming.receive(sender, pieces, announced) as file, self._turn:
            found = await look("medium", str(file.path), limit_s=LOOK_LIMIT_S)
            yield TakenMedium(file, msgspec.json.decode(found, type=Medium))

    async def store(self, sitting_id: str, taken: TakenMedium) -> None:
        """Store it, and have it kept as the rest of the record is by the custodian's decisions so far.

        Raises :class:`~recording.objects.StoreProblem`.
        """
        key = _key(sitting_id, taken.file.sha256)
        await self._store.put_new(key, taken.file.path)
        entry = await custody.newest(self._store, sitting_id)
        if entry is None:
            return
        if entry.destroy:
            await self._store.destroy(key)
            raise StoreProblem(f"{key}: the record has been destroyed")
        if entry.retain_until_us:
            await self._store.retain(key, entry.retain_until_us // 1_000_000)
        if entry.hold:
            await self._store.hold(key, on=True)

    def read(self, sitting_id: str, sha256: str, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from ``start`` up to ``end``.  Raises :class:`~recording.objects.StoreProblem` when iterated."""
        return self._store.stream(_key(sitting_id, sha256), start, end)


def _key(sitting_id: str, sha256: str) -> str:
    return added_prefix(sitting_id) + sha256
