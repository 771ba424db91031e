"""The access ledger: who opened, played or exported what; chained by hashes like the media, one chain per hearing."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from . import tables as t
from .engine import Conflict, transaction
from .rows import Access, LedgerEntry

FIRST_HASH = "0" * 64
#: Writers of one chain that meet try again this often; each time at least one of them gets on.
ATTEMPTS = 20


async def retried(append: Callable[[], Awaitable[int]]) -> int:
    """Append once more when somebody else has taken the number."""
    for _ in range(ATTEMPTS - 1):
        try:
            return await append()
        except Conflict:
            continue
    return await append()


class Ledger:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def write(self, ledger: str, access: Access, utc: int) -> int:
        """Append one entry and answer its number."""
        return await retried(lambda: self._append(ledger, access, utc))

    async def _append(self, ledger: str, access: Access, utc: int) -> int:
        async with transaction(self._engine, writes=True) as connection:
            seq, prev_hash = await self._head(connection, ledger)
            entry = LedgerEntry(seq=seq + 1, utc=utc, access=access, prev_hash=prev_hash, hash="")
            await connection.execute(
                insert(t.access_ledger).values(
                    ledger=ledger,
                    seq=entry.seq,
                    utc=utc,
                    actor=access.actor,
                    role=access.role,
                    seat=access.seat,
                    action=access.action,
                    target=access.target,
                    detail=_canonical(access.detail),
                    prev_hash=prev_hash,
                    hash=digest(ledger, entry),
                )
            )
            return entry.seq

    async def _head(self, connection: AsyncConnection, ledger: str) -> tuple[int, str]:
        query = (
            select(t.access_ledger.c.seq, t.access_ledger.c.hash)
            .where(t.access_ledger.c.ledger == ledger)
            .order_by(t.access_ledger.c.seq.desc())
            .limit(1)
        )
        row = (await connection.execute(query)).first()
        return (0, FIRST_HASH) if row is None else (row[0], row[1])

    async def read(self, ledger: str) -> list[LedgerEntry]:
        """All entries, oldest first."""
        query = select(t.access_ledger).where(t.access_ledger.c.ledger == ledger).order_by(t.access_ledger.c.seq)
        async with transaction(self._engine, writes=False) as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [
            LedgerEntry(
                seq=row["seq"],
                utc=row["utc"],
                access=Access(
                    actor=row["actor"],
                    role=row["role"],
                    seat=row["seat"],
                    action=row["action"],
                    target=row["target"],
                    detail=msgspec.json.decode(row["detail"]),
                ),
                prev_hash=row["prev_hash"],
                hash=row["hash"],
            )
            for row in rows
        ]


def digest(ledger: str, entry: LedgerEntry) -> str:
    """The hash an entry must carry: SHA-256 over the canonical JSON of the chain's name and all its other fields."""
    access = entry.access
    fields = {
        "ledger": ledger,
        "seq": entry.seq,
        "utc": entry.utc,
        "actor": access.actor,
        "role": access.role,
        "seat": access.seat,
        "action": access.action,
        "target": access.target,
        "detail": access.detail,
        "prev_hash": entry.prev_hash,
    }
    return hashlib.sha256(_canonical(fields).encode()).hexdigest()


def _canonical(value: object) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()


def intact(ledger: str, entries: Sequence[LedgerEntry]) -> bool:
    """Whether these, all of a chain and in their order, are as they were written, with none left out between them."""
    before, seq = FIRST_HASH, 0
    for entry in entries:
        if entry.seq != seq + 1 or entry.prev_hash != before or entry.hash != digest(ledger, entry):
            return False
        before, seq = entry.hash, entry.seq
    return True
