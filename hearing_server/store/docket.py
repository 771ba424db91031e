"""Courts, cases, hearings, their sittings and people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Select, and_, func, insert, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ..court.states import BookingState
from ..court.tables.booking import BOOKING
from . import tables as t
from .engine import transaction
from .rows import Court, DayRow, HearingFacts, NewHearing, PersonRow

#: Most rows a search answers.
SEARCH_LIMIT = 200
_GOES_OFFLINE = next(row.sources for row in BOOKING if row.event == "go_offline")


class Docket:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def book(self, court: Court, hearing: NewHearing, booked_utc: int) -> None:
        """Write a hearing with its sittings; the first one's id is the hearing's.

        The court and the case are made if they are not there.  Raises :class:`~.engine.Conflict` if the hearing is.
        """
        async with transaction(self._engine, writes=True) as connection:
            await self._ensure_court(connection, court)
            case_id = await self._ensure_case(connection, court, hearing)
            days = hearing.days or (DayRow(sitting_id=hearing.id, scheduled_utc=hearing.scheduled_utc),)
            await connection.execute(
                insert(t.hearings).values(
                    id=hearing.id,
                    case_id=case_id,
                    room=hearing.room,
                    room_zh=hearing.room_zh,
                    scheduled_utc=hearing.scheduled_utc,
                    booked_utc=booked_utc,
                    booking=hearing.booking,
                    recording=hearing.recording,
                    recording_reason=hearing.recording_reason,
                )
            )
            await connection.execute(
                insert(t.sittings), [sitting_values(hearing.id, day, ordinal) for ordinal, day in enumerate(days, 1)]
            )
            if hearing.people:
                await connection.execute(
                    insert(t.people),
                    [person_values(hearing.id, person, place) for place, person in enumerate(hearing.people)],
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
                    profile=court.profile,
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
        """The hearing with the sitting that is on or comes next, else its last."""
        return await self._one(t.hearings.c.id == hearing_id)

    async def by_sitting(self, sitting_id: str) -> HearingFacts | None:
        """The hearing of this sitting, with this sitting."""
        return await self._one(t.sittings.c.id == sitting_id, current=False)

    async def by_sittings(
        self, sitting_ids: Sequence[str], connection: AsyncConnection | None = None
    ) -> list[HearingFacts]:
        """The hearings of these sittings, at most :data:`SEARCH_LIMIT`, each with its sitting; within a transaction
        that is open already, if one is given."""
        query = _facts(current=False).where(t.sittings.c.id.in_(sitting_ids))
        return await self._many(query) if connection is None else await _read(connection, query)

    async def by_case_number(self, court_id: str, prefix: str) -> list[HearingFacts]:
        """Hearings of cases whose number begins like this, newest booking first."""
        query = _facts().where(t.cases.c.court_id == court_id, t.cases.c.number.startswith(prefix, autoescape=True))
        return await self._many(query.order_by(t.hearings.c.booked_utc.desc()))

    async def by_public_id(self, public_id: str) -> HearingFacts | None:
        """The hearing of a public link."""
        return await self._one(t.hearings.c.public_id == public_id)

    async def days(self, hearing_id: str) -> list[DayRow]:
        """The sittings of a hearing, in their order."""
        columns = (t.sittings.c.scheduled_utc, t.sittings.c.duration_s, t.sittings.c.ordinal, t.sittings.c.state)
        query = select(t.sittings.c.id.label("sitting_id"), *columns).where(t.sittings.c.hearing_id == hearing_id)
        async with transaction(self._engine, writes=False) as connection:
            return [
                DayRow(**row) for row in (await connection.execute(query.order_by(t.sittings.c.ordinal))).mappings()
            ]

    async def on_day(self, court_id: str, begin_utc: int, end_utc: int) -> list[HearingFacts]:
        """The court's sittings that are set for this span, or that are open now, in the order of their time."""
        sitting = t.sittings.c
        within = and_(sitting.scheduled_utc >= begin_utc, sitting.scheduled_utc < end_utc)
        going_on = and_(sitting.state.notin_(("not_started", "closed")), sitting.scheduled_utc < end_utc)
        query = _facts(current=False).where(
            t.cases.c.court_id == court_id,
            t.hearings.c.booking.in_(("confirmed", "held", "converted_offline")),
            or_(within, going_on),
        )
        return await self._many(query.order_by(sitting.scheduled_utc, sitting.id))

    async def search(
        self, text: str, *, court_id: str | None = None, account: str | None = None, sittings: bool = False
    ) -> list[HearingFacts]:
        """Hearings whose case number or name holds the text, newest first: of a court, or those an account judges.

        ``sittings``: each sitting of a confirmed hearing by itself, instead of each hearing once.
        """
        query = _facts(current=not sittings)
        if sittings:
            query = query.where(t.hearings.c.booking.in_(("confirmed", "held", "converted_offline")))
        if court_id is not None:
            query = query.where(t.cases.c.court_id == court_id)
        if account is not None:
            mine = select(literal(1)).where(
                t.people.c.hearing_id == t.hearings.c.id,
                t.people.c.account == account,
                t.people.c.role == "judge",
                t.people.c.removed_utc.is_(None),
            )
            query = query.where(mine.exists())
        if text.strip():
            sought = text.strip().lower()
            columns = (t.cases.c.number, t.cases.c.name, t.cases.c.name_zh)
            query = query.where(or_(*(func.lower(column).contains(sought, autoescape=True) for column in columns)))
        return await self._many(query.order_by(t.sittings.c.scheduled_utc.desc(), t.hearings.c.id))

    async def unfinished(self) -> list[str]:
        """Sittings that are open, or closed with a record that cannot be played yet."""
        playable = select(literal(1)).where(t.records.c.sitting_id == t.sittings.c.id, t.records.c.playable)
        query = select(t.sittings.c.id).where(
            or_(
                t.sittings.c.state.notin_(("not_started", "closed")),
                t.sittings.c.record_state == "finalizing",
                and_(t.sittings.c.record_state == "sealed", ~playable.exists()),
            )
        )
        async with transaction(self._engine, writes=False) as connection:
            return list((await connection.scalars(query)).all())

    async def overdue(self, before_utc: int) -> list[str]:
        """Sittings of held hearings that were set for a time before this, and are not closed."""
        query = (
            select(t.sittings.c.id)
            .join(t.hearings, t.hearings.c.id == t.sittings.c.hearing_id)
            .where(
                t.hearings.c.booking == "confirmed",
                t.sittings.c.state != "closed",
                t.sittings.c.scheduled_utc < before_utc,
            )
            .limit(SEARCH_LIMIT)
        )
        async with transaction(self._engine, writes=False) as connection:
            return list((await connection.scalars(query)).all())

    async def project(self, connection: AsyncConnection, sitting_id: str, values: dict[str, Any]) -> None:
        """Repeat in the list's columns what the log now says; in the transaction that appended to it."""
        await connection.execute(update(t.sittings).where(t.sittings.c.id == sitting_id).values(values))

    async def go_offline(self, connection: AsyncConnection, sitting_id: str, reason: str) -> None:
        """The judge has gone over to a hearing in person: so has the booking, in the same transaction."""
        mine = select(t.sittings.c.hearing_id).where(t.sittings.c.id == sitting_id).scalar_subquery()
        await connection.execute(
            update(t.hearings)
            .where(t.hearings.c.id == mine, t.hearings.c.booking.in_(_GOES_OFFLINE))
            .values(booking=BookingState.CONVERTED_OFFLINE.value, reason=reason, revision=t.hearings.c.revision + 1)
        )

    async def _one(self, condition: Any, *, current: bool = True) -> HearingFacts | None:
        found = await self._many(_facts(current=current).where(condition))
        return found[0] if found else None

    async def _many(self, query: Select[Any]) -> list[HearingFacts]:
        async with transaction(self._engine, writes=False) as connection:
            return await _read(connection, query)


