"""Walks one writer's segments in order and checks every chain: segment to segment, chunk to chunk of each track.

Pure, and shared by the recorder (which lists what it sees) and by verification (which compares it with the manifest).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .format import (
    HASH_BYTES,
    NO_PREDECESSOR,
    RECORDING_TRACK,
    Chunk,
    Digest,
    FormatError,
    RecordKind,
    SegmentHeader,
    read_chunks,
    read_header,
    read_note,
)
from .merkle import leaf_hash, root
from .native.hashing import ChunkHashes, tree_root
from .native.library import Library

#: Of each track of a writer: how many chunks it has, and the hash of the last.
Heads = Mapping[int, tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class Problem:
    """``code`` is stable (docs/record-format.md), ``place`` names the object and the byte, track or chunk."""

    code: str
    place: str


@dataclass(slots=True)
class ChainState:
    """Where a track's chain stands.  ``head`` is empty where the last chunk was left out of this copy and nothing says
    its hash yet."""

    chunks: int = 0
    head: bytes = NO_PREDECESSOR


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment as read.  ``ranges``: per track its first chunk's index and the number of chunks here."""

    name: str
    size: int
    sha256: str
    header: SegmentHeader | None
    chunks: list[Chunk]
    ranges: dict[int, tuple[int, int]]
    problems: list[Problem]
    recovered: bool
    ended: bool


@dataclass(frozen=True, slots=True)
class ReadSegment:
    """What a segment says by itself: whole chunks up to ``error``, if there is one; ``sha256`` of all of it."""

    size: int
    sha256: bytes
    header: SegmentHeader | None
    chunks: list[Chunk]
    error: FormatError | None


def read_segment(data: bytes | memoryview, sha256: str = "", library: Library | None = None) -> ReadSegment:
    """Check every hash in a segment.  Needs nothing of those before it, so that several can be read at a time.

    ``sha256`` of ``data``, in hex, if it is known already; ``library``: compiled code that hashes (:func:`able` of
    :mod:`.native.hashing`), where verification takes none but :mod:`hashlib`.  Never raises.
    """
    if library is None or sha256:
        digest = bytes.fromhex(sha256) if sha256 else hashlib.sha256(data).digest()
        return ReadSegment(len(data), digest, *_read(data))
    with library.ffi.from_buffer("uint8_t[]", data) as at:
        hashes = ChunkHashes(library, at, len(data))
        found = _read(data, hashes.chunk)
        return ReadSegment(len(data), hashes.digest(), *found)


def tree_of(read: ReadSegment, data: bytes | memoryview, library: Library | None = None) -> bytes | None:
    """The root over the hashes of a segment's header and chunks (docs/record-format.md §3); nothing of one that is not
    whole.  ``library`` as of :func:`read_segment`."""
    if read.header is None or read.error is not None:
        return None
    end = read.chunks[0].offset if read.chunks else read.size
    hashes = [bytes(data[end - HASH_BYTES : end]), *(chunk.sha256 for chunk in read.chunks)]
    return tree_root(library, b"".join(hashes)) if library is not None else root([leaf_hash(one) for one in hashes])


def _read(
    data: bytes | memoryview, digest_of: Digest | None = None
) -> tuple[SegmentHeader | None, list[Chunk], FormatError | None]:
    header, chunks = None, list[Chunk]()
    try:
        header, offset = read_header(data)
        for chunk in read_chunks(data, offset, digest_of):
            chunks.append(chunk)
    except FormatError as error:
        return header, chunks, error.with_traceback(None)  # whose frames hold the data
    return header, chunks, None


