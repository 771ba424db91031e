"""The court's signing key: Ed25519 (RFC 8032), made at the first run, in PEM files that any tool reads."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from .age import Identity


class KeyProblem(Exception):
    """A key file cannot be used; the text says which and why."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """``key_id`` is the SHA-256 of the raw 32 bytes of the key, in hex."""

    key: Ed25519PublicKey

    @property
    def key_id(self) -> str:
        return hashlib.sha256(self.key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()

    @property
    def pem(self) -> bytes:
        return self.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def verifies(self, data: bytes, signature: bytes) -> bool:
        try:
            self.key.verify(signature, data)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class SigningKey:
    key: Ed25519PrivateKey

    @property
    def public(self) -> PublicKey:
        return PublicKey(self.key.public_key())

    def sign(self, data: bytes) -> bytes:
        """The raw signature, 64 bytes."""
        return self.key.sign(data)


def public_path(path: Path) -> Path:
    return path.with_name(path.stem + ".pub.pem")


def load_or_make(path: Path) -> SigningKey:
    """The key in this file; a new one, and its public half ``<stem>.pub.pem`` beside it, if there is none.

    Raises :class:`KeyProblem`.
    """
    if not path.exists():
        _make(path)
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise KeyProblem(f"the signing key {path} cannot be read: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyProblem(f"the signing key {path} is not an Ed25519 key")
    signing = SigningKey(key)
    public = public_path(path)
    if not public.exists():
        _write_new(public, signing.public.pem, 0o644)
    return signing


def publish(place: Path, public: PublicKey) -> None:
    """Have the public half of the key that seals in this file, where others look for it.

    Raises :class:`KeyProblem` if another key's is there: records would look as if this court had not sealed them.
    """
    try:
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write_new(place, public.pem, 0o644)
    except OSError as error:
        raise KeyProblem(f"the public key cannot be written to {place}: {error}") from error
    if load_public(place).key_id != public.key_id:
        raise KeyProblem(f"{place} is the public half of another key; keep it elsewhere for the records that it sealed")


def load_public(path: Path) -> PublicKey:
    """Raises :class:`KeyProblem`."""
    try:
        return parse_public(path.read_bytes())
    except (OSError, ValueError) as error:
        raise KeyProblem(f"the public key {path} cannot be read: {error}") from error


def parse_public(pem: bytes) -> PublicKey:
    """Raises :class:`ValueError`."""
    key = load_pem_public_key(pem)
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("not an Ed25519 key")
    return PublicKey(key)


def load_or_make_identity(path: Path) -> Identity:
    """The age identity in this file; a new one if there is none.  Raises :class:`OSError` or :class:`ValueError`."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = Identity.generate()
        _write_new(path, f"# public key: {made.recipient}\n{made}\n".encode(), 0o600)
    return Identity.parse(path.read_text(encoding="utf-8"))


def _make(path: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_new(path, pem, 0o600)
    except OSError as error:
        raise KeyProblem(f"no signing key could be made at {path}: {error}") from error


def _write_new(path: Path, data: bytes, mode: int) -> None:
    """Write and name the file in one step, so that two processes at their first start agree on one key."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        os.write(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
