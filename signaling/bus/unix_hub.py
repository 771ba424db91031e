"""The hub of :class:`~signaling.bus.local.LocalBus`, as child processes find it on a Unix socket."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from . import CALL_LIMIT, BusError, RequestTimeout
from .frames import (
    AnyFrame,
    Call,
    Displaced,
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
from .parts import Done
from .unix_address import listen

log = structlog.get_logger(__name__)


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
        self._server = await asyncio.start_unix_server(self._accept, sock=listen(self._path))

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
