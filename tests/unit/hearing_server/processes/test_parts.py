from __future__ import annotations

from pathlib import Path

import pytest

from hearing_server import config
from hearing_server.config import Settings
from hearing_server.processes.parts import needed_record_key, record_key, run, signing_key, without_password
from hearing_server.words import Fault
from signaling.bus import BusClosed


def settings(data: Path, **more: str) -> Settings:
    return config.load({f"HEARING_{name.upper()}": text for name, text in {"data": str(data), **more}.items()})


def test_only_the_recorder_makes_the_key_that_seals(tmp_path: Path) -> None:
    of = settings(tmp_path)
    with pytest.raises(Fault) as raised:
        signing_key(of)
    assert raised.value.key == "key-missing"
    assert not (tmp_path / "keys").exists()
    assert record_key(of) is None
    with pytest.raises(Fault) as raised:
        needed_record_key(of)
    assert raised.value.key == "public-key-missing"
    made = signing_key(of, make=True).public.key_id
    found = record_key(of)
    assert found is not None
    assert signing_key(of).public.key_id == found.key_id == needed_record_key(of).key_id == made


def test_the_public_half_goes_where_others_look_for_it(tmp_path: Path) -> None:
    place = str(tmp_path / "public" / "court.pem")
    made = signing_key(settings(tmp_path / "recorder", public_key_file=place), make=True).public.key_id
    control = record_key(settings(tmp_path / "control", public_key_file=place))
    assert control is not None
    assert control.key_id == made


def test_a_public_key_of_another_court_is_not_passed_over(tmp_path: Path) -> None:
    place = str(tmp_path / "court.pem")
    signing_key(settings(tmp_path / "one", public_key_file=place), make=True)
    with pytest.raises(Fault) as raised:
        signing_key(settings(tmp_path / "two", public_key_file=place), make=True)
    assert raised.value.key == "key-unusable"


def test_a_public_key_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "court.pem").write_text("no key")
    of = settings(tmp_path, public_key_file=str(tmp_path / "court.pem"))
    assert record_key(of) is None
    with pytest.raises(Fault) as raised:
        needed_record_key(of)
    assert raised.value.key == "public-key-unusable"


def test_a_bus_that_does_not_answer_is_one_sentence_without_its_password() -> None:
    async def start() -> int:
        raise BusClosed("no connection to the bus")

    with pytest.raises(Fault) as raised:
        run(start(), "rediss://court:secret@bus.example:6380/1")
    said = raised.value.sentence("en")
    assert "rediss://bus.example:6380/1" in said
    assert "secret" not in said
    assert without_password("redis://127.0.0.1:6379/0") == "redis://127.0.0.1:6379/0"
