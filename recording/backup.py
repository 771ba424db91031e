"""Two stores as one: the court's dedicated storage and a backup of it (RRC 5 asks for both).

An object is stored when one of the two has it, read back and compared; the copy that the other lacks is *owed*, noted
down before that is said, and made as soon as the other store answers.  What one store cannot give the other does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from .encrypted import EncryptedStore
from .locks import LockKind, Protection
from .objects import READ_LIMIT_BYTES, AlreadyStored, NotStored, ObjectStore, ReadBackMismatch, Stored, StoreProblem
from .spool import sync_folder

log = logging.getLogger(__name__)

#: How often what is owed is tried again, s, and how many copies are made at each try.
RETRY_S = 5.0
COPIES_PER_TRY = 500
#: Sides of a note of what is owed.
PRIMARY, BACKUP = "primary", "backup"
#: Folder of the notes, in the spool for the recorder's, in the data folder for control's.
OWED_FOLDER = ".owed"

Found = TypeVar("Found")


class PairedStore(ObjectStore):
    """``owed`` is a folder for the notes; without one this pair only reads (and puts need both stores)."""

    def __init__(self, primary: ObjectStore, backup: ObjectStore, owed: Path | None) -> None:
        super().__init__(primary._store, primary._root)
        self.primary = primary
        self.backup = backup
        self.fault = ""
        """Which store did not answer last time, and why."""
        self._owed = owed

    async def put_new(self, key: str, source: bytes | Path) -> Stored:
        outcomes = await asyncio.gather(
            self.primary.put_new(key, source), self.backup.put_new(key, source), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, StoreProblem):
                raise outcome
        first, second = outcomes
        if isinstance(first, Stored):
            if isinstance(second, StoreProblem):
                await self._owe(BACKUP, key, second)
            return first
        if isinstance(second, Stored):
            assert isinstance(first, StoreProblem)
            await self._owe(PRIMARY, key, first)
            return second
        raise StoreProblem(f"neither store: {first}; backup: {second}")

    async def claim(self, key: str, data: bytes) -> Stored:
        """Two who claim a name must ask the same store."""
        stored = await self.primary.put_new(key, data)
        try:
            await self.backup.put_new(key, data)
        except StoreProblem as error:
            await self._owe(BACKUP, key, error)
        return stored

    # --- custody ------------------------------------------------------------------------

    @property
    def lock_kind(self) -> LockKind:
        """What both have."""
        kinds = {self.primary.lock_kind, self.backup.lock_kind}
        return next(kind for kind in (LockKind.NONE, LockKind.FILES, LockKind.COMPLIANCE) if kind in kinds)

    async def prepare(self) -> None:
        for outcome in await asyncio.gather(self.primary.prepare(), self.backup.prepare(), return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def retain(self, key: str, until_s: int) -> None:
        await self._both(key, lambda store: store.retain(key, until_s))

    async def hold(self, key: str, *, on: bool) -> None:
        await self._both(key, lambda store: store.hold(key, on=on))

    async def protection(self, key: str) -> Protection:
        """The weaker of the two."""
        first, second = await self.primary.protection(key), await self.backup.protection(key)
        return Protection(min(first.until_s, second.until_s), first.hold and second.hold)

    async def destroy(self, key: str) -> None:
        await self.primary.destroy(key)
        await self.backup.destroy(key)

    async def _both(self, key: str, act: Callable[[ObjectStore], Awaitable[None]]) -> None:
        """Both must have done it.  A copy that is owed gets it when the call is repeated."""
        for outcome in await asyncio.gather(act(self.primary), act(self.backup), return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    # --- reading ------------------------------------------------------------------------

    async def digest(self, key: str) -> tuple[int, str]:
        return await self._ask(key, lambda store: store.digest(key))

    async def size(self, key: str) -> int:
        return await self._ask(key, lambda store: store.size(key))

    async def read(self, key: str, limit: int = READ_LIMIT_BYTES) -> bytes:
        return await self._ask(key, lambda store: store.read(key, limit))

    async def stream(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        given = 0
        try:
            async for piece in self.primary.stream(key, start, end):
                given += len(piece)
                yield piece
            return
        except StoreProblem as error:
            log.warning("%s is read from the backup: %s", key, error)
        async for piece in self.backup.stream(key, start + given, end):
            yield piece

    async def fetch(self, key: str, target: Path) -> Path:
        return await self._ask(key, lambda store: store.fetch(key, target))

    async def list(self, prefix: str) -> list[tuple[str, int]]:
        """What either has; if one does not answer, what the other has."""
        found = await asyncio.gather(self.primary.list(prefix), self.backup.list(prefix), return_exceptions=True)
        sizes: dict[str, int] = {}
        for part in reversed(found):
            if isinstance(part, BaseException):
                if not isinstance(part, StoreProblem) or all(isinstance(other, BaseException) for other in found):
                    raise part
            else:
                sizes |= dict(part)
        return sorted(sizes.items())

    # --- what is owed ---------------------------------------------------------------

    async def lacking(self, prefix: str) -> set[tuple[str, str]]:
        """Sides and keys of what one has and the other has not.  Raises :class:`StoreProblem` if either is away."""
        first, second = dict(await self.primary.list(prefix)), dict(await self.backup.list(prefix))
        return {(BACKUP, key) for key in first if key not in second} | {
            (PRIMARY, key) for key in second if key not in first
        }

    async def note_owed(self, side: str, key: str) -> None:
        """Have it copied.  Raises :class:`OSError`."""
        if self._owed is not None:
            await asyncio.to_thread(_note, self._owed, side, key)

    def owing(self) -> Sequence[tuple[str, str]]:
        """Sides and keys of the copies that are missing.  Reads the folder of notes."""
        return _notes(self._owed) if self._owed is not None else []

    async def run(self) -> None:
        """Make the copies that are owed, until cancelled; never raises."""
        while True:
            await self.copy_owed()
            await asyncio.sleep(RETRY_S)

    async def copy_owed(self) -> None:
        """Try the first copies that are owed, each once; never raises.  ``fault`` says why some are owed still."""
        fault = ""
        try:
            for side, key in (await asyncio.to_thread(self.owing))[:COPIES_PER_TRY]:
                fault = await self._try(side, key) or fault
        except OSError as error:
            fault = str(error)
        self.fault = fault

    async def _owe(self, side: str, key: str, problem: StoreProblem) -> None:
        """Note, durably, that this side lacks the object; without a place for notes it is not stored."""
        if self._owed is None:
            raise problem
        self.fault = f"{side}: {problem}"
        log.warning("%s is owed %s: %s", side, key, problem)
        await asyncio.to_thread(_note, self._owed, side, key)

    async def _ask(self, key: str, ask: Callable[[ObjectStore], Awaitable[Found]]) -> Found:
        """What the primary answers, else the backup.

        If neither has it, the word of one that is not owed the object settles that there is none.
        """
        problems: list[StoreProblem] = []
        for side, store in ((PRIMARY, self.primary), (BACKUP, self.backup)):
            try:
                return await ask(store)
            except NotStored as error:
                if self._owed is None or await asyncio.to_thread(_path(self._owed, side, key).exists):
                    problems.append(error)
                else:
                    problems.insert(0, error)
            except StoreProblem as error:
                problems.append(error)
        raise problems[0]

    async def _try(self, side: str, key: str) -> str:
        """Why it is owed still, if it is."""
        try:
            await self._settle(side, key)
        except AlreadyStored:
            log.error("the stores hold different bytes under %s", key)
            return f"the stores hold different bytes under {key}"
        except (StoreProblem, OSError) as error:
            return str(error)
        except Exception as error:  # one object's fault must not stop the others
            log.exception("%s is owed %s still", side, key)
            return repr(error)
        return ""

    async def _settle(self, side: str, key: str) -> None:
        assert self._owed is not None
        source, target = (self.backup, self.primary) if side == PRIMARY else (self.primary, self.backup)
        draft = self._owed / ".draft"
        path = await source.fetch(key, draft)
        try:
            if (await source.digest(key))[0] != await asyncio.to_thread(lambda: path.stat().st_size):
                raise ReadBackMismatch(key)
            await target.put_new(key, path)
        finally:
            await asyncio.to_thread(draft.unlink, missing_ok=True)
        await asyncio.to_thread(_strike, self._owed, side, key)
        log.info("%s has %s now", side, key)


def paired(store: ObjectStore) -> PairedStore | None:
    """The pair in this store, encrypted or not, if it is one."""
    inner = store.inner if isinstance(store, EncryptedStore) else store
    return inner if isinstance(inner, PairedStore) else None


def _path(folder: Path, side: str, key: str) -> Path:
    """A note is an empty file whose name is side and key; a key's slashes become colons, which keys never have."""
    return folder / f"{side}:{key.replace('/', ':')}"


def _note(folder: Path, side: str, key: str) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(_path(folder, side, key), os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    sync_folder(folder)


def _notes(folder: Path) -> list[tuple[str, str]]:
    with contextlib.suppress(FileNotFoundError):
        names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
        return [(side, key.replace(":", "/")) for side, _, key in (name.partition(":") for name in names)]
    return []


def _strike(folder: Path, side: str, key: str) -> None:
    _path(folder, side, key).unlink(missing_ok=True)
    sync_folder(folder)
