"""What people did before their hearing: device tests, consents, pictures of documents, and staff's decisions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from . import desk_tables as d
from . import tables as t
from .engine import transaction

#: Tests that are kept for reading, per person.
TESTS_LIMIT = 20
#: Pictures of documents that one person may leave.
DOCUMENTS_LIMIT = 6
Content = bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRow:
    """``findings`` and ``result`` are JSON."""

    id: str
    person_id: str
    utc: int
    score: str
    findings: str
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRow:
    id: str
    person_id: str
    stage: str
    answer: str
    utc: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRow:
    """``content`` is sealed; nothing once the picture has been deleted."""

    id: str
    person_id: str
    media_type: str
    bytes: int
    sha256: str
    width: int
    height: int
    uploaded_utc: int
    content: Content | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
    """``state``: one of the identity machine's."""

    id: str
    person_id: str
    state: str
    note: str
    decided_by: str
    utc: int


class Arrivals:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add_test(self, test: TestRow) -> None:
        await self._insert(d.device_tests, asdict(test))

    async def tests(self, person_ids: Collection[str]) -> dict[str, list[TestRow]]:
        """By person, newest first."""
        found: dict[str, list[TestRow]] = {}
        for row in await self._of(d.device_tests, person_ids, d.device_tests.c.utc.desc()):
            tests = found.setdefault(row["person_id"], [])
            if len(tests) < TESTS_LIMIT:
                tests.append(TestRow(**row))
        return found

    async def add_consent(self, consent: ConsentRow) -> None:
        await self._insert(d.consents, asdict(consent))

    async def consents(self, person_ids: Collection[str]) -> dict[str, dict[str, ConsentRow]]:
        """By person and stage: the newest answer."""
        found: dict[str, dict[str, ConsentRow]] = {}
        for row in await self._of(d.consents, person_ids, d.consents.c.utc):
            found.setdefault(row["person_id"], {})[row["stage"]] = ConsentRow(**row)
        return found

    async def add_document(self, document: DocumentRow) -> bool:
        """False, and nothing kept, if the person has left as many as they may."""
        mine = (
            select(func.count())
            .select_from(d.identity_documents)
            .where(d.identity_documents.c.person_id == document.person_id, d.identity_documents.c.content.is_not(None))
        )
        async with transaction(self._engine, writes=True) as connection:
            if (await connection.scalar(mine) or 0) >= DOCUMENTS_LIMIT:
                return False
            await connection.execute(insert(d.identity_documents).values(asdict(document)))
        return True

    async def documents(self, person_ids: Collection[str]) -> dict[str, list[DocumentRow]]:
        """By person, oldest first; without their content.  Deleted ones are left out."""
        table = d.identity_documents.c
        columns = [column for column in table if column.name != "content"]
        query = select(*columns).where(table.person_id.in_(person_ids), table.content.is_not(None))
        found: dict[str, list[DocumentRow]] = {}
        async with transaction(self._engine, writes=False) as connection:
            for row in (await connection.execute(query.order_by(table.uploaded_utc, table.id))).mappings():
                found.setdefault(row["person_id"], []).append(DocumentRow(**row))
        return found

    async def document(self, document_id: str) -> DocumentRow | None:
        """With its content."""
        query = select(d.identity_documents).where(d.identity_documents.c.id == document_id)
        async with transaction(self._engine, writes=False) as connection:
            row = (await connection.execute(query)).mappings().first()
        return None if row is None else DocumentRow(**row)

    async def delete_documents(self, before_utc: int) -> int:
        """Delete the pictures of hearings whose last day was to begin before this.  Answers how many."""
        last = (
            select(t.people.c.id)
            .join(t.sittings, t.sittings.c.hearing_id == t.people.c.hearing_id)
            .group_by(t.people.c.id)
            .having(func.max(t.sittings.c.scheduled_utc) < before_utc)
        )
        over = update(d.identity_documents).where(
            d.identity_documents.c.content.is_not(None), d.identity_documents.c.person_id.in_(last)
        )
        async with transaction(self._engine, writes=True) as connection:
            return int((await connection.execute(over.values(content=None))).rowcount)

    async def add_decision(self, decision: DecisionRow) -> None:
        await self._insert(d.identity_decisions, asdict(decision))

    async def decisions(self, person_ids: Collection[str]) -> dict[str, DecisionRow]:
        """By person: the newest."""
        rows = await self._of(d.identity_decisions, person_ids, d.identity_decisions.c.utc)
        return {row["person_id"]: DecisionRow(**row) for row in rows}

    async def _insert(self, table: Any, values: dict[str, Any]) -> None:
        async with transaction(self._engine, writes=True) as connection:
            await connection.execute(insert(table).values(values))

    async def _of(self, table: Any, person_ids: Collection[str], order: Any) -> list[Any]:
        query = select(table).where(table.c.person_id.in_(person_ids)).order_by(order, table.c.id)
        async with transaction(self._engine, writes=False) as connection:
            return list((await connection.execute(query)).mappings().all())
