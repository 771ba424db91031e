"""``hearing export``: whole for the court itself, and with ``--for`` less what is withheld from its readers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from hearing_server import cli
from hearing_server.court.levels import Level, LevelAction, LevelDecision
from hearing_server.store import LevelRow
from recording.objects import open_store
from recording.report import Report
from recording.verify import verify_record
from tests.integration.hearing_server.test_reconciliation import SITTING, booked, court
from tests.recorded import BEGIN_WALL_NS

SECOND_NS = 1_000_000_000


async def _court(folder: Path) -> None:
    """A sealed record, all of it confidential from its second second on, and that again sealed."""
    kept = await booked(await court(folder, open_store((folder / "archive").as_uri())))
    for serial, level in enumerate((Level.CONFIDENTIAL, Level.SEALED), start=1):
        decision = LevelDecision(
            action=LevelAction.SET,
            by="judge",
            order=f"Order {serial}",
            level=level,
            ground="privacy",
            from_utc=BEGIN_WALL_NS + SECOND_NS,
        )
        row = LevelRow(serial=serial, utc=BEGIN_WALL_NS, name="Judge", name_zh="法官", decision=decision)
        await kept.store.levels.append(SITTING, row)
    await kept.store.aclose()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("court")
    asyncio.run(_court(made))
    return made


@pytest.fixture
def settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEARING_DATA", str(folder))
    monkeypatch.setenv("HEARING_STORE", (folder / "archive").as_uri())
    monkeypatch.setenv("HEARING_DATABASE", f"sqlite+aiosqlite:///{folder / 'db.sqlite3'}")
    monkeypatch.setenv("HEARING_KEY_FILE", str(folder / "record.pem"))
    monkeypatch.setenv("HEARING_LANG", "en")
    return folder


def report(folder: Path) -> Report:
    return asyncio.run(verify_record(open_store(folder.as_uri()), "", None))


@pytest.mark.parametrize(("audience", "orders"), [("outside", ["Order 1", "Order 2"]), ("court", ["Order 2"])])
def test_what_is_withheld_is_left_out_and_said(
    settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], audience: str, orders: list[str]
) -> None:
    target = tmp_path / "copy"
    assert cli.main(["export", SITTING, str(target), "--for", audience, "--json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (answer["for"], answer["withheld"], answer["folder"]) == (audience, len(orders), str(target))
    found = report(target)
    assert found.ok, [finding.en for finding in found.findings]
    assert found.withheld == len(orders)
    statement = json.loads((target / "statement.json").read_bytes())
    assert [span["order"] for span in statement["spans"]] == orders
    assert not list((target / "raw").rglob("*.hrec")) if (target / "raw").exists() else True
    assert {"statement-logged", "inclusion"} <= {finding.code for finding in found.findings}
    assert cli.main(["export", SITTING, str(target), "--for", audience]) == cli.FAULT
    assert "exists already" in capsys.readouterr().err


def test_without_an_audience_it_is_whole(settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["export", SITTING, str(tmp_path / "copy")]) == 0
    assert "Written to" in capsys.readouterr().out
    found = report(tmp_path / "copy")
    assert (found.ok, found.withheld) == (True, 0)
    assert list((tmp_path / "copy/raw").rglob("*.hrec"))


def test_what_is_no_sealed_record_or_no_audience_is_refused(
    settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for more in ([], ["--for", "outside"]):
        assert cli.main(["export", "another", str(tmp_path / "copy"), *more]) == cli.FAULT
        assert "no sealed record of sitting another" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["export", SITTING, str(tmp_path / "copy"), "--for", "everybody"])
