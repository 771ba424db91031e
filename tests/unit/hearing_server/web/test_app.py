"""Around the API: pages, headers, limits, health, metrics, the document, and the door to the socket."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote

import pytest
from starlette.types import Message

from hearing_server.store import StoreError
from hearing_server.web.app import SOCKETS_PER_SEAT
from hearing_server.web.middleware import BODY_LIMIT_BYTES
from recording import messages as m
from tests.unit.hearing_server.web.conftest import ORIGIN, Site


@pytest.mark.parametrize(
    ("path", "title"),
    [("/", "party"), ("/j/some.token", "party"), ("/hearing", "party"), ("/staff", "staff"), ("/record/x", "staff")],
)
async def test_pages(site: Site, path: str, title: str) -> None:
    async with site.client() as client:
        answer = await client.get(path)
        assert f"<title>{title}</title>" in answer.text
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["content-type"].startswith("text/html")


async def test_every_answer_is_guarded(site: Site) -> None:
    async with site.client() as client:
        for path in ("/", "/api/session", "/nothing", "/assets/app-1a2b.js", "/healthz"):
            headers = (await client.get(path)).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "script-src 'self';" in policy
            assert "unsafe" not in policy
            assert "ws://court.test wss://court.test" in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
        headers = (await client.get("/", headers={"host": "x; script-src *"})).headers
        assert "script-src *" not in headers["content-security-policy"]
        headers = (await client.get("/", headers={"host": "[2001:db8::1]:8443"})).headers
        assert "connect-src 'self';" in headers["content-security-policy"]
        assert (await client.get("/api/session")).headers["cache-control"] == "no-store"


async def test_assets_are_kept_for_long_and_packed(site: Site) -> None:
    async with site.client() as client:
        answer = await client.get("/assets/app-1a2b.js")
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["content-type"].startswith("text/javascript")
        assert answer.text.startswith("export const court")
        plain = await client.get("/assets/app-1a2b.js", headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert len(gzip.compress(plain.content)) < len(plain.content)
        again = await client.get("/assets/app-1a2b.js", headers={"if-none-match": answer.headers["etag"]})
        assert again.status_code == 304


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/assets/../../secret.txt", "/%2e%2e/secret.txt", "/a%00b", "/assets"]
)
async def test_files_that_are_not_for_the_web(site: Site, path: str) -> None:
    """Asked as a client would that does not tidy its addresses."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"court.test")],
        "client": ("127.0.0.1", 1),
        "server": ("court.test", 80),
    }
    await site.app(scope, receive, send)
    assert sent[0]["status"] == 404
    assert b"not for the web" not in sent[1]["body"]


async def test_a_client_that_is_not_built(site: Site) -> None:
    async with site.client() as client:
        pages = next(route for route in site.app.routes if getattr(route, "path", "") == "/")
        root = pages.endpoint.__self__._root
        (root / "index.html").unlink()
        answer = await client.get("/")
        assert (answer.status_code, answer.json()["code"]) == (503, "client-missing")


async def test_what_is_not_there(site: Site) -> None:
    async with site.client() as client:
        assert (await client.get("/api/nothing")).json()["code"] == "not-found"
        answer = await client.put("/api/session")
        assert (answer.status_code, answer.json()["code"]) == (405, "method-not-allowed")


async def test_bodies_are_bounded_whether_they_say_their_length_or_not(site: Site) -> None:
    async with site.client() as client:
        answer = await client.post("/api/link", content=b"x" * (BODY_LIMIT_BYTES + 1))
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")

        async def endless() -> Any:
            for _ in range(100):
                yield b"x" * 4096

        answer = await client.post("/api/link", content=endless())
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
        answer = await client.post("/api/link", content=b"", headers={"content-length": "-5"})
        assert answer.status_code == 413


async def test_a_body_that_never_ends_is_not_waited_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hearing_server.web.app.BODY_TIMEOUT_S", 0.05)

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    sent: list[Message] = []
    pieces = slow()

    async def receive() -> Message:
        return {"type": "http.request", "body": await anext(pieces), "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/api/session", "query_string": b"", "headers": []}
    async with asyncio.timeout(10):
        await site.app(scope, receive, send)
    assert sent[0]["status"] == 400


async def test_a_client_that_goes_while_it_speaks_is_no_fault_of_ours(site: Site) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/api/session", "query_string": b"", "headers": []}
    await site.app(scope, receive, send)
    assert sent[0]["status"] == 400


async def test_health_and_readiness(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async with site.client() as client:
        assert (await client.get("/healthz")).status_code == 200
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"database": True})

        async def away() -> None:
            raise StoreError("store-unreachable", "gone")

        monkeypatch.setattr(site.court.store, "ping", away)
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()) == (503, {"database": False})
        assert (await client.get("/healthz")).status_code == 200