async def _read(connection: AsyncConnection, query: Select[Any]) -> list[HearingFacts]:
    rows = (await connection.execute(query.limit(SEARCH_LIMIT))).mappings().all()
    people = await _people(connection, [row["hearing_id"] for row in rows])
    return [_as_facts(row, people.get(row["hearing_id"], ())) for row in rows]


def _facts(*, current: bool = True) -> Select[Any]:
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
            t.courts.c.profile,
            t.hearings.c.room,
            t.hearings.c.room_zh,
            t.hearings.c.booking,
            t.hearings.c.revision,
            t.hearings.c.recording,
            t.hearings.c.recording_reason,
            t.hearings.c.reason,
            t.hearings.c.public_id,
            t.hearings.c.observers,
            t.sittings.c.scheduled_utc,
            t.sittings.c.duration_s,
            t.sittings.c.ordinal,
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
    if current:
        other = t.sittings.alias()
        of_hearing = other.c.hearing_id == t.hearings.c.id
        coming = select(func.min(other.c.ordinal)).where(of_hearing, other.c.state != "closed").scalar_subquery()
        last = select(func.max(other.c.ordinal)).where(of_hearing).scalar_subquery()
        query = query.where(t.sittings.c.ordinal == func.coalesce(coming, last))
    return query


async def _people(connection: AsyncConnection, hearing_ids: Sequence[str]) -> dict[str, tuple[PersonRow, ...]]:
    query = select(t.people).where(t.people.c.hearing_id.in_(hearing_ids), t.people.c.removed_utc.is_(None))
    found: dict[str, tuple[PersonRow, ...]] = {}
    for row in (await connection.execute(query.order_by(t.people.c.position))).mappings():
        found[row["hearing_id"]] = (*found.get(row["hearing_id"], ()), as_person(row))
    return found


