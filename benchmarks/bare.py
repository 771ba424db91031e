"""``python -m benchmarks.bare FOLDER CORE BYTES_PER_S FILES``: the least that a hashed and durable record costs.

As many bytes as are captured, from memory, in as many files and pieces and as often as :mod:`recording.capture` cuts:
each piece is hashed once by :mod:`hashlib`, then the file's pieces are written by one writev(2) and made durable by one
fdatasync(2).  Nothing is received, named, chained or told.  It runs until its input is closed and then prints what it
used of the core in the last seconds, as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import select
import sys
import time
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from recording.capture import CUT_S

from .forwarding.machine import pin

#: What a file gets at a time: the chunks of six people's sound and picture, of one length, as only their sum counts.
PIECES = 12
#: What is printed is of so many seconds before the end: those of a trial that are counted.
COUNTED_S = 8.0


@contextlib.asynccontextmanager
async def bare(folder: Path, core: int, bytes_per_s: float, files: int, found: dict[str, Any]) -> AsyncIterator[None]:
    """It runs within the block; ``found`` is what it printed, after it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.bare", str(folder), str(core), str(bytes_per_s), str(files),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield
    finally:
        assert process.stdin is not None
        process.stdin.close()
        printed, _ = await process.communicate()
        found.update(json.loads(printed))


class Used:
    """What the process used, looked at a few times a second."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float, int]] = deque()

    def look(self, written: int) -> None:
        now = time.monotonic()
        self._seen.append((now, time.process_time(), written))
        while now - self._seen[0][0] > COUNTED_S:
            self._seen.popleft()

    def answer(self) -> dict[str, float]:
        (began, cpu, written), (ended, cpu_then, written_then) = self._seen[0], self._seen[-1]
        seconds = ended - began
        return {
            "cpu_percent": round(100 * (cpu_then - cpu) / seconds, 2),
            "megabytes_per_s": round((written_then - written) / seconds / 1e6, 1),
        }


def run(folder: Path, bytes_per_s: float, files: int) -> dict[str, float]:
    """Until standard input is closed."""
    size = int(bytes_per_s * CUT_S / files / PIECES)
    folder.mkdir(parents=True)
    # Of each file its own, so that what is hashed was not just hashed: what was captured lay in memory meanwhile.
    captured = [[os.urandom(size) for _ in range(PIECES)] for _ in range(files)]
    opened = [os.open(folder / str(number), os.O_WRONLY | os.O_CREAT, 0o600) for number in range(files)]
    used, begin, turn = Used(), time.monotonic(), 0
    while not select.select([sys.stdin], [], [], max(0.0, begin + turn * CUT_S / files - time.monotonic()))[0]:
        number = turn % files
        for piece in captured[number]:
            hashlib.sha256(piece).digest()
        os.writev(opened[number], captured[number])
        os.fdatasync(opened[number])
        turn += 1
        used.look(turn * size * PIECES)
    return used.answer()


def main() -> int:
    folder, core, bytes_per_s, files = sys.argv[1:]
    pin(0, int(core))
    print(json.dumps(run(Path(folder), float(bytes_per_s), int(files))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
