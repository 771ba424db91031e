"""The bus: commands and events between control, media workers and recorders.

Two implementations of one interface: :mod:`signaling.bus.local` (a hub inside the
control process, with child processes attached over a Unix socket) and
:mod:`signaling.bus.redis`.  The bus is never the truth: whoever needs a fact to
survive writes it to the store or the spool, and repeats the message until it is
answered.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

#: Most messages a slow subscriber may leave unread before the oldest are dropped
#: and counted; a subscriber is told by ``Subscription.dropped``.
SUBSCRIPTION_LIMIT_MESSAGES = 4096

#: Bytes that such a subscriber may leave unread.
SUBSCRIPTION_LIMIT_BYTES = 64 * 1024 * 1024

#: Largest message either implementation takes, bytes.  A larger one is refused with :class:`BusError`.
MESSAGE_LIMIT_BYTES = 4 * 1024 * 1024

#: Requests one service may have under way; one more is refused with :class:`BusError`.
CALL_LIMIT = 1024

Handler = Callable[[bytes], Awaitable[bytes]]


class BusError(Exception):
    """The bus could not do what was asked."""


class NoResponder(BusError):
    """Nobody serves that name now."""


class RequestTimeout(BusError):
    """A responder exists, but no answer came in time; the work may have been done.

    Raised before the time is up if the responder is seen to go away with the request in its hands.
    """


class HandlerFailed(BusError):
    """The responder's handler raised; its log says why.  The work may have been done in part."""


class BusClosed(BusError):
    """The connection to the bus is gone; it is made again in the background."""


class Subscription(Protocol):
    """Messages as (topic, payload), oldest first, until the bus is closed.

    ``dropped`` counts those lost to the bound.  What is published while the connection is down is not seen.
    """

    dropped: int

    def __aiter__(self) -> AsyncIterator[tuple[str, bytes]]: ...

    async def __anext__(self) -> tuple[str, bytes]: ...


class Service(Protocol):
    """A name being served; :meth:`aclose` stops it and waits for running handlers."""

    async def aclose(self) -> None: ...


class Bus(Protocol):
    """At-most-once messages and requests, ordered per sender and topic."""

    async def publish(self, topic: str, payload: bytes) -> None:
        """Send to whoever is subscribed now.  Raises :class:`BusClosed`."""

    def subscribe(self, *topics: str) -> AbstractAsyncContextManager[Subscription]:
        """Messages of these topics from the moment the block is entered; subscribed again after a lost connection.

        Entering waits for a connection, and raises :class:`BusClosed` if none comes.
        """

    async def request(self, service: str, payload: bytes, *, timeout_s: float = 5.0) -> bytes:
        """Ask the one process that serves this name.

        Raises :class:`NoResponder` at once if nobody does, :class:`RequestTimeout`, :class:`HandlerFailed` or
        :class:`BusClosed`.
        """
        ...

    async def serve(self, service: str, handler: Handler) -> Service:
        """Answer requests to this name, concurrently, until closed.  A second server of the same name takes over.

        Handlers are begun in the order in which the requests came.  The name is served again after a lost
        connection, unless another took it over.
        """
        ...

    async def aclose(self) -> None:
        """Leave the bus; pending requests raise :class:`BusClosed`."""
