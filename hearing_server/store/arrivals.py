"""What people did before their hearing: device tests, and pictures of identity documents."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass

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


class Arrivals:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add_test(self, test: TestRow) -> None:
        async with transaction(self._engine, writes=True) as connection:
            await connection.execute(insert(d.device_tests).values(asdict(test)))

    async def tests(self, person_ids: Collection[str]) -> dict[str, list[TestRow]]:
        """By person, newest first."""
        found: dict[str, list[TestRow]] = {}
        query = select(d.device_tests).where(d.device_tests.c.person_id.in_(person_ids))
        newest = query.order_by(d.device_tests.c.utc.desc(), d.device_tests.c.id)
        async with transaction(self._engine, writes=False) as connection:
            for row in (await connection.execute(newest)).mappings():
                tests = found.setdefault(row["person_id"], [])
                if len(tests) < TESTS_LIMIT:
                    tests.append(TestRow(**row))
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
