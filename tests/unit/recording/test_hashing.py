"""The compiled SHA-256 is that of hashlib, whatever the lengths and the order of what it is given."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator

import pytest

from recording.chain import read_segment
from recording.format import SegmentHeader, pack_chunk, pack_header
from recording.merkle import leaf_hash, root
from recording.native import hashing
from recording.native.library import Library


@pytest.fixture
def library() -> Library:
    found = hashing.able()
    if found is None:
        pytest.skip("this processor has no instructions for it, or there is no compiled code")
    return found


def pieces(chance: random.Random) -> Iterator[bytes]:
    for _ in range(chance.randrange(1, 6)):
        yield chance.randbytes(chance.choice((0, 1, 55, 56, 63, 64, 65, 119, 120, 127, 128, chance.randrange(5000))))


@pytest.mark.parametrize("seed", range(8))
def test_one_and_two_at_a_time(library: Library, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(60):
        ours = hashing.Sha256(library), hashing.Sha256(library)
        theirs = hashlib.sha256(), hashlib.sha256()
        for first in pieces(chance):
            second = next(pieces(chance))
            data = [library.ffi.from_buffer("uint8_t[]", piece) for piece in (first, second)]
            hashing.update_both(ours[0], (data[0], len(first)), ours[1], (data[1], len(second)))
            ours[0].update(memoryview(second))
            theirs[0].update(first + second)
            theirs[1].update(second)
            assert [each.digest() for each in ours] == [each.digest() for each in theirs]
        assert ours[0].hexdigest() == theirs[0].hexdigest()


def test_known_answers(library: Library) -> None:
    """FIPS 180-2, appendix B."""
    for message, known in (
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (b"a" * 1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ):
        made = hashing.Sha256(library)
        made.update(message)
        assert made.hexdigest() == known


def segment(chance: random.Random) -> bytearray:
    header = SegmentHeader(recording_id="r", writer="w", segment=0, wall_us=1, mono_us=1, previous_sha256="")
    data, previous = bytearray(pack_header(header)), bytes(32)
    for index in range(chance.randrange(1, 20)):
        records = chance.randbytes(chance.choice((0, 5, 3000)))
        chunk, previous = pack_chunk(1, index, previous, records, 1, (1, 1), (1, 1))
        data += chunk
    return data


@pytest.mark.parametrize("seed", range(20))
def test_a_segment_is_read_as_without_it(library: Library, seed: int) -> None:
    chance = random.Random(seed)
    data = segment(chance)
    if seed % 3:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    if seed % 5 == 0:
        del data[chance.randrange(len(data)) :]
    told = [_told(data, each) for each in (library, None)]
    assert told[0] == told[1]
    assert told[0][0] == hashlib.sha256(data).digest()


def _told(data: bytearray, library: Library | None) -> tuple[object, ...]:
    read = read_segment(memoryview(data), library=library)
    error = read.error and (read.error.code, read.error.offset)
    return read.sha256, read.size, read.header, [(chunk.sha256, chunk.offset) for chunk in read.chunks], error


def test_one_that_gives_something_else_is_not_used(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    hashing.able.cache_clear()
    monkeypatch.setattr(hashing.Sha256, "digest", lambda self: bytes(32))
    assert hashing.able() is None
    monkeypatch.undo()
    hashing.able.cache_clear()
    assert hashing.able() is not None


@pytest.mark.parametrize("count", [*range(1, 18), 33, 400])
def test_the_root_over_a_segments_hashes(library: Library, count: int) -> None:
    hashes = [hashlib.sha256(number.to_bytes(2, "big")).digest() for number in range(count)]
    assert hashing.tree_root(library, b"".join(hashes)) == root([leaf_hash(one) for one in hashes])
