"""HTTPS without anybody's help: a certificate authority of this computer, and a server certificate signed by it.

Browsers give camera and microphone to secure contexts only, so a phone in the same network needs HTTPS.  The authority
is made at the first start and may sign for nothing but this computer's names and local networks (RFC 5280 4.2.1.10), so
that a stolen key of a demo cannot speak for the rest of the web.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .addresses import Address, local_addresses

AUTHORITY_DAYS = 3650
#: Apple's systems take no server certificate that is valid for longer.
SERVER_DAYS = 397
RENEW_BEFORE_DAYS = 30
#: Clocks of phones differ a little.
BACKDATE = timedelta(hours=1)
LOCAL_NETWORKS = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)
LOOPBACKS = (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1"))


@dataclass(frozen=True, slots=True)
class Certificates:
    """Paths of PEM files.  ``server`` holds the server certificate followed by the authority's."""

    authority: Path
    server: Path
    server_key: Path

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.server, self.server_key)
        return context


def ensure(folder: Path, addresses: Sequence[Address] | None = None, now: datetime | None = None) -> Certificates:
    """Make what is missing, out of date or for other addresses than the computer has; keep the rest.

    The authority is replaced only if it is about to expire or may not sign for an address.
    """
    addresses = local_addresses() if addresses is None else addresses
    now = datetime.now(UTC) if now is None else now
    names = server_names(addresses)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = Certificates(folder / "ca.crt", folder / "server.crt", folder / "server.key")
    authority_key_file = folder / "ca.key"

    authority, authority_key = _load(files.authority, authority_key_file)
    if authority is None or authority_key is None or not _authority_fits(authority, addresses, now):
        authority_key = ec.generate_private_key(ec.SECP256R1())
        authority = _make_authority(authority_key, addresses, now)
        _write(authority_key_file, _key_bytes(authority_key), mode=0o600)
        _write(files.authority, authority.public_bytes(serialization.Encoding.PEM))

    server, server_key = _load(files.server, files.server_key)
    if server is None or server_key is None or not _server_fits(server, authority, names, now):
        server_key = ec.generate_private_key(ec.SECP256R1())
        server = _make_server(server_key, authority, authority_key, names, now)
        _write(files.server_key, _key_bytes(server_key), mode=0o600)
        _write(files.server, b"".join(each.public_bytes(serialization.Encoding.PEM) for each in (server, authority)))
    return files


def server_names(addresses: Sequence[Address]) -> list[x509.GeneralName]:
    hosts = dict.fromkeys(["localhost", *_host_names()])
    return [
        *(x509.DNSName(host) for host in hosts),
        *(x509.IPAddress(address) for address in dict.fromkeys([*LOOPBACKS, *addresses])),
    ]


def _host_names() -> list[str]:
    """The computer's name, and the one that multicast DNS gives it, as far as they can stand in a certificate."""
    host = socket.gethostname().partition(".")[0].lower()
    if not host or not host.isascii() or not all(part.isalnum() for part in host.split("-")) or host == "localhost":
        return []
    return [host, f"{host}.local"]


def _load(certificate_file: Path, key_file: Path) -> tuple[x509.Certificate | None, ec.EllipticCurvePrivateKey | None]:
    """Nothing, if a file is missing or damaged: both are then made anew."""
    try:
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
    except (OSError, ValueError):
        return None, None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        return None, None
    return certificate, key


def _permitted(addresses: Sequence[Address]) -> list[x509.GeneralName]:
    outside = [address for address in addresses if not _is_in(address, LOCAL_NETWORKS)]
    return [
        *(x509.DNSName(host) for host in ("localhost", "local", *_host_names()[:1])),
        *(x509.IPAddress(network) for network in LOCAL_NETWORKS),
        *(x509.IPAddress(ipaddress.ip_network(address)) for address in outside),
    ]


def _is_in(address: Address, networks: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    return any(address in network for network in networks)


def _authority_fits(authority: x509.Certificate, addresses: Sequence[Address], now: datetime) -> bool:
    if authority.not_valid_after_utc - now < timedelta(days=SERVER_DAYS):
        return False
    try:
        constraints = authority.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    except x509.ExtensionNotFound:
        return False
    hosts = [name.value for name in constraints if isinstance(name, x509.DNSName)]
    networks = [name.value for name in constraints if isinstance(name, x509.IPAddress)]
    return all(host in hosts for host in _host_names()[:1]) and all(
        _is_in(address, [n for n in networks if isinstance(n, ipaddress.IPv4Network | ipaddress.IPv6Network)])
        for address in addresses
    )


def _server_fits(
    server: x509.Certificate, authority: x509.Certificate, names: list[x509.GeneralName], now: datetime
) -> bool:
    if server.not_valid_after_utc - now < timedelta(days=RENEW_BEFORE_DAYS):
        return False
    try:
        server.verify_directly_issued_by(authority)
    except Exception:  # InvalidSignature, or ValueError and TypeError for an authority of another kind
        return False
    present = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(present) == set(names)


def _make_authority(key: ec.EllipticCurvePrivateKey, addresses: Sequence[Address], now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Hearing authority of {socket.gethostname()}"[:64])])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(_permitted(addresses), None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _make_server(
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    names: list[x509.GeneralName],
    now: datetime,
) -> x509.Certificate:
    issuer = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Hearing server")]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + timedelta(days=SERVER_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer), critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Replace the file in one step, and let nobody read a key in between."""
    draft = path.with_suffix(path.suffix + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    draft.replace(path)