@dataclass(slots=True)
class WriterChain:
    """The state of one writer's chains after the segments fed so far."""

    recording_id: str
    writer: str
    next_segment: int = 0
    previous: bytes = NO_PREDECESSOR
    tracks: dict[int, ChainState] = field(default_factory=dict)
    #: The last segment fed says that nothing follows it.
    ended: bool = False

    def feed(self, name: str, data: bytes | memoryview, sha256: str = "") -> Segment:
        """Check and take the next segment.  Never raises: what is wrong is listed, and what is whole is kept.

        ``sha256`` of ``data``, in hex, if it is known already.
        """
        return self.take(name, read_segment(data, sha256))

    def take(self, name: str, read: ReadSegment) -> Segment:
        """The same, of a segment that was read already."""
        problems: list[Problem] = []
        header, chunks = read.header, read.chunks
        if header is not None:
            self._check_header(header, name, problems)
        if read.error is not None:
            problems.append(Problem(read.error.code, f"{name} byte {read.error.offset}"))
        ranges = self._check_chunks(name, chunks, problems)
        recovered, closes, self.ended = self._last_notes(chunks)
        if not closes and not problems:
            problems.append(Problem("segment-unfinished", name))
        if header is not None:
            self.next_segment = header.segment + 1
        else:
            self.next_segment += 1
        self.previous = read.sha256
        return Segment(name, read.size, read.sha256.hex(), header, chunks, ranges, problems, recovered, self.ended)

    def skip(
        self, name: str, number: int, sha256: str, ranges: Iterable[tuple[int, int, int]], heads: Heads
    ) -> list[Problem]:
        """Go on after a segment that is left out of this copy, by what the signed manifest says of it.

        ``ranges``: track, index of its first chunk there, number of chunks; ``heads``: the length and the last hash of
        each track as it was signed.
        """
        problems: list[Problem] = []
        if number != self.next_segment:
            problems.append(Problem("segment-missing", f"{name} follows segment {self.next_segment - 1}"))
        for track, first, count in ranges:
            chain = self.tracks.setdefault(track, ChainState())
            if first != chain.chunks:
                problems.append(Problem("chunk-missing", f"{name} track {track} chunk {chain.chunks}"))
            chunks, head = heads.get(track, (0, b""))
            chain.chunks = first + count
            chain.head = head if chain.chunks == chunks else b""
        self.next_segment, self.previous = number + 1, bytes.fromhex(sha256)
        return problems

    def resume(
        self,
        name: str,
        sha256: str,
        ranges: Iterable[tuple[int, int, int]],
        heads: Heads,
        header: SegmentHeader,
        chunks: Iterable[Chunk],
    ) -> list[Problem]:
        """Take the chunks that this copy has of a segment, others of which are left out.

        ``sha256``, ``ranges``, ``heads`` as of :meth:`skip`; ``header`` and ``chunks`` are what is here, in order.
        """
        problems: list[Problem] = []
        self._check_header(header, name, problems)
        here: dict[int, list[Chunk]] = {}
        for chunk in chunks:
            here.setdefault(chunk.track, []).append(chunk)
        for track, first, count in ranges:
            chain = self.tracks.setdefault(track, ChainState())
            own = here.pop(track, [])
            if first != chain.chunks:
                problems.append(Problem("chunk-missing", f"{name} track {track} chunk {chain.chunks}"))
            for chunk in own:
                if not chain.chunks <= chunk.index < first + count:
                    problems.append(Problem("chunk-missing", f"{name} track {track} chunk {chain.chunks}"))
                elif chunk.index == chain.chunks and chain.head and chunk.previous != chain.head:
                    problems.append(Problem("chunk-chain", f"{name} track {track} chunk {chunk.index}"))
                chain.chunks, chain.head = chunk.index + 1, chunk.sha256
            if not own or own[-1].index != first + count - 1:
                chunks_signed, head = heads.get(track, (0, b""))
                chain.chunks = first + count
                chain.head = head if chain.chunks == chunks_signed else b""
        problems += [Problem("chunk-missing", f"{name} track {track}") for track in here]
        self.next_segment, self.previous = header.segment + 1, bytes.fromhex(sha256)
        return problems

    def _check_header(self, header: SegmentHeader, name: str, problems: list[Problem]) -> None:
        if header.recording_id != self.recording_id or header.writer != self.writer:
            problems.append(Problem("segment-foreign", name))
        if header.segment != self.next_segment:
            problems.append(Problem("segment-missing", f"{name} follows segment {self.next_segment - 1}"))
        elif header.previous_sha256 != self.previous.hex():
            problems.append(Problem("segment-chain", name))

    def _check_chunks(self, name: str, chunks: list[Chunk], problems: list[Problem]) -> dict[int, tuple[int, int]]:
        ranges: dict[int, tuple[int, int]] = {}
        for chunk in chunks:
            chain = self.tracks.setdefault(chunk.track, ChainState())
            if chunk.index != chain.chunks:
                problems.append(Problem("chunk-missing", f"{name} track {chunk.track} chunk {chain.chunks}"))
            elif chain.head and chunk.previous != chain.head:
                problems.append(Problem("chunk-chain", f"{name} track {chunk.track} chunk {chunk.index}"))
            chain.chunks, chain.head = chunk.index + 1, chunk.sha256
            first, count = ranges.get(chunk.track, (chunk.index, 0))
            ranges[chunk.track] = first, count + 1
        return ranges

    @staticmethod
    def _last_notes(chunks: list[Chunk]) -> tuple[bool, bool, bool]:
        """Whether the segment was recovered, is closed at all, and is the writer's last."""
        if not chunks or chunks[-1].track != RECORDING_TRACK:
            return False, False, False
        try:
            notes = [read_note(r.data) for r in chunks[-1].records() if r.kind == RecordKind.NOTE]
        except FormatError:
            return False, False, False
        recovered = any(note["note"] == "recovered" for note in notes)
        for note in notes:
            if note["note"] == "segment-end":
                return recovered, True, not note.get("continues", False)
        return recovered, recovered, recovered
