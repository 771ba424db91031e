"""The records of a chunk by compiled code, as long as its packets are in order; :mod:`.content` does the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .format import RECORD, Chunk, FormatError, Record
from .media.compiled import CompiledTrack
from .native.library import AUDIO, FACTS, VIDEO, Library, checked

if TYPE_CHECKING:
    from .content import TrackContent

#: Times of a writer's clock beyond this stay with Python, ns.
_LATEST_NS = 1 << 62


class Walk:
    """One track's walk over its chunks."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._run = library.ffi.new("struct rec_walk *")

    def feed(self, content: TrackContent, chunk: Chunk) -> None:
        """As ``for record in chunk.records(): content.record(record)``.  Raises :class:`FormatError`."""
        payload, at, seen = chunk.payload, 0, 0
        end = len(payload)
        with self._library.ffi.from_buffer("uint8_t[]", payload) as data:
            while at < end:
                if self._lend(content, at):
                    checked(self._library.lib.rec_walk(self._run, self._batch(content), data, end))
                    seen += self._take_back(content)
                    at = self._run.at
                    if at >= end:
                        break
                if at + RECORD.size > end:
                    raise FormatError("records", chunk.offset)
                kind, mono_ns, length = RECORD.unpack_from(payload, at)
                at += RECORD.size
                if at + length > end:
                    raise FormatError("records", chunk.offset)
                content.record(Record(kind, mono_ns, payload[at : at + length]))
                at += length
                seen += 1
        if seen != chunk.count:
            raise FormatError("records", chunk.offset)

    def _batch(self, content: TrackContent) -> Any:
        media = content.media
        return media.batch if isinstance(media, CompiledTrack) else self._library.ffi.NULL

    def _lend(self, content: TrackContent, at: int) -> bool:
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
            run.kind = AUDIO
        else:
            assembler = media.assembler(ssrc)
            if assembler is None:
                return False
            kept = media.decodable
            run.kind, run.after_loss = VIDEO, assembler.after_loss
            run.has_kept, run.kept_ssrc = kept.ssrc is not None, kept.ssrc or 0
            run.need_key, run.need_sync = kept.need_key, kept.need_sync
            run.tl0 = -1 if kept.tl0 is None else kept.tl0
        run.at, run.payload_type, run.ssrc, run.sequence, run.last_ns = at, payload_type, ssrc, sequence, last_ns
        return True

    def _take_back(self, content: TrackContent) -> int:
        """What the run did; answers the packets that it took."""
        run, media = self._run, content.media
        packets = int(run.packets)
        if not packets:
            return 0
        content.followed(packets, int(run.bytes), int(run.last_ns))
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
        return packets
