"""Time-stamps of an independent authority (RFC 3161): that a record existed, as it is, at a certain time.

The authority sees a hash and nothing else.  Which one, and whether there is any, is the court's setting.
"""

from __future__ import annotations

import asyncio
import hashlib
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.error import URLError
from urllib.parse import urlsplit

from cryptography.x509 import Certificate, load_der_x509_certificate, load_pem_x509_certificates
from rfc3161_client import (
    HashAlgorithm,
    PKIStatus,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

#: RFC 3161 §3.4.
REQUEST_TYPE = "application/timestamp-query"
#: How long an authority may take, s, and how much it may say, bytes.  A token with its certificates has 3 to 10 kB.
TIMEOUT_S = 20.0
TOKEN_LIMIT_BYTES = 256 * 1024


class StampProblem(Exception):
    """The token is not one of these bytes, or was not signed by an authority that is trusted."""


class AuthorityProblem(Exception):
    """The authority gave no token now; trying later may help."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """``authority``: the subject of the signing certificate; ``trusted``: its chain leads to a root that was given."""

    time: datetime
    authority: str
    trusted: bool


def is_authority(url: str) -> bool:
    """Whether this can be the address of an authority."""
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def read_roots(pem: bytes) -> list[Certificate]:
    """Root certificates of authorities.  Raises :class:`ValueError`."""
    return load_pem_x509_certificates(pem)


async def obtain(url: str, data: bytes) -> bytes:
    """A token over ``data`` from this authority: the DER of its TimeStampResp.  Raises :class:`AuthorityProblem`."""
    request = TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA256).build()
    try:
        answer = await asyncio.to_thread(_post, url, request.as_bytes())
    except (OSError, URLError, ValueError) as error:
        raise AuthorityProblem(f"{url}: {error}") from error
    try:
        if _granted(answer).tst_info.nonce != request.nonce:
            raise StampProblem("the token answers another request")
        check(answer, data)
    except (StampProblem, ValueError) as error:
        raise AuthorityProblem(f"{url}: {error}") from error
    return answer


def check(token: bytes, data: bytes, roots: Sequence[Certificate] = ()) -> Stamp:
    """What a token says of ``data``.  Without roots the signature is not checked.  Raises :class:`StampProblem`."""
    return check_digest(token, hashlib.sha256(data).digest(), roots)


def check_digest(token: bytes, sha256: bytes, roots: Sequence[Certificate] = ()) -> Stamp:
    """As :func:`check`, of bytes of which only the SHA-256 is at hand."""
    response = _granted(token)
    try:
        _check_imprint(response, sha256)
        stamp = Stamp(response.tst_info.gen_time, _authority(response), bool(roots))
        if roots:
            VerifierBuilder(roots=list(roots)).build().verify(response, sha256)
    except (VerificationError, ValueError) as error:  # parts of a token are read only when they are asked for
        raise StampProblem(str(error)) from error
    return stamp


def _granted(answer: bytes) -> TimeStampResponse:
    try:
        response = decode_timestamp_response(answer)
        status = PKIStatus(response.status)
    except ValueError as error:
        raise StampProblem(f"not a token: {error}") from error
    if status not in (PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS):
        raise StampProblem(f"refused: {status.name}")
    return response


def _check_imprint(response: TimeStampResponse, sha256: bytes) -> None:
    if response.tst_info.message_imprint.message != sha256:
        raise StampProblem("the token is of other bytes")


def _authority(response: TimeStampResponse) -> str:
    """The subject of the certificate that signed, if it came with the token."""
    signers = {signer.serial_number for signer in response.signed_data.signer_infos}
    for der in response.signed_data.certificates:
        certificate = load_der_x509_certificate(der)
        if certificate.serial_number in signers:
            return certificate.subject.rfc4514_string()
    return ""


def _post(url: str, body: bytes) -> bytes:
    request = urllib.request.Request(url, body, {"Content-Type": REQUEST_TYPE})
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        token: bytes = answer.read(TOKEN_LIMIT_BYTES + 1)
    if len(token) > TOKEN_LIMIT_BYTES:
        raise ValueError("the answer is too long")
    return token
