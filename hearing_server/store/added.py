"""Recordings that the court added to a sitting's record: every version is kept, one of each recording is current."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Literal

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from . import added_tables as a
from . import tables as t
from .engine import transaction
from .ledger import retried

#: Versions that may be added to one sitting, of all its recordings.
VERSIONS_LIMIT = 200


class AlreadyAdded(Exception):
    """The very same file is there already, as a version of this recording."""


class TooManyAdded(Exception):
    """The sitting has as many as it may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedAct:
    """What somebody did: ``serial`` counts the acts about one sitting, from 1.  ``name`` is empty of acts that were
    written down before names were."""

    serial: int
    action: Literal["add", "choose", "withdraw"]
    version_id: str
    utc: int
    account_id: str
    name: str
    name_zh: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedRow:
    """One version.  ``started_utc``: when the recording began, as whoever added it says; ``sha256`` in hex, of the file
    as it came; ``current``: chosen last among the versions of this recording that are not withdrawn; ``withdrawn``: by
    the act that says why and whose it was, if it is."""

    id: str
    sitting_id: str
    title: str
    kind: str
    started_utc: int
    equipment: str
    file_name: str
    media_type: str
    bytes: int
    sha256: str
    duration_ms: int
    has_audio: bool
    added_utc: int
    added_by: str
    name: str
    name_zh: str
    version: int = 0
    current: bool = False
    withdrawn: AddedAct | None = None

    @property
    def recording(self) -> tuple[str, str, int]:
        """What it is a version of."""
        return self.title, self.kind, self.started_utc


class AddedRecordings:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, row: AddedRow) -> int:
        """Append it as the newest version of its recording, and the current one; answers its number, from 1.

        Raises :class:`AlreadyAdded` or :class:`TooManyAdded`.
        """
        return await retried(lambda: self._append(row))

    async def _append(self, row: AddedRow) -> int:
        async with transaction(self._engine, writes=True) as connection:
            there, _ = await _read(connection, row.sitting_id)
            if len(there) >= VERSIONS_LIMIT:
                raise TooManyAdded(row.sitting_id)
            same = [other for other in there if other.recording == row.recording]
            if any(other.sha256 == row.sha256 for other in same):
                raise AlreadyAdded(row.sha256)
            version = len(same) + 1
            values = asdict(row) | {"version": version}
            del values["current"], values["withdrawn"]
            await connection.execute(insert(a.added_versions).values(values))
            await _do(connection, row, row.added_by, row.name, row.name_zh, row.added_utc)
            return version

    async def choose(self, row: AddedRow, by: str, name: str, name_zh: str, utc: int) -> None:
        """Make it the current version of its recording; if it was withdrawn, it is not any more."""
        await self._done(row, by, name, name_zh, utc, "")

    async def withdraw(self, row: AddedRow, by: str, name: str, name_zh: str, utc: int, reason: str) -> None:
        """It is not to be relied on, and kept all the same."""
        await self._done(row, by, name, name_zh, utc, reason)

    async def _done(self, row: AddedRow, by: str, name: str, name_zh: str, utc: int, reason: str) -> None:
        async def append() -> int:
            async with transaction(self._engine, writes=True) as connection:
                return await _do(connection, row, by, name, name_zh, utc, reason)

        await retried(append)

    async def read(self, sitting_id: str) -> list[AddedRow]:
        """All versions, by the begin of the recording, the newest version of each first."""
        return (await self.all(sitting_id))[0]

    async def all(self, sitting_id: str) -> tuple[list[AddedRow], list[AddedAct]]:
        """The versions as :meth:`read` has them, and every act about them, oldest first."""
        async with transaction(self._engine, writes=False) as connection:
            rows, acts = await _read(connection, sitting_id)
        return sorted(rows, key=lambda row: (row.started_utc, row.title, row.kind, -row.version)), acts

    async def restore(self, row: AddedRow, act: AddedAct) -> None:
        """Write down the next act, as the record's own statements have it, in a database that has lost it; the version
        is known by its recording and number."""
        rows = await self.read(row.sitting_id)
        known = next((each for each in rows if (each.recording, each.version) == (row.recording, row.version)), None)
        if act.action == "add" and known is None:
            await self.add(row)
        elif known is not None:
            await self._done(known, act.account_id, act.name, act.name_zh, act.utc, act.reason)
        await self.tell(row.sitting_id, act.serial)

    async def untold(self) -> list[tuple[str, int]]:
        """Sealed records of which acts are not stated yet, with the last that is."""
        newest = (
            select(func.max(a.added_choices.c.serial))
            .where(a.added_choices.c.sitting_id == t.sittings.c.id)
            .scalar_subquery()
        )
        told = func.coalesce(a.added_told.c.serial, 0)
        query = (
            select(t.sittings.c.id, told)
            .select_from(t.sittings.outerjoin(a.added_told, a.added_told.c.sitting_id == t.sittings.c.id))
            .where(t.sittings.c.id.in_(select(a.added_choices.c.sitting_id)), t.media_sealed(), told < newest)
            .order_by(t.sittings.c.id)
        )
        async with transaction(self._engine, writes=False) as connection:
            return [(row[0], row[1]) for row in await connection.execute(query)]

    async def tell(self, sitting_id: str, serial: int) -> None:
        """The acts up to this one are stated."""
        same = a.added_told.c.sitting_id == sitting_id
        async with transaction(self._engine, writes=True) as connection:
            if (await connection.execute(update(a.added_told).where(same).values(serial=serial))).rowcount == 0:
                await connection.execute(insert(a.added_told).values(sitting_id=sitting_id, serial=serial))


