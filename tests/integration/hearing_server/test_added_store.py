"""Added recordings in the database, on SQLite and on PostgreSQL: versions added at once, and nothing ever changed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import text

from hearing_server.store import Conflict, Store, StoreError
from hearing_server.store.added import AddedRow, AlreadyAdded
from hearing_server.store.engine import transaction
from tests.integration.hearing_server.test_store import UTC, demo


async def test_versions_that_come_at_once_are_all_kept_and_counted(store: Store) -> None:
    facts = await demo(store)
    row = AddedRow(
        id="v0",
        sitting_id=facts.sitting_id,
        title="Courtroom 3 备用",
        kind="audio",
        started_utc=UTC,
        equipment="Desk recorder",
        file_name="r.wav",
        media_type="audio/wav",
        bytes=5_000_000_000,
        sha256="00" * 32,
        duration_ms=4 * 3_600_000,
        has_audio=True,
        added_utc=UTC,
        added_by="clerk",
        name="Clerk",
        name_zh="书记员",
    )
    others = [replace(row, id=f"v{n}", sha256=f"{n:02x}" * 32) for n in (1, 2)]
    numbers = await asyncio.gather(*(store.added.add(each) for each in (row, *others)))
    assert sorted(numbers) == [1, 2, 3]
    with pytest.raises(AlreadyAdded):
        await store.added.add(replace(row, id="v9"))
    await store.added.add(replace(row, id="other", title="Another"))

    kept = [each for each in await store.added.read(facts.sitting_id) if each.title == row.title]
    assert [each.version for each in kept] == [3, 2, 1]
    assert [each.version for each in kept if each.current] == [3]
    await store.added.choose(kept[2], "clerk", "Clerk", "书记员", UTC + 1)
    kept = [each for each in await store.added.read(facts.sitting_id) if each.title == row.title]
    assert [each.version for each in kept if each.current] == [1]

    await store.added.withdraw(kept[2], "clerk", "Clerk", "书记员", UTC + 2, "Noise")
    rows, acts = await store.added.all(facts.sitting_id)
    kept = [each for each in rows if each.title == row.title]
    assert [each.version for each in kept if each.current] == [3]
    assert [each.withdrawn.reason for each in kept if each.withdrawn] == ["Noise"]
    assert [act.serial for act in acts] == list(range(1, 7))
    assert [act.action for act in acts] == ["add"] * 4 + ["choose", "withdraw"]
    assert await store.added.untold() == []  # there is no sealed record yet
    await store.records.sealed(facts.sitting_id, manifest_sha256="ab" * 32, playable=True)
    async with transaction(store._engine, writes=True) as connection:
        await store.docket.project(connection, facts.sitting_id, {"record_state": "sealed"})
    assert await store.added.untold() == [(facts.sitting_id, 0)]
    for serial in (4, 6):
        await store.added.tell(facts.sitting_id, serial)
    assert await store.added.untold() == []

    for change in ("UPDATE added_versions SET sha256 = 'x'", "DELETE FROM added_choices"):
        with pytest.raises((StoreError, Conflict), match="append-only"):
            async with transaction(store._engine, writes=True) as connection:
                await connection.execute(text(change))
