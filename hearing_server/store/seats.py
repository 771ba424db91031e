"""Personal links and the devices they seat.

A link is a row; what a person holds is its id, signed (:mod:`hearing_server.links`).  A seat is a link used on a
device; the cookie's token is kept only as a hash.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Select, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from . import tables as t
from .docket import as_person
from .engine import transaction
from .rows import LinkRow, SeatRow


class Seats:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add_link(
        self, link_id: str, person_id: str, *, created_utc: int, expires_utc: int, device_limit: int
    ) -> None:
        async with transaction(self._engine, writes=True) as connection:
            await connection.execute(
                insert(t.links).values(
                    id=link_id,
                    person_id=person_id,
                    created_utc=created_utc,
                    expires_utc=expires_utc,
                    device_limit=device_limit,
                )
            )

    async def link(self, link_id: str) -> LinkRow | None:
        async with transaction(self._engine, writes=False) as connection:
            return await _link(connection, link_id)

    async def links_of(self, hearing_id: str, *, withdrawn: bool = False) -> list[LinkRow]:
        """The links of a hearing, oldest first; those that were withdrawn only if they are asked for."""
        query = _links().where(t.people.c.hearing_id == hearing_id)
        if not withdrawn:
            query = query.where(t.links.c.revoked_utc.is_(None))
        async with transaction(self._engine, writes=False) as connection:
            rows = (await connection.execute(query.order_by(t.links.c.created_utc, t.links.c.id))).mappings().all()
            return [_as_link(row) for row in rows]

    async def revoke_links(self, person_id: str, utc: int) -> None:
        """No device can use a link of this person any more, and the one that did loses its seat."""
        async with transaction(self._engine, writes=True) as connection:
            await _lock(connection, person_id)
            working = update(t.links).where(t.links.c.person_id == person_id, t.links.c.revoked_utc.is_(None))
            await connection.execute(working.values(revoked_utc=utc))
            await connection.execute(_end(utc, "revoked").where(t.seats.c.person_id == person_id))

    async def bind(self, link: LinkRow, seat_id: str, token_hash: str, device: str, utc: int) -> SeatRow | None:
        """Seat this device in place of any other of the person; nothing if the link's devices are used up."""
        async with transaction(self._engine, writes=True) as connection:
            await _lock(connection, link.person.id)
            fresh = await _link(connection, link.id)
            if fresh is None or fresh.revoked_utc is not None or fresh.devices >= fresh.device_limit:
                return None
            await connection.execute(_end(utc, "displaced").where(t.seats.c.person_id == link.person.id))
            await connection.execute(
                insert(t.seats).values(
                    id=seat_id,
                    link_id=link.id,
                    person_id=link.person.id,
                    token_hash=token_hash,
                    device=device,
                    created_utc=utc,
                )
            )
            return SeatRow(id=seat_id, person=fresh.person, link=fresh, ended_reason=None)

    async def rebind(self, seat: SeatRow, utc: int) -> SeatRow:
        """A device that lost its seat to another takes it back; it was counted when it was first seated."""
        async with transaction(self._engine, writes=True) as connection:
            await _lock(connection, seat.person.id)
            await connection.execute(_end(utc, "displaced").where(t.seats.c.person_id == seat.person.id))
            again = update(t.seats).where(t.seats.c.id == seat.id)
            await connection.execute(again.values(ended_utc=None, ended_reason=None))
        return replace(seat, ended_reason=None)

    async def seat(self, token_hash: str) -> SeatRow | None:
        """The seat of this cookie, ended or not."""
        async with transaction(self._engine, writes=False) as connection:
            row = (
                (await connection.execute(select(t.seats).where(t.seats.c.token_hash == token_hash))).mappings().first()
            )
            if row is None:
                return None
            link = await _link(connection, row["link_id"])
        if link is None:
            return None
        return SeatRow(id=row["id"], person=link.person, link=link, ended_reason=row["ended_reason"])

    async def seated(self, person_id: str) -> str | None:
        """The id of the seat this person holds now."""
        query = select(t.seats.c.id).where(t.seats.c.person_id == person_id, t.seats.c.ended_utc.is_(None))
        async with transaction(self._engine, writes=False) as connection:
            found: str | None = await connection.scalar(query)
            return found

    async def leave(self, seat_id: str, utc: int) -> None:
        """The device gives its seat up."""
        async with transaction(self._engine, writes=True) as connection:
            await connection.execute(_end(utc, "left").where(t.seats.c.id == seat_id))


async def _lock(connection: AsyncConnection, person_id: str) -> None:
    """One device of a person at a time; SQLite has one writer anyway and needs no lock."""
    await connection.execute(select(t.people.c.id).where(t.people.c.id == person_id).with_for_update())


def _end(utc: int, reason: str) -> Any:
    return update(t.seats).where(t.seats.c.ended_utc.is_(None)).values(ended_utc=utc, ended_reason=reason)


def _links() -> Select[Any]:
    devices = select(func.count()).select_from(t.seats).where(t.seats.c.link_id == t.links.c.id).scalar_subquery()
    return select(
        t.links.c.id.label("link_id"),
        t.links.c.expires_utc,
        t.links.c.revoked_utc,
        t.links.c.device_limit,
        devices.label("devices"),
        t.people,
    ).join(t.people, t.people.c.id == t.links.c.person_id)


async def _link(connection: AsyncConnection, link_id: str) -> LinkRow | None:
    row = (await connection.execute(_links().where(t.links.c.id == link_id))).mappings().first()
    return None if row is None else _as_link(row)


def _as_link(row: Any) -> LinkRow:
    return LinkRow(
        id=row["link_id"],
        person=as_person(row),
        expires_utc=row["expires_utc"],
        revoked_utc=row["revoked_utc"],
        device_limit=row["device_limit"],
        devices=row["devices"],
    )
