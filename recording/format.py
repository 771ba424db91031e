"""The segment file ``.hrec``: packets as received, in hash-chained chunks (docs/record-format.md).

Pure: bytes in, bytes out.  A file is a header and then chunks; a chunk belongs to one track of its writer (track 0 is
the recording itself) and carries records.  All integers are big-endian.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any

import msgspec

#: First bytes of every segment file; the last one is the version of the format.
MAGIC = b"\x89HREC\r\n\x01"
CHUNK_MAGIC = b"CHNK"
HASH_BYTES = hashlib.sha256().digest_size
#: What a track's first chunk, and a writer's first segment, name as their predecessor.
NO_PREDECESSOR = bytes(HASH_BYTES)

#: Bounds a reader may rely on, bytes.  The writer cuts chunks far below.
HEADER_LIMIT_BYTES = 64 * 1024
CHUNK_LIMIT_BYTES = 16 * 1024 * 1024

#: The track of the recording itself: start, clock, segment end, recovery.
RECORDING_TRACK = 0

_HEADER_LENGTH = struct.Struct(">I")
#: magic, chunk length, track, index, record count, first and last monotonic ns, first and last wall ns, previous hash
_CHUNK = struct.Struct(">4sIIIIQQQQ32s")
#: kind, monotonic ns, length
RECORD = struct.Struct(">BQI")

HEAD_BYTES = _CHUNK.size
CHUNK_OVERHEAD_BYTES = HEAD_BYTES + HASH_BYTES


#: What the archive can make playable (MIME types, lower case).  Any codec can be captured; a court wants to see it too.
PLAYABLE_CODECS = frozenset({"audio/opus", "video/vp8", "video/h264"})


class RecordKind(IntEnum):
    #: JSON: what the track is; the first record of each track but track 0
    TRACK = 0
    #: one RTP packet as received and decrypted
    RTP = 1
    #: one RTCP packet that belongs to the track
    RTCP = 2
    #: JSON object with the key ``note``
    NOTE = 3
    #: bytes of a torn tail, kept as they were found
    TORN = 4


class FormatError(ValueError):
    """These bytes are not what the format says.  ``offset`` is where in the file."""

    def __init__(self, code: str, offset: int) -> None:
        super().__init__(f"{code} at byte {offset}")
        self.code = code
        self.offset = offset


class SegmentHeader(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """``wall_us`` and ``mono_us`` are one reading of both clocks, us; ``previous_sha256`` is of the file before.

    ``about``: whose record it is, for who finds a segment without the rest: ``court``, ``courtZh``, ``caseNumber``,
    ``room``, ``timeZone``; empty in one that a recorder had to put a header to.
    """

    recording_id: str
    writer: str
    segment: int
    wall_us: int
    mono_us: int
    previous_sha256: str
    software: str = ""
    about: dict[str, str] = {}


class TrackHeader(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """Payload of a ``TRACK`` record; the fields are those of :class:`signaling.sfu.capture.TrackInfo`."""

    track_id: str
    peer_id: str
    source: str
    kind: str
    codec: str
    payload_type: int
    clock_rate: int
    channels: int = 0
    attributes: dict[str, str] = {}
    #: Of the RTP header extension that says how loud a packet is (RFC 6464), 0 if there is none.
    level_extension: int = 0


class Record(msgspec.Struct, frozen=True, gc=False):
    kind: int
    mono_ns: int
    data: memoryview


class Chunk(msgspec.Struct, frozen=True, gc=False):
    """One verified chunk.  ``payload`` is a view into the file's bytes."""

    offset: int
    length: int
    track: int
    index: int
    count: int
    first_mono_ns: int
    last_mono_ns: int
    first_wall_ns: int
    last_wall_ns: int
    previous: bytes
    sha256: bytes
    payload: memoryview

    @property
    def payload_at(self) -> int:
        """Where in the file."""
        return self.offset + _CHUNK.size

    def records(self) -> Iterator[Record]:
        """The records in order of arrival.  Raises :class:`FormatError` if they do not fill the payload exactly."""
        payload, at, end = self.payload, 0, len(self.payload)
        unpack, size = RECORD.unpack_from, RECORD.size
        seen = 0
        while at < end:
            if at + size > end:
                raise FormatError("records", self.offset)
            kind, mono_ns, length = unpack(payload, at)
            at += size
            if at + length > end:
                raise FormatError("records", self.offset)
            yield Record(kind, mono_ns, payload[at : at + length])
            at += length
            seen += 1
        if seen != self.count:
            raise FormatError("records", self.offset)


