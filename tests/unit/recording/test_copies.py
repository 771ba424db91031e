"""Bytes from memory under a new name: whole or not at all, read back, never over something else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from recording.copies import PIECE_BYTES, Different, copy_new
from recording.objects import DirectoryStore, ObjectStore, ReadBackMismatch, open_store


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, 3 * PIECE_BYTES + 7])
def test_the_bytes_are_there_and_nothing_beside_them(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    assert copy_new(tmp_path / "a/b/c.hrec", memoryview(data))
    assert [path.name for path in (tmp_path / "a/b").iterdir()] == ["c.hrec"]
    assert (tmp_path / "a/b/c.hrec").read_bytes() == data


def test_what_has_the_name_is_left(tmp_path: Path) -> None:
    (tmp_path / "c").write_bytes(b"before")
    assert not copy_new(tmp_path / "c", memoryview(b"other"))
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"before"]


@pytest.mark.parametrize("change", [lambda read: read[:-1] + b"?", lambda read: read[:-1], lambda read: read + b"?"])
def test_other_bytes_read_back_are_no_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
    def preadv(descriptor: int, buffers: list[bytearray], at: int) -> int:
        read = change(os.pread(descriptor, len(buffers[0]) - 1, at)) if not at else b""
        buffers[0][: len(read)] = read
        return len(read)

    monkeypatch.setattr(os, "preadv", preadv)
    with pytest.raises(Different):
        copy_new(tmp_path / "c", memoryview(b"the bytes"))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """A store to which nothing can be linked."""

    async def no(*_: Any) -> bool:
        return False

    monkeypatch.setattr(DirectoryStore, "_link", no)
    return open_store((tmp_path / "store").as_uri())


async def test_a_store_on_another_disk_takes_a_copy_over(elsewhere: ObjectStore, tmp_path: Path) -> None:
    stored = await elsewhere.adopt("a/b", tmp_path / "gone", 4, "d1", memoryview(b"data"))
    assert stored is not None
    assert (stored.size, stored.sha256) == (4, "d1")
    assert await elsewhere.read("a/b") == b"data"
    assert await elsewhere.list("a") == [("a/b", 4)]
    assert await elsewhere.adopt("a/b", tmp_path / "gone", 4, "d2", memoryview(b"else")) is None
    assert await elsewhere.adopt("a/c", tmp_path / "gone", 4, "d3") is None


async def test_a_store_that_lies_is_found_out(
    elsewhere: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lying(target: Path, data: memoryview) -> bool:
        raise Different

    monkeypatch.setattr("recording.objects.copy_new", lying)
    with pytest.raises(ReadBackMismatch):
        await elsewhere.adopt("a/b", tmp_path / "gone", 4, "d1", memoryview(b"data"))
