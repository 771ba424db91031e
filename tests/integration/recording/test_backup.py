"""Two stores as one: what happens while either is away, and that nothing of it is lost afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from recording.backup import BACKUP, PRIMARY, PairedStore
from recording.keys import load_or_make
from recording.objects import AlreadyStored, NotStored, ObjectStore, S3Options, Stored, StoreProblem, open_store
from recording.recorder import Recorder
from recording.verify import verify_record
from tests.recorded import WITNESSES, Tape, audio_arrivals, audio_track, eventually, facts, running, sealed


class Away(ObjectStore):
    """A store that can be told to be away."""

    def __init__(self, inner: ObjectStore) -> None:
        super().__init__(inner._store, inner._root)
        self.away = False

    def _answer(self) -> None:
        if self.away:
            raise StoreProblem("503")

    async def put_new(self, key: str, source: bytes | Path) -> Stored:
        self._answer()
        return await super().put_new(key, source)

    async def digest(self, key: str) -> tuple[int, str]:
        self._answer()
        return await super().digest(key)

    async def size(self, key: str) -> int:
        self._answer()
        return await super().size(key)

    async def read(self, key: str, limit: int = 2**28) -> bytes:
        self._answer()
        return await super().read(key, limit)

    async def stream(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        self._answer()
        async for piece in super().stream(key, start, end):
            yield piece

    async def list(self, prefix: str) -> list[tuple[str, int]]:
        self._answer()
        return await super().list(prefix)


class Pair:
    def __init__(self, primary: ObjectStore, backup: ObjectStore, folder: Path) -> None:
        self.primary, self.backup = Away(primary), Away(backup)
        self.store = PairedStore(self.primary, self.backup, folder / "owed")


@pytest.fixture(params=["directory", pytest.param("s3", marks=pytest.mark.servers)])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Pair:
    """The backup is a directory; the primary either."""
    backup = open_store((tmp_path / "b").as_uri())
    if request.param == "directory":
        return Pair(open_store((tmp_path / "a").as_uri()), backup, tmp_path)
    server = request.getfixturevalue("s3_server")
    options = S3Options(server.endpoint, server.key_id, server.secret, server.region)
    return Pair(open_store(f"s3://{server.new_bucket()}/court", options), backup, tmp_path)


async def text(store: ObjectStore, key: str) -> bytes:
    return b"".join([piece async for piece in store.stream(key)])


async def test_both_have_everything(pair: Pair) -> None:
    await pair.store.put_new("a/b", b"data")
    for store in (pair.primary, pair.backup):
        assert await store.read("a/b") == b"data"
    assert pair.store.owing() == []
    with pytest.raises(AlreadyStored):
        await pair.store.put_new("a/b", b"other")


@pytest.mark.parametrize("side", [PRIMARY, BACKUP])
async def test_while_one_is_away_the_other_will_do_and_is_copied_later(pair: Pair, side: str, tmp_path: Path) -> None:
    away = pair.primary if side == PRIMARY else pair.backup
    away.away = True
    await pair.store.put_new("a/b", b"data")
    assert pair.store.owing() == [(side, "a/b")]
    assert side in pair.store.fault
    assert await pair.store.read("a/b") == b"data"
    assert await text(pair.store, "a/b") == b"data"
    assert await pair.store.list("a") == [("a/b", 4)]
    assert await pair.store.size("a/b") == 4
    assert (await pair.store.digest("a/b"))[0] == 4
    away.away = False
    again = PairedStore(pair.primary, pair.backup, tmp_path / "owed")  # another run of the program

    async def settled() -> bool:
        return not again.owing()

    copying = asyncio.create_task(again.run())
    await eventually(settled)
    copying.cancel()
    assert await away.read("a/b") == b"data"


async def test_with_both_away_nothing_is_called_stored(pair: Pair) -> None:
    pair.primary.away = pair.backup.away = True
    with pytest.raises(StoreProblem, match="neither"):
        await pair.store.put_new("a/b", b"data")
    with pytest.raises(StoreProblem):
        await pair.store.list("a")
    assert pair.store.owing() == []


async def test_what_neither_has_is_not_stored(pair: Pair) -> None:
    for ask in (pair.store.read("x"), pair.store.size("x"), pair.store.digest("x")):
        with pytest.raises(NotStored):
            await ask


async def test_what_was_removed_from_one_is_read_from_the_other(tmp_path: Path) -> None:
    pair = Pair(open_store((tmp_path / "a").as_uri()), open_store((tmp_path / "b").as_uri()), tmp_path)
    await pair.store.put_new("a/b", b"data")
    (tmp_path / "a/a/b").unlink()
    assert await pair.store.read("a/b") == b"data"
    assert await text(pair.store, "a/b") == b"data"
    assert await pair.store.list("a") == [("a/b", 4)]


async def test_stores_that_disagree_are_told_of_and_left_alone(tmp_path: Path) -> None:
    pair = Pair(open_store((tmp_path / "a").as_uri()), open_store((tmp_path / "b").as_uri()), tmp_path)
    await pair.backup.put_new("a/b", b"other")
    pair.backup.away = True
    await pair.store.put_new("a/b", b"data")
    await pair.store.put_new("a/c", b"more")
    pair.backup.away = False

    async def told() -> bool:
        return "different" in pair.store.fault

    copying = asyncio.create_task(pair.store.run())
    await eventually(told)
    copying.cancel()
    assert pair.store.owing() == [(BACKUP, "a/b")]
    assert (await pair.primary.read("a/b"), await pair.backup.read("a/b")) == (b"data", b"other")


async def test_a_name_is_claimed_at_the_first_store_only(pair: Pair) -> None:
    pair.primary.away = True
    with pytest.raises(StoreProblem):
        await pair.store.claim("log/entry/0", b"mine")
    pair.primary.away, pair.backup.away = False, True
    await pair.store.claim("log/entry/0", b"mine")
    assert pair.store.owing() == [(BACKUP, "log/entry/0")]


@pytest.mark.parametrize("side", [PRIMARY, BACKUP])
async def test_a_record_is_sealed_while_one_store_is_away(pair: Pair, side: str, tmp_path: Path) -> None:
    away = pair.primary if side == PRIMARY else pair.backup
    key = load_or_make(tmp_path / "court.pem")
    tape = Tape(tmp_path / "spool")
    tape.track(audio_track("p1"), audio_arrivals(11))
    tape.write(11.5).abandon()
    away.away = True
    async with running(Recorder(tmp_path / "spool", pair.store, key)) as recorder:
        await sealed(recorder, "sitting", facts(11, ["p1"]))
        report = await verify_record(pair.store, "hearings/sitting/", key.public)
        assert report.ok
        assert recorder.state().owed > 0
        away.away = False

        async def settled() -> bool:
            return not recorder.state().owed

        await eventually(settled)
    for store in (pair.primary, pair.backup):
        alone = await verify_record(store, "hearings/sitting/", key.public)
        assert alone.ok
        assert {found.code for found in alone.findings} - WITNESSES <= {"gap"}
