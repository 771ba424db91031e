"""Signed heads of the court's transparency log, in the text form that witnesses and log tools on the web read.

A checkpoint is a *signed note* (C2SP signed-note, C2SP tlog-checkpoint): the log's name, the number of entries, the
root in base64, an empty line, and a line for each signature: an em dash, the signer's name, and base64 of four bytes
that tell the key (the beginning of SHA-256 over name, newline, the algorithm's byte and the key) and the signature.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .keys import PublicKey, SigningKey
from .merkle import HASH_BYTES

#: Ed25519 in a signed note.
ALGORITHM = b"\x01"
KEY_HASH_BYTES = 4
SIGNATURE_BYTES = 64
#: No checkpoint is longer; co-signatures of witnesses are about 150 bytes each.
MAX_CHECKPOINT_BYTES = 64 * 1024
_DASH = "\u2014"


class CheckpointProblem(ValueError):
    """The text is not a checkpoint, or not one that this key signed."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """``origin`` names the log; ``size`` counts its entries, ``root`` is their Merkle root (32 bytes)."""

    origin: str
    size: int
    root: bytes


def sign(checkpoint: Checkpoint, key: SigningKey) -> bytes:
    """The signed text.  Signing the same again gives the same bytes."""
    text = _text(checkpoint)
    signature = _key_hash(checkpoint.origin, key.public) + key.sign(text)
    return text + f"\n{_DASH} {checkpoint.origin} {base64.b64encode(signature).decode()}\n".encode()


def read(note: bytes, key: PublicKey | None) -> Checkpoint:
    """The checkpoint, if the log's key signed it; without a key the signature is not looked at.

    Signatures of others are passed over.  Raises :class:`CheckpointProblem`.
    """
    if len(note) > MAX_CHECKPOINT_BYTES:
        raise CheckpointProblem("too long")
    text, gap, signatures = note.partition(b"\n\n")
    text += b"\n"
    checkpoint = _parse(text)
    if not gap or checkpoint is None or _text(checkpoint) != text:
        raise CheckpointProblem("not a checkpoint")
    if key is not None and not any(
        key.verifies(text, signature) for signature in _signatures(signatures, checkpoint.origin, key)
    ):
        raise CheckpointProblem("not signed by this key")
    return checkpoint


def verifier_key(origin: str, key: PublicKey) -> str:
    """The public key as log tools are given it: name, key hash in hex, and base64 of algorithm and key."""
    return f"{origin}+{_key_hash(origin, key).hex()}+{base64.b64encode(ALGORITHM + _raw(key)).decode()}"


def _text(checkpoint: Checkpoint) -> bytes:
    return f"{checkpoint.origin}\n{checkpoint.size}\n{base64.b64encode(checkpoint.root).decode()}\n".encode()


def _parse(text: bytes) -> Checkpoint | None:
    try:
        origin, size, root, rest = text.decode().split("\n", 3)
        checkpoint = Checkpoint(origin, int(size), base64.b64decode(root, validate=True))
    except (ValueError, binascii.Error):
        return None
    return checkpoint if not rest and origin and checkpoint.size >= 0 and len(checkpoint.root) == HASH_BYTES else None


def _signatures(lines: bytes, origin: str, key: PublicKey) -> list[bytes]:
    found: list[bytes] = []
    for line in lines.decode("utf-8", "replace").splitlines():
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.rpartition(" ")
        if dash != _DASH or name != origin:
            continue
        try:
            raw = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            continue
        if len(raw) == KEY_HASH_BYTES + SIGNATURE_BYTES and raw[:KEY_HASH_BYTES] == _key_hash(origin, key):
            found.append(raw[KEY_HASH_BYTES:])
    return found


def _key_hash(origin: str, key: PublicKey) -> bytes:
    return hashlib.sha256(origin.encode() + b"\n" + ALGORITHM + _raw(key)).digest()[:KEY_HASH_BYTES]


def _raw(key: PublicKey) -> bytes:
    return key.key.public_bytes(Encoding.Raw, PublicFormat.Raw)
