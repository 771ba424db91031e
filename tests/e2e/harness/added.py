"""A recording of other equipment is added to a record, twice; the first version is made the current one again, and the
second withdrawn."""

from __future__ import annotations

import io
import wave
from collections.abc import Awaitable, Callable

from playwright.async_api import Locator, Page

from .scenario import until

See = Callable[[Page, str], Awaitable[None]]
RATE_HZ = 8000


def recording(seconds: int) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(bytes(2 * RATE_HZ * seconds))
    return out.getvalue()


async def add_recordings(page: Page, see: See, number: int) -> None:
    """By the clerk, on the record's page.  ``see`` looks at a page, by name; ``number`` makes the title one of many."""
    title = f"Bench recorder {number} 备用录音"
    await page.get_by_test_id("added-new").click()
    await page.get_by_test_id("add-send").click()
    await see(page, "record-add")
    await page.get_by_test_id("add-back").click()
    for version in (1, 2):
        await page.get_by_test_id("added-new").click()
        content = recording(version)
        await page.get_by_test_id("add-file").set_input_files(
            {"name": "r.wav", "mimeType": "audio/wav", "buffer": content}
        )
        await page.get_by_test_id("add-title").fill(title)
        await page.get_by_test_id("add-equipment").fill("Desk recorder")
        await page.get_by_test_id("add-time").fill("00:00:01")
        await page.get_by_test_id("add-send").click()
        await page.get_by_test_id("add-form").wait_for(state="hidden")
        await page.locator("[data-testid=added] ul > li", has_text=title).locator("ol > li").nth(version - 1).wait_for()
    versions = page.locator("[data-testid=added] ul > li", has_text=title).locator("ol > li")
    await versions.nth(1).get_by_test_id("added-choose").focus()
    await page.keyboard.press("Enter")
    await versions.nth(1).get_by_test_id("added-current").wait_for()
    await versions.nth(1).get_by_test_id("added-play").click()
    player = versions.nth(1).get_by_test_id("added-player")
    await until(lambda: player.evaluate("player => player.readyState >= 2"), 60, "the added recording can be played")
    await see(page, "record-added")
    await withdraw(page, see, versions.nth(0))


async def withdraw(page: Page, see: See, version: Locator) -> None:
    """With the keyboard; the reason must be given."""
    await version.get_by_test_id("added-withdraw").focus()
    await page.keyboard.press("Enter")
    await page.get_by_test_id("added-withdraw-send").click()
    await see(page, "record-withdraw")
    await page.get_by_test_id("added-withdraw-reason").fill("Recorded in another courtroom 录自其他法庭")
    await page.keyboard.press("Enter")
    await version.get_by_test_id("added-gone").wait_for()
    await see(page, "record-withdrawn")
