"""The root of a record as it stands, and the log's roots made again from the segments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recording.chain import WriterChain
from recording.merkle import leaf_hash, node_hash
from recording.roots import RootCheck, media_root, record_root
from tests.recorded import Tape, audio_arrivals, audio_track

HEAD = "cd" * 32


def segments(spool: Path, writer: str = "worker.1") -> list[tuple[str, bytes]]:
    tape = Tape(spool, writer=writer)
    tape.track(audio_track("p1"), audio_arrivals(25))
    tape.track(audio_track("p2"), audio_arrivals(12))
    tape.write(25).abandon()
    return [(path.name, path.read_bytes()) for path in sorted((spool / "sitting" / writer).glob("*.hrec"))]


def entry(media: bytes, counts: dict[str, int], utc: int = 1_772_000_000_000_000_000) -> dict[str, Any]:
    return {
        "name": "root",
        "utc": utc,
        "prev_hash": HEAD,
        "detail": {"media": media.hex(), "tracks": 3, "segments": counts},
    }


def chain(writer: str = "worker.1") -> WriterChain:
    return WriterChain("sitting", writer)


def test_a_root_covers_the_heads_of_all_begun_chains(tmp_path: Path) -> None:
    fed = chain()
    for name, data in segments(tmp_path)[:2]:
        fed.feed(name, data)
    made = media_root([fed, chain("worker.2")])
    assert (made.tracks, made.segments) == (3, {"worker.1": 2})
    assert record_root(bytes.fromhex(HEAD), made.root) == node_hash(leaf_hash(bytes.fromhex(HEAD)), made.root)
    other = media_root([])
    assert (other.tracks, other.segments) == (0, {})
    assert made.root != other.root


def test_the_logs_roots_are_made_again_from_the_segments(tmp_path: Path) -> None:
    written = segments(tmp_path)
    assert len(written) == 3
    live, events = chain(), []
    for count, (name, data) in enumerate(written, 1):
        live.feed(name, data)
        events.append(entry(media_root([live]).root, {"worker.1": count}))
    check, again = RootCheck([{"name": "book"}, *events]), chain()
    for name, data in written:
        again.feed(name, data)
        check.seen(again)
    fit, wrong, last = check.outcome()
    assert (fit, wrong) == (3, [])
    assert last == record_root(bytes.fromhex(HEAD), media_root([again]).root).hex()


def test_a_root_that_does_not_fit_is_named_by_its_time(tmp_path: Path) -> None:
    written = segments(tmp_path)
    fed = chain()
    fed.feed(*written[0])
    right = media_root([fed]).root
    events = [
        entry(right, {"worker.1": 1}),
        entry(right, {"worker.1": 2}),
        entry(right, {"worker.1": 9}),
        entry(right, {"worker.1": 1, "worker.2": 1}),
        {"name": "root", "utc": 1, "prev_hash": "no", "detail": {"media": "zz"}},
        {"name": "root", "detail": None},
    ]
    check, again = RootCheck(events), chain()
    for name, data in written:
        again.feed(name, data)
        check.seen(again)
    fit, wrong, _ = check.outcome()
    assert fit == 1
    assert [at.year for at in wrong] == [1970, 1970, 2026, 2026, 2026]


@pytest.mark.parametrize(
    "changed",
    [
        {"utc": None},
        {"utc": "1772000000000000000"},
        {"prev_hash": "cd"},
        {"prev_hash": "CD" * 32},
        {"detail": {"media": HEAD, "segments": {"worker.1": "1"}}},
        {"detail": {"media": HEAD, "segments": {"worker.1": True}}},
    ],
)
def test_a_root_that_is_not_as_the_court_writes_it_does_not_fit(changed: dict[str, Any]) -> None:
    """Both ways of checking: what one of them passes over, the other would call altered."""
    check = RootCheck([entry(media_root([]).root, {}) | changed])
    _, wrong, _ = check.outcome()
    assert [at.year for at in wrong] == [1970]
