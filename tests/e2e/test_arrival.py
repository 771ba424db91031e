"""What people do before their hearing: days ahead under the Chinese rules, by the public link, and with exhibits."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image
from playwright.async_api import Page

from tests.media import cameras, tones

from .harness.desk import Desk, add_account
from .harness.pages import CHROMIUM, FLAGS, fake_devices, playwright
from .harness.scenario import until
from .harness.server import Running
from .test_pages import Look

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

WEEK_S = 7 * 86_400
SIDES = ("claimant", "respondent")
#: Each party comes in a form of its own.
PARTIES = (("claimant", "zh-CN", True), ("respondent", "en-GB", False))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(demo: Running, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    new_court = ("--court-name", "Haidian Court", "--court-name-zh", "海淀法院", "--profile", "china")
    await add_account(demo, "haidian", "haidian", *new_court, "--time-zone", "Asia/Shanghai", "--role", "clerk")
    await add_account(demo, "northgate", "northgate", "--role", "clerk")
    devices = fake_devices("claimant", tmp_path_factory.mktemp("devices"), cameras.camera, tones.microphone)
    async with playwright() as running:
        browser = await running.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *devices])
        desk = Desk(demo.base_url, browser)
        yield desk
        await browser.close()
        assert desk.errors == []


@pytest.fixture
def look(results: Path) -> Look:
    found = Look(results / "pages", [])
    found.folder.mkdir(exist_ok=True)
    return found


def booking() -> dict[str, Any]:
    people = [
        {"ref": role, "role": role, "name": name, "nameZh": name_zh, "side": role if role in SIDES else ""}
        for role, name, name_zh in (
            ("judge", "Ma Deming", "马德明"),
            ("clerk", "Du Yating", "杜雅婷"),
            ("claimant", "Qiao An", "乔安"),
            ("respondent", "Nuo Wake", "诺瓦克"),
        )
    ]
    return {
        "courtId": "haidian",
        "caseNumber": "2026-0418",
        "caseName": "Qiao v Nuo",
        "caseNameZh": "乔安诉诺瓦克",
        "room": "Room 4",
        "roomZh": "第四法庭",
        "days": [{"scheduledAt": float(round(time.time() + WEEK_S)), "durationS": 3600.0}],
        "people": people,
    }


async def test_days_ahead_people_consent_show_who_they_are_and_test(desk: Desk, look: Look, tmp_path: Path) -> None:
    staff = await desk.sit()
    await desk.sign_in(staff, "haidian")
    await staff.get_by_test_id("staff").wait_for()
    booked = await desk.ask(staff, "POST", "/api/bookings", booking())
    hearing = booked["hearingId"]
    await desk.ask(staff, "POST", f"/api/bookings/{hearing}/commands", {"name": "confirm"})
    ids = {person["role"]: person["personId"] for person in booked["people"]}
    picture = tmp_path / "document.jpg"
    Image.new("RGB", (640, 400), "#88aaaa").save(picture)
    for role, locale, phone in PARTIES:
        link = await desk.ask(staff, "POST", f"/api/hearings/{hearing}/people/{ids[role]}/link")
        page = await desk.sit(locale, phone=phone)
        await prepare(page, desk, str(link["link"]), picture, look, locale, phone)
        await page.context.close()

    await desk.open(staff, f"/staff/bookings/{hearing}", "readiness")
    await staff.get_by_test_id(f"identity-{ids['claimant']}").click()
    seen = staff.locator("[data-testid=identity-sheet] img")
    await seen.wait_for()

    async def drawn() -> bool:
        return bool(await seen.evaluate("picture => picture.naturalWidth === 640"))

    await until(drawn, 30, "the document is shown")
    await staff.get_by_test_id("identity-confirm").click()
    await staff.locator("[data-testid=identity-state][data-state=reverified_today]").wait_for()
    await look.at(staff, "identity-sheet", "en-GB", phone=False)
    await staff.context.close()
    assert look.faults == []


async def prepare(page: Page, desk: Desk, link: str, picture: Path, look: Look, locale: str, phone: bool) -> None:
    """From the link to what is ready; then one consent is withdrawn."""
    at = page.get_by_test_id
    await page.goto(f"{desk.base_url}/j/{link}")
    await at("i-am").click()
    await at("make-declaration").wait_for()
    for tick in await page.locator("[data-testid^=declare-]").all():
        await tick.check()
    await at("make-declaration").click()
    await at("give-consent").wait_for()
    stages = await page.locator("[data-testid^=agree-]").all()
    assert len(stages) > 1
    for stage in stages:
        await stage.check()
    await look.at(page, "consent", locale, phone)
    await at("give-consent").click()
    await at("document-take").wait_for()
    await look.at(page, "document", locale, phone)
    await at("document-file").set_input_files(picture)
    await at("document-sent").wait_for()
    await at("document-next").click()
    await at("ask-devices").click()
    await page.locator("[data-testid=check-camera][data-result=ok]").wait_for()
    await at("speaker-play").click()
    await at("speaker-yes").click()
    await page.locator("[data-testid=check-path][data-result=udp]").wait_for()
    await look.at(page, "check-days-ahead", locale, phone)
    await at("go-in").click()
    await page.locator("[data-testid=ready][data-score=good]").wait_for()
    await look.at(page, "ready", locale, phone)
    await at("withdraw-judgment").click()
    await at("confirm-withdraw-agree").click()
    await page.locator("[data-testid=consent-judgment][data-state=withdrawn]").wait_for()
    await page.reload()
    await page.locator("[data-testid=ready]").wait_for()


async def test_a_stranger_comes_by_the_public_link_and_waits(demo: Running, desk: Desk, look: Look) -> None:
    staff = await desk.sit()
    await desk.sign_in(staff, "northgate")
    await staff.get_by_test_id("staff").wait_for()
    path = f"/api/bookings/{demo.ready['hearing_id']}/public-link"
    token = (await desk.ask(staff, "POST", path))["publicLink"]
    for locale, phone in (("en-GB", True), ("zh-CN", False)):
        page = await desk.sit(locale, phone=phone)
        at = page.get_by_test_id
        await page.goto(f"{desk.base_url}/g/{token}")
        await at("guest-go").click()
        await page.locator("[data-testid=guest-name][aria-invalid=true]").wait_for()
        await look.at(page, "guest", locale, phone)
        await at("attend-guest").check()
        await at("guest-name").fill("Ana Ferreira")
        await at("guest-capacity").fill("Support for Ms Larkin")
        await at("guest-accept").check()
        await at("guest-go").click()
        await at("make-declaration").wait_for()
        await page.context.close()
    await desk.ask(staff, "DELETE", path)
    page = await desk.sit()
    await page.goto(f"{desk.base_url}/g/{token}")
    await page.locator("[data-testid=error][data-code=link-revoked]").wait_for()
    await look.at(page, "wrong-public-link", "en-GB", phone=False)
    assert look.faults == []


async def test_exhibits_are_sent_seen_and_deleted(demo: Running, desk: Desk, look: Look, tmp_path: Path) -> None:
    picture = tmp_path / "crates.png"
    Image.effect_noise((900, 900), 80).save(picture)
    for locale, phone in (("en-GB", True), ("zh-CN", False)):
        page = await desk.sit(locale, phone=phone)
        at = page.get_by_test_id
        await page.goto(demo.link("claimant"))
        await at("to-exhibits").click()
        await at("exhibit-send").click()
        await page.locator("[data-testid=exhibit-title][aria-invalid=true]").wait_for()
        await at("exhibit-file").set_input_files(picture)
        await at("exhibit-title").fill("Crates")
        await at("exhibit-send").click()
        await at("exhibit-sent").wait_for()
        await page.locator("[data-testid=exhibits][data-count='1']").wait_for()
        await look.at(page, "exhibits", locale, phone)
        await page.locator("[data-testid^=hash-]").click()
        copied = await page.evaluate("navigator.clipboard.readText()")
        assert copied == hashlib.sha256(picture.read_bytes()).hexdigest()
        if phone:
            await at("exhibit-delete").click()
            await at("confirm-delete-agree").click()
            await at("no-exhibits").wait_for()
        await page.context.close()
    staff = await desk.sit()
    await desk.sign_in(staff, "northgate", path=f"/staff/exhibits/{demo.ready['hearing_id']}")
    await staff.locator("[data-testid=exhibits][data-count='1']").wait_for()
    await look.at(staff, "exhibits-clerk", "en-GB", phone=False)
    await staff.context.close()
    assert look.faults == []
