"""The court's staff at their own browser, signed in with an account."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, Page

from .pages import DESKTOP, PHONE, STEP_MS
from .server import Running, clean_environment

PASSWORD = "seven grey herons at noon"


@dataclass
class Desk:
    """A browser at the court; ``errors`` collects what the pages' own scripts threw."""

    base_url: str
    browser: Browser
    errors: list[str] = field(default_factory=list)

    async def sit(self, locale: str = "en-GB", *, phone: bool = False) -> Page:
        """A page on another device: nothing is remembered."""
        context = await self.browser.new_context(
            viewport=PHONE if phone else DESKTOP,  # type: ignore[arg-type]
            is_mobile=phone,
            has_touch=phone,
            locale=locale,
            reduced_motion="reduce",
            permissions=["clipboard-read", "clipboard-write"],
            ignore_https_errors=True,
        )
        context.set_default_timeout(STEP_MS)
        page = await context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        return page

    async def sign_in(self, page: Page, user: str, password: str = PASSWORD, path: str = "/staff") -> None:
        await page.goto(self.base_url + path)
        await page.get_by_test_id("user").fill(user)
        await page.get_by_test_id("password").fill(password)
        await page.get_by_test_id("sign-in-key").click()

    async def open(self, page: Page, path: str, testid: str) -> None:
        await page.goto(self.base_url + path)
        await page.get_by_test_id(testid).first.wait_for()

    async def ask(self, page: Page, method: str, path: str, body: Any = None) -> Any:
        """The API, as the page's signed-in account."""
        answer = await page.context.request.fetch(
            self.base_url + path, method=method, data=body, headers={"Origin": self.base_url}
        )
        assert answer.ok, (path, answer.status, await answer.text())
        return await answer.json() if answer.status != 204 else None


async def add_account(demo: Running, user: str, court: str, *words: str) -> None:
    """By the command line, as the first administrator of a court is made."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hearing_server", "account", "add", user, "--court", court, *words),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        env=clean_environment() | {"HEARING_DATA": str(demo.data)},
    )
    await process.communicate(f"{PASSWORD}\n".encode())
    assert process.returncode == 0
