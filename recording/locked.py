"""A bucket with Object Lock: each object is read by the version that was stored first, whatever came after it.

Deleting a locked object without naming a version succeeds and only puts a delete marker in front of it, and writing
under its name puts a newer version there.  Neither changes what is read here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any, cast

import obstore

from . import locks
from .buckets import Bucket, Version, translated
from .locks import CannotLock, Lock, LockKind, Protection
from .objects import (
    AlreadyStored,
    Locked,
    NotStored,
    ObjectStore,
    ReadBackMismatch,
    S3Options,
    Stored,
    StoreProblem,
    problems,
    s3_client,
)

log = logging.getLogger(__name__)

#: Objects whose first version is remembered: a few hundred bytes each.
VERSIONS_KEPT = 50_000


class LockedBucket(ObjectStore):
    """With ``lock.demand`` ``possible`` a bucket without Object Lock serves too, as any other store; that is logged."""

    def __init__(self, bucket: str, prefix: str, options: S3Options, lock: Lock) -> None:
        super().__init__(s3_client(bucket, prefix, options), None, lock)
        self._bucket = Bucket(bucket, prefix, options)
        self._demand = lock
        self._kind: LockKind | None = None
        self._preparing = asyncio.Lock()
        self._versions: OrderedDict[str, Version] = OrderedDict()

    @property
    def lock_kind(self) -> LockKind:
        return self._kind or LockKind.NONE

    async def prepare(self) -> None:
        async with self._preparing:
            if self._kind is not None:
                return
            try:
                with translated(self._bucket.name, StoreProblem, StoreProblem):
                    await asyncio.to_thread(self._bucket.prepare, self._demand.days)
                self._kind = LockKind.COMPLIANCE
            except CannotLock as error:
                if self._demand.demand == "compliance":
                    raise
                log.warning("nothing but this program's rules keeps what is stored: %s", error)
                self._kind = LockKind.NONE

    async def put_new(self, key: str, source: bytes | Path) -> Stored:
        await self._ready()
        try:
            return await super().put_new(key, source)
        except ReadBackMismatch:
            # The name was free only because somebody put a delete marker in front of what has it.
            if self._kind is LockKind.COMPLIANCE and await self._copies(key) > 1:
                raise AlreadyStored(key) from None
            raise

    async def size(self, key: str) -> int:
        if not await self._versioned():
            return await super().size(key)
        return (await self._version(key)).size

    async def list(self, prefix: str) -> list[tuple[str, int]]:
        if not await self._versioned():
            return await super().list(prefix)
        folder = prefix.rstrip("/") + "/" if prefix else ""

        def look() -> list[Version]:
            return list(self._bucket.versions(folder))

        with translated(prefix, StoreProblem, StoreProblem):
            found = await asyncio.to_thread(look)
        for version in found:
            self._keep(version)
        return [(version.key, version.size) for version in found]

    # --- custody ------------------------------------------------------------------------

    async def retain(self, key: str, until_s: int) -> None:
        # S3 refuses a lock that is over already, as of a judgment that was written down late.
        if until_s > time.time() and await self._versioned():
            version = await self._version(key)
            with translated(key, StoreProblem, Locked):
                await asyncio.to_thread(self._bucket.retain, key, version.id, until_s)

    async def hold(self, key: str, *, on: bool) -> None:
        if await self._versioned():
            version = await self._version(key)
            with translated(key, StoreProblem, Locked):
                await asyncio.to_thread(self._bucket.hold, key, version.id, on=on)

    async def protection(self, key: str) -> Protection:
        if not await self._versioned():
            return await super().protection(key)
        version = await self._version(key)
        with translated(key, StoreProblem, StoreProblem):
            return await asyncio.to_thread(self._bucket.protection, key, version.id)

    async def destroy(self, key: str) -> None:
        if not await self._versioned():
            await super().destroy(key)
            return
        try:
            if locks.is_locked(await self.protection(key)):
                raise Locked(f"{key}: it is locked")
        except NotStored:
            return
        with translated(key, StoreProblem, Locked):
            await asyncio.to_thread(self._bucket.destroy, key)
        self._versions.pop(key, None)

    # --- inside -------------------------------------------------------------------------

    async def _ready(self) -> None:
        if self._kind is None:
            try:
                await self.prepare()
            except CannotLock as error:
                raise StoreProblem(str(error)) from error

    async def _versioned(self) -> bool:
        await self._ready()
        return self._kind is LockKind.COMPLIANCE

    async def _get(self, key: str, **options: Any) -> Any:
        if await self._versioned():
            options["version"] = (await self._version(key)).id
        with problems(key):
            return await obstore.get_async(self._store, key, options=cast(Any, options))

    async def _version(self, key: str) -> Version:
        known = self._versions.get(key)
        if known is not None:
            self._versions.move_to_end(key)
            return known
        return await self._look(key)

    async def _look(self, key: str) -> Version:
        with translated(key, StoreProblem, StoreProblem):
            found = await asyncio.to_thread(self._bucket.first_version, key)
        if found is None:
            raise NotStored(key)
        self._keep(found)
        return found

    async def _copies(self, key: str) -> int:
        with translated(key, StoreProblem, StoreProblem):
            return await asyncio.to_thread(self._bucket.copies, key)

    def _keep(self, version: Version) -> None:
        self._versions[version.key] = version
        self._versions.move_to_end(version.key)
        if len(self._versions) > VERSIONS_KEPT:
            self._versions.popitem(last=False)
