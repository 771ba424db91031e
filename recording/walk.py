"""The records of a track by compiled code, as long as its packets are in order; :mod:`.content` does the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .format import RECORD, Chunk, FormatError
from .media.compiled import CompiledTrack
from .native.library import AUDIO, FACTS, VIDEO, Library, checked

if TYPE_CHECKING:
    from .content import TrackContent

#: Times of a writer's clock beyond this stay with Python, ns.
_LATEST_NS = 1 << 62
#: RTCP packets in one run; a sender reports about once a second.
_REPORTS_ROOM = 32


class Walk:
    """One track's walk over its chunks."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._run = library.ffi.new("struct rec_walk *")
        self._reports = library.ffi.new("struct rec_report[]", _REPORTS_ROOM)
        self._run.reports, self._run.reports_room = self._reports, _REPORTS_ROOM

    def feed(self, content: TrackContent, data: Any, chunks: Sequence[Chunk]) -> list[FormatError]:
        """As ``content.record(record)`` for every record of these chunks of a segment.  Answers what is malformed."""
        errors: list[FormatError] = []
        ffi, run = self._library.ffi, self._run
        ends = [(chunk.payload_at, chunk.payload_at + len(chunk.payload), chunk.count) for chunk in chunks]
        spans = ffi.new("struct rec_chunk[]", ends)
        run.chunks, run.chunks_count = spans, len(ends)
        view = memoryview(data)
        with ffi.from_buffer("uint8_t[]", data) as segment:
            number = 0
            at, end, count = ends[0]
            seen = 0
            while True:
                if at < end and self._lend(content, number, at, seen):
                    checked(self._library.lib.rec_walk(run, self._batch(content), segment))
                    self._take_back(content, view)
                    number, at, seen = run.chunk, run.at, run.seen
                    _, end, count = ends[number]
                if at < end:
                    length = self._record(content, view, at, end)
                    at, seen = at + length, seen + 1
                    if length:
                        continue
                if at < end or seen != count:
                    errors.append(FormatError("records", chunks[number].offset))
                number += 1
                if number == len(ends):
                    return errors
                at, end, count = ends[number]
                seen = 0

    def _record(self, content: TrackContent, view: memoryview, at: int, end: int) -> int:
        """Give the record there to Python.  Answers its length, 0 if there is no whole one."""
        if at + RECORD.size > end:
            return 0
        kind, mono_ns, length = RECORD.unpack_from(view, at)
        if at + RECORD.size + length > end:
            return 0
        at += RECORD.size
        content.record(kind, mono_ns, view[at : at + length])
        return RECORD.size + int(length)

    def _batch(self, content: TrackContent) -> Any:
        media = content.media
        return media.batch if isinstance(media, CompiledTrack) else self._library.ffi.NULL

    def _lend(self, content: TrackContent, number: int, at: int, seen: int) -> bool:
        """Whether the next packets may be taken without a look at each; then the run is told what it must know."""
        known = content.in_order()
        if known is None:
            return False
        run, media = self._run, content.media
        payload_type, ssrc, sequence, last_ns = known
        if last_ns > _LATEST_NS:
            return False
        if media is None:
            run.kind = FACTS
        elif not isinstance(media, CompiledTrack):
            return False
        elif not media.video:
            run.kind, run.level_id = AUDIO, media.level_id
        else:
            assembler = media.assembler(ssrc)
            if assembler is None:
                return False
            kept = media.decodable
            run.kind, run.after_loss = VIDEO, assembler.after_loss
            run.has_kept, run.kept_ssrc = kept.ssrc is not None, kept.ssrc or 0
            run.need_key, run.need_sync = kept.need_key, kept.need_sync
            run.tl0 = -1 if kept.tl0 is None else kept.tl0
        run.chunk, run.at, run.seen = number, at, seen
        run.payload_type, run.ssrc, run.sequence, run.last_ns = payload_type, ssrc, sequence, last_ns
        return True

    def _take_back(self, content: TrackContent, view: memoryview) -> None:
        """What the run did."""
        run, media = self._run, content.media
        for number in range(run.reports_count):
            report = self._reports[number]
            content.rtcp(view[report.at : report.at + report.size], int(report.arrival_ns))
        packets = int(run.packets)
        if not packets:
            content.records += int(run.records)
            return
        content.followed(int(run.records), packets, int(run.bytes), int(run.last_ns))
        if isinstance(media, CompiledTrack):
            media.newest_ns = int(run.last_ns)
            if media.batch.count:
                media.sources[int(run.ssrc)] = None
            if media.video:
                media.dropped_frames += int(run.dropped)
                assembler = media.assembler(int(run.ssrc))
                assert assembler is not None
                assembler.after_loss = bool(run.after_loss)
                kept = media.decodable
                kept.ssrc = int(run.kept_ssrc) if run.has_kept else None
                kept.need_key, kept.need_sync = bool(run.need_key), bool(run.need_sync)
                kept.tl0 = None if run.tl0 < 0 else int(run.tl0)
