"""Parts that every implementation of the bus is made of: bounded queues, pending requests, running handlers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import count

import structlog

from . import (
    CALL_LIMIT,
    MESSAGE_LIMIT_BYTES,
    SUBSCRIPTION_LIMIT_BYTES,
    SUBSCRIPTION_LIMIT_MESSAGES,
    BusError,
    Handler,
    HandlerFailed,
    RequestTimeout,
)

log = structlog.get_logger(__name__)

#: How long closing a service waits for its running handlers before it cancels them, s.
HANDLER_GRACE_S = 10.0

#: What came of a request: the answer, or why there is none.
Outcome = bytes | BusError
Done = Callable[[Outcome], None]


def check_size(payload: bytes) -> None:
    """Raise :class:`BusError` for a message above the limit."""
    if len(payload) > MESSAGE_LIMIT_BYTES:
        raise BusError(f"a message of {len(payload)} bytes is above the limit of {MESSAGE_LIMIT_BYTES}")


class Inbox:
    """A subscription: messages that were not read yet, the oldest given up at the bounds."""

    def __init__(
        self, limit_messages: int = SUBSCRIPTION_LIMIT_MESSAGES, limit_bytes: int = SUBSCRIPTION_LIMIT_BYTES
    ) -> None:
        self.dropped = 0
        self._limit_messages = limit_messages
        self._limit_bytes = limit_bytes
        self._messages: deque[tuple[str, bytes]] = deque()
        self._bytes = 0
        self._changed = asyncio.Event()
        self._closed = False

    def put(self, topic: str, payload: bytes) -> None:
        if self._closed:
            return
        self._messages.append((topic, payload))
        self._bytes += len(payload)
        while len(self._messages) > self._limit_messages or self._bytes > self._limit_bytes:
            self._bytes -= len(self._messages.popleft()[1])
            self.dropped += 1
        self._changed.set()

    def close(self) -> None:
        """No more messages; those at hand can still be read."""
        self._closed = True
        self._changed.set()

    def __aiter__(self) -> Inbox:
        return self

    async def __anext__(self) -> tuple[str, bytes]:
        while not self._messages:
            if self._closed:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        message = self._messages.popleft()
        self._bytes -= len(message[1])
        return message


class PendingRequests:
    """Requests of this process that wait for an answer, by number."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[bytes]] = {}

    def new(self) -> int:
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        return number

    def settle(self, number: int, outcome: Outcome) -> None:
        """An answer came; one that nobody waits for any more is forgotten."""
        future = self._waiting.get(number)
        if future is None or future.done():
            return
        if isinstance(outcome, bytes):
            future.set_result(outcome)
        else:
            future.set_exception(outcome)

    def settle_all(self, error: BusError) -> None:
        for number in tuple(self._waiting):
            self.settle(number, error)

    async def wait(self, number: int, timeout_s: float) -> bytes:
        """The answer; must be awaited once for each :meth:`new`, or :meth:`forget` called."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._waiting[number]
        except TimeoutError:
            raise RequestTimeout(f"no answer within {timeout_s:g} s") from None
        finally:
            self.forget(number)

    def forget(self, number: int) -> None:
        future = self._waiting.pop(number, None)
        if future is not None and future.done() and not future.cancelled():
            future.exception()  # seen: an unread exception would be reported at collection


class HandlerPool:
    """Runs one service's handler for each request, at once, up to a bound."""

    def __init__(self, service: str, handler: Handler) -> None:
        self.service = service
        self._handler = handler
        self._running: set[asyncio.Task[None]] = set()
        self._closed = False

    def call(self, payload: bytes, done: Done) -> None:
        """Begin the handler; ``done`` is called once with what came of it."""
        if self._closed or len(self._running) >= CALL_LIMIT:
            done(BusError(f"{self.service} is {'closing' if self._closed else 'too busy'}"))
            return
        task = asyncio.get_running_loop().create_task(self._run(payload, done))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, payload: bytes, done: Done) -> None:
        try:
            answer = await self._handler(payload)
            check_size(answer)
        except asyncio.CancelledError:
            done(RequestTimeout(f"{self.service} was stopped"))
            raise
        except Exception:
            log.exception("bus handler failed", service=self.service)
            done(HandlerFailed(f"the handler of {self.service} failed"))
        else:
            done(answer)

    async def aclose(self) -> None:
        """Take no more requests, and wait for the handlers that run (a handler may close its own service)."""
        self._closed = True
        others = [task for task in self._running if task is not asyncio.current_task()]
        if others:
            _, hanging = await asyncio.wait(others, timeout=HANDLER_GRACE_S)
            for task in hanging:
                log.error("a bus handler hangs and is cancelled", service=self.service)
                task.cancel()
