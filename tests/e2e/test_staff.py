"""The staff's pages: an administrator makes an account, a clerk signs in with it and books a hearing."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page

from .harness.desk import PASSWORD, Desk, add_account
from .harness.pages import CHROMIUM, FLAGS, playwright
from .harness.server import Running
from .test_pages import VARIANTS, Look

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

CASE_NUMBER = "HC 2026-00777"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(demo: Running) -> AsyncIterator[Desk]:
    await add_account(demo, "admin", "northgate", "--role", "administrator", "--role", "clerk")
    async with playwright() as running:
        browser = await running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        desk = Desk(demo.base_url, browser)
        yield desk
        await browser.close()
        assert desk.errors == []


async def authenticator(context: BrowserContext, page: Page) -> None:
    """A passkey's device without a person: WebAuthn's virtual authenticator (WebDriver extension, WebAuthn §11)."""
    session = await context.new_cdp_session(page)
    await session.send("WebAuthn.enable")
    options: dict[str, Any] = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    await session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


async def test_a_new_clerk_signs_in_and_keeps_a_passkey(desk: Desk) -> None:
    page = await desk.sit()
    at = page.get_by_test_id
    await desk.sign_in(page, "admin", path="/staff/accounts")
    await at("account-add").click()
    await at("new-user").fill("j.park")
    await at("new-name").fill("J. Park")
    await at("new-name-zh").fill("朴俊")
    await at("account-make").click()
    await page.get_by_role("alert").filter(has_text="at least one role").wait_for()
    await at("role-clerk").check()
    await at("account-make").click()
    password = await at("one-time-password").inner_text()
    await at("one-time-done").click()
    await at("account-j.park").wait_for()
    await page.context.close()

    page = await desk.sit()
    at = page.get_by_test_id
    await authenticator(page.context, page)
    await desk.sign_in(page, "j.park", "not the password")
    await page.locator("[data-testid=error][data-code=sign-in-refused]").wait_for()
    await desk.sign_in(page, "j.park", password)
    await at("must-change").wait_for()
    await at("password-current").fill(password)
    await at("password-new").fill(PASSWORD)
    await at("password-change").click()
    await at("staff").wait_for()
    await at("page-account").click()
    await at("passkey-name").fill("Desk computer")
    await at("passkey-add").click()
    await at("passkey-added").wait_for()
    await at("sign-out").click()
    await at("passkey").click()
    await at("staff").wait_for()
    await page.context.close()


async def test_a_clerk_books_confirms_links_and_cancels(desk: Desk) -> None:
    page = await desk.sit()
    at = page.get_by_test_id
    await desk.sign_in(page, "admin", path="/staff/bookings/new")
    await at("booking-book").click()
    await at("lacks").wait_for()
    assert await page.evaluate("document.activeElement.dataset.testid") == "case-number"
    for name, text in (("number", CASE_NUMBER), ("name", "Teller v Amankwah"), ("room", "Room 6")):
        await at(f"case-{name}").fill(text)
    for i, name in enumerate(("M. Adeyemi", "K. Duarte", "Ada Teller", "Kofi Amankwah")):
        await at("person-name").nth(i).fill(name)
    await at("day-add").click()
    await at("booking-book").click()
    await page.locator("[data-testid=booking-state][data-state=booked]").wait_for()
    await at("do-confirm").click()
    await at("confirm-confirm-agree").click()
    await page.locator("[data-testid=booking-state][data-state=confirmed]").wait_for()

    await page.locator("[data-testid^=person-][data-role=claimant] [data-testid^=link-]").click()
    if await at("link-none").is_visible():
        await at("link-renew").click()
    await at("qr").wait_for()
    link = await at("link-url").inner_text()
    await at("link-copy").click()
    assert await page.evaluate("navigator.clipboard.readText()") == link
    party = await desk.sit("zh-CN", phone=True)
    await party.goto(link)
    await party.get_by_test_id("i-am").wait_for()
    assert CASE_NUMBER in await party.get_by_test_id("step-identity").inner_text()
    await party.context.close()
    await at("link-withdraw").click()
    await at("link-none").wait_for()
    await at("link-close").click()

    await desk.open(page, f"/staff/bookings?query={CASE_NUMBER}", "found")
    assert await page.locator("[data-testid^=open-booking-]").count() == 1
    await page.locator("[data-testid^=open-booking-]").click()
    await at("do-cancel").click()
    await at("cancel-agree").click()
    await page.locator("[data-testid=cancel-reason][aria-invalid=true]").wait_for()
    await at("cancel-reason").fill("The parties have settled.")
    await at("cancel-agree").click()
    await page.locator("[data-testid=booking-state][data-state=cancelled]").wait_for()
    await page.context.close()


async def test_the_command_centre_shows_a_task_by_itself_and_who_did_it(demo: Running, desk: Desk) -> None:
    page = await desk.sit()
    at = page.get_by_test_id
    await desk.sign_in(page, "admin", path="/staff/today")
    await page.locator("[data-testid=count-tasks][data-count='0']").wait_for()
    await at("recording-test").get_by_test_id("test-recording").wait_for()
    party = await desk.sit(phone=True)
    await desk.ask(party, "POST", "/api/session", {"link": demo.link("claimant").rsplit("/", 1)[1]})
    deaf = {"camera": "refused", "microphone": "missing", "speaker": "not_heard", "path": "none"}
    tested = await desk.ask(party, "POST", "/api/check/test", deaf)
    assert tested["score"] == "bad"
    task = page.locator("[data-testid^=task-][data-kind=self-test-failed]")
    await task.wait_for()
    await page.locator("[data-testid=count-tasks][data-count='1']").wait_for()
    await page.locator("[data-testid^=close-]").click()
    await at("task-note").fill("Called her: she comes by telephone.")
    await at("task-close-agree").click()
    await page.locator("[data-testid=count-tasks][data-count='0']").wait_for()
    await page.locator("#tasks summary").click()
    done = await task.inner_text()
    assert "telephone" in done
    assert "admin" in done
    await at(f"booking-of-{demo.ready['hearing_id']}").click()
    await page.locator("[data-testid^=person-][data-role=claimant][data-score=bad]").wait_for()
    await party.context.close()
    await page.context.close()


async def held_long_ago(demo: Running, desk: Desk) -> str:
    """A hearing that is closed and sealed as far as the database says; the storage holds nothing of it."""
    page = await desk.sit()
    await desk.sign_in(page, "admin")
    await page.get_by_test_id("staff").wait_for()
    booking = await desk.ask(page, "GET", f"/api/bookings/{demo.ready['hearing_id']}")
    await page.context.close()
    with closing(sqlite3.connect(demo.data / "hearings.sqlite3")) as database, database:
        columns = "hearing_id, ordinal, scheduled_utc, state, record_state, present"
        values = "'held-long-ago', 1, 1550000000000000000, 'closed', 'sealed', 0"
        names = [row[1] for row in database.execute("PRAGMA table_info(hearings)") if row[1] not in ("id", "public_id")]
        listed = ", ".join(names)
        copied = f"SELECT 'held-long-ago', {listed} FROM hearings WHERE id = ?"
        database.execute(f"INSERT OR IGNORE INTO hearings (id, {listed}) {copied}", (booking["hearingId"],))
        database.execute(f"INSERT OR IGNORE INTO sittings (id, {columns}) VALUES ('held-long-ago', {values})")
    return "held-long-ago"


async def test_two_custodians_have_a_record_destroyed_that_is_due(demo: Running, desk: Desk, results: Path) -> None:
    look = Look(results / "pages", [])
    look.folder.mkdir(exist_ok=True)
    hearing = await held_long_ago(demo, desk)
    for user in ("r.ames", "r.brook"):
        await add_account(demo, user, "northgate", "--role", "records_custodian")
    page = await desk.sit()
    at = page.get_by_test_id
    await desk.sign_in(page, "r.ames", path="/staff/custody")
    await at(f"open-custody-{hearing}").click()
    await at("custody-outcome").click()
    await at("decided").fill("2019-02-01")
    await at("custody-save").click()
    await at("custody-mark").click()
    await at("custody-save").click()
    assert await page.evaluate("document.activeElement.dataset.testid") == "reason"
    await at("reason").fill("Its retention is over.")
    for locale, phone in VARIANTS:
        other = await desk.sit(locale, phone=phone)
        await desk.sign_in(other, "r.brook", path="/staff/custody")
        await other.get_by_test_id(f"open-custody-{hearing}").wait_for()
        await look.at(other, "custody", locale, phone)
        await other.get_by_test_id(f"open-custody-{hearing}").click()
        await other.get_by_test_id("custody-override").click()
        await look.at(other, "custody-page", locale, phone)
        await other.context.close()
    await at("custody-save").click()
    await at("custody-withdraw").wait_for()
    assert not await at("custody-approve").is_visible()
    assert "r.ames has marked" in await at("custody-awaits").inner_text()
    await look.at(page, "custody-marked", "en-GB", False)
    second = await desk.sit()
    await desk.sign_in(second, "r.brook", path=f"/staff/custody/{hearing}")
    await second.get_by_test_id("custody-approve").click()
    await second.get_by_test_id("reason").fill("Looked at again: nothing is pending.")
    await second.get_by_test_id("custody-save").click()
    await second.get_by_test_id("confirm-destroy-agree").click()
    await second.get_by_test_id("nothing").wait_for()
    await second.locator("[data-testid=decision-4]").wait_for()  # the storage has nothing of it any more
    await second.context.close()
    await page.context.close()
    assert look.faults == []


async def test_the_staffs_pages_in_every_form(demo: Running, desk: Desk, results: Path) -> None:
    look = Look(results / "pages", [])
    look.folder.mkdir(exist_ok=True)
    hearing = f"/staff/bookings/{demo.ready['hearing_id']}"
    for locale, phone in VARIANTS:
        page = await desk.sit(locale, phone=phone)
        await desk.open(page, "/staff", "sign-in-key")
        await look.at(page, "sign-in", locale, phone)
        await desk.sign_in(page, "admin")
        await page.get_by_test_id("staff").wait_for()
        for path, testid, name in (
            ("/staff/account", "password-new", "account"),
            ("/staff/accounts", "account-admin", "accounts"),
            ("/staff/today", "count-tasks", "today"),
            ("/staff/bookings", "found", "bookings"),
            ("/staff/bookings/new", "booking-book", "booking-new"),
            (hearing, "booking-state", "booking"),
        ):
            await desk.open(page, path, testid)
            await look.at(page, name, locale, phone)
        await page.context.close()
    assert look.faults == []
