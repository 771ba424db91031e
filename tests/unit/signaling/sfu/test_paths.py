"""Which way packets take, by what is there and what is wanted."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from signaling.sfu import mmsg, paths
from signaling.sfu.fastpath import FastPath
from signaling.sfu.native import build
from signaling.sfu.native.library import Unavailable, load
from signaling.sfu.native.path import NativePath
from signaling.sfu.settings import WorkerSettings
from signaling.sfu.worker import Worker
from tests.integration.sfu.peer import MemorySink

pytestmark = pytest.mark.skipif(not mmsg.AVAILABLE, reason="this system has no sendmmsg as known here")


def missing() -> None:
    raise Unavailable("not built")


def test_without_a_library_packets_take_the_python_path_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(paths, "load", missing)
    with caplog.at_level(logging.INFO):
        chosen = paths.open_path("auto")
    assert type(chosen) is FastPath
    assert "not built" in caplog.text
    with pytest.raises(Unavailable):
        paths.open_path("native")
    with pytest.raises(Unavailable):
        Worker(WorkerSettings(hot_path="native"), MemorySink())


def test_a_worker_says_which_path_it_took() -> None:
    assert Worker(WorkerSettings(hot_path="python"), MemorySink()).hot_path == "python"
    try:
        load()
    except Unavailable as error:
        pytest.skip(f"no compiled path: {error}")
    assert Worker(WorkerSettings(), MemorySink()).hot_path == "native"
    assert isinstance(paths.open_path("auto"), NativePath)


def test_a_library_of_other_sources_is_not_loaded(tmp_path: Path) -> None:
    if build.compiler() is None:
        pytest.skip("no C compiler")
    made = build.build(tmp_path / "hotpath.so")
    assert load(made).lib.HOT_SLOTS
    other = build.build(tmp_path / "other.so", "-UHOT_SOURCE", '-DHOT_SOURCE="elsewhere"')
    with pytest.raises(Unavailable, match="other sources"):
        load(other)
    damaged = tmp_path / "damaged.so"
    damaged.write_bytes(b"no library")
    with pytest.raises(Unavailable, match="cannot be loaded"):
        load(damaged)
    with pytest.raises(Unavailable, match="not built"):
        load(tmp_path / "none.so")
