"""Reading stored records: bounded, and never by a name that the index does not hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from recording import serve
from recording.objects import NotStored, open_store
from recording.serve import Media, RecordReader, TooManyReaders


@pytest.fixture
async def reader(tmp_path: Path) -> RecordReader:
    store = open_store((tmp_path / "store").as_uri())
    await store.put_new("hearings/a/derived/media/p1.webm", bytes(3_000_000))
    return RecordReader(store)


MEDIA = Media("hearings/a/derived/media/p1.webm", "p1.webm", "video/webm", 3_000_000, "")


async def test_nothing_is_there_before_the_record_is_sealed(reader: RecordReader) -> None:
    assert await reader.manifest("a") is None
    assert await reader.playback("a") is None
    assert await reader.signed_manifest("a") is None
    assert await reader.exports("a") == []
    assert await reader.media("a", "p1.webm") is None


async def test_ranges_are_read_and_closed(reader: RecordReader) -> None:
    assert sum([len(piece) async for piece in reader.read(MEDIA, 5, 2_000_005)]) == 2_000_000
    assert sum([len(piece) async for piece in reader.read(MEDIA)]) == 3_000_000
    assert reader._readers == 0


async def test_open_ranges_are_bounded_and_given_back(reader: RecordReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "READERS_LIMIT", 1)
    first = reader.read(MEDIA)
    await anext(first)
    with pytest.raises(TooManyReaders):
        await anext(reader.read(MEDIA))
    await first.aclose()  # type: ignore[attr-defined]
    assert len(await anext(reader.read(MEDIA))) > 0


async def test_a_file_that_is_gone_is_said(reader: RecordReader) -> None:
    with pytest.raises(NotStored):
        await anext(reader.read(Media("hearings/a/nothing", "nothing", "video/webm", 10, "")))
    assert reader._readers == 0
