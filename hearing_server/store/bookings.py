"""Changes of what is booked: each is one transaction that counts the booking's revision up."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from . import tables as t
from .docket import Docket, person_changes, person_values, sitting_values
from .engine import transaction
from .rows import Court, DayRow, HearingFacts, NewHearing, PersonRow


class Stale(Exception):
    """The booking was changed since the caller read it."""


class DayBegun(Exception):
    """A day of which something is in the log cannot be taken out of the booking."""


class Bookings:
    def __init__(self, engine: AsyncEngine, docket: Docket) -> None:
        self._engine = engine
        self._docket = docket

    async def create(self, court: Court, hearing: NewHearing, utc: int) -> None:
        """Raises :class:`~.engine.Conflict` if the hearing is there."""
        await self._docket.book(court, hearing, utc)

    async def edit(self, hearing: NewHearing, *, court_id: str, revision: int, utc: int) -> None:
        """Put this in place of what is booked: case, room, days, people, record.

        Days that have not begun take the new times in their order; ``sitting_id`` of the given days counts only for
        days to be added.  People who are not among the new ones are removed.  Raises :class:`Stale` or
        :class:`DayBegun`.
        """
        async with transaction(self._engine, writes=True) as connection:
            await _count_up(connection, hearing.id, revision)
            case_id = await _case(connection, court_id, hearing)
            days = sorted(hearing.days, key=lambda day: day.scheduled_utc)
            await connection.execute(
                update(t.hearings)
                .where(t.hearings.c.id == hearing.id)
                .values(
                    case_id=case_id,
                    room=hearing.room,
                    room_zh=hearing.room_zh,
                    scheduled_utc=days[0].scheduled_utc if days else hearing.scheduled_utc,
                    recording=hearing.recording,
                    recording_reason=hearing.recording_reason,
                )
            )
            await _put_days(connection, hearing.id, days)
            await _put_people(connection, hearing.id, hearing.people, utc)

    async def add_person(self, hearing_id: str, person: PersonRow) -> None:
        """Raises :class:`~.engine.Conflict` if this person is there."""
        async with transaction(self._engine, writes=True) as connection:
            await _count_up(connection, hearing_id, None)
            last = select(func.max(t.people.c.position)).where(t.people.c.hearing_id == hearing_id)
            position = await connection.scalar(last)
            values = person_values(hearing_id, person, 0 if position is None else position + 1)
            await connection.execute(insert(t.people).values(values))

    async def move(self, hearing_id: str, sources: Collection[str], to: str, reason: str = "") -> None:
        """A move of the booking machine.  Raises :class:`Stale` if it is in none of the states it goes from."""
        async with transaction(self._engine, writes=True) as connection:
            mine = update(t.hearings).where(t.hearings.c.id == hearing_id, t.hearings.c.booking.in_(sources))
            values = {"booking": to, "reason": reason, "revision": t.hearings.c.revision + 1}
            if not (await connection.execute(mine.values(values))).rowcount:
                raise Stale(hearing_id)

    async def set_public_id(self, hearing_id: str, public_id: str | None) -> None:
        await self._set(hearing_id, {"public_id": public_id})

    async def set_observers(self, hearing_id: str, direction: str) -> None:
        """The judge's direction about observers, as JSON."""
        await self._set(hearing_id, {"observers": direction})

    async def search(self, text: str, *, court_ids: Collection[str], account: str | None) -> list[HearingFacts]:
        """Bookings of these courts and those an account judges, newest first."""
        found: dict[str, HearingFacts] = {}
        for court_id in sorted(court_ids):
            found |= {facts.hearing_id: facts for facts in await self._docket.search(text, court_id=court_id)}
        if account is not None:
            found |= {facts.hearing_id: facts for facts in await self._docket.search(text, account=account)}
        return sorted(found.values(), key=lambda facts: (-facts.scheduled_utc, facts.hearing_id))

    async def _set(self, hearing_id: str, values: Mapping[str, Any]) -> None:
        async with transaction(self._engine, writes=True) as connection:
            await connection.execute(update(t.hearings).where(t.hearings.c.id == hearing_id).values(values))


