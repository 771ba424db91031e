"""Files that people send: a bound on how many come in at a time, by sender and of all, and on this computer's disk.

A file that comes in slowly holds a place of its sender alone: what is done with whole files has bounds of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import secrets
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiofiles

#: Files that one sender may have on their way at a time: one that stands still, and another try, and a third file.
OF_ONE_LIMIT = 3
#: Files on their way at a time, of all senders.
OF_ALL_LIMIT = 48
#: What has to stay free on this computer's disk, where the database may lie, too.
RESERVE_BYTES = 1024**3
#: How often that is looked at while a file comes in, bytes: not everybody says beforehand how much will come.  So much
#: more than what came is kept for a file on its announcement alone, too.
LOOK_EVERY_BYTES = 256 * 1024**2


class UnfitFile(Exception):
    """The file is none of the kinds that are taken, or has no such page."""


class EmptyFile(UnfitFile):
    """Nothing came, and nothing more was to come."""


class TooManyFiles(Exception):
    """No more can come in now.  ``own``: because of what the same sender has on its way already."""

    def __init__(self, *, own: bool) -> None:
        super().__init__("of this sender" if own else "of all")
        self.own = own


@dataclass(frozen=True, slots=True)
class Received:
    """A file on this computer's disk, not stored yet; ``sha256`` in hex."""

    path: Path
    size: int
    sha256: str


@dataclass(slots=True, eq=False)
class _Place:
    """A file on its way: how much of it is expected and there, bytes."""

    sender: str
    expected: int
    there: int = 0

    def wanting(self, copies: int) -> int:
        """Room that it will still take, if its sender keeps their word, bytes."""
        return copies * max(self.expected, self.there) - self.there

    def kept(self, copies: int) -> int:
        """Room that is kept for it against others, bytes: who announces much and sends little gets little."""
        believed = min(self.expected, 2 * self.there + LOOK_EVERY_BYTES)
        return copies * max(believed, self.there) - self.there


class Incoming:
    """``folder`` is where files are while they come in; ``copies``: how often each lies on this disk at the most."""

    def __init__(self, folder: Path, *, copies: int = 1) -> None:
        self._folder = folder
        self._copies = copies
        self._places: list[_Place] = []

    @contextlib.asynccontextmanager
    async def receive(self, sender: str, pieces: AsyncIterator[bytes], announced: int = 0) -> AsyncIterator[Received]:
        """What comes in, whole; gone from this disk when the block is left.

        ``announced``: bytes that will come, as far as the sender says.  Raises :class:`TooManyFiles`,
        :class:`EmptyFile` for nothing at all, :class:`OSError`, or what the pieces raise.
        """
        place = self._take_place(sender, announced)
        path = self._folder / secrets.token_hex(16)
        try:
            await asyncio.to_thread(self._make_sure_of_room, place)
            digest, looked = hashlib.sha256(), 0
            async with aiofiles.open(path, "wb") as file:
                async for piece in pieces:
                    place.there += len(piece)
                    if place.there - looked >= LOOK_EVERY_BYTES:
                        looked = place.there
                        await asyncio.to_thread(self._make_sure_of_room, place)
                    digest.update(piece)
                    await file.write(piece)
            if place.there == 0:
                raise EmptyFile
            yield Received(path, place.there, digest.hexdigest())
        finally:
            self._places.remove(place)
            await asyncio.to_thread(path.unlink, missing_ok=True)

    def _take_place(self, sender: str, announced: int) -> _Place:
        if sum(other.sender == sender for other in self._places) >= OF_ONE_LIMIT:
            raise TooManyFiles(own=True)
        if len(self._places) >= OF_ALL_LIMIT:
            raise TooManyFiles(own=False)
        place = _Place(sender, announced)
        self._places.append(place)
        return place

    def _make_sure_of_room(self, place: _Place) -> None:
        """For this one as announced, and for what is kept for those that were on their way before, whoever sends."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        places = list(self._places)
        before = sum(each.kept(self._copies) for each in places[: places.index(place)])
        wanted = before + place.wanting(self._copies)
        if shutil.disk_usage(self._folder).free < wanted + RESERVE_BYTES:
            raise OSError(errno.ENOSPC, "not enough room for what is being sent", str(self._folder))


def clear(folder: Path) -> None:
    """Remove what was on its way when the server was ended; its senders have been told nothing, and send it again."""
    shutil.rmtree(folder, ignore_errors=True)
