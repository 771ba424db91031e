"""``hearing log``: a head that was kept, compared with the log as it is."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from hearing_server import cli
from recording.keys import load_or_make
from recording.objects import open_store
from recording.transparency import Entry, TransparencyLog


async def _enter(folder: Path, *sittings: str) -> None:
    key = load_or_make(folder / "keys/record.pem")
    log = TransparencyLog(open_store((folder / "archive").as_uri()), key, "court.example/records")
    for sitting in sittings:
        await log.append(Entry(sitting_id=sitting, manifest_sha256="00" * 32, sealed_us=1))


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEARING_DATA", str(tmp_path))
    monkeypatch.setenv("HEARING_LOG_NAME", "court.example/records")
    monkeypatch.setenv("HEARING_LANG", "en")
    return tmp_path


def test_a_head_that_was_kept_is_a_beginning_of_the_log(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(_enter(data, "one", "two"))
    assert cli.main(["log"]) == 0
    kept = data / "head.txt"
    kept.write_text(capsys.readouterr().out, encoding="utf-8")
    asyncio.run(_enter(data, "three"))
    assert cli.main(["log", str(kept)]) == 0
    assert "still begins" in capsys.readouterr().out
    assert cli.main(["log", "--json", str(kept)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["head"].splitlines()[:2] == ["court.example/records", "3"]
    assert len(answer["proof"]) == 1


def test_a_log_that_lost_an_entry_contradicts_it(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(_enter(data, "one", "two"))
    assert cli.main(["log"]) == 0
    kept = data / "head.txt"
    kept.write_text(capsys.readouterr().out, encoding="utf-8")
    for name in ("log/entry/000000000001.json", "log/checkpoint/000000000002"):
        (data / "archive" / name).unlink()
    assert cli.main(["log", str(kept)]) == 1
    assert "contradicts" in capsys.readouterr().out


def test_what_is_no_head_is_refused(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = data / "head.txt"
    kept.write_text("nonsense", encoding="utf-8")
    assert cli.main(["log", str(kept)]) == cli.FAULT
    assert "record.pem" in capsys.readouterr().err
    assert not (data / "keys").exists()
    asyncio.run(_enter(data, "one"))
    assert cli.main(["log", str(kept)]) == 1
    assert cli.main(["log", str(data / "missing")]) == cli.FAULT
    assert "missing" in capsys.readouterr().err
