"""Many datagrams in one system call: ``recvmmsg``, ``sendmmsg`` and UDP segmentation offload (Linux, cffi's ABI mode).

Structures are those of 64-bit little-endian Linux, written as rows of machine words; :data:`AVAILABLE` says whether
this system has them, and :func:`segmentation_works` tries the offload (``UDP_SEGMENT``, udp(7)) before it is relied on.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
from array import array
from typing import Any

import cffi  # type: ignore[import-untyped]
from pylibsrtp._binding import ffi as srtp_ffi

_ffi = cffi.FFI()
_ffi.cdef("""
int recvmmsg(int fd, void *messages, unsigned int count, int flags, void *timeout);
int sendmmsg(int fd, void *messages, unsigned int count, int flags);
""")

try:
    _libc = _ffi.dlopen(None)
    AVAILABLE = (
        sys.platform == "linux"
        and sys.byteorder == "little"
        and struct.calcsize("P") == 8
        and hasattr(_libc, "recvmmsg")
        and hasattr(_libc, "sendmmsg")
    )
except OSError:
    AVAILABLE = False

MSG_DONTWAIT = 0x40
SOL_UDP = 17
UDP_SEGMENT = 103
#: struct mmsghdr in words: name, name length, iov, iov count, control, control length, flags, bytes received.
HEADER_WORDS = 8
_NAME_LENGTH, _IOV, _IOV_COUNT, CONTROL, CONTROL_LENGTH, _FLAGS, _RECEIVED = range(1, 8)
#: struct cmsghdr with one 16-bit number: its length, level and type, the number.
_CONTROL_WORDS = 3
_CMSG_BYTES = 18
CMSG_SPACE_BYTES = 24
#: Name of either family.
NAME_BYTES = {socket.AF_INET: 16, socket.AF_INET6: 28}
MAX_NAME_BYTES = 28
#: Datagrams the kernel takes as one.
MAX_SEGMENTS = 64
MAX_MESSAGE_BYTES = 65_000

SEND_MESSAGES = 256
#: Room for what is sent in one call; larger than any one message.
SEND_BYTES = 512 * 1024
RECEIVE_MESSAGES = 64
RECEIVE_BYTES = 2048


def _address(words: Any) -> int:
    return int(_ffi.cast("uintptr_t", _ffi.from_buffer(words)))


def pack_name(family: int, address: tuple[Any, ...]) -> bytes:
    """The ``sockaddr`` of an address as :mod:`socket` writes it."""
    port = int(address[1]).to_bytes(2, "big")
    if family == socket.AF_INET:
        return struct.pack("=H2s4s8x", family, port, socket.inet_pton(family, address[0]))
    flow, scope = (address[2], address[3]) if len(address) == 4 else (0, 0)
    packed = socket.inet_pton(family, address[0].partition("%")[0])
    return struct.pack("=H2sI16sI", family, port, socket.htonl(flow), packed, scope)


def unpack_name(name: bytes) -> tuple[Any, ...]:
    (family,) = struct.unpack_from("=H", name)
    port = int.from_bytes(name[2:4], "big")
    if family == socket.AF_INET:
        return socket.inet_ntop(family, name[4:8]), port
    flow, packed, scope = struct.unpack_from("=I16sI", name, 4)
    text = socket.inet_ntop(socket.AF_INET6, packed)
    return text, port, socket.ntohl(flow), scope


class Name:
    """A ``sockaddr`` that stays in place; ``address`` is where."""

    __slots__ = ("_memory", "address", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._memory = _ffi.new("unsigned char[]", raw.ljust(MAX_NAME_BYTES, b"\0"))
        self.address = int(_ffi.cast("uintptr_t", self._memory))


class Outgoing:
    """Messages gathered for one socket.

    Write a message's bytes at ``pointer(at)`` / ``view[at:]`` with ``at = used``, then :meth:`add` it.
    """

    def __init__(self, family: int) -> None:
        self.count = 0
        self.used = 0
        self.dropped = 0
        self._buffer = srtp_ffi.new("unsigned char[]", SEND_BYTES)
        self.view = memoryview(srtp_ffi.buffer(self._buffer))
        self.base = int(srtp_ffi.cast("uintptr_t", self._buffer))
        self._headers = array("Q", bytes(8 * HEADER_WORDS * SEND_MESSAGES))
        self._iov = array("Q", bytes(8 * 2 * SEND_MESSAGES))
        self._control = array("Q", bytes(8 * _CONTROL_WORDS * SEND_MESSAGES))
        self._control_at = _address(self._control)
        iov_at = _address(self._iov)
        for i in range(SEND_MESSAGES):
            at = i * HEADER_WORDS
            self._headers[at + _NAME_LENGTH] = NAME_BYTES[socket.AddressFamily(family)]
            self._headers[at + _IOV] = iov_at + i * 16
            self._headers[at + _IOV_COUNT] = 1
            self._control[i * _CONTROL_WORDS] = _CMSG_BYTES
            self._control[i * _CONTROL_WORDS + 1] = SOL_UDP | UDP_SEGMENT << 32
        self._segments = array("Q", bytes(8 * SEND_MESSAGES))
        self._headers_pointer = _ffi.from_buffer(self._headers)

    def pointer(self, at: int) -> Any:
        """As libsrtp takes it."""
        return self._buffer + at

    @property
    def full(self) -> bool:
        """One more message might not fit."""
        return self.count >= SEND_MESSAGES or self.used > SEND_BYTES - MAX_MESSAGE_BYTES

    def add(self, name: int, size: int, segment: int = 0) -> None:
        """The ``size`` bytes at ``used`` go to the name; with ``segment`` as datagrams of so many bytes each."""
        i = self.count
        self._iov[2 * i] = self.base + self.used
        self._iov[2 * i + 1] = size
        at = i * HEADER_WORDS
        self._headers[at] = name
        if segment:
            self._control[i * _CONTROL_WORDS + 2] = segment
            self._headers[at + CONTROL] = self._control_at + i * _CONTROL_WORDS * 8
            self._headers[at + CONTROL_LENGTH] = CMSG_SPACE_BYTES
        elif self._segments[i]:
            self._headers[at + CONTROL] = self._headers[at + CONTROL_LENGTH] = 0
        self._segments[i] = segment
        self.count = i + 1
        self.used += size + 7 & ~7

    def send(self, fd: int) -> bool:
        """Send all; ``False`` if the kernel refused a segmented message (it was sent in pieces, do not make more).

        What finds no room, or no way to its address, is dropped: the same as a loss.
        """
        count, at = self.count, 0
        segmentation = True
        self.count = self.used = 0
        while at < count:
            sent = _libc.sendmmsg(fd, self._headers_pointer + at * HEADER_WORDS * 8, count - at, MSG_DONTWAIT)
            if sent > 0:
                at += sent
                continue
            if _ffi.errno in (errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM):
                self.dropped += count - at
                break
            if self._segments[at] and _ffi.errno in (errno.EINVAL, errno.EIO, errno.EMSGSIZE, errno.EOPNOTSUPP):
                segmentation = False
                self._send_pieces(fd, at)
            else:
                self.dropped += 1
            at += 1
        return segmentation

    def _send_pieces(self, fd: int, i: int) -> None:
        at = i * HEADER_WORDS
        segment, left = self._segments[i], self._iov[2 * i + 1]
        self._headers[at + CONTROL] = self._headers[at + CONTROL_LENGTH] = 0
        while left > 0:
            self._iov[2 * i + 1] = min(segment, left)
            if _libc.sendmmsg(fd, self._headers_pointer + at * 8, 1, MSG_DONTWAIT) < 1:
                self.dropped += 1
            self._iov[2 * i] += segment
            left -= segment
        self._segments[i] = 0


class Incoming:
    """Room for one batch of datagrams: after :meth:`receive` number ``i`` is at ``i * RECEIVE_BYTES`` of ``view``."""

    def __init__(self, family: int) -> None:
        self._buffer = srtp_ffi.new("unsigned char[]", RECEIVE_MESSAGES * RECEIVE_BYTES)
        self.view = memoryview(srtp_ffi.buffer(self._buffer))
        self.pointers: list[Any] = [self._buffer + i * RECEIVE_BYTES for i in range(RECEIVE_MESSAGES)]
        self.name_bytes = NAME_BYTES[socket.AddressFamily(family)]
        self._names = _ffi.new("unsigned char[]", RECEIVE_MESSAGES * MAX_NAME_BYTES)
        names_at = int(_ffi.cast("uintptr_t", self._names))
        self._names_view = _ffi.buffer(self._names)
        self._iov = array("Q", bytes(16 * RECEIVE_MESSAGES))
        self._headers = array("Q", bytes(8 * HEADER_WORDS * RECEIVE_MESSAGES))
        base, iov_at = int(srtp_ffi.cast("uintptr_t", self._buffer)), _address(self._iov)
        for i in range(RECEIVE_MESSAGES):
            self._iov[2 * i] = base + i * RECEIVE_BYTES
            self._iov[2 * i + 1] = RECEIVE_BYTES
            at = i * HEADER_WORDS
            self._headers[at] = names_at + i * MAX_NAME_BYTES
            self._headers[at + _NAME_LENGTH] = self.name_bytes
            self._headers[at + _IOV] = iov_at + i * 16
            self._headers[at + _IOV_COUNT] = 1
        self._headers_pointer = _ffi.from_buffer(self._headers)

    def receive(self, fd: int) -> int:
        """Read what is there; how many datagrams, or -1 for the error of an earlier send."""
        received = int(_libc.recvmmsg(fd, self._headers_pointer, RECEIVE_MESSAGES, MSG_DONTWAIT, _ffi.NULL))
        if received < 0:
            return 0 if _ffi.errno in (errno.EAGAIN, errno.EINTR, errno.EBADF) else -1
        return received

    def size(self, i: int) -> int:
        """Bytes of datagram ``i``; a longer one was cut to :data:`RECEIVE_BYTES`."""
        return self._headers[i * HEADER_WORDS + _RECEIVED] & 0xFFFFFFFF

    def peer(self, i: int) -> bytes:
        """The sender's ``sockaddr``."""
        at = i * MAX_NAME_BYTES
        return self._names_view[at : at + self.name_bytes]  # type: ignore[no-any-return]


def segmentation_works() -> bool:
    """Send two datagrams as one over loopback, and see whether both arrive."""
    if not AVAILABLE:
        return False
    try:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as a,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as b,
        ):
            b.bind(("127.0.0.1", 0))
            b.settimeout(0.2)
            a.bind(("127.0.0.1", 0))
            messages = Outgoing(socket.AF_INET)
            messages.view[0:5] = b"first"
            messages.view[5:8] = b"2nd"
            name = Name(pack_name(socket.AF_INET, b.getsockname()))
            messages.add(name.address, 8, 5)
            return messages.send(a.fileno()) and (b.recv(16), b.recv(16)) == (b"first", b"2nd")
    except OSError:
        return False
