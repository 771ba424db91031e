"""The database as something that can be made anew from the sealed manifests: what it should say, and writing it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from ..court import Event
from . import tables as t
from .docket import Docket, sitting_values
from .engine import transaction
from .rows import Court, NewHearing


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedSitting:
    """A sitting that is over, and what is known of its record."""

    sitting_id: str
    hearing_id: str
    record_state: str
    closed_utc: int
    objects: int
    bytes: int
    manifest_sha256: str
    playable: bool


class Reconciliation:
    def __init__(self, engine: AsyncEngine, docket: Docket) -> None:
        self._engine = engine
        self._docket = docket

    async def closed(self) -> list[ClosedSitting]:
        """Every closed sitting that was to be recorded, oldest first."""
        records, sittings = t.records.c, t.sittings.c
        query = (
            select(
                sittings.id.label("sitting_id"),
                sittings.hearing_id,
                sittings.record_state,
                sittings.closed_utc,
                records.objects,
                records.bytes,
                records.manifest_sha256,
                records.playable,
            )
            .select_from(t.sittings.outerjoin(t.records, records.sitting_id == sittings.id))
            .where(sittings.state == "closed", sittings.record_state != "idle")
            .order_by(sittings.closed_utc, sittings.id)
        )
        async with transaction(self._engine, writes=False) as connection:
            return [
                ClosedSitting(
                    sitting_id=row["sitting_id"],
                    hearing_id=row["hearing_id"],
                    record_state=row["record_state"],
                    closed_utc=row["closed_utc"] or 0,
                    objects=row["objects"] or 0,
                    bytes=row["bytes"] or 0,
                    manifest_sha256=row["manifest_sha256"] or "",
                    playable=bool(row["playable"]),
                )
                for row in (await connection.execute(query)).mappings()
            ]

    async def sittings(self) -> set[str]:
        """Every sitting that the database knows, held or not."""
        async with transaction(self._engine, writes=False) as connection:
            return set((await connection.scalars(select(t.sittings.c.id))).all())

    async def court_named(self, name: str) -> Court | None:
        async with transaction(self._engine, writes=False) as connection:
            row = (await connection.execute(select(t.courts).where(t.courts.c.name == name))).mappings().first()
        return None if row is None else Court(**row)

    async def restore(
        self, court: Court, hearing: NewHearing, sitting_id: str, values: dict[str, Any], events: Sequence[Event]
    ) -> None:
        """Book what the manifest says was held, as it ended, with the entries of the log that are part of the record.

        Of a hearing that is known the day is added.  Raises :class:`~.engine.Conflict` if the sitting is known too.
        """
        async with transaction(self._engine, writes=False) as connection:
            mine = t.sittings.c.hearing_id == hearing.id
            days = list((await connection.scalars(select(t.sittings.c.ordinal).where(mine))).all())
        if not days:
            await self._docket.book(court, hearing, hearing.scheduled_utc)
        async with transaction(self._engine, writes=True) as connection:
            if days:
                (day,) = hearing.days
                await connection.execute(insert(t.sittings).values(sitting_values(hearing.id, day, max(days) + 1)))
            await self._docket.project(connection, sitting_id, values)
            if events:
                await connection.execute(
                    insert(t.sitting_log),
                    [
                        {
                            "sitting_id": sitting_id,
                            "seq": event.seq,
                            "utc": event.utc,
                            "name": event.name,
                            "actor": event.actor,
                            "body": msgspec.json.encode(event, order="deterministic").decode(),
                            "hash": event.hash,
                        }
                        for event in events
                    ],
                )
