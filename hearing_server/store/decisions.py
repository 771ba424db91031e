"""Logs of decisions about a record: appended one after the other, each with who made it; see custody and levels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Table, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection


class _Action(Protocol):
    @property
    def value(self) -> str: ...


class Decided(Protocol):
    """What is decided; all else of it is kept as JSON."""

    @property
    def action(self) -> _Action: ...

    @property
    def by(self) -> str: ...


D = TypeVar("D", bound=Decided)


# Without slots: what is made by the alias of a generic class is told so, which a frozen one with slots cannot take.
@dataclass(frozen=True, kw_only=True)
class DecisionRow(Generic[D]):
    """A decision, and who made it when."""

    serial: int
    utc: int
    name: str
    name_zh: str
    decision: D


async def append(connection: AsyncConnection, table: Table, of: dict[str, str], row: DecisionRow[Any]) -> None:
    """``of``: column and name of what it is about.  Raises :class:`~.engine.Conflict`, at the end of the transaction or
    before, if somebody else decided in the meantime."""
    await connection.execute(
        insert(table).values(
            **of,
            serial=row.serial,
            utc=row.utc,
            action=row.decision.action.value,
            account_id=row.decision.by,
            name=row.name,
            name_zh=row.name_zh,
            body=msgspec.json.encode(row.decision, order="deterministic").decode(),
        )
    )


async def read(
    connection: AsyncConnection, table: Table, column: ColumnElement[str], of: Iterable[str], kind: type[D]
) -> dict[str, list[DecisionRow[D]]]:
    """All decisions about each of these, oldest first."""
    query = select(table, column.label("about")).where(column.in_(list(of))).order_by(table.c.serial)
    found: dict[str, list[DecisionRow[D]]] = {}
    for row in (await connection.execute(query)).mappings():
        found.setdefault(row["about"], []).append(
            DecisionRow(
                serial=row["serial"],
                utc=row["utc"],
                name=row["name"],
                name_zh=row["name_zh"],
                decision=msgspec.json.decode(row["body"], type=kind),
            )
        )
    return found
