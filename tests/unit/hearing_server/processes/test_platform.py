from __future__ import annotations

import pytest

from hearing_server import config
from hearing_server.config import Settings
from hearing_server.processes.parts import port_uses
from hearing_server.processes.platform import media_worker_specs


def settings(**more: str) -> Settings:
    return config.load({f"HEARING_{name.upper()}": text for name, text in more.items()})


def test_each_worker_has_a_port_a_name_and_a_log_of_its_own() -> None:
    specs = media_worker_specs(
        settings(media_workers="3", media_port="20000", worker_id="east", log_file="/var/log/control.log")
    )
    assert [spec.key for spec in specs] == ["media-worker", "media-worker-2", "media-worker-3"]
    assert {spec.name for spec in specs} == {"media-worker"}
    told = [
        tuple(spec.environment[f"HEARING_{name}"] for name in ("MEDIA_PORT", "WORKER_ID", "LOG_FILE")) for spec in specs
    ]
    assert told == [
        ("20000", "east", "/var/log/media-worker.log"),
        ("20001", "east-2", "/var/log/media-worker-2.log"),
        ("20002", "east-3", "/var/log/media-worker-3.log"),
    ]


@pytest.mark.parametrize(("workers", "ports"), [("1", [20000]), ("2", [20000, 20001])])
def test_every_port_is_named_to_whoever_checks_them(workers: str, ports: list[int]) -> None:
    uses = port_uses(settings(media_workers=workers))
    assert [port for _, port, use in uses if use.setting == "HEARING_MEDIA_PORT"] == ports


def test_any_free_port_stays_any_free_port_and_none_means_one_for_each_core() -> None:
    assert settings(media_workers="2", media_port="0").media_ports == [0, 0]
    assert settings(media_workers="0").media_processes >= 1
