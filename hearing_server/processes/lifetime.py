"""When a process is told to end: by signal, or because its parent is gone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import structlog

#: Exit code of a program that Ctrl-C ended (128 + SIGINT).
INTERRUPTED = 130

log = structlog.get_logger(__name__)


def end_of_life(*, supervised: bool, on_second_signal: Callable[[], None] | None = None) -> asyncio.Future[str]:
    """Listen for the end from now on: ``signal`` (SIGINT, SIGTERM), or ``parent`` when a supervising parent is gone.

    A further signal ends the process at once; ``on_second_signal`` is called before.
    """
    loop = asyncio.get_running_loop()
    told: asyncio.Future[str] = loop.create_future()

    def on_signal() -> None:
        if not told.done():
            told.set_result("signal")
            return
        if on_second_signal is not None:
            on_second_signal()
        os._exit(INTERRUPTED)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    if supervised:
        _watch_parent(loop, told)
    return told


async def until_told_or_done(work: asyncio.Task[Any], *, supervised: bool) -> None:
    """Return when this process is told to end; raise what ``work`` raised if it fails before."""
    told = end_of_life(supervised=supervised)
    await asyncio.wait({work, told}, return_when=asyncio.FIRST_COMPLETED)
    if work.done():
        work.result()
    else:
        log.info("process.told", by=told.result())


async def cancelled(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait for its end; what it raised before stays its own affair."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task


def _watch_parent(loop: asyncio.AbstractEventLoop, told: asyncio.Future[str]) -> None:
    pipe = sys.stdin.fileno()

    def on_readable() -> None:
        if os.read(pipe, 4096):
            return
        loop.remove_reader(pipe)
        if not told.done():
            told.set_result("parent")

    loop.add_reader(pipe, on_readable)
