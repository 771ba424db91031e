"""Chains over segments and chunks, and what a torn tail leaves."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from recording.chain import WriterChain
from recording.format import RecordKind, read_chunks, read_header, read_note
from recording.recovery import mend, recover
from recording.spool import OPEN_SUFFIX, segment_name
from tests.recorded import Tape, audio_arrivals, audio_track


def recorded(folder: Path, seconds: float = 21, *, end: str | None = "closed", hertz: int = 440) -> list[bytes]:
    """The segments of one small recording, an open one last."""
    tape = Tape(folder)
    tape.track(audio_track("p1"), audio_arrivals(seconds, hertz=hertz))
    tape.write(seconds, end=end).abandon()
    return [path.read_bytes() for path in sorted((folder / "sitting" / "worker.1").glob("*.hrec*"))]


def walk(segments: list[bytes]) -> tuple[WriterChain, list[str]]:
    chain = WriterChain("sitting", "worker.1")
    codes = [p.code for n, data in enumerate(segments) for p in chain.feed(segment_name(n), data).problems]
    return chain, codes


def test_a_recording_rolls_into_chained_segments(tmp_path: Path) -> None:
    segments = recorded(tmp_path)
    chain, codes = walk(segments)
    assert len(segments) == 3
    assert codes == []
    assert chain.ended
    assert chain.tracks[1].chunks == 42


def test_a_missing_exchanged_or_foreign_segment_is_named(tmp_path: Path) -> None:
    segments = recorded(tmp_path)
    assert "segment-missing" in walk([segments[0], segments[2]])[1]
    assert "segment-missing" in walk([segments[1], segments[0], segments[2]])[1]
    other = recorded(tmp_path / "other", 21, hertz=500)[0]
    assert walk([other, *segments[1:]])[1] == ["segment-chain", "chunk-chain"]
    foreign = WriterChain("another", "worker.1").feed("x", segments[0])
    assert [problem.code for problem in foreign.problems] == ["segment-foreign"]


def test_a_removed_chunk_breaks_the_chain_although_every_hash_fits(tmp_path: Path) -> None:
    data = recorded(tmp_path, 4)[0]
    chunks = list(read_chunks(data, read_header(data)[1]))
    victim = next(chunk for chunk in chunks if chunk.track == 1 and chunk.index == 3)
    cut = data[: victim.offset] + data[victim.offset + victim.length :]
    assert walk([cut])[1] == ["chunk-missing"]


def test_an_unfinished_segment_says_so(tmp_path: Path) -> None:
    chain, codes = walk(recorded(tmp_path, 4, end=None))
    assert codes == ["segment-unfinished"]
    assert not chain.ended


def test_a_tail_torn_at_any_byte_is_set_apart_and_nothing_before_it_is_lost(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    tape.track(audio_track("p1"), audio_arrivals(1.0))
    tape.write(1.0, end=None).abandon()
    (path,) = (tmp_path / "sitting" / "worker.1").glob(f"*{OPEN_SUFFIX}")
    data = path.read_bytes()
    header_end = read_header(data)[1]
    ends = [header_end, *(chunk.offset + chunk.length for chunk in read_chunks(data, header_end))]
    for cut in range(1, len(data) + 1):
        whole, torn_bytes = mend(data[:cut], WriterChain("sitting", "worker.1"), wall_ns=9)
        chain = WriterChain("sitting", "worker.1")
        segment = chain.feed(segment_name(0), whole)
        assert segment.problems == []
        assert segment.recovered
        assert chain.ended
        kept = max((end for end in ends if end <= cut), default=0)
        assert torn_bytes == cut - kept
        torn = b"".join(r.data for chunk in segment.chunks for r in chunk.records() if r.kind == RecordKind.TORN)
        assert torn == data[kept:cut]
        if kept:
            assert whole.startswith(data[:kept])


@settings(max_examples=60)
@given(st.data())
def test_damage_in_the_middle_of_an_open_segment_keeps_what_is_before_and_all_bytes(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        original = recorded(Path(folder), 2, end=None)[0]
    at = data.draw(st.integers(0, len(original) - 1))
    damaged = bytearray(original)
    damaged[at] ^= data.draw(st.integers(1, 255))
    whole, torn_bytes = mend(bytes(damaged), WriterChain("sitting", "worker.1"), wall_ns=9)
    segment = WriterChain("sitting", "worker.1").feed(segment_name(0), whole)
    assert segment.problems == []
    assert torn_bytes > 0
    last = read_note(list(segment.chunks[-1].records())[-1].data)
    assert last["tornBytes"] == torn_bytes


def test_recovery_goes_on_with_the_chain_of_earlier_segments_and_may_be_repeated(tmp_path: Path) -> None:
    segments = recorded(tmp_path, 14, end=None)
    folder = tmp_path / "sitting" / "worker.1"
    chain, _ = walk(segments[:1])
    (done,) = recover(folder, chain)
    assert done.path == folder / segment_name(1)
    assert done.torn_bytes == 0
    again = done.path.read_bytes()
    # Killed after the closed file had its name, before the open one was removed.
    (folder / segment_name(1, OPEN_SUFFIX)).write_bytes(segments[1])
    assert recover(folder, chain) == []
    assert done.path.read_bytes() == again
    assert not list(folder.glob(f"*{OPEN_SUFFIX}"))
    ended, codes = walk([segments[0], again])
    assert codes == []
    assert ended.ended


def test_an_empty_open_file_holds_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "sitting" / "worker.1"
    folder.mkdir(parents=True)
    (folder / segment_name(0, OPEN_SUFFIX)).touch()
    assert recover(folder, WriterChain("sitting", "worker.1")) == []
    assert list(folder.iterdir()) == []
