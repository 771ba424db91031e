"""Signed heads of the court's transparency log, in the text form that witnesses and log tools on the web read.

A checkpoint is a *signed note* (C2SP signed-note, C2SP tlog-checkpoint): the log's name, the number of entries, the
root in base64, an empty line, and a line for each signature: an em dash, the signer's name, and base64 of four bytes
that tell the key (the beginning of SHA-256 over name, newline, the algorithm's byte and the key) and the signature.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from . import canonical64
from .keys import PublicKey, SigningKey
from .merkle import HASH_BYTES

#: Ed25519 in a signed note.
ALGORITHM = b"\x01"
KEY_HASH_BYTES = 4
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
    return text + b"\n" + signature_line(checkpoint.origin, key_hash(checkpoint.origin, key.public), key.sign(text))


def read(note: bytes, key: PublicKey | None) -> Checkpoint:
    """The checkpoint, if the log's key signed it; without a key the signature is not looked at.

    Signatures of others are passed over.  Raises :class:`CheckpointProblem`.
    """
    text, lines = split(note)
    checkpoint = _parse(text)
    if checkpoint is None or _text(checkpoint) != text:
        raise CheckpointProblem("not a checkpoint")
    if key is not None:
        found = signatures(lines, checkpoint.origin, key_hash(checkpoint.origin, key))
        if not any(key.verifies(text, signature) for signature in found):
            raise CheckpointProblem("not signed by this key")
    return checkpoint


def split(note: bytes) -> tuple[bytes, bytes]:
    """The text that is signed, with its last newline, and the lines of signatures.

    Raises :class:`CheckpointProblem`.
    """
    if len(note) > MAX_CHECKPOINT_BYTES:
        raise CheckpointProblem("too long")
    text, gap, lines = note.partition(b"\n\n")
    if not gap:
        raise CheckpointProblem("not a checkpoint")
    return text + b"\n", lines


def signature_line(name: str, key_id: bytes, signature: bytes) -> bytes:
    return f"{_DASH} {name} {base64.b64encode(key_id + signature).decode()}\n".encode()


def signatures(lines: bytes, name: str, key_id: bytes) -> list[bytes]:
    """What these lines give as signatures of this name and key: raw bytes, not checked."""
    found: list[bytes] = []
    for line in lines.decode("utf-8", "replace").splitlines():
        dash, _, rest = line.partition(" ")
        signer, _, encoded = rest.rpartition(" ")
        if dash != _DASH or signer != name:
            continue
        try:
            raw = canonical64.decode(encoded)
        except ValueError:
            continue
        if raw[:KEY_HASH_BYTES] == key_id:
            found.append(raw[KEY_HASH_BYTES:])
    return found


def verifier_key(name: str, key: PublicKey, algorithm: bytes = ALGORITHM) -> str:
    """The public key as log tools are given it: name, key hash in hex, and base64 of algorithm and key."""
    encoded = base64.b64encode(algorithm + _raw(key)).decode()
    return f"{name}+{key_hash(name, key, algorithm).hex()}+{encoded}"


def parse_verifier_key(text: str, algorithm: bytes = ALGORITHM) -> tuple[str, PublicKey]:
    """Name and key.  Raises :class:`ValueError` if it is not such a key, or one of another algorithm."""
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    raw = canonical64.decode(encoded)
    if not name or raw[:1] != algorithm or len(raw) != 33:
        raise ValueError("not such a key")
    key = PublicKey(Ed25519PublicKey.from_public_bytes(raw[1:]))
    if key_hash(name, key, algorithm).hex() != key_id:
        raise ValueError("name and key do not belong together")
    return name, key


def key_hash(name: str, key: PublicKey, algorithm: bytes = ALGORITHM) -> bytes:
    """What tells a key in a line of a note: four bytes."""
    return hashlib.sha256(name.encode() + b"\n" + algorithm + _raw(key)).digest()[:KEY_HASH_BYTES]


def _text(checkpoint: Checkpoint) -> bytes:
    return f"{checkpoint.origin}\n{checkpoint.size}\n{base64.b64encode(checkpoint.root).decode()}\n".encode()


def _parse(text: bytes) -> Checkpoint | None:
    try:
        origin, size, root, rest = text.decode().split("\n", 3)
        checkpoint = Checkpoint(origin, int(size), canonical64.decode(root))
    except ValueError:
        return None
    return checkpoint if not rest and origin and checkpoint.size >= 0 and len(checkpoint.root) == HASH_BYTES else None


def _raw(key: PublicKey) -> bytes:
    return key.key.public_bytes(Encoding.Raw, PublicFormat.Raw)
