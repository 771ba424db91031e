"""Storing bytes from memory in a directory under a new name, read back from the disk and compared with that memory."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import cffi  # type: ignore[import-untyped]

from .blocks import read_pieces, write_blocks, write_some

#: What is written is read back in pieces that stay in the processor's cache, bytes.
PIECE_BYTES = 512 * 1024

_FFI = cffi.FFI()
_FFI.cdef("int memcmp(const void *, const void *, size_t);")
_C = _FFI.dlopen(None)


class Different(Exception):
    """What was read back is not what was written."""


def copy_new(target: Path, data: memoryview) -> bool:
    """Give ``target`` these bytes, whole or not at all; not so if there is such a file: answers whether it was made.

    Past the page cache if ``data`` begins at a page of memory and the file system can do it.  Raises
    :class:`Different` and :class:`OSError`.
    """
    # The directory's own listing passes over names with a number after this sign (of object_store's LocalFileSystem).
    draft = target.with_name(f"{target.name}#{os.getpid()}")
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    try:
        at = write_blocks(descriptor, data, 0)
        while at < len(data):
            at += write_some(descriptor, data[at:], at)
        os.fsync(descriptor)
        _compare(descriptor, data)
        os.link(draft, target)
    except FileExistsError:
        return False
    finally:
        os.close(descriptor)
        with contextlib.suppress(OSError):
            draft.unlink()
    return True


def _compare(descriptor: int, data: memoryview) -> None:
    at = 0
    with _FFI.from_buffer(data) as given:
        for piece in read_pieces(descriptor, PIECE_BYTES):
            size = len(piece)
            if size > len(data) - at or _C.memcmp(_FFI.from_buffer(piece), given + at, size):
                raise Different
            at += size
    if at != len(data):
        raise Different
