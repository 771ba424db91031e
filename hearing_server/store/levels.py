"""What was decided about who may see which part of a sitting's record."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ..court.levels import LevelDecision
from . import archive_tables as a
from .decisions import DecisionRow, append, read
from .engine import transaction

LevelRow = DecisionRow[LevelDecision]


class LevelLog:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def append(self, sitting_id: str, row: LevelRow) -> None:
        """Raises :class:`~.engine.Conflict` if somebody else decided in the meantime."""
        async with transaction(self._engine, writes=True) as connection:
            await append(connection, a.level_log, {"sitting_id": sitting_id}, row)
            # What is sealed is not found by its words any more.
            await connection.execute(insert(a.search_stale).values(sitting_id=sitting_id))

    async def read(self, sitting_id: str) -> list[LevelRow]:
        """All decisions about this sitting's record, oldest first."""
        async with transaction(self._engine, writes=False) as connection:
            return (await read_levels(connection, [sitting_id])).get(sitting_id, [])


async def read_levels(connection: AsyncConnection, sittings: Iterable[str]) -> dict[str, list[LevelRow]]:
    return await read(connection, a.level_log, a.level_log.c.sitting_id, sittings, LevelDecision)
