"""Mutated segment files: whatever the bytes, readers answer with a code or a problem, bounded, and never raise."""

from __future__ import annotations

import hashlib
import os
import random
import tempfile
from pathlib import Path

import pytest

from recording.chain import WriterChain
from recording.format import FormatError, read_chunk, read_header
from recording.record import Record
from recording.recovery import mend
from tests.recorded import Tape, audio_arrivals, audio_track, video_arrivals, video_track

#: More rounds: ``FUZZ_ROUNDS=100000``; the seed of a failing round is in its message.
ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "200"))


@pytest.fixture(scope="module")
def seeds() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        tape = Tape(Path(folder))
        tape.track(audio_track("p1"), audio_arrivals(3))
        number = tape.track(video_track("p1"), video_arrivals(3))
        tape.note(number, 1, "layer:2")
        tape.note(number, 2, "lost", records=1, bytes=2, fromMonoNs=3, toMonoNs=4)
        tape.write(3).abandon()
        return [path.read_bytes() for path in Path(folder).rglob("*.hrec")]


def mutated(data: bytes, dice: random.Random) -> bytes:
    """Flips, cuts, doubled and moved pieces, extreme lengths."""
    result = bytearray(data)
    for _ in range(dice.randint(1, 8)):
        if not result:
            break
        at, size = dice.randrange(len(result)), dice.randint(1, 200)
        match dice.randrange(6):
            case 0:
                result[at] ^= 1 << dice.randrange(8)
            case 1:
                del result[at : at + size]
            case 2:
                result[at:at] = result[at : at + size]
            case 3:
                result[at : at + 4] = dice.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"])
            case 4:
                del result[at:]
            case 5:
                result[at : at + size] = dice.randbytes(size)
    return bytes(result)


def resealed(data: bytes) -> bytes:
    """The same with every hash made right again, so that what is behind the hashes is reached."""
    try:
        _, at = read_header(data)
    except FormatError:
        return data
    result = bytearray(data)
    while at + 116 <= len(result):
        length = int.from_bytes(result[at + 4 : at + 8], "big")
        if result[at : at + 4] != b"CHNK" or not 116 <= length <= len(result) - at:
            break
        end = at + length - 32
        result[end : end + 32] = hashlib.sha256(result[at:end]).digest()
        at += length
    return bytes(result)


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_no_bytes_raise(seeds: list[bytes], round_: int, tmp_path: Path) -> None:
    dice = random.Random(round_)
    data = mutated(dice.choice(seeds), dice)
    if dice.random() < 0.6:
        data = resealed(data)
    segment = WriterChain("sitting", "worker.1").feed("s", data)
    whole, torn = mend(data, WriterChain("sitting", "worker.1"), 1)
    again = WriterChain("sitting", "worker.1").feed("s", whole)
    assert again.recovered
    assert torn <= len(data)
    assert len(again.chunks) > len(segment.chunks)
    record = Record("sitting", tmp_path)
    record.feed("worker.1", "s", data)
    record.finish()
    for file in record.files.values():
        file.finish("t")
    record.gap_entries(1)
    record.track_entries()


@pytest.mark.parametrize("round_", range(50))
def test_no_garbage_raises(round_: int) -> None:
    data = random.Random(round_).randbytes(400)
    for start in (b"", b"CHNK", b"\x89HREC\r\n\x01\0\0\0\x20"):
        with pytest.raises(FormatError):
            read_header(start + data)
        with pytest.raises(FormatError):
            read_chunk(start + data, 0)
