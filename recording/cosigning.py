"""The cosigner's side: one institution watches that the logs of others only grow (C2SP tlog-witness).

Courts can do this for each other; a bar or a university can do it for a court.  A cosigner sees heads and hashes, and
nothing of any record.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from . import checkpoint
from .checkpoint import Checkpoint, CheckpointProblem
from .cosignature import SubmissionProblem, cosign, read_submission
from .keys import PublicKey, SigningKey
from .merkle import EMPTY_ROOT, extends
from .spool import sync_folder

SIZE_TYPE = "text/x.tlog.size"
TEXT_TYPE = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    status: HTTPStatus
    body: bytes = b""
    media_type: str = TEXT_TYPE


class Heads:
    """The newest cosigned head of each log, a file each: what a cosigner must never forget."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def newest(self, origin: str, key: PublicKey) -> Checkpoint:
        """The empty log's head, if none was cosigned yet.  Raises :class:`OSError`, :class:`CheckpointProblem`."""
        with contextlib.suppress(FileNotFoundError):
            return checkpoint.read(self._path(origin).read_bytes(), key)
        return Checkpoint(origin, 0, EMPTY_ROOT)

    def remember(self, origin: str, note: bytes) -> None:
        """On disk when this returns.  Raises :class:`OSError`."""
        path = self._path(origin)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_suffix(".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, note)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        draft.replace(path)
        sync_folder(self._folder)

    def _path(self, origin: str) -> Path:
        return self._folder / f"{hashlib.sha256(origin.encode()).hexdigest()}.note"


class Cosigning:
    """Answers ``add-checkpoint``.  ``logs``: the origins that are watched, and their keys."""

    def __init__(self, name: str, key: SigningKey, logs: Mapping[str, PublicKey], heads: Heads) -> None:
        self._name = name
        self._key = key
        self._logs = logs
        self._heads = heads
        self._turn = threading.Lock()

    def add_checkpoint(self, body: bytes, now_s: int) -> Answer:
        """One request; blocks for the disk, and may be called from several threads.  Raises :class:`OSError`."""
        try:
            submission = read_submission(body)
            head = checkpoint.read(submission.note, None)
        except (SubmissionProblem, CheckpointProblem):
            return Answer(HTTPStatus.BAD_REQUEST)
        key = self._logs.get(head.origin)
        if key is None:
            return Answer(HTTPStatus.NOT_FOUND)
        try:
            checkpoint.read(submission.note, key)
        except CheckpointProblem:
            return Answer(HTTPStatus.FORBIDDEN)
        if submission.old_size > head.size:
            return Answer(HTTPStatus.BAD_REQUEST)
        with self._turn:  # looking and remembering are one step: a head must never be followed by a smaller one
            newest = self._heads.newest(head.origin, key)
            if submission.old_size != newest.size:
                return Answer(HTTPStatus.CONFLICT, f"{newest.size}\n".encode(), SIZE_TYPE)
            if head.size == newest.size and head.root != newest.root:
                return Answer(HTTPStatus.CONFLICT, f"{newest.size}\n".encode(), SIZE_TYPE)
            if not _grew(newest, head, submission.proof):
                return Answer(HTTPStatus.UNPROCESSABLE_ENTITY)
            self._heads.remember(head.origin, submission.note)
        return Answer(HTTPStatus.OK, cosign(submission.note, self._name, self._key, now_s))


def _grew(old: Checkpoint, new: Checkpoint, proof: list[bytes]) -> bool:
    if old.size == 0:
        return not proof
    return extends(old.size, old.root, new.size, new.root, proof)
