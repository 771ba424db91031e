"""A person's line to the court's web server, which a test can cut without touching the page."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

PIECE_BYTES = 64 * 1024


class Line:
    """Forwards TCP connections; ``url`` leads the same address through it."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._server: asyncio.Server
        self._sockets: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    def url(self, url: str) -> str:
        port = self._server.sockets[0].getsockname()[1]
        return urlunsplit(urlsplit(url)._replace(netloc=f"127.0.0.1:{port}"))

    def cut(self) -> int:
        """Reset the signalling sockets; returns how many there were."""
        cut, self._sockets = self._sockets, set()
        for writer in cut:
            writer.transport.abort()
        return len(cut)

    async def aclose(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(OSError):
            there, back = await asyncio.open_connection(self._host, self._port)
            first = await reader.read(PIECE_BYTES)
            if first.startswith(b"GET /signal"):
                self._sockets.add(writer)
            back.write(first)
            ways = [asyncio.create_task(_carry(reader, back)), asyncio.create_task(_carry(there, writer))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
                back.close()
                writer.close()
                self._sockets.discard(writer)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(PIECE_BYTES):
            writer.write(piece)
            await writer.drain()


@asynccontextmanager
async def line(base_url: str) -> AsyncIterator[Line]:
    parts = urlsplit(base_url)
    made = Line(parts.hostname or "", parts.port or 80)
    await made.start()
    try:
        yield made
    finally:
        await made.aclose()
