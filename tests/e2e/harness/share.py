"""A record is shared with somebody, who opens it: by the letters that the demo leaves in its folder of messages."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from playwright.async_api import Page

from .scenario import until

See = Callable[[Page, str], Awaitable[None]]


async def share_record(page: Page, messages: Path, see: See, number: int) -> None:
    """The clerk opens a chosen part of this page's record to somebody, who proves their address and plays it, and sees
    no more than that; the clerk sends another link, and ends the share.

    ``see`` looks at a page, by name; ``number`` makes the person one of several.
    """
    address = f"ann.reyes{number}@example.org"
    chosen = await choose_part(page)
    await page.get_by_test_id("part-share").click()
    await page.get_by_test_id("share-send").click()
    await see(page, "share-form")
    for field, words in {"name": f"Ann Reyes {number}", "email": address, "purpose": "Appeal 7/26"}.items():
        await page.get_by_test_id(f"share-{field}").fill(words)
    assert await page.get_by_test_id("share-part").is_checked()
    await page.get_by_test_id("share-download").check()
    await page.get_by_test_id("share-order").fill("O-12")
    await page.get_by_test_id("share-send").click()
    row = page.locator("[data-testid^=share-][data-state=active]", has_text=address)
    await row.wait_for()
    (link,) = await in_the_letters(messages, address, r"/shared/\S+")
    visitor = await page.context.new_page()
    await prove(visitor, messages, address, urljoin(page.url, link), see)
    await visitor.get_by_test_id("play").click()
    await visitor.locator("[data-testid=watermark][data-mark*='Ann Reyes']").first.wait_for()
    await until(lambda: moves(visitor), 60, "the shared record plays")
    await see(visitor, "shared-record")
    told = await visitor.get_by_test_id("shared-part").inner_text()
    assert all(end in told for end in chosen), (chosen, told)
    await no_more_than_the_part(page, visitor, link)
    # Another link ends the one before where it is open.
    await row.get_by_test_id("share-renew").focus()
    await see(page, "record-share-open")
    await row.get_by_test_id("share-renew").click()
    await page.get_by_test_id("share-renew-confirm-agree").click()
    await page.get_by_test_id("share-said").locator(".banner").wait_for()
    await visitor.reload()
    await visitor.locator("[data-testid=error][data-code=link-unknown]").wait_for()
    fresh = next(other for other in await in_the_letters(messages, address, r"/shared/\S+", 2) if other != link)
    await visitor.goto(urljoin(page.url, fresh))
    await visitor.get_by_test_id("share-send-code").wait_for()
    await row.get_by_test_id("share-end").click()
    await page.get_by_test_id("share-end-confirm-agree").click()
    await page.locator("[data-testid^=share-][data-state=revoked]", has_text=address).wait_for()
    await visitor.reload()
    await visitor.locator("[data-testid=error][data-code=share-revoked]").wait_for()
    await visitor.close()
    ended = page.locator("[data-testid^=share-][data-state=revoked]", has_text=address)
    await ended.get_by_test_id("share-entries").click()
    await see(page, "record-shares")


async def choose_part(page: Page) -> tuple[str, str]:
    """From two seconds after the begin of what is chosen; answers both ends, as the page tells them."""
    begin = page.get_by_test_id("part-from")
    later = datetime.strptime(await begin.input_value(), "%H:%M:%S").replace(tzinfo=UTC) + timedelta(seconds=2)
    await begin.fill(f"{later:%H:%M:%S}")
    await page.get_by_test_id("part-choose").click()
    return await begin.input_value(), await page.get_by_test_id("part-to").input_value()


async def prove(visitor: Page, messages: Path, address: str, link: str, see: See) -> None:
    """Open the link, and give the code from the letter."""
    await visitor.goto(link)
    await visitor.get_by_test_id("share-send-code").click()
    await visitor.get_by_test_id("share-code").wait_for()
    await see(visitor, "shared-proof")
    (code,) = await in_the_letters(messages, address, r"\b\d{6}\b")
    await visitor.get_by_test_id("share-code").fill(code)
    await visitor.keyboard.press("Enter")
    await visitor.get_by_test_id("play").wait_for()


async def no_more_than_the_part(page: Page, visitor: Page, link: str) -> None:
    """The shared record begins later than the court's, and gives none of its files."""
    here = urlsplit(page.url)
    court = await ask(page, f"/api/hearings/{here.path.rsplit('/', 1)[-1]}/record?{here.query}")
    shared = f"/api/shares/{link.rsplit('/', 1)[-1]}"
    part = (await ask(visitor, f"{shared}/record"))["record"]
    assert part["startedAt"] - court["startedAt"] > 1
    assert part["durationS"] < court["durationS"] - 1
    assert all(0 <= gap["startS"] <= part["durationS"] for gap in part["gaps"])
    for track in court["tracks"]:
        name = urlsplit(track["url"]).path.rsplit("/", 1)[-1]
        assert (await ask(visitor, f"{shared}/media/{name}"))["code"] == "not-allowed"


async def ask(page: Page, path: str) -> dict[str, Any]:
    """The server's JSON answer to this page."""
    answer: dict[str, Any] = await page.evaluate("path => fetch(path).then(answer => answer.json())", path)
    return answer


async def moves(page: Page) -> bool:
    position = await page.get_by_test_id("time").get_attribute("data-position")
    return float(position or 0) > 1


async def in_the_letters(messages: Path, address: str, pattern: str, least: int = 1) -> list[str]:
    """What fits the pattern in letters to this address, each once, as soon as it is there so often."""
    found: list[str] = []

    async def arrived() -> bool:
        texts = await asyncio.to_thread(_letters, messages, address)
        found[:] = dict.fromkeys(hit for text in texts for hit in re.findall(pattern, text))
        return len(found) >= least

    await until(arrived, 60, f"a letter to {address}")
    return found


def _letters(messages: Path, address: str) -> list[str]:
    mails = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in messages.glob("*.eml")]
    bodies = [mail.get_body(("plain",)) for mail in mails if mail["To"] == address]
    return [str(body.get_content()) for body in bodies if body is not None]
