"""One UDP socket of the port: read in batches, each datagram given to the transport that has proven its address."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import TYPE_CHECKING

from . import mmsg
from .clock import Clock
from .fastpath import FastPath, Outbox
from .native.path import NativeSocket
from .receiver import Address, Receiver

if TYPE_CHECKING:
    from .port import Port

#: Datagrams read from one socket before other work of the loop gets its turn.
BATCH_DATAGRAMS = 256
MAX_DATAGRAM_BYTES = 2048
SOCKET_BUFFER_BYTES = 4 * 1024 * 1024


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
