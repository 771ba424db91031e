"""A record in a ZIP file, as people hand it on: read where it is, never unpacked.

The archive's own check sums are not trusted and not needed: what was altered is named by the record's hashes, so that a
flipped bit is found in its object and not only somewhere in the file.
"""

from __future__ import annotations

import asyncio
import copy
import hashlib
import struct
import zipfile
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from .late_head import LateHead
from .manifest import MANIFEST_NAME
from .objects import READ_LIMIT_BYTES, STREAM_BYTES, NotStored, ObjectStore, StoreProblem

#: The record at the end of the archive (PKWARE's APPNOTE 6.3.10, 4.3.16), and how long a comment may follow it.
END = b"PK\x05\x06"
TAIL_BYTES = 22 + 65_535
#: Stands in it where the archive's newer end record (4.3.14) has a number that does not fit.
FULL_16, FULL_32 = 0xFFFF, 0xFFFFFFFF
#: Entries of a record: an hour of hearing has some hundreds.
ENTRIES_LIMIT = 200_000


class ZippedRecord(ObjectStore):
    """The objects below the folder that holds ``manifest.json``, however deep it lies.  Only reading is possible."""

    def __init__(self, path: Path) -> None:
        """Raises :class:`recording.objects.StoreProblem` if it is no ZIP file, or one that says two things."""
        super().__init__(None, None)
        try:
            self._zip = zipfile.ZipFile(path)
            same = self._one_directory(path)
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise StoreProblem(f"{path.name}: {error}") from error
        if not same or any(info.filename != info.orig_filename for info in self._zip.infolist()):
            raise StoreProblem(f"{path.name}: other programs would find other files in it")
        infos = [info for info in self._zip.infolist() if not info.is_dir()]
        if len(infos) > ENTRIES_LIMIT or len({info.filename for info in infos}) != len(infos):
            raise StoreProblem(f"{path.name}: a name stands in it twice, or too many do")
        manifests = [info.filename for info in infos if info.filename.rsplit("/", 1)[-1] == MANIFEST_NAME]
        above = min(manifests, key=len, default="").removesuffix(MANIFEST_NAME)
        self._entries = {i.filename.removeprefix(above): i for i in infos if i.filename.startswith(above)}

    def _one_directory(self, path: Path) -> bool:
        """Whether both end records of the archive lead to the directory that is read: programs heed one or the other.
        Raises :class:`OSError`."""
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            tail = file.read()
        count, _, begin = struct.unpack_from("<HLL", tail, tail.rfind(END) + 10)
        fits = count in (len(self._zip.infolist()), FULL_16)
        return fits and begin in (self._zip.start_dir, FULL_32)

    async def list(self, prefix: str) -> list[tuple[str, int]]:
        return sorted((name, info.file_size) for name, info in self._entries.items() if name.startswith(prefix))

    async def size(self, key: str) -> int:
        return self._entry(key).file_size

    async def read(self, key: str, limit: int = READ_LIMIT_BYTES) -> bytes:
        if self._entry(key).file_size > limit:
            raise StoreProblem(f"{key}: larger than {limit} bytes")
        return await asyncio.to_thread(lambda: b"".join(self._pieces(key, limit)))

    async def digest(self, key: str) -> tuple[int, str]:
        return await asyncio.to_thread(self._digest_now, key)

    async def digest_late(self, key: str, start: int) -> tuple[int, str]:
        def measured() -> tuple[int, str]:
            hasher = LateHead(start)
            for piece in self._pieces(key, None):
                hasher.update(piece)
            return hasher.size, hasher.hexdigest()

        return await asyncio.to_thread(measured)

    async def stream(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        data = (await self.read(key))[start:end]
        for at in range(0, len(data), STREAM_BYTES):
            yield data[at : at + STREAM_BYTES]

    def _entry(self, key: str) -> zipfile.ZipInfo:
        if key not in self._entries:
            raise NotStored(key)
        return self._entries[key]

    def _digest_now(self, key: str) -> tuple[int, str]:
        hasher, size = hashlib.sha256(), 0
        for piece in self._pieces(key, None):
            hasher.update(piece)
            size += len(piece)
        return size, hasher.hexdigest()

    def _pieces(self, key: str, limit: int | None) -> Iterator[bytes]:
        """What can be read of it: less than there should be where the packing itself is damaged, and a byte more where
        more is packed than the directory says."""
        entry = copy.copy(self._entry(key))
        left = entry.file_size + 1 if limit is None else min(limit, entry.file_size + 1)
        entry.file_size += 1
        try:
            with self._zip.open(entry) as file:
                file._expected_crc = None  # type: ignore[attr-defined]
                while left > 0 and (piece := file.read(min(STREAM_BYTES, left))):
                    left -= len(piece)
                    yield piece
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError, ValueError):
            return
