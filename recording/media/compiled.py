"""What :mod:`.remux` does, by compiled code for all that is in order: the same tracks and WebM files, byte for byte.

Packets that are late, missing something or foreign still come one by one through Python, into the same memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..blocks import BLOCK_BYTES, write_blocks
from ..native.hashing import Sha256, able, update_both
from ..native.library import Library, checked
from . import peaks
from .clocks import SenderClock, SourceClock
from .remux import REPORT_WAIT_NS, SETTLE_NS, STALE_NS, MediaTrack, PersonFile, Repairs, Unit
from .rtp import SenderReport
from .vp8 import BLACK_KEYFRAME, Assembler
from .webm import AUDIO, HEAD_BYTES, VIDEO, WebmWriter

#: Times of a writer's clock that are later than this are not believed, ns: compiled code has 64 bits for them.
LATEST_NS = 1 << 62


class CompiledClock(SourceClock):
    """The packets are placed by :meth:`CompiledTrack.take`; reports come here."""

    def __init__(self, rate: int, sender: SenderClock, library: Library) -> None:
        super().__init__(rate, sender)
        self._library = library
        self._reported = False
        self.handle = library.ffi.gc(library.lib.rec_clock_new(rate), library.lib.rec_clock_free)
        checked(self.handle)

    @property
    def reported(self) -> bool:
        return self._reported

    def report(self, report: SenderReport) -> None:
        self._reported = True
        offset = self._sender.offset.push(report.arrival_ns - report.ntp_ns, report.arrival_ns)
        # A report of such a time is disbelieved whatever follows from it (clocks.DISBELIEF_NS).
        arrival_ns, offset = min(report.arrival_ns, LATEST_NS), min(offset, LATEST_NS)
        self._library.lib.rec_clock_report(self.handle, arrival_ns, report.ntp_ns, report.timestamp, offset)


class _Units(list[Unit]):
    """Takes single units into a batch of compiled code; holds none."""

    def __init__(self, library: Library, batch: Any, sources: dict[int, None]) -> None:
        super().__init__()
        self._library = library
        self._batch = batch
        self._sources = sources

    def append(self, unit: Unit) -> None:
        self._sources[unit.ssrc] = None
        data = bytes(unit.data)
        fields = {
            "arrival_ns": min(unit.arrival_ns, LATEST_NS),
            "size": len(data),
            "level": -1 if unit.level is None else unit.level,
            "timestamp": unit.timestamp,
            "ssrc": unit.ssrc,
            "width": unit.width,
            "height": unit.height,
            "video": unit.video,
            "key": unit.key,
        }
        checked(self._library.lib.rec_batch_add(self._batch, self._library.ffi.new("struct rec_unit *", fields), data))


def new_batch(library: Library) -> Any:
    """Memory for units that wait."""
    batch = library.ffi.gc(library.lib.rec_batch_new(), library.lib.rec_batch_free)
    checked(batch)
    return batch


class CompiledTrack(MediaTrack):
    """A track whose units wait in compiled memory (``batch``)."""

    def __init__(self, library: Library, *args: Any) -> None:
        super().__init__(*args)
        self.library = library
        self.batch = new_batch(library)
        #: The sources (SSRCs) of what waits, in order.
        self.sources: dict[int, None] = {}
        self.units = _Units(library, self.batch, self.sources)

    def assembler(self, ssrc: int) -> Assembler | None:
        """The source's assembler of VP8, if it is between two frames."""
        assembler = self._assemblers.get(ssrc)
        return assembler if isinstance(assembler, Assembler) and assembler.idle else None

    @property
    def decodable(self) -> Any:
        return self._decodable

    def ready(self) -> bool:
        if not self.batch.count:
            return True
        reported = {report.ssrc for report in self.reports}
        known = all(ssrc in reported or self._clock(ssrc).reported for ssrc in self.sources)
        return known or self.newest_ns - int(self.batch.units[0].arrival_ns) > REPORT_WAIT_NS

    def place(self) -> int | None:
        """Give all that waits its time; answers the first unit's, if there is one."""
        self._take_reports()
        if not self.batch.count:
            return None
        for ssrc in self.sources:
            clock = self._clock(ssrc)
            assert isinstance(clock, CompiledClock)
            checked(self.library.lib.rec_place(clock.handle, self.batch, ssrc, self.wall_minus_mono_ns))
        self.sources.clear()
        return int(self.batch.units[0].time_ns)

    def _new_clock(self) -> SourceClock:
        return CompiledClock(self.rate, self.sender, self.library)


