"""The log of a sitting: events in order, each once, never changed (design.md D6)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from ..court import Event, Sitting
from . import tables as t
from .docket import Docket
from .engine import transaction

_decoder = msgspec.json.Decoder(Event)


class SittingLog:
    def __init__(self, engine: AsyncEngine, docket: Docket) -> None:
        self._engine = engine
        self._docket = docket

    async def append(self, sitting_id: str, events: Sequence[Event], after: Sitting) -> None:
        """Write these events, all or none; ``after`` is the state they lead to.

        Raises :class:`~.engine.Conflict` if another writer has taken one of the numbers.
        """
        async with transaction(self._engine, writes=True) as connection:
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
            await self._docket.project(
                connection,
                sitting_id,
                {
                    "state": after.state.value,
                    "record_state": after.record.value,
                    "present": sum(1 for person in after.people.values() if person.in_room),
                    "opened_utc": after.opened,
                    "closed_utc": after.closed,
                },
            )
            if any(event.name == "convert_offline" for event in events):
                await self._docket.go_offline(connection, sitting_id, f"{after.converted}: {after.reason}")

    async def read(self, sitting_id: str, after_seq: int = 0) -> list[Event]:
        """The events after this number, oldest first."""
        query = (
            select(t.sitting_log.c.body)
            .where(t.sitting_log.c.sitting_id == sitting_id, t.sitting_log.c.seq > after_seq)
            .order_by(t.sitting_log.c.seq)
        )
        async with transaction(self._engine, writes=False) as connection:
            return [_decoder.decode(body) for body in (await connection.scalars(query)).all()]

    async def with_events(self, names: Collection[str], since_utc: int) -> list[str]:
        """The sittings whose log has an event of these names that is not older than this."""
        query = (
            select(t.sitting_log.c.sitting_id)
            .where(t.sitting_log.c.utc >= since_utc, t.sitting_log.c.name.in_(names))
            .distinct()
            .order_by(t.sitting_log.c.sitting_id)
        )
        async with transaction(self._engine, writes=False) as connection:
            return list((await connection.scalars(query)).all())
