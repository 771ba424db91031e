"""Whether others bear a record out: the court's public log of seals, its cosigners, a time-stamp authority."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

import msgspec
from cryptography.x509 import Certificate

from . import manifest as m
from . import timestamps
from .cosignature import Cosigner, cosignatures, signers
from .keys import PublicKey
from .report import Findings
from .sentences import moment
from .timestamps import StampProblem
from .transparency import check_inclusion, check_statement, inclusion_decoder, statement_inclusion_decoder
from .verify_files import Files
from .withheld import STATEMENT_INCLUSION_NAME


class ProofCheck:
    """``record_sha256``: of the signed manifest, which the proofs are of."""

    def __init__(self, files: Files, findings: Findings, key: PublicKey, record_sha256: str) -> None:
        self._files = files
        self._findings = findings
        self._key = key
        self._record_sha256 = record_sha256

    async def inclusion(self) -> None:
        """The record is an entry of the log that the court's key signed."""
        if m.INCLUSION_NAME not in self._files.present:
            self._findings.add("inclusion-missing")
            return
        try:
            found = inclusion_decoder.decode(await self._files.read(m.INCLUSION_NAME))
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._findings.add("inclusion-wrong", "unreadable", "无法读取")
            return
        wrong = check_inclusion(found, self._record_sha256, self._key)
        if wrong is not None:
            self._findings.add("inclusion-wrong", wrong)
        else:
            self._findings.add(
                "inclusion", f"entry {found.index} of {found.size}", f"第 {found.index} 项，共 {found.size} 项"
            )

    async def statement(self, statement_sha256: str) -> None:
        """The court's statement on what this copy leaves out is an entry too; ``statement_sha256`` is empty without."""
        if not statement_sha256:
            return
        if STATEMENT_INCLUSION_NAME not in self._files.present:
            self._findings.add("statement-unlogged")
            return
        try:
            found = statement_inclusion_decoder.decode(await self._files.read(STATEMENT_INCLUSION_NAME))
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._findings.add("inclusion-wrong", STATEMENT_INCLUSION_NAME)
            return
        if check_statement(found, statement_sha256, self._key) is not None:
            self._findings.add("inclusion-wrong", STATEMENT_INCLUSION_NAME)
        else:
            self._findings.add(
                "statement-logged", f"entry {found.index} of {found.size}", f"第 {found.index} 项，共 {found.size} 项"
            )

    async def cosigned(self, cosigners: Sequence[Cosigner]) -> set[str]:
        """Every proof that went to cosigners.  Answers the names."""
        names = sorted(name for name in self._files.present if name.startswith(m.COSIGNED_PREFIX))
        for name in names:
            await self._cosigned(name, cosigners)
        return set(names)

    async def _cosigned(self, name: str, cosigners: Sequence[Cosigner]) -> None:
        """The proof once more, in a head that somebody outside the court signed too."""
        try:
            found = inclusion_decoder.decode(await self._files.read(name))
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._findings.add("inclusion-wrong", name)
            return
        if check_inclusion(found, self._record_sha256, self._key) is not None:
            self._findings.add("inclusion-wrong", name)
            return
        signed = cosignatures(found.checkpoint.encode(), cosigners)
        for cosignature in signed:
            english, chinese = moment(cosignature.time)
            self._findings.add("cosigned", f"{cosignature.name}, {english}", f"{cosignature.name}，{chinese}")
        if not signed:
            self._findings.add("cosigned-unchecked", ", ".join(signers(found.checkpoint.encode())))

    async def stamp(self, authorities: Sequence[Certificate]) -> None:
        """RFC 3161: when somebody else saw the manifest; ``authorities`` are the roots that are trusted."""
        if m.STAMP_NAME not in self._files.present:
            self._findings.add("stamp-missing")
            return
        token = await self._files.read(m.STAMP_NAME)
        try:
            stamp = timestamps.check_digest(token, bytes.fromhex(self._record_sha256), authorities)
        except StampProblem as error:
            self._findings.add("stamp-wrong", str(error))
            return
        english, chinese = moment(stamp.time.astimezone(UTC))
        code = "stamp" if stamp.trusted else "stamp-unchecked"
        self._findings.add(code, f"{english} by {stamp.authority}", f"{chinese}，{stamp.authority}")
