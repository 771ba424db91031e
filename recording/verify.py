"""Verification: is a record complete, unaltered, and what does it lack?  Needs the objects and the public key only."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TypeVar

import msgspec
from cryptography.x509 import Certificate

from . import late_head, timestamps
from . import manifest as m
from .chain import ReadSegment, Segment, WriterChain, read_segment
from .cosignature import Cosigner, cosignatures, signers
from .format import RECORDING_TRACK
from .interruptions import LAWFUL
from .keys import PublicKey, parse_public
from .objects import ObjectStore
from .playback import (
    EXPORTS_PREFIX,
    PLAYBACK_NAME,
    PLAYBACK_SIGNATURE_NAME,
    RENDITIONS_PREFIX,
    ExportEntry,
    Playback,
    export_decoder,
)
from .playback import decoder as playback_decoder
from .report import CAUSES_ZH, LEVELS_ZH, SOURCES_ZH, Finding, Report, finding
from .roots import RootCheck
from .sentences import moment, period, span_words
from .timestamps import StampProblem
from .transparency import check_inclusion, inclusion_decoder
from .withheld import STATEMENT_NAME, STATEMENT_SIGNATURE_NAME, WITHHELD_EVENT, Statement, wrong_in
from .withheld import decoder as statement_decoder
from .written import (
    INDEX_NAME,
    INDEX_SIGNATURE_NAME,
    RECORD_NAME,
    WrittenIndex,
    index_decoder,
    record_decoder,
)
from .written import wrong_in as wrong_in_written

#: The public key that an export encloses.
ENCLOSED_KEY_NAME = "court.pub.pem"
#: The page that checks a record without a server.
VERIFIER_NAME = "verify.html"
#: Files of an export that are not part of the record.
COMPANIONS = frozenset({ENCLOSED_KEY_NAME, VERIFIER_NAME, "README.txt"})
#: Segments, or files, that are read and hashed at a time: some wait for the disk. Bounds memory at this many segments.
AT_A_TIME = 4
#: Findings listed one by one; what is beyond is counted only.
FINDINGS_LIMIT = 1000

#: What it is called when an index is not signed by this key.
_UNSIGNED = {PLAYBACK_NAME: "derived-unsigned", INDEX_NAME: "written-altered"}
_SIGNED_AS = {"signed": "written-signed", "refused": "written-refused", "missing": "written-missing-signature"}

Progress = Callable[[float], None]
Derived = TypeVar("Derived", Playback, ExportEntry, WrittenIndex)


class Verification:
    """One check of one record under a prefix of a store."""

    def __init__(
        self,
        store: ObjectStore,
        prefix: str,
        key: PublicKey | None,
        progress: Progress,
        authorities: Sequence[Certificate] = (),
        cosigners: Sequence[Cosigner] = (),
    ) -> None:
        self._store = store
        self._cosigners = cosigners
        self._authorities = authorities
        self._prefix = prefix
        self._key = key
        self._progress = progress
        self._trusted = key is not None
        self._findings: list[Finding] = []
        self._errors = 0
        self._manifest: m.Manifest | None = None
        #: Of the manifest here, and of the record's, which is another one in a public copy.
        self._manifest_sha256 = self._record_sha256 = ""
        self._statement: Statement | None = None
        self._chunks = 0
        self._bytes = 0
        self._bytes_expected = 1
        self._bytes_seen = 0

    async def run(self) -> Report:
        """Raises :class:`recording.objects.StoreProblem` only if the store itself fails."""
        present = {key[len(self._prefix) :]: size for key, size in await self._store.list(self._prefix)}
        self._bytes_expected = max(1, sum(present.values()))
        manifest = self._manifest = await self._signed_manifest(present)
        if manifest is not None:
            await self._stated(manifest, present)
            await self._objects(manifest, present)
            listed = await self._derived(manifest, present)
            listed |= {entry.name for entry in manifest.objects} | COMPANIONS
            listed |= {m.MANIFEST_NAME, m.SIGNATURE_NAME, m.INCLUSION_NAME, m.STAMP_NAME}
            listed |= {STATEMENT_NAME, STATEMENT_SIGNATURE_NAME}
            listed |= await self._written(present)
            await self._inclusion(present)
            for name in sorted(name for name in present if name.startswith(m.COSIGNED_PREFIX)):
                listed.add(name)
                await self._cosigned(name)
            await self._stamp(present)
            for name in sorted(set(present) - listed):
                self._add("derived-unlisted" if name.startswith(m.DERIVED_PREFIX) else "object-unlisted", name)
            self._known_faults(manifest)
        return self._report()

    # --- inside -------------------------------------------------------------------

    async def _signed_manifest(self, present: dict[str, int]) -> m.Manifest | None:
        if m.MANIFEST_NAME not in present:
            self._add("manifest-missing")
            return None
        data = await self._read(m.MANIFEST_NAME)
        self._manifest_sha256 = self._record_sha256 = hashlib.sha256(data).hexdigest()
        if self._key is None and not await self._enclosed_key(present):
            return None
        assert self._key is not None
        if m.SIGNATURE_NAME not in present:
            self._add("signature-missing")
        elif not self._key.verifies(data, await self._read(m.SIGNATURE_NAME)):
            self._add("signature-wrong")
        try:
            manifest = m.decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._add("manifest-unreadable")
            return None
        if manifest.key_id != self._key.key_id:
            self._add("key-other")
        return manifest

    async def _enclosed_key(self, present: dict[str, int]) -> bool:
        try:
            if ENCLOSED_KEY_NAME in present:
                self._key = parse_public(await self._read(ENCLOSED_KEY_NAME))
        except ValueError:
            pass
        if self._key is None:
            self._add("key-missing")
            return False
        self._add("key-enclosed", self._key.key_id)
        return True

    async def _stated(self, manifest: m.Manifest, present: dict[str, int]) -> None:
        """What the court says that this copy leaves out, if it says so with its key and of this record."""
        assert self._key is not None
        if STATEMENT_NAME not in present:
            return
        data = await self._read(STATEMENT_NAME)
        signature = await self._read(STATEMENT_SIGNATURE_NAME) if STATEMENT_SIGNATURE_NAME in present else b""
        if not self._key.verifies(data, signature):
            self._add("statement-wrong", "its signature", "签名不符")
            return
        try:
            statement = statement_decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._add("statement-wrong", "unreadable", "无法读取")
            return
        wrong = wrong_in(statement, manifest, self._manifest_sha256, present)
        for one in wrong:
            self._add("statement-wrong", one)
        if not wrong:
            self._statement, self._record_sha256 = statement, statement.manifest_sha256
            self._left_out(statement, manifest)

    def _left_out(self, statement: Statement, manifest: m.Manifest) -> None:
        for span in statement.spans:
            english, chinese = period(span.start_us, span.end_us)
            day, day_zh = moment(datetime.fromtimestamp(span.decided_us // 1_000_000, tz=UTC))
            level = LEVELS_ZH[span.level]
            self._add(
                "withheld",
                f"{english}, {span.level}, order {span.order}, decided by {span.by} at {day}",
                f"{chinese}，{level}，依据 {span.order}，由{span.by_zh or span.by}于 {day_zh} 决定",
            )
        if statement.part is not None:
            self._add("part", *period(statement.part.start_us, statement.part.end_us))
        withheld, outside = len(statement.withheld), len(statement.outside)
        if withheld or outside:
            total = len(manifest.objects)
            self._add(
                "segments-absent",
                f"{withheld} withheld, {outside} outside the part, of {total}",
                f"共 {total} 段，不予公开 {withheld} 段，所选部分之外 {outside} 段",
            )
        if statement.enclosed_sha256 != statement.manifest_sha256:
            self._add("manifest-public", statement.manifest_sha256)
            self._add("events-withheld", str(sum(event.get("name") == WITHHELD_EVENT for event in manifest.events)))

    async def _objects(self, manifest: m.Manifest, present: dict[str, int]) -> None:
        """Every listed segment: present, unaltered, and all chains as signed."""
        known = {(problem.code, problem.place) for problem in manifest.problems}
        chains: dict[str, WriterChain] = {}
        roots = RootCheck(manifest.events)
        here = [entry.name for entry in manifest.objects if entry.name in present]
        absent, heads = self._absent(manifest)
        async with contextlib.aclosing(self._read_ahead(here)) as ahead:
            for entry in manifest.objects:
                chain = chains.setdefault(entry.writer, WriterChain(manifest.sitting_id, entry.writer))
                if entry.name in absent:
                    for problem in chain.skip(
                        entry.name, entry.segment, entry.sha256, entry.chunks, heads.get(entry.writer, {})
                    ):
                        self._add("chain-unlisted", f"{problem.code}, {problem.place}")
                    roots.seen(chain)
                    continue
                if entry.name not in present:
                    self._add("object-missing", entry.name)
                    continue
                segment = chain.take(entry.name, await anext(ahead))
                roots.seen(chain)
                self._chunks += len(segment.chunks)
                self._bytes += segment.size
                if segment.sha256 != entry.sha256 or segment.size != entry.size:
                    self._add("object-altered", _altered_place(segment, entry))
                for problem in segment.problems:
                    if (problem.code, problem.place) not in known:
                        self._add("chain-unlisted", f"{problem.code}, {problem.place}")
                if segment.recovered:
                    self._add("segment-recovered", entry.name)
        self._tracks(manifest, chains)
        self._roots(roots)

    def _absent(self, manifest: m.Manifest) -> tuple[set[str], dict[str, dict[int, tuple[int, bytes]]]]:
        """The segments that the court's statement leaves out, and what each writer's tracks come to."""
        heads: dict[str, dict[int, tuple[int, bytes]]] = {}
        if self._statement is None:
            return set(), heads
        for track in manifest.tracks:
            with contextlib.suppress(ValueError):
                heads.setdefault(track.writer, {})[track.track] = track.chunks, bytes.fromhex(track.head_sha256)
        return {entry.name for entry in [*self._statement.withheld, *self._statement.outside]}, heads

    def _roots(self, roots: RootCheck) -> None:
        """The roots that the sitting's log took down each minute: they fit the chains as they stood then."""
        fit, wrong, last = roots.outcome()
        if fit:
            self._add("roots", f"{fit}, the last is {last}", f"共 {fit} 个，最后一个为 {last}")
        if roots.unchecked:
            self._add("roots-unchecked", str(roots.unchecked))
        for at in wrong:
            day = f"{at.year}年{at.month}月{at.day}日"
            self._add("root-wrong", f"{at:%Y-%m-%d %H:%M:%S} UTC", f"{day} {at:%H:%M:%S}（UTC）")

    def _tracks(self, manifest: m.Manifest, chains: dict[str, WriterChain]) -> None:
        signed = {(entry.writer, entry.track): entry for entry in manifest.tracks}
        for key, entry in signed.items():
            chain = chains.get(entry.writer)
            state = chain.tracks.get(entry.track) if chain is not None else None
            if state is None or state.chunks != entry.chunks or state.head.hex() != entry.head_sha256:
                self._add("track-altered", f"{key[0]}/{key[1]} ({entry.person_id}, {entry.source})")

    async def _derived(self, manifest: m.Manifest, present: dict[str, int]) -> set[str]:
        """The playable copies, if they are here.  Answers all names that belong to them."""
        names = {PLAYBACK_NAME, PLAYBACK_SIGNATURE_NAME}
        entries: list[tuple[str, int, str, int]] = []
        for name in sorted(present):
            if name != PLAYBACK_NAME and not (name.startswith(RENDITIONS_PREFIX) and name.endswith("/playback.json")):
                continue
            signature = name.removesuffix(".json") + ".sig"
            names |= {name, signature}
            index = await self._signed(name, signature, present, playback_decoder)
            if index is not None:
                if index.manifest_sha256 != self._record_sha256:
                    self._add("derived-altered", name)
                entries += [(entry.name, entry.size, entry.sha256, entry.hashed_from) for entry in index.media]
        for name in present:
            if name.startswith(EXPORTS_PREFIX) and name.endswith(".json"):
                signature = name.removesuffix(".json") + ".sig"
                names |= {name, signature}
                export = await self._signed(name, signature, present, export_decoder)
                if export is not None:
                    entries.append((export.name, export.size, export.sha256, 0))
        names |= {name for name, _, _, _ in entries}
        digests = await self._digests(sorted({(name, start) for name, _, _, start in entries if name in present}))
        for name, size, sha256, start in entries:
            if name not in present:
                self._add("derived-missing", name)
            elif (size, sha256) != digests[name, start]:
                self._add("derived-altered", name)
        return names

    async def _signed(
        self, name: str, signature: str, present: dict[str, int], decoder: msgspec.json.Decoder[Derived]
    ) -> Derived | None:
        assert self._key is not None
        data = await self._read(name)
        if signature not in present or not self._key.verifies(data, await self._read(signature)):
            self._add(_UNSIGNED.get(name, "derived-altered"), name)
        try:
            return decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._add("derived-altered", name)
            return None

    async def _written(self, present: dict[str, int]) -> set[str]:
        """The written record, if it is here: its documents, and every signature under it.  Answers its names."""
        names = {INDEX_NAME, INDEX_SIGNATURE_NAME}
        if INDEX_NAME not in present:
            return names
        index = await self._signed(INDEX_NAME, INDEX_SIGNATURE_NAME, present, index_decoder)
        if index is None:
            return names
        if index.manifest_sha256 != self._record_sha256:
            self._add("written-altered", INDEX_NAME)
        for entry in index.files:
            names.add(entry.name)
            if entry.name not in present:
                self._add("written-missing", entry.name)
                continue
            if (entry.size, entry.sha256) != await self._digest(entry.name):
                self._add("written-altered", entry.name)
            if entry.name == RECORD_NAME:
                await self._signatures()
        return names

    async def _signatures(self) -> None:
        try:
            record = record_decoder.decode(await self._store.read(self._prefix + RECORD_NAME))
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._add("written-altered", RECORD_NAME)
            return
        for wrong in wrong_in_written(record, self._record_sha256):
            self._add("written-wrong", wrong)
        for entry in record.signatures:
            self._add(_SIGNED_AS.get(entry.state, "written-wrong"), entry.name, entry.name_zh or entry.name)
        for one in record.incidents:
            self._add("incident", f"{one.name}: {one.text}", f"{one.name_zh or one.name}：{one.text}")

    async def _inclusion(self, present: dict[str, int]) -> None:
        if m.INCLUSION_NAME not in present:
            self._add("inclusion-missing")
            return
        try:
            found = inclusion_decoder.decode(await self._read(m.INCLUSION_NAME))
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._add("inclusion-wrong", "unreadable", "无法读取")
            return
        wrong = check_inclusion(found, self._record_sha256, self._key)
        if wrong is not None:
            self._add("inclusion-wrong", wrong)
        else:
            self._add("inclusion", f"entry {found.index} of {found.size}", f"第 {found.index} 项，共 {found.size} 项")

    async def _cosigned(self, name: str) -> None:
        """The proof once more, in a head that somebody outside the court signed too."""
        try:
            found = inclusion_decoder.decode(await self._read(name))
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._add("inclusion-wrong", name)
            return
        if check_inclusion(found, self._record_sha256, self._key) is not None:
            self._add("inclusion-wrong", name)
            return
        signed = cosignatures(found.checkpoint.encode(), self._cosigners)
        for cosignature in signed:
            english, chinese = moment(cosignature.time)
            self._add("cosigned", f"{cosignature.name}, {english}", f"{cosignature.name}，{chinese}")
        if not signed:
            self._add("cosigned-unchecked", ", ".join(signers(found.checkpoint.encode())))

    async def _stamp(self, present: dict[str, int]) -> None:
        if m.STAMP_NAME not in present:
            self._add("stamp-missing")
            return
        token = await self._read(m.STAMP_NAME)
        try:
            stamp = timestamps.check_digest(token, bytes.fromhex(self._record_sha256), self._authorities)
        except StampProblem as error:
            self._add("stamp-wrong", str(error))
            return
        english, chinese = moment(stamp.time.astimezone(UTC))
        code = "stamp" if stamp.trusted else "stamp-unchecked"
        self._add(code, f"{english} by {stamp.authority}", f"{chinese}，{stamp.authority}")

    def _known_faults(self, manifest: m.Manifest) -> None:
        for problem in manifest.problems:
            self._add("problem-known", f"{problem.code}, {problem.place}")
        for writer in manifest.missing_writers:
            self._add("writer-missing", writer)
        for span in manifest.interruptions:
            english, chinese = span_words(span)
            if span.cause in LAWFUL:
                cause = CAUSES_ZH.get(span.cause, span.cause)
                self._add("interruption-lawful", f"{span.cause}, {english}", f"{cause}，{chinese}")
            else:
                self._add("interruption", english, chinese)
        people = {person.person_id: person for person in manifest.participants}
        for gap in manifest.gaps:
            person = people.get(gap.person_id or "")
            name = person.name if person else gap.person_id
            name_zh = (person.name_zh or person.name) if person else gap.person_id
            english, chinese = span_words(gap)
            source, cause = gap.source or "", gap.cause
            self._add(
                "gap",
                f"{name}, {source}, {cause}, {english}",
                f"{name_zh}，{SOURCES_ZH.get(source, source)}，{CAUSES_ZH.get(cause, cause)}，{chinese}",
            )

    async def _read_ahead(self, names: Sequence[str]) -> AsyncGenerator[ReadSegment, None]:
        """Each segment with all hashes in it checked, in turn; the next ones are on their way in threads."""

        async def fetched(name: str) -> ReadSegment:
            return await asyncio.to_thread(read_segment, await self._read(name))

        coming: deque[asyncio.Task[ReadSegment]] = deque()
        left = iter(names)
        try:
            while True:
                coming += (asyncio.create_task(fetched(name)) for name in islice(left, AT_A_TIME - len(coming)))
                if not coming:
                    return
                found = await coming[0]
                coming.popleft()
                yield found
        finally:
            for task in coming:
                task.cancel()
            await asyncio.gather(*coming, return_exceptions=True)

    async def _read(self, name: str) -> bytes:
        data = await self._store.read(self._prefix + name)
        self._seen(len(data))
        return data

    async def _digest(self, name: str) -> tuple[int, str]:
        size, digest = await self._store.digest(self._prefix + name)
        self._seen(size)
        return size, digest

    async def _digests(self, wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], tuple[int, str]]:
        """Of several objects, each from a byte on and then what is before it; as many at a time as it is worth."""
        room = asyncio.Semaphore(AT_A_TIME)

        async def one(name: str, start: int) -> tuple[int, str]:
            async with room:
                if start == 0:
                    return await self._digest(name)
                if not 0 < start <= late_head.LIMIT_BYTES:
                    return 0, ""
                size, digest = await self._store.digest_late(self._prefix + name, start)
                self._seen(size)
                return size, digest

        return dict(zip(wanted, await asyncio.gather(*(one(*each) for each in wanted)), strict=True))

    def _seen(self, size: int) -> None:
        self._bytes_seen += size
        self._progress(min(1.0, self._bytes_seen / self._bytes_expected))

    def _add(self, code: str, place: str = "", place_zh: str | None = None) -> None:
        found = finding(code, place, place_zh)
        self._errors += found.severity == "error"
        if len(self._findings) < FINDINGS_LIMIT or (found.severity == "error" and self._errors < FINDINGS_LIMIT):
            self._findings.append(found)

    def _report(self) -> Report:
        manifest = self._manifest
        order = {"error": 0, "warning": 1, "note": 2}
        return Report(
            ok=not self._errors and manifest is not None,
            trusted=self._trusted,
            sitting_id=manifest.sitting_id if manifest else "",
            court=manifest.court if manifest else "",
            case_number=manifest.case_number if manifest else "",
            key_id=self._key.key_id if self._key else "",
            manifest_sha256=self._record_sha256,
            objects=len(manifest.objects) if manifest else 0,
            tracks=len(manifest.tracks) if manifest else 0,
            chunks=self._chunks,
            bytes=self._bytes,
            gaps=len(manifest.gaps) if manifest else 0,
            findings=sorted(self._findings, key=lambda found: order[found.severity]),
            withheld=len(self._statement.spans) if self._statement else 0,
            part=self._statement is not None and self._statement.part is not None,
        )


def _altered_place(segment: Segment, entry: m.ObjectEntry) -> str:
    """The object, and how far it can still be read: the first byte that is not as its chunk says."""
    if segment.size != entry.size:
        return f"{entry.name} ({segment.size} bytes, {entry.size} were signed)"
    for problem in segment.problems:
        if problem.place.startswith(f"{entry.name} byte"):
            return f"{problem.place} ({problem.code})"
    tracks = ", ".join(str(track) for track in segment.ranges if track != RECORDING_TRACK)
    return f"{entry.name} (tracks {tracks})"


async def verify_record(
    store: ObjectStore,
    prefix: str,
    key: PublicKey | None,
    progress: Progress = lambda part: None,
    authorities: Sequence[Certificate] = (),
    cosigners: Sequence[Cosigner] = (),
) -> Report:
    """Check the record under this prefix (``hearings/<id>/`` of a court's store, or nothing for an export).

    Without a key the enclosed one is used, and the report says so.  ``authorities`` are the roots of time-stamp
    authorities that are trusted, ``cosigners`` those whose signatures under the log's heads are.

    Raises :class:`recording.objects.StoreProblem`.
    """
    return await Verification(store, prefix, key, progress, authorities, cosigners).run()
