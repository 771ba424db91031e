"""Encryption in the age format (C2SP age, version 1) for X25519 recipients, with reading from the middle of a file.

Anybody who has an identity can open what is written here with the ``age`` program, without this one.  Written here
and not taken from a library because none reads a part of a file, which playing a recording needs; the primitives are
those of ``cryptography``, and the tests hold both directions to another implementation.

A file is a header, which wraps a random file key once for each recipient, and a payload: a nonce of 16 bytes, then
ChaCha20-Poly1305 over pieces of 64 KiB, the last one marked as last, so that a cut is noticed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from . import canonical64

MAGIC = b"age-encryption.org/v1\n"
INFO = b"age-encryption.org/v1/X25519"
PIECE_BYTES = 64 * 1024
TAG_BYTES = 16
NONCE_BYTES = 16
FILE_KEY_BYTES = 16
SEALED_PIECE_BYTES = PIECE_BYTES + TAG_BYTES
#: Longest header that is read: about 80 recipients.
HEADER_LIMIT_BYTES = 8192
RECIPIENT_PREFIX, IDENTITY_PREFIX = "age", "AGE-SECRET-KEY-"


class AgeProblem(Exception):
    """What was to be opened is not in this format, not for this identity, or was altered."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """For whom something is encrypted: ``age1…``."""

    raw: bytes

    def __str__(self) -> str:
        return _bech32(RECIPIENT_PREFIX, self.raw)

    @classmethod
    def parse(cls, text: str) -> Recipient:
        """Raises :class:`ValueError`."""
        return cls(_unbech32(RECIPIENT_PREFIX, text.strip()))


@dataclass(frozen=True, slots=True)
class Identity:
    """Who can open it: ``AGE-SECRET-KEY-1…``."""

    key: X25519PrivateKey

    @classmethod
    def generate(cls) -> Identity:
        return cls(X25519PrivateKey.generate())

    @classmethod
    def parse(cls, text: str) -> Identity:
        """The first identity in a file as ``age-keygen`` writes it.  Raises :class:`ValueError`."""
        for line in text.splitlines():
            if line.strip() and not line.startswith("#"):
                return cls(
                    X25519PrivateKey.from_private_bytes(_unbech32(IDENTITY_PREFIX.lower(), line.strip().lower()))
                )
        raise ValueError("no identity in it")

    @property
    def recipient(self) -> Recipient:
        return Recipient(self.key.public_key().public_bytes_raw())

    def __str__(self) -> str:
        return _bech32(IDENTITY_PREFIX.lower(), self.key.private_bytes_raw()).upper()

    def __repr__(self) -> str:
        return f"Identity({self.recipient})"


@dataclass(frozen=True, slots=True)
class Head:
    """An opened header.  ``start`` is where the pieces begin."""

    payload_key: bytes
    start: int

    def pieces(self, number: int, sealed: bytes, *, last: bool) -> bytes:
        """What these whole pieces hold, the first of which has this number.  Raises :class:`AgeProblem`."""
        cipher = ChaCha20Poly1305(self.payload_key)
        parts = []
        for at in range(0, max(1, len(sealed)), SEALED_PIECE_BYTES):
            end = at + SEALED_PIECE_BYTES
            nonce = _nonce(number, last=last and end >= len(sealed))
            try:
                parts.append(cipher.decrypt(nonce, sealed[at:end], None))
            except InvalidTag:
                raise AgeProblem(f"piece {number} was altered") from None
            number += 1
        return b"".join(parts)


class Sealer:
    """Encrypts a stream: :meth:`begin`, then :meth:`feed` with any pieces, then :meth:`end`."""

    def __init__(self, recipients: Sequence[Recipient]) -> None:
        file_key, nonce = os.urandom(FILE_KEY_BYTES), os.urandom(NONCE_BYTES)
        self._begin = _header(file_key, recipients) + nonce
        self._cipher = ChaCha20Poly1305(_payload_key(file_key, nonce))
        self._held = bytearray()
        self._number = 0

    def begin(self) -> bytes:
        return self._begin

    def feed(self, data: bytes | memoryview) -> bytes:
        self._held += data
        sealed = []
        while len(self._held) > PIECE_BYTES:  # the last piece is known at the end only
            sealed.append(self._seal(bytes(self._held[:PIECE_BYTES]), last=False))
            del self._held[:PIECE_BYTES]
        return b"".join(sealed)

    def end(self) -> bytes:
        return self._seal(bytes(self._held), last=True)

    def _seal(self, piece: bytes, *, last: bool) -> bytes:
        nonce = _nonce(self._number, last=last)
        self._number += 1
        return self._cipher.encrypt(nonce, piece, None)


def encrypt(data: bytes, recipients: Sequence[Recipient]) -> bytes:
    sealer = Sealer(recipients)
    parts = [sealer.begin()]
    view = memoryview(data)
    for at in range(0, len(data), 16 * PIECE_BYTES):
        parts.append(sealer.feed(view[at : at + 16 * PIECE_BYTES]))
    return b"".join([*parts, sealer.end()])


def decrypt(data: bytes, identities: Iterable[Identity]) -> bytes:
    """Raises :class:`AgeProblem`."""
    head = open_header(data[:HEADER_LIMIT_BYTES], identities)
    return head.pieces(0, data[head.start :], last=True)


def open_header(data: bytes, identities: Iterable[Identity]) -> Head:
    """The header at the beginning of these bytes, which must hold it and the nonce.  Raises :class:`AgeProblem`."""
    if not data.startswith(MAGIC):
        raise AgeProblem("not encrypted in the age format")
    mark = data.find(b"\n--- ")
    end = data.find(b"\n", mark + 1)
    if mark < 0 or end < 0 or len(data) < end + 1 + NONCE_BYTES:
        raise AgeProblem("its header is cut off")
    wrapped, mac = _stanzas(data[len(MAGIC) : mark + 1]), _unbase64(data[mark + 5 : end])
    for identity in identities:
        for share, body in wrapped:
            file_key = _unwrap(identity, share, body)
            if file_key is None:
                continue
            if not hmac.compare_digest(mac, _mac(file_key, data[: mark + 4])):
                raise AgeProblem("its header was altered")
            start = end + 1 + NONCE_BYTES
            return Head(_payload_key(file_key, data[end + 1 : start]), start)
    raise AgeProblem("it is not for this identity")


def header_bytes(recipients: int) -> int:
    """How long header and nonce are for so many recipients."""
    stanza = len("-> X25519 ") + 43 + 1 + 43 + 1
    return len(MAGIC) + recipients * stanza + len("--- ") + 43 + 1 + NONCE_BYTES


def plain_size(sealed: int, header: int) -> int:
    """How many bytes an encrypted file of this size holds."""
    payload = sealed - header
    return payload - TAG_BYTES * max(1, -(-payload // SEALED_PIECE_BYTES))


# --- the header ------------------------------------------------------------------------


def _header(file_key: bytes, recipients: Sequence[Recipient]) -> bytes:
    parts = [MAGIC]
    for recipient in recipients:
        ephemeral = X25519PrivateKey.generate()
        share = ephemeral.public_key().public_bytes_raw()
        shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(recipient.raw))
        body = ChaCha20Poly1305(_hkdf(shared, share + recipient.raw, INFO)).encrypt(bytes(12), file_key, None)
        parts.append(b"-> X25519 " + _base64(share) + b"\n" + _base64(body) + b"\n")
    parts.append(b"---")
    head = b"".join(parts)
    return head + b" " + _base64(_mac(file_key, head)) + b"\n"


def _stanzas(text: bytes) -> list[tuple[bytes, bytes]]:
    """Share and body of each X25519 stanza; others are passed over."""
    found: list[tuple[bytes, bytes]] = []
    lines = text.split(b"\n")
    for number, line in enumerate(lines):
        words = line.split(b" ")
        if words[:2] == [b"->", b"X25519"] and len(words) == 3 and number + 1 < len(lines):
            found.append((_unbase64(words[2]), _unbase64(lines[number + 1])))
    return found


def _unwrap(identity: Identity, share: bytes, body: bytes) -> bytes | None:
    if len(share) != 32 or len(body) != FILE_KEY_BYTES + TAG_BYTES:
        raise AgeProblem("its header was altered")
    try:
        shared = identity.key.exchange(X25519PublicKey.from_public_bytes(share))
        key = _hkdf(shared, share + identity.recipient.raw, INFO)
        return ChaCha20Poly1305(key).decrypt(bytes(12), body, None)
    except (InvalidTag, ValueError):
        return None


def _mac(file_key: bytes, head: bytes) -> bytes:
    return hmac.digest(_hkdf(file_key, b"", b"header"), head, hashlib.sha256)


def _payload_key(file_key: bytes, nonce: bytes) -> bytes:
    return _hkdf(file_key, nonce, b"payload")


def _hkdf(secret: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(secret)


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def _base64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def _unbase64(text: bytes) -> bytes:
    try:
        return canonical64.decode(text, padded=False)
    except ValueError:
        raise AgeProblem("its header was altered") from None


# --- Bech32 (BIP 173, without its limit of length) -------------------------------------

_CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM_LENGTH = 6


def _polymod(values: Iterable[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATOR):
            check ^= generator if (top >> bit) & 1 else 0
    return check


def _expanded(prefix: str) -> list[int]:
    return [ord(letter) >> 5 for letter in prefix] + [0] + [ord(letter) & 31 for letter in prefix]


def _bech32(prefix: str, raw: bytes) -> str:
    bits, count, words = 0, 0, []
    for byte in raw:
        bits, count = bits << 8 | byte, count + 8
        while count >= 5:
            count -= 5
            words.append(bits >> count & 31)
    if count:
        words.append(bits << (5 - count) & 31)
    check = _polymod(_expanded(prefix) + words + [0] * _CHECKSUM_LENGTH) ^ 1
    words += [check >> 5 * (_CHECKSUM_LENGTH - 1 - i) & 31 for i in range(_CHECKSUM_LENGTH)]
    return prefix + "1" + "".join(_CHARSET[word] for word in words)


def _unbech32(prefix: str, text: str) -> bytes:
    """The 32 bytes of a key.  Raises :class:`ValueError`."""
    found, _, data = text.rpartition("1")
    if found != prefix or any(letter not in _CHARSET for letter in data):
        raise ValueError(f"not a key that begins with {prefix}1")
    words = [_CHARSET.index(letter) for letter in data]
    if len(words) <= _CHECKSUM_LENGTH or _polymod(_expanded(prefix) + words) != 1:
        raise ValueError("its checksum is wrong")
    bits, count, raw = 0, 0, bytearray()
    for word in words[:-_CHECKSUM_LENGTH]:
        bits, count = bits << 5 | word, count + 5
        if count >= 8:
            count -= 8
            raw.append(bits >> count & 255)
    if len(raw) != 32:
        raise ValueError("it is not 32 bytes long")
    return bytes(raw)
