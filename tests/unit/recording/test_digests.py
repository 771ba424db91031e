"""Both ways to hash a segment and its chunks answer what hashlib answers, wherever the pieces begin and end."""

from __future__ import annotations

import hashlib
import random

import pytest

from recording.digests import CompiledHash, PlainHash, SegmentHash
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
