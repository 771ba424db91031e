"""The hashes of a segment while it is written: of each chunk, and of the file that they make.

Compiled code does both at a time (``native/chain.c``) on a processor with SHA instructions; elsewhere ``hashlib`` does
one after the other.  Both answer the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from .format import HASH_BYTES, HEAD_BYTES
from .native.hashing import able
from .native.library import Library

#: The head of a chunk (:func:`recording.format.pack_head`), and its records.
Unhashed = tuple[bytes, bytes | bytearray]


class SegmentHash(Protocol):
    """SHA-256 of a segment that grows."""

    def add(self, data: bytes) -> None:
        """Bytes that are in no chunk: the segment's header."""

    def chain(self, chunks: Sequence[Unhashed]) -> list[bytes]:
        """The chunks' hashes.  The segment goes on by them: by each head, its records and its hash."""

    def digest(self) -> bytes: ...


class PlainHash:
    def __init__(self) -> None:
        self._segment = hashlib.sha256()

    def add(self, data: bytes) -> None:
        self._segment.update(data)

    def chain(self, chunks: Sequence[Unhashed]) -> list[bytes]:
        digests = []
        for head, records in chunks:
            chunk = hashlib.sha256(head)
            chunk.update(records)
            digest = chunk.digest()
            for part in (head, records, digest):
                self._segment.update(part)
            digests.append(digest)
        return digests

    def digest(self) -> bytes:
        return self._segment.digest()


class CompiledHash:
    def __init__(self, library: Library) -> None:
        self._lib, self._ffi = library.lib, library.ffi
        self._segment = self._ffi.new("struct rec_sha *")
        self._lib.rec_sha_begin(self._segment)

    def add(self, data: bytes) -> None:
        self._lib.rec_sha_add(self._segment, data, len(data))

    def chain(self, chunks: Sequence[Unhashed]) -> list[bytes]:
        ffi, count = self._ffi, len(chunks)
        heads = b"".join([head for head, _ in chunks])
        records: list[Any] = [ffi.from_buffer("uint8_t[]", records) for _, records in chunks]
        sizes = ffi.new("int64_t[]", [len(records) for _, records in chunks])
        digests = bytearray(count * HASH_BYTES)
        self._lib.rec_chain(
            self._segment,
            count,
            HEAD_BYTES,
            heads,
            ffi.new("uint8_t *[]", records),
            sizes,
            ffi.from_buffer("uint8_t[]", digests),
        )
        return [bytes(digests[at : at + HASH_BYTES]) for at in range(0, len(digests), HASH_BYTES)]

    def digest(self) -> bytes:
        digest = bytearray(HASH_BYTES)
        self._lib.rec_sha_end(self._segment, self._ffi.from_buffer("uint8_t[]", digest))
        return bytes(digest)


def fastest() -> Callable[[], SegmentHash]:
    """What this machine hashes best with."""
    library = able()
    if library is None:
        return PlainHash
    return lambda: CompiledHash(library)
