"""Drafts of written records, and what proves the signatures under them.  The sitting's log holds their hashes."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from . import tables as t
from .engine import transaction

#: Open records looked after at a time; the oldest first.
OPEN_LIMIT = 500

drafts = Table(
    "written_drafts",
    t.metadata,
    Column("sitting_id", t.ID, ForeignKey("sittings.id"), primary_key=True),
    Column("draft", Integer, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    Column("text_sha256", String(64), nullable=False),
    Column("created_utc", BigInteger, nullable=False),
    Column("created_by", t.ID, nullable=False),
    Column("final_utc", BigInteger),
)
signatures = Table(
    "written_signatures",
    t.metadata,
    Column("sitting_id", t.ID, ForeignKey("sittings.id"), primary_key=True),
    Column("proof", String(64), primary_key=True),
    Column("draft", Integer, nullable=False),
    Column("person_id", t.ID, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_utc", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftRow:
    """``body``: the paragraphs as JSON.  ``final_utc``: when the document was made of it."""

    sitting_id: str
    draft: int
    body: str
    text_sha256: str
    created_utc: int
    created_by: str
    final_utc: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureRow:
    """``body``: the evidence as JSON, whose SHA-256 the log holds as ``proof``."""

    sitting_id: str
    proof: str
    draft: int
    person_id: str
    body: str
    created_utc: int


class Written:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def put_draft(self, row: DraftRow) -> None:
        """Keep a draft that is about to be circulated; one of the same number that never was is replaced."""
        async with transaction(self._engine, writes=True) as connection:
            same = (drafts.c.sitting_id == row.sitting_id) & (drafts.c.draft == row.draft)
            await connection.execute(delete(drafts).where(same))
            await connection.execute(insert(drafts).values(asdict(row)))

    async def draft(self, sitting_id: str, draft: int) -> DraftRow | None:
        query = select(drafts).where(drafts.c.sitting_id == sitting_id, drafts.c.draft == draft)
        async with transaction(self._engine, writes=False) as connection:
            row = (await connection.execute(query)).mappings().first()
        return None if row is None else DraftRow(**row)

    async def sign(self, row: SignatureRow) -> None:
        """Keep the evidence of a signature; before the log names it."""
        async with transaction(self._engine, writes=True) as connection:
            await connection.execute(insert(signatures).values(asdict(row)))

    async def signatures(self, sitting_id: str) -> dict[str, SignatureRow]:
        """All evidence of a sitting, by its proof."""
        query = select(signatures).where(signatures.c.sitting_id == sitting_id)
        async with transaction(self._engine, writes=False) as connection:
            rows = (await connection.execute(query)).mappings().all()
        return {row["proof"]: SignatureRow(**row) for row in rows}

    async def final(self, sitting_id: str, utc: int) -> None:
        async with transaction(self._engine, writes=True) as connection:
            await connection.execute(update(drafts).where(drafts.c.sitting_id == sitting_id).values(final_utc=utc))

    async def open(self) -> list[str]:
        """Sittings whose written record was circulated and is not final."""
        query = (
            select(drafts.c.sitting_id)
            .group_by(drafts.c.sitting_id)
            .having(func.max(drafts.c.final_utc).is_(None))
            .order_by(func.min(drafts.c.created_utc))
            .limit(OPEN_LIMIT)
        )
        async with transaction(self._engine, writes=False) as connection:
            return list((await connection.scalars(query)).all())

    async def uncirculated(self, since_utc: int) -> list[str]:
        """Sittings closed since then, with a sealed record, that no draft was made of."""
        begun = select(drafts.c.sitting_id)
        query = (
            select(t.sittings.c.id)
            .where(
                t.sittings.c.state == "closed",
                t.media_sealed(),
                t.sittings.c.closed_utc >= since_utc,
                t.sittings.c.id.not_in(begun),
            )
            .limit(OPEN_LIMIT)
        )
        async with transaction(self._engine, writes=False) as connection:
            return list((await connection.scalars(query)).all())
