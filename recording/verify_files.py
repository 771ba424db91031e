"""The files of a record that is being checked: what is there, read and hashed, and how far that is."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Container, Sequence
from itertools import islice

from . import late_head
from .chain import ReadSegment, read_segment
from .manifest import ADDED_PREFIX, HEARINGS_PREFIX, added_prefix
from .objects import ObjectStore
from .redacted import ReadRedacted, read_redacted

#: Segments, or files, that are read and hashed at a time: some wait for the disk. Bounds memory at this many segments.
AT_A_TIME = 4

Progress = Callable[[float], None]


class Files:
    """What is under one prefix of a store; ``present`` has each name without the prefix, and its size.

    What was added to a record lies elsewhere in a court's store, and has here the names that it has in an export.

    Everything that reads raises :class:`recording.objects.StoreProblem` if the store itself fails.
    """

    def __init__(self, store: ObjectStore, prefix: str, present: dict[str, int], progress: Progress) -> None:
        self.present = present
        self._store = store
        self._prefix = prefix
        self._progress = progress
        self._bytes_expected = max(1, sum(present.values()))
        self._bytes_seen = 0

    @classmethod
    async def listed(cls, store: ObjectStore, prefix: str, progress: Progress) -> Files:
        present = {key[len(prefix) :]: size for key, size in await store.list(prefix)}
        if added := _added(prefix):
            present |= {ADDED_PREFIX + key[len(added) :]: size for key, size in await store.list(added)}
        return cls(store, prefix, present, progress)

    def _key(self, name: str) -> str:
        if (added := _added(self._prefix)) and name.startswith(ADDED_PREFIX):
            return added + name.removeprefix(ADDED_PREFIX)
        return self._prefix + name

    async def read(self, name: str) -> bytes:
        data = await self._store.read(self._key(name))
        self._seen(len(data))
        return data

    async def read_again(self, name: str) -> bytes:
        """What was hashed, and so counted, before."""
        return await self._store.read(self._key(name))

    async def read_ahead(
        self, names: Sequence[str], cut: Container[str] = ()
    ) -> AsyncGenerator[ReadSegment | ReadRedacted, None]:
        """Each segment with all hashes in it checked, in turn; the next ones are on their way in threads.

        ``cut``: of which of them chunks are left out.
        """

        async def fetched(name: str) -> ReadSegment | ReadRedacted:
            reader = read_redacted if name in cut else read_segment
            return await asyncio.to_thread(reader, await self.read(name))

        coming: deque[asyncio.Task[ReadSegment | ReadRedacted]] = deque()
        left = iter(names)
        try:
            while True:
                coming += (asyncio.create_task(fetched(name)) for name in islice(left, AT_A_TIME - len(coming)))
                if not coming:
                    return
                found = await coming[0]
                coming.popleft()
                yield found
        finally:
            for task in coming:
                task.cancel()
            await asyncio.gather(*coming, return_exceptions=True)

    async def digest(self, name: str) -> tuple[int, str]:
        size, digest = await self._store.digest(self._key(name))
        self._seen(size)
        return size, digest

    async def digests(self, wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], tuple[int, str]]:
        """Of several objects, each from a byte on and then what is before it; as many at a time as it is worth."""
        room = asyncio.Semaphore(AT_A_TIME)

        async def one(name: str, start: int) -> tuple[int, str]:
            async with room:
                if start == 0:
                    return await self.digest(name)
                if not 0 < start <= late_head.LIMIT_BYTES:
                    return 0, ""
                size, digest = await self._store.digest_late(self._key(name), start)
                self._seen(size)
                return size, digest

        return dict(zip(wanted, await asyncio.gather(*(one(*each) for each in wanted)), strict=True))

    def _seen(self, size: int) -> None:
        self._bytes_seen += size
        self._progress(min(1.0, self._bytes_seen / self._bytes_expected))


def _added(prefix: str) -> str:
    """Where a court's store has what was added to the record under this prefix."""
    return added_prefix(prefix.removeprefix(HEARINGS_PREFIX).rstrip("/")) if prefix.startswith(HEARINGS_PREFIX) else ""
