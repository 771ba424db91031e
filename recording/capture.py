"""The sink a media worker is given: packets of a room's tracks go to the spool as received.

Implements the protocols of :mod:`signaling.sfu.capture` by shape.  Every call is made on the event loop's thread and
only appends to memory; twice a second what was gathered is handed to one thread that chains, writes and fsyncs it
(:mod:`recording.spool_thread`).  Nothing here raises into the media path once a recording is open.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from .format import RECORD, RECORDING_TRACK, RecordKind, TrackHeader, pack_note
from .spool import UNNAMED, Batch, PendingChunk, SegmentSeries, check_name
from .spool_thread import SpoolThread

log = logging.getLogger(__name__)

#: What was gathered is handed to disk this often, s: a crash loses at most this and one fsync.
CUT_S = 0.5
#: The recordings of a worker take turns in that time, so that packets never wait for all of them at once.
CUT_TURNS = 5
#: A track that gathers this much is cut at once, bytes.
CUT_BYTES = 1024 * 1024
#: What is durable is told this often, ns, unless a track begins or ends or a fault comes or goes: each second cut.
TELL_EVERY_NS = 900_000_000
#: Both clocks are written down this often even in silence, ns.
CLOCK_EVERY_NS = 2_000_000_000
#: Most that may wait for a disk that hangs or is full, bytes; beyond it packets are dropped and counted.
BACKLOG_LIMIT_BYTES = 64 * 1024 * 1024
#: How long :meth:`SpoolSink.aclose` waits for the disk, s.
CLOSE_DEADLINE_S = 10.0

# Plain integers: packing an IntEnum costs more than the rest of the hot path.
_RTP, _RTCP, _NOTE, _TRACK = map(int, (RecordKind.RTP, RecordKind.RTCP, RecordKind.NOTE, RecordKind.TRACK))
_pack = RECORD.pack

#: Records of RTP packets as they stand in a chunk, how many, and when the first and the last arrived (monotonic ns):
#: what :class:`signaling.sfu.capture.Gathered` is.
Gathered = tuple[bytearray, int, int, int]

_OVERHEAD_BYTES = 4 * 1024  # of a batch in the backlog, so that empty ones are bounded too


class TrackFacts(Protocol):
    """What :class:`signaling.sfu.capture.TrackInfo` offers."""

    @property
    def track_id(self) -> str: ...
    @property
    def peer_id(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def codec(self) -> str: ...
    @property
    def payload_type(self) -> int: ...
    @property
    def clock_rate(self) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def attributes(self) -> dict[str, str]: ...
    @property
    def level_extension(self) -> int: ...


@dataclass(frozen=True, slots=True)
class SpoolState:
    """What is durable: everything that arrived before ``durable_wall_ns`` (ns since 1970) is on disk, ``bytes`` in
    all; ``fault`` is nothing, ``disk-full`` or ``io-error``."""

    tracks: int
    durable_wall_ns: int
    bytes: int
    fault: str | None = None


def _nothing() -> None:
    return None


class SpoolTrack:
    """One track: takes packets in order of arrival."""

    __slots__ = ("_buffer", "_count", "_cut", "_first_ns", "_last_ns", "_lost", "_number", "_pull", "closed")

    def __init__(self, number: int, cut: Callable[[], None]) -> None:
        self.closed = False
        self._number = number
        self._cut = cut
        self._buffer = bytearray()
        self._count = 0
        self._first_ns = 0
        self._last_ns = 0
        self._pull: Callable[[], Gathered | None] = _nothing
        #: records, bytes, first and last monotonic ns of what could not be kept
        self._lost: tuple[int, int, int, int] | None = None

    def gather(self, pull: Callable[[], Gathered | None]) -> None:
        """``pull`` has packets that arrived before whatever is added or taken next."""
        self._pull = pull

    def rtp(self, packet: bytes, mono_ns: int) -> None:
        """One RTP packet, header and payload; ``mono_ns`` is ``time.monotonic_ns()`` at arrival."""
        if not self.closed:
            self._add(_RTP, packet, mono_ns)

    def rtcp(self, packet: bytes, mono_ns: int) -> None:
        """One RTCP packet that belongs to this track."""
        if not self.closed:
            self._add(_RTCP, packet, mono_ns)

    def note(self, what: str, mono_ns: int) -> None:
        """A fact about the track: ``muted``, ``unmuted``, ``layer:2``, ``keyframe-asked``."""
        if not self.closed:
            self._add(_NOTE, msgspec.json.encode({"note": what}), mono_ns)

    def close(self, reason: str) -> None:
        """The track ends; nothing is taken after it."""
        if not self.closed:
            self._add(_NOTE, msgspec.json.encode({"note": "end", "reason": reason}), time.monotonic_ns())
            self.closed = True
            self._pull = _nothing

    def _absorb(self) -> None:
        gathered = self._pull()
        if gathered is None:
            return
        records, count, first_ns, last_ns = gathered
        if self._count:
            self._buffer += records
        else:
            self._buffer, self._first_ns = records, first_ns
        self._count += count
        self._last_ns = last_ns

    def _add(self, kind: int, data: bytes, mono_ns: int) -> None:
        self._absorb()
        if not self._count:
            self._first_ns = mono_ns
        buffer = self._buffer
        buffer += _pack(kind, mono_ns, len(data))
        buffer += data
        self._count += 1
        self._last_ns = mono_ns
        if len(buffer) >= CUT_BYTES:
            self._cut()

    def take(self, wall_minus_mono_ns: int) -> PendingChunk | None:
        """What was gathered since the last time, if anything."""
        self._absorb()
        if not self._count:
            return None
        records, count = self._buffer, self._count
        first, last = self._first_ns, max(self._first_ns, self._last_ns)
        self._buffer, self._count = bytearray(), 0
        if self._lost is not None:
            n, size, lost_from, lost_to = self._lost
            note = pack_note(first, "lost", records=n, bytes=size, fromMonoNs=lost_from, toMonoNs=lost_to)
            records, count = bytearray(note) + records, count + 1
            self._lost = None
        wall = first + wall_minus_mono_ns, last + wall_minus_mono_ns
        return PendingChunk(self._number, records, count, (first, last), wall)

    def drop(self) -> int:
        """Forget what was gathered, because the disk does not take it, and remember how much.  Answers the bytes."""
        self._absorb()
        if not self._count:
            return 0
        n, size, lost_from, _ = self._lost or (0, 0, self._first_ns, 0)
        dropped = len(self._buffer)
        self._lost = n + self._count, size + dropped, lost_from, self._last_ns
        self._buffer, self._count = bytearray(), 0
        return dropped


class SpoolRecording:
    """The record of one room by this writer.  Made by :meth:`SpoolSink.open`."""

    def __init__(
        self, sink: SpoolSink, series: SegmentSeries, on_state: Callable[[SpoolState], None], turn: int
    ) -> None:
        self.closed = False
        self.turn = turn
        self._on_state = on_state
        self._sink = sink
        self._series = series
        self._own = SpoolTrack(RECORDING_TRACK, self.cut)
        self._tracks: dict[int, SpoolTrack] = {}
        self._next_track = sink.next_track(series)
        self._next_clock_ns = 0
        self._state = SpoolState(0, 0, 0)
        self._told: SpoolState | None = None
        self._told_ns = 0
        self._own.note("start", time.monotonic_ns())
        self.cut()

    def open_track(self, info: TrackFacts) -> SpoolTrack:
        """A track of this recording; its header is the first thing written of it."""
        number = next(self._next_track)
        track = SpoolTrack(number, self.cut)
        if self.closed:
            track.closed = True
            return track
        header = TrackHeader(
            track_id=info.track_id,
            peer_id=info.peer_id,
            source=info.source,
            kind=info.kind,
            codec=info.codec,
            payload_type=info.payload_type,
            clock_rate=info.clock_rate,
            channels=info.channels,
            attributes=dict(info.attributes),
            level_extension=info.level_extension,
        )
        track._add(_TRACK, msgspec.json.encode(header), time.monotonic_ns())
        self._tracks[number] = track
        return track

    def state(self) -> SpoolState:
        return self._state

    def close(self, reason: str) -> None:
        """Close all tracks and hand the last chunk to disk."""
        if self.closed:
            return
        for track in self._tracks.values():
            track.close(reason)
        self.cut(end=reason)
        self.closed = True
        self._sink.forget(self)

    def cut(self, end: str | None = None) -> None:
        """Hand what was gathered to the spool thread, or drop and count it if too much is waiting there."""
        if self.closed:
            return
        mono_ns, wall_ns = time.monotonic_ns(), time.time_ns()
        if mono_ns >= self._next_clock_ns:
            self._own._add(_NOTE, self._clock(wall_ns), mono_ns)
            self._next_clock_ns = mono_ns + CLOCK_EVERY_NS
        tracks = [self._own, *self._tracks.values()]
        if self._sink.backlog_bytes > BACKLOG_LIMIT_BYTES and end is None:
            for track in tracks:
                track.drop()
            return
        chunks = [chunk for track in tracks if (chunk := track.take(wall_ns - mono_ns)) is not None]
        self._tracks = {number: track for number, track in self._tracks.items() if not track.closed}
        size = _OVERHEAD_BYTES + sum(len(chunk.records) for chunk in chunks)
        self._sink.put(Batch(self._series, chunks, mono_ns, wall_ns, size, end))

    def flushed(self, durable_wall_ns: int, durable_bytes: int, fault: str | None) -> None:
        """Called on the loop after each try to make things durable."""
        open_tracks = sum(not track.closed for track in self._tracks.values())
        self._state = state = SpoolState(open_tracks, durable_wall_ns, durable_bytes, fault)
        now_ns, told = time.monotonic_ns(), self._told
        news = told is None or (told.tracks, told.fault) != (open_tracks, fault)
        if news or now_ns - self._told_ns >= TELL_EVERY_NS:
            self._told, self._told_ns = state, now_ns
            self._on_state(state)

    def tell(self, on_state: Callable[[SpoolState], None]) -> None:
        """From now on this is called."""
        self._on_state, self._told = on_state, None

    def _clock(self, wall_ns: int) -> bytes:
        return msgspec.json.encode({"note": "clock", "wallUs": wall_ns // 1000, "tracks": len(self._tracks)})


class SpoolSink:
    """Where a media worker's captured packets go: segment files under ``<spool>/<recording_id>/<writer>/``.

    ``writer`` must be new at each start of the process (``<worker_id>.<epoch>``); ``software`` names the build in each
    segment's header.  Use it on one event loop.
    """

    def __init__(self, spool: Path, writer: str, *, software: str = "") -> None:
        self._spool = spool
        self._writer = check_name(writer)
        self._software = software
        self._thread = SpoolThread()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._opened = self._turn = 0
        self._recordings: dict[SegmentSeries, SpoolRecording] = {}
        # Kept for the life of the process (about 1 kB each): a recording that is opened again goes on with its chains.
        self._series: dict[str, SegmentSeries] = {}
        self._counters: dict[SegmentSeries, _Counter] = {}
        #: What the spool thread says of each series, until the loop has come to it: durable to when, bytes, fault.
        self._flushed: dict[SegmentSeries, tuple[int, int, str | None]] = {}
        self._telling = False

    def open(
        self, recording_id: str, on_state: Callable[[SpoolState], None], about: Mapping[str, str] = UNNAMED
    ) -> SpoolRecording:
        """Begin or continue a recording; its first chunk goes to disk at once.

        ``on_state`` is called on the loop about once a second, and when the tracks or the fault have changed; ``about``
        goes into each segment's header.

        Raises :class:`ValueError` if the id is no safe name.
        """
        self._loop = asyncio.get_running_loop()
        series = self._series.get(recording_id)
        if series is None:
            series = SegmentSeries(self._spool, recording_id, self._writer, self._software, self._on_flushed, about)
            self._series[recording_id] = series
            self._counters[series] = _Counter()
        present = self._recordings.get(series)
        if present is not None:
            present.tell(on_state)
            return present
        self._opened += 1
        recording = SpoolRecording(self, series, on_state, self._opened % CUT_TURNS)
        self._recordings[series] = recording
        if self._timer is None:
            self._timer = self._loop.call_later(CUT_S / CUT_TURNS, self._tick)
        return recording

    async def aclose(self) -> None:
        """Close all recordings; returns when everything is on disk, or after :data:`CLOSE_DEADLINE_S`."""
        for recording in list(self._recordings.values()):
            recording.close("shutdown")
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await asyncio.to_thread(self._thread.stop, CLOSE_DEADLINE_S)

    # --- for the recordings -----------------------------------------------------------

    @property
    def backlog_bytes(self) -> int:
        return self._thread.backlog_bytes

    def put(self, batch: Batch) -> None:
        self._thread.put(batch)

    def next_track(self, series: SegmentSeries) -> _Counter:
        return self._counters[series]

    def forget(self, recording: SpoolRecording) -> None:
        self._recordings = {series: kept for series, kept in self._recordings.items() if kept is not recording}

    def _tick(self) -> None:
        assert self._loop is not None
        self._timer = self._loop.call_later(CUT_S / CUT_TURNS, self._tick) if self._recordings else None
        self._turn = (self._turn + 1) % CUT_TURNS
        for recording in list(self._recordings.values()):
            if recording.turn == self._turn:
                recording.cut()

    def _on_flushed(self, series: SegmentSeries) -> None:
        """Called by the spool thread; what it did in one go is told in one."""
        assert self._loop is not None
        self._flushed[series] = series.durable_wall_ns, series.durable_bytes, series.fault
        if self._telling:
            return
        self._telling = True
        try:
            self._loop.call_soon_threadsafe(self._report)
        except RuntimeError:  # the loop is closed: nobody is left to be told
            log.debug("spool flushed after the loop was closed")

    def _report(self) -> None:
        self._telling = False  # before anything is taken, so that what comes meanwhile is told
        while self._flushed:
            series, facts = self._flushed.popitem()
            recording = self._recordings.get(series)
            if recording is not None:
                recording.flushed(*facts)


class _Counter:
    """Track numbers of one series: never used twice, also after the recording was closed and opened again."""

    def __init__(self) -> None:
        self._next = RECORDING_TRACK + 1

    def __next__(self) -> int:
        number = self._next
        self._next += 1
        return number
