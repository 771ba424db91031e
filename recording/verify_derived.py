"""Whether what was made of a record is as the court signed it: playable copies, exports, the written record."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from .keys import PublicKey
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
from .report import Findings
from .verify_files import Files
from .withheld import Statement
from .written import (
    INDEX_NAME,
    INDEX_SIGNATURE_NAME,
    RECORD_NAME,
    WrittenIndex,
    index_decoder,
    record_decoder,
    wrong_in,
)

#: What it is called when an index is not signed by this key.
_UNSIGNED = {PLAYBACK_NAME: "derived-unsigned", INDEX_NAME: "written-altered"}
_SIGNED_AS = {"signed": "written-signed", "refused": "written-refused", "missing": "written-missing-signature"}

Derived = TypeVar("Derived", Playback, ExportEntry, WrittenIndex)


class DerivedCheck:
    """``record_sha256``: of the manifest of the record that it must have been made of; ``statement``: what this copy
    leaves out, and so its playable copies."""

    def __init__(
        self, files: Files, findings: Findings, key: PublicKey, record_sha256: str, statement: Statement | None = None
    ) -> None:
        self._files = files
        self._findings = findings
        self._key = key
        self._record_sha256 = record_sha256
        self._statement = statement

    async def playable(self) -> set[str]:
        """The playable copies, if they are here.  Answers all names that belong to them."""
        present = self._files.present
        names = {PLAYBACK_NAME, PLAYBACK_SIGNATURE_NAME}
        entries: list[tuple[str, int, str, int]] = []
        for name in sorted(present):
            if name != PLAYBACK_NAME and not (name.startswith(RENDITIONS_PREFIX) and name.endswith("/playback.json")):
                continue
            signature = name.removesuffix(".json") + ".sig"
            names |= {name, signature}
            index = await self._signed(name, signature, playback_decoder)
            if index is not None:
                if index.manifest_sha256 != self._record_sha256 or not self._fits(name, index):
                    self._findings.add("derived-altered", name)
                entries += [(entry.name, entry.size, entry.sha256, entry.hashed_from) for entry in index.media]
        for name in present:
            if name.startswith(EXPORTS_PREFIX) and name.endswith(".json"):
                signature = name.removesuffix(".json") + ".sig"
                names |= {name, signature}
                export = await self._signed(name, signature, export_decoder)
                if export is not None:
                    if export.manifest_sha256 != self._record_sha256:
                        self._findings.add("derived-altered", name)
                    entries.append((export.name, export.size, export.sha256, 0))
        names |= {name for name, _, _, _ in entries}
        digests = await self._files.digests(sorted({(name, start) for name, _, _, start in entries if name in present}))
        for name, size, sha256, start in entries:
            if name not in present:
                self._findings.add("derived-missing", name)
            elif (size, sha256) != digests[name, start]:
                self._findings.add("derived-altered", name)
        return names

    def _fits(self, name: str, index: Playback) -> bool:
        """Whether it leaves out what a copy of this kind does: the court signs many that do, for other readers."""
        if self._statement is not None:
            return index.withheld == self._statement.spans
        return name != PLAYBACK_NAME or not index.withheld

    async def written(self) -> set[str]:
        """The written record, if it is here: its documents, and every signature under it.  Answers its names."""
        present = self._files.present
        names = {INDEX_NAME, INDEX_SIGNATURE_NAME}
        if INDEX_NAME not in present:
            return names
        index = await self._signed(INDEX_NAME, INDEX_SIGNATURE_NAME, index_decoder)
        if index is None:
            return names
        if index.manifest_sha256 != self._record_sha256:
            self._findings.add("written-altered", INDEX_NAME)
        for entry in index.files:
            names.add(entry.name)
            if entry.name not in present:
                self._findings.add("written-missing", entry.name)
                continue
            if (entry.size, entry.sha256) != await self._files.digest(entry.name):
                self._findings.add("written-altered", entry.name)
            if entry.name == RECORD_NAME:
                await self._signatures()
        return names

    async def _signatures(self) -> None:
        try:
            record = record_decoder.decode(await self._files.read_again(RECORD_NAME))
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._findings.add("written-altered", RECORD_NAME)
            return
        for wrong in wrong_in(record, self._record_sha256):
            self._findings.add("written-wrong", wrong)
        for entry in record.signatures:
            self._findings.add(_SIGNED_AS.get(entry.state, "written-wrong"), entry.name, entry.name_zh or entry.name)
        for one in record.incidents:
            self._findings.add("incident", f"{one.name}: {one.text}", f"{one.name_zh or one.name}：{one.text}")

    async def _signed(self, name: str, signature: str, decoder: msgspec.json.Decoder[Derived]) -> Derived | None:
        data = await self._files.read(name)
        if signature not in self._files.present or not self._key.verifies(data, await self._files.read(signature)):
            self._findings.add(_UNSIGNED.get(name, "derived-altered"), name)
        try:
            return decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._findings.add("derived-altered", name)
            return None
