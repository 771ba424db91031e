"""The court's side: asks institutions outside to cosign the head of its transparency log (C2SP tlog-witness)."""

from __future__ import annotations

import asyncio
import urllib.request
from http import HTTPStatus
from urllib.error import HTTPError, URLError

from . import cosignature
from .checkpoint import CheckpointProblem
from .cosignature import Cosigner, Submission, cosignatures
from .transparency import Inclusion, TransparencyLog

#: How long a cosigner may take, s, and how much it may say, bytes: a line has about 150.
TIMEOUT_S = 20.0
ANSWER_LIMIT_BYTES = 16 * 1024
#: It tells its size once when it is not known here, and may have been told a newer head by another recorder meanwhile.
TRIES = 3


class CosignerProblem(Exception):
    """A cosigner did not sign now; trying later may help, unless it says that the log did not grow as it should."""


class Cosigners:
    """Those the court asks.  What each of them has seen is asked of it, and remembered while this lives."""

    def __init__(self, log: TransparencyLog, cosigners: tuple[Cosigner, ...]) -> None:
        self.all = cosigners
        self._log = log
        self._sizes: dict[str, int] = {}

    async def cosign(self, inclusion: Inclusion, cosigner: Cosigner) -> Inclusion:
        """The same proof, with this cosigner's line under the head.  ``inclusion`` must be in the newest head.

        Raises :class:`CosignerProblem`, :class:`recording.transparency.LogProblem`,
        :class:`recording.objects.StoreProblem`.
        """
        note = inclusion.checkpoint.encode()
        for _ in range(TRIES):
            old = self._sizes.get(cosigner.name, 0)
            if old > inclusion.size:
                self._sizes.pop(cosigner.name)
                raise CosignerProblem(f"{cosigner.name} knows a head of {old} entries, this one has {inclusion.size}")
            proof = await self._log.consistency_proof(old, inclusion.size)
            body = cosignature.write_submission(Submission(old, proof, note))
            try:
                status, answer = await asyncio.to_thread(_post, f"{cosigner.url}/add-checkpoint", body)
            except (OSError, URLError, ValueError) as error:
                raise CosignerProblem(f"{cosigner.url}: {error}") from error
            if status == HTTPStatus.CONFLICT and answer.strip().isdigit() and int(answer) != old:
                self._sizes[cosigner.name] = int(answer)
                continue
            if status != HTTPStatus.OK:
                raise CosignerProblem(f"{cosigner.url} answers {status}")
            self._sizes[cosigner.name] = inclusion.size
            return Inclusion(
                entry=inclusion.entry,
                index=inclusion.index,
                size=inclusion.size,
                proof=inclusion.proof,
                checkpoint=_with_line(note, answer, cosigner).decode(),
            )
        raise CosignerProblem(f"{cosigner.url} changes its mind about what it has seen")


def _with_line(note: bytes, answer: bytes, cosigner: Cosigner) -> bytes:
    """The note and those lines of the answer that hold.  Raises :class:`CosignerProblem`."""
    for line in answer.splitlines(keepends=True):
        try:
            if cosignatures(note + line, [cosigner]):
                return note + line
        except CheckpointProblem:
            break
    raise CosignerProblem(f"{cosigner.url} did not sign with the key that it is known by")


def _post(url: str, body: bytes) -> tuple[int, bytes]:
    request = urllib.request.Request(url, body, {"Content-Type": "text/plain; charset=utf-8"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return answer.status, answer.read(ANSWER_LIMIT_BYTES)
    except HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read(ANSWER_LIMIT_BYTES)
