"""What is written into the archive about a record: notes."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from . import archive_tables as a
from .engine import transaction
from .ledger import retried


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteRow:
    """``at_utc``: the time of the record that it speaks of.  A row without words takes the one it replaces back."""

    sitting_id: str
    utc: int
    at_utc: int
    author: str
    name: str
    name_zh: str
    role: str
    text: str
    replaces: int | None = None
    seq: int = 0


class ArchiveNotes:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, note: NoteRow) -> int:
        """Append it and answer its number."""
        return await retried(lambda: self._append(note))

    async def _append(self, note: NoteRow) -> int:
        column = a.archive_notes.c
        async with transaction(self._engine, writes=True) as connection:
            last = await connection.scalar(select(func.max(column.seq)).where(column.sitting_id == note.sitting_id))
            seq: int = (last or 0) + 1
            await connection.execute(
                insert(a.archive_notes).values(
                    sitting_id=note.sitting_id,
                    seq=seq,
                    utc=note.utc,
                    at_utc=note.at_utc,
                    author=note.author,
                    name=note.name,
                    name_zh=note.name_zh,
                    role=note.role,
                    text=note.text,
                    replaces=note.replaces,
                )
            )
            return seq

    async def read(self, sitting_id: str) -> list[NoteRow]:
        """The notes that stand, by the time of the record; those replaced or taken back stay in the database."""
        query = select(a.archive_notes).where(a.archive_notes.c.sitting_id == sitting_id)
        async with transaction(self._engine, writes=False) as connection:
            rows = [NoteRow(**row) for row in (await connection.execute(query)).mappings()]
        replaced = {row.replaces for row in rows}
        standing = [row for row in rows if row.text and row.seq not in replaced]
        return sorted(standing, key=lambda row: (row.at_utc, row.seq))
