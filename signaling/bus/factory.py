"""The bus that a setting names."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from . import Bus
from .local import LocalBus
from .unix import LocalBusClient
from .unix_hub import LocalBusServer

#: The hub's socket within the run folder.
SOCKET_NAME = "bus.sock"


@asynccontextmanager
async def open_bus(url: str, run_dir: Path, *, hub: bool) -> AsyncIterator[Bus]:
    """Yield the bus of ``url``: ``local:``, or ``redis://…`` / ``rediss://…`` / ``unix://…`` for a Redis server.

    With ``local:`` one process, control, holds the hub (``hub=True``) and listens at ``<run_dir>/bus.sock``; all
    others attach there, now or when it appears.  With Redis ``run_dir`` and ``hub`` mean nothing.
    Raises ValueError for any other URL, :class:`BusError` if another process holds the hub, OSError.
    """
    scheme = url.partition(":")[0]
    async with contextlib.AsyncExitStack() as stack:
        bus: Bus
        if url == "local:" and hub:
            bus = holder = LocalBus()
            stack.push_async_callback(bus.aclose)
            server = LocalBusServer(holder, run_dir / SOCKET_NAME)
            stack.push_async_callback(server.aclose)
            await server.start()
        elif url == "local:":
            bus = LocalBusClient(run_dir / SOCKET_NAME)
            stack.push_async_callback(bus.aclose)
        elif scheme in ("redis", "rediss", "unix"):
            # Only here: redis-py takes a third of a worker's time to start, and a dead worker is waited for.
            from .redis import RedisBus

            bus = RedisBus(url)
            stack.push_async_callback(bus.aclose)
        else:
            raise ValueError(f"no such bus: {scheme!r}; it is local: or redis://…")
        yield bus
