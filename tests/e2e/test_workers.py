"""Several media workers under one control: each has its port, and one that dies is started again."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from pathlib import Path

import pytest

from .harness.server import Running, fetch

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

BACK_LIMIT_S = 40.0


async def test_two_workers_are_heard_and_kept(tmp_path: Path) -> None:
    running = await Running.start("demo", data=tmp_path / "data", log=tmp_path / "demo.log", HEARING_MEDIA_WORKERS="2")
    try:
        pids = workers(running.process.pid)
        assert len(pids) == 2
        before = await heard(running)
        assert len(before) == 2
        os.kill(pids[0], signal.SIGKILL)
        async with asyncio.timeout(BACK_LIMIT_S):
            while len(now := await heard(running)) != 2 or now == before:  # noqa: ASYNC110 - nothing tells it
                await asyncio.sleep(0.2)
        assert len(now & before) == 1, "the other goes on"
    finally:
        await running.stop()


async def heard(running: Running) -> set[str]:
    """The names of the workers that control hears; one on any free port has a new name at each start."""
    _, _, body = await asyncio.to_thread(fetch, f"{running.base_url}/metrics")
    return set(re.findall(r'hearing_media_rooms\{worker="([^"]+)"\}', body.decode()))


def workers(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [
        int(child) for child in children if "media-worker" in Path(f"/proc/{child}/cmdline").read_text().split("\0")
    ]
