"""Exhibits, chat and tasks of a hearing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import asdict, dataclass
from typing import TypeVar

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from . import desk_tables as d
from . import tables as t
from .engine import transaction

T = TypeVar("T")

#: Messages of one conversation, and tasks of one hearing, that are read at once.
MESSAGES_LIMIT = 500
TASKS_LIMIT = 200
EXHIBITS_LIMIT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ExhibitRow:
    """``shown_utc``: when it was first shown to the room."""

    id: str
    hearing_id: str
    title: str
    file_name: str
    kind: str
    media_type: str
    bytes: int
    sha256: str
    pages: int
    side: str
    uploaded_by: str
    uploaded_by_name: str
    uploaded_by_name_zh: str
    uploaded_utc: int
    number: int = 0
    shown_utc: int | None = None
    deleted_utc: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRow:
    """``person_id``: whose conversation with the court's staff it is."""

    hearing_id: str
    person_id: str
    from_staff: bool
    sender: str
    sender_zh: str
    text: str
    utc: int
    seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    id: str
    hearing_id: str
    sitting_id: str
    kind: str
    opened_utc: int
    person_id: str | None = None
    detail: str = ""
    closed_utc: int | None = None
    closed_by: str | None = None
    closed_by_zh: str | None = None
    note: str = ""


class TooManyExhibits(Exception):
    """The hearing has as many as it may."""


