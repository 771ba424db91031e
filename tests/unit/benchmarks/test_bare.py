"""The bare program that capture is compared with: it ends when it is told to, and says what it wrote."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from benchmarks.bare import COUNTED_S, PIECES, Used, bare
from recording.capture import CUT_S

FILES, BYTES_PER_S = 2, 240_000
TURN_BYTES = int(BYTES_PER_S * CUT_S / FILES / PIECES) * PIECES


def sizes(folder: Path) -> list[int]:
    return [path.stat().st_size for path in sorted(folder.glob("*"))]


async def written(folder: Path, size: int) -> None:
    """Returns when so many bytes are there."""
    while True:
        if sum(sizes(folder)) >= size:
            return
        await asyncio.sleep(0.05)


async def test_it_writes_until_it_is_told_to_end(tmp_path: Path) -> None:
    found: dict[str, Any] = {}
    folder = tmp_path / "bare"
    async with asyncio.timeout(60), bare(folder, min(os.sched_getaffinity(0)), BYTES_PER_S, FILES, found):
        await written(folder, 4 * TURN_BYTES)
    assert len(sizes(folder)) == FILES
    assert all(size and size % TURN_BYTES == 0 for size in sizes(folder))
    assert found["megabytes_per_s"] > 0
    assert found["cpu_percent"] >= 0


def test_only_the_last_seconds_count() -> None:
    used = Used()
    used._seen.append((-COUNTED_S, 0.0, 0))
    for written in (1_000, 2_000):
        used.look(written)
    assert [seen[2] for seen in used._seen] == [1_000, 2_000]
