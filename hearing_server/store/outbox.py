"""Messages that wait to be sent, and what became of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import case, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from . import desk_tables as d
from .engine import transaction

#: Messages of one hearing that a page lists, newest first.
LIST_LIMIT = 1000
#: Messages of a booking: of these the newest says it all.
BOOKING_KINDS = ("joining", "changed", "cancelled")
#: Messages that hold a secret which is kept nowhere else: their words go when they are over.
SECRET_KINDS = ("share", "share-code")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """``kind``: ``joining``, ``changed`` or ``cancelled`` of a booking, or that of a notice (:mod:`..notice_letters`);
    ``person_id``: of the hearing's people, if it is to one; ``channel``: ``email`` or ``sms``; ``calendar``: the
    appointment (RFC 5545), for e-mail."""

    id: str
    hearing_id: str
    person_id: str | None
    kind: str
    channel: str
    address: str
    subject: str
    body: str
    created_utc: int
    due_utc: int
    calendar: str | None = None
    state: str = "queued"
    attempts: int = 0
    sent_utc: int | None = None
    problem: str | None = None


class Outbox:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, messages: Sequence[OutboxRow]) -> None:
        """Those of the same booking, person and channel that were not sent yet are dropped: the newer says it all."""
        if not messages:
            return
        async with transaction(self._engine, writes=True) as connection:
            for message in messages:
                if message.kind not in BOOKING_KINDS:
                    continue
                older = update(d.outbox).where(
                    d.outbox.c.person_id == message.person_id,
                    d.outbox.c.channel == message.channel,
                    d.outbox.c.kind.in_(BOOKING_KINDS),
                    d.outbox.c.state == "queued",
                )
                await connection.execute(older.values(state="failed", problem="superseded"))
            await connection.execute(insert(d.outbox), [asdict(message) for message in messages])

    async def known(self, message_ids: Collection[str]) -> set[str]:
        """Those of these messages that were written."""
        async with transaction(self._engine, writes=False) as connection:
            found = await connection.scalars(select(d.outbox.c.id).where(d.outbox.c.id.in_(list(message_ids))))
            return set(found.all())

    async def take(self, utc: int, lease_until_utc: int) -> OutboxRow | None:
        """The message that is due for longest, for this sender alone until the lease ends."""
        table = d.outbox.c
        due = select(d.outbox).where(or_(table.state == "queued", table.state == "sending"), table.due_utc <= utc)
        async with transaction(self._engine, writes=True) as connection:
            query = due.order_by(table.due_utc, table.id).limit(1).with_for_update(skip_locked=True)
            row = (await connection.execute(query)).mappings().first()
            if row is None:
                return None
            mine = update(d.outbox).where(table.id == row["id"])
            taken = {"state": "sending", "due_utc": lease_until_utc, "attempts": row["attempts"] + 1}
            await connection.execute(mine.values(taken))
        return OutboxRow(**{**row, **taken})

    async def sent(self, message_id: str, utc: int) -> None:
        await self._change(message_id, state="sent", sent_utc=utc, problem=None, body=_KEPT)

    async def put_off(self, message_id: str, due_utc: int, problem: str) -> None:
        """It was not taken now; try again then."""
        await self._change(message_id, state="queued", due_utc=due_utc, problem=problem)

    async def failed(self, message_id: str, problem: str) -> None:
        await self._change(message_id, state="failed", problem=problem, body=_KEPT)

    async def state(self, message_id: str) -> str:
        """How far it is; empty if there is no such message."""
        async with transaction(self._engine, writes=False) as connection:
            return await connection.scalar(select(d.outbox.c.state).where(d.outbox.c.id == message_id)) or ""

    async def of_hearing(self, hearing_id: str) -> list[OutboxRow]:
        """Newest first."""
        query = select(d.outbox).where(d.outbox.c.hearing_id == hearing_id)
        newest = query.order_by(d.outbox.c.created_utc.desc(), d.outbox.c.id).limit(LIST_LIMIT)
        async with transaction(self._engine, writes=False) as connection:
            return [OutboxRow(**row) for row in (await connection.execute(newest)).mappings()]

    async def _change(self, message_id: str, **values: object) -> None:
        async with transaction(self._engine, writes=True) as connection:
            await connection.execute(update(d.outbox).where(d.outbox.c.id == message_id).values(values))


#: The words of a message that is over.
_KEPT = case((d.outbox.c.kind.in_(SECRET_KINDS), ""), else_=d.outbox.c.body)
