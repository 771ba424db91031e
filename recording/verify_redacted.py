"""Whether segments with chunks left out are what the court signed, and what is absent can be of a withheld time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import UNSET

from . import manifest as m
from .absences import Absences
from .chain import ChainState, Heads, Problem, WriterChain
from .format import Chunk, FormatError, RecordKind, SegmentHeader, read_note
from .redacted import ReadRedacted, Runs, redacted_name
from .report import Findings
from .withheld import AROUND_US, Redacted, Statement, arrival_times, touches

#: Nothing of a writer is this much before its first record or after its last, us.
_SLACK_US: Final = AROUND_US


class RedactedCheck:
    """Fed with every segment in order.

    A chunk that is absent tells nothing of itself, but its track goes on before and after it: it was taken between the
    chunks around it, and that time must touch a withheld one.
    """

    def __init__(self, findings: Findings, manifest: m.Manifest, statement: Statement | None) -> None:
        self._findings = findings
        self.told: dict[str, Redacted] = {one.name: one for one in statement.redacted} if statement else {}
        self._times = arrival_times(statement.spans) if statement else []
        self._writers = {writer.writer: writer for writer in manifest.writers}
        self._absences = Absences(manifest, statement)
        self._whole = statement is not None and statement.version == 1
        #: Of each writer and track, the end of the last chunk that is here, us.
        self._ends: dict[tuple[str, int], int] = {}
        #: Where chunks are absent, until a later one says when at the latest they were taken.
        self._open: dict[tuple[str, int], str] = {}

    def skipped(self, entry: m.ObjectEntry) -> None:
        """A segment that is absent as the statement says."""
        whole = self._whole or entry.recovered or entry.tree_sha256 is UNSET
        self._absences.absent(entry.writer, entry.name, whole=whole)

    def whole(self, writer: str, header: SegmentHeader | None, chunks: Sequence[Chunk]) -> None:
        """A segment that is here, with all its chunks."""
        self.seen(writer, chunks)
        self._in_file(writer, header, chunks, [], "")

    def _in_file(
        self, writer: str, header: SegmentHeader | None, chunks: Iterable[Chunk], runs: Runs, name: str
    ) -> None:
        """What stands in a segment's file, in order."""
        offset_us = self._writers[writer].clock_offset_us if writer in self._writers else 0
        at, left = 1, [*runs]
        if header is not None:
            self._absences.here(writer, header.mono_us + offset_us, header.mono_us + offset_us)
        for chunk in chunks:
            while left and left[0][0] == at:
                self._absences.absent(writer, name)
                at += left.pop(0)[1]
            times = [ns // 1000 + offset_us for ns in (chunk.first_mono_ns, chunk.last_mono_ns)]
            if self._absences.here(writer, *times) and (lost := _lost(chunk)) is not None:
                self._absences.lost(writer, lost[0] // 1000 + offset_us, lost[1] // 1000 + offset_us)
            at += 1
        if left:
            self._absences.absent(writer, name)

    def seen(self, writer: str, chunks: Iterable[Chunk]) -> None:
        """Chunks that are here, in order."""
        if not self.told:
            return
        offset_us = self._writers[writer].clock_offset_us if writer in self._writers else 0
        for chunk in chunks:
            key = writer, chunk.track
            self._close(key, chunk.first_mono_ns // 1000 + offset_us)
            self._ends[key] = chunk.last_mono_ns // 1000 + offset_us

    def take(self, entry: m.ObjectEntry, read: ReadRedacted, chain: WriterChain, heads: Heads) -> list[Problem]:
        """Check this file against what the manifest and the statement say of its segment."""
        name = redacted_name(entry.name)
        if read.error is not None or read.header is None:
            where = f" byte {read.error.offset} ({read.error.code})" if read.error else ""
            self._findings.add("redacted-altered", name + where)
            return chain.skip(entry.name, entry.segment, entry.sha256, entry.chunks, heads)
        self._in_file(entry.writer, read.header, read.chunks, read.absent, name)
        if read.tree.hex() != entry.tree_sha256:
            self._findings.add("redacted-altered", f"{name} (tree)")
        if read.absent != self.told[entry.name].absent:
            self._findings.add("redacted-altered", f"{name} (absent)")
        total = sum(count for _, _, count in entry.chunks)
        if len(read.chunks) + sum(count for _, count in read.absent) != total:
            self._findings.add("redacted-altered", f"{name} (count)")
        by_track: dict[int, list[Chunk]] = {}
        for chunk in read.chunks:
            by_track.setdefault(chunk.track, []).append(chunk)
        before = {track: chain.tracks.get(track, ChainState()).chunks for track, _, _ in entry.chunks}
        for track, first, count in entry.chunks:
            expected = before[track]
            for chunk in by_track.get(track, []):
                if chunk.index > expected:
                    self._open[entry.writer, track] = name
                self.seen(entry.writer, [chunk])
                expected = chunk.index + 1
            if expected < first + count:
                self._open[entry.writer, track] = name
        return chain.resume(entry.name, entry.sha256, entry.chunks, heads, read.header, read.chunks)

    def finish(self) -> None:
        """Nothing more will be fed."""
        for name in dict.fromkeys(self._absences.finish()):
            self._findings.add("chunk-unexplained", name)
        for key in list(self._open):
            writer = self._writers.get(key[0])
            self._close(key, writer.end_us + _SLACK_US if writer else 0)

    def _close(self, key: tuple[str, int], latest_us: int) -> None:
        name = self._open.pop(key, "")
        if not name:
            return
        writer = self._writers.get(key[0])
        earliest_us = self._ends.get(key, writer.start_us - _SLACK_US if writer else 0)
        if not touches(self._times, earliest_us, latest_us):
            self._findings.add("chunk-unexplained", f"{name} track {key[1]}")


def _lost(chunk: Chunk) -> tuple[int, int] | None:
    """Begin and end of what could not be written before this chunk, monotonic ns: said by its first record."""
    try:
        first = next(chunk.records(), None)
    except FormatError:
        return None
    if first is None or first.kind != RecordKind.NOTE or (note := read_note(first.data))["note"] != "lost":
        return None
    start, end = note.get("fromMonoNs"), note.get("toMonoNs")
    return (start, end) if isinstance(start, int) and isinstance(end, int) else None
