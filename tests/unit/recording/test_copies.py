"""Bytes from memory under a new name: whole or not at all, read back, never over something else."""

from __future__ import annotations

import errno
import mmap
import os
from pathlib import Path
from typing import Any

import pytest

from recording.copies import PIECE_BYTES, Different, copy_new
from recording.objects import DirectoryStore, ObjectStore, ReadBackMismatch, open_store


def whole_pages(data: bytes) -> memoryview:
    """In memory as a disk takes it."""
    memory = mmap.mmap(-1, len(data) + 1)
    memory[: len(data)] = data
    return memoryview(memory)[: len(data)]


@pytest.mark.parametrize("placed", [memoryview, whole_pages])
@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, 3 * PIECE_BYTES + 7])
def test_the_bytes_are_there_and_nothing_beside_them(tmp_path: Path, size: int, placed: Any) -> None:
    data = os.urandom(size)
    assert copy_new(tmp_path / "a/b/c.hrec", placed(data))
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


def test_a_file_system_that_reads_through_the_cache_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = os.urandom(PIECE_BYTES + 7)
    refused, preadv = [], os.preadv

    def refusing(descriptor: int, buffers: list[Any], at: int) -> int:
        if not refused:
            refused.append(at)
            raise OSError(errno.EINVAL, "not past the cache")
        return preadv(descriptor, buffers, at)

    monkeypatch.setattr(os, "preadv", refusing)
    assert copy_new(tmp_path / "c", whole_pages(data))
    assert refused == [0]
    assert (tmp_path / "c").read_bytes() == data


def test_short_reads_are_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = os.urandom(PIECE_BYTES + 7)
    monkeypatch.setattr(os, "preadv", short := Short(os.preadv))
    assert copy_new(tmp_path / "c", whole_pages(data))
    assert short.calls > 1


class Short:
    """Reads at most 100,000 bytes at a time, which is no whole block."""

    def __init__(self, preadv: Any) -> None:
        self.calls = 0
        self._preadv = preadv

    def __call__(self, descriptor: int, buffers: list[Any], at: int) -> int:
        self.calls += 1
        return min(100_000, int(self._preadv(descriptor, buffers, at)))


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
