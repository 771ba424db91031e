"""Both ways to hash a segment and its chunks answer what hashlib answers, wherever the pieces begin and end."""

from __future__ import annotations

import errno
import hashlib
import os
import pickle
import random
import subprocess
import sys
from pathlib import Path

import pytest

from recording.digests import Addition, CompiledHash, PlainHash, SegmentHash, Unhashed, spool_together
from recording.format import HEAD_BYTES
from recording.native.library import Library, load


def usable() -> Library | None:
    library = load()
    return library if library is not None and library.lib.rec_sha_usable() else None


@pytest.fixture(params=["plain", "compiled"])
def segment(request: pytest.FixtureRequest) -> SegmentHash:
    if request.param == "plain":
        return PlainHash()
    library = usable()
    if library is None:
        pytest.skip("no compiled code, or a processor without SHA instructions")
    return CompiledHash(library)


def test_nothing(segment: SegmentHash) -> None:
    assert segment.chain([]) == []
    assert segment.digest() == hashlib.sha256().digest()


@pytest.mark.parametrize("header", range(0, 130, 7))
def test_pieces_of_every_length(segment: SegmentHash, header: int) -> None:
    """Two blocks and a bit, from every place in a block: each way the two hashes can stand to each other."""
    chance = random.Random(header)
    whole = hashlib.sha256()
    first = chance.randbytes(header)
    segment.add(first)
    whole.update(first)
    for size in range(140):
        chunks = [
            (chance.randbytes(HEAD_BYTES), chance.randbytes(size)),
            (chance.randbytes(HEAD_BYTES), bytearray(chance.randbytes(chance.randrange(5000)))),
        ]
        digests = segment.chain(chunks)
        for (head, records), digest in zip(chunks, digests, strict=True):
            assert digest == hashlib.sha256(head + records).digest()
            whole.update(head + records + digest)
        assert segment.digest() == whole.digest()


def test_more_than_a_chunk_may_have(segment: SegmentHash) -> None:
    head, records = bytes(HEAD_BYTES), bytearray(random.Random(1).randbytes(17 * 1024 * 1024 + 11))
    assert segment.chain([(head, records)]) == [hashlib.sha256(head + records).digest()]


@pytest.fixture
def library() -> Library:
    library = usable()
    if library is None:
        pytest.skip("no compiled code, or a processor without SHA instructions")
    return library


def headed(chance: random.Random, count: int) -> list[Unhashed]:
    return [(chance.randbytes(HEAD_BYTES), chance.randbytes(chance.randrange(300))) for _ in range(count)]


def test_chunks_of_several_files_are_hashed_and_written(library: Library, tmp_path: Path) -> None:
    """As many as one file has; more than one writev(2) takes; and none."""
    chance = random.Random(2)
    reference = [PlainHash() for _ in range(3)]
    additions = [
        Addition(
            CompiledHash(library), os.open(tmp_path / str(number), os.O_RDWR | os.O_CREAT), 0, headed(chance, size)
        )
        for number, size in enumerate((13, 1000, 0))
    ]
    whole = [b"", b"", b""]
    for _ in range(3):
        spool_together(additions)
        for number, addition in enumerate(additions):
            assert not addition.error
            assert addition.digests == reference[number].chain(addition.chunks)
            assert addition.hash.digest() == reference[number].digest()
            for (head, records), digest in zip(addition.chunks, addition.digests, strict=True):
                whole[number] += head + records + digest
            assert (tmp_path / str(number)).read_bytes() == whole[number]
            addition.at = len(whole[number])
    for addition in additions:
        os.close(addition.file)


def test_the_file_that_cannot_be_written_has_its_error_and_the_others_are_written(
    library: Library, tmp_path: Path
) -> None:
    chance = random.Random(3)
    (tmp_path / "no").touch()
    reading, writing = os.open(tmp_path / "no", os.O_RDONLY), os.open(tmp_path / "yes", os.O_RDWR | os.O_CREAT)
    pipe_out, pipe_in = os.pipe()
    full, null = os.open("/dev/full", os.O_WRONLY), os.open("/dev/null", os.O_WRONLY)
    files = [reading, full, pipe_in, null, writing]
    additions = [Addition(CompiledHash(library), file, 0, headed(chance, 2)) for file in files]
    try:
        spool_together(additions)
    finally:
        for file in (*files, pipe_out):
            os.close(file)
    # The null device takes everything, and cannot be made durable.
    wrong = [errno.EBADF, errno.ENOSPC, errno.ESPIPE, errno.EINVAL, 0]
    assert [addition.error for addition in additions] == wrong
    assert (tmp_path / "yes").stat().st_size == sum(
        len(head) + len(records) + 32 for head, records in additions[-1].chunks
    )
    for addition in additions:  # the chain goes on by what was not written: it is written later
        assert addition.digests == PlainHash().chain(addition.chunks)


def test_what_is_taken_by_halves_is_gone_on_with(library: Library, tmp_path: Path) -> None:
    """A limit of the file's size, in the middle of a piece: what fits is written, and then it is an error."""
    chunks = headed(random.Random(4), 3)
    whole = b"".join(
        head + records + digest for (head, records), digest in zip(chunks, PlainHash().chain(chunks), strict=True)
    )
    limit = len(whole) - 40
    path = tmp_path / "file"
    program = (
        "import os, resource, sys, pickle;"
        "from recording.digests import *; from recording.native.library import load;"
        "path, limit, chunks = pickle.load(sys.stdin.buffer);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit));"
        "file = os.open(path, os.O_RDWR | os.O_CREAT);"
        "one = Addition(CompiledHash(load()), file, 0, chunks); spool_together([one]); sys.exit(one.error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=pickle.dumps((str(path), limit, chunks)), timeout=60, check=False
    )
    assert done.returncode == errno.EFBIG
    assert path.read_bytes() == whole[:limit]
