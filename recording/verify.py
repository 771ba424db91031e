"""Verification: is a record complete, unaltered, and what does it lack?  Needs the objects and the public key only."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec
from cryptography.x509 import Certificate

from . import manifest as m
from .cosignature import Cosigner
from .interruptions import LAWFUL
from .keys import PublicKey, parse_public
from .objects import ObjectStore
from .redacted import redacted_name
from .report import CAUSES_ZH, LEVELS_ZH, SOURCES_ZH, Findings, Report
from .sentences import moment, period, span_words, utc_of
from .verify_added import AddedCheck
from .verify_derived import DerivedCheck
from .verify_files import Files, Progress
from .verify_proofs import ProofCheck
from .verify_segments import SegmentCheck
from .withheld import (
    STATEMENT_INCLUSION_NAME,
    STATEMENT_NAME,
    STATEMENT_SIGNATURE_NAME,
    WITHHELD_EVENT,
    Statement,
    wrong_in,
)
from .withheld import decoder as statement_decoder

#: The public key that an export encloses.
ENCLOSED_KEY_NAME = "court.pub.pem"
#: The page that checks a record without a server.
VERIFIER_NAME = "verify.html"
#: Files of an export that are not part of the record.
COMPANIONS = frozenset({ENCLOSED_KEY_NAME, VERIFIER_NAME, "README.txt"})


class Verification:
    """One check of one record."""

    def __init__(self, files: Files, key: PublicKey | None) -> None:
        self._files = files
        self._key = key
        self._trusted = key is not None
        self._findings = Findings()
        self._manifest: m.Manifest | None = None
        #: Of the manifest here, and of the record's, which is another one in a public copy.
        self._manifest_sha256 = self._record_sha256 = ""
        self._statement: Statement | None = None
        self._statement_sha256 = ""
        self._segments: SegmentCheck | None = None

    async def run(self, authorities: Sequence[Certificate], cosigners: Sequence[Cosigner]) -> Report:
        """Raises :class:`recording.objects.StoreProblem` only if the store itself fails."""
        manifest = self._manifest = await self._signed_manifest()
        if manifest is not None:
            await self._stated(manifest)
            self._public(manifest)
            self._segments = SegmentCheck(self._files, self._findings, manifest, self._statement)
            await self._segments.run()
            listed = await self._around(authorities, cosigners)
            listed |= {entry.name for entry in manifest.objects} | COMPANIONS
            listed |= {m.MANIFEST_NAME, m.SIGNATURE_NAME}
            listed |= {STATEMENT_NAME, STATEMENT_SIGNATURE_NAME, STATEMENT_INCLUSION_NAME}
            listed |= {redacted_name(entry.name) for entry in self._statement.redacted} if self._statement else set()
            for name in sorted(set(self._files.present) - listed):
                self._findings.add("derived-unlisted" if name.startswith(m.DERIVED_PREFIX) else "object-unlisted", name)
            self._known_faults(manifest)
        return self._report()

    # --- inside -------------------------------------------------------------------

    async def _around(self, authorities: Sequence[Certificate], cosigners: Sequence[Cosigner]) -> set[str]:
        """What was made of the record, and what others say of it.  Answers the names of it all."""
        assert self._key is not None
        assert self._manifest is not None
        derived = DerivedCheck(self._files, self._findings, self._key, self._record_sha256, self._statement)
        names = await derived.playable() | await derived.written()
        proofs = ProofCheck(self._files, self._findings, self._key, self._record_sha256)
        await proofs.inclusion()
        await proofs.statement(self._statement_sha256)
        names |= await proofs.cosigned(cosigners)
        await proofs.stamp(authorities)
        beside = AddedCheck(
            self._files, self._findings, self._key, self._manifest.sitting_id, self._record_sha256, self._statement
        )
        names |= await beside.run()
        return names | {m.INCLUSION_NAME, m.STAMP_NAME}

    async def _signed_manifest(self) -> m.Manifest | None:
        if m.MANIFEST_NAME not in self._files.present:
            self._findings.add("manifest-missing")
            return None
        data = await self._files.read(m.MANIFEST_NAME)
        self._manifest_sha256 = self._record_sha256 = hashlib.sha256(data).hexdigest()
        if self._key is None and not await self._enclosed_key():
            return None
        assert self._key is not None
        if m.SIGNATURE_NAME not in self._files.present:
            self._findings.add("signature-missing")
        elif not self._key.verifies(data, await self._files.read(m.SIGNATURE_NAME)):
            self._findings.add("signature-wrong")
        try:
            manifest = m.decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._findings.add("manifest-unreadable")
            return None
        if manifest.version != m.MANIFEST_VERSION:
            self._findings.add("version-unknown", str(manifest.version))
            return None
        if manifest.key_id != self._key.key_id:
            self._findings.add("key-other")
        return manifest

    async def _enclosed_key(self) -> bool:
        try:
            if ENCLOSED_KEY_NAME in self._files.present:
                self._key = parse_public(await self._files.read(ENCLOSED_KEY_NAME))
        except ValueError:
            pass
        if self._key is None:
            self._findings.add("key-missing")
            return False
        self._findings.add("key-enclosed", self._key.key_id)
        return True

    async def _stated(self, manifest: m.Manifest) -> None:
        """What the court says that this copy leaves out, if it says so with its key and of this record."""
        assert self._key is not None
        present = self._files.present
        if STATEMENT_NAME not in present:
            return
        data = await self._files.read(STATEMENT_NAME)
        signature = await self._files.read(STATEMENT_SIGNATURE_NAME) if STATEMENT_SIGNATURE_NAME in present else b""
        if not self._key.verifies(data, signature):
            self._findings.add("statement-wrong", "its signature", "签名不符")
            return
        try:
            statement = statement_decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._findings.add("statement-wrong", "unreadable", "无法读取")
            return
        wrong = wrong_in(statement, manifest, self._manifest_sha256, present)
        for one in wrong:
            self._findings.add("statement-wrong", one)
        if not wrong:
            self._statement, self._record_sha256 = statement, statement.manifest_sha256
            self._statement_sha256 = hashlib.sha256(data).hexdigest()
            self._left_out(statement, manifest)

    def _public(self, manifest: m.Manifest) -> None:
        """A public version of a manifest is nothing without the statement that says so: the court signed it, too."""
        statement = self._statement
        stated = statement is not None and statement.enclosed_sha256 != statement.manifest_sha256
        known = manifest.public_of and (statement is None or statement.manifest_sha256 != manifest.public_of)
        cut = any(event.get("name") == WITHHELD_EVENT for event in manifest.events)
        if known or (cut and not stated):
            self._findings.add("statement-missing")

    def _left_out(self, statement: Statement, manifest: m.Manifest) -> None:
        for span in statement.spans:
            english, chinese = period(span.start_us, span.end_us)
            day, day_zh = moment(utc_of(span.decided_us))
            level = LEVELS_ZH[span.level]
            self._findings.add(
                "withheld",
                f"{english}, {span.level}, order {span.order}, decided by {span.by} at {day}",
                f"{chinese}，{level}，依据 {span.order}，由{span.by_zh or span.by}于 {day_zh} 决定",
            )
        if statement.part is not None:
            self._findings.add("part", *period(statement.part.start_us, statement.part.end_us))
        withheld, outside = len(statement.withheld), len(statement.outside)
        if withheld or outside:
            total = len(manifest.objects)
            self._findings.add(
                "segments-absent",
                f"{withheld} withheld, {outside} outside the part, of {total}",
                f"共 {total} 段，不予公开 {withheld} 段，所选部分之外 {outside} 段",
            )
        if cut := statement.redacted:
            names = {entry.name for entry in cut}
            absent = sum(count for entry in cut for _, count in entry.absent)
            total = sum(count for entry in manifest.objects if entry.name in names for _, _, count in entry.chunks)
            self._findings.add("chunks-absent", f"{absent} of {total}", f"共 {total} 个，略去 {absent} 个")
        if statement.enclosed_sha256 != statement.manifest_sha256:
            self._findings.add("manifest-public", statement.manifest_sha256)
            cut = sum(event.get("name") == WITHHELD_EVENT for event in manifest.events)
            self._findings.add("events-withheld", str(cut))

    def _known_faults(self, manifest: m.Manifest) -> None:
        for problem in manifest.problems:
            self._findings.add("problem-known", f"{problem.code}, {problem.place}")
        for writer in manifest.missing_writers:
            self._findings.add("writer-missing", writer)
        for span in manifest.interruptions:
            english, chinese = span_words(span)
            if span.cause in LAWFUL:
                cause = CAUSES_ZH.get(span.cause, span.cause)
                self._findings.add("interruption-lawful", f"{span.cause}, {english}", f"{cause}，{chinese}")
            else:
                self._findings.add("interruption", english, chinese)
        people = {person.person_id: person for person in manifest.participants}
        for gap in manifest.gaps:
            person = people.get(gap.person_id or "")
            name = person.name if person else gap.person_id
            name_zh = (person.name_zh or person.name) if person else gap.person_id
            english, chinese = span_words(gap)
            source, cause = gap.source or "", gap.cause
            self._findings.add(
                "gap",
                f"{name}, {source}, {cause}, {english}",
                f"{name_zh}，{SOURCES_ZH.get(source, source)}，{CAUSES_ZH.get(cause, cause)}，{chinese}",
            )

    def _report(self) -> Report:
        manifest, segments = self._manifest, self._segments
        return Report(
            ok=not self._findings.errors and manifest is not None,
            trusted=self._trusted,
            sitting_id=manifest.sitting_id if manifest else "",
            court=manifest.court if manifest else "",
            case_number=manifest.case_number if manifest else "",
            key_id=self._key.key_id if self._key else "",
            manifest_sha256=self._record_sha256,
            objects=len(manifest.objects) if manifest else 0,
            tracks=len(manifest.tracks) if manifest else 0,
            chunks=segments.chunks if segments else 0,
            bytes=segments.bytes if segments else 0,
            gaps=len(manifest.gaps) if manifest else 0,
            findings=self._findings.worst_first(),
            withheld=len(self._statement.spans) if self._statement else 0,
            part=self._statement is not None and self._statement.part is not None,
        )


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
    files = await Files.listed(store, prefix, progress)
    return await Verification(files, key).run(authorities, cosigners)
