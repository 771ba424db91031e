"""A file whose head is written last has its hash at once, and everybody gets the same from the whole file."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from recording.late_head import LateHead
from recording.media.webm import AUDIO, HEAD_BYTES, WebmWriter
from recording.objects import ObjectStore, open_store
from recording.zipped import ZippedRecord


@pytest.mark.parametrize("piece", [1, 7, 100, 1000])
@pytest.mark.parametrize("start", [0, 1, 100, 250, 300])
def test_in_pieces_as_in_one(piece: int, start: int) -> None:
    data = bytes(range(250))
    hasher = LateHead(start)
    for at in range(0, len(data), piece):
        hasher.update(memoryview(data)[at : at + piece])
    assert hasher.size == len(data)
    assert hasher.hexdigest() == hashlib.sha256(data[start:] + data[:start]).hexdigest()


async def test_a_file_a_store_and_a_zip_agree(tmp_path: Path) -> None:
    path = tmp_path / "media.webm"
    with path.open("w+b") as file:
        box = WebmWriter(file)
        for number in range(600):
            box.write(AUDIO, 20 * number, b"\xf8\xff\xfe" * 40, True)
        box.finish(12_000, "title")
    data = path.read_bytes()
    expected = len(data), hashlib.sha256(data[HEAD_BYTES:] + data[:HEAD_BYTES]).hexdigest()
    assert box.hash.hexdigest() == expected[1]
    directory = open_store((tmp_path / "store").as_uri())
    await directory.put_new("media.webm", path)
    with zipfile.ZipFile(tmp_path / "record.zip", "w") as packed:
        packed.writestr("manifest.json", "{}")
        packed.write(path, "media.webm")
    plain = ObjectStore(directory._store, directory._root)
    for store in (directory, plain, ZippedRecord(tmp_path / "record.zip")):
        assert await store.digest_late("media.webm", HEAD_BYTES) == expected
        assert await store.digest("media.webm") == (len(data), hashlib.sha256(data).hexdigest())
