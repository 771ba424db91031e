"""The files of exhibits: taken in, looked at, stored once, and read back in ranges or as pages.

They lie in the object storage beside the record, whole and as they were sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from recording.objects import ObjectStore

from .incoming import Incoming, Received, UnfitFile

PREFIX = "exhibits"
#: Files that are looked into, and stored, at a time.
AT_A_TIME = 4
#: How long looking into a file may take, s; the tool has limits of its own.
LOOK_LIMIT_S = 40.0
#: Pages kept as pictures, bytes of all.
PAGES_LIMIT_BYTES = 64 * 1024 * 1024


class Found(msgspec.Struct, frozen=True):
    """What looking into a file said."""

    kind: str
    media_type: str
    pages: int


@dataclass(frozen=True, slots=True)
class Taken:
    file: Received
    found: Found


class ExhibitFiles:
    """``folder`` is where files are while they come in, on this computer's disk."""

    def __init__(self, store: ObjectStore, folder: Path) -> None:
        self._store = store
        self._incoming = Incoming(folder)
        self._turn = asyncio.Semaphore(AT_A_TIME)
        self._pages: OrderedDict[tuple[str, int, int], bytes] = OrderedDict()
        self._held = 0

    @contextlib.asynccontextmanager
    async def taking(self, sender: str, pieces: AsyncIterator[bytes], announced: int) -> AsyncIterator[Taken]:
        """The file, whole and looked into; gone from this disk when the block is left.  ``announced``: bytes that will
        come.

        Raises :class:`~.incoming.UnfitFile`, :class:`~.incoming.TooManyFiles`, :class:`OSError`, or what the pieces
        raise.
        """
        async with self._incoming.receive(sender, pieces, announced) as file, self._turn:
            found = msgspec.json.decode(await look("inspect", str(file.path)), type=Found)
            yield Taken(file, found)

    async def store(self, hearing_id: str, exhibit_id: str, taken: Taken) -> None:
        """Raises :class:`~recording.objects.StoreProblem`."""
        await self._store.put_new(_key(hearing_id, exhibit_id), taken.file.path)

    def read(self, hearing_id: str, exhibit_id: str, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from ``start`` up to ``end``.  Raises :class:`~recording.objects.StoreProblem` when iterated."""
        return self._store.stream(_key(hearing_id, exhibit_id), start, end)

    async def page(self, hearing_id: str, exhibit_id: str, number: int, width: int) -> bytes:
        """A page of a document as PNG.

        Raises :class:`UnfitFile` or :class:`~recording.objects.StoreProblem`.
        """
        key = (exhibit_id, number, width)
        known = self._pages.get(key)
        if known is not None:
            self._pages.move_to_end(key)
            return known
        async with self._turn:
            with tempfile.TemporaryDirectory() as folder:
                path = await self._store.fetch(_key(hearing_id, exhibit_id), Path(folder) / "exhibit")
                picture = await look("page", str(path), str(number), str(width))
        self._pages[key] = picture
        self._held += len(picture)
        while self._held > PAGES_LIMIT_BYTES and self._pages:
            self._held -= len(self._pages.popitem(last=False)[1])
        return picture


def _key(hearing_id: str, exhibit_id: str) -> str:
    return f"{PREFIX}/{hearing_id}/{exhibit_id}"


async def look(*arguments: str, limit_s: float = LOOK_LIMIT_S) -> bytes:
    """What the tool says of a file.  Raises :class:`UnfitFile` if it cannot make anything of it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "hearing_server.exhibit_tool",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(limit_s):
            out, _ = await process.communicate()
    except TimeoutError as error:
        raise UnfitFile("too slow") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise UnfitFile(f"exit code {process.returncode}")
    return out
