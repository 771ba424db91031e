"""Whether the recordings that the court added after the close are as it stated, one statement after the other."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import msgspec

from . import added
from .keys import PublicKey
from .manifest import ADDED_PREFIX
from .messages import Act
from .report import Findings
from .sentences import moment
from .transparency import check_statement, statement_inclusion_decoder
from .verify_files import Files
from .withheld import Statement

_ACTS = {"add": "added", "choose": "added-chosen", "withdraw": "added-withdrawn"}


class AddedCheck:
    """``record_sha256``: of the manifest that they lie beside; ``statement``: what this copy leaves out."""

    def __init__(
        self,
        files: Files,
        findings: Findings,
        key: PublicKey,
        sitting_id: str,
        record_sha256: str,
        statement: Statement | None,
    ) -> None:
        self._files = files
        self._findings = findings
        self._key = key
        self._chain = added.Chain(sitting_id, record_sha256)
        self._left_out = set(statement.added) if statement is not None else set()
        self._logged = 0

    async def run(self) -> set[str]:
        """Answers the names of all that is, or may be, there of them."""
        present = self._files.present
        names = {name for name in present if name.startswith(ADDED_PREFIX)}
        statements = sorted(name for name in names if added.is_statement(name))
        for name in statements:
            await self._statement(name)
        await self._stored()
        known = {other for name in statements for other in (name, added.signature_of(name), added.inclusion_of(name))}
        for name in sorted(names - known - {added.file_name(sha256) for sha256 in self._chain.files}):
            self._findings.add("added-unlisted", name)
        if statements:
            logged, of = self._logged, len(statements)
            self._findings.add("added-logged", f"{logged} of {of}", f"共 {of} 份，已登记 {logged} 份")
        return names

    async def _statement(self, name: str) -> None:
        present, data = self._files.present, await self._files.read(name)
        signature = added.signature_of(name)
        if signature not in present or not self._key.verifies(data, await self._files.read(signature)):
            self._findings.add("added-wrong", f"{name}, its signature", f"{name}，签名不符")
        try:
            statement = added.decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._findings.add("added-wrong", f"{name}, unreadable", f"{name}，无法读取")
            return
        if wrong := self._chain.take(name, data, statement):
            self._findings.add("added-wrong", f"{name}, {wrong}")
        self._findings.add(_ACTS[statement.act.action], *_words(statement.act))
        await self._proof(added.inclusion_of(name), data)

    async def _proof(self, name: str, data: bytes) -> None:
        if name not in self._files.present:
            return
        try:
            proof = statement_inclusion_decoder.decode(await self._files.read(name))
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._findings.add("inclusion-wrong", name)
            return
        if check_statement(proof, hashlib.sha256(data).hexdigest(), self._key) is not None:
            self._findings.add("inclusion-wrong", name)
        else:
            self._logged += 1

    async def _stored(self) -> None:
        """The files themselves."""
        present = self._files.present
        places = {added.file_name(sha256): (size, sha256) for sha256, size in self._chain.files.items()}
        here = [name for name in places if name in present]
        digests = await self._files.digests([(name, 0) for name in here])
        for name, signed in places.items():
            if name in here:
                if digests[name, 0] != signed:
                    self._findings.add("added-altered", name)
                if name in self._left_out:
                    self._findings.add("statement-wrong", f"said to be absent, {name}")
            else:
                self._findings.add("added-withheld" if name in self._left_out else "added-missing", name)


def _words(act: Act) -> tuple[str, str]:
    (at, at_zh), (began, began_zh) = (
        moment(datetime.fromtimestamp(us // 1_000_000, tz=UTC)) for us in (act.at_us, act.started_us)
    )
    by_zh = act.by_zh or act.by
    english, chinese = f"“{act.title}”, version {act.number}", f"《{act.title}》第 {act.number} 版"
    if act.action == "add":
        return (
            f"{english}, made with {act.equipment}, said to have begun {began}, added by {act.by} on {at}",
            f"{chinese}，设备：{act.equipment}，据称始于 {began_zh}，由{by_zh}于 {at_zh} 补充",
        )
    done, done_zh = f"{english}, by {act.by} on {at}", f"{chinese}，由{by_zh}于 {at_zh} 作出"
    return (f"{done}: {act.reason}", f"{done_zh}：{act.reason}") if act.action == "withdraw" else (done, done_zh)
