"""Recordings that the court added to a record after the close, as signed statements beside the manifest (C22, E14).

The manifest is of what the room recorded and is never changed; what was added later lies beside it, and each act of the
court about it is a *statement* of its own, signed by the same key: a version was added, another was made the current
one, one was withdrawn and why.  Statements are numbered and each has the hash of the one before, so that none can be
taken out, changed or put in another order.  Pure; docs/record-format.md section 10.

    added/<serial, 6 digits>.json, .sig     a statement, and the court's Ed25519 signature over its bytes
    added/<serial>.inclusion.json           the proof that the court's transparency log has it
    added/<SHA-256>                         the file of a version, as it came
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Final

import msgspec

from .manifest import ADDED_PREFIX, Struct
from .messages import Act

STATEMENT_VERSION: Final = 1
INCLUSION_SUFFIX: Final = ".inclusion.json"


_STATEMENT: Final = re.compile(r"added/([0-9]{6})\.json")
_FILE: Final = re.compile(r"added/([0-9a-f]{64})")


class AddedStatement(Struct):
    """``manifest_sha256``: of the record that it lies beside; ``previous_sha256``: of the statement before, empty in
    the first."""

    version: int
    sitting_id: str
    manifest_sha256: str
    previous_sha256: str
    act: Act
    made_us: int
    software: str
    key_id: str
    algorithm: str = "Ed25519"


decoder: msgspec.json.Decoder[AddedStatement] = msgspec.json.Decoder(AddedStatement)


def statement_name(serial: int) -> str:
    return f"{ADDED_PREFIX}{serial:06d}.json"


def signature_of(name: str) -> str:
    return name.removesuffix(".json") + ".sig"


def inclusion_of(name: str) -> str:
    return name.removesuffix(".json") + INCLUSION_SUFFIX


def file_name(sha256: str) -> str:
    return f"{ADDED_PREFIX}{sha256}"


def is_statement(name: str) -> bool:
    return _STATEMENT.fullmatch(name) is not None


def is_file(name: str) -> bool:
    """Whether this is the name of a file that was added, and not of what is said about it."""
    return _FILE.fullmatch(name) is not None


@dataclass(slots=True)
class Chain:
    """The statements of one record, taken in their order.  ``files``: size by SHA-256 of every version so far."""

    sitting_id: str
    manifest_sha256: str
    count: int = 0
    head: str = ""
    files: dict[str, int] = field(default_factory=dict)
    _versions: dict[tuple[str, str, int], list[str]] = field(default_factory=dict)

    def take(self, name: str, data: bytes, statement: AddedStatement) -> str:
        """What does not hold of this statement, whose signature does; empty if all does."""
        act, wrong = statement.act, ""
        if statement.sitting_id != self.sitting_id or statement.manifest_sha256 != self.manifest_sha256:
            wrong = "of another record"
        elif name != statement_name(act.serial) or act.serial != self.count + 1:
            wrong = "not the next"
        elif statement.previous_sha256 != self.head:
            wrong = "does not name the one before"
        else:
            wrong = self._act(act)
        self.count, self.head = max(self.count + 1, act.serial), hashlib.sha256(data).hexdigest()
        return wrong

    def _act(self, act: Act) -> str:
        versions = self._versions.setdefault((act.title, act.kind, act.started_us), [])
        if act.action == "add":
            if act.number != len(versions) + 1:
                return "not the next version"
            versions.append(act.sha256)
            self.files[act.sha256] = act.bytes
        elif not 0 < act.number <= len(versions) or versions[act.number - 1] != act.sha256:
            return "of no version that was added"
        elif act.action == "withdraw" and not act.reason:
            return "withdrawn without a reason"
        return ""
