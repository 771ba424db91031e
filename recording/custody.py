"""The recorder's part of custody: what the court decided about a record is written beside it, and its objects obey.

Decisions are signed objects of their own, outside the record: ``custody/<sitting id>/<serial>.json`` and ``.sig``.
They outlive the record that they are about; objects that come late take over the newest one (E14).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from . import messages
from .keys import SigningKey
from .manifest import MANIFEST_NAME, Struct, added_prefix, encode, key_name, prefix
from .messages import AnyAnswer, Kept
from .objects import AlreadyStored, Locked, NotStored, ObjectStore, StoreProblem

log = logging.getLogger(__name__)

CUSTODY_PREFIX = "custody/"
#: Objects that are told at a time.
AT_A_TIME = 8
#: Records whose outcome is remembered, to answer a repeated request.
REMEMBERED = 1000


class CustodyEntry(Struct):
    """One decision, as it is stored and signed.  ``retain_until_us``: 0 if it leaves that open.

    ``decision`` is the court's own account of it: who, why, under which order.  ``destroyed``: the objects that are no
    more, ``[name, size]``.
    """

    version: int
    sitting_id: str
    serial: int
    retain_until_us: int
    hold: bool
    destroy: bool
    decision: dict[str, Any]
    manifest_sha256: str
    made_us: int
    destroyed: list[tuple[str, int]] = msgspec.field(default_factory=list)


decoder: msgspec.json.Decoder[CustodyEntry] = msgspec.json.Decoder(CustodyEntry)


def folder(sitting_id: str) -> str:
    return f"{CUSTODY_PREFIX}{sitting_id}/"


async def newest(store: ObjectStore, sitting_id: str) -> CustodyEntry | None:
    """The decision that holds now, nothing if there is none; one without its signature is not done yet.

    Raises :class:`StoreProblem`.
    """
    stored = {key for key, _ in await store.list(folder(sitting_id))}
    names = [key for key in stored if key.endswith(".json") and key.removesuffix(".json") + ".sig" in stored]
    return decoder.decode(await store.read(max(names))) if names else None


async def is_destroyed(store: ObjectStore, sitting_id: str) -> bool:
    """Whether this record is no more, by the court's decision.  Raises :class:`StoreProblem`."""
    entry = await newest(store, sitting_id)
    return entry is not None and entry.destroy


