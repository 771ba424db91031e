"""The hub of :class:`~signaling.bus.local.LocalBus` for child processes, over a Unix socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from . import CALL_LIMIT, BusClosed, BusError, Handler, RequestTimeout
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
from .local import LocalBus
from .parts import Done, HandlerPool, Inbox, PendingRequests, check_size

log = structlog.get_logger(__name__)

#: Waits before connecting again, s: doubled from the first to the last, with jitter.
BACKOFF_FIRST_S = 0.05
BACKOFF_LAST_S = 1.0
#: How long entering a subscription or serving a name waits for a connection, s.
CONNECT_WAIT_S = 30.0
#: How long a publisher waits for a hub that does not read, s.
PUBLISH_WAIT_S = 5.0
#: sun_path of sockaddr_un holds 108 bytes with the final zero on Linux, 104 elsewhere.
PATH_LIMIT_BYTES = 103


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """The path by a name that fits into a socket address: through the folder's descriptor if it is too long."""
    if len(os.fsencode(path)) <= PATH_LIMIT_BYTES:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _connect(path: Path) -> socket.socket:
    """Raises OSError.  Does not block: the kernel answers for a Unix socket, or says that its backlog is full."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        with _short(path) as name:
            connection.connect(name)
    except OSError:
        connection.close()
        raise
    return connection


def _listen(path: Path) -> socket.socket:
    """Raises :class:`BusError` if another process listens there; a dead one's socket is removed."""
    try:
        _connect(path).close()
        held = True
    except BlockingIOError:
        held = True
    except OSError:
        held = False
    if held:
        raise BusError(f"another process holds the bus at {path}")
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short(path) as name:
            listener.bind(name)
        path.chmod(0o600)  # whoever reaches the socket commands the media workers
    except OSError:
        listener.close()
        raise
    return listener


class LocalBusServer:
    """Opens the hub of a :class:`LocalBus` to child processes."""

    def __init__(self, bus: LocalBus, path: Path) -> None:
        self._bus = bus
        self._path = path
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], _Attached] = {}

    async def start(self) -> None:
        """Listen.  Raises :class:`BusError` or OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._server = await asyncio.start_unix_server(self._accept, sock=_listen(self._path))

    async def aclose(self) -> None:
        """Stop listening and let the children go."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        self._path.unlink(missing_ok=True)
        for attached in tuple(self._connections.values()):
            attached.pipe.cut()
        if self._connections:
            await asyncio.wait(tuple(self._connections))

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        attached = _Attached(self._bus, Pipe(reader, writer))
        task = asyncio.get_running_loop().create_task(attached.run())
        self._connections[task] = attached
        task.add_done_callback(lambda done: self._connections.pop(done))


class _Attached:
    """One child process on the hub."""

    def __init__(self, bus: LocalBus, pipe: Pipe) -> None:
        self.pipe = pipe
        self._bus = bus
        self._topics: set[str] = set()
        self._services: dict[str, _RemoteService] = {}
        self._requests: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        try:
            while frames := await self.pipe.receive():
                for frame in frames:
                    self._take(frame)
        except BusError as error:
            log.warning("a child process was cut off the bus", reason=str(error))
        finally:
            self._detach()
            await self.pipe.aclose()

    def _take(self, frame: AnyFrame) -> None:
        match frame:
            case Publish(topic, payload):
                self._bus.hub.publish(topic, payload)
            case Request():
                self._request(frame)
            case Settled(number):
                for service in self._services.values():
                    service.settle(number, frame)
            case Subscribe(number, topics):
                for topic in topics:
                    self._topics.add(topic)
                    self._bus.hub.subscribe(topic, self.pipe.send_message)
                self.pipe.send(Settled(number, b""))
            case Unsubscribe(topics):
                for topic in topics:
                    self._topics.discard(topic)
                    self._bus.hub.unsubscribe(topic, self.pipe.send_message)
            case Serve(number, name):
                service = self._services.setdefault(name, _RemoteService(self.pipe, name))
                self._bus.hub.serve(name, service)
                self.pipe.send(Settled(number, b""))
            case Withdraw(name):
                # Requests under way may still be answered: the child waits for its handlers.
                if name in self._services:
                    self._bus.hub.withdraw(name, self._services[name])
            case _:
                raise BusError(f"a child process may not send {type(frame).__name__}")

    def _request(self, frame: Request) -> None:
        if len(self._requests) >= CALL_LIMIT:
            self.pipe.send(settled(frame.number, BusError("too many requests are under way")))
            return
        task = asyncio.get_running_loop().create_task(self._ask(frame))
        self._requests.add(task)
        task.add_done_callback(self._requests.discard)

    async def _ask(self, frame: Request) -> None:
        try:
            answer = await self._bus.request(frame.service, frame.payload, timeout_s=frame.timeout_s)
        except BusError as error:
            self.pipe.send(settled(frame.number, error))
        else:
            self.pipe.send(Settled(frame.number, answer))

    def _detach(self) -> None:
        for topic in self._topics:
            self._bus.hub.unsubscribe(topic, self.pipe.send_message)
        for service in self._services.values():
            self._bus.hub.withdraw(service.name, service)
            service.lost()
        for task in self._requests:
            task.cancel()


class _RemoteService:
    """A name that a child process serves."""

    _numbers = iter(range(1, 2**62))

    def __init__(self, pipe: Pipe, name: str) -> None:
        self.name = name
        self._pipe = pipe
        self._calls: dict[int, Done] = {}

    def call(self, payload: bytes, done: Done) -> None:
        if len(self._calls) >= CALL_LIMIT:
            done(BusError(f"{self.name} is too busy"))
            return
        number = next(self._numbers)
        self._calls[number] = done
        self._pipe.send(Call(number, self.name, payload))

    def settle(self, number: int, frame: Settled) -> None:
        done = self._calls.pop(number, None)
        if done is not None:
            done(outcome(frame))

    def displaced(self) -> None:
        self._pipe.send(Displaced(self.name))

    def lost(self) -> None:
        """The process is gone with the requests in its hands."""
        for done in self._calls.values():
            done(RequestTimeout(f"{self.name} went away before it answered"))
        self._calls.clear()


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
                reader, writer = await asyncio.open_unix_connection(sock=_connect(self._path))
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
