"""A stored segment of which some chunks are left out, as a copy for others has it (docs/record-format.md §9).

Pure, and shared by who makes such a copy and who checks it.  Of what is left out it has no more than the roots of full
subtrees of the segment's Merkle tree: neither track, time nor size of a chunk, and seldom the hash of a single one.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from .format import (
    CHUNK_MAGIC,
    HASH_BYTES,
    Chunk,
    FormatError,
    SegmentHeader,
    read_chunk,
    read_chunks,
    read_header,
)
from .merkle import Frontier, leaf_hash

#: First bytes of the file; the last one is the version of the format.
MAGIC: Final = b"\x89HRED\r\n\x01"
ABSENT_MAGIC: Final = b"GONE"
SEGMENT_SUFFIX, REDACTED_SUFFIX = ".hrec", ".redacted"
#: magic, level, root of the subtree of 2^level leaves
_ABSENT = struct.Struct(">4sB32s")
#: More than a segment ever has.
LEAVES_LIMIT: Final = 1 << 24
_LEVEL_LIMIT: Final = 24

#: First leaf and number of leaves that are not there; leaf n is the n-th chunk of the segment, 0 its header.
Runs = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class ReadRedacted:
    """What such a file says by itself, whole up to ``error``, if there is one.  ``chunks`` are those that are there,
    ``absent`` those that are not; ``tree`` is the root over all of them."""

    size: int
    header: SegmentHeader | None
    chunks: list[Chunk]
    absent: Runs
    tree: bytes
    error: FormatError | None


def redacted_name(name: str) -> str:
    """What a segment is called where chunks of it are left out."""
    return name.removesuffix(SEGMENT_SUFFIX) + REDACTED_SUFFIX


def runs_of(leaves: Collection[int]) -> Runs:
    runs: Runs = []
    for leaf in sorted(leaves):
        if runs and sum(runs[-1]) == leaf:
            runs[-1] = runs[-1][0], runs[-1][1] + 1
        else:
            runs.append((leaf, 1))
    return runs


def redact(data: bytes | memoryview, absent: Runs) -> bytes:
    """The file of a whole segment without these leaves.  Raises :class:`recording.format.FormatError`."""
    view = memoryview(data)
    _, begin = read_header(view)
    chunks = list(read_chunks(view, begin))
    parts: list[bytes | memoryview] = [MAGIC, view[:begin]]
    at = 1
    for first, count in [*absent, (len(chunks) + 1, 0)]:
        parts += [view[chunk.offset : chunk.offset + chunk.length] for chunk in chunks[at - 1 : first - 1]]
        at, end = first, first + count
        while at < end:
            level = min((at & -at).bit_length(), (end - at).bit_length()) - 1
            subtree = Frontier()
            for chunk in chunks[at - 1 : at - 1 + (1 << level)]:
                subtree.append(leaf_hash(chunk.sha256))
            parts.append(_ABSENT.pack(ABSENT_MAGIC, level, subtree.root()))
            at += 1 << level
    return b"".join(parts)


def read_redacted(data: bytes | memoryview) -> ReadRedacted:
    """Check every hash in such a file.  Never raises."""
    view, tree = memoryview(data), Frontier()
    header, chunks, absent, error = None, list[Chunk](), Runs(), None
    try:
        header, at = _read_header(view)
        tree.append(leaf_hash(bytes(view[at - HASH_BYTES : at])))
        while at < len(view):
            if bytes(view[at : at + len(CHUNK_MAGIC)]) == CHUNK_MAGIC:
                chunks.append(read_chunk(view, at))
                tree.append(leaf_hash(chunks[-1].sha256))
                at += chunks[-1].length
            else:
                level, root = _read_absent(view, at, tree.size)
                if absent and sum(absent[-1]) == tree.size:
                    absent[-1] = absent[-1][0], absent[-1][1] + (1 << level)
                else:
                    absent.append((tree.size, 1 << level))
                tree.append(root, level)
                at += _ABSENT.size
    except FormatError as wrong:
        error = wrong.with_traceback(None)
    return ReadRedacted(len(view), header, chunks, absent, tree.root(), error)


def _read_header(view: memoryview) -> tuple[SegmentHeader, int]:
    if bytes(view[: len(MAGIC)]) != MAGIC:
        raise FormatError("magic" if len(view) >= len(MAGIC) else "truncated", 0)
    try:
        header, end = read_header(view[len(MAGIC) :])
    except FormatError as error:
        raise FormatError(error.code, len(MAGIC) + error.offset) from error
    return header, len(MAGIC) + end


def _read_absent(view: memoryview, at: int, leaves: int) -> tuple[int, bytes]:
    """Level and root of a subtree, which can begin after so many leaves."""
    if len(view) - at < _ABSENT.size:
        raise FormatError("truncated", at)
    magic, level, root = _ABSENT.unpack_from(view, at)
    if magic != ABSENT_MAGIC:
        raise FormatError("chunk-magic", at)
    if level > _LEVEL_LIMIT or leaves & ((1 << level) - 1) or leaves + (1 << level) > LEAVES_LIMIT:
        raise FormatError("absent-level", at)
    return level, root
