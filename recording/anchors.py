"""Outside witnesses of a sealed record: the court's transparency log, its cosigners, and a time-stamp authority.

A record is sealed without them: an authority that is away must not hold up a judgment.  What a record still lacks is
remembered in a folder of the spool and tried again until it is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from . import checkpoint, cosignature, timestamps
from .cosignature import Cosigner
from .cosigners import CosignerProblem, Cosigners
from .custody import is_destroyed
from .manifest import COSIGNED_PREFIX, INCLUSION_NAME, MANIFEST_NAME, STAMP_NAME, decoder, encode, prefix
from .messages import Anchored
from .objects import AlreadyStored, NotStored, ObjectStore, StoreProblem
from .spool import sync_folder
from .timestamps import AuthorityProblem
from .transparency import Entry, LogProblem, TransparencyLog

log = logging.getLogger(__name__)

#: How often what is owed is looked at, and what an authority or a store that refused is given, s.
LOOK_S = 1.0
RETRY_S, RETRY_LIMIT_S = 5.0, 600.0
#: What those outside, and the store, may do to us; trying later may help.
_PROBLEMS = (StoreProblem, AuthorityProblem, CosignerProblem, LogProblem, AlreadyStored, OSError)


class Anchors:
    """What each sealed record is still to be given.  ``publish`` is called with every event, on the loop.

    ``authority`` is the address of a time-stamp authority; without one records have no time-stamp.  ``cosigners`` are
    asked to cosign the log's head for each record.
    """

    def __init__(
        self,
        store: ObjectStore,
        transparency: TransparencyLog,
        authority: str,
        folder: Path,
        publish: Callable[[Anchored], None],
        cosigners: tuple[Cosigner, ...] = (),
    ) -> None:
        self._store = store
        self._log = transparency
        self._authority = authority
        self._folder = folder
        self._cosigners = Cosigners(transparency, cosigners)
        self._publish = publish
        self._retry: dict[str, tuple[float, float]] = {}
        self.owed = 0
        """Records that lack something still."""
        self.fault = ""
        """Why the last try failed, if it did."""

    async def owe(self, sitting_id: str) -> None:
        """Remember, before it is called sealed, that this record is to be anchored.  Raises :class:`OSError`."""
        await asyncio.to_thread(_remember, self._folder / sitting_id)

    async def run(self) -> None:
        """Anchor what is owed until cancelled; never raises."""
        while True:
            try:
                names = await asyncio.to_thread(self._names)
            except OSError as error:
                self.fault, names = str(error), []
            self.owed = len(names)
            self._retry = {name: until for name, until in self._retry.items() if name in names}
            for name in names:
                if self._retry.get(name, (0.0, 0.0))[0] <= time.monotonic():
                    await self._try(name)
            await asyncio.sleep(LOOK_S)

    # --- inside -------------------------------------------------------------------

    def _names(self) -> list[str]:
        with contextlib.suppress(FileNotFoundError):
            return sorted(path.name for path in self._folder.iterdir())
        return []

    async def _try(self, sitting_id: str) -> None:
        try:
            stamped = await self._anchor(sitting_id)
            await asyncio.to_thread(_forget, self._folder / sitting_id)
            self.owed -= 1
            self.fault = ""
            self._publish(Anchored(sitting_id=sitting_id, stamped=stamped))
        except NotStored:  # not sealed yet, as it was remembered first; or no more
            self._later(sitting_id, LOOK_S)
            with contextlib.suppress(StoreProblem, OSError):
                if await is_destroyed(self._store, sitting_id):
                    await asyncio.to_thread(_forget, self._folder / sitting_id)
        except _PROBLEMS as error:
            log.warning("record %s is not anchored yet: %s", sitting_id, error)
            self.fault = str(error)
            self._later(sitting_id)
        except Exception as error:  # one record's fault must not stop the others
            log.exception("record %s is not anchored yet", sitting_id)
            self.fault = repr(error)
            self._later(sitting_id)

    def _later(self, sitting_id: str, pause: float | None = None) -> None:
        if pause is None:
            pause = min(RETRY_LIMIT_S, max(RETRY_S, 2 * self._retry.get(sitting_id, (0.0, 0.0))[1]))
        self._retry[sitting_id] = time.monotonic() + pause, pause

    async def _anchor(self, sitting_id: str) -> bool:
        """Answers whether the record has a time-stamp."""
        place = prefix(sitting_id)
        data = await self._store.read(place + MANIFEST_NAME)
        if not await self._has(place + INCLUSION_NAME):
            inclusion = await self._log.append(_entry(data))
            await self._store.put_new(place + INCLUSION_NAME, encode(inclusion))
        faults: list[Exception] = []
        for cosigner in self._cosigners.all:
            try:
                await self._cosign(place, data, cosigner)
            except _PROBLEMS as error:  # one that is away must not keep the others from signing
                faults.append(error)
        if self._authority and not await self._has(place + STAMP_NAME):
            await self._store.put_new(place + STAMP_NAME, await timestamps.obtain(self._authority, data))
        if faults:
            raise faults[0]
        return await self._has(place + STAMP_NAME)

    async def _cosign(self, place: str, data: bytes, cosigner: Cosigner) -> None:
        key_id = checkpoint.key_hash(cosigner.name, cosigner.key, cosignature.ALGORITHM)
        name = f"{place}{COSIGNED_PREFIX}{key_id.hex()}.json"
        if not await self._has(name):
            newest = await self._log.append(_entry(data))
            await self._store.put_new(name, encode(await self._cosigners.cosign(newest, cosigner)))

    async def _has(self, name: str) -> bool:
        with contextlib.suppress(NotStored):
            await self._store.size(name)
            return True
        return False


def _entry(data: bytes) -> Entry:
    """What the log says of the record with this manifest."""
    manifest = decoder.decode(data)
    digest = hashlib.sha256(data).hexdigest()
    return Entry(sitting_id=manifest.sitting_id, manifest_sha256=digest, sealed_us=manifest.sealed_us)


def _remember(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    sync_folder(path.parent)


def _forget(path: Path) -> None:
    path.unlink(missing_ok=True)
    sync_folder(path.parent)
