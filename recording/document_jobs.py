"""Making, signing and storing the documents of a written record.  Every step may be killed and repeated."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Callable

import msgspec

from . import messages
from .documents import DocumentKey, sign_pdf
from .keys import KeyProblem, SigningKey
from .manifest import MANIFEST_NAME, encode, prefix
from .messages import AnyAnswer
from .objects import NotStored, ObjectStore, StoreProblem
from .seal import ManifestConflict, read_signed
from .typeset import NoFont, typeset
from .written import (
    FOLDER,
    INDEX_NAME,
    INDEX_SIGNATURE_NAME,
    RECORD_NAME,
    VERSION,
    FileEntry,
    WrittenIndex,
    WrittenRecord,
    index_decoder,
    record_decoder,
    wrong_in,
)

log = logging.getLogger(__name__)

#: Written records that may be made at a time; more are refused as ``busy``.
RUNNING_LIMIT = 16
PDF_NAMES = {False: FOLDER + "record.en.pdf", True: FOLDER + "record.zh.pdf"}


class Documents:
    """``made`` is told of records whose written record was stored just now."""

    def __init__(
        self,
        store: ObjectStore,
        key: SigningKey,
        documents: DocumentKey | None,
        authority: str,
        made: Callable[[str], None] = lambda sitting_id: None,
    ) -> None:
        self._made = made
        self._store = store
        self._key = key
        self._documents = documents
        self._authority = authority
        self._running: dict[str, asyncio.Task[None]] = {}
        self._one = asyncio.Lock()

    async def write(self, request: messages.Write) -> AnyAnswer:
        """See :class:`messages.Write`."""
        try:
            stored = await self._stored(request.sitting_id)
            if stored is not None:
                return messages.Written(document_sha256=stored)
            record = msgspec.convert(request.record, WrittenRecord)
            wrong = wrong_in(record, await self._manifest_sha256(prefix(request.sitting_id)))
        except (msgspec.ValidationError, ManifestConflict) as error:
            return messages.Refused(reason="invalid", detail=str(error)[:200])
        except StoreProblem as error:
            return messages.Refused(reason="busy", detail=str(error)[:200])
        if record.sitting_id != request.sitting_id:
            return messages.Refused(reason="invalid", detail="a record of another sitting")
        if wrong:
            return messages.Refused(reason="invalid", detail=f"what was signed does not hold: {', '.join(wrong)}"[:200])
        if request.sitting_id not in self._running:
            if len(self._running) >= RUNNING_LIMIT:
                return messages.Refused(reason="busy")
            self._running[request.sitting_id] = asyncio.create_task(self._make(record))
        return messages.Accepted()

    async def aclose(self) -> None:
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    # --- inside -----------------------------------------------------------------------

    async def _stored(self, sitting_id: str) -> str | None:
        """The hash of the record that is stored, signed and whole."""
        place = prefix(sitting_id)
        data = await read_signed(self._store, self._key, place + INDEX_NAME, place + INDEX_SIGNATURE_NAME)
        if data is None:
            return None
        return next(entry.sha256 for entry in index_decoder.decode(data).files if entry.name == RECORD_NAME)

    async def _make(self, record: WrittenRecord) -> None:
        try:
            async with self._one:
                await self._store_all(record)
            self._made(record.sitting_id)
        except (StoreProblem, OSError, KeyProblem) as error:
            log.warning("the written record of %s waits: %s", record.sitting_id, error)
        except Exception:
            log.exception("the written record of %s cannot be made", record.sitting_id)
        finally:
            self._running.pop(record.sitting_id, None)

    async def _store_all(self, record: WrittenRecord) -> None:
        place = prefix(record.sitting_id)
        manifest = await self._manifest_sha256(place)
        with contextlib.suppress(NotStored):
            # An earlier try may have begun with what was signed until then: its documents are made of that.
            record = record_decoder.decode(await self._store.read(place + RECORD_NAME))
        files = {RECORD_NAME: encode(record)}
        for chinese, name in PDF_NAMES.items():
            try:
                pdf = await asyncio.to_thread(typeset, record, chinese=chinese)
            except NoFont:
                log.warning("%s is not made: no font of this computer has its letters", name)
                continue
            if self._documents is not None:
                pdf = await asyncio.to_thread(sign_pdf, pdf, self._documents, self._authority)
            files[name] = pdf
        entries = [await self._put(place, name, data) for name, data in files.items()]
        index = encode(
            WrittenIndex(version=VERSION, sitting_id=record.sitting_id, manifest_sha256=manifest, files=entries)
        )
        await self._store.put_new(place + INDEX_NAME, index)
        await self._store.put_new(place + INDEX_SIGNATURE_NAME, self._key.sign(index))

    async def _put(self, place: str, name: str, data: bytes) -> FileEntry:
        """A signature has another time in each try: what an earlier one stored stands."""
        try:
            data = await self._store.read(place + name)
        except NotStored:
            await self._store.put_new(place + name, data)
        return FileEntry(name=name, size=len(data), sha256=hashlib.sha256(data).hexdigest())

    async def _manifest_sha256(self, place: str) -> str:
        try:
            return hashlib.sha256(await self._store.read(place + MANIFEST_NAME)).hexdigest()
        except NotStored:
            return ""