def pack_record(kind: RecordKind, mono_ns: int, data: bytes) -> bytes:
    return RECORD.pack(kind, mono_ns, len(data)) + data


def pack_note(mono_ns: int, note: str, **facts: Any) -> bytes:
    return pack_record(RecordKind.NOTE, mono_ns, msgspec.json.encode({"note": note, **facts}))


def read_note(data: bytes | memoryview) -> dict[str, Any]:
    """A note as an object; one that cannot be read is answered as ``{"note": "unreadable"}``."""
    try:
        note = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {"note": "unreadable"}
    if not isinstance(note, dict) or not isinstance(note.get("note"), str):
        return {"note": "unreadable"}
    return note


def pack_header(header: SegmentHeader) -> bytes:
    body = msgspec.json.encode(header)
    head = MAGIC + _HEADER_LENGTH.pack(len(body)) + body
    return head + hashlib.sha256(head).digest()


def pack_head(
    track: int,
    index: int,
    previous: bytes,
    size: int,
    count: int,
    mono_ns: tuple[int, int],
    wall_ns: tuple[int, int],
) -> bytes:
    """The bytes before a chunk's ``count`` records, which have ``size`` bytes."""
    length = CHUNK_OVERHEAD_BYTES + size
    return _CHUNK.pack(CHUNK_MAGIC, length, track, index, count, *mono_ns, *wall_ns, previous)


def pack_chunk(
    track: int,
    index: int,
    previous: bytes,
    records: bytes | bytearray,
    count: int,
    mono_ns: tuple[int, int],
    wall_ns: tuple[int, int],
) -> tuple[bytes, bytes]:
    """A chunk's bytes and its hash, which the track's next chunk names as ``previous``."""
    body = pack_head(track, index, previous, len(records), count, mono_ns, wall_ns) + records
    digest = hashlib.sha256(body).digest()
    return body + digest, digest


def read_header(data: bytes | memoryview) -> tuple[SegmentHeader, int]:
    """The header and the offset of the first chunk.  Raises :class:`FormatError`."""
    view = memoryview(data)
    if bytes(view[: len(MAGIC)]) != MAGIC:
        raise FormatError("magic" if len(view) >= len(MAGIC) else "truncated", 0)
    at = len(MAGIC)
    if len(view) < at + _HEADER_LENGTH.size:
        raise FormatError("truncated", at)
    (length,) = _HEADER_LENGTH.unpack_from(view, at)
    if length > HEADER_LIMIT_BYTES:
        raise FormatError("header-length", at)
    at += _HEADER_LENGTH.size
    end = at + length
    if len(view) < end + HASH_BYTES:
        raise FormatError("truncated", at)
    if hashlib.sha256(view[:end]).digest() != view[end : end + HASH_BYTES]:
        raise FormatError("header-hash", at)
    try:
        header = msgspec.json.decode(view[at:end], type=SegmentHeader)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FormatError("header-json", at) from error
    return header, end + HASH_BYTES


#: The SHA-256 of the bytes from here to there.
Digest = Callable[[int, int], bytes]


def read_chunk(data: bytes | memoryview, offset: int, digest_of: Digest | None = None) -> Chunk:
    """The chunk at ``offset``, its hash checked.  Raises :class:`FormatError`."""
    view = memoryview(data)
    if len(view) - offset < CHUNK_OVERHEAD_BYTES:
        raise FormatError("truncated", offset)
    magic, length, track, index, count, mono_0, mono_1, wall_0, wall_1, previous = _CHUNK.unpack_from(view, offset)
    if magic != CHUNK_MAGIC:
        raise FormatError("chunk-magic", offset)
    if not CHUNK_OVERHEAD_BYTES <= length <= CHUNK_LIMIT_BYTES:
        raise FormatError("chunk-length", offset)
    if len(view) - offset < length:
        raise FormatError("truncated", offset)
    end = offset + length - HASH_BYTES
    digest = hashlib.sha256(view[offset:end]).digest() if digest_of is None else digest_of(offset, end)
    if digest != view[end : end + HASH_BYTES]:
        raise FormatError("chunk-hash", offset)
    payload = view[offset + _CHUNK.size : end]
    return Chunk(offset, length, track, index, count, mono_0, mono_1, wall_0, wall_1, previous, digest, payload)


def read_chunks(data: bytes | memoryview, offset: int, digest_of: Digest | None = None) -> Iterator[Chunk]:
    """All chunks from ``offset`` to the end of the file.  Raises :class:`FormatError` at the first bad byte."""
    view = memoryview(data)
    while offset < len(view):
        chunk = read_chunk(view, offset, digest_of)
        yield chunk
        offset += chunk.length
