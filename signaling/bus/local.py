"""The bus inside one process; :mod:`signaling.bus.unix_hub` opens it to child processes.

:class:`Hub` is the routing table: it knows sinks and responders, and does no I/O.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from . import BusClosed, Handler, NoResponder
from .parts import Done, HandlerPool, Inbox, PendingRequests, check_size

Sink = Callable[[str, bytes], None]


class Responder(Protocol):
    """Whoever serves a name: a handler here, or a child process."""

    def call(self, payload: bytes, done: Done) -> None:
        """Begin the work; ``done`` is called at most once."""

    def displaced(self) -> None:
        """Another took the name over."""


class Hub:
    """Who is subscribed to what and who serves which name."""

    def __init__(self) -> None:
        # Dictionaries stand for ordered sets, so that delivery has one order.
        self._sinks: dict[str, dict[Sink, None]] = {}
        self._responders: dict[str, Responder] = {}

    def subscribe(self, topic: str, sink: Sink) -> None:
        self._sinks.setdefault(topic, {})[sink] = None

    def unsubscribe(self, topic: str, sink: Sink) -> None:
        sinks = self._sinks.get(topic, {})
        sinks.pop(sink, None)
        if not sinks:
            self._sinks.pop(topic, None)

    def publish(self, topic: str, payload: bytes) -> None:
        for sink in tuple(self._sinks.get(topic, ())):
            sink(topic, payload)

    def serve(self, service: str, responder: Responder) -> None:
        earlier = self._responders.get(service)
        self._responders[service] = responder
        if earlier is not None and earlier is not responder:
            earlier.displaced()

    def withdraw(self, service: str, responder: Responder) -> None:
        if self._responders.get(service) is responder:
            del self._responders[service]

    def responder(self, service: str) -> Responder:
        """Raises :class:`NoResponder`."""
        try:
            return self._responders[service]
        except KeyError:
            raise NoResponder(f"nobody serves {service}") from None


class LocalBus:
    """The bus for the process that holds the hub."""

    def __init__(self) -> None:
        self.hub = Hub()
        self._pending = PendingRequests()
        self._inboxes: set[Inbox] = set()
        self._services: set[_LocalService] = set()
        self._closed = False

    async def publish(self, topic: str, payload: bytes) -> None:
        self._check_open()
        check_size(payload)
        self.hub.publish(topic, payload)

    @asynccontextmanager
    async def subscribe(self, *topics: str) -> AsyncIterator[Inbox]:
        self._check_open()
        inbox = Inbox()
        self._inboxes.add(inbox)
        sink = inbox.put
        for topic in topics:
            self.hub.subscribe(topic, sink)
        try:
            yield inbox
        finally:
            self._inboxes.discard(inbox)
            for topic in topics:
                self.hub.unsubscribe(topic, sink)

    async def request(self, service: str, payload: bytes, *, timeout_s: float = 5.0) -> bytes:
        self._check_open()
        check_size(payload)
        responder = self.hub.responder(service)
        number = self._pending.new()
        responder.call(payload, lambda outcome: self._pending.settle(number, outcome))
        return await self._pending.wait(number, timeout_s)

    async def serve(self, service: str, handler: Handler) -> _LocalService:
        self._check_open()
        served = _LocalService(self, service, handler)
        self._services.add(served)
        self.hub.serve(service, served)
        return served

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        for service in tuple(self._services):
            self.hub.withdraw(service.name, service)
        self._pending.settle_all(BusClosed("the bus is closed"))
        for inbox in self._inboxes:
            inbox.close()
        for service in tuple(self._services):
            await service.aclose()

    def _check_open(self) -> None:
        if self._closed:
            raise BusClosed("the bus is closed")


class _LocalService:
    def __init__(self, bus: LocalBus, name: str, handler: Handler) -> None:
        self.name = name
        self._bus = bus
        self._pool = HandlerPool(name, handler)

    def call(self, payload: bytes, done: Done) -> None:
        self._pool.call(payload, done)

    def displaced(self) -> None:
        self._bus._services.discard(self)

    async def aclose(self) -> None:
        self._bus.hub.withdraw(self.name, self)
        self._bus._services.discard(self)
        await self._pool.aclose()
