"""What a dead writer left behind: the torn tail of its open segment is set apart, and the segment is closed.

The torn bytes are kept: they go, as they were found, into a last chunk of the recording's own track, so that nothing
that reached the disk is lost and the file says by itself what happened to it.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from .chain import ChainState, WriterChain
from .format import (
    CHUNK_LIMIT_BYTES,
    CHUNK_OVERHEAD_BYTES,
    RECORDING_TRACK,
    FormatError,
    RecordKind,
    SegmentHeader,
    pack_chunk,
    pack_header,
    pack_note,
    pack_record,
    read_chunk,
    read_header,
)
from .spool import CLOSED_SUFFIX, OPEN_SUFFIX, sync_folder

#: Most of a torn tail that fits into one chunk; a longer one takes several.
_TORN_PART_BYTES = CHUNK_LIMIT_BYTES - CHUNK_OVERHEAD_BYTES - 4096


@dataclass(frozen=True, slots=True)
class Recovered:
    """A recovered segment.  ``torn_bytes`` could not be read as whole chunks and were set apart."""

    path: Path
    torn_bytes: int


def mend(data: bytes, chain: WriterChain, wall_ns: int) -> tuple[bytes, int]:
    """The closed form of a segment that its writer could not close, and the number of torn bytes.

    ``chain`` is where the writer's chains stood after the segment before.  If not even the header is whole, one is
    written in its place and all bytes count as torn.
    """
    try:
        _, at = read_header(data)
        whole = b""
    except FormatError:
        at = 0
        whole = pack_header(
            SegmentHeader(
                recording_id=chain.recording_id,
                writer=chain.writer,
                segment=chain.next_segment,
                wall_us=wall_ns // 1000,
                mono_us=0,
                previous_sha256=chain.previous.hex(),
                software="recovered",
            )
        )
    own = chain.tracks.get(RECORDING_TRACK, ChainState())
    index, head, last_mono_ns, last_wall_ns = own.chunks, own.head, 0, wall_ns
    readable = bool(at)
    while readable and at < len(data):
        try:
            chunk = read_chunk(data, at)
        except FormatError:
            break
        at += chunk.length
        last_mono_ns, last_wall_ns = chunk.last_mono_ns, chunk.last_wall_ns
        if chunk.track == RECORDING_TRACK:
            index, head = chunk.index + 1, chunk.sha256
    whole, torn = whole + data[:at], data[at:]
    mended = [whole]
    parts = [torn[start : start + _TORN_PART_BYTES] for start in range(0, len(torn), _TORN_PART_BYTES)]
    for number, part in enumerate(parts or [b""], start=1):
        records, count = bytearray(), 0
        if part:
            records += pack_record(RecordKind.TORN, last_mono_ns, part)
            count += 1
        if number >= len(parts):
            records += pack_note(
                last_mono_ns,
                "recovered",
                recoveredWallUs=wall_ns // 1000,
                tornBytes=len(torn),
                tornSha256=hashlib.sha256(torn).hexdigest(),
            )
            count += 1
        bytes_, head = pack_chunk(
            RECORDING_TRACK, index, head, records, count, (last_mono_ns, last_mono_ns), (last_wall_ns, last_wall_ns)
        )
        mended.append(bytes_)
        index += 1
    return b"".join(mended), len(torn)


def recover(folder: Path, chain: WriterChain) -> list[Recovered]:
    """Close what a dead writer left open in its folder.  The caller holds the folder's lock.  Raises :class:`OSError`.

    May be killed and repeated at any point.
    """
    done: list[Recovered] = []
    for path in sorted(folder.glob(f"*{OPEN_SUFFIX}")):
        closed = path.with_name(path.name.removesuffix(OPEN_SUFFIX) + CLOSED_SUFFIX)
        if closed.exists():  # killed between naming the closed file and removing the open one
            path.unlink()
            sync_folder(folder)
            continue
        data = path.read_bytes()
        if not data:
            path.unlink()
            continue
        mended = mend(data, chain, time.time_ns())
        draft = path.with_name(path.name + ".mended")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(mended[0])
            file.flush()
            os.fsync(file.fileno())
        os.rename(draft, closed)
        path.unlink()
        sync_folder(folder)
        done.append(Recovered(closed, mended[1]))
    return done
