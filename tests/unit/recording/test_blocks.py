"""Writing past the page cache, where that can be."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recording.blocks import BLOCK_BYTES, pass_cache, read_pieces, write_blocks
from recording.copies import copy_new
from recording.spool import write_all


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


def pages(data: bytes) -> mmap.mmap:
    memory = mmap.mmap(-1, len(data))
    memory[:] = data
    return memory


def test_whole_blocks_are_written_and_the_file_is_as_before(file: int) -> None:
    data = os.urandom(3 * BLOCK_BYTES + 5)
    assert write_blocks(file, pages(data), BLOCK_BYTES) in (0, 3 * BLOCK_BYTES)  # the first where it cannot be done
    flags = fcntl.fcntl(file, fcntl.F_GETFL)
    assert not flags & os.O_DIRECT
    assert os.pwrite(file, data, 7) == len(data)
    assert os.pread(file, len(data), 7) == data


def test_what_is_smaller_than_a_block_is_left(file: int) -> None:
    assert write_blocks(file, pages(bytes(BLOCK_BYTES - 1)), 0) == 0
    assert os.fstat(file).st_size == 0


@pytest.mark.parametrize("done", [0, BLOCK_BYTES])
def test_where_the_file_system_refuses_it_says_how_far_it_came(
    file: int, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    left, possible = [done] if done else [], pass_cache(file, True)

    def pwrite(descriptor: int, data: Any, at: int) -> int:
        if not left:
            raise OSError(errno.EINVAL, "unaligned")
        return left.pop()

    monkeypatch.setattr(os, "pwrite", pwrite)
    assert write_blocks(file, pages(bytes(2 * BLOCK_BYTES)), 0) == (done if possible else 0)


def test_a_full_disk_is_told(file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "full")

    if not pass_cache(file, True):
        pytest.skip("this file system has only the cache")
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="full"):
        write_blocks(file, pages(bytes(BLOCK_BYTES)), 0)
    assert not fcntl.fcntl(file, fcntl.F_GETFL) & os.O_DIRECT


def test_a_disk_that_takes_nothing_is_not_asked_for_ever(
    tmp_path: Path, file: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    possible = pass_cache(file, True)
    for name in ("pwrite", "writev"):
        monkeypatch.setattr(os, name, lambda *_: 0)
    if possible:
        with pytest.raises(OSError, match="takes nothing"):
            write_blocks(file, pages(bytes(BLOCK_BYTES)), 0)
    with pytest.raises(OSError, match="takes nothing"):
        copy_new(tmp_path / "copy", memoryview(b"some"))
    assert not list(tmp_path.glob("copy*"))
    with pytest.raises(OSError, match="takes nothing"):
        write_all(file, [b"", b"some"])
    write_all(file, [b"", b""])


@pytest.mark.parametrize("size", [0, 1, 2 * BLOCK_BYTES, 5 * BLOCK_BYTES + 9])
def test_all_of_a_file_is_read_in_pieces(file: int, size: int) -> None:
    data = os.urandom(size)
    os.pwrite(file, data, 0)
    pieces = [bytes(piece) for piece in read_pieces(file, 2 * BLOCK_BYTES)]
    assert b"".join(pieces) == data
    assert len(pieces) == -(-size // (2 * BLOCK_BYTES))


def test_a_disk_that_fails_is_told(file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any) -> int:
        raise OSError(errno.EIO, "unreadable")

    monkeypatch.setattr(os, "preadv", failing)
    with pytest.raises(OSError, match="unreadable"):
        list(read_pieces(file, BLOCK_BYTES))
