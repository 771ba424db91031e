"""Courts, cases, hearings, their sittings and people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, and_, func, insert, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from . import tables as t
from .engine import transaction
from .rows import Court, HearingFacts, NewHearing, PersonRow

#: Most rows a search answers.
SEARCH_LIMIT = 200


class Docket:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def book(self, court: Court, hearing: NewHearing, booked_utc: int) -> None:
        """Write a hearing with its first sitting, whose id is the hearing's.

        The court and the case are made if they are not there.  Raises :class:`~.engine.Conflict` if the hearing is.
        """
        async with transaction(self._engine, writes=True) as connection:
            await self._ensure_court(connection, court)
            case_id = await self._ensure_case(connection, court, hearing)
            await connection.execute(
                insert(t.hearings).values(
                    id=hearing.id,
                    case_id=case_id,
                    room=hearing.room,
                    room_zh=hearing.room_zh,
                    scheduled_utc=hearing.scheduled_utc,
                    booked_utc=booked_utc,
                )
            )
            await connection.execute(
                insert(t.sittings).values(
                    id=hearing.id,
                    hearing_id=hearing.id,
                    ordinal=1,
                    state="not_started",
                    record_state="idle",
                    present=0,
                )
            )
            await connection.execute(
                insert(t.people),
                [
                    {
                        "id": person.id,
                        "hearing_id": hearing.id,
                        "position": position,
                        "role": person.role,
                        "name": person.name,
                        "name_zh": person.name_zh,
                        "account": person.account,
                    }
                    for position, person in enumerate(hearing.people)
                ],
            )

    async def _ensure_court(self, connection: AsyncConnection, court: Court) -> None:
        found = await connection.scalar(select(t.courts.c.id).where(t.courts.c.id == court.id))
        if found is None:
            await connection.execute(
                insert(t.courts).values(
                    id=court.id,
                    name=court.name,
                    name_zh=court.name_zh,
                    help_phone=court.help_phone,
                    time_zone=court.time_zone,
                )
            )

    async def _ensure_case(self, connection: AsyncConnection, court: Court, hearing: NewHearing) -> str:
        query = select(t.cases.c.id).where(t.cases.c.court_id == court.id, t.cases.c.number == hearing.case_number)
        found: str | None = await connection.scalar(query)
        if found is not None:
            return found
        case_id = hearing.id
        await connection.execute(
            insert(t.cases).values(
                id=case_id,
                court_id=court.id,
                number=hearing.case_number,
                name=hearing.case_name,
                name_zh=hearing.case_name_zh,
            )
        )
        return case_id

    async def by_hearing(self, hearing_id: str) -> HearingFacts | None:
        """The hearing with its newest sitting."""
        return await self._one(t.hearings.c.id == hearing_id)

    async def by_sitting(self, sitting_id: str) -> HearingFacts | None:
        """The hearing of this sitting, with this sitting."""
        return await self._one(t.sittings.c.id == sitting_id, newest=False)

    async def by_case_number(self, court_id: str, prefix: str) -> list[HearingFacts]:
        """Hearings of cases whose number begins like this, newest booking first."""
        query = _facts().where(t.cases.c.court_id == court_id, t.cases.c.number.startswith(prefix, autoescape=True))
        return await self._many(query.order_by(t.hearings.c.booked_utc.desc()))

    async def search(self, text: str, *, court_id: str | None = None, account: str | None = None) -> list[HearingFacts]:
        """Hearings whose case number or name holds the text, newest first: of a court, or those an account judges."""
        query = _facts()
        if court_id is not None:
            query = query.where(t.cases.c.court_id == court_id)
        if account is not None:
            mine = select(literal(1)).where(
                t.people.c.hearing_id == t.hearings.c.id, t.people.c.account == account, t.people.c.role == "judge"
            )
            query = query.where(mine.exists())
        if text.strip():
            sought = text.strip().lower()
            columns = (t.cases.c.number, t.cases.c.name, t.cases.c.name_zh)
            query = query.where(or_(*(func.lower(column).contains(sought, autoescape=True) for column in columns)))
        return await self._many(query.order_by(t.hearings.c.scheduled_utc.desc(), t.hearings.c.id))

    async def unfinished(self) -> list[str]:
        """Sittings that are open, or closed with a record that cannot be played yet."""
        playable = select(literal(1)).where(t.records.c.sitting_id == t.sittings.c.id, t.records.c.playable)
        query = select(t.sittings.c.id).where(
            or_(
                t.sittings.c.state.in_(("countdown", "in_session")),
                t.sittings.c.record_state == "finalizing",
                and_(t.sittings.c.record_state == "sealed", ~playable.exists()),
            )
        )
        async with transaction(self._engine, writes=False) as connection:
            return list((await connection.scalars(query)).all())

    async def project(self, connection: AsyncConnection, sitting_id: str, values: dict[str, Any]) -> None:
        """Repeat in the list's columns what the log now says; in the transaction that appended to it."""
        await connection.execute(update(t.sittings).where(t.sittings.c.id == sitting_id).values(values))

    async def _one(self, condition: Any, *, newest: bool = True) -> HearingFacts | None:
        found = await self._many(_facts(newest=newest).where(condition))
        return found[0] if found else None

    async def _many(self, query: Select[Any]) -> list[HearingFacts]:
        async with transaction(self._engine, writes=False) as connection:
            rows = (await connection.execute(query.limit(SEARCH_LIMIT))).mappings().all()
            people = await _people(connection, [row["hearing_id"] for row in rows])
        return [_as_facts(row, people.get(row["hearing_id"], ())) for row in rows]


