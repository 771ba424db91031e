"""What was decided about who may see which part of a sitting's record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ..court.levels import LevelDecision
from . import archive_tables as a
from .engine import transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelRow:
    """A decision, and who made it when."""

    serial: int
    utc: int
    name: str
    name_zh: str
    decision: LevelDecision


class LevelLog:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def append(self, sitting_id: str, row: LevelRow) -> None:
        """Raises :class:`~.engine.Conflict` if somebody else decided in the meantime."""
        async with transaction(self._engine, writes=True) as connection:
            await connection.execute(
                insert(a.level_log).values(
                    sitting_id=sitting_id,
                    serial=row.serial,
                    utc=row.utc,
                    action=row.decision.action.value,
                    account_id=row.decision.by,
                    name=row.name,
                    name_zh=row.name_zh,
                    body=msgspec.json.encode(row.decision, order="deterministic").decode(),
                )
            )
            # What is sealed is not found by its words any more.
            await connection.execute(insert(a.search_stale).values(sitting_id=sitting_id))

    async def read(self, sitting_id: str) -> list[LevelRow]:
        """All decisions about this sitting's record, oldest first."""
        async with transaction(self._engine, writes=False) as connection:
            return (await read_levels(connection, [sitting_id])).get(sitting_id, [])


async def read_levels(connection: AsyncConnection, sittings: Iterable[str]) -> dict[str, list[LevelRow]]:
    query = select(a.level_log).where(a.level_log.c.sitting_id.in_(list(sittings))).order_by(a.level_log.c.serial)
    found: dict[str, list[LevelRow]] = {}
    for row in (await connection.execute(query)).mappings():
        found.setdefault(row["sitting_id"], []).append(
            LevelRow(
                serial=row["serial"],
                utc=row["utc"],
                name=row["name"],
                name_zh=row["name_zh"],
                decision=msgspec.json.decode(row["body"], type=LevelDecision),
            )
        )
    return found
