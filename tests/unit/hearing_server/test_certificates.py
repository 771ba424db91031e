from __future__ import annotations

import asyncio
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from hearing_server import certificates

NOW = datetime.now(UTC)
HOME = [ipaddress.ip_address("192.168.1.20"), ipaddress.ip_address("fd00::20")]
OFFICE = [ipaddress.ip_address("10.3.0.7")]
PUBLIC = [ipaddress.ip_address("203.0.113.9")]


def serial(path: Path) -> int:
    return x509.load_pem_x509_certificate(path.read_bytes()).serial_number


async def handshake(made: certificates.Certificates, name: str) -> None:
    """A TLS connection over memory, as a client that trusts our authority and asks for ``name``."""
    client_context = ssl.create_default_context(cafile=made.authority)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    server = made.context().wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                await asyncio.sleep(0)
    assert client.version() in ("TLSv1.2", "TLSv1.3")
    client.getpeercert()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "192.168.1.20", "fd00::20"])
async def test_a_client_that_trusts_the_authority_connects(tmp_path: Path, name: str) -> None:
    await handshake(certificates.ensure(tmp_path, HOME, NOW), name)


async def test_another_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        await handshake(certificates.ensure(tmp_path, HOME, NOW), "example.org")


def test_a_second_start_keeps_both(tmp_path: Path) -> None:
    made = certificates.ensure(tmp_path, HOME, NOW)
    before = serial(made.authority), serial(made.server)
    certificates.ensure(tmp_path, HOME, NOW + timedelta(days=1))
    assert (serial(made.authority), serial(made.server)) == before


def test_new_addresses_renew_the_server_and_keep_the_authority(tmp_path: Path) -> None:
    made = certificates.ensure(tmp_path, HOME, NOW)
    authority, server = serial(made.authority), serial(made.server)
    certificates.ensure(tmp_path, OFFICE, NOW)
    assert serial(made.authority) == authority
    assert serial(made.server) != server


def test_age_renews_the_server(tmp_path: Path) -> None:
    made = certificates.ensure(tmp_path, HOME, NOW)
    authority, server = serial(made.authority), serial(made.server)
    certificates.ensure(tmp_path, HOME, NOW + timedelta(days=certificates.SERVER_DAYS - 10))
    assert serial(made.authority) == authority
    assert serial(made.server) != server


async def test_an_address_the_authority_may_not_sign_for_renews_both(tmp_path: Path) -> None:
    made = certificates.ensure(tmp_path, HOME, NOW)
    authority = serial(made.authority)
    certificates.ensure(tmp_path, PUBLIC, NOW)
    assert serial(made.authority) != authority
    await handshake(made, "203.0.113.9")


@pytest.mark.parametrize("file", ["ca.crt", "ca.key", "server.crt", "server.key"])
async def test_a_damaged_file_is_made_anew(tmp_path: Path, file: str) -> None:
    certificates.ensure(tmp_path, HOME, NOW)
    (tmp_path / file).write_bytes(b"-----BEGIN NOTHING-----\n")
    await handshake(certificates.ensure(tmp_path, HOME, NOW), "localhost")


def test_keys_are_for_the_owner_only(tmp_path: Path) -> None:
    certificates.ensure(tmp_path, HOME, NOW)
    for key in ("ca.key", "server.key"):
        assert (tmp_path / key).stat().st_mode & 0o077 == 0


def test_the_authority_may_sign_for_local_names_only(tmp_path: Path) -> None:
    made = certificates.ensure(tmp_path, HOME, NOW)
    authority = x509.load_pem_x509_certificate(made.authority.read_bytes())
    extension = authority.extensions.get_extension_for_class(x509.NameConstraints)
    assert extension.critical
    networks = [name.value for name in extension.value.permitted_subtrees or [] if isinstance(name, x509.IPAddress)]
    assert ipaddress.ip_network("0.0.0.0/0") not in networks
    assert not any(ipaddress.ip_address("203.0.113.9") in network for network in networks)  # type: ignore[operator]
