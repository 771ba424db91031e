from __future__ import annotations

from pathlib import Path

import pytest

from hearing_server import config
from hearing_server.processes.control import LINK_KEY_BYTES, link_secret, turn_servers
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


def relay_settings(**more: str) -> config.Settings:
    return config.load({"HEARING_TURN_URLS": "turn:relay.example, turns:relay.example:443", **more})


def test_the_relay_s_secret_from_the_settings_or_from_a_file(tmp_path: Path) -> None:
    assert turn_servers(config.load({})) is None
    path = tmp_path / "turn.secret"
    path.write_text("hush\n")
    relays = [
        turn_servers(relay_settings(HEARING_TURN_SECRET="hush")),
        turn_servers(relay_settings(HEARING_TURN_SECRET_FILE=str(path))),
    ]
    assert relays[0] == relays[1]
    assert relays[0] is not None
    assert (relays[0].urls, relays[0].secret) == (("turn:relay.example", "turns:relay.example:443"), "hush")


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff"])
def test_a_relay_s_secret_that_cannot_be_read_says_why(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "turn.secret"
    path.write_bytes(content)
    for name in (path, tmp_path / "nowhere"):
        with pytest.raises(Fault) as caught:
            turn_servers(relay_settings(HEARING_TURN_SECRET_FILE=str(name)))
        assert "HEARING_TURN_SECRET_FILE" in caught.value.sentence("en")
        assert "HEARING_TURN_SECRET_FILE" in caught.value.sentence("zh-CN")
