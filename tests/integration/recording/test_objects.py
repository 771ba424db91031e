"""One contract for both kinds of object store: a directory, and a real S3 server."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from recording.objects import (
    AlreadyStored,
    NotStored,
    ObjectStore,
    S3Options,
    StoreProblem,
    open_store,
)
from tests.servers.s3 import S3Server


@pytest.fixture(params=["directory", pytest.param("s3", marks=pytest.mark.servers)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "directory":
        return open_store((tmp_path / "a store").as_uri())
    return s3_store(request.getfixturevalue("s3_server"))


def s3_store(server: S3Server) -> ObjectStore:
    options = S3Options(server.endpoint, server.key_id, server.secret, server.region)
    return open_store(f"s3://{server.new_bucket()}/some/prefix", options)


async def test_what_is_stored_comes_back_with_its_hash(store: ObjectStore) -> None:
    data = bytes(range(256)) * 100
    stored = await store.put_new("hearings/a/raw/w.1/000000.hrec", data)
    assert (stored.size, stored.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert await store.read(stored.key) == data
    assert await store.size(stored.key) == len(data)
    assert await store.digest(stored.key) == (stored.size, stored.sha256)


async def test_nothing_is_ever_overwritten(store: ObjectStore) -> None:
    await store.put_new("a", b"first")
    assert (await store.put_new("a", b"first")).size == 5
    with pytest.raises(AlreadyStored):
        await store.put_new("a", b"other")
    assert await store.read("a") == b"first"


async def test_no_name_is_given_to_bytes_that_a_power_cut_could_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is that of the bytes for good: of others nobody could ever store the right ones under it."""
    done: list[tuple[str, int]] = []
    sync, link = os.fsync, os.link

    def syncing(descriptor: int) -> None:
        done.append(("sync", os.fstat(descriptor).st_ino))
        sync(descriptor)

    def linking(source: Path, target: Path) -> None:
        done.append(("link", source.stat().st_ino))
        link(source, target)

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(os, "link", linking)
    path = tmp_path / "came-in"
    path.write_bytes(b"an hour of another equipment")
    await open_store((tmp_path / "store").as_uri()).put_new("added/s/ab", path)
    own = [what for what, inode in done if inode == path.stat().st_ino]
    assert own[:2] == ["sync", "link"]


async def test_files_are_stored_whole_also_in_parts(store: ObjectStore, tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(bytes(70 * 1024 * 1024) + b"end")
    stored = await store.put_new("derived/large", path)
    assert stored.size == path.stat().st_size
    assert b"".join([piece async for piece in store.stream("derived/large", stored.size - 5)]) == b"\0\0end"
    other = tmp_path / "other"
    other.write_bytes(bytes(70 * 1024 * 1024) + b"END")
    with pytest.raises(AlreadyStored):
        await store.put_new("derived/large", other)
    fetched = await store.fetch("derived/large", tmp_path / "fetched")
    assert hashlib.sha256(fetched.read_bytes()).hexdigest() == stored.sha256


async def test_ranges(store: ObjectStore) -> None:
    data = bytes(range(256)) * 20_000
    await store.put_new("a/b", data)

    async def part(start: int, end: int | None) -> bytes:
        return b"".join([piece async for piece in store.stream("a/b", start, end)])

    assert await part(0, None) == data
    assert await part(100, 300) == data[100:300]
    assert await part(len(data) - 1, len(data)) == data[-1:]
    assert await part(7, 7) == b""


async def test_lists_are_of_one_folder_in_order(store: ObjectStore) -> None:
    for key in ("h/10/b", "h/1/b", "h/1/a/c", "h/1.x"):
        await store.put_new(key, b"x")
    assert await store.list("h/1") == [("h/1/a/c", 1), ("h/1/b", 1)]
    assert await store.list("h/1/") == [("h/1/a/c", 1), ("h/1/b", 1)]
    assert await store.list("nothing") == []


async def test_what_is_not_there_is_said(store: ObjectStore, tmp_path: Path) -> None:
    calls: list[Callable[[], object]] = [
        lambda: store.read("no"),
        lambda: store.size("no"),
        lambda: store.digest("no"),
        lambda: store.fetch("no", tmp_path / "x"),
    ]
    for call in calls:
        with pytest.raises(NotStored):
            await call()  # type: ignore[misc]
    with pytest.raises(NotStored):
        _ = [piece async for piece in store.stream("no")]


async def test_an_object_above_the_limit_is_not_read_into_memory(store: ObjectStore) -> None:
    await store.put_new("a", bytes(100))
    with pytest.raises(StoreProblem, match="larger"):
        await store.read("a", limit=99)


@pytest.mark.servers
async def test_a_wrong_secret_is_a_problem_of_the_store(s3_server: S3Server) -> None:
    options = S3Options(s3_server.endpoint, s3_server.key_id, "wrong", s3_server.region)
    store = open_store(f"s3://{s3_server.new_bucket()}", options)
    with pytest.raises(StoreProblem):
        await store.put_new("a", b"x")


async def test_a_server_that_is_away_is_a_problem_of_the_store() -> None:
    store = open_store("s3://bucket", S3Options("http://127.0.0.1:9", "a", "b"))
    with pytest.raises(StoreProblem):
        await store.size("a")


@pytest.mark.parametrize("url", ["", "http://x/y", "file://host/x", "s3:///x", "/tmp/x", "file:relative"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        open_store(url)
