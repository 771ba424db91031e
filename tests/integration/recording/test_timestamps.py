"""Time-stamps of a real authority (OpenSSL's), and what is none."""

from __future__ import annotations

import datetime
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from recording import timestamps
from recording.timestamps import AuthorityProblem, StampProblem
from tests.servers.tsa import Authority, authority

DATA = b'{"a":"manifest"}'


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with authority(tmp_path_factory.mktemp("tsa")) as found:
        yield found


async def test_a_token_tells_when_and_who(tsa: Authority) -> None:
    token = await timestamps.obtain(tsa.url, DATA)
    stamp = timestamps.check(token, DATA, timestamps.read_roots(tsa.root))
    assert (stamp.authority, stamp.trusted) == ("CN=Test authority", True)
    assert abs(datetime.datetime.now(datetime.UTC) - stamp.time) < datetime.timedelta(minutes=5)
    assert not timestamps.check(token, DATA).trusted


async def test_openssl_agrees(tsa: Authority, tmp_path: Path) -> None:
    token = await timestamps.obtain(tsa.url, DATA)
    for name, content in (("token", token), ("data", DATA), ("root.pem", tsa.root)):
        (tmp_path / name).write_bytes(content)
    command = ["openssl", "ts", "-verify", "-data", "data", "-in", "token", "-CAfile", "root.pem"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30)  # noqa: ASYNC221
    assert "Verification: OK" in done.stdout + done.stderr


async def test_other_bytes_and_other_roots_are_refused(tsa: Authority, tmp_path: Path) -> None:
    token = await timestamps.obtain(tsa.url, DATA)
    with pytest.raises(StampProblem, match="other bytes"):
        timestamps.check(token, DATA + b" ")
    with authority(tmp_path) as other, pytest.raises(StampProblem):
        timestamps.check(token, DATA, timestamps.read_roots(other.root))


async def test_no_byte_of_a_token_can_be_changed(tsa: Authority) -> None:
    token = await timestamps.obtain(tsa.url, DATA)
    roots = timestamps.read_roots(tsa.root)
    good = timestamps.check(token, DATA, roots)
    for at in range(0, len(token), 7):
        altered = bytearray(token)
        altered[at] ^= 1
        try:
            stamp = timestamps.check(bytes(altered), DATA, roots)
        except StampProblem:
            continue
        assert stamp == good, at  # a byte that nothing hangs on, such as an unsigned attribute's


@pytest.mark.parametrize("token", [b"", b"nonsense", b"\x30\x03\x02\x01\x02", bytes(1000)])
def test_nonsense_is_no_token(token: bytes) -> None:
    with pytest.raises(StampProblem):
        timestamps.check(token, DATA)


async def test_an_authority_that_refuses_or_is_away(tsa: Authority) -> None:
    tsa.refuse = True
    with pytest.raises(AuthorityProblem, match="503"):
        await timestamps.obtain(tsa.url, DATA)
    tsa.refuse = False
    with pytest.raises(AuthorityProblem):
        await timestamps.obtain("http://127.0.0.1:9/", DATA)


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("https://tsa.example/", True),
        ("http://tsa.example:8080/tsr", True),
        ("tsa.example", False),
        ("file:///x", False),
    ],
)
def test_addresses(url: str, fits: bool) -> None:
    assert timestamps.is_authority(url) is fits
