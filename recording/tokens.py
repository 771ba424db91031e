"""A signing key that lives in a token and never leaves it: PKCS #11 (OASIS, v2.40 and later), by its URI (RFC 7512).

The key is an Ed25519 key (CKK_EC_EDWARDS) with its public half beside it under the same label; it signs by CKM_EDDSA.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn
from urllib.parse import unquote, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .keys import KeyProblem, SigningKey

SCHEME: Final = "pkcs11:"
#: Raw Ed25519 public keys; a token gives them inside a DER octet string, or bare.
PUBLIC_BYTES: Final = 32
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
    """The key at this address; it has signed once, so that a wrong PIN or key is told now.

    Raises :class:`~recording.keys.KeyProblem`.
    """
    place = parse(uri)
    try:
        pin = place.pin_file.read_text(encoding="utf-8").splitlines()[0]
    except (OSError, ValueError, IndexError) as error:
        raise KeyProblem(f"the PIN of the token cannot be read from {place.pin_file}: {error}") from error
    key = SigningKey(TokenKey(place, pin))
    if not key.public.verifies(b"court", key.sign(b"court")):
        raise KeyProblem(f"the token {place.token} signs with another key than {place.label} has as its public half")
    return key


class TokenKey(Ed25519PrivateKey):
    """Asks the token for each signature; one at a time, from any thread.

    A session that the token has ended, as after it was unplugged, is opened once more.
    """

    def __init__(self, place: TokenUri, pin: str) -> None:
        self._place = place
        self._pin = pin
        self._lock = threading.Lock()
        self._session: Any = None
        self._key: Any = None
        with self._lock:
            self._public = self._open()

    def sign(self, data: bytes) -> bytes:  # type: ignore[override]  # any buffer there, bytes here
        """The raw signature, 64 bytes.  Raises :class:`~recording.keys.KeyProblem`."""
        pkcs11 = _library()
        with self._lock:
            for last in (False, True):
                try:
                    return bytes(self._key.sign(data, mechanism=pkcs11.Mechanism.EDDSA))
                except pkcs11.PKCS11Error as error:
                    if last:
                        raise self._problem(error) from error
                    self._open()
        raise AssertionError("unreachable")

    def public_key(self) -> Ed25519PublicKey:
        return self._public

    def private_bytes(self, encoding: object, format: object, encryption_algorithm: object) -> NoReturn:
        raise KeyProblem(f"the key {self._place.label} stays in its token")

    def private_bytes_raw(self) -> NoReturn:
        raise KeyProblem(f"the key {self._place.label} stays in its token")

    def __copy__(self) -> TokenKey:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> TokenKey:
        return self

    def _open(self) -> Ed25519PublicKey:
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
            point = bytes(public[pkcs11.Attribute.EC_POINT])
            return Ed25519PublicKey.from_public_bytes(point[-PUBLIC_BYTES:])
        except (pkcs11.PKCS11Error, RuntimeError, ValueError) as error:
            raise self._problem(error) from error

    def _problem(self, error: Exception) -> KeyProblem:
        said = str(error) or type(error).__name__
        return KeyProblem(f"the key {self._place.label} in the token {self._place.token} cannot be used: {said}")


def _library() -> Any:
    try:
        import pkcs11
    except ImportError as error:
        raise KeyProblem("keys in tokens need the package python-pkcs11 (hearing-platform[pkcs11])") from error
    return pkcs11