class Custodian:
    """Does what the court decided, one record at a time, in the background; a request is repeated until it is done."""

    def __init__(self, store: ObjectStore, key: SigningKey) -> None:
        self._store = store
        self._key = key
        self._running: dict[str, asyncio.Task[None]] = {}
        self._done: dict[str, AnyAnswer] = {}
        #: What is to be done once more when it has ended.
        self._again: set[str] = set()
        self._turn = asyncio.Semaphore(1)

    async def keep(self, request: messages.Keep) -> AnyAnswer:
        """See :class:`messages.Keep`."""
        done = self._done.get(request.sitting_id)
        if isinstance(done, Kept) and done.serial >= request.serial:
            return done
        self._start(request.sitting_id, lambda: self._decide(request))
        if isinstance(done, messages.Refused):
            self._done.pop(request.sitting_id)
            return done
        return messages.Accepted()

    async def discard(self, test_id: str) -> AnyAnswer:
        """Remove a test recording; its few objects go at once, or, if one of them is locked, none does."""
        try:
            found, now = await self._objects(test_id), time.time()
            for key, _ in found:
                protection = await self._store.protection(key)
                if protection.hold or protection.until_s > now:
                    return messages.Refused(reason="locked", detail=key)
            for key, _ in found:
                await self._store.destroy(key)
        except Locked as error:
            return messages.Refused(reason="locked", detail=str(error))
        except StoreProblem as error:
            return messages.Refused(reason="busy", detail=str(error))
        return messages.Discarded()

    def refresh(self, sitting_id: str) -> None:
        """Something was stored of this record: it is kept as long as the rest."""
        name = f"refresh {sitting_id}"
        if name in self._running:  # it may have looked before this was there
            self._again.add(name)
        self._start(name, lambda: self._refresh(sitting_id))

    async def aclose(self) -> None:
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    # --- inside -------------------------------------------------------------------

    def _start(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        if name in self._running:
            return

        async def run() -> None:
            async with self._turn:
                self._again.discard(name)
                try:
                    await work()
                    while name in self._again:
                        self._again.discard(name)
                        await work()
                except (StoreProblem, AlreadyStored, msgspec.DecodeError) as error:
                    log.warning("custody of %s waits: %r", name, error)
                    if isinstance(error, Locked):
                        self._remember(name, messages.Refused(reason="locked", detail=str(error)))
                except Exception:
                    log.exception("custody of %s waits", name)

        task = self._running[name] = asyncio.create_task(run(), name=f"custody {name}")
        task.add_done_callback(lambda _: self._running.pop(name, None))

    def _remember(self, sitting_id: str, answer: AnyAnswer) -> None:
        self._done[sitting_id] = answer
        if len(self._done) > REMEMBERED:
            self._done.pop(next(iter(self._done)))

    async def _decide(self, request: messages.Keep) -> None:
        known = await newest(self._store, request.sitting_id)
        if known is None or known.serial < request.serial:
            if request.destroy:
                await self._destroy(request)
            else:
                await self._apply(request.sitting_id, request.retain_until_s, hold=request.hold)
                await self._write(_entry(request, await self._digest(request.sitting_id)))
        found = await self._objects(request.sitting_id)
        self._remember(request.sitting_id, Kept(serial=request.serial, objects=len(found)))

    async def _destroy(self, request: messages.Keep) -> None:
        """Everything of the record but what says that, and why, it is no more; nothing while anything is locked."""
        before = await newest(self._store, request.sitting_id)
        if before is None or before.hold or before.retain_until_us > time.time_ns() // 1000:
            raise Locked(f"{request.sitting_id}: the court's own last decision keeps it")
        digest = await self._digest(request.sitting_id)
        found = await self._objects(request.sitting_id)
        now = time.time()
        for key, _ in found:
            protection = await self._store.protection(key)
            if protection.hold or protection.until_s > now:
                raise Locked(f"{key}: it is locked")
        # What goes is written down first; the list is of all that was there when the first try began.
        place = f"{folder(request.sitting_id)}{request.serial:06d}.list"
        try:
            listed = msgspec.json.decode(await self._store.read(place), type=CustodyEntry)
        except NotStored:
            listed = _entry(request, digest)
            listed.destroyed = found
            await self._store.put_new(place, encode(listed))
        # The manifest last: a record that is half gone still says of what it is the rest.
        for key, _ in sorted(found, key=lambda item: item[0].endswith(MANIFEST_NAME)):
            await self._store.destroy(key)
        await self._write(listed)
        log.warning("record %s was destroyed: %d objects", request.sitting_id, len(found))

    async def _write(self, entry: CustodyEntry) -> None:
        place = f"{folder(entry.sitting_id)}{entry.serial:06d}"
        try:  # a try before this one may have been killed between the two
            data = await self._store.read(f"{place}.json")
        except NotStored:
            data = encode(entry)
            await self._store.put_new(f"{place}.json", data)
        await self._store.put_new(f"{place}.sig", self._key.sign(data))

    async def _refresh(self, sitting_id: str) -> None:
        entry = await newest(self._store, sitting_id)
        if entry is None:
            return
        if not entry.destroy:
            await self._apply(sitting_id, entry.retain_until_us // 1_000_000, hold=entry.hold)
            return
        # Made while the record was destroyed, as a film that takes long.
        for key, _ in await self._objects(sitting_id):
            await self._store.destroy(key)
            log.warning("%s came when its record was destroyed; it is removed too", key)

    async def _apply(self, sitting_id: str, until_s: int, *, hold: bool) -> None:
        some = asyncio.Semaphore(AT_A_TIME)

        async def tell(key: str) -> None:
            async with some:
                if until_s:
                    await self._store.retain(key, until_s)
                if (await self._store.protection(key)).hold is not hold:
                    await self._store.hold(key, on=hold)

        keys = [key for key, _ in await self._objects(sitting_id)]
        for outcome in await asyncio.gather(*map(tell, keys), return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def _objects(self, sitting_id: str) -> list[tuple[str, int]]:
        """What the record consists of in the storage, with what was added to it, and its key if it is encrypted."""
        found = [*await self._store.list(prefix(sitting_id)), *await self._store.list(added_prefix(sitting_id))]
        with contextlib.suppress(NotStored):
            found.append((key_name(sitting_id), await self._store.size(key_name(sitting_id))))
        return found

    async def _digest(self, sitting_id: str) -> str:
        try:
            return (await self._store.digest(prefix(sitting_id) + MANIFEST_NAME))[1]
        except NotStored:
            return ""


def _entry(request: messages.Keep, manifest_sha256: str) -> CustodyEntry:
    return CustodyEntry(
        version=1,
        sitting_id=request.sitting_id,
        serial=request.serial,
        retain_until_us=request.retain_until_s * 1_000_000,
        hold=request.hold,
        destroy=request.destroy,
        decision=request.decision,
        manifest_sha256=manifest_sha256,
        made_us=time.time_ns() // 1000,
    )
