"""A person in a real browser: Chromium with a microphone and a camera of their own, walking through the pages."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, async_playwright

from tests.media import cameras, tones
from tests.media.tones import Samples

CHROMIUM = "/usr/bin/chromium"
PROBE = Path(__file__).with_name("probe.js").read_text(encoding="utf-8")
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
#: Writes what a person's camera sees, or their microphone hears.
Film = Callable[[Path, str], Path]
#: These make no declaration.
BENCH = ("judge", "clerk")
#: How long a page may take for a step on a busy machine, ms.
STEP_MS = 30_000
#: How much of a page is told when a test fails.
TOLD_CHARACTERS = 1_500

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    # Pages that are not on top must go on like real ones on other computers.
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-background-timer-throttling",
    "--autoplay-policy=no-user-gesture-required",
]
#: Chromium takes a page of its own for the screen that it is asked to share.
SHARES_SCREEN = ["--auto-accept-this-tab-capture", "--auto-select-tab-capture-source-by-title=Court hearing"]


def fake_devices(role: str, folder: Path, film: Film, sound: Film) -> list[str]:
    microphone = sound(folder / f"{role}.wav", role)
    camera = film(folder / f"{role}.y4m", role)
    return [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}",
        f"--use-file-for-fake-video-capture={camera}",
    ]


def _note(message: ConsoleMessage, errors: list[str]) -> None:
    """A refused request is an answer that the page handles (no seat yet); the browser notes it all the same."""
    if message.type == "error" and not message.text.startswith("Failed to load resource"):
        errors.append(message.text)


@asynccontextmanager
async def playwright() -> AsyncIterator[Playwright]:
    async with async_playwright() as running:
        yield running


@dataclass
class Person:
    """``errors`` collects what the page's own scripts threw or logged as errors."""

    role: str
    browser: Browser
    context: BrowserContext
    page: Page
    errors: list[str]

    @classmethod
    async def open(
        cls,
        running: Playwright,
        role: str,
        folder: Path,
        *,
        phone: bool = False,
        locale: str = "en-GB",
        devices: bool = True,
        film: Film = cameras.camera,
        sound: Film = tones.microphone,
        program: str | Path = CHROMIUM,
        flags: Sequence[str] = (),
    ) -> Person:
        """A browser of their own, since the files of fake devices hold for a whole browser.

        ``program``: what starts Chromium, elsewhere perhaps; ``flags``: more of its command line.
        """
        browser = await running.chromium.launch(
            executable_path=program,
            args=[*FLAGS, *flags, *(fake_devices(role, folder, film, sound) if devices else [])],
        )
        context = await browser.new_context(
            viewport=PHONE if phone else DESKTOP,  # type: ignore[arg-type]
            is_mobile=phone,
            has_touch=phone,
            locale=locale,
            ignore_https_errors=True,
        )
        context.set_default_timeout(STEP_MS)
        await context.add_init_script(PROBE)
        page = await context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: _note(message, errors))
        return cls(role, browser, context, page, errors)

    async def close(self) -> None:
        await self.browser.close()

    # --- what the person does -----------------------------------------------------------------

    async def press(self, testid: str) -> None:
        await self.page.get_by_test_id(testid).click()

    async def see(self, testid: str) -> None:
        await self.page.get_by_test_id(testid).first.wait_for(state="visible")

    async def arrive(self, link: str) -> None:
        """From the personal link to the waiting room, or for the judge to the bench."""
        await self.page.goto(link)
        await self.press("i-am")
        if self.role not in BENCH:
            await self.declare()
        await self.press("ask-devices")
        await self.page.locator("[data-testid=check-camera][data-result=ok]").wait_for()
        await self.page.locator("[data-testid=check-microphone][data-result=ok]").wait_for()
        await self.press("go-in")

    async def declare(self) -> None:
        await self.see("make-declaration")
        for tick in await self.page.locator("[data-testid^=declare-]").all():
            await tick.check()
        await self.press("make-declaration")

    async def in_room(self, state: str) -> None:
        """Wait until the page shows the courtroom in this state of the sitting."""
        await self.page.locator(f"[data-testid=room][data-state={state}]").wait_for()

    async def tells(self) -> str:
        """What the page shows, in short, for whoever reads of a failure: its state, its keys, its words."""
        shown: str = await self.page.evaluate(
            """() => {
              const keys = [...document.querySelectorAll("[data-testid]")].map((each) => each.dataset.testid).join(" ");
              const state = document.querySelector("[data-state]")?.dataset.state;
              const size = `${innerWidth}x${innerHeight}`;
              return [location.pathname, state, size, keys, document.body.innerText].join(" | ");
            }"""
        )
        return " ".join(shown.split())[:TOLD_CHARACTERS] + (f" errors: {self.errors}" if self.errors else "")

    async def start_hearing(self) -> None:
        await self.press("key-open")

    async def close_hearing(self) -> None:
        await self.press("key-close")
        word = self.page.get_by_test_id("confirm-close-word")
        await word.fill("闭庭" if await self.page.evaluate("document.documentElement.lang") == "zh-CN" else "close")
        await self.press("confirm-close-agree")

    # --- what a probe in the page finds ----------------------------------------------------------

    async def counters(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.page.evaluate("__probe.counters()")
        return found

    async def reports(self, *kinds: str) -> list[dict[str, Any]]:
        """The reports of these kinds (W3C webrtc-stats, RTCStatsType) of all open peer connections."""
        found: list[dict[str, Any]] = await self.page.evaluate("kinds => __probe.reports(kinds)", kinds)
        return found

    async def routes(self) -> list[dict[str, str]]:
        """By which way each peer connection sends now: type, protocol and addresses of both ends."""
        found: list[dict[str, str]] = await self.page.evaluate("__probe.routes()")
        return found

    async def streams(self) -> dict[str, Any]:
        """All that flows, stream by stream, and how many connections and sockets were ever made."""
        found: dict[str, Any] = await self.page.evaluate("__probe.streams()")
        return found

    async def sound(self) -> Samples:
        """Two thirds of a second of what the page plays."""
        heard = await self.page.evaluate("__probe.listen()")
        return np.frombuffer(base64.b64decode(heard["samples"]), np.float32)

    async def hears(self) -> set[str]:
        return tones.heard(await self.sound())

    async def sees(self) -> dict[str, str | None]:
        """Whose picture stands in whose place, of the pictures that are shown now."""
        shown = await self.page.evaluate("__probe.pictures()")
        return {picture["role"]: cameras.seen_rgb(*picture["colour"]) for picture in shown if picture["frames"] > 0}

    async def fall_silent(self, ms: int) -> float:
        """Stop all microphones of this page for a while; returns when they stopped, s since 1970."""
        done = await self.page.evaluate("ms => __probe.silence(ms)", ms)
        assert done["count"] > 0, "the page has no open microphone"
        return float(done["at"]) / 1000
