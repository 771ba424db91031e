"""What is being given out ends with the right to it: a film of hours must not go on for hours after it was sealed."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from hearing_server.store.shares import Asker, CodeLimits
from hearing_server.web import given
from recording import serve
from tests.unit.hearing_server.web.conftest import MEDIA, MEDIA_NAME, Site
from tests.unit.hearing_server.web.test_custody import decide
from tests.unit.hearing_server.web.test_levels import withhold
from tests.unit.hearing_server.web.test_shares import posting, proved, share

__all__ = ["posting"]
PIECE = 1000


@pytest.fixture(autouse=True)
def in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store gives small pieces, and each is looked at."""
    monkeypatch.setattr(given, "LOOK_AGAIN_S", 0.0)
    whole = serve.RecordReader.read

    async def read(self: Any, media: Any, start: int = 0, end: int | None = None) -> Any:
        async for piece in whole(self, media, start, end):
            for at in range(0, len(piece), PIECE):
                yield piece[at : at + PIECE]

    monkeypatch.setattr(serve.RecordReader, "read", read)


async def reads(
    site: Site, client: httpx.AsyncClient, url: str, meanwhile: Callable[[], Awaitable[object]] | None = None
) -> tuple[bytes, bool]:
    """What a client gets, and whether the answer was ended as announced; something happens after the first piece."""
    got, ended = bytearray(), False
    parts = urlsplit(url)
    cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal ended
        if message["type"] != "http.response.body":
            assert message["status"] == 200, message
            return
        first = not got
        got.extend(message.get("body", b""))
        ended = not message.get("more_body", False)
        if first and meanwhile is not None:
            await meanwhile()

    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": parts.path, "raw_path": parts.path.encode(), "query_string": parts.query.encode(),
        "root_path": "", "headers": [(b"host", b"court.test"), (b"cookie", cookies.encode())],
        "client": ("192.0.2.7", 1), "server": ("court.test", 80),
    }  # fmt: skip
    await site.app(scope, receive, send)
    return bytes(got), ended


async def acts(site: Site) -> list[tuple[str, object]]:
    entries = await site.court.store.ledger.read(site.booking.hearing_id)
    return [(entry.access.action, entry.access.detail.get("code")) for entry in entries]


async def test_who_may_go_on_gets_all(site: Site) -> None:
    await site.close_hearing()
    async with site.signed_in("clerk") as clerk:
        assert await reads(site, clerk, f"{site.record_url}/media/{MEDIA_NAME}") == (MEDIA, True)
    assert ("broken-off", None) not in await acts(site)


@pytest.mark.parametrize(
    ("action", "code"), [("seal", "record-withheld"), ("hide", "record-hidden"), ("sign-out", "sign-in-needed")]
)
async def test_it_breaks_off_when_it_may_not_be_had_any_more(site: Site, action: str, code: str) -> None:
    await site.close_hearing()
    url = f"{site.record_url}/media/{MEDIA_NAME}"
    async with site.signed_in("clerk") as clerk, site.signed_in("records_custodian") as custodian:

        async def act() -> None:
            if action == "seal":
                await withhold(site, custodian)
            elif action == "hide":
                await decide(custodian, site, "hide")
            else:
                await site.accounts.end(await site.accounts.session(clerk.cookies["staff"]))

        got, ended = await reads(site, clerk, url, act)
    assert (got, ended) == (MEDIA[:PIECE], False)
    assert (await acts(site))[-1] == ("broken-off", code)


async def test_a_share_that_is_ended_ends_what_is_open(posting: Site) -> None:
    async with posting.signed_in("clerk") as clerk:
        share_id, link = await share(posting, clerk)
        async with proved(posting, link) as person:

            async def end() -> None:
                assert (await clerk.delete(f"{posting.record_url}/shares/{share_id}")).status_code == 200

            got, ended = await reads(posting, person, f"{link}/media/{MEDIA_NAME}", end)
        assert (got, ended) == (MEDIA[:PIECE], False)
        assert (await acts(posting))[-1] == ("broken-off", "share-revoked")
        (row,) = (await clerk.get(f"{posting.record_url}/shares")).json()["rows"]
        assert (row["entries"][0]["action"], row["entries"][0]["code"]) == ("broken-off", "share-revoked")


async def test_a_share_on_another_device_ends_what_the_first_plays(posting: Site) -> None:
    async with posting.signed_in("clerk") as clerk:
        share_id, link = await share(posting, clerk)
    async with proved(posting, link) as person:

        async def elsewhere() -> None:
            store, now = posting.court.store.shares, 1
            limits = CodeLimits(window_ns=9, pause_ns=9, of_address=9, of_share=9)
            assert await store.ask_code(share_id, Asker("another", "near"), "h", now, limits) == "sent"
            assert await store.prove(share_id, "another", "h", "session", now, life_ns=9, tries=9)

        got, ended = await reads(posting, person, f"{link}/media/{MEDIA_NAME}", elsewhere)
    assert (got, ended) == (MEDIA[:PIECE], False)
    assert hashlib.sha256(got).hexdigest() != hashlib.sha256(MEDIA).hexdigest()
    assert (await acts(posting))[-1] == ("broken-off", "share-proof-needed")
