"""Signing keys that live in a token and never leave it: PKCS #11 (OASIS, v2.40 and later), by their URI (RFC 7512).

The record's is an Ed25519 key (CKK_EC_EDWARDS) that signs by CKM_EDDSA, the documents' a P-256 key (CKK_EC) that signs
by CKM_ECDSA; each has its public half beside it under the same label.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn
from urllib.parse import unquote, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from .keys import KeyProblem, SigningKey

SCHEME: Final = "pkcs11:"
#: Raw Ed25519 public keys; a token gives them inside a DER octet string, or bare.
PUBLIC_BYTES: Final = 32
#: An uncompressed point of P-256, likewise (SEC 1, 2.3.3).
POINT_BYTES: Final = 65
#: What a key signs when it is opened.
PROBE: Final = b"court"
_ATTRIBUTE = re.compile(r"(?P<name>[a-z-]+)=(?P<value>[^;&?]*)")


@dataclass(frozen=True, slots=True)
class TokenUri:
    """``module``: path of the maker's library; ``token`` and ``label``: of the token and of the key in it;
    ``pin_file``: whose first line is the user's PIN."""

    module: str
    token: str
    label: str
    pin_file: Path


def parse(uri: str) -> TokenUri:
    """``pkcs11:token=…;object=…?module-path=…&pin-source=file:…``.  Raises :class:`~recording.keys.KeyProblem`."""
    if not uri.startswith(SCHEME):
        raise KeyProblem(f"{uri} is no address of a key in a token: it begins with {SCHEME}")
    path, _, query = uri.removeprefix(SCHEME).partition("?")
    found = {match["name"]: unquote(match["value"]) for match in _ATTRIBUTE.finditer(path)}
    found |= {match["name"]: unquote(match["value"]) for match in _ATTRIBUTE.finditer(query)}
    if "pin-value" in found:
        raise KeyProblem("the PIN of the token belongs into a file (pin-source), not into its address")
    missing = [name for name in ("token", "object", "module-path", "pin-source") if not found.get(name)]
    if missing:
        raise KeyProblem(f"the address of the key in the token lacks {', '.join(missing)}")
    source = urlsplit(found["pin-source"])
    pin_file = source.path if source.scheme == "file" else found["pin-source"]
    return TokenUri(found["module-path"], found["token"], found["object"], Path(pin_file))


def open_key(uri: str) -> SigningKey:
    """The record's key at this address; it has signed once, so that a wrong PIN or key is told now.

    Raises :class:`~recording.keys.KeyProblem`.
    """
    drawer = _open(uri)
    key = SigningKey(TokenKey(drawer))
    if not key.public.verifies(PROBE, key.sign(PROBE)):
        raise drawer.another_key()
    return key


def open_document_key(uri: str) -> TokenDocumentKey:
    """The documents' key at this address; it has signed once, as above.

    Raises :class:`~recording.keys.KeyProblem`.
    """
    drawer = _open(uri)
    key = TokenDocumentKey(drawer)
    try:
        key.public_key().verify(key.sign(PROBE), PROBE, ECDSA(SHA256()))
    except (InvalidSignature, ValueError) as error:
        raise drawer.another_key() from error
    return key


class TokenKey(Ed25519PrivateKey):
    """Asks the token for each signature."""

    def __init__(self, drawer: Drawer) -> None:
        self._drawer = drawer
        with drawer.told():
            self._public = Ed25519PublicKey.from_public_bytes(drawer.point[-PUBLIC_BYTES:])

    def sign(self, data: bytes) -> bytes:  # type: ignore[override]  # any buffer there, bytes here
        """The raw signature, 64 bytes.  Raises :class:`~recording.keys.KeyProblem`."""
        return self._drawer.sign(data, "EDDSA")

    def public_key(self) -> Ed25519PublicKey:
        return self._public

    def private_bytes(self, encoding: object, format: object, encryption_algorithm: object) -> NoReturn:
        raise self._drawer.stays()

    def private_bytes_raw(self) -> NoReturn:
        raise self._drawer.stays()

    def __copy__(self) -> TokenKey:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> TokenKey:
        return self


