"""A media worker as a process of its own; arguments: the run folder, the worker's id."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from signaling.bus.factory import open_bus
from signaling.sfu.service import run_worker
from signaling.sfu.settings import WorkerSettings
from signaling.sfu.worker import Worker
from tests.integration.sfu.peer import MemorySink


async def main(run_dir: Path, worker_id: str) -> None:
    # aioice offers no loopback candidates, so the worker listens on every address.
    worker = Worker(WorkerSettings(listen=("0.0.0.0",)), MemorySink())
    await worker.start()
    async with open_bus("local:", run_dir, hub=False) as bus:
        await run_worker(worker, bus, worker_id)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
