"""Cosignatures: what another institution signs when it has seen that a court's log only grew (C2SP tlog-cosignature).

A cosigner keeps the newest head of each log that it watches, and signs a newer one only with the proof that it begins
with the one before.  Who has a head with the cosignature of somebody outside the court need not believe the court that
there is only one log.  The words on the wire are those of C2SP tlog-witness; "witness" means somebody else in a court.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from . import canonical64, checkpoint
from .keys import PublicKey, SigningKey
from .merkle import HASH_BYTES

#: Ed25519 cosignatures in a signed note.
ALGORITHM = b"\x04"
TIMESTAMP_BYTES = 8
SIGNATURE_BYTES = 64
#: tlog-witness, add-checkpoint: no proof is longer.
MAX_PROOF_LINES = 63
#: A checkpoint and 63 lines of 44 characters.
MAX_SUBMISSION_BYTES = checkpoint.MAX_CHECKPOINT_BYTES + 4096


class SubmissionProblem(ValueError):
    """The request is not one."""


@dataclass(frozen=True, slots=True)
class Cosigner:
    """Somebody outside whose cosignatures the court asks for (``url``: its submission prefix) or a reader trusts."""

    name: str
    key: PublicKey
    url: str = ""


@dataclass(frozen=True, slots=True)
class Cosignature:
    """``name`` had seen no larger head of this log at ``time``."""

    name: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Submission:
    """A head put before a cosigner, and why it begins with the one of ``old_size`` entries."""

    old_size: int
    proof: list[bytes]
    note: bytes


def parse_cosigner(text: str) -> Cosigner:
    """From ``<verifier key>`` or ``<verifier key> <address>``, as :func:`cosigner_key` writes the key.

    Raises :class:`ValueError`.
    """
    encoded, _, url = text.strip().partition(" ")
    return Cosigner(*checkpoint.parse_verifier_key(encoded, ALGORITHM), url.strip().rstrip("/"))


def cosigner_key(name: str, key: PublicKey) -> str:
    """The public key as logs and readers are given it."""
    return checkpoint.verifier_key(name, key, ALGORITHM)


def cosign(note: bytes, name: str, key: SigningKey, now_s: int) -> bytes:
    """The line that says that this head was seen at ``now_s``, POSIX time.  The note itself must have been checked."""
    text, _ = checkpoint.split(note)
    signature = now_s.to_bytes(TIMESTAMP_BYTES, "big") + key.sign(_message(text, now_s))
    return checkpoint.signature_line(name, checkpoint.key_hash(name, key.public, ALGORITHM), signature)


def cosignatures(note: bytes, cosigners: Sequence[Cosigner]) -> list[Cosignature]:
    """Those of these cosigners that hold, one of each at most; others are passed over.

    Raises :class:`recording.checkpoint.CheckpointProblem` if it is not a note.
    """
    text, lines = checkpoint.split(note)
    found: list[Cosignature] = []
    for cosigner in cosigners:
        key_id = checkpoint.key_hash(cosigner.name, cosigner.key, ALGORITHM)
        for raw in checkpoint.signatures(lines, cosigner.name, key_id):
            seconds = int.from_bytes(raw[:TIMESTAMP_BYTES], "big")
            if len(raw) != TIMESTAMP_BYTES + SIGNATURE_BYTES or seconds > _LAST_SECOND:
                continue
            if cosigner.key.verifies(_message(text, seconds), raw[TIMESTAMP_BYTES:]):
                found.append(Cosignature(cosigner.name, datetime.fromtimestamp(seconds, UTC)))
                break
    return found


def signers(note: bytes) -> list[str]:
    """Names of those who signed below a log's own signature, as they call themselves; nothing is checked."""
    text, lines = checkpoint.split(note)
    origin = text.partition(b"\n")[0].decode("utf-8", "replace")
    found = [line.split(" ")[1] for line in lines.decode("utf-8", "replace").splitlines() if line.count(" ") == 2]
    return [name for name in found if name != origin]


def write_submission(submission: Submission) -> bytes:
    """The body of ``add-checkpoint``."""
    proof = "".join(f"{base64.b64encode(part).decode()}\n" for part in submission.proof)
    return f"old {submission.old_size}\n{proof}\n".encode() + submission.note


def read_submission(body: bytes) -> Submission:
    """Raises :class:`SubmissionProblem`."""
    head, gap, note = body.partition(b"\n\n")
    if not gap or len(body) > MAX_SUBMISSION_BYTES:
        raise SubmissionProblem("not a submission")
    first, *lines = head.split(b"\n")
    word, _, number = first.partition(b" ")
    if (
        word != b"old"
        or not number.isdigit()
        or str(int(number[:20])).encode() != number
        or len(lines) > MAX_PROOF_LINES
    ):
        raise SubmissionProblem("not a submission")
    try:
        proof = [canonical64.decode(line) for line in lines]
    except ValueError:
        raise SubmissionProblem("not a proof") from None
    if any(len(part) != HASH_BYTES for part in proof):
        raise SubmissionProblem("not a proof")
    return Submission(int(number), proof, note)


#: The end of the year 9999, which :class:`datetime` can still say.
_LAST_SECOND = 253_402_300_799


def _message(text: bytes, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n".encode() + text