async def _read(connection: AsyncConnection, sitting_id: str) -> tuple[list[AddedRow], list[AddedAct]]:
    """Versions and acts in the order of the acts, in one statement: two could see different states of the database."""
    versions, choices = a.added_versions, a.added_choices
    query = (
        select(
            versions,
            choices.c.serial,
            choices.c.utc,
            choices.c.account_id,
            choices.c.name.label("actor"),
            choices.c.name_zh.label("actor_zh"),
            choices.c.withdrawn.label("withdraws"),
            choices.c.reason,
        )
        .select_from(versions.join(choices, choices.c.version_id == versions.c.id))
        .where(versions.c.sitting_id == sitting_id)
        .order_by(choices.c.serial)
    )
    rows: dict[str, AddedRow] = {}
    acts: list[AddedAct] = []
    for found in (await connection.execute(query)).mappings():
        row = dict(found)
        said = {name: row.pop(name) for name in ("serial", "utc", "account_id", "reason")}
        actor, actor_zh, withdraws = (row.pop(name) for name in ("actor", "actor_zh", "withdraws"))
        new = row["id"] not in rows
        version = rows.setdefault(row["id"], AddedRow(**row))
        act = AddedAct(
            action="withdraw" if withdraws else "add" if new else "choose",
            version_id=version.id,
            name=actor or (version.name if new else ""),
            name_zh=actor_zh or (version.name_zh if new else ""),
            **said,
        )
        acts.append(act)
        rows[version.id] = replace(version, withdrawn=act if withdraws else None)
    current: dict[tuple[str, str, int], str] = {}
    for act in acts:
        if rows[act.version_id].withdrawn is None:
            current[rows[act.version_id].recording] = act.version_id
    return [replace(row, current=current.get(row.recording) == row.id) for row in rows.values()], acts


async def _do(
    connection: AsyncConnection, row: AddedRow, by: str, name: str, name_zh: str, utc: int, reason: str = ""
) -> int:
    """Write an act down; with a reason it withdraws the version, else it makes it the current one."""
    same = a.added_choices.c.sitting_id == row.sitting_id
    last = await connection.scalar(select(func.max(a.added_choices.c.serial)).where(same))
    serial: int = (last or 0) + 1
    await connection.execute(
        insert(a.added_choices).values(
            sitting_id=row.sitting_id,
            serial=serial,
            version_id=row.id,
            utc=utc,
            account_id=by,
            name=name,
            name_zh=name_zh,
            withdrawn=bool(reason),
            reason=reason,
        )
    )
    return serial
