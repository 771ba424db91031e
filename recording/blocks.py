"""Files past the page cache (open(2), ``O_DIRECT``): for what is read or written once.

The disk takes such bytes from where they are.  Through the cache each page is first asked of the system, and that costs
more than all else where no page is at hand; then it is copied into.  Not every file system can do without: callers
go on through the cache there.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
from collections.abc import Iterator
from typing import Any

#: Places, lengths and memory are to be multiples of this, bytes: no disk is known that wants more.
BLOCK_BYTES = 4096

_DIRECT = getattr(os, "O_DIRECT", 0)


def pass_cache(descriptor: int, on: bool) -> bool:
    """Whether reads and writes now go past the cache (``on``), or through it; not everywhere the first can be."""
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | _DIRECT if on else flags & ~_DIRECT)
    except OSError:
        return False
    return bool(_DIRECT)


def write_some(descriptor: int, view: memoryview, at: int) -> int:
    """As pwrite(2) of bytes that are some: a disk that takes none of them, and tells no reason, has failed.

    Raises :class:`OSError`.
    """
    written = os.pwrite(descriptor, view, at)
    if not written:
        raise OSError(errno.EIO, "the disk takes nothing")
    return written


def write_blocks(descriptor: int, data: Any, at: int) -> int:
    """Write the whole blocks of ``data`` to this place of a file.  Answers how many bytes were written: fewer where the
    file system cannot do it.  Raises :class:`OSError`."""
    view, written = memoryview(data), 0
    end = len(view) - len(view) % BLOCK_BYTES
    if not end or not pass_cache(descriptor, True):
        return 0
    try:
        while written < end:
            written += write_some(descriptor, view[written:end], at + written)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        pass_cache(descriptor, False)
    return written


def read_pieces(descriptor: int, piece_bytes: int) -> Iterator[memoryview]:
    """All of a file, from the disk where that can be.  Each piece is there until the next is asked for.

    ``piece_bytes`` is a multiple of :data:`BLOCK_BYTES`.  Raises :class:`OSError`.
    """
    view, at = memoryview(mmap.mmap(-1, piece_bytes)), 0
    past = pass_cache(descriptor, True)
    while True:
        try:
            got = os.preadv(descriptor, [view], at)
        except OSError as error:
            if not past or error.errno != errno.EINVAL:
                raise
            past = False
            pass_cache(descriptor, False)
            continue
        if not got:
            return
        yield view[:got]
        at += got
        if past and at % BLOCK_BYTES:
            past = False
            pass_cache(descriptor, False)
