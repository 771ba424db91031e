"""Test recordings and what came of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from .engine import transaction
from .recording_test_tables import recording_tests as t


class AlreadyRunning(Exception):
    """One is being made; there is one at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingTestRow:
    """One media worker's.  ``outcome``: ``running``, ``passed``, ``failed`` at ``step`` for the reason ``problem``, or
    ``skipped``."""

    id: str
    run: str
    worker_id: str
    began_utc: int
    ended_utc: int | None = None
    outcome: str = "running"
    step: str = ""
    problem: str = ""
    media: str = ""
    kept: bool = True


class RecordingTestLog:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def begin(self, row: RecordingTestRow, *, given_up_before_utc: int) -> None:
        """Note that it begins.  Those that run since before that time were left by a process that ended.

        Raises :class:`AlreadyRunning`.
        """
        running = t.c.outcome == "running"
        given_up = update(t).where(running, t.c.began_utc < given_up_before_utc)
        async with transaction(self._engine, writes=True) as connection:
            await connection.execute(
                given_up.values(outcome="failed", problem="interrupted", ended_utc=given_up_before_utc)
            )
            if (await connection.execute(select(t.c.id).where(running).limit(1))).first() is not None:
                raise AlreadyRunning
            await connection.execute(insert(t).values(asdict(row)))

    async def note(self, row: RecordingTestRow) -> None:
        """How far it is, or what came of it."""
        values = {name: getattr(row, name) for name in ("ended_utc", "outcome", "step", "problem", "media", "kept")}
        async with transaction(self._engine, writes=True) as connection:
            await connection.execute(update(t).where(t.c.id == row.id).values(values))

    async def newest(self) -> list[RecordingTestRow]:
        """The last run, in the order in which its recordings were made."""
        last = select(t.c.run).order_by(t.c.began_utc.desc()).limit(1).scalar_subquery()
        query = select(t).where(t.c.run == last).order_by(t.c.began_utc)
        async with transaction(self._engine, writes=False) as connection:
            return [RecordingTestRow(**row) for row in (await connection.execute(query)).mappings()]

    async def of_run(self, run: str) -> list[RecordingTestRow]:
        """Those of this run, likewise."""
        query = select(t).where(t.c.run == run).order_by(t.c.began_utc)
        async with transaction(self._engine, writes=False) as connection:
            return [RecordingTestRow(**row) for row in (await connection.execute(query)).mappings()]

    async def get(self, recording_id: str) -> RecordingTestRow | None:
        async with transaction(self._engine, writes=False) as connection:
            row = (await connection.execute(select(t).where(t.c.id == recording_id))).mappings().first()
        return None if row is None else RecordingTestRow(**row)

    async def to_discard(self, before_utc: int, limit: int) -> list[RecordingTestRow]:
        """Those made before, of which something may be in the archive still; the oldest first."""
        query = select(t).where(t.c.kept, t.c.began_utc < before_utc).order_by(t.c.began_utc).limit(limit)
        async with transaction(self._engine, writes=False) as connection:
            return [RecordingTestRow(**row) for row in (await connection.execute(query)).mappings()]

    async def discarded(self, recording_id: str) -> None:
        """Nothing of it is in the archive any more."""
        async with transaction(self._engine, writes=True) as connection:
            await connection.execute(update(t).where(t.c.id == recording_id).values(kept=False))

    async def forget(self, before_utc: int) -> None:
        """Those made before of which nothing is left."""
        async with transaction(self._engine, writes=True) as connection:
            await connection.execute(delete(t).where(t.c.began_utc < before_utc, t.c.kept.is_(False)))
