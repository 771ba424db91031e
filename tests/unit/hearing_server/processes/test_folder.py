from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from hearing_server.processes import folder
from hearing_server.words import Fault

Usage = namedtuple("Usage", "total used free")


def test_a_missing_folder_is_made_and_its_room_measured(tmp_path: Path) -> None:
    assert folder.check(tmp_path / "a" / "b") > 0
    assert (tmp_path / "a" / "b").is_dir()


def test_a_folder_below_a_file_is_refused_in_both_languages(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Fault) as caught:
        folder.check(tmp_path / "file" / "data")
    assert "HEARING_DATA" in caught.value.sentence("en")
    assert "无法写入" in caught.value.sentence("zh-CN")


def test_a_full_disk_is_refused_before_a_hearing_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may fill a disk; the free space is the one thing made up here."""
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 10**12, 3 * 10**6))
    with pytest.raises(Fault) as caught:
        folder.check(tmp_path)
    assert caught.value.key == "disk-full"
    assert "3 MB free" in caught.value.sentence("en")


def test_a_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    assert folder.holder(tmp_path) is None
    with folder.held(tmp_path):
        assert folder.holder(tmp_path) is not None
        with pytest.raises(Fault) as caught, folder.held(tmp_path):
            pass
        assert caught.value.key == "already-running"
    assert folder.holder(tmp_path) is None
