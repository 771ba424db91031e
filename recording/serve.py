"""Reading stored records for control: manifest, playback index, and ranges of playable files.  Bounded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from . import manifest as m
from .inventory import Inventory, inventory
from .keys import PublicKey
from .messages import Part, Withheld
from .objects import NotStored, ObjectStore
from .playback import (
    EXPORTS_PREFIX,
    PLAYBACK_NAME,
    PLAYBACK_SIGNATURE_NAME,
    ExportEntry,
    Playback,
    export_decoder,
)
from .playback import decoder as playback_decoder
from .rendition import read_rendition
from .withheld import withheld_times
from .written import FOLDER, INDEX_NAME, INDEX_SIGNATURE_NAME, index_decoder

#: Records whose manifest and index are kept decoded.
RECORDS_KEPT = 32
#: Ranges that may be open at a time; each holds at most about 1 MiB.
READERS_LIMIT = 128

Kept = TypeVar("Kept")


class TooManyReaders(Exception):
    """As many ranges are open as this process allows; try again."""


@dataclass(frozen=True, slots=True)
class Media:
    """A playable file of a record.  ``sha256`` in hex; it never changes and serves as the entity tag.  ``exported``: a
    copy that was made for taking away, and no track."""

    key: str
    name: str
    media_type: str
    size: int
    sha256: str
    exported: bool = False


class RecordReader:
    """``sitting_id`` in every call is trusted to be one the caller may read; file names are looked up, never joined."""

    def __init__(self, store: ObjectStore, key: Callable[[], PublicKey | None] = lambda: None) -> None:
        """``key`` answers the public key of this court's records, where signatures are to be looked at."""
        self._store = store
        self._key = key
        self._manifests: OrderedDict[str, m.Manifest] = OrderedDict()
        self._playbacks: OrderedDict[str, Playback] = OrderedDict()
        self._readers = 0

    async def manifest(self, sitting_id: str) -> m.Manifest | None:
        """Nothing before the record is sealed.  Raises :class:`recording.objects.StoreProblem`."""
        known = self._manifests.get(sitting_id)
        if known is None:
            place = m.prefix(sitting_id)
            try:
                await self._store.size(place + m.SIGNATURE_NAME)
                known = m.decoder.decode(await self._store.read(place + m.MANIFEST_NAME))
            except NotStored:
                return None
            _keep(self._manifests, sitting_id, known)
        return known

    async def playback(self, sitting_id: str) -> Playback | None:
        """Nothing before the record can be played.  Raises :class:`recording.objects.StoreProblem`."""
        known = self._playbacks.get(sitting_id)
        if known is None:
            place = m.prefix(sitting_id)
            try:
                await self._store.size(place + PLAYBACK_SIGNATURE_NAME)
                known = playback_decoder.decode(await self._store.read(place + PLAYBACK_NAME))
            except NotStored:
                return None
            _keep(self._playbacks, sitting_id, known)
        return known

    async def rendition(self, sitting_id: str, found: str) -> Playback | None:
        """The copy that leaves spans out, by its id (:func:`recording.withheld.rendition_id`); nothing before it is
        made.  Raises :class:`recording.objects.StoreProblem`."""
        name = f"{sitting_id}/{found}"
        known = self._playbacks.get(name)
        if known is None:
            known = await read_rendition(self._store, sitting_id, found)
            if known is not None:
                _keep(self._playbacks, name, known)
        return known

    async def inventory(self, sitting_id: str, checked: Sequence[tuple[str, str]] = ()) -> Inventory:
        """Each stored object and its state; ``checked``: code and place of what the last check of all bytes found.

        Raises :class:`recording.objects.StoreProblem`.
        """
        return await inventory(self._store, sitting_id, self._key(), checked)

    async def exports(self, sitting_id: str) -> list[ExportEntry]:
        """The composites that were made, oldest first.  Raises :class:`recording.objects.StoreProblem`."""
        found = await self._store.list(m.prefix(sitting_id) + EXPORTS_PREFIX)
        stored = {key for key, _ in found}
        entries = [
            export_decoder.decode(await self._store.read(key))
            for key in stored
            if key.endswith(".json") and key.removesuffix(".json") + ".sig" in stored
        ]
        return sorted(entries, key=lambda entry: entry.created_us)

    async def media(
        self,
        sitting_id: str,
        name: str,
        index: Playback | None = None,
        withheld: Sequence[Withheld] = (),
        part: Part | None = None,
    ) -> Media | None:
        """The file of this name (the last part of an entry's name), nothing if the record has no such file.

        ``index``: the copy that the reader may have, if not the whole; of exports they may have those that leave out
        all that is ``withheld`` from them, and are of the ``part`` that they may have, if that is not the whole.
        """
        index = index or await self.playback(sitting_id)
        for entry in index.media if index is not None else ():
            if entry.name.rsplit("/", 1)[1] == name:
                return Media(m.prefix(sitting_id) + entry.name, name, entry.media_type, entry.size, entry.sha256)
        for export in await self.exports(sitting_id):
            fits = part is None or export.part == part
            if export.name.rsplit("/", 1)[1] == name and fits and leaves_out(export, withheld):
                key = m.prefix(sitting_id) + export.name
                return Media(key, name, export.media_type, export.size, export.sha256, exported=True)
        return None

    async def read(self, media: Media, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from ``start`` up to, not including, ``end``; close it when the client goes.

        Raises :class:`TooManyReaders` or :class:`recording.objects.StoreProblem` at the first step.
        """
        if self._readers >= READERS_LIMIT:
            raise TooManyReaders
        self._readers += 1
        try:
            async for piece in self._store.stream(media.key, start, media.size if end is None else end):
                yield piece
        finally:
            self._readers -= 1

    async def written(self, sitting_id: str, name: str) -> bytes | None:
        """A document of the written record; nothing before it is final.  Raises
        :class:`recording.objects.StoreProblem`."""
        place = m.prefix(sitting_id)
        try:
            await self._store.size(place + INDEX_SIGNATURE_NAME)
            index = index_decoder.decode(await self._store.read(place + INDEX_NAME))
            wanted = next((entry.name for entry in index.files if entry.name == FOLDER + name), None)
            return None if wanted is None else await self._store.read(place + wanted)
        except NotStored:
            return None

    async def signed_manifest(self, sitting_id: str) -> tuple[bytes, bytes] | None:
        """The manifest and its signature as stored."""
        place = m.prefix(sitting_id)
        try:
            return await self._store.read(place + m.MANIFEST_NAME), await self._store.read(place + m.SIGNATURE_NAME)
        except NotStored:
            return None


def leaves_out(export: ExportEntry, withheld: Sequence[Withheld]) -> bool:
    """Whether an export has nothing of these spans.  That of a part has the log of the whole sitting, so that it must
    leave them out as any other."""
    times = withheld_times(export.withheld)
    return all(any(begin <= start and end <= over for begin, over in times) for start, end in withheld_times(withheld))


def _keep(cache: OrderedDict[str, Kept], key: str, value: Kept) -> None:
    cache[key] = value
    if len(cache) > RECORDS_KEPT:
        cache.popitem(last=False)
