"""A WebM writer for VP8 and Opus (Matroska, RFC 9559; EBML, RFC 8794) that grows while a hearing runs.

Clusters are appended as they fill.  The head is written at the end into room that was left for it, with the cues in
front of the media, so that a browser seeks by HTTP ranges after one read.  The same frames give the same bytes.
"""

from __future__ import annotations

import hashlib
import struct
from typing import BinaryIO, NamedTuple, Protocol

#: Room left at the start for everything that is known only at the end, bytes: about 3,000 cues.
HEAD_BYTES = 64 * 1024
#: A cluster is closed at a keyframe, or when it is this long or this large.
CLUSTER_MS = 5_000
CLUSTER_BYTES = 4 * 1024 * 1024
#: Keyframes closer than this share a cluster, ms.
CLUSTER_LEAST_MS = 1_000

VIDEO, AUDIO = 1, 2
#: 2001-01-01 00:00:00 UTC, from which Matroska counts its dates (RFC 9559 §5.1.2.11), ns since 1970.
MILLENNIUM_NS = 978_307_200 * 1_000_000_000
APPLICATION = "hearing recording"
#: What a decoder should be given before a seek target so that it has settled, ns (RFC 7845 §4.6: 80 ms).
_SEEK_PREROLL_NS = 80_000_000

_BLOCK = struct.Struct(">BhB")


class Hash(Protocol):
    """As of :mod:`hashlib`."""

    def update(self, data: bytes | memoryview, /) -> None: ...

    def hexdigest(self) -> str: ...


class _Cue(NamedTuple):
    time_ms: int
    position: int
    tracks: tuple[int, ...]


def _size(value: int) -> bytes:
    """The shortest EBML length of a value."""
    for length in range(1, 9):
        if value < (1 << 7 * length) - 1:
            return (value | 1 << 7 * length).to_bytes(length, "big")
    raise ValueError("too large for EBML")


