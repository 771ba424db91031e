from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from signaling import worker_api as api
from signaling.sfu.native.library import Unavailable, load
from signaling.sfu.settings import HotPath, WorkerSettings
from signaling.sfu.worker import Worker

from .peer import ROOM, Court, MemorySink


def _paths() -> list[HotPath]:
    """The Python path, and the compiled one if it is there."""
    try:
        load()
    except Unavailable:
        return ["python"]
    return ["python", "native"]


@pytest.fixture(params=_paths())
def hot_path(request: pytest.FixtureRequest) -> HotPath:
    path: HotPath = request.param
    return path


@pytest.fixture
async def court(hot_path: HotPath) -> AsyncIterator[Court]:
    sink = MemorySink()
    worker = Worker(WorkerSettings(listen=("127.0.0.1",), hot_path=hot_path), sink)
    await worker.start()
    court = Court(worker, sink)
    opened = await worker.handle(api.OpenRoom(room_id=ROOM, plan=court.plan))
    assert isinstance(opened, api.RoomOpened)
    yield court
    for link in court.links:
        await link.close()
    await worker.aclose()
