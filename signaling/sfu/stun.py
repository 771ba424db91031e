"""STUN as an ICE-lite agent needs it: read binding requests, write their answers (RFC 8489, RFC 8445 §7.3).

Nothing here raises on bad input: :func:`parse_request` returns ``None``.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import struct
import zlib
from dataclasses import dataclass

MAGIC_COOKIE = 0x2112A442
HEADER_BYTES = 20
#: A browser's check is about 100 bytes; anything larger is not one.
MAX_REQUEST_BYTES = 548

BINDING_REQUEST = 0x0001
BINDING_SUCCESS = 0x0101
BINDING_ERROR = 0x0111

USERNAME = 0x0006
MESSAGE_INTEGRITY = 0x0008
ERROR_CODE = 0x0009
XOR_MAPPED_ADDRESS = 0x0020
PRIORITY = 0x0024
USE_CANDIDATE = 0x0025
FINGERPRINT = 0x8028
ICE_CONTROLLED = 0x8029

FINGERPRINT_XOR = 0x5354554E
INTEGRITY_BYTES = 20
ROLE_CONFLICT = 487

_HEADER = struct.Struct("!HHI12s")
_ATTRIBUTE = struct.Struct("!HH")


@dataclass(frozen=True, slots=True)
class BindingRequest:
    """A well-formed request whose sender is not yet believed; see :func:`verify`."""

    size: int
    """Of the datagram, bytes."""
    transaction_id: bytes
    username: str
    use_candidate: bool
    controlled: bool
    signed: bytes
    """The bytes that MESSAGE-INTEGRITY covers, with the header's length already set to end behind it."""
    integrity: bytes


def is_stun(datagram: bytes) -> bool:
    """By first byte and cookie (RFC 7983 §7): 0..3, and the magic cookie in place."""
    return len(datagram) >= HEADER_BYTES and datagram[0] < 4 and datagram[4:8] == b"\x21\x12\xa4\x42"


def parse_request(datagram: bytes) -> BindingRequest | None:
    """The binding request in a datagram, or ``None`` for anything else, unsigned or malformed."""
    size = len(datagram)
    if not HEADER_BYTES <= size <= MAX_REQUEST_BYTES or size % 4:
        return None
    kind, length, cookie, transaction_id = _HEADER.unpack_from(datagram)
    if kind != BINDING_REQUEST or cookie != MAGIC_COOKIE or length != size - HEADER_BYTES:
        return None
    username: str | None = None
    use_candidate = controlled = False
    integrity_at = 0
    at = HEADER_BYTES
    while at + 4 <= size:
        attribute, length = _ATTRIBUTE.unpack_from(datagram, at)
        value_at = at + 4
        if value_at + length > size:
            return None
        if attribute == FINGERPRINT:
            if not _fingerprint_holds(datagram, at, length):
                return None
            break
        if integrity_at:
            pass  # RFC 8489 §14.5: whatever follows MESSAGE-INTEGRITY, except FINGERPRINT, is not read
        elif attribute == MESSAGE_INTEGRITY:
            if length != INTEGRITY_BYTES:
                return None
            integrity_at = at
        elif attribute == USERNAME:
            try:
                username = datagram[value_at : value_at + length].decode()
            except UnicodeDecodeError:
                return None
        elif attribute == USE_CANDIDATE:
            use_candidate = True
        elif attribute == ICE_CONTROLLED:
            controlled = True
        at = value_at + (length + 3) // 4 * 4
    if username is None or not integrity_at:
        return None
    signed_length = integrity_at + 4 + INTEGRITY_BYTES - HEADER_BYTES
    signed = datagram[:2] + struct.pack("!H", signed_length) + datagram[4:integrity_at]
    integrity = datagram[integrity_at + 4 : integrity_at + 4 + INTEGRITY_BYTES]
    return BindingRequest(size, transaction_id, username, use_candidate, controlled, signed, integrity)


def verify(request: BindingRequest, password: str) -> bool:
    """Whether the sender knows the password (RFC 8489 §9.1, short-term credentials)."""
    return hmac.compare_digest(hmac.digest(password.encode(), request.signed, hashlib.sha1), request.integrity)


def success(transaction_id: bytes, address: tuple[str, int], password: str) -> bytes:
    """The answer to a believed request; ``address`` is where it came from."""
    return _finish(BINDING_SUCCESS, transaction_id, _xor_mapped(transaction_id, address), password)


def error(transaction_id: bytes, code: int, reason: str, password: str) -> bytes:
    """A refusal, e.g. 487 for a peer that takes the controlled role against a lite agent (RFC 8445 §7.3.1.1)."""
    text = reason.encode()
    value = struct.pack("!HBB", 0, code // 100, code % 100) + text
    return _finish(BINDING_ERROR, transaction_id, _attribute(ERROR_CODE, value), password)


def request(transaction_id: bytes, username: str, password: str, *, use_candidate: bool = False) -> bytes:
    """A signed request as a client sends it (for probes and tests)."""
    body = _attribute(USERNAME, username.encode()) + _attribute(PRIORITY, struct.pack("!I", 1))
    if use_candidate:
        body += _attribute(USE_CANDIDATE, b"")
    return _finish(BINDING_REQUEST, transaction_id, body, password)


def _finish(kind: int, transaction_id: bytes, body: bytes, password: str) -> bytes:
    signed = _HEADER.pack(kind, len(body) + 4 + INTEGRITY_BYTES, MAGIC_COOKIE, transaction_id) + body
    body += _attribute(MESSAGE_INTEGRITY, hmac.digest(password.encode(), signed, hashlib.sha1))
    message = _HEADER.pack(kind, len(body) + 8, MAGIC_COOKIE, transaction_id) + body
    return message + _attribute(FINGERPRINT, struct.pack("!I", zlib.crc32(message) ^ FINGERPRINT_XOR))


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(kind, len(value)) + value + bytes(-len(value) % 4)


def _fingerprint_holds(datagram: bytes, at: int, length: int) -> bool:
    if length != 4 or at + 8 != len(datagram):
        return False
    (found,) = struct.unpack_from("!I", datagram, at + 4)
    return bool(found == zlib.crc32(datagram[:at]) ^ FINGERPRINT_XOR)


def _xor_mapped(transaction_id: bytes, address: tuple[str, int]) -> bytes:
    ip = ipaddress.ip_address(address[0].partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    key = struct.pack("!I", MAGIC_COOKIE) + transaction_id
    masked = bytes(a ^ b for a, b in zip(ip.packed, key, strict=False))
    family = 1 if ip.version == 4 else 2
    value = struct.pack("!BBH", 0, family, address[1] ^ (MAGIC_COOKIE >> 16)) + masked
    return _attribute(XOR_MAPPED_ADDRESS, value)
