"""The hashes of a segment while it is written: of each chunk, and of the file that they make.

Compiled code does both at a time (``native/chain.c``) on a processor with SHA instructions; elsewhere ``hashlib`` does
one after the other.  Both answer the same.  Compiled code also writes what it hashed, of several files in one call
(:func:`spool_together`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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


class _Laid:
    """Chunks as compiled code wants them; what it is given lives as long as this."""

    def __init__(self, ffi: Any, chunks: Sequence[Unhashed]) -> None:
        records: list[Any] = [ffi.from_buffer("uint8_t[]", records) for _, records in chunks]
        self._records = records
        self._digests = bytearray(len(chunks) * HASH_BYTES)
        #: Heads, records, the records' sizes, and where the hashes go.
        self.arguments = (
            b"".join([head for head, _ in chunks]),
            ffi.new("uint8_t *[]", records),
            ffi.new("int64_t[]", [len(records) for _, records in chunks]),
            ffi.from_buffer("uint8_t[]", self._digests),
        )

    def digests(self) -> list[bytes]:
        made = bytes(self._digests)
        return [made[at : at + HASH_BYTES] for at in range(0, len(made), HASH_BYTES)]


class CompiledHash:
    def __init__(self, library: Library) -> None:
        self.library = library
        self._lib, self._ffi = library.lib, library.ffi
        self.state = self._ffi.new("struct rec_sha *")
        self._lib.rec_sha_begin(self.state)

    def add(self, data: bytes) -> None:
        self._lib.rec_sha_add(self.state, data, len(data))

    def chain(self, chunks: Sequence[Unhashed]) -> list[bytes]:
        laid = _Laid(self._ffi, chunks)
        self._lib.rec_chain(self.state, len(chunks), HEAD_BYTES, *laid.arguments)
        return laid.digests()

    def digest(self) -> bytes:
        digest = bytearray(HASH_BYTES)
        self._lib.rec_sha_end(self.state, self._ffi.from_buffer("uint8_t[]", digest))
        return bytes(digest)


@dataclass(slots=True)
class Addition:
    """Chunks that a file is to grow by, ``at`` its end; when that was tried, their ``digests``, and an errno or 0."""

    hash: CompiledHash
    file: int
    at: int
    chunks: list[Unhashed]
    digests: list[bytes] = field(default_factory=list)
    error: int = 0


def spool_together(additions: Sequence[Addition]) -> None:
    """Chain, write and fsync the chunks of several files, in one call that does not hold the interpreter."""
    library = additions[0].hash.library
    ffi = library.ffi
    chunks = [chunk for addition in additions for chunk in addition.chunks]
    laid = _Laid(ffi, chunks)
    files = ffi.new("struct rec_spooled[]", len(additions))
    first = 0
    for one, addition in zip(files, additions, strict=True):
        one.segment, one.file, one.at = addition.hash.state, addition.file, addition.at
        one.first, one.count = first, len(addition.chunks)
        first += len(addition.chunks)
    library.lib.rec_spool(files, len(additions), HEAD_BYTES, *laid.arguments)
    digests = laid.digests()
    for one, addition in zip(files, additions, strict=True):
        addition.digests = digests[one.first : one.first + one.count]
        addition.error = one.error


def fastest() -> Callable[[], SegmentHash]:
    """What this machine hashes best with."""
    library = able()
    if library is None:
        return PlainHash
    return lambda: CompiledHash(library)