class TokenDocumentKey:
    """Asks the token for each signature of a document; see :class:`recording.documents.Signs`."""

    def __init__(self, drawer: Drawer) -> None:
        self._drawer = drawer
        with drawer.told():
            self._public = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), drawer.point[-POINT_BYTES:])

    def public_key(self) -> EllipticCurvePublicKey:
        return self._public

    def sign(self, data: bytes) -> bytes:
        """ECDSA over SHA-256, in DER.  Raises :class:`~recording.keys.KeyProblem`."""
        # Hashed here: not every token knows the mechanism that hashes as well.
        raw = self._drawer.sign(hashlib.sha256(data).digest(), "ECDSA")
        half = len(raw) // 2
        return encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))


class Drawer:
    """One key in a token: one signature at a time, from any thread.

    A session that the token has ended, as after it was unplugged, is opened once more.
    """

    def __init__(self, place: TokenUri, pin: str) -> None:
        self._place = place
        self._pin = pin
        self._lock = threading.Lock()
        self._session: Any = None
        self._key: Any = None
        with self._lock:
            #: The public half as the token has it: in a DER octet string, or bare.
            self.point = self._open()

    def sign(self, data: bytes, mechanism: str) -> bytes:
        """What the token's mechanism of this name answers.  Raises :class:`~recording.keys.KeyProblem`."""
        pkcs11 = _library()
        with self._lock:
            for last in (False, True):
                try:
                    return bytes(self._key.sign(data, mechanism=pkcs11.Mechanism[mechanism]))
                except pkcs11.PKCS11Error as error:
                    if last:
                        raise self._problem(error) from error
                    self._open()
        raise AssertionError("unreachable")

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """A public half that is none of the kind that was expected, is told as a problem of the key."""
        try:
            yield
        except ValueError as error:
            raise self._problem(error) from error

    def stays(self) -> KeyProblem:
        return KeyProblem(f"the key {self._place.label} stays in its token")

    def another_key(self) -> KeyProblem:
        token, label = self._place.token, self._place.label
        return KeyProblem(f"the token {token} signs with another key than {label} has as its public half")

    def _open(self) -> bytes:
        """A session of one's own, and the key in it.  Raises :class:`~recording.keys.KeyProblem`."""
        pkcs11 = _library()
        kinds, place = pkcs11.ObjectClass, self._place
        try:
            token = pkcs11.lib(place.module).get_token(token_label=place.token)
            try:
                self._session = token.open(user_pin=self._pin)
            except pkcs11.UserAlreadyLoggedIn:  # which holds for all sessions of a process
                self._session = token.open()
            self._key = self._session.get_key(object_class=kinds.PRIVATE_KEY, label=place.label)
            public = self._session.get_key(object_class=kinds.PUBLIC_KEY, label=place.label)
            return bytes(public[pkcs11.Attribute.EC_POINT])
        except (pkcs11.PKCS11Error, RuntimeError) as error:
            raise self._problem(error) from error

    def _problem(self, error: Exception) -> KeyProblem:
        said = str(error) or type(error).__name__
        return KeyProblem(f"the key {self._place.label} in the token {self._place.token} cannot be used: {said}")


def _open(uri: str) -> Drawer:
    """Raises :class:`~recording.keys.KeyProblem`."""
    place = parse(uri)
    try:
        pin = place.pin_file.read_text(encoding="utf-8").splitlines()[0]
    except (OSError, ValueError, IndexError) as error:
        raise KeyProblem(f"the PIN of the token cannot be read from {place.pin_file}: {error}") from error
    return Drawer(place, pin)


def _library() -> Any:
    try:
        import pkcs11
    except ImportError as error:
        raise KeyProblem("keys in tokens need the package python-pkcs11 (hearing-platform[pkcs11])") from error
    return pkcs11
