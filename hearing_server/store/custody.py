"""What was decided about the custody of records, and how far the storage has been told."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from ..court.custody import FOR_STORAGE, Decision
from . import custody_tables as c
from . import tables as t
from .decisions import DecisionRow, append, read
from .engine import transaction

CustodyRow = DecisionRow[Decision]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldRow:
    """The storage of this sitting's record obeys the decisions up to ``serial``."""

    sitting_id: str
    hearing_id: str
    serial: int = 0
    objects: int = 0
    problem: str = ""


class CustodyLog:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def append(self, hearing_id: str, row: CustodyRow) -> None:
        """Raises :class:`~.engine.Conflict` if somebody else decided in the meantime."""
        async with transaction(self._engine, writes=True) as connection:
            await append(connection, c.custody_log, {"hearing_id": hearing_id}, row)

    async def read(self, hearing_id: str) -> list[CustodyRow]:
        """All decisions about this hearing's record, oldest first."""
        return (await self.read_many([hearing_id])).get(hearing_id, [])

    async def read_many(self, hearing_ids: list[str]) -> dict[str, list[CustodyRow]]:
        async with transaction(self._engine, writes=False) as connection:
            return await read(connection, c.custody_log, c.custody_log.c.hearing_id, hearing_ids, Decision)

    async def told(self, hearing_id: str) -> list[ToldRow]:
        """The sittings of this hearing whose record is sealed."""
        return await self._told(t.sittings.c.hearing_id == hearing_id)

    async def untold(self) -> list[ToldRow]:
        """Sealed records whose storage does not obey the newest decision yet."""
        newest = (
            select(func.max(c.custody_log.c.serial))
            .where(
                c.custody_log.c.hearing_id == t.sittings.c.hearing_id,
                c.custody_log.c.action.in_([action.value for action in FOR_STORAGE]),
            )
            .scalar_subquery()
        )
        return await self._told(func.coalesce(c.custody_told.c.serial, 0) < newest)

    async def _told(self, condition: object) -> list[ToldRow]:
        told = c.custody_told.c
        query = (
            select(
                t.sittings.c.id.label("sitting_id"),
                t.sittings.c.hearing_id,
                func.coalesce(told.serial, 0).label("serial"),
                func.coalesce(told.objects, 0).label("objects"),
                func.coalesce(told.problem, "").label("problem"),
            )
            .select_from(t.sittings.outerjoin(c.custody_told, told.sitting_id == t.sittings.c.id))
            .where(t.media_sealed(), condition)  # type: ignore[arg-type]
            .order_by(t.sittings.c.hearing_id, t.sittings.c.ordinal)
        )
        async with transaction(self._engine, writes=False) as connection:
            return [ToldRow(**row) for row in (await connection.execute(query)).mappings()]

    async def undecided(self) -> list[str]:
        """Sealed records about whose custody the court has not said anything that the storage must know."""
        decided = select(literal(1)).where(
            c.custody_log.c.hearing_id == t.sittings.c.hearing_id,
            c.custody_log.c.action.in_([action.value for action in FOR_STORAGE]),
        )
        query = select(t.sittings.c.id).where(t.media_sealed(), ~decided.exists())
        async with transaction(self._engine, writes=False) as connection:
            return list((await connection.scalars(query.order_by(t.sittings.c.id))).all())

    async def tell(self, row: ToldRow) -> None:
        """Note how far the storage of this sitting's record is."""
        values = {"serial": row.serial, "objects": row.objects, "problem": row.problem}
        async with transaction(self._engine, writes=True) as connection:
            same = c.custody_told.c.sitting_id == row.sitting_id
            if (await connection.execute(update(c.custody_told).where(same).values(values))).rowcount == 0:
                await connection.execute(insert(c.custody_told).values(sitting_id=row.sitting_id, **values))
