"""Compiling the hot paths of the media plane and of the record, each by its own command."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from recording.native import build as record
from signaling.sfu.native import build as media

pytestmark = pytest.mark.parametrize("build", [media, record], ids=["media", "record"])


def test_a_compiler_that_refuses_leaves_what_was_there(build: ModuleType, tmp_path: Path) -> None:
    if shutil.which(os.environ.get("CC", "") or "cc") is None:
        pytest.skip("no C compiler")
    target = tmp_path / "library.so"
    target.write_bytes(b"before")
    with pytest.raises(build.BuildError):
        build.build(target, "-fno-such-flag")
    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]


def test_without_a_compiler_it_says_so(
    build: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    assert build.main() == 0
    assert "no C compiler" in capsys.readouterr().err
