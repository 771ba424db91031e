"""Whether the stored segments are all there and unaltered, and their chains and roots as they were signed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from . import manifest as m
from .chain import Problem, Segment, WriterChain
from .format import RECORDING_TRACK
from .redacted import ReadRedacted, redacted_name
from .report import Findings
from .roots import RootCheck
from .verify_files import Files
from .verify_redacted import RedactedCheck
from .withheld import Statement


class SegmentCheck:
    """``statement``: what the court says that this copy leaves out; ``chunks``, ``bytes``: what was read."""

    def __init__(self, files: Files, findings: Findings, manifest: m.Manifest, statement: Statement | None) -> None:
        self._files = files
        self._findings = findings
        self._manifest = manifest
        self._statement = statement
        #: What the recorder found when it sealed the record, and the manifest says.
        self._known = {(problem.code, problem.place) for problem in manifest.problems}
        self.chunks = 0
        self.bytes = 0

    async def run(self) -> None:
        """Every listed segment: present, unaltered, and all chains as signed."""
        manifest, present = self._manifest, self._files.present
        chains: dict[str, WriterChain] = {}
        roots = RootCheck(manifest.events)
        redacted = RedactedCheck(self._findings, manifest, self._statement)
        names = [redacted_name(entry.name) if entry.name in redacted.told else entry.name for entry in manifest.objects]
        cut = {redacted_name(name) for name in redacted.told}
        absent, heads = self._absent()
        async with contextlib.aclosing(
            self._files.read_ahead([name for name in names if name in present], cut)
        ) as ahead:
            for entry, name in zip(manifest.objects, names, strict=True):
                chain = chains.setdefault(entry.writer, WriterChain(manifest.sitting_id, entry.writer))
                ends = heads.get(entry.writer, {})
                if entry.name in absent:
                    redacted.skipped(entry)
                    self._broken(chain.skip(entry.name, entry.segment, entry.sha256, entry.chunks, ends))
                elif name in present:
                    read = await anext(ahead)
                    self.chunks += len(read.chunks)
                    self.bytes += read.size
                    if isinstance(read, ReadRedacted):
                        self._unlisted(redacted.take(entry, read, chain, ends))
                    else:
                        redacted.whole(entry.writer, read.header, read.chunks)
                        self._read(entry, chain.take(entry.name, read))
                else:
                    self._findings.add("object-missing", name)
                    continue
                roots.seen(chain)
        redacted.finish()
        self._tracks(chains)
        self._roots(roots)

    def _read(self, entry: m.ObjectEntry, segment: Segment) -> None:
        if segment.sha256 != entry.sha256 or segment.size != entry.size:
            self._findings.add("object-altered", _altered_place(segment, entry))
        self._unlisted(segment.problems)
        if segment.recovered:
            self._findings.add("segment-recovered", entry.name)

    def _unlisted(self, problems: Iterable[Problem]) -> None:
        self._broken(one for one in problems if (one.code, one.place) not in self._known)

    def _broken(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self._findings.add("chain-unlisted", f"{problem.code}, {problem.place}")

    def _absent(self) -> tuple[set[str], dict[str, dict[int, tuple[int, bytes]]]]:
        """The segments that the court's statement leaves out, and what each writer's tracks come to."""
        heads: dict[str, dict[int, tuple[int, bytes]]] = {}
        if self._statement is None:
            return set(), heads
        for track in self._manifest.tracks:
            with contextlib.suppress(ValueError):
                heads.setdefault(track.writer, {})[track.track] = track.chunks, bytes.fromhex(track.head_sha256)
        return {entry.name for entry in [*self._statement.withheld, *self._statement.outside]}, heads

    def _roots(self, roots: RootCheck) -> None:
        """The roots that the sitting's log took down each minute: they fit the chains as they stood then."""
        fit, wrong, last = roots.outcome()
        if fit:
            self._findings.add("roots", f"{fit}, the last is {last}", f"共 {fit} 个，最后一个为 {last}")
        if roots.unchecked:
            self._findings.add("roots-unchecked", str(roots.unchecked))
        for at in wrong:
            day = f"{at.year}年{at.month}月{at.day}日"
            self._findings.add("root-wrong", f"{at:%Y-%m-%d %H:%M:%S} UTC", f"{day} {at:%H:%M:%S}（UTC）")

    def _tracks(self, chains: dict[str, WriterChain]) -> None:
        signed = {(entry.writer, entry.track): entry for entry in self._manifest.tracks}
        for key, entry in signed.items():
            chain = chains.get(entry.writer)
            state = chain.tracks.get(entry.track) if chain is not None else None
            if state is None or state.chunks != entry.chunks or state.head.hex() != entry.head_sha256:
                self._findings.add("track-altered", f"{key[0]}/{key[1]} ({entry.person_id}, {entry.source})")


def _altered_place(segment: Segment, entry: m.ObjectEntry) -> str:
    """The object, and how far it can still be read: the first byte that is not as its chunk says."""
    if segment.size != entry.size:
        return f"{entry.name} ({segment.size} bytes, {entry.size} were signed)"
    for problem in segment.problems:
        if problem.place.startswith(f"{entry.name} byte"):
            return f"{problem.place} ({problem.code})"
    tracks = ", ".join(str(track) for track in segment.ranges if track != RECORDING_TRACK)
    return f"{entry.name} (tracks {tracks})"
