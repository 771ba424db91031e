from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from signaling import worker_api as api
from signaling.sfu.settings import WorkerSettings
from signaling.sfu.worker import Worker

from .peer import ROOM, Court, MemorySink


@pytest.fixture
async def court() -> AsyncIterator[Court]:
    sink = MemorySink()
    worker = Worker(WorkerSettings(listen=("127.0.0.1",)), sink)
    await worker.start()
    court = Court(worker, sink)
    opened = await worker.handle(api.OpenRoom(room_id=ROOM, plan=court.plan))
    assert isinstance(opened, api.RoomOpened)
    yield court
    for link in court.links:
        await link.close()
    await worker.aclose()
