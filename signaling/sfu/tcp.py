"""One TCP connection of the port: a path with RFC 4571 framing."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import TYPE_CHECKING, cast

from .clock import Clock
from .framing import Deframer, frame
from .receiver import Address, Receiver

if TYPE_CHECKING:
    from .port import Port

logger = logging.getLogger(__name__)

#: How long a connection may stay without having proved itself.
TCP_PROOF_S = 10.0
#: What may wait in a connection's buffer before packets are dropped, about a second of video.
MAX_TCP_BACKLOG_BYTES = 256 * 1024


class TcpConnection(asyncio.Protocol):
    """A path over TCP with RFC 4571 framing; the peer connects to us (RFC 6544 passive)."""

    def __init__(self, port: Port, clock: Clock) -> None:
        self._port = port
        self._clock = clock
        self._transport: asyncio.Transport | None = None
        self._deframer = Deframer()
        self.source: Address = ("0.0.0.0", 0)
        self._proof_timer: asyncio.TimerHandle | None = None
        self.receiver: Receiver | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = transport = cast(asyncio.Transport, transport)
        self.source = transport.get_extra_info("peername")[:2]
        if not self._port.admit(self.source):
            transport.abort()
            return
        self._port.connections[self] = None
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._proof_timer = asyncio.get_running_loop().call_later(TCP_PROOF_S, self._unproven)

    def data_received(self, data: bytes) -> None:
        now_ns = self._clock.mono_ns()
        try:
            for datagram in self._deframer.feed(data):
                if datagram and datagram[0] < 4:
                    self._port.on_unproven(datagram, self, self.source, now_ns)
                elif datagram and self.receiver is not None:
                    self.receiver.on_datagram(datagram, now_ns)
                else:
                    self._port.dropped += 1
        except Exception:
            self._port.dropped += 1
            logger.exception("a TCP connection was closed")
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._port.connections.pop(self, None)
        if self._proof_timer is not None:
            self._proof_timer.cancel()
        receiver, self.receiver = self.receiver, None
        if receiver is not None:
            receiver.on_path_closed(self)

    def send(self, datagram: bytes | memoryview) -> bool:
        transport = self._transport
        if transport is None or transport.is_closing() or transport.get_write_buffer_size() > MAX_TCP_BACKLOG_BYTES:
            return False
        transport.write(frame(datagram))
        return True

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _unproven(self) -> None:
        if self.receiver is None:
            self.abort()
