"""The implementations of the bus, as the contract tests need them: several processes' ends, and a server to kill."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

from signaling.bus import Bus, BusClosed, BusError
from signaling.bus.local import LocalBus
from signaling.bus.redis import RedisBus
from signaling.bus.unix import LocalBusClient
from signaling.bus.unix_hub import LocalBusServer
from tests.servers.redis import RedisServer
from tests.servers.redis import start as start_redis


class Buses(Protocol):
    """One bus with as many ends as asked for."""

    #: Whether the server can be taken away and brought back.
    breakable: bool

    def end(self) -> Bus:
        """Another process's end (the same one again if there is only one process)."""

    async def kill(self, end: Bus) -> None:
        """As if that process died: its connection breaks and nobody says goodbye."""

    async def break_server(self) -> None: ...

    async def mend_server(self) -> None: ...


class InProcess:
    breakable = False

    def __init__(self) -> None:
        self._bus = LocalBus()

    def end(self) -> Bus:
        return self._bus

    async def kill(self, end: Bus) -> None:
        raise NotImplementedError

    async def break_server(self) -> None:
        raise NotImplementedError

    async def mend_server(self) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        await self._bus.aclose()


class OverSocket:
    """All ends are children; the hub is in "another" process, which dies and comes back."""

    breakable = True

    def __init__(self, folder: Path) -> None:
        self._path = folder / "run" / "bus.sock"
        self._ends: list[LocalBusClient] = []

    def end(self) -> Bus:
        self._ends.append(LocalBusClient(self._path))
        return self._ends[-1]

    async def kill(self, end: Bus) -> None:
        assert isinstance(end, LocalBusClient)
        assert end._pipe is not None
        end._task.cancel()
        end._pipe.cut()

    async def mend_server(self) -> None:
        self._hub = LocalBus()
        self._server = LocalBusServer(self._hub, self._path)
        await self._server.start()

    async def break_server(self) -> None:
        await self._server.aclose()
        await self._hub.aclose()

    async def aclose(self) -> None:
        for end in self._ends:
            await end.aclose()
        await self.break_server()


class OverRedis:
    """Each test has a server of its own, since some kill it."""

    breakable = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ends: list[RedisBus] = []
        self._server: RedisServer | None = None
        self._port: int | None = None

    def end(self) -> Bus:
        assert self._server is not None
        self._ends.append(RedisBus(self._server.url, prefix="test:"))
        return self._ends[-1]

    async def mend_server(self) -> None:
        self._server = await asyncio.to_thread(start_redis, self._folder, self._port)
        self._port = self._server.port

    async def break_server(self) -> None:
        assert self._server is not None
        os.kill(self._server.process.pid, signal.SIGKILL)
        await asyncio.to_thread(self._server.process.stop)

    async def kill(self, end: Bus) -> None:
        assert isinstance(end, RedisBus)
        end._task.cancel()
        await asyncio.wait([end._task])

    async def aclose(self) -> None:
        for end in self._ends:
            await end.aclose()
        await self.break_server()


async def eventually_request(bus: Bus, service: str, payload: bytes, limit_s: float = 20.0) -> bytes:
    """Repeat the request until it is answered, as a caller with a message that must arrive does."""
    async with asyncio.timeout(limit_s):
        while True:
            try:
                return await bus.request(service, payload)
            except BusError:
                await asyncio.sleep(0.02)


async def eventually_connected(bus: Bus, limit_s: float = 20.0) -> None:
    async with asyncio.timeout(limit_s):
        while True:
            with contextlib.suppress(BusClosed):
                await bus.publish("nobody-listens", b"")
                return
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def serving(bus: Bus, service: str) -> AsyncIterator[list[bytes]]:
    """Serve a name by echoing; yields the list of what was asked."""
    asked: list[bytes] = []

    async def handler(payload: bytes) -> bytes:
        asked.append(payload)
        return b"re: " + payload

    served = await bus.serve(service, handler)
    try:
        yield asked
    finally:
        await served.aclose()
