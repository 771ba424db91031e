"""What control does by itself: pictures of identity documents are deleted when they are due, and what changed is made
to be found."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog

from .store import Store, StoreError

log = structlog.get_logger(__name__)

NS = 1_000_000_000
DAY_S = 24 * 3600
EVERY_S = 3600.0
#: How soon words that were written are found even if nobody searches, and how many hearings at once.
INDEX_EVERY_S = 5.0
INDEX_BATCH = 500


async def tidy(store: Store, identity_days: float, now_utc: int) -> int:
    """Delete what is due; answers how many pictures."""
    deleted = await store.arrivals.delete_documents(now_utc - int(identity_days * DAY_S) * NS)
    if deleted:
        log.info("documents.deleted", count=deleted)
    return deleted


@contextlib.asynccontextmanager
async def upkeep(store: Store, identity_days: float) -> AsyncIterator[None]:
    """Tidy up every hour, and keep the index of the archive, until the block is left."""

    async def tidied() -> float:
        await tidy(store, identity_days, time.time_ns())
        return EVERY_S

    async def indexed() -> float:
        # A database that was just brought up to date has all its hearings to be made anew.
        return INDEX_EVERY_S if await store.search.refresh(INDEX_BATCH) < INDEX_BATCH else 0.0

    tasks = [asyncio.create_task(_repeat(work), name=f"upkeep {work.__name__}") for work in (tidied, indexed)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _repeat(work: Callable[[], Awaitable[float]]) -> None:
    """``work`` answers after how many seconds it wants to be called again; after a failure as if it had nothing."""
    while True:
        pause = INDEX_EVERY_S
        try:
            pause = await work()
        except StoreError as error:
            log.error("upkeep.store_failed", code=error.code, detail=error.detail)
        except Exception:
            log.exception("upkeep.failed")
        await asyncio.sleep(pause)