class Desk:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    # --- exhibits -----------------------------------------------------------------------

    async def add_exhibit(self, exhibit: ExhibitRow) -> ExhibitRow:
        """With the hearing's next number; numbers are never used again.  Raises :class:`TooManyExhibits`."""

        async def job(connection: AsyncConnection) -> ExhibitRow:
            mine = select(func.max(d.exhibits.c.number)).where(d.exhibits.c.hearing_id == exhibit.hearing_id)
            number = (await connection.scalar(mine) or 0) + 1
            if number > EXHIBITS_LIMIT:
                raise TooManyExhibits(exhibit.hearing_id)
            values = asdict(exhibit) | {"number": number}
            await connection.execute(insert(d.exhibits).values(values))
            return ExhibitRow(**values)

        return await self._in_turn(exhibit.hearing_id, job)

    async def exhibits(self, hearing_id: str) -> list[ExhibitRow]:
        """Those that are not deleted, by number."""
        table = d.exhibits.c
        query = select(d.exhibits).where(table.hearing_id == hearing_id, table.deleted_utc.is_(None))
        async with transaction(self._engine, writes=False) as connection:
            return [ExhibitRow(**row) for row in (await connection.execute(query.order_by(table.number))).mappings()]

    async def exhibit(self, hearing_id: str, exhibit_id: str) -> ExhibitRow | None:
        found = [row for row in await self.exhibits(hearing_id) if row.id == exhibit_id]
        return found[0] if found else None

    async def exhibit_shown(self, hearing_id: str, exhibit_id: str, utc: int) -> None:
        """It is shown to the room; the first time counts."""
        await self._change_exhibit(hearing_id, exhibit_id, {"shown_utc": utc})

    async def delete_exhibit(self, hearing_id: str, exhibit_id: str, utc: int) -> bool:
        """Out of the list, unless it has been shown."""
        return await self._change_exhibit(hearing_id, exhibit_id, {"deleted_utc": utc})

    async def _change_exhibit(self, hearing_id: str, exhibit_id: str, values: dict[str, int]) -> bool:
        table = d.exhibits.c
        mine = update(d.exhibits).where(
            table.hearing_id == hearing_id,
            table.id == exhibit_id,
            table.shown_utc.is_(None),
            table.deleted_utc.is_(None),
        )
        async with transaction(self._engine, writes=True) as connection:
            return bool((await connection.execute(mine.values(values))).rowcount)

    # --- chat ------------------------------------------------------------------------------

    async def add_message(self, message: ChatRow) -> ChatRow:
        """With the hearing's next number."""

        async def job(connection: AsyncConnection) -> ChatRow:
            mine = select(func.max(d.chat_messages.c.seq)).where(d.chat_messages.c.hearing_id == message.hearing_id)
            values = asdict(message) | {"seq": (await connection.scalar(mine) or 0) + 1}
            await connection.execute(insert(d.chat_messages).values(values))
            return ChatRow(**values)

        return await self._in_turn(message.hearing_id, job)

    async def messages(self, hearing_id: str, person_id: str | None = None, after: int = 0) -> list[ChatRow]:
        """Of one conversation, or of all of the hearing, oldest first: the newest of them if there are many."""
        table = d.chat_messages.c
        query = select(d.chat_messages).where(table.hearing_id == hearing_id, table.seq > after)
        if person_id is not None:
            query = query.where(table.person_id == person_id)
        newest = query.order_by(table.seq.desc()).limit(MESSAGES_LIMIT)
        async with transaction(self._engine, writes=False) as connection:
            rows = (await connection.execute(newest)).mappings().all()
        return [ChatRow(**row) for row in reversed(rows)]

    # --- tasks --------------------------------------------------------------------------------

    async def open_task(self, task: TaskRow) -> TaskRow:
        """Or the one of this kind about this person that is open already."""

        async def job(connection: AsyncConnection) -> TaskRow:
            table = d.tasks.c
            about = table.person_id.is_(None) if task.person_id is None else table.person_id == task.person_id
            same = select(d.tasks).where(
                table.sitting_id == task.sitting_id, table.kind == task.kind, about, table.closed_utc.is_(None)
            )
            present = (await connection.execute(same)).mappings().first()
            if present is not None:
                return TaskRow(**present)
            await connection.execute(insert(d.tasks).values(asdict(task)))
            return task

        return await self._in_turn(task.hearing_id, job)

    async def close_task(self, task_id: str, *, utc: int, by: str, by_zh: str) -> bool:
        """False if it is closed already."""
        mine = update(d.tasks).where(d.tasks.c.id == task_id, d.tasks.c.closed_utc.is_(None))
        values = {"closed_utc": utc, "closed_by": by, "closed_by_zh": by_zh}
        async with transaction(self._engine, writes=True) as connection:
            return bool((await connection.execute(mine.values(values))).rowcount)

    async def note_task(self, task_id: str, note: str) -> None:
        """What was done about a task that has been closed."""
        async with transaction(self._engine, writes=True) as connection:
            await connection.execute(update(d.tasks).where(d.tasks.c.id == task_id).values(note=note))

    async def task(self, task_id: str) -> TaskRow | None:
        async with transaction(self._engine, writes=False) as connection:
            row = (await connection.execute(select(d.tasks).where(d.tasks.c.id == task_id))).mappings().first()
        return None if row is None else TaskRow(**row)

    async def tasks(self, hearing_ids: Collection[str]) -> dict[str, list[TaskRow]]:
        """By hearing: open ones first, oldest first; then the closed, newest first."""
        table = d.tasks.c
        query = select(d.tasks).where(table.hearing_id.in_(hearing_ids))
        found: dict[str, list[TaskRow]] = {}
        async with transaction(self._engine, writes=False) as connection:
            for row in (await connection.execute(query)).mappings():
                found.setdefault(row["hearing_id"], []).append(TaskRow(**row))
        return {hearing: sorted(tasks, key=_urgency)[:TASKS_LIMIT] for hearing, tasks in found.items()}

    async def _in_turn(self, hearing_id: str, job: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """One writer of a hearing at a time."""
        async with transaction(self._engine, writes=True) as connection:
            lock = select(t.hearings.c.id).where(t.hearings.c.id == hearing_id)
            await connection.execute(lock.with_for_update())
            return await job(connection)


def _urgency(task: TaskRow) -> tuple[bool, int]:
    return (False, task.opened_utc) if task.closed_utc is None else (True, -task.closed_utc)
