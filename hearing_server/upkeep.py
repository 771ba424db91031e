"""What control does by itself from time to time: pictures of identity documents are deleted when they are due."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import structlog

from .store import Store, StoreError

log = structlog.get_logger(__name__)

NS = 1_000_000_000
DAY_S = 24 * 3600
EVERY_S = 3600.0


async def tidy(store: Store, identity_days: float, now_utc: int) -> int:
    """Delete what is due; answers how many pictures."""
    deleted = await store.arrivals.delete_documents(now_utc - int(identity_days * DAY_S) * NS)
    if deleted:
        log.info("documents.deleted", count=deleted)
    return deleted


@contextlib.asynccontextmanager
async def upkeep(store: Store, identity_days: float) -> AsyncIterator[None]:
    """Tidy up every hour until the block is left."""

    async def run() -> None:
        while True:
            try:
                await tidy(store, identity_days, time.time_ns())
            except StoreError as error:
                log.error("upkeep.store_failed", code=error.code, detail=error.detail)
            except Exception:
                log.exception("upkeep.failed")
            await asyncio.sleep(EVERY_S)

    task = asyncio.create_task(run(), name="upkeep")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