def as_person(row: Any) -> PersonRow:
    plain = {name: row[name] for name in _PLAIN}
    lists: dict[str, Any] = {name: tuple(msgspec.json.decode(row[name])) for name in _LISTS}
    return PersonRow(id=row["id"], hearing_id=row["hearing_id"], **plain, **lists)


def person_values(hearing_id: str, person: PersonRow, position: int) -> dict[str, Any]:
    """The columns of a new person."""
    return {"id": person.id, "hearing_id": hearing_id, "position": position, **person_changes(person)}


def person_changes(person: PersonRow) -> dict[str, Any]:
    """The columns that an edit may change."""
    plain = {name: getattr(person, name) for name in _PLAIN}
    return {**plain, **{name: msgspec.json.encode(getattr(person, name)).decode() for name in _LISTS}}


def sitting_values(hearing_id: str, day: DayRow, ordinal: int) -> dict[str, Any]:
    """The columns of a new sitting."""
    return {
        "id": day.sitting_id,
        "hearing_id": hearing_id,
        "ordinal": ordinal,
        "scheduled_utc": day.scheduled_utc,
        "duration_s": day.duration_s,
        "state": "not_started",
        "record_state": "idle",
        "present": 0,
    }


_PLAIN = (
    "role",
    "name",
    "name_zh",
    "account",
    "side",
    "deputy",
    "guest",
    "email",
    "phone",
    "locale",
    "capacity",
)
_LISTS = ("languages", "linked_to", "represents", "screened_from")
_SAME = (
    "hearing_id",
    "sitting_id",
    "case_number",
    "case_name",
    "case_name_zh",
    "room",
    "room_zh",
    "scheduled_utc",
    "duration_s",
    "ordinal",
    "state",
    "record_state",
    "present",
    "opened_utc",
    "closed_utc",
    "booking",
    "revision",
    "recording",
    "recording_reason",
    "reason",
    "public_id",
    "observers",
)


def _as_facts(row: Any, people: tuple[PersonRow, ...]) -> HearingFacts:
    court = Court(
        id=row["court_id"],
        name=row["court"],
        name_zh=row["court_zh"],
        help_phone=row["help_phone"],
        time_zone=row["time_zone"],
        profile=row["profile"],
    )
    return HearingFacts(court=court, people=people, **{name: row[name] for name in _SAME})
