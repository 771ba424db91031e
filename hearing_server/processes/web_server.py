"""The HTTP servers of control: plain HTTP for this computer and HTTPS for all, one application behind both."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Generator, Sequence

import uvicorn
from starlette.types import ASGIApp

from signaling.messages import FRAME_LIMIT_BYTES

#: Pages that are being answered may finish for this long when the server stops, s.
GRACE_S = 3
#: A connection that asks nothing is closed after this, s.
KEEP_ALIVE_S = 20
#: Frames waiting for the application, per socket.
SOCKET_QUEUE = 64


class _Server(uvicorn.Server):
    """The process has one place for signals, :mod:`.lifetime`, and that is not here."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@contextlib.asynccontextmanager
async def serving(
    app: ASGIApp,
    sockets: Sequence[socket.socket],
    tls: ssl.SSLContext | None = None,
    proxies: Sequence[str] = (),
) -> AsyncIterator[None]:
    """Answer on these listening sockets from the moment the block is entered until it is left.

    ``proxies``: addresses and networks whose X-Forwarded-For and X-Forwarded-Proto are believed.
    """
    context: Callable[..., ssl.SSLContext] | None = None if tls is None else lambda *_: tls
    server = _Server(
        uvicorn.Config(
            app,
            http="httptools",
            ws="websockets-sansio",
            ws_max_size=FRAME_LIMIT_BYTES,
            ws_max_queue=SOCKET_QUEUE,
            # Presence has its own ping (signaling.messages.PING_S).
            ws_ping_interval=None,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=list(proxies),
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
            ssl_context_factory=context,
        )
    )
    task = asyncio.create_task(server.serve(sockets=list(sockets)), name="web server")
    try:
        while not server.started:
            if task.done():
                task.result()
                raise RuntimeError("the web server ended before it began")
            await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await task
