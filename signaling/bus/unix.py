"""The bus of a child process: the hub that :mod:`.unix_hub` offers, over a Unix socket."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from . import BusClosed, BusError, Handler
from .frames import (
    AnyFrame,
    Call,
    Displaced,
    Dropped,
    Message,
    Pipe,
    Publish,
    Request,
    Serve,
    Settled,
    Subscribe,
    Unsubscribe,
    Withdraw,
    outcome,
    settled,
)
from .parts import HandlerPool, Inbox, PendingRequests, check_size
from .unix_address import connect

log = structlog.get_logger(__name__)

#: Waits before connecting again, s: doubled from the first to the last, with jitter.
BACKOFF_FIRST_S = 0.05
BACKOFF_LAST_S = 1.0
#: How long entering a subscription or serving a name waits for a connection, s.
CONNECT_WAIT_S = 30.0
#: How long a publisher waits for a hub that does not read, s.
PUBLISH_WAIT_S = 5.0


class LocalBusClient:
    """The bus for a child process; connects, and connects again, in the background."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pipe: Pipe | None = None
        self._connected = asyncio.Event()
        self._pending = PendingRequests()
        self._inboxes: dict[str, set[Inbox]] = {}
        self._services: dict[str, HandlerPool] = {}
        self._closed = False
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def publish(self, topic: str, payload: bytes) -> None:
        check_size(payload)
        pipe = self._present_pipe()
        pipe.send(Publish(topic, payload))
        try:
            async with asyncio.timeout(PUBLISH_WAIT_S):
                await pipe.room()
        except TimeoutError:
            pipe.cut()
            raise BusClosed("the hub does not read") from None

    @asynccontextmanager
    async def subscribe(self, *topics: str) -> AsyncIterator[Inbox]:
        inbox = Inbox()
        for topic in topics:
            self._inboxes.setdefault(topic, set()).add(inbox)
        try:
            await self._confirm(lambda number: Subscribe(number, list(topics)))
            yield inbox
        finally:
            self._unsubscribe(inbox, topics)

    async def request(self, service: str, payload: bytes, *, timeout_s: float = 5.0) -> bytes:
        check_size(payload)
        pipe = self._present_pipe()
        number = self._pending.new()
        pipe.send(Request(number, service, payload, timeout_s))
        return await self._pending.wait(number, timeout_s)

    async def serve(self, service: str, handler: Handler) -> _ClientService:
        pool = HandlerPool(service, handler)
        self._services[service] = pool
        try:
            await self._confirm(lambda number: Serve(number, service))
        except BaseException:
            if self._services.get(service) is pool:
                del self._services[service]
            raise
        return _ClientService(self, pool)

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._pending.settle_all(BusClosed("the bus is closed"))
        for pool in tuple(self._services.values()):
            await self._withdraw(pool)
        self._task.cancel()
        await asyncio.wait([self._task])
        self._connected.set()  # whoever waits for a connection is told that there will be none
        for inbox in {inbox for inboxes in self._inboxes.values() for inbox in inboxes}:
            inbox.close()

    # --- the connection --------------------------------------------------------

    async def _run(self) -> None:
        wait_s = BACKOFF_FIRST_S
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(sock=connect(self._path))
                if await self._converse(Pipe(reader, writer)):
                    wait_s = BACKOFF_FIRST_S
                reason = "the hub closed the connection"
            except OSError as error:
                reason = str(error)
            if wait_s == BACKOFF_FIRST_S:
                log.warning("no connection to the bus; connecting again", reason=reason)
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))
            wait_s = min(2 * wait_s, BACKOFF_LAST_S)

    async def _converse(self, pipe: Pipe) -> bool:
        """Attach all there is, and take what comes until the connection ends; whether the hub said anything."""
        heard = False
        # Settled at once, if only to tell a hub from a socket that somebody else listens on.
        pipe.send(Subscribe(0, list(self._inboxes)))
        for name in self._services:
            pipe.send(Serve(0, name))
        self._pipe = pipe
        self._connected.set()
        try:
            while frames := await pipe.receive():
                if not heard:
                    log.info("connected to the bus")
                heard = True
                for frame in frames:
                    self._take(pipe, frame)
        except BusError as error:
            log.error("the hub does not speak the bus's language", reason=str(error))
        finally:
            self._pipe = None
            self._connected.clear()
            self._pending.settle_all(BusClosed("the connection to the bus is lost"))
            await pipe.aclose()
        return heard

    def _take(self, pipe: Pipe, frame: AnyFrame) -> None:
        match frame:
            case Message(topic, payload):
                for inbox in self._inboxes.get(topic, ()):
                    inbox.put(topic, payload)
            case Dropped(topic, messages):
                for inbox in self._inboxes.get(topic, ()):
                    inbox.dropped += messages
            case Settled(number):
                self._pending.settle(number, outcome(frame))
            case Call(number, service, payload):
                pool = self._services.get(service)
                if pool is None:
                    pipe.send(settled(number, BusError(f"{service} is closing")))
                else:
                    pool.call(payload, lambda result: pipe.send(settled(number, result)))
            case Displaced(service):
                log.warning("another process took a service over", service=service)
                self._services.pop(service, None)
            case _:
                raise BusError(f"the hub may not send {type(frame).__name__}")

    def _present_pipe(self) -> Pipe:
        if self._closed:
            raise BusClosed("the bus is closed")
        if self._pipe is None:
            raise BusClosed("there is no connection to the bus now")
        return self._pipe

    async def _confirm(self, frame_of: Callable[[int], Subscribe | Serve]) -> None:
        """Return once the hub has taken the frame, over as many connections as that needs."""
        try:
            async with asyncio.timeout(CONNECT_WAIT_S):
                while True:
                    await self._connected.wait()
                    pipe = self._present_pipe()
                    number = self._pending.new()
                    pipe.send(frame_of(number))
                    try:
                        await self._pending.wait(number, CONNECT_WAIT_S)
                        return
                    except BusClosed:
                        if self._closed:
                            raise
        except TimeoutError:
            raise BusClosed("no connection to the bus") from None

    def _unsubscribe(self, inbox: Inbox, topics: tuple[str, ...]) -> None:
        unwanted = []
        for topic in topics:
            inboxes = self._inboxes.get(topic, set())
            inboxes.discard(inbox)
            if not inboxes and self._inboxes.pop(topic, None) is not None:
                unwanted.append(topic)
        if unwanted and self._pipe is not None:
            self._pipe.send(Unsubscribe(unwanted))

    async def _withdraw(self, pool: HandlerPool) -> None:
        if self._services.get(pool.service) is pool:
            del self._services[pool.service]
            if self._pipe is not None:
                self._pipe.send(Withdraw(pool.service))
        await pool.aclose()


class _ClientService:
    def __init__(self, client: LocalBusClient, pool: HandlerPool) -> None:
        self._client = client
        self._pool = pool

    async def aclose(self) -> None:
        await self._client._withdraw(self._pool)