async def _count_up(connection: AsyncConnection, hearing_id: str, revision: int | None) -> None:
    """One change at a time.  Raises :class:`Stale`."""
    mine = update(t.hearings).where(t.hearings.c.id == hearing_id)
    if revision is not None:
        mine = mine.where(t.hearings.c.revision == revision)
    if not (await connection.execute(mine.values(revision=t.hearings.c.revision + 1))).rowcount:
        raise Stale(hearing_id)


async def _case(connection: AsyncConnection, court_id: str, hearing: NewHearing) -> str:
    """The case of this number, with this name; made if it is not there."""
    mine = (t.cases.c.court_id == court_id) & (t.cases.c.number == hearing.case_number)
    found: str | None = await connection.scalar(select(t.cases.c.id).where(mine))
    names = {"name": hearing.case_name, "name_zh": hearing.case_name_zh}
    if found is not None:
        await connection.execute(update(t.cases).where(t.cases.c.id == found).values(names))
        return found
    taken = await connection.scalar(select(t.cases.c.id).where(t.cases.c.id == hearing.id))
    case_id = hearing.id if taken is None else f"{hearing.id[:40]}-{hearing.case_number}"[:64]
    await connection.execute(insert(t.cases).values(id=case_id, court_id=court_id, number=hearing.case_number, **names))
    return case_id


async def _put_days(connection: AsyncConnection, hearing_id: str, days: Sequence[DayRow]) -> None:
    """Raises :class:`DayBegun`."""
    of_hearing = t.sittings.c.hearing_id == hearing_id
    rows = (await connection.execute(select(t.sittings).where(of_hearing).order_by(t.sittings.c.ordinal))).mappings()
    present = list(rows.all())
    begun = [row for row in present if row["state"] != "not_started"]
    waiting = [row for row in present if row["state"] == "not_started"]
    coming = list(days[len(begun) :])
    for row, day in zip(waiting, coming, strict=False):
        when = {"scheduled_utc": day.scheduled_utc, "duration_s": day.duration_s}
        await connection.execute(update(t.sittings).where(t.sittings.c.id == row["id"]).values(when))
    for row in waiting[len(coming) :]:
        logged = select(func.count()).select_from(t.sitting_log).where(t.sitting_log.c.sitting_id == row["id"])
        if row["id"] == hearing_id or await connection.scalar(logged):
            raise DayBegun(row["id"])
        await connection.execute(delete(t.sittings).where(t.sittings.c.id == row["id"]))
    added = coming[len(waiting) :]
    if added:
        first = len(present) + 1
        values = [sitting_values(hearing_id, day, ordinal) for ordinal, day in enumerate(added, first)]
        await connection.execute(insert(t.sittings), values)


async def _put_people(connection: AsyncConnection, hearing_id: str, people: Sequence[PersonRow], utc: int) -> None:
    query = select(t.people.c.id).where(t.people.c.hearing_id == hearing_id)
    present = set((await connection.scalars(query)).all())
    for position, person in enumerate(people):
        if person.id in present:
            mine = update(t.people).where(t.people.c.id == person.id, t.people.c.hearing_id == hearing_id)
            await connection.execute(mine.values(**person_changes(person), position=position, removed_utc=None))
        else:
            await connection.execute(insert(t.people).values(person_values(hearing_id, person, position)))
    gone = present - {person.id for person in people}
    if gone:
        removed = update(t.people).where(t.people.c.id.in_(gone), t.people.c.removed_utc.is_(None))
        await connection.execute(removed.values(removed_utc=utc))
        working = update(t.links).where(t.links.c.person_id.in_(gone), t.links.c.revoked_utc.is_(None))
        await connection.execute(working.values(revoked_utc=utc))
