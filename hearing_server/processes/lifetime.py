"""When a process is told to end: by signal, or because its parent is gone."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable


async def until_told(*, supervised: bool, on_second_signal: Callable[[], None] | None = None) -> str:
    """Return ``signal`` on SIGINT or SIGTERM, or ``parent`` when the pipe of a supervising parent closes.

    After the return a further signal calls ``on_second_signal`` (default: end the process at once).
    """
    loop = asyncio.get_running_loop()
    told: asyncio.Future[str] = loop.create_future()

    def on_signal() -> None:
        if not told.done():
            told.set_result("signal")
        elif on_second_signal is not None:
            on_second_signal()
        else:
            os._exit(130)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    if supervised:
        _watch_parent(loop, told)
    return await told


def _watch_parent(loop: asyncio.AbstractEventLoop, told: asyncio.Future[str]) -> None:
    pipe = sys.stdin.fileno()

    def on_readable() -> None:
        if os.read(pipe, 4096):
            return
        loop.remove_reader(pipe)
        if not told.done():
            told.set_result("parent")

    loop.add_reader(pipe, on_readable)
