"""A TURN relay: coturn with the configuration that deploy/compose.yaml gives it, and a certificate of its own."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
import shutil
import socket
import textwrap
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from .process import PROJECT, ServerProcess, free_port

SECRET = "a secret of the tests"
#: Ports for relayed packets; one for each transport of each participant.
RELAY_PORTS = 200


def missing() -> str | None:
    """Why there can be no relay here, or nothing."""
    return None if shutil.which("turnserver") else "coturn is not installed"


@dataclass(frozen=True)
class Relay:
    """``key_hash``: of the certificate's public key, for browsers that shall trust it (base64 of SHA-256)."""

    address: str
    port: int
    tls_port: int
    key_hash: str
    process: ServerProcess

    def url(self, transport: str) -> str:
        """``udp``, ``tcp`` or ``tls``."""
        if transport == "tls":
            return f"turns:{self.address}:{self.tls_port}?transport=tcp"
        return f"turn:{self.address}:{self.port}?transport={transport}"


def start(folder: Path, address: str, *, peer: str) -> Relay:
    """On ``address``; it relays to ``peer`` and to nobody else."""
    port, tls_port, first = (free_port(address=address) for _ in range(3))
    key_hash = _make_certificate(folder, address)
    first = min(first, 65535 - RELAY_PORTS)
    here = {
        "listening-port": str(port),
        "min-port": str(first),
        "max-port": str(first + RELAY_PORTS),
        "cert": str(folder / "turn.crt"),
        "pkey": str(folder / "turn.key"),
        "userdb": str(folder / "turndb"),
        "pidfile": str(folder / "turn.pid"),
    }
    variables = {
        "TURN_ADDRESS": address,
        "PUBLIC_ADDRESS": peer,
        "TURN_TLS_PORT": str(tls_port),
        "TURN_SECRET": SECRET,
    }
    configuration = folder / "turnserver.conf"
    configuration.write_text(deployed_configuration(variables, here), encoding="utf-8")
    process = ServerProcess(["turnserver", "-c", str(configuration)], log=folder / "turn.log")
    process.wait_until(lambda: _accepts(address, port) and _accepts(address, tls_port))
    return Relay(address, port, tls_port, key_hash, process)


def deployed_configuration(variables: dict[str, str], here: dict[str, str]) -> str:
    """The configuration in deploy/compose.yaml, with these variables, and these lines instead of its own."""
    compose = (PROJECT / "deploy" / "compose.yaml").read_text(encoding="utf-8")
    found = re.search(r"^  turn:\n    content: \|\n((?:      .*\n)+)", compose, re.MULTILINE)
    assert found is not None, "deploy/compose.yaml has no configuration of coturn"
    text = re.sub(
        r"\$\{(\w+)(?::-([^}]*))?\}",
        lambda variable: variables.get(variable[1], variable[2] or ""),
        textwrap.dedent(found[1]),
    )
    kept = [line for line in text.splitlines() if line.partition("=")[0] not in here]
    return "\n".join([*kept, *(f"{name}={value}" for name, value in here.items()), ""])


def _accepts(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, port)) == 0


def _make_certificate(folder: Path, address: str) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, address)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "turn.key").write_bytes(private)
    (folder / "turn.crt").write_bytes(certificate.public_bytes(pem))
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(public).digest()).decode()
