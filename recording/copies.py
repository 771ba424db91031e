"""Storing bytes from memory in a directory under a new name, read back and compared with that memory."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

#: What is written is read back in pieces that stay in the processor's cache, bytes.
PIECE_BYTES = 256 * 1024


class Different(Exception):
    """What was read back is not what was written."""


def copy_new(target: Path, data: memoryview) -> bool:
    """Give ``target`` these bytes, whole or not at all; not so if there is such a file: answers whether it was made.

    Raises :class:`Different` and :class:`OSError`.
    """
    # The directory's own listing passes over names with a number after this sign (of object_store's LocalFileSystem).
    draft = target.with_name(f"{target.name}#{os.getpid()}")
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    try:
        left = data
        while left:
            left = left[os.write(descriptor, left) :]
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
    piece, at = bytearray(PIECE_BYTES), 0
    while got := os.preadv(descriptor, [piece], at):
        if got < len(piece):
            del piece[got:]
        if piece != data[at : at + got]:  # by memcmp, as a bytearray is on the left
            raise Different
        at += got
        if got < PIECE_BYTES:
            piece += bytes(PIECE_BYTES - got)
    if at != len(data):
        raise Different
