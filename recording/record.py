"""The record of one sitting as it grows: fed with archived segments, it knows the facts and writes the playable files.

Fed in the order of each writer; the same after a restart, from what the store holds.  Runs in a worker thread.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any

from msgspec import UNSET

from .chain import Problem, ReadSegment, Segment, WriterChain, read_segment, tree_of
from .content import Gap, TrackContent
from .format import PLAYABLE_CODECS, RECORDING_TRACK, Chunk, FormatError
from .manifest import GapEntry, ObjectEntry, ProblemEntry, TrackEntry, WriterEntry
from .media.clocks import SenderClock
from .media.compiled import CompiledFile, CompiledTrack, advance_all, new_batch
from .media.remux import MP4, WEBM, MediaTrack, PersonFile
from .native.hashing import able
from .native.library import Library, load
from .walk import Walk

log = logging.getLogger(__name__)

#: A writer's silence between its segments or beside another writer's that counts as an interruption, us.
INTERRUPTION_US = 1_000_000
#: Reasons of a track's end after which the person is not expected to be seen or heard.
_LAWFUL_ENDS = ("room-closed", "forbidden")
_END_CAUSES = {"lost": "disconnect", "left": "disconnect", "closed": "mute", "shutdown": "node-change"}


@dataclass(slots=True)
class WriterRecord:
    """One writer's part."""

    chain: WriterChain
    tracks: dict[int, TrackContent] = field(default_factory=dict)
    objects: list[ObjectEntry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    start_wall_ns: int = 0
    end_wall_ns: int = 0
    #: When it recorded, ``[start, end]`` wall clock ns: it may have ended and been opened again.
    spans: list[list[int]] = field(default_factory=list)
    #: Wall minus monotonic clock: of the first segment, and the extremes, ns.
    offset_ns: int = 0
    least_ns: int = 0
    most_ns: int = 0
    recovered: bool = False
    software: str = ""


class Record:
    """All writers' parts of one recording.  ``work`` is where playable files grow; nothing: only facts are kept."""

    def __init__(self, recording_id: str, work: Path | None = None) -> None:
        self.recording_id = recording_id
        self.writers: dict[str, WriterRecord] = {}
        #: By person, source (person or screen) and container.
        self.files: dict[tuple[str, str, str], PersonFile] = {}
        self.work = work
        self._senders: dict[tuple[str, str], SenderClock] = {}
        self._library = load()
        #: Memory that the files use in turns.
        self._spare: Any = None

    def next_segment(self, writer: str) -> int:
        return self.writers[writer].chain.next_segment if writer in self.writers else 0

    def chain(self, writer: str) -> WriterChain:
        """The writer's chains after what was fed; of a writer not yet seen, from the beginning."""
        known = self.writers.get(writer)
        return known.chain if known is not None else WriterChain(self.recording_id, writer)

    def feed(
        self, writer: str, name: str, data: bytes | memoryview, sha256: str = "", read: ReadSegment | None = None
    ) -> None:
        """Take the next segment of this writer.  Never raises for what is in it: problems are listed.

        ``sha256`` of ``data``, in hex, or what was ``read`` of it, if it is known already.  ``data`` may be used for
        other things afterwards.
        """
        record = self.writers.get(writer)
        if record is None:
            record = self.writers[writer] = WriterRecord(WriterChain(self.recording_id, writer))
        if record.chain.ended or not record.spans:
            record.spans.append([])
        read = read or read_segment(data, sha256, able())
        segment = record.chain.take(name, read)
        record.problems += segment.problems
        record.recovered |= segment.recovered
        record.objects.append(_entry(writer, segment, record.chain.next_segment - 1, tree_of(read, data, able())))
        if segment.header is not None and not record.software:
            record.software = segment.header.software
        by_track: dict[int, list[Chunk]] = {}
        for chunk in segment.chunks:
            self._clock(record, chunk)
            if chunk.track != RECORDING_TRACK:
                by_track.setdefault(chunk.track, []).append(chunk)
        errors: list[FormatError] = []
        try:
            for number, chunks in by_track.items():
                errors += self._track(writer, record, number, chunks).feed(data, chunks)
            advance_all(self.files.values())
        except OSError:
            log.exception("the playable files of %s cannot grow; they are made anew later", self.recording_id)
            self.give_up_files()
        finally:
            # All of them, though there be no memory for one: the segment is gone after this.
            with contextlib.ExitStack() as let_go:
                for file in self.files.values():
                    if isinstance(file, CompiledFile):
                        let_go.callback(file.keep)
        for error in sorted(errors, key=attrgetter("offset")):
            record.problems.append(Problem(error.code, f"{name} byte {error.offset}"))

    def give_up_files(self) -> None:
        """Keep to the facts from now on; the record is then :attr:`stale`."""
        self.discard_files()
        self.work = None
        for record in self.writers.values():
            for track in record.tracks.values():
                track.media = None

    def discard_files(self) -> None:
        for file in self.files.values():
            file.discard()
        self.files = {}

    @property
    def stale(self) -> bool:
        """The playable files are not what the segments say: these came in another order, or files were given up."""
        return self.work is None or any(file.stale for file in self.files.values())

    def finish(self) -> None:
        """Nothing more will be fed."""
        for record in self.writers.values():
            for track in record.tracks.values():
                track.finish()

    # --- facts for the manifest -------------------------------------------------------

    @property
    def start_wall_ns(self) -> int:
        return min((record.start_wall_ns for record in self.writers.values()), default=0)

    @property
    def end_wall_ns(self) -> int:
        return max((record.end_wall_ns for record in self.writers.values()), default=0)

    def object_entries(self) -> list[ObjectEntry]:
        return [entry for _, record in sorted(self.writers.items()) for entry in record.objects]

    def problem_entries(self) -> list[ProblemEntry]:
        return [
            ProblemEntry(code=problem.code, place=problem.place)
            for _, record in sorted(self.writers.items())
            for problem in record.problems
        ]

    def writer_entries(self) -> list[WriterEntry]:
        return [
            WriterEntry(
                writer=writer,
                segments=len(record.objects),
                start_us=record.start_wall_ns // 1000,
                end_us=record.end_wall_ns // 1000,
                ended=record.chain.ended,
                recovered=record.recovered,
                clock_offset_us=record.offset_ns // 1000,
                clock_least_us=record.least_ns // 1000,
                clock_most_us=record.most_ns // 1000,
                software=record.software,
            )
            for writer, record in sorted(self.writers.items())
        ]

    def track_entries(self) -> list[TrackEntry]:
        entries = []
        for writer, record in sorted(self.writers.items()):
            for number, track in sorted(record.tracks.items()):
                if track.header is None:
                    continue
                chain = record.chain.tracks[number]
                entries.append(
                    TrackEntry(
                        writer=writer,
                        track=number,
                        track_id=track.header.track_id,
                        person_id=track.header.peer_id,
                        source=track.header.source,
                        kind=track.header.kind,
                        codec=track.header.codec,
                        payload_type=track.header.payload_type,
                        clock_rate=track.header.clock_rate,
                        channels=track.header.channels,
                        attributes=track.header.attributes,
                        chunks=chain.chunks,
                        records=track.records,
                        packets=track.packets,
                        bytes=track.bytes,
                        head_sha256=chain.head.hex(),
                        start_us=track.first_wall_ns // 1000,
                        end_us=track.last_wall_ns // 1000,
                        end_reason=track.end_reason,
                    )
                )
        return entries

    def gap_entries(self, closed_us: int) -> list[GapEntry]:
        """Every span of a person's source without media, up to the close of the sitting, in order of time."""
        by_source: dict[tuple[str, str], list[tuple[WriterRecord, TrackContent]]] = {}
        for record in self.writers.values():
            for track in record.tracks.values():
                if track.header is not None:
                    key = track.header.peer_id, track.header.source
                    by_source.setdefault(key, []).append((record, track))
        gaps: list[GapEntry] = []
        for (person, source), tracks in by_source.items():
            tracks.sort(key=lambda pair: pair[1].first_wall_ns)
            for at, (record, track) in enumerate(tracks):
                gaps += [_gap_entry(person, source, gap, record.offset_ns) for gap in track.gaps]
                following = tracks[at + 1] if at + 1 < len(tracks) else None
                until_us = following[1].first_wall_ns // 1000 if following else closed_us
                start_us = track.last_wall_ns // 1000
                cause = _end_cause(track, following is not None and following[0] is not record)
                if following is None and track.end_reason in _LAWFUL_ENDS:
                    continue
                # Nobody said that a torn track ended, so that whatever may be missing of it is listed.
                if until_us - start_us > (0 if following or track.end_reason is None else INTERRUPTION_US):
                    gaps.append(
                        GapEntry(
                            person_id=person,
                            source=source,
                            start_us=start_us,
                            duration_us=until_us - start_us,
                            cause=cause,
                        )
                    )
        return sorted(gaps, key=lambda gap: (gap.start_us, gap.person_id or "", gap.source or ""))

    def interruption_entries(self, opened_us: int, closed_us: int) -> list[GapEntry]:
        """Spans of the sitting that no writer covers."""
        spans = sorted((s[0] // 1000, s[1] // 1000) for r in self.writers.values() for s in r.spans if s)
        found: list[GapEntry] = []
        at = opened_us
        for start, end in [*spans, (closed_us, closed_us)]:
            if start - at > INTERRUPTION_US:
                cause = "node-change" if found or at > opened_us else "unknown"
                found.append(GapEntry(person_id=None, source=None, start_us=at, duration_us=start - at, cause=cause))
            at = max(at, end)
        return found

    # --- inside ---------------------------------------------------------------------

    def _clock(self, record: WriterRecord, chunk: Chunk) -> None:
        offset = chunk.first_wall_ns - chunk.first_mono_ns
        if not record.start_wall_ns:
            record.start_wall_ns = chunk.first_wall_ns
            record.offset_ns = record.least_ns = record.most_ns = offset
        start, end = chunk.first_mono_ns + record.offset_ns, chunk.last_mono_ns + record.offset_ns
        record.end_wall_ns = max(record.end_wall_ns, end)
        span = record.spans[-1]
        record.spans[-1] = [min(span[0], start), max(span[1], end)] if span else [start, end]
        record.least_ns, record.most_ns = min(record.least_ns, offset), max(record.most_ns, offset)

    def _track(self, writer: str, record: WriterRecord, number: int, chunks: list[Chunk]) -> TrackContent:
        track = record.tracks.get(number)
        if track is None:
            track = record.tracks[number] = TrackContent(number)
            if self._library is not None:
                track.walk = Walk(self._library)
            track.peek(chunks[0])
            if self.work is not None:
                self._connect(writer, record, track)
        return track

    def _new_file(self, path: Path, library: Library | None) -> PersonFile:
        if library is None:
            return PersonFile(path)
        if self._spare is None:
            self._spare = new_batch(library)
        return CompiledFile(path, library, self._spare)

    def _connect(self, writer: str, record: WriterRecord, track: TrackContent) -> None:
        """Lead a track's media into its person's file, if it is of a kind that can be played."""
        header = track.header
        if header is None or self.work is None or header.codec.lower() not in PLAYABLE_CODECS:
            return
        codec = header.codec.lower()
        container = MP4 if codec == "video/h264" else WEBM
        key = header.peer_id, "screen" if header.source == "screen" else "person", container
        file = self.files.get(key)
        if file is None:
            try:
                self.work.mkdir(parents=True, exist_ok=True, mode=0o700)
                path = self.work / f"{len(self.files):03d}.{container}"
                library = self._library if container == WEBM else None
                file = self.files[key] = self._new_file(path, library)
            except OSError:
                log.exception("a playable file of %s cannot be made; it is tried anew later", self.recording_id)
                self.give_up_files()
                return
        sender = self._senders.setdefault((writer, header.peer_id), SenderClock())
        facts = writer, header.kind == "video", header.clock_rate, record.offset_ns, sender, codec
        media = CompiledTrack(file.library, *facts) if isinstance(file, CompiledFile) else MediaTrack(*facts)
        media.level_id = header.level_extension
        file.add_track(media)
        track.media = media


def _entry(writer: str, segment: Segment, number: int, tree: bytes | None) -> ObjectEntry:
    return ObjectEntry(
        name=segment.name,
        size=segment.size,
        sha256=segment.sha256,
        writer=writer,
        segment=number,
        chunks=[(track, first, count) for track, (first, count) in sorted(segment.ranges.items())],
        recovered=segment.recovered,
        tree_sha256=UNSET if tree is None else tree.hex(),
    )


def _gap_entry(person: str, source: str, gap: Gap, offset_ns: int) -> GapEntry:
    return GapEntry(
        person_id=person,
        source=source,
        start_us=(gap.start_ns + offset_ns) // 1000,
        duration_us=max(0, gap.end_ns - gap.start_ns) // 1000,
        cause=gap.cause,
        packets=gap.packets,
    )


def _end_cause(track: TrackContent, writer_changes: bool) -> str:
    if track.end_reason is None:
        return "torn"
    return "node-change" if writer_changes else _END_CAUSES.get(track.end_reason, "unknown")
