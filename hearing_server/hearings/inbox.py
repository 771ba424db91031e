"""A queue of jobs that are done one after the other (lessons.md 45), and what becomes of their answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog

log = structlog.get_logger(__name__)
T = TypeVar("T")

#: Jobs that may wait; each takes a few ms, and each client has few requests under way.
LIMIT = 1_000

_Job = tuple[Callable[[], Awaitable[Any]], asyncio.Future[Any]]


class InboxClosed(Exception):
    """The inbox is full or its owner has gone to rest: the job was not taken."""


class Inbox:
    """``rests`` is asked when no job is left; once it says yes no job is taken any more.

    It may take a moment, in which a job may come: it looks at :attr:`empty` last, and says no then.
    """

    def __init__(self, name: str, expected: tuple[type[Exception], ...], rests: Callable[[], Awaitable[bool]]) -> None:
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue(LIMIT)
        self._expected = expected
        self._rests = rests
        self._rested = False
        self._worker = asyncio.get_running_loop().create_task(self._work(), name=name)

    @property
    def empty(self) -> bool:
        """No job waits."""
        return self._jobs.empty()

    async def run(self, job: Callable[[], Awaitable[T]]) -> T:
        """Do this after all that came before; its errors are raised here.  Raises :class:`InboxClosed`."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._put(job, answer)
        return await answer

    def post(self, job: Callable[[], Awaitable[None]]) -> None:
        """The same for what nobody waits for; what cannot be taken is left out, and comes again with the next alarm."""
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(_forget)
        try:
            self._put(job, answer)
        except InboxClosed:
            log.warning("inbox.full", name=self._worker.get_name())
            answer.cancel()

    async def aclose(self) -> None:
        """Stop at once; jobs that wait are cancelled."""
        self._rested = True
        self._worker.cancel()
        await asyncio.gather(self._worker, return_exceptions=True)
        while not self._jobs.empty():
            self._jobs.get_nowait()[1].cancel()

    def _put(self, job: Callable[[], Awaitable[Any]], answer: asyncio.Future[Any]) -> None:
        if self._rested:
            raise InboxClosed
        try:
            self._jobs.put_nowait((job, answer))
        except asyncio.QueueFull:
            raise InboxClosed from None

    async def _work(self) -> None:
        while not self._rested:
            job, answer = await self._jobs.get()
            await self._do(job, answer)
            if self._jobs.empty():
                self._rested = await self._rests()

    async def _do(self, job: Callable[[], Awaitable[Any]], answer: asyncio.Future[Any]) -> None:
        try:
            result = await job()
        except asyncio.CancelledError:
            answer.cancel()
            raise
        except Exception as error:
            if not isinstance(error, self._expected):
                log.exception("job.failed", name=self._worker.get_name())
            if not answer.done():
                answer.set_exception(error)
        else:
            if not answer.done():
                answer.set_result(result)


def _forget(answer: asyncio.Future[None]) -> None:
    """Nobody waits for it; its error was logged where it arose."""
    if not answer.cancelled():
        answer.exception()
