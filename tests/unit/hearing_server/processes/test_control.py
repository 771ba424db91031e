from __future__ import annotations

from pathlib import Path

import pytest

from hearing_server.processes.control import LINK_KEY_BYTES, link_secret
from hearing_server.words import Fault


def test_the_secret_of_links_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "links.key"
    secret = link_secret(path)
    assert len(secret) == LINK_KEY_BYTES
    assert link_secret(path) == secret
    assert path.stat().st_mode & 0o077 == 0


def test_a_secret_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    (tmp_path / "keys").touch()
    with pytest.raises(Fault) as caught:
        link_secret(tmp_path / "keys" / "links.key")
    assert "exists" in caught.value.sentence("en")
    assert "HEARING_LINK_KEY_FILE" in caught.value.sentence("zh-CN")


def test_a_secret_that_is_cut_short_says_so(tmp_path: Path) -> None:
    path = tmp_path / "links.key"
    path.write_bytes(b"short")
    with pytest.raises(Fault) as caught:
        link_secret(path)
    assert "fewer than 32 bytes" in caught.value.sentence("en")
    assert "不足 32 字节" in caught.value.sentence("zh-CN")