def _element(identity: int, body: bytes) -> bytes:
    head = identity.to_bytes((identity.bit_length() + 7) // 8, "big")
    return head + _size(len(body)) + body


def _number(identity: int, value: int) -> bytes:
    return _element(identity, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def _text(identity: int, value: str) -> bytes:
    return _element(identity, value.encode())


def _float(identity: int, value: float) -> bytes:
    return _element(identity, struct.pack(">d", value))


def opus_head(channels: int) -> bytes:
    """RFC 7845 §5.1, without pre-skip: a live stream begins anywhere."""
    return b"OpusHead" + struct.pack("<BBHIhB", 1, channels, 0, 48_000, 0, 0)


class WebmWriter:
    """Writes to a file that can seek, opened empty for this.  Blocks come in order of time over both tracks, ms."""

    def __init__(self, file: BinaryIO) -> None:
        self.width = 0
        self.height = 0
        self.channels = 2
        self.used: set[int] = set()
        self._file = file
        self._blocks: list[bytes] = []
        self._blocks_size = 0
        self._cluster_ms: int | None = None
        self._cluster_tracks: set[int] = set()
        self._cues: list[_Cue] = []
        self._end_ms = 0
        #: SHA-256 of what follows the head, while it grows; of all of it, the head last, when it is finished.
        self.hash: Hash = hashlib.sha256()
        file.write(bytes(HEAD_BYTES))

    def write(self, track: int, time_ms: int, data: bytes | memoryview, key: bool) -> bool:
        """One frame, which is always taken.  ``key``: a decoder can begin here (always so for sound)."""
        started = self._cluster_ms
        if started is not None:
            age = time_ms - started
            opens = key and track == VIDEO and (age >= CLUSTER_LEAST_MS or VIDEO not in self._cluster_tracks)
            if opens or age >= CLUSTER_MS or self._blocks_size >= CLUSTER_BYTES:
                self._flush()
        if self._cluster_ms is None:
            self._cluster_ms = time_ms
            # Where a video cluster does not begin with a keyframe, only the sound can be sought to.
            self._cluster_tracks = {track} if key else set()
        elif track == AUDIO:
            self._cluster_tracks.add(AUDIO)
        relative = time_ms - self._cluster_ms
        body = _BLOCK.pack(0x80 | track, relative, 0x80 if key else 0)
        self._blocks += (b"\xa3" + _size(len(body) + len(data)) + body, bytes(data))
        self._blocks_size += len(data) + 16
        self._end_ms = max(self._end_ms, time_ms)
        self.used.add(track)
        return True

    def written_by_others(self, cues: list[tuple[int, int, tuple[int, ...]]], used: set[int], end_ms: int) -> None:
        """All clusters are in the file already: their times (ms), positions and tracks; the tracks used; the end."""
        self._cues = [_Cue(*cue) for cue in cues]
        self.used, self._end_ms = used, end_ms

    def finish(self, duration_ms: int, title: str = "", begun_ns: int | None = None) -> None:
        """Write the rest and the head.  The file is not closed.  ``begun_ns``: the wall clock where it begins."""
        self._flush()
        length = self._file.tell()
        head = self._head(length, max(duration_ms, self._end_ms), title, begun_ns)
        self._file.seek(0)
        self._file.write(head)
        self._file.seek(length)
        self.hash.update(head)

    def append(self, clusters: bytes | memoryview, *, hashed: bool = False) -> None:
        """Clusters that are complete; ``hashed``: the hash has them already."""
        self._file.write(clusters)
        if not hashed:
            self.hash.update(clusters)

    def _flush(self) -> None:
        if self._cluster_ms is None:
            return
        body = _number(0xE7, self._cluster_ms) + b"".join(self._blocks)
        self._cues.append(_Cue(self._cluster_ms, self._file.tell(), tuple(sorted(self._cluster_tracks))))
        self.append(_element(0x1F43B675, body))
        self._blocks, self._blocks_size, self._cluster_ms = [], 0, None

    def _head(self, length: int, duration_ms: int, title: str, begun_ns: int | None) -> bytes:
        ebml = _element(
            0x1A45DFA3,
            _number(0x4286, 1)
            + _number(0x42F7, 1)
            + _number(0x42F2, 4)
            + _number(0x42F3, 8)
            + _text(0x4282, "webm")
            + _number(0x4287, 4)
            + _number(0x4285, 2),
        )
        start = len(ebml) + 12
        segment = b"\x18\x53\x80\x67" + (length - start | 1 << 56).to_bytes(8, "big")
        info = _element(
            0x1549A966,
            _number(0x2AD7B1, 1_000_000)
            + _float(0x4489, float(duration_ms))
            + (
                b""
                if begun_ns is None
                else _element(0x4461, (begun_ns - MILLENNIUM_NS).to_bytes(8, "big", signed=True))
            )
            + (_text(0x7BA9, title) if title else b"")
            + _text(0x4D80, APPLICATION)
            + _text(0x5741, APPLICATION),
        )
        tracks = _element(0x1654AE6B, b"".join(self._track(number) for number in sorted(self.used)))
        # The seek head's own length does not depend on the positions, which have a fixed width.
        seek_length = len(self._seek_head(0, 0, 0))
        info_at = seek_length
        tracks_at = info_at + len(info)
        cues_at = tracks_at + len(tracks)
        cues = self._cues_element(start, HEAD_BYTES - start - cues_at - 16)
        head = ebml + segment + self._seek_head(info_at, tracks_at, cues_at) + info + tracks + cues
        void = HEAD_BYTES - len(head) - 9
        return head + b"\xec" + (void | 1 << 56).to_bytes(8, "big") + bytes(void)

    def _seek_head(self, info_at: int, tracks_at: int, cues_at: int) -> bytes:
        seeks = b""
        for identity, at in ((0x1549A966, info_at), (0x1654AE6B, tracks_at), (0x1C53BB6B, cues_at)):
            position = _element(0x53AC, at.to_bytes(4, "big"))
            seeks += _element(0x4DBB, _element(0x53AB, identity.to_bytes(4, "big")) + position)
        return _element(0x114D9B74, seeks)

    def _cues_element(self, start: int, room: int) -> bytes:
        """The cues, thinned evenly until they fit."""
        points = [
            _element(
                0xBB,
                _number(0xB3, cue.time_ms)
                + b"".join(
                    _element(0xB7, _number(0xF7, track) + _number(0xF1, cue.position - start)) for track in cue.tracks
                ),
            )
            for cue in self._cues
            if cue.tracks
        ]
        step = 1
        while sum(map(len, points[::step])) > room - 16:
            step += 1
        return _element(0x1C53BB6B, b"".join(points[::step]))

    def _track(self, number: int) -> bytes:
        common = _number(0xD7, number) + _number(0x73C5, number) + _number(0x9C, 0)
        if number == VIDEO:
            size = _number(0xB0, self.width or 640) + _number(0xBA, self.height or 360)
            return _element(0xAE, common + _number(0x83, 1) + _text(0x86, "V_VP8") + _element(0xE0, size))
        audio = _float(0xB5, 48_000.0) + _number(0x9F, self.channels)
        return _element(
            0xAE,
            common
            + _number(0x83, 2)
            + _text(0x86, "A_OPUS")
            + _element(0x63A2, opus_head(self.channels))
            + _number(0x56AA, 0)
            + _number(0x56BB, _SEEK_PREROLL_NS)
            + _element(0xE1, audio),
        )
