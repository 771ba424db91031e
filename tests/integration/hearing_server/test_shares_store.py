"""Shares on a database that locks rows: what happens to one share at a time waits, and nothing waits in a circle."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import delete, select, text, update

from hearing_server.store import Store, share_tables
from hearing_server.store.engine import transaction
from hearing_server.store.shares import Asker, CodeLimits, ShareRow
from tests.integration.hearing_server.test_store import UTC, demo
from tests.recorded import eventually
from tests.servers.postgres import PostgresServer

SHARES, CODES = share_tables.record_shares, share_tables.share_codes
LIMITS = CodeLimits(window_ns=9, pause_ns=9, of_address=9, of_share=9)


@pytest.mark.servers
async def test_a_code_that_is_given_while_the_link_is_replaced_waits(postgres_server: PostgresServer) -> None:
    store = await Store.open(postgres_server.new_database())
    facts = await demo(store)
    row = ShareRow(
        id="share",
        hearing_id=facts.hearing_id,
        sitting_id=facts.sitting_id,
        secret_hash="old",
        name="Ann Reyes",
        email="ann.reyes@example.org",
        locale="en",
        purpose="Appeal",
        reference="",
        download=False,
        created_utc=UTC,
        created_by="clerk",
        created_name="Clerk",
        created_name_zh="书记员",
        expires_utc=UTC + 1,
    )
    await store.shares.add(row)
    assert await store.shares.ask_code(row.id, Asker("browser", "near"), "code", UTC, LIMITS) == "sent"

    async def waits() -> bool:
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        async with transaction(store._engine, writes=False) as connection:
            return await connection.scalar(text(waiting)) == 1

    one = SHARES.c.id == row.id
    async with transaction(store._engine, writes=True) as renewing:  # the statements of `renew`, with time in between
        await renewing.execute(select(SHARES.c.letter_id).where(one).with_for_update())
        proving = asyncio.create_task(store.shares.prove(row.id, "browser", "code", "session", UTC, life_ns=9, tries=9))
        await eventually(waits)
        await renewing.execute(update(SHARES).where(one).values(secret_hash="new"))
        await renewing.execute(delete(CODES).where(CODES.c.share_id == row.id))
    assert not await proving
    after = await store.shares.get(row.id)
    assert after is not None
    assert (after.secret_hash, after.session_hash) == ("new", "")
    await store.aclose()