class CompiledFile(PersonFile):
    """A WebM file that grows by compiled code.  ``spare``: memory that all files of a record use in turns."""

    def __init__(self, path: Path, library: Library, spare: Any) -> None:
        super().__init__(path)
        self._spare = spare
        assert isinstance(self._box, WebmWriter)
        self.library = library
        #: The file grows by whole blocks; otherwise through the page cache, by whatever is complete.
        self._by_blocks = True
        self.hash = None if able() is None else Sha256(library)
        if self.hash is not None:
            self._box.hash = self.hash
        self._black = library.ffi.new("uint8_t[]", BLACK_KEYFRAME)
        self._loudness = library.ffi.new("uint8_t[]", peaks.LOUDNESS)
        made = library.lib.rec_box_new(self._black, len(BLACK_KEYFRAME), self._loudness, HEAD_BYTES)
        self._state = library.ffi.gc(made, library.lib.rec_box_free)
        checked(self._state)

    def advance(self, final: bool = False) -> None:
        for _ in self.grow(final):
            self.hash_closed()

    def grow(self, final: bool = False) -> Iterator[None]:
        """As :meth:`advance`; when it yields, a cluster is complete that must be hashed (:func:`advance_all`)."""
        if not final and not all(track.ready() for track in self.tracks):
            return
        lib, state = self.library.lib, self._state
        for track in self.tracks:
            assert isinstance(track, CompiledTrack)
            first_ns = track.place()
            if first_ns is None:
                continue
            if state.started and track.writer != self._writer:
                self.stale |= first_ns < state.written_ns - STALE_NS
            self._writer = track.writer
            checked(lib.rec_box_take(state, track.batch))
        if not state.waiting.count:
            return
        checked(lib.rec_box_sort(state))
        horizon_ns = state.newest_ns if final else state.newest_ns - SETTLE_NS
        more = True
        while more:
            # Cluster by cluster: each is hashed and written while the processor still has it at hand.
            checked(lib.rec_box_write(state, horizon_ns))
            more = state.closed > state.begun
            if more:
                yield
            self._append()
        self.keep()

    def keep(self) -> None:
        """What still waits no longer needs the segment that it came in."""
        kept = bool(self.library.lib.rec_box_keep(self._state, self._spare))
        for track in self.tracks:
            assert isinstance(track, CompiledTrack)
            kept &= bool(self.library.lib.rec_batch_keep(track.batch, self._spare))
        checked(kept)

    def finish(self, title: str) -> None:
        if self._finished:
            return
        self.advance(final=True)
        checked(self.library.lib.rec_box_flush(self._state))
        self.hash_closed()
        if self._by_blocks:
            self._leave_blocks(int(self._state.position))
        self._append()
        self._tell()
        super().finish(title)

    @property
    def cluster(self) -> tuple[Any, int]:
        """Where what is newly complete is in memory, and its size."""
        begun = int(self._state.begun)
        return self._state.out.data + begun, int(self._state.closed) - begun

    def hash_closed(self) -> None:
        assert isinstance(self._box, WebmWriter)
        if self._state.closed > self._state.begun:
            self._box.hash.update(self.library.ffi.buffer(*self.cluster))

    def _append(self) -> None:
        """To the file what was made and hashed, and to the peaks what they ask for."""
        state, buffer = self._state, self.library.ffi.buffer
        written = self._write_closed()
        for number in range(state.peaks_count):
            peak = state.peaks[number]
            self._peaks.look(peak.time_ms, bytes(buffer(state.peak_data.data + peak.at, peak.size)), peak.turn)
        if state.levels.used:
            self._peaks.raise_to(int(state.levels_from), bytes(buffer(state.levels.data, state.levels.used)))
        self.library.lib.rec_box_written(state, written)
        self.start_ns = int(state.start_ns) if state.started else None

    def _write_closed(self) -> int:
        """What is complete, as far as it can be written now.  Answers how many bytes of it are in the file."""
        assert isinstance(self._box, WebmWriter)
        assert self._file is not None
        size = int(self._state.closed)
        if not size:
            return 0
        closed, at = self.library.ffi.buffer(self._state.out.data, size), 0
        if self._by_blocks:
            whole = size - size % BLOCK_BYTES
            place = int(self._state.position)
            at = write_blocks(self._file.fileno(), closed, place)
            if at == whole:
                return at
            self._leave_blocks(place + at)
        self._box.append(memoryview(closed)[at:], hashed=True)
        return size

    def _leave_blocks(self, place: int) -> None:
        """Go on through the page cache, from this place of the file."""
        assert self._file is not None
        self._file.seek(place)
        self._by_blocks = False

    def _tell(self) -> None:
        """What the file holds, as :class:`PersonFile` has it."""
        state, box = self._state, self._box
        assert isinstance(box, WebmWriter)
        self.end_ms = int(state.end_ms)
        self.video_spans, self.audio_spans = _spans(state.video_spans), _spans(state.audio_spans)
        self.repairs = Repairs(
            silence_ms=int(state.silence_ms),
            packets_left_out=int(state.packets_left_out),
            frames_left_out=int(state.frames_left_out),
            late_left_out=int(state.late_left_out),
        )
        cues = [state.cues[number] for number in range(state.cues_count)]
        box.width, box.height = int(state.width), int(state.height)
        box.written_by_others(
            [(int(cue.time_ms), int(cue.position), _numbers(cue.tracks)) for cue in cues],
            set(_numbers(state.used)),
            int(state.box_end_ms),
        )


def advance_all(files: Iterable[PersonFile]) -> None:
    """All of them go on, and the clusters of two are hashed at a time where that is possible."""
    growing: list[tuple[CompiledFile, Iterator[None]]] = []
    for file in files:
        if not isinstance(file, CompiledFile) or file.hash is None:
            file.advance()
            continue
        begun = file, file.grow()
        if _goes_on(begun):
            growing.append(begun)
        while len(growing) == 2:
            (first, _), (second, _) = growing
            assert first.hash is not None
            assert second.hash is not None
            update_both(first.hash, first.cluster, second.hash, second.cluster)
            growing = [each for each in growing if _goes_on(each)]
    for file, growth in growing:
        file.hash_closed()
        for _ in growth:
            file.hash_closed()


def _goes_on(growing: tuple[CompiledFile, Iterator[None]]) -> bool:
    """Whether there is one more cluster, after the one before was taken."""
    return next(growing[1], True) is None


def _spans(found: Any) -> list[list[int]]:
    return [[int(found.spans[at].start_ms), int(found.spans[at].end_ms)] for at in range(found.count)]


def _numbers(tracks: int) -> tuple[int, ...]:
    """Of bits."""
    return tuple(number for number in (VIDEO, AUDIO) if tracks & number)
