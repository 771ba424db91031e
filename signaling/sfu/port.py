"""The worker's one port: UDP on each listening address, and ICE-TCP passive on the same number.

Datagrams are sorted here: a known address goes straight to its transport; from an unknown one only a STUN request that
names one of our fragments is looked at.  Everything else is dropped and counted, whoever sent it.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import socket
from typing import Any, Protocol, cast

from . import mmsg, stun
from .clock import NS_PER_MS, Clock
from .fastpath import FastPath, Ingress, Outbox
from .framing import Deframer, frame
from .native.path import NativeSocket

logger = logging.getLogger(__name__)

#: Datagrams read from one socket before other work of the loop gets its turn.
BATCH_DATAGRAMS = 256
MAX_DATAGRAM_BYTES = 2048
#: A socket that was never found empty for so long holds more than this worker can carry.
BEHIND_MS = 60
SOCKET_BUFFER_BYTES = 4 * 1024 * 1024
#: Open TCP connections at once, those of one address that have not proved themselves, and how long one may stay so.
MAX_TCP_CONNECTIONS = 512
MAX_UNPROVEN_PER_ADDRESS = 16
TCP_PROOF_S = 10.0
#: What may wait in a TCP connection's buffer before packets are dropped, about a second of video.
MAX_TCP_BACKLOG_BYTES = 256 * 1024
#: Tries to find a port that is free on all listening addresses, UDP and TCP.
BIND_TRIES = 20
#: More addresses of one computer than these are served by the wildcard alone.
MAX_OWN_ADDRESSES = 32
#: How a system without IPv6 refuses its wildcard address.
NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)

Address = tuple[Any, ...]


class Path(Protocol):
    """A way to one address of a peer."""

    def __hash__(self) -> int: ...

    def send(self, datagram: bytes | memoryview) -> bool:
        """Hand over one datagram; ``False`` if there was no room for it."""


class Receiver(Protocol):
    """A transport, as the port sees it."""

    ingress: Ingress | None
    report_due: bool

    def report(self, now_ns: int) -> None:
        """Send the reports that are due."""

    def on_stun(self, request: stun.BindingRequest, path: Path, source: Address, now_ns: int) -> None: ...

    def on_datagram(self, datagram: bytes, now_ns: int) -> None:
        """A datagram that is not STUN, from a proven path."""

    def on_protected(self, pointer: Any, view: memoryview, at: int, size: int, now_ns: int) -> None:
        """An SRTP or SRTCP packet in the port's own memory, from a proven path."""

    def on_plain(self, packet: bytes, now_ns: int) -> None:
        """An RTP packet, already decrypted, from a proven path."""

    def on_taken(self, ssrc: int, now_ns: int) -> None:
        """The hot path has taken a packet of this stream, but not all who receive it are its own."""

    def on_path_closed(self, path: Path) -> None: ...


class UdpPath:
    """``outbox`` is there if the socket sends in batches."""

    __slots__ = ("_sendto", "address", "name", "outbox", "socket")

    def __init__(self, sock: socket.socket, address: Address, outbox: Outbox | None) -> None:
        self.socket = sock
        self._sendto = sock.sendto
        self.address = address
        self.outbox = outbox
        self.name = mmsg.Name(mmsg.pack_name(sock.family, address))

    def send(self, datagram: bytes | memoryview) -> bool:
        try:
            self._sendto(datagram, self.address)
        except OSError:  # no room, or the network is unreachable now: the same as a loss
            return False
        return True


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


