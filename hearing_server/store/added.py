"""Recordings that the court added to a sitting's record: every version is kept, one of each recording is current."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from . import added_tables as a
from .engine import transaction
from .ledger import retried

#: Versions that may be added to one sitting, of all its recordings.
VERSIONS_LIMIT = 200


class AlreadyAdded(Exception):
    """The very same file is there already, as a version of this recording."""


class TooManyAdded(Exception):
    """The sitting has as many as it may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedRow:
    """One version.  ``started_utc``: when the recording began, as whoever added it says; ``sha256`` in hex, of the file
    as it came; ``current``: chosen last among the versions of this recording."""

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
            there = await _read(connection, row.sitting_id)
            if len(there) >= VERSIONS_LIMIT:
                raise TooManyAdded(row.sitting_id)
            same = [other for other in there if other.recording == row.recording]
            if any(other.sha256 == row.sha256 for other in same):
                raise AlreadyAdded(row.sha256)
            version = len(same) + 1
            values = asdict(row) | {"version": version}
            values.pop("current")
            await connection.execute(insert(a.added_versions).values(values))
            await _choose(connection, row, row.added_by, row.added_utc)
            return version

    async def choose(self, row: AddedRow, by: str, utc: int) -> None:
        """Make it the current version of its recording."""

        async def append() -> int:
            async with transaction(self._engine, writes=True) as connection:
                return await _choose(connection, row, by, utc)

        await retried(append)

    async def read(self, sitting_id: str) -> list[AddedRow]:
        """All versions, by the begin of the recording, the newest version of each first."""
        async with transaction(self._engine, writes=False) as connection:
            rows = await _read(connection, sitting_id)
        return sorted(rows, key=lambda row: (row.started_utc, row.title, row.kind, -row.version))


async def _read(connection: AsyncConnection, sitting_id: str) -> list[AddedRow]:
    """In one statement: two could see different states of the database."""
    chosen = (
        select(func.max(a.added_choices.c.serial))
        .where(a.added_choices.c.sitting_id == sitting_id, a.added_choices.c.version_id == a.added_versions.c.id)
        .scalar_subquery()
    )
    query = select(a.added_versions, chosen.label("chosen")).where(a.added_versions.c.sitting_id == sitting_id)
    found = [dict(row) for row in (await connection.execute(query)).mappings()]
    in_turn = sorted(((row.pop("chosen"), AddedRow(**row)) for row in found), key=lambda each: each[0])
    current = {row.recording: row.id for _, row in in_turn}
    return [replace(row, current=current[row.recording] == row.id) for _, row in in_turn]


async def _choose(connection: AsyncConnection, row: AddedRow, by: str, utc: int) -> int:
    last = await connection.scalar(
        select(func.max(a.added_choices.c.serial)).where(a.added_choices.c.sitting_id == row.sitting_id)
    )
    serial: int = (last or 0) + 1
    await connection.execute(
        insert(a.added_choices).values(
            sitting_id=row.sitting_id, serial=serial, version_id=row.id, utc=utc, account_id=by
        )
    )
    return serial
