from __future__ import annotations

import re
from pathlib import Path

import pytest

from hearing_server import config
from hearing_server.words import Fault

SETTINGS_PAGE = Path(__file__).parents[3] / "docs" / "settings.md"


def test_defaults_need_no_server() -> None:
    settings = config.load({})
    assert settings.bus == "local:"
    assert settings.database_url.startswith("sqlite+aiosqlite:////")
    assert settings.store_url == (Path.cwd() / "data" / "archive").as_uri()
    assert settings.spool_folder == Path("data/spool")


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "hearing.toml"
    file.write_text('http_port = 9000\ncountdown_s = 3\ndata = "/srv/hearing"\n')
    settings = config.load({"HEARING_CONFIG": str(file), "HEARING_HTTP_PORT": "9001"})
    assert (settings.http_port, settings.countdown_s, settings.data) == (9001, 3.0, Path("/srv/hearing"))


def test_a_child_reads_back_the_same_settings() -> None:
    settings = config.load({"HEARING_DATA": "/srv/a b", "HEARING_S3_SECRET": "x=y", "HEARING_LOG_LEVEL": "debug"})
    assert config.load(config.environment(settings)) == settings


def test_proxies_are_addresses_and_networks() -> None:
    assert config.load({}).proxies == []
    settings = config.load(
        {"HEARING_TRUSTED_PROXIES": "10.0.0.1, 192.168.0.0/16,fd00::/8", "HEARING_METRICS_OPEN": "1"}
    )
    assert settings.proxies == ["10.0.0.1", "192.168.0.0/16", "fd00::/8"]
    assert config.load(config.environment(settings)) == settings


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"HEARING_HTPP_PORT": "80"}, "HEARING_HTPP_PORT"),
        ({"HEARING_HTTP_PORT": "eighty"}, "HEARING_HTTP_PORT"),
        ({"HEARING_HTTP_PORT": "70000"}, "HEARING_HTTP_PORT"),
        ({"HEARING_COUNTDOWN_S": "0"}, "HEARING_COUNTDOWN_S"),
        ({"HEARING_COUNTDOWN_S": "nan"}, "HEARING_COUNTDOWN_S"),
        ({"HEARING_LOG_LEVEL": "loud"}, "HEARING_LOG_LEVEL"),
        ({"HEARING_BUS": "amqp://x"}, "HEARING_BUS"),
        ({"HEARING_DATABASE": "mysql://x"}, "HEARING_DATABASE"),
        ({"HEARING_STORE": "/plain/path"}, "HEARING_STORE"),
        ({"HEARING_DATA": ""}, "HEARING_DATA"),
        ({"HEARING_METRICS_OPEN": "perhaps"}, "HEARING_METRICS_OPEN"),
        ({"HEARING_TRUSTED_PROXIES": "*"}, "HEARING_TRUSTED_PROXIES"),
        ({"HEARING_TRUSTED_PROXIES": "10.0.0.1, proxy.court.example"}, "HEARING_TRUSTED_PROXIES"),
        ({"HEARING_TRUSTED_PROXIES": "10.0.0.1/8"}, "HEARING_TRUSTED_PROXIES"),
        ({"HEARING_TLS_CERTIFICATE": "x.pem"}, "HEARING_TLS_KEY"),
        ({"HEARING_TURN_URLS": "relay.example", "HEARING_TURN_SECRET": "x"}, "HEARING_TURN_URLS"),
        ({"HEARING_TURN_URLS": ",".join(["turn:a"] * 9), "HEARING_TURN_SECRET": "x"}, "HEARING_TURN_URLS"),
        ({"HEARING_TURN_URLS": "turn:relay.example"}, "HEARING_TURN_SECRET"),
        ({"HEARING_TURN_SECRET": "x"}, "HEARING_TURN_URLS"),
        ({"HEARING_TURN_SECRET": "x", "HEARING_TURN_SECRET_FILE": "y"}, "HEARING_TURN_SECRET_FILE"),
        ({"HEARING_TURN_LIFETIME_S": "5"}, "HEARING_TURN_LIFETIME_S"),
        ({"HEARING_CONFIG": "/nowhere/hearing.toml"}, "/nowhere/hearing.toml"),
    ],
)
def test_a_wrong_setting_is_named_in_both_languages(environ: dict[str, str], named: str) -> None:
    with pytest.raises(Fault) as caught:
        config.load(environ)
    assert named in caught.value.sentence("en")
    assert named in caught.value.sentence("zh-CN")


@pytest.mark.parametrize("content", ["http_port = ", "\xff", "colour = 1", "http_port = 'x'"])
def test_a_wrong_file_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "hearing.toml"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(Fault):
        config.load({"HEARING_CONFIG": str(file)})


def test_secrets_are_not_in_the_text_of_the_settings() -> None:
    assert "hush" not in repr(config.load({"HEARING_S3_SECRET": "hush"}))
    relay = {"HEARING_TURN_URLS": "turn:relay.example", "HEARING_TURN_SECRET": "hush"}
    assert "hush" not in repr(config.load(relay))


def test_the_settings_page_names_every_setting_and_no_other() -> None:
    described = set(re.findall(r"`(HEARING_[A-Z0-9_]+)`", SETTINGS_PAGE.read_text(encoding="utf-8")))
    assert described == {config.variable(name) for name in config.FIELDS} | config.OTHER_VARIABLES