@pytest.mark.parametrize(
    ("asker", "headers", "shown"),
    [
        ("127.0.0.1", {}, True),
        ("::1", {}, True),
        ("198.51.100.7", {}, False),
        ("127.0.0.1", {"x-forwarded-for": "198.51.100.7"}, False),
        ("127.0.0.1", {"forwarded": "for=198.51.100.7"}, False),
        ("testclient", {}, False),
    ],
)
async def test_metrics_are_for_this_computer(site: Site, asker: str, headers: dict[str, str], shown: bool) -> None:
    async with site.client(asker, **headers) as client:
        assert (await client.get("/metrics")).status_code == (200 if shown else 404)
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"database": True} if shown else {"ready": True})


async def test_metrics_can_be_opened(site: Site) -> None:
    site.build(metrics_open=True)
    async with site.client("198.51.100.7") as client:
        assert (await client.get("/metrics")).status_code == 200
        assert (await client.get("/readyz")).json() == {"database": True}


async def test_metrics_count_by_route_and_name_nobody(site: Site) -> None:
    await site.court.start("claimant")
    site.court.recorder.events.put_nowait(m.RecorderState(backlog=3, spool_bytes=1, disk_free_bytes=2))
    async with site.seated("clerk") as client:
        await client.get(site.record_url)
        metrics = (await client.get("/metrics")).text
    assert 'route="/api/hearings/{sitting_id}/record",status="404"' in metrics
    assert 'hearing_sittings{state="in_session"} 1.0' in metrics
    assert 'hearing_records{state="recording"} 1.0' in metrics
    assert "hearing_sockets 2.0" in metrics
    assert "hearing_recorder_backlog 3.0" in metrics
    assert site.booking.hearing_id not in metrics
    assert "Larkin" not in metrics


async def test_an_error_of_ours_is_a_sentence_and_no_trace(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("secret detail")

    async with site.seated("clerk") as client:
        monkeypatch.setattr(site.court.store.search, "find", broken)
        answer = await client.get("/api/hearings", headers={"accept-language": "zh"})
        assert (answer.status_code, answer.json()["code"]) == (500, "unexpected")
        assert "secret" not in answer.text
        assert "法庭" in answer.json()["message"]


async def test_the_document_describes_every_field(site: Site) -> None:
    async with site.client() as client:
        document = (await client.get("/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    schemas = document["components"]["schemas"]
    assert {"Me", "Problem", "RecordPage", "HearingView", "Job", "SealCheck"} <= set(schemas)

    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [found for value in node.values() for found in references(value)]
        return [found for value in node for found in references(value)] if isinstance(node, list) else []

    names = {reference.removeprefix("#/components/schemas/") for reference in references(document)}
    assert names <= set(schemas)


# --- the socket's door ----------------------------------------------------------------------


async def knock(site: Site, headers: dict[str, str], kept_open: asyncio.Event | None = None) -> list[Message]:
    """What a client is told that asks for the socket, which lasts until the event."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)
        if kept_open is not None:
            await kept_open.wait()

    scope: dict[str, Any] = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": "/signal",
        "raw_path": b"/signal",
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in {"host": "court.test", **headers}.items()],
        "client": ("127.0.0.1", 1),
        "server": ("court.test", 80),
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
    }
    await site.app(scope, receive, send)
    return sent


async def test_a_seat_opens_the_socket(site: Site) -> None:
    async with site.seated("claimant") as client:
        cookie = client.cookies["seat"]
        sent = await knock(site, {"cookie": f"seat={cookie}; lang=zh-CN", "origin": ORIGIN})
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.send", "websocket.close"]
    (seat,) = site.seats
    assert (seat.sitting_id, seat.person_id, seat.locale) == (
        site.booking.hearing_id,
        site.court.people["claimant"],
        "zh-CN",
    )


async def test_one_seat_has_so_many_sockets_and_no_more(site: Site) -> None:
    over = asyncio.Event()
    async with site.seated("claimant") as client:
        headers = {"cookie": f"seat={client.cookies['seat']}", "origin": ORIGIN}
        knocks = [asyncio.create_task(knock(site, headers, over)) for _ in range(SOCKETS_PER_SEAT)]
        for _ in range(200):
            await asyncio.sleep(0.01)
            if (await knock(site, headers))[0].get("status") == 429:
                break
        else:
            pytest.fail("nothing stops a seat from taking all sockets")
        over.set()
        await asyncio.gather(*knocks)
        assert (await knock(site, headers))[0]["type"] == "websocket.accept"


@pytest.mark.parametrize(
    ("cookie", "origin", "status"),
    [("", ORIGIN, 401), ("seat=forged", ORIGIN, 401), ("mine", "https://evil.test", 403), ("mine", "null", 403)],
)
async def test_nothing_else_does(site: Site, cookie: str, origin: str, status: int) -> None:
    async with site.seated("claimant") as client:
        field = f"seat={client.cookies['seat']}" if cookie == "mine" else cookie
        sent = await knock(site, {"cookie": field, "origin": origin})
    assert sent[0]["type"] == "websocket.http.response.start"
    assert sent[0]["status"] == status
    assert site.seats == []
