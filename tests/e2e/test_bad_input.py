"""What goes wrong on the way in: each gets a clear message in the language of the person, and nothing is lost."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from hearing_server.links import Links
from hearing_server.processes.control import link_secret
from hearing_server.store import Store
from signaling.messages import FRAME_LIMIT_BYTES
from tests.integration.signaling.client import RequestError

from .harness.headless import open_socket, take_seat
from .harness.pages import CHROMIUM, FLAGS, STEP_MS
from .harness.server import Running

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

BOTH = pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bare_browser() -> AsyncIterator[Browser]:
    """A browser on a computer with neither camera nor microphone."""
    async with async_playwright() as running:
        browser = await running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


async def visit(browser: Browser, url: str, locale: str, script: str = "", **options: Any) -> Page:
    context = await browser.new_context(locale=locale, **options)
    context.set_default_timeout(STEP_MS)
    if script:
        await context.add_init_script(script)
    page = await context.new_page()
    await page.goto(url)
    return page


def in_chinese(text: str) -> bool:
    return any("\u4e00" <= letter <= "\u9fff" for letter in text)


async def message(page: Page, testid: str, locale: str) -> str:
    """What the page says there, which must be in the person's language."""
    place = page.locator(f"[data-testid={testid}]:visible").first
    await place.wait_for()
    text = await place.inner_text()
    assert in_chinese(text) == (locale == "zh-CN"), text
    return text


# --- links -----------------------------------------------------------------------------------------


@BOTH
async def test_a_wrong_link(demo: Running, bare_browser: Browser, locale: str) -> None:
    page = await visit(bare_browser, demo.link("claimant")[:-1] + "~", locale)
    await message(page, "error", locale)
    assert await page.locator("[data-testid=error]:visible").first.get_attribute("data-code") == "link-unknown"
    await page.context.close()


async def issue(demo: Running, role: str, **limits: Any) -> str:
    """Another link of this person, made as an operator's tool would."""
    store = await Store.open(f"sqlite+aiosqlite:///{demo.data / 'hearings.sqlite3'}")
    try:
        facts = await store.docket.by_hearing(str(demo.ready["hearing_id"]))
        assert facts is not None
        person = next(person for person in facts.people if person.role == role)
        return await Links(store, link_secret(demo.data / "keys" / "links.key")).issue(person.id, **limits)
    finally:
        await store.aclose()


@BOTH
async def test_an_expired_link(demo: Running, bare_browser: Browser, locale: str) -> None:
    token = await issue(demo, "observer", expires_utc=time.time_ns() - 1)
    page = await visit(bare_browser, f"{demo.base_url}/j/{token}", locale)
    await message(page, "error", locale)
    assert await page.locator("[data-testid=error]:visible").first.get_attribute("data-code") == "link-expired"
    await page.context.close()


@BOTH
async def test_a_link_that_was_used_on_too_many_devices(demo: Running, bare_browser: Browser, locale: str) -> None:
    token = await issue(demo, "observer", expires_utc=time.time_ns() + 10**12, device_limit=1)
    await take_seat(demo.base_url, token)
    page = await visit(bare_browser, f"{demo.base_url}/j/{token}", locale)
    await page.locator("[data-testid=i-am]:visible, [data-testid=error]:visible").first.wait_for()
    if await page.get_by_test_id("i-am").count():
        await page.get_by_test_id("i-am").click()
    await message(page, "error", locale)
    assert await page.locator("[data-testid=error]:visible").first.get_attribute("data-code") == "link-used-up"
    await page.context.close()


# --- browsers and devices ---------------------------------------------------------------------------


@BOTH
async def test_a_browser_that_cannot_hold_a_hearing(demo: Running, bare_browser: Browser, locale: str) -> None:
    page = await visit(bare_browser, demo.link("claimant"), locale, "delete window.RTCPeerConnection;")
    await message(page, "unsupported", locale)
    await page.context.close()


REFUSED = "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'));"
BUSY = "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotReadableError'));"


@BOTH
@pytest.mark.parametrize(("script", "result"), [(REFUSED, "refused"), ("", "missing"), (BUSY, "busy")])
async def test_a_camera_that_is_refused_missing_or_busy(
    demo: Running, bare_browser: Browser, locale: str, script: str, result: str
) -> None:
    """The person is told what to do, and may attend all the same."""
    page = await visit(bare_browser, demo.link("claimant"), locale, script, permissions=["camera", "microphone"])
    await page.get_by_test_id("i-am").click()
    await page.get_by_test_id("make-declaration").wait_for()
    for tick in await page.locator("[data-testid^=declare-]").all():
        await tick.check()
    await page.get_by_test_id("make-declaration").click()
    await page.get_by_test_id("ask-devices").click()
    await page.locator(f"[data-testid=check-camera][data-result={result}]").wait_for()
    await message(page, "check-camera", locale)
    await page.get_by_test_id("go-in").click()
    await page.get_by_test_id("last-news").wait_for()
    await page.context.close()


# --- the address ----------------------------------------------------------------------------------------


async def test_the_link_does_not_stay_in_the_address_and_a_reload_comes_back(
    demo: Running, bare_browser: Browser
) -> None:
    link = demo.link("observer")
    page = await visit(bare_browser, link, "en")
    await page.get_by_test_id("i-am").click()
    await page.get_by_test_id("make-declaration").wait_for()
    assert page.url.startswith(f"{demo.base_url}/hearing?person=observer-")
    await page.reload()
    await page.get_by_test_id("make-declaration").wait_for()
    for tick in await page.locator("[data-testid^=declare-]").all():
        await tick.check()
    await page.get_by_test_id("make-declaration").click()
    await page.get_by_test_id("go-in").click()
    await page.get_by_test_id("last-news").wait_for()
    await page.reload()
    await page.get_by_test_id("last-news").wait_for()
    assert link.rsplit("/", 1)[1] not in page.url
    await page.context.close()


