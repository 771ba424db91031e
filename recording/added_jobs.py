"""Stating what the court did with recordings that it added to a record.  Every step may be killed and repeated."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import time
from collections.abc import Callable

import msgspec

from . import added, custody, messages
from .keys import SigningKey
from .manifest import ADDED_PREFIX, MANIFEST_NAME, SIGNATURE_NAME, added_prefix, encode, prefix
from .messages import AnyAnswer
from .objects import AlreadyStored, NotStored, ObjectStore, StoreProblem
from .transparency import LogProblem, StatementEntry, TransparencyLog

log = logging.getLogger(__name__)

#: Records whose acts may be stated at a time; more are refused as ``busy``.
RUNNING_LIMIT = 16


class Unstatable(Exception):
    """This act can never be stated."""


class Additions:
    """``stated`` is called with the sitting when something may have been stored, which is to be kept as the rest is."""

    def __init__(
        self,
        store: ObjectStore,
        key: SigningKey,
        transparency: TransparencyLog,
        software: str,
        stated: Callable[[str], None],
    ) -> None:
        self._store = store
        self._key = key
        self._log = transparency
        self._software = software
        self._stated = stated
        self._running: dict[str, asyncio.Task[None]] = {}
        #: Why the last try failed for good, for the next request.
        self._refused: dict[str, str] = {}
        self._one = asyncio.Lock()

    async def add(self, request: messages.Add) -> AnyAnswer:
        """See :class:`messages.Add`."""
        sitting_id, act = request.sitting_id, request.act
        try:
            kept = await custody.newest(self._store, sitting_id)
            if kept is not None and kept.destroy:
                return messages.Refused(reason="destroyed")
            if await self._is_stated(sitting_id, act):
                return messages.Stated(serial=act.serial)
            await self._store.size(prefix(sitting_id) + SIGNATURE_NAME)
        except Unstatable as error:
            return messages.Refused(reason="invalid", detail=str(error))
        except NotStored:
            return messages.Refused(reason="not-sealed")
        except (StoreProblem, msgspec.DecodeError) as error:
            return messages.Refused(reason="busy", detail=str(error)[:200])
        if (reason := self._refused.pop(sitting_id, "")) and sitting_id not in self._running:
            return messages.Refused(reason="invalid", detail=reason)
        if sitting_id not in self._running:
            if len(self._running) >= RUNNING_LIMIT:
                return messages.Refused(reason="busy")
            task = self._running[sitting_id] = asyncio.create_task(self._state(sitting_id, act))
            task.add_done_callback(lambda _: self._running.pop(sitting_id, None))
        return messages.Accepted()

    async def aclose(self) -> None:
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    # --- inside -------------------------------------------------------------------

    async def _is_stated(self, sitting_id: str, act: messages.Act) -> bool:
        """Raises :class:`Unstatable` if another act is stated under this serial."""
        name = _key(sitting_id, added.statement_name(act.serial))
        with contextlib.suppress(NotStored):
            if added.decoder.decode(await self._store.read(name)).act != act:
                raise Unstatable("another act was stated under this serial")
            await self._store.size(added.signature_of(name))
            await self._store.size(added.inclusion_of(name))
            return True
        return False

    async def _state(self, sitting_id: str, act: messages.Act) -> None:
        try:
            async with self._one:
                await self._store_all(sitting_id, act)
        except Unstatable as error:
            log.error("act %d of %s cannot be stated: %s", act.serial, sitting_id, error)
            self._refused[sitting_id] = str(error)
        except (StoreProblem, AlreadyStored, LogProblem, OSError, msgspec.DecodeError) as error:
            log.warning("act %d of %s is not stated yet: %r", act.serial, sitting_id, error)
        except Exception:
            log.exception("act %d of %s is not stated yet", act.serial, sitting_id)
        finally:
            # Also of a try that failed half-way: the record may have been destroyed meanwhile.
            self._stated(sitting_id)

    async def _store_all(self, sitting_id: str, act: messages.Act) -> None:
        name = _key(sitting_id, added.statement_name(act.serial))
        try:  # a try before this one may have been killed after its first step
            data = await self._store.read(name)
        except NotStored:
            data = encode(await self._statement(sitting_id, act))
            await self._store.put_new(name, data)
        statement = added.decoder.decode(data)
        await self._store.put_new(added.signature_of(name), self._key.sign(data))
        entry = StatementEntry(
            sitting_id=sitting_id, statement_sha256=hashlib.sha256(data).hexdigest(), made_us=statement.made_us
        )
        try:
            await self._store.size(added.inclusion_of(name))
        except NotStored:
            await self._store.put_new(added.inclusion_of(name), encode(await self._log.append_statement(entry)))

    async def _statement(self, sitting_id: str, act: messages.Act) -> added.AddedStatement:
        """What is to be signed: only of a file that is really there, and only the next act."""
        chain = added.Chain(sitting_id, (await self._store.digest(prefix(sitting_id) + MANIFEST_NAME))[1])
        for serial in range(1, act.serial):
            name = added.statement_name(serial)
            try:
                before = await self._store.read(_key(sitting_id, name))
            except NotStored:
                raise Unstatable(f"act {serial} is not stated") from None
            chain.take(name, before, added.decoder.decode(before))
        statement = added.AddedStatement(
            version=added.STATEMENT_VERSION,
            sitting_id=sitting_id,
            manifest_sha256=chain.manifest_sha256,
            previous_sha256=chain.head,
            act=act,
            made_us=time.time_ns() // 1000,
            software=self._software,
            key_id=self._key.public.key_id,
        )
        if wrong := chain.take(added.statement_name(act.serial), b"", statement):
            raise Unstatable(wrong)
        if act.action == "add":
            try:
                found = await self._store.digest(_key(sitting_id, added.file_name(act.sha256)))
            except NotStored:
                raise Unstatable("its file is not stored") from None
            if found != (act.bytes, act.sha256):
                raise Unstatable("its file is another one")
        return statement


def _key(sitting_id: str, name: str) -> str:
    return added_prefix(sitting_id) + name.removeprefix(ADDED_PREFIX)