def _facts(*, newest: bool = True) -> Select[Any]:
    query = (
        select(
            t.hearings.c.id.label("hearing_id"),
            t.sittings.c.id.label("sitting_id"),
            t.cases.c.number.label("case_number"),
            t.cases.c.name.label("case_name"),
            t.cases.c.name_zh.label("case_name_zh"),
            t.courts.c.id.label("court_id"),
            t.courts.c.name.label("court"),
            t.courts.c.name_zh.label("court_zh"),
            t.courts.c.help_phone,
            t.courts.c.time_zone,
            t.hearings.c.room,
            t.hearings.c.room_zh,
            t.hearings.c.scheduled_utc,
            t.sittings.c.state,
            t.sittings.c.record_state,
            t.sittings.c.present,
            t.sittings.c.opened_utc,
            t.sittings.c.closed_utc,
        )
        .select_from(t.hearings)
        .join(t.cases, t.cases.c.id == t.hearings.c.case_id)
        .join(t.courts, t.courts.c.id == t.cases.c.court_id)
        .join(t.sittings, t.sittings.c.hearing_id == t.hearings.c.id)
    )
    if newest:
        other = t.sittings.alias()
        last = select(func.max(other.c.ordinal)).where(other.c.hearing_id == t.hearings.c.id).scalar_subquery()
        query = query.where(t.sittings.c.ordinal == last)
    return query


async def _people(connection: AsyncConnection, hearing_ids: Sequence[str]) -> dict[str, tuple[PersonRow, ...]]:
    query = select(t.people).where(t.people.c.hearing_id.in_(hearing_ids))
    found: dict[str, tuple[PersonRow, ...]] = {}
    for row in (await connection.execute(query.order_by(t.people.c.position))).mappings():
        found[row["hearing_id"]] = (*found.get(row["hearing_id"], ()), as_person(row))
    return found


def as_person(row: Any) -> PersonRow:
    return PersonRow(
        id=row["id"],
        role=row["role"],
        name=row["name"],
        name_zh=row["name_zh"],
        account=row["account"],
        hearing_id=row["hearing_id"],
    )


def _as_facts(row: Any, people: tuple[PersonRow, ...]) -> HearingFacts:
    court = Court(
        id=row["court_id"],
        name=row["court"],
        name_zh=row["court_zh"],
        help_phone=row["help_phone"],
        time_zone=row["time_zone"],
    )
    same = (
        "hearing_id",
        "sitting_id",
        "case_number",
        "case_name",
        "case_name_zh",
        "room",
        "room_zh",
        "scheduled_utc",
        "state",
        "record_state",
        "present",
        "opened_utc",
        "closed_utc",
    )
    return HearingFacts(court=court, people=people, **{name: row[name] for name in same})
