"""Segments with chunks left out: what is there is whole, what is not tells nothing, and no bytes break a reader."""

from __future__ import annotations

import random
from itertools import chain as joined
from pathlib import Path

import pytest

from recording.chain import WriterChain, read_segment, tree_of
from recording.format import Chunk
from recording.redacted import ReadRedacted, read_redacted, redact, redacted_name, runs_of
from tests.fuzz.mutation import mutate
from tests.recorded import Tape, audio_arrivals, audio_track, video_arrivals, video_track


@pytest.fixture(scope="module")
def segment(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("spool")
    tape = Tape(folder)
    tape.track(audio_track("p1"), audio_arrivals(8))
    tape.track(video_track("p1"), video_arrivals(3))
    tape.write(8).abandon()
    (path,) = folder.rglob("*.hrec")
    return path.read_bytes()


def redacted(segment: bytes, *absent: int) -> ReadRedacted:
    return read_redacted(redact(segment, runs_of(absent)))


def test_names_and_runs() -> None:
    assert redacted_name("raw/w.1/000002.hrec") == "raw/w.1/000002.redacted"
    assert runs_of([7, 3, 2, 4, 9]) == [(2, 3), (7, 1), (9, 1)]


@pytest.mark.parametrize("seed", range(30))
def test_whatever_is_left_out_the_root_is_that_of_the_whole(segment: bytes, seed: int) -> None:
    whole = read_segment(segment)
    chance = random.Random(seed)
    leaves = range(1, len(whole.chunks) + 1)
    absent = sorted(chance.sample(leaves, chance.randrange(len(leaves) + 1)))
    if seed % 2:
        first = chance.choice(leaves)
        absent = list(range(first, chance.randint(first, len(leaves)) + 1))
    read = redacted(segment, *absent)
    assert read.error is None
    assert read.tree == tree_of(whole, segment)
    assert read.absent == runs_of(absent)
    assert read.header == whole.header
    assert [chunk.sha256 for chunk in read.chunks] == [
        chunk.sha256 for number, chunk in enumerate(whole.chunks, 1) if number not in absent
    ]


def test_of_a_run_no_hash_is_told_but_the_last_of_each_track(segment: bytes) -> None:
    """Which its next chunk names."""
    whole = read_segment(segment)
    data = redact(segment, [(4, 12)])  # 4 to 7, 8 to 15
    assert data.count(b"GONE") == 2
    last = {chunk.track: chunk.sha256 for chunk in whole.chunks[3:15]}
    assert len(last) < 4
    assert {chunk.sha256 for chunk in whole.chunks[3:15] if chunk.sha256 in data} <= set(last.values())


def ranges(chunks: list[Chunk]) -> list[tuple[int, int, int]]:
    tracks = sorted({chunk.track for chunk in chunks})
    own = {track: [chunk.index for chunk in chunks if chunk.track == track] for track in tracks}
    return [(track, own[track][0], len(own[track])) for track in tracks]


def resumed(segment: bytes, read: ReadRedacted) -> list[str]:
    whole = read_segment(segment)
    ends = {chunk.track: (chunk.index + 1, chunk.sha256) for chunk in whole.chunks}
    assert read.header is not None
    found = WriterChain("sitting", "worker.1").resume(
        "s", whole.sha256.hex(), ranges(whole.chunks), ends, read.header, read.chunks
    )
    return [problem.code for problem in found]


def test_chains_go_on_after_what_is_absent(segment: bytes) -> None:
    total = len(read_segment(segment).chunks)
    for absent in ([1], [total], range(5, 16), joined(range(1, 4), range(20, total + 1))):
        assert resumed(segment, redacted(segment, *absent)) == []


def test_chunks_in_another_order_are_named(segment: bytes) -> None:
    read = redacted(segment, 2)
    read.chunks.reverse()
    assert "chunk-missing" in resumed(segment, read)


def test_a_chunk_of_another_recording_is_named(segment: bytes, tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    tape.track(audio_track("p2"), audio_arrivals(8, hertz=330))
    tape.write(8).abandon()
    (path,) = tmp_path.rglob("*.hrec")
    other = [chunk for chunk in read_segment(path.read_bytes()).chunks if chunk.track == 1]
    read = redacted(segment, 2)
    at = next(number for number, chunk in enumerate(read.chunks) if chunk.track == 1 and chunk.index == 3)
    read.chunks[at] = other[3]
    assert resumed(segment, read) == ["chunk-chain"] * 2


@pytest.mark.parametrize("round_", range(150))
def test_no_bytes_raise(segment: bytes, round_: int) -> None:
    chance = random.Random(round_)
    total = len(read_segment(segment).chunks)
    first = chance.randint(1, total)
    data = redact(segment, [(first, chance.randint(1, total + 1 - first))])
    changed = mutate(chance, data, [segment])
    read = read_redacted(changed)
    assert read.size == len(changed)
    assert len(read.chunks) * 116 + len(read.absent) * 37 <= len(changed)
    assert changed == data or read.error is not None or read.tree != tree_of(read_segment(segment), segment)


def test_garbage_is_an_error(segment: bytes) -> None:
    data = redact(segment, [(2, 2)])
    at = data.index(b"GONE")
    for changed, code in (
        (b"", "truncated"),
        (segment, "magic"),
        (data[:8] + b"x" + data[9:], "magic"),
        (data[: at + 20], "truncated"),
        (data[: at + 4] + b"\x02" + data[at + 5 :], "absent-level"),  # no such subtree begins here
        (data[: at + 4] + b"\xff" + data[at + 5 :], "absent-level"),
        (data + b"rest" + bytes(40), "chunk-magic"),
    ):
        read = read_redacted(changed)
        assert read.error is not None
        assert read.error.code == code
