"""A person in Firefox, through its own remote protocol (Marionette); calls block, so they are made in threads."""

from __future__ import annotations

import asyncio
import base64
import json
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tests.media import tones

from .pages import PROBE

with warnings.catch_warnings():  # these packages have not learnt of newer Pythons
    warnings.simplefilter("ignore")
    from marionette_driver import By, Wait
    from marionette_driver.marionette import Marionette

FIREFOX = "/usr/bin/firefox-esr"
STEP_S = 30


def preferences(role: str) -> dict[str, Any]:
    return {
        "media.navigator.streams.fake": True,
        "media.navigator.audio.fake_frequency": int(tones.TONES_HZ[role]),
        "media.navigator.permission.disabled": True,
        "media.peerconnection.ice.loopback": True,
        "media.peerconnection.ice.obfuscate_host_addresses": False,
        "media.autoplay.default": 0,
        # A computer without a sound card: play into nothing, in real time.
        "media.cubeb.force_mock_context": True,
        "intl.accept_languages": "en-GB",
        "app.update.enabled": False,
        "browser.shell.checkDefaultBrowser": False,
        "datareporting.policy.dataSubmissionEnabled": False,
        "network.captive-portal-service.enabled": False,
        "network.connectivity-service.enabled": False,
    }


class FirefoxPerson:
    def __init__(self, driver: Marionette, role: str) -> None:
        self._driver = driver
        self.role = role

    async def arrive(self, link: str) -> None:
        await asyncio.to_thread(self._arrive, link)

    async def counters(self) -> dict[str, Any]:
        found: dict[str, Any] = await asyncio.to_thread(self._ask, "counters()")
        return found

    async def hears(self) -> set[str]:
        heard = await asyncio.to_thread(self._ask, "listen()")
        return tones.heard(np.frombuffer(base64.b64decode(heard["samples"]), np.float32))

    async def in_room(self, state: str) -> None:
        await asyncio.to_thread(self._see, f"[data-testid=room][data-state={state}]")

    async def screenshot(self, path: Path) -> None:
        picture = await asyncio.to_thread(self._driver.screenshot)
        await asyncio.to_thread(path.write_bytes, base64.b64decode(picture))

    def _arrive(self, link: str) -> None:
        self._driver.navigate(link)
        self._see("[data-testid=i-am]")
        # The page's own scripts have not asked for devices or connections yet.
        self._driver.execute_script(PROBE, sandbox=None)
        self._press("i-am")
        self._see("[data-testid=make-declaration]")
        for tick in self._driver.find_elements(By.CSS_SELECTOR, "[data-testid^=declare-]"):
            tick.click()
        self._press("make-declaration")
        self._press("ask-devices")
        self._see("[data-testid=check-camera][data-result=ok]")
        self._press("go-in")

    def _see(self, selector: str) -> Any:
        def shown(driver: Marionette) -> Any:
            return next((each for each in driver.find_elements(By.CSS_SELECTOR, selector) if each.is_displayed()), None)

        return Wait(self._driver, timeout=STEP_S).until(shown, message=f"{selector} is not shown")

    def _press(self, testid: str) -> None:
        self._see(f"[data-testid={testid}]").click()

    def _ask(self, question: str) -> Any:
        script = (
            "const done = arguments[arguments.length - 1];"
            f"window.__probe.{question}.then((found) => done(JSON.stringify(found)), (error) => done(String(error)));"
        )
        return json.loads(self._driver.execute_async_script(script, sandbox=None))


@asynccontextmanager
async def firefox(role: str, log: Path, failure: Path) -> AsyncIterator[FirefoxPerson]:
    driver = Marionette(bin=FIREFOX, headless=True, prefs=preferences(role), gecko_log=str(log))
    try:
        await asyncio.to_thread(driver.start_session)
        driver.timeout.script = STEP_S
        person = FirefoxPerson(driver, role)
        try:
            yield person
        except BaseException:
            await person.screenshot(failure)
            raise
    finally:
        await asyncio.to_thread(driver.cleanup)