# --- two devices, two windows ---------------------------------------------------------------------------


@BOTH
async def test_a_second_device_takes_the_seat_and_the_first_is_told(
    demo: Running, bare_browser: Browser, locale: str
) -> None:
    link = demo.link("observer")
    page = await visit(bare_browser, link, locale)
    await page.get_by_test_id("i-am").click()
    if await _appears(page, "make-declaration", "go-in") == "make-declaration":
        for tick in await page.locator("[data-testid^=declare-]").all():
            await tick.check()
        await page.get_by_test_id("make-declaration").click()
    await page.get_by_test_id("go-in").click()
    await page.get_by_test_id("last-news").wait_for()
    await take_seat(demo.base_url, link.rsplit("/", 1)[1])
    await message(page, "ended", locale)
    await page.get_by_test_id("take-back").wait_for()
    await page.context.close()


async def _appears(page: Page, *testids: str) -> str:
    first = page.locator(", ".join(f"[data-testid={testid}]" for testid in testids)).first
    await first.wait_for()
    return await first.get_attribute("data-testid") or ""


async def test_a_start_from_two_windows_happens_once(demo: Running) -> None:
    cookie = await take_seat(demo.base_url, demo.link("judge").rsplit("/", 1)[1])
    signal = await open_socket(demo.base_url, cookie)
    try:
        await signal.ask("join", locale="zh-CN")
        await signal.ask("checkIn", declaration=True)
        version = (await signal.notice("view"))["view"]["version"]
        give = {"name": "open", "arguments": {}, "expectedVersion": version}
        done = await signal.ask("command", requestId="window-1", **give)
        assert await signal.ask("command", requestId="window-1", **give) == done
        with pytest.raises(RequestError) as refused:
            await signal.ask("command", requestId="window-2", **give)
        assert refused.value.code in ("conflict", "countdown-running", "already-started")
        assert refused.value.message
        close = {"name": "close", "arguments": {"confirm": True}, "expectedVersion": None}
        with pytest.raises(RequestError):  # not in session yet
            await signal.ask("command", requestId="too-early", **close)
        await signal.ask("command", requestId="abort-1", name="abort", arguments={})
    finally:
        await signal.aclose()


# --- the socket -----------------------------------------------------------------------------------------


async def raw_socket(demo: Running, role: str = "witness", **headers: str) -> ClientConnection:
    cookie = await take_seat(demo.base_url, demo.link(role).rsplit("/", 1)[1])
    url = demo.base_url.replace("http", "ws", 1) + "/signal"
    return await connect(url, additional_headers={"Cookie": cookie, "Origin": demo.base_url, **headers}, max_size=None)


async def answer(socket: ClientConnection, frame: str | bytes) -> dict[str, Any]:
    await socket.send(frame)
    async with asyncio.timeout(10):
        found: dict[str, Any] = json.loads(await socket.recv())
        return found


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "garbage",
        "[]",
        "{}",
        '{"id":1}',
        '{"id":1,"type":"nothing"}',
        '{"id":"x","type":"join"}',
        "\x00",
        "{" * 4000,
    ],
)
async def test_garbage_is_answered_and_harms_nobody(demo: Running, frame: str) -> None:
    async with await raw_socket(demo) as socket:
        assert (await answer(socket, frame))["type"] == "error"
        joined = await answer(socket, '{"id":1,"type":"join"}')
        assert joined["type"] == "reply"


async def test_messages_out_of_order_are_refused(demo: Running) -> None:
    async with await raw_socket(demo) as socket:
        for number, kind in enumerate(("transport.create", "command", "checkIn")):
            fields = {"direction": "send", "name": "open", "requestId": "x", "declaration": True}
            found = await answer(socket, json.dumps({"id": number, "type": kind, **fields}))
            assert found["type"] == "error", found
            assert found["id"] == number
        assert (await answer(socket, '{"id":9,"type":"join"}'))["type"] == "reply"


async def test_an_oversized_message_ends_the_socket_and_nothing_else(demo: Running) -> None:
    async with await raw_socket(demo) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await answer(socket, json.dumps({"id": 1, "type": "join", "padding": "x" * FRAME_LIMIT_BYTES}))
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009  # RFC 6455 §7.4.1: message too big
    async with httpx.AsyncClient() as http:
        assert (await http.get(f"{demo.base_url}/healthz")).status_code == 200


async def test_no_seat_or_a_foreign_page_gets_no_socket(demo: Running) -> None:
    url = demo.base_url.replace("http", "ws", 1) + "/signal"
    with pytest.raises(InvalidStatus) as refused:
        await connect(url, additional_headers={"Origin": demo.base_url})
    assert refused.value.response.status_code == 401
    with pytest.raises(InvalidStatus) as refused:
        await raw_socket(demo, Origin="https://elsewhere.example")
    assert refused.value.response.status_code == 403


# --- nothing was lost --------------------------------------------------------------------------------------


async def test_after_all_this_the_court_still_answers(demo: Running) -> None:
    async with httpx.AsyncClient() as http:
        ready = await http.get(f"{demo.base_url}/readyz")
    assert ready.status_code == 200, ready.text
    assert set(demo.children()) == {"media-worker", "recorder"}
    log = await asyncio.to_thread(Path(demo.data / "logs" / "control.log").read_text)
    assert "Traceback" not in log
