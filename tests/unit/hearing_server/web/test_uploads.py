"""Files on their way: whoever sends slowly is in nobody else's way, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from hearing_server import incoming
from hearing_server.exhibit_files import AT_A_TIME
from hearing_server.incoming import OF_ONE_LIMIT, Incoming, TooManyFiles
from hearing_server.web import uploads
from hearing_server.web.uploads import SPAN_BYTES, SPAN_LIMIT_S, STALL_LIMIT_S, Pace
from tests.recorded import eventually
from tests.unit.hearing_server.web.conftest import Site
from tests.unit.hearing_server.web.test_exhibits import pdf, url


def test_who_sends_a_trickle_is_given_up() -> None:
    pace = Pace(3600)
    assert pace.patience_s() == STALL_LIMIT_S
    waited = 0.0
    while pace.patience_s():
        pace.came(1, 5.0)
        waited += 5
    assert waited == SPAN_LIMIT_S


def test_who_sends_slowly_but_steadily_has_the_whole_time() -> None:
    pace = Pace(3600)
    waited = 0.0
    while pace.patience_s():
        pace.came(SPAN_BYTES // 10, 5.0)
        waited += 5
    assert waited == 3600


def test_what_the_server_does_meanwhile_does_not_count() -> None:
    pace = Pace(3600)
    for _ in range(1000):
        pace.came(1, 0.0)
    assert pace.patience_s() == STALL_LIMIT_S


class Phones:
    """Bodies that begin and then stand still until they are let go."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def body(self, content: bytes) -> AsyncIterator[bytes]:
        yield content[:100]
        await self.go.wait()
        yield content[100:]


def send(client: httpx.AsyncClient, site: Site, content: AsyncIterator[bytes] | bytes) -> asyncio.Task[httpx.Response]:
    return asyncio.create_task(client.post(url(site), params={"title": "Contract"}, content=content))


async def test_stalled_phones_keep_nobody_from_sending(site: Site) -> None:
    """More of them than files are looked into at a time; one person can have so many on their way and no more."""
    folder, phones = site.static.parent / "uploads", Phones()
    async with contextlib.AsyncExitStack() as stack:
        slow = [await stack.enter_async_context(site.seated(role)) for role in ("claimant", "respondent")]
        waiting = [send(client, site, phones.body(pdf())) for client in slow for _ in range(OF_ONE_LIMIT)]
        assert len(waiting) > AT_A_TIME

        async def all_begun() -> bool:
            return folder.is_dir() and len(list(folder.iterdir())) == len(waiting)

        await eventually(all_begun)
        refused = await send(slow[0], site, pdf())
        assert (refused.status_code, refused.json()["code"]) == (429, "uploads-own")
        assert refused.headers["retry-after"]
        lawyer = await stack.enter_async_context(site.seated("lawyer"))
        assert (await send(lawyer, site, pdf())).status_code == 201
        for phone in waiting:
            phone.cancel()
        await asyncio.wait(waiting)
        assert (await send(slow[0], site, pdf())).status_code == 201
    assert not list(folder.iterdir())


async def test_of_a_file_that_stands_still_nothing_is_left(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "STALL_LIMIT_S", 0.05)
    async with site.seated("claimant") as party:
        answer = await send(party, site, Phones().body(pdf()))
        assert (answer.status_code, answer.json()["code"]) == (400, "upload-slow")
        assert answer.headers["connection"] == "close"
        monkeypatch.undo()
        assert (await send(party, site, pdf())).status_code == 201
    assert not list((site.static.parent / "uploads").iterdir())


async def test_the_whole_server_has_a_bound_too(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(incoming, "OF_ALL_LIMIT", 1)
    door, phones = Incoming(tmp_path / "in"), Phones()

    async def receive(sender: str) -> None:
        async with door.receive(sender, phones.body(bytes(200))):
            pass

    async with asyncio.TaskGroup() as group:
        group.create_task(receive("a"))
        await asyncio.sleep(0)
        with pytest.raises(TooManyFiles) as many:
            await receive("b")
        assert not many.value.own
        phones.go.set()
    await receive("b")
    assert not list((tmp_path / "in").iterdir())


async def test_room_is_kept_for_what_others_are_sending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = incoming.RESERVE_BYTES + 1000

    monkeypatch.setattr(incoming.shutil, "disk_usage", lambda folder: Usage)
    door, phones = Incoming(tmp_path, copies=2), Phones()
    first = door.receive("a", phones.body(bytes(400)), 400)
    async with asyncio.TaskGroup() as group:
        entered = group.create_task(first.__aenter__())
        await asyncio.sleep(0)
        with pytest.raises(OSError, match="not enough room"):
            async with door.receive("b", phones.body(bytes(400)), 400):
                pass
        phones.go.set()
        file = await entered
        assert (file.size, file.path.stat().st_size) == (400, 400)
    await first.__aexit__(None, None, None)
    async with door.receive("b", phones.body(bytes(400)), 400):
        pass


async def test_who_announces_much_and_sends_little_keeps_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = incoming.RESERVE_BYTES + 2000

    monkeypatch.setattr(incoming.shutil, "disk_usage", lambda folder: Usage)
    monkeypatch.setattr(incoming, "LOOK_EVERY_BYTES", 100)
    door, phones = Incoming(tmp_path), Phones()

    async def begun() -> bool:
        return [place.there for place in door._places] == [100]

    async def slow() -> None:
        with pytest.raises(OSError, match="not enough room"):
            async with door.receive("a", phones.body(bytes(1900)), 1900):
                pass

    async def body(count: int) -> AsyncIterator[bytes]:
        yield bytes(count)

    async with asyncio.TaskGroup() as group:
        group.create_task(slow())
        await eventually(begun)
        with pytest.raises(OSError, match="not enough room"):  # 200 more are kept for the first, not 1800
            async with door.receive("b", body(1801), 1801):
                pass
        async with door.receive("b", body(1800), 1800) as file:
            assert file.size == 1800
        Usage.free = incoming.RESERVE_BYTES - 1  # what comes is looked at, whatever was announced
        phones.go.set()
    assert not door._places


def test_what_a_killed_server_had_on_its_way_is_removed(tmp_path: Path) -> None:
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "half").write_bytes(b"half of a file")
    incoming.clear(tmp_path / "uploads")
    incoming.clear(tmp_path / "uploads")
    assert not list(tmp_path.iterdir())
