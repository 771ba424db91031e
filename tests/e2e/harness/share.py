"""A record is shared with somebody, who opens it: by the letters that the demo leaves in its folder of messages."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from email import message_from_bytes, policy
from pathlib import Path
from urllib.parse import urljoin

from playwright.async_api import Page

from .scenario import until

See = Callable[[Page, str], Awaitable[None]]


async def share_record(page: Page, messages: Path, see: See, number: int) -> None:
    """The clerk opens the record of this page to somebody, who proves their address and plays; the clerk ends it.

    ``see`` looks at a page, by name; ``number`` makes the person one of several.
    """
    address = f"ann.reyes{number}@example.org"
    await page.get_by_test_id("share-new").click()
    await page.get_by_test_id("share-send").click()
    await see(page, "share-form")
    for field, words in {"name": f"Ann Reyes {number}", "email": address, "purpose": "Appeal 7/26"}.items():
        await page.get_by_test_id(f"share-{field}").fill(words)
    await page.get_by_test_id("share-download").check()
    await page.get_by_test_id("share-order").fill("O-12")
    await page.get_by_test_id("share-send").click()
    row = page.locator("[data-testid^=share-][data-state=active]", has_text=address)
    await row.wait_for()
    link = await in_the_letter(messages, address, r"/shared/\S+")
    visitor = await page.context.new_page()
    await visitor.goto(urljoin(page.url, link))
    await visitor.get_by_test_id("share-send-code").click()
    await visitor.get_by_test_id("share-code").wait_for()
    await see(visitor, "shared-proof")
    await visitor.get_by_test_id("share-code").fill(await in_the_letter(messages, address, r"\b\d{6}\b"))
    await visitor.keyboard.press("Enter")
    await visitor.get_by_test_id("play").click()
    await visitor.locator("[data-testid=watermark][data-mark*='Ann Reyes']").first.wait_for()
    await until(lambda: moves(visitor), 60, "the shared record plays")
    await see(visitor, "shared-record")
    await row.get_by_test_id("share-end").click()
    await page.get_by_test_id("share-end-confirm-agree").click()
    await page.locator("[data-testid^=share-][data-state=revoked]", has_text=address).wait_for()
    await visitor.reload()
    await visitor.locator("[data-testid=error][data-code=share-revoked]").wait_for()
    await visitor.close()
    ended = page.locator("[data-testid^=share-][data-state=revoked]", has_text=address)
    await ended.get_by_test_id("share-entries").click()
    await see(page, "record-shares")


async def moves(page: Page) -> bool:
    position = await page.get_by_test_id("time").get_attribute("data-position")
    return float(position or 0) > 1


async def in_the_letter(messages: Path, address: str, pattern: str) -> str:
    """What fits the pattern in a letter to this address, once it is there."""
    found: list[str] = []

    async def arrived() -> bool:
        texts = await asyncio.to_thread(_letters, messages, address)
        found[:] = [hit for text in texts for hit in re.findall(pattern, text)]
        return bool(found)

    await until(arrived, 60, f"a letter to {address}")
    return found[0]


def _letters(messages: Path, address: str) -> list[str]:
    mails = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in messages.glob("*.eml")]
    bodies = [mail.get_body(("plain",)) for mail in mails if mail["To"] == address]
    return [str(body.get_content()) for body in bodies if body is not None]
