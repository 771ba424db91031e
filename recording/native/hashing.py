"""SHA-256 by compiled code where the processor has instructions for it: two messages at the price of one.

Elsewhere :mod:`hashlib` does it; both give the same, which is tested.
"""

from __future__ import annotations

import functools
import hashlib
import os
from typing import Any

from .library import Library, Unavailable, find

#: Bytes of a hash.
DIGEST_BYTES = 32


@functools.cache
def able() -> Library | None:
    """Nothing if it cannot be done here, or is not what hashlib says."""
    try:
        library = find()
    except Unavailable:
        return None
    if not library.lib.rec_sha_usable():
        return None
    sample = os.urandom(1000)
    first, second = Sha256(library), Sha256(library)
    with library.ffi.from_buffer("uint8_t[]", sample) as data:
        update_both(first, (data, 1000), second, (data + 1, 700))
    right = hashlib.sha256(sample).digest(), hashlib.sha256(sample[1:701]).digest()
    return library if (first.digest(), second.digest()) == right else None


class Sha256:
    """As of :mod:`hashlib`."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self.state = library.ffi.new("struct rec_sha *")
        library.lib.rec_sha_begin(self.state)

    def update(self, data: Any) -> None:
        with self._library.ffi.from_buffer("uint8_t[]", data) as at:
            self._library.lib.rec_sha_add(self.state, at, len(data))

    def digest(self) -> bytes:
        ffi = self._library.ffi
        made = ffi.new("uint8_t[]", DIGEST_BYTES)
        self._library.lib.rec_sha_end(self.state, made)
        return bytes(ffi.buffer(made))

    def hexdigest(self) -> str:
        return self.digest().hex()

    @property
    def library(self) -> Library:
        return self._library


def update_both(first: Sha256, first_data: tuple[Any, int], second: Sha256, second_data: tuple[Any, int]) -> None:
    """Each goes on with its own bytes: where they are in memory, and how many."""
    first.library.lib.rec_sha_add_two(first.state, *first_data, second.state, *second_data)


def tree_root(library: Library, hashes: bytes) -> bytes:
    """The root of the tree (:func:`recording.merkle.root`) whose leaves hold these hashes, one after the other."""
    room = library.ffi.new("uint8_t[]", hashes)
    library.lib.rec_sha_tree(room, len(hashes) // DIGEST_BYTES)
    return bytes(library.ffi.buffer(room, DIGEST_BYTES))


class ChunkHashes:
    """The hash of a whole segment and of each chunk in it, in one walk over its bytes: where they are, and how many."""

    def __init__(self, library: Library, data: Any, size: int) -> None:
        self._library = library
        self._segment = Sha256(library)
        self._data = data
        self._size = size
        self._done = 0
        self._made = library.ffi.new("uint8_t[]", DIGEST_BYTES)

    def chunk(self, start: int, end: int) -> bytes:
        """Of the bytes from ``start`` to ``end``; nothing before those of an earlier call can be asked for."""
        self._go_to(start)
        self._library.lib.rec_sha_chunk(self._segment.state, self._data + start, end - start, self._made)
        self._done = end
        return bytes(self._library.ffi.buffer(self._made))

    def digest(self) -> bytes:
        """Of all of the segment."""
        self._go_to(self._size)
        return self._segment.digest()

    def _go_to(self, place: int) -> None:
        self._library.lib.rec_sha_add(self._segment.state, self._data + self._done, place - self._done)
        self._done = place
