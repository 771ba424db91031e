"""Signing documents that are read outside: a certificate of the court's own, and PAdES signatures (ETSI EN 319 142).

Readers of PDF and of Content Credentials want X.509 and a curve that they know, so that documents have a P-256 key of
their own beside the record's, or in a token (:mod:`.tokens`); where a court has certificates of a public authority,
they lie in the same file.
"""

from __future__ import annotations

import datetime
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import PdfSignatureMetadata, PdfSigner, Signer
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.timestamps import HTTPTimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from .keys import KeyProblem, _write_new

#: A court's own authority is valid for this long, days, and so is what it signs with: a record outlives both, which is
#: what time-stamps are for.
VALID_DAYS = 3650
#: How long a time-stamp authority may take, s.
TIMEOUT_S = 20
FIELD = "Court"
#: Bytes that an ECDSA signature on P-256 has in DER, at most (RFC 3279 §2.2.3).
SIGNATURE_LIMIT: Final = 72


class Signs(Protocol):
    """A P-256 key, wherever it is."""

    def public_key(self) -> EllipticCurvePublicKey: ...

    def sign(self, data: bytes) -> bytes:
        """ECDSA over SHA-256, in DER.  Raises :class:`~recording.keys.KeyProblem` if a token does not answer."""
        ...


@dataclass(frozen=True, slots=True)
class FileKey:
    """A key that was read from a file."""

    key: EllipticCurvePrivateKey

    def public_key(self) -> EllipticCurvePublicKey:
        return self.key.public_key()

    def sign(self, data: bytes) -> bytes:
        return self.key.sign(data, ECDSA(SHA256()))


@dataclass(frozen=True, slots=True)
class DocumentKey:
    """``chain``: the certificate of the key, and those above it, its root last."""

    key: Signs
    chain: tuple[x509.Certificate, ...]

    @property
    def chain_pem(self) -> bytes:
        return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in self.chain)


def documents_path(record_key: Path) -> Path:
    """Where the key of documents is: beside the record's."""
    return record_key.with_name(record_key.stem + ".documents.pem")


def load_or_make(path: Path, name: str, token: Signs | None = None) -> DocumentKey:
    """The key and certificates in this file; a new key with an authority of its own if there is none.

    With a ``token`` the key is there, and of the file only the certificates count.  Raises
    :class:`~recording.keys.KeyProblem`.
    """
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write_new(path, _made(name, token), 0o600)
        pem = path.read_bytes()
        chain = tuple(x509.load_pem_x509_certificates(pem))
        key = token or _in_file(pem)
    except (OSError, ValueError, TypeError) as error:
        raise KeyProblem(f"the key of documents {path} cannot be used: {error}") from error
    if key is None or not chain or chain[0].public_key() != key.public_key():
        what = (
            "the certificate of the P-256 key in the token" if token else "a P-256 key, followed by its own certificate"
        )
        raise KeyProblem(f"the key of documents cannot be used: {path} does not begin with {what}")
    return DocumentKey(key, chain)


def _in_file(pem: bytes) -> FileKey | None:
    key = load_pem_private_key(pem, password=None)
    return FileKey(key) if isinstance(key, EllipticCurvePrivateKey) else None


class _PdfSigner(Signer):
    """Has the key sign, wherever it is."""

    def __init__(self, key: DocumentKey) -> None:
        registry = SimpleCertificateStore()  # type: ignore[no-untyped-call]
        registry.register_multiple([_asn1(certificate) for certificate in key.chain[1:]])
        super().__init__(signing_cert=_asn1(key.chain[0]), cert_registry=registry, embed_roots=True)
        self._key = key.key

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        return bytes(SIGNATURE_LIMIT) if dry_run else self._key.sign(data)


def sign_pdf(pdf: bytes, key: DocumentKey, authority: str = "") -> bytes:
    """The document with a PAdES signature; time-stamped where there is an ``authority``.

    Raises :class:`OSError` or an error of pyHanko if the authority does not answer, and
    :class:`~recording.keys.KeyProblem` if a token does not.
    """
    subject = key.chain[0].subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    metadata = PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm="sha256",
        name=str(subject[0].value) if subject else None,
        subfilter=SigSeedSubFilter.PADES,
    )
    stamper = HTTPTimeStamper(authority, timeout=TIMEOUT_S) if authority else None
    out = io.BytesIO()
    PdfSigner(metadata, _PdfSigner(key), timestamper=stamper).sign_pdf(
        IncrementalPdfFileWriter(io.BytesIO(pdf)), output=out
    )
    return out.getvalue()


def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


def _made(name: str, token: Signs | None) -> bytes:
    """A new key if none is in a token, its certificate and the root above it, PEM.

    The root's key is not kept: it has signed the one certificate that it is for.
    """
    root_key, made = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
    root_public, public = root_key.public_key(), (token or made).public_key()
    root_name, leaf_name = _name(name, "Court records root"), _name(name, "Court records")
    root = (
        _builder(root_name, root_name, root_public)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(root_public), critical=False)
        .sign(root_key, SHA256())
    )
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_public)
    leaf = (
        _builder(leaf_name, root_name, public)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        # What C2PA takes of a certificate that is of no list of its own (C2PA 2.2 §14.5.1).
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(above, critical=False)
        .sign(root_key, SHA256())
    )
    key_pem = b"" if token else made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key_pem + leaf.public_bytes(Encoding.PEM) + root.public_bytes(Encoding.PEM)


def _name(organisation: str, common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation[:64]),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _builder(subject: x509.Name, issuer: x509.Name, public: EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        # PDF readers ask for it under the name of non-repudiation.
        content_commitment=not authority,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


__all__ = ["DocumentKey", "Signs", "documents_path", "load_or_make", "sign_pdf"]
