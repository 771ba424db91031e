"""What the recorder told of each sitting's record, and background jobs on it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from . import tables as t
from .engine import transaction
from .rows import JobRow, RecordRow

#: Jobs of one sitting that a page lists, newest first.
JOBS_LIMIT = 50
ACTIVE = ("queued", "running")


class Records:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def get(self, sitting_id: str) -> RecordRow:
        """What is known; a row of nothing if nothing is."""
        async with transaction(self._engine, writes=False) as connection:
            row = (
                (await connection.execute(select(t.records).where(t.records.c.sitting_id == sitting_id)))
                .mappings()
                .first()
            )
        return RecordRow(sitting_id=sitting_id) if row is None else RecordRow(**row)

    async def archived(self, sitting_id: str, *, sealed_utc: int, objects: int, size: int) -> None:
        await self._put(sitting_id, {"sealed_utc": sealed_utc, "objects": objects, "bytes": size})

    async def sealed(self, sitting_id: str, *, manifest_sha256: str, playable: bool) -> None:
        await self._put(sitting_id, {"manifest_sha256": manifest_sha256, "playable": playable})

    async def verified(self, sitting_id: str, verification: str) -> None:
        await self._put(sitting_id, {"verification": verification})

    async def _put(self, sitting_id: str, values: dict[str, Any]) -> None:
        async with transaction(self._engine, writes=True) as connection:
            result = await connection.execute(
                update(t.records).where(t.records.c.sitting_id == sitting_id).values(values)
            )
            if result.rowcount == 0:
                blank = RecordRow(sitting_id=sitting_id)
                row = asdict(blank) | values
                await connection.execute(insert(t.records).values(row))

    # --- jobs ---

    async def add_job(self, job: JobRow) -> JobRow:
        """Queue a job, unless one of the same kind, language and part is under way: then answer that one.

        One that carries a mark is its person's own."""
        async with transaction(self._engine, writes=True) as connection:
            # Two who ask at the same time get the same job.
            sitting = select(t.sittings.c.id).where(t.sittings.c.id == job.sitting_id)
            await connection.execute(sitting.with_for_update())
            query = _jobs().where(
                t.jobs.c.sitting_id == job.sitting_id,
                t.jobs.c.kind == job.kind,
                t.jobs.c.locale == job.locale,
                t.jobs.c.part == job.part,
                t.jobs.c.state.in_(ACTIVE),
            )
            if job.mark:
                query = query.where(t.jobs.c.created_by == job.created_by)
            present = (await connection.execute(query)).mappings().first()
            if present is not None:
                return JobRow(**present)
            await connection.execute(insert(t.jobs).values(asdict(job)))
            return job

    async def job(self, job_id: str) -> JobRow | None:
        async with transaction(self._engine, writes=False) as connection:
            return await _job(connection, job_id)

    async def jobs_of(self, sitting_id: str) -> list[JobRow]:
        query = _jobs().where(t.jobs.c.sitting_id == sitting_id).order_by(t.jobs.c.created_utc.desc())
        async with transaction(self._engine, writes=False) as connection:
            return [JobRow(**row) for row in (await connection.execute(query.limit(JOBS_LIMIT))).mappings()]

    async def job_named(self, sitting_id: str, name: str) -> JobRow | None:
        """The job that made the file of this name."""
        query = _jobs().where(t.jobs.c.sitting_id == sitting_id, t.jobs.c.name == name)
        async with transaction(self._engine, writes=False) as connection:
            row = (await connection.execute(query)).mappings().first()
        return None if row is None else JobRow(**row)

    async def active_jobs(self) -> list[JobRow]:
        """Jobs that are not done nor failed."""
        query = _jobs().where(t.jobs.c.state.in_(ACTIVE)).order_by(t.jobs.c.created_utc)
        async with transaction(self._engine, writes=False) as connection:
            return [JobRow(**row) for row in (await connection.execute(query)).mappings()]

    async def update_job(self, job_id: str, **values: Any) -> None:
        """Change ``state``, ``progress``, ``name``, ``bytes`` or ``message``; a job that is over stays as it is."""
        async with transaction(self._engine, writes=True) as connection:
            await connection.execute(
                update(t.jobs).where(t.jobs.c.id == job_id, t.jobs.c.state.in_(ACTIVE)).values(values)
            )


def _jobs() -> Any:
    return select(t.jobs)


async def _job(connection: AsyncConnection, job_id: str) -> JobRow | None:
    row = (await connection.execute(_jobs().where(t.jobs.c.id == job_id))).mappings().first()
    return None if row is None else JobRow(**row)
