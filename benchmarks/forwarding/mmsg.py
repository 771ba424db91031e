"""Many datagrams in one system call: ``recvmmsg`` and ``sendmmsg`` through cffi's ABI mode (Linux)."""

from __future__ import annotations

import errno
from typing import Any

import cffi  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray
from pylibsrtp._binding import ffi as srtp_ffi

_ffi = cffi.FFI()
_ffi.cdef("""
struct iovec { void *iov_base; size_t iov_len; };
struct msghdr {
    void *msg_name; uint32_t msg_namelen; struct iovec *msg_iov; size_t msg_iovlen;
    void *msg_control; size_t msg_controllen; int msg_flags;
};
struct mmsghdr { struct msghdr msg_hdr; unsigned int msg_len; };
int recvmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags, void *timeout);
int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags);
""")
_libc = _ffi.dlopen(None)

MSG_DONTWAIT = 0x40
#: Room for one SCM_TIMESTAMPNS: a header of 16 bytes and two 64-bit numbers.
CONTROL_BYTES = 32
_MMSGHDR_WORDS = 64 // 4
_LENGTH_WORD = 56 // 4
_CONTROL_LENGTH_DOUBLEWORD = 40 // 8


class Slots:
    """A row of buffers with one message header each.

    ``data`` is ``uint8[count, size]``, ``lengths`` ``uint32[count]`` (bytes received), ``stamps`` ``int64[count, 2]``
    (seconds and ns of arrival, where the socket has ``SO_TIMESTAMPNS``).  ``pointers`` are the buffers as libsrtp
    takes them.
    """

    def __init__(self, count: int, size: int, *, stamped: bool = False) -> None:
        self.count = count
        self.size = size
        self._buffer = srtp_ffi.new("unsigned char[]", count * size)
        self._control = _ffi.new("unsigned char[]", count * CONTROL_BYTES)
        self._iov = _ffi.new("struct iovec[]", count)
        self._headers = _ffi.new("struct mmsghdr[]", count)
        base = int(srtp_ffi.cast("uintptr_t", self._buffer))
        control = int(_ffi.cast("uintptr_t", self._control))
        for i in range(count):
            self._iov[i].iov_base = _ffi.cast("void *", base + i * size)
            self._iov[i].iov_len = size
            header = self._headers[i].msg_hdr
            header.msg_iov = self._iov + i
            header.msg_iovlen = 1
            if stamped:
                header.msg_control = _ffi.cast("void *", control + i * CONTROL_BYTES)
                header.msg_controllen = CONTROL_BYTES
        self.view = memoryview(srtp_ffi.buffer(self._buffer))
        self.data: NDArray[np.uint8] = np.frombuffer(self.view, np.uint8).reshape(count, size)
        words = np.frombuffer(_ffi.buffer(self._headers), np.uint32).reshape(count, _MMSGHDR_WORDS)
        self.lengths: NDArray[np.uint32] = words[:, _LENGTH_WORD]
        doublewords = np.frombuffer(_ffi.buffer(self._headers), np.uint64).reshape(count, _MMSGHDR_WORDS // 2)
        self._control_lengths = doublewords[:, _CONTROL_LENGTH_DOUBLEWORD]
        self.stamps: NDArray[np.int64] = np.frombuffer(_ffi.buffer(self._control), np.int64).reshape(count, 4)[:, 2:4]
        self.pointers: list[Any] = [self._buffer + i * size for i in range(count)]
        self._at = [self._headers + i for i in range(count)]
        self._stamped = stamped

    def receive(self, fd: int, at: int, most: int) -> int:
        """Read up to ``most`` datagrams into the slots from ``at`` on; how many there were.  Longer ones are cut."""
        if self._stamped:
            self._control_lengths[at : at + most] = CONTROL_BYTES
        received = int(_libc.recvmmsg(fd, self._at[at], most, MSG_DONTWAIT, _ffi.NULL))
        return max(received, 0)

    def set_length(self, i: int, size: int) -> None:
        """How much of slot ``i`` is to be sent."""
        self._iov[i].iov_len = size

    def send(self, fd: int, count: int) -> int:
        """Send the first ``count`` slots; how many the kernel took."""
        sent = int(_libc.sendmmsg(fd, self._at[0], count, MSG_DONTWAIT))
        if sent < 0 and _ffi.errno not in (errno.EAGAIN, errno.ECONNREFUSED, errno.ENOBUFS):
            raise OSError(_ffi.errno, "sendmmsg")
        return max(sent, 0)