class UdpSocket:
    """One bound socket, read in batches."""

    def __init__(self, port: Port, host: str, number: int, clock: Clock, *, shared: bool = False) -> None:
        self._port = port
        self._clock = clock
        self.family = family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.wildcard = ipaddress.ip_address(host).is_unspecified
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            if family == socket.AF_INET6:
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                self._socket.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER_BYTES)
            self._socket.setblocking(False)
            self.share(on=shared)
            self._socket.bind((host, number))
        except OSError:
            self._socket.close()
            raise
        self.number: int = self._socket.getsockname()[1]
        self.routes: dict[bytes, tuple[Receiver, UdpPath]] = {}
        """By the peer's name as the kernel writes it."""
        self.behind_since_ns: int | None = None
        """Since when there is always more to read; ``None`` while it was empty at last."""
        self._loop = asyncio.get_running_loop()
        self._fast = port.fast
        self._outbox: Outbox | None = None
        if self._fast is not None:
            self._outbox = self._fast.open(self._socket)
            if isinstance(self._outbox, NativeSocket):
                self._loop.add_reader(self._socket, self._readable_native, self._fast, self._outbox)
            else:
                self._incoming = mmsg.Incoming(family)
                self._loop.add_reader(self._socket, self._readable_batch, self._fast)
        else:
            self._loop.add_reader(self._socket, self._readable)

    @property
    def unsent(self) -> int:
        return self._outbox.dropped if self._outbox is not None else 0

    @property
    def forged(self) -> int:
        return self._outbox.forged if self._outbox is not None else 0

    def share(self, *, on: bool) -> None:
        """Whether another socket may be bound to this number for an address of its own (socket(7), SO_REUSEADDR)."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(on))

    def owns(self, path: UdpPath) -> bool:
        return path.socket is self._socket

    def prove(self, path: UdpPath, receiver: Receiver) -> None:
        self.routes[path.name.raw] = (receiver, path)
        if isinstance(self._outbox, NativeSocket):
            self._outbox.bind(path.name.raw, receiver.ingress)

    def forget(self, path: UdpPath) -> None:
        del self.routes[path.name.raw]
        if isinstance(self._outbox, NativeSocket):
            self._outbox.bind(path.name.raw, None)

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._socket.close()
        if self._fast is not None and self._outbox is not None:
            self._fast.close(self._outbox)
        self.routes.clear()

    def _readable_batch(self, fast: FastPath) -> None:
        """Read and forward in batches, until nothing is left or others of the loop should have their turn."""
        incoming, file = self._incoming, self._socket.fileno()
        fast.batching = True
        try:
            for _ in range(BATCH_DATAGRAMS // mmsg.RECEIVE_MESSAGES):
                count = incoming.receive(file)
                now_ns = self._clock.mono_ns()
                for i in range(count):
                    try:
                        self._take_slot(incoming, i, now_ns)
                    except Exception:  # one peer's packet must never end the service of all others
                        self._port.dropped += 1
                        self._port.failed("a datagram was dropped")
                fast.flush()
                if 0 <= count < mmsg.RECEIVE_MESSAGES:
                    self.behind_since_ns = None
                    return
            self._is_behind()
        except Exception:
            self._port.failed("a batch was dropped")
        finally:
            fast.batching = False

    def _readable_native(self, fast: FastPath, native: NativeSocket) -> None:
        """The same where compiled code takes all that is in order, and hands over the rest one by one."""
        fast.batching = True
        try:
            for _ in range(BATCH_DATAGRAMS // native.slots):
                now_ns = self._clock.mono_ns()
                at = native.turn(now_ns)
                count = native.count
                if at < count:
                    self._take_rest(native, at, now_ns)
                    fast.flush()
                if 0 <= count < native.slots:
                    self.behind_since_ns = None
                    return
            self._is_behind()
        except Exception:
            self._port.failed("a batch was dropped")
        finally:
            fast.batching = False

    def _take_rest(self, native: NativeSocket, at: int, now_ns: int) -> None:
        """Of a batch, from a datagram on that is to be looked at."""
        while at < native.count:
            try:
                self._take_odd(native, at, now_ns)
            except Exception:  # one peer's packet must never end the service of all others
                self._port.dropped += 1
                self._port.failed("a datagram was dropped")
            at = native.go_on(at + 1, now_ns)

    def _take_odd(self, native: NativeSocket, i: int, now_ns: int) -> None:
        name = native.peer(i)
        odd = native.odd
        if odd == native.DATAGRAM:
            self._take_slot(native, i, now_ns)
            return
        route = self.routes.get(name)
        if route is None:
            self._port.dropped += 1
        elif odd == native.PLAIN:
            route[0].on_plain(native.plain(i), now_ns)
        else:
            route[0].on_taken(native.ssrc(i), now_ns)

    def _take_slot(self, incoming: mmsg.Incoming | NativeSocket, i: int, now_ns: int) -> None:
        size = incoming.size(i)
        if not size:
            self._port.dropped += 1
            return
        at = i * mmsg.RECEIVE_BYTES
        view = incoming.view
        first = view[at]
        name = incoming.peer(i)
        route = self.routes.get(name)
        if 127 < first < 192:
            if route is not None:
                route[0].on_protected(incoming.pointers[i], view, at, size, now_ns)
            else:
                self._port.dropped += 1
        else:
            self._take(bytes(view[at : at + size]), name, route, now_ns)

    def _readable(self) -> None:
        recvfrom = self._socket.recvfrom
        for _ in range(BATCH_DATAGRAMS):
            try:
                datagram, address = recvfrom(MAX_DATAGRAM_BYTES)
            except BlockingIOError:
                self.behind_since_ns = None
                return
            except OSError:  # an ICMP error of an earlier send
                continue
            try:
                name = mmsg.pack_name(self._socket.family, address)
                self._take(datagram, name, self.routes.get(name), self._clock.mono_ns())
            except Exception:
                self._port.dropped += 1
                self._port.failed("a datagram was dropped")
        self._is_behind()

    def _is_behind(self) -> None:
        """Others of the loop have their turn, though there is more to read."""
        if self.behind_since_ns is None:
            self.behind_since_ns = self._clock.mono_ns()

    def _take(self, datagram: bytes, name: bytes, route: tuple[Receiver, UdpPath] | None, now_ns: int) -> None:
        if not datagram:
            self._port.dropped += 1
        elif datagram[0] > 3 and route is not None:
            route[0].on_datagram(datagram, now_ns)
        elif datagram[0] < 4 and name[2:4] != b"\0\0":
            path = route[1] if route is not None else UdpPath(self._socket, mmsg.unpack_name(name), self._outbox)
            self._port.on_unproven(datagram, path, path.address[:2], now_ns)
        else:
            self._port.dropped += 1


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
