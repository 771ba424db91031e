"""The worker's one port: UDP on each listening address, and ICE-TCP passive on the same number.

Datagrams are sorted here: a known address goes straight to its transport; from an unknown one only a STUN request that
names one of our fragments is looked at.  Everything else is dropped and counted, whoever sent it.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket

from . import stun
from .clock import NS_PER_MS, Clock
from .fastpath import FastPath
from .receiver import Address, Path, Receiver
from .tcp import TcpConnection
from .udp import UdpPath, UdpSocket

logger = logging.getLogger(__name__)

#: A socket that was never found empty for so long holds more than this worker can carry.
BEHIND_MS = 60
#: Open TCP connections at once, and those of one address that have not proved themselves.
MAX_TCP_CONNECTIONS = 512
MAX_UNPROVEN_PER_ADDRESS = 16
#: Tries to find a port that is free on all listening addresses, UDP and TCP.
BIND_TRIES = 20
#: More addresses of one computer than these are served by the wildcard alone.
MAX_OWN_ADDRESSES = 32
#: How a system without IPv6 refuses its wildcard address.
NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


class Port:
    """``receivers``: transports by user fragment; ``paths``: transports by proven path."""

    def __init__(self, clock: Clock, fast: FastPath | None = None) -> None:
        self.receivers: dict[str, Receiver] = {}
        self.fast = fast
        self.due: dict[Receiver, None] = {}
        """Transports that are to report at the next tick, out of turn."""
        self.number = 0
        self.dropped = 0
        self.overloaded = False
        """More comes than can be taken: repair is given up, since what is missing was lost here, and asking for it,
        or being asked, would take the time of what still comes."""
        self.failures = 0
        self._clock = clock
        self._sockets: list[UdpSocket] = []
        self._servers: list[asyncio.Server] = []
        self.connections: dict[TcpConnection, None] = {}
        """In the order of their coming."""

    async def open(self, listen: tuple[str, ...], number: int, *, tcp: bool, own: tuple[str, ...] = ()) -> None:
        """Bind.  Raises ``OSError`` naming the address if that is not possible."""
        for attempt in range(BIND_TRIES):
            try:
                await self._open_once(listen, number, tcp=tcp)
                self._open_beside(own)
                return
            except OSError as error:
                await self.aclose()
                if number or error.errno != errno.EADDRINUSE or attempt == BIND_TRIES - 1:
                    raise

    async def _open_once(self, listen: tuple[str, ...], number: int, *, tcp: bool) -> None:
        loop = asyncio.get_running_loop()
        for host in listen:
            try:
                sock = UdpSocket(self, host, number, self._clock)
            except OSError as error:
                if host != "::" or len(listen) == 1 or error.errno not in NO_IPV6:
                    raise
                logger.warning("this system has no IPv6; listening without it")
                continue
            self._sockets.append(sock)
            number = sock.number
            if tcp:
                server = await loop.create_server(lambda: TcpConnection(self, self._clock), host, number)
                self._servers.append(server)
        self.number = number

    def _open_beside(self, own: tuple[str, ...]) -> None:
        """Sockets for this computer's addresses beside the wildcard of their family.

        All of the port's sockets are shared while these are bound, and none before or after: nobody else gets in.
        """
        wildcards = {sock.family for sock in self._sockets if sock.wildcard}
        for host in own[:MAX_OWN_ADDRESSES]:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            if family not in wildcards:
                continue
            for sock in self._sockets:
                sock.share(on=True)
            try:
                self._sockets.append(UdpSocket(self, host, self.number, self._clock, shared=True))
            except OSError as error:
                logger.warning("no socket of its own for %s: %s", host, error)
            for sock in self._sockets:
                sock.share(on=False)

    async def aclose(self) -> None:
        for sock in self._sockets:
            sock.close()
        for connection in list(self.connections):
            connection.abort()
        for server in self._servers:
            server.close()
        self._sockets.clear()
        self._servers.clear()

    def path_proven(self, path: Path, receiver: Receiver) -> None:
        """Datagrams of this path go to this transport from now on."""
        if isinstance(path, TcpConnection):
            path.receiver = receiver
        elif isinstance(path, UdpPath):
            for sock in self._sockets:
                if sock.owns(path):
                    sock.prove(path, receiver)

    def path_forgotten(self, path: Path, receiver: Receiver) -> None:
        """This transport has no more use for the path; another may have proven it since."""
        if isinstance(path, TcpConnection):
            if path.receiver is receiver:
                path.receiver = None
                path.abort()
        elif isinstance(path, UdpPath):
            for sock in self._sockets:
                if sock.owns(path) and sock.routes.get(path.name.raw, (None,))[0] is receiver:
                    sock.forget(path)

    @property
    def unsent(self) -> int:
        """What was to be sent and found no room in the kernel's buffers."""
        return sum(sock.unsent for sock in self._sockets)

    @property
    def forged(self) -> int:
        """What the hot path found not to be by its peer's keys."""
        return sum(sock.forged for sock in self._sockets)

    def admit(self, source: Address) -> bool:
        """Whether one more TCP connection fits; the oldest that has not proved itself makes room."""
        unproven = [c for c in self.connections if c.receiver is None]
        if sum(c.source[0] == source[0] for c in unproven) >= MAX_UNPROVEN_PER_ADDRESS:
            return False
        if len(self.connections) >= MAX_TCP_CONNECTIONS:
            if not unproven:
                return False
            self.connections.pop(unproven[0], None)
            unproven[0].abort()
        return True

    def look(self, now_ns: int) -> None:
        """At each tick: see whether the sockets are kept up with."""
        since = [sock.behind_since_ns for sock in self._sockets if sock.behind_since_ns is not None]
        overloaded = bool(since) and now_ns - min(since) > BEHIND_MS * NS_PER_MS
        if overloaded and not self.overloaded:
            logger.warning("more packets come than this worker can carry")
        if overloaded != self.overloaded and self.fast is not None:
            self.fast.overload(overloaded=overloaded)
        self.overloaded = overloaded

    def failed(self, what: str) -> None:
        """Log the exception being handled: the first, second, fourth ..., so that a fault a packet fills no disk."""
        self.failures += 1
        if self.failures & (self.failures - 1) == 0:
            logger.exception("%s (%d so far)", what, self.failures)

    def on_unproven(self, datagram: bytes, path: Path, source: Address, now_ns: int) -> None:
        """A datagram of an address nobody has proven yet, or STUN of any address."""
        request = stun.parse_request(datagram) if stun.is_stun(datagram) else None
        receiver = self.receivers.get(request.username.partition(":")[0]) if request else None
        if request is None or receiver is None:
            self.dropped += 1
            return
        receiver.on_stun(request, path, source, now_ns)
