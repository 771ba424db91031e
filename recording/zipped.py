"""A record in a ZIP file, as people hand it on: read where it is, never unpacked.

The archive's own check sums are not trusted and not needed: what was altered is named by the record's hashes, so that a
flipped bit is found in its object and not only somewhere in the file.
"""

from __future__ import annotations

import asyncio
import hashlib
import zipfile
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from .late_head import LateHead
from .manifest import MANIFEST_NAME
from .objects import READ_LIMIT_BYTES, STREAM_BYTES, NotStored, ObjectStore, StoreProblem

#: Entries of a record: an hour of hearing has some hundreds.
ENTRIES_LIMIT = 200_000


class ZippedRecord(ObjectStore):
    """The objects below the folder that holds ``manifest.json``, however deep it lies.  Only reading is possible."""

    def __init__(self, path: Path) -> None:
        """Raises :class:`recording.objects.StoreProblem` if it is no ZIP file, or one that says two things."""
        super().__init__(None, None)
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise StoreProblem(f"{path.name}: {error}") from error
        infos = [info for info in self._zip.infolist() if not info.is_dir()]
        if len(infos) > ENTRIES_LIMIT or len({info.filename for info in infos}) != len(infos):
            raise StoreProblem(f"{path.name}: a name stands in it twice, or too many do")
        manifests = [info.filename for info in infos if info.filename.rsplit("/", 1)[-1] == MANIFEST_NAME]
        above = min(manifests, key=len, default="").removesuffix(MANIFEST_NAME)
        self._entries = {i.filename.removeprefix(above): i for i in infos if i.filename.startswith(above)}

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
        """What can be read of it: less than there should be where the packing itself is damaged."""
        left = self._entry(key).file_size if limit is None else limit
        try:
            with self._zip.open(self._entry(key)) as file:
                file._expected_crc = None  # type: ignore[attr-defined]
                while left > 0 and (piece := file.read(min(STREAM_BYTES, left))):
                    left -= len(piece)
                    yield piece
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError, ValueError):
            return
