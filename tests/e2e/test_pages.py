"""Every page, as a person sees it: on a phone and on a desktop, in both languages.

A picture of each is left in ``test-results/pages`` for people to look at; axe (the accessibility checker) must find
nothing, nothing may stick out sideways, and the text must be in the language that was asked for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

from .harness.added import add_recordings
from .harness.pages import DESKTOP, PHONE, PROBE, SHARES_SCREEN, STEP_MS, Person, playwright
from .harness.scenario import until
from .harness.server import Running
from .harness.share import share_record

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.alone,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(400),
]

VARIANTS = [(locale, phone) for locale in ("en-GB", "zh-CN") for phone in (False, True)]


@dataclass
class Look:
    """Takes pictures of pages and collects what is wrong with them."""

    folder: Path
    faults: list[str]

    async def at(self, page: Page, name: str, locale: str, phone: bool) -> None:
        title = f"{name}-{'phone' if phone else 'desktop'}-{locale[:2]}"
        await page.screenshot(path=self.folder / f"{title}.png")
        found = await Axe().run(page)
        self.faults += [
            f"{title}: {each['id']}: {node['html'][:120]}"
            for each in found.response["violations"]
            for node in each["nodes"][:3]
        ]
        if await page.evaluate("document.documentElement.scrollWidth > innerWidth + 1"):
            self.faults.append(f"{title}: sticks out sideways")
        language = await page.evaluate("document.documentElement.lang")
        if not language.startswith(locale[:2]):
            self.faults.append(f"{title}: lang={language}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def people(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Person]]:
    folder = tmp_path_factory.mktemp("devices")
    async with playwright() as running:
        people = {
            role: await Person.open(running, role, folder, devices=role != "clerk", flags=SHARES_SCREEN)
            for role in ("judge", "claimant", "clerk")
        }
        yield people
        for person in people.values():
            await person.close()


async def as_(person: Person, locale: str, phone: bool) -> Person:
    """The same person on another device: nothing is remembered, and the seat moves there."""
    context = await person.browser.new_context(
        viewport=PHONE if phone else DESKTOP,  # type: ignore[arg-type]
        is_mobile=phone,
        has_touch=phone,
        locale=locale,
        reduced_motion="reduce",
    )
    context.set_default_timeout(STEP_MS)
    await context.add_init_script(PROBE)
    return Person(person.role, person.browser, context, await context.new_page(), person.errors)


async def test_every_page_in_every_form(demo: Running, people: dict[str, Person], results: Path) -> None:
    look = Look(results / "pages", [])
    look.folder.mkdir(exist_ok=True)
    for locale, phone in VARIANTS:
        await before_the_hearing(demo, people, look, locale, phone)
    sitting = [await as_(people[role], "en-GB", False) for role in ("claimant", "judge")]
    for person in sitting:
        await person.arrive(demo.link(person.role))
    await sitting[1].start_hearing()
    await sitting[1].in_room("in_session")
    for locale, phone in VARIANTS:
        await in_the_hearing(demo, people, look, locale, phone)
    judge = await as_(people["judge"], "en-GB", False)
    await judge.arrive(demo.link("judge"))
    await judge.in_room("in_session")
    await judge.close_hearing()
    await judge.see("closed")
    for locale, phone in VARIANTS:
        await after_the_hearing(demo, people, look, locale, phone)
    assert look.faults == []
    assert {role: person.errors for role, person in people.items()} == {role: [] for role in people}


async def before_the_hearing(demo: Running, people: dict[str, Person], look: Look, locale: str, phone: bool) -> None:
    person = await as_(people["claimant"], locale, phone)
    page = person.page
    await page.goto(demo.base_url)
    await person.see("landing")
    await look.at(page, "landing", locale, phone)
    await page.goto(f"{demo.link('claimant')}x")
    await page.locator("[data-testid=error]:visible").first.wait_for()
    await look.at(page, "wrong-link", locale, phone)
    await page.goto(demo.link("claimant"))
    await person.see("i-am")
    await look.at(page, "identity", locale, phone)
    await person.press("i-am")
    await person.see("make-declaration")
    await look.at(page, "rules", locale, phone)
    await person.declare()
    await person.see("ask-devices")
    await look.at(page, "check-before", locale, phone)
    await person.press("ask-devices")
    await page.locator("[data-testid=check-camera][data-result=ok]").wait_for()
    await page.locator("[data-testid=check-network][data-result=good]").wait_for()
    await look.at(page, "check", locale, phone)
    await person.press("go-in")
    await person.see("last-news")
    await look.at(page, "waiting", locale, phone)
    await person.context.close()
    judge = await as_(people["judge"], locale, phone)
    await judge.arrive(demo.link("judge"))
    await judge.in_room("not_started")
    await look.at(judge.page, "bench-before", locale, phone)
    await judge.context.close()


async def in_the_hearing(demo: Running, people: dict[str, Person], look: Look, locale: str, phone: bool) -> None:
    for role, other in (("claimant", "judge"), ("judge", "claimant")):
        person = await as_(people[role], locale, phone)
        await person.arrive(demo.link(role))
        await person.in_room("in_session")
        partner = await as_(people[other], locale, phone)
        await partner.arrive(demo.link(other))
        await person.page.locator(f"[data-testid^=tile-][data-role={other}][data-shown=true]").first.wait_for()
        await look.at(person.page, f"session-{role}", locale, phone)
        if role == "judge":
            await person.press("key-close")
            await person.see("confirm-close-agree")
            await look.at(person.page, "confirm-close", locale, phone)
        else:
            await with_less_data(person, partner, look, locale, phone)
        await partner.context.close()
        await person.context.close()


async def with_less_data(person: Person, judge: Person, look: Look, locale: str, phone: bool) -> None:
    """The options, a page that saves data, and a screen that the judge shares: left out, and then taken."""
    page = person.page
    await person.press("key-more")
    await page.get_by_test_id("low-data").check()
    await page.get_by_test_id("no-screens").check()
    await look.at(page, "options", locale, phone)
    await person.press("options-back")
    await judge.press("key-screen")
    await person.see("take-screen")
    await look.at(page, "session-low-data", locale, phone)
    await person.press("take-screen")
    await page.locator("[data-testid^=screen-][data-shown=true]").wait_for()
    await look.at(page, "session-screen", locale, phone)
    await look.at(judge.page, "session-sharing", locale, phone)


async def after_the_hearing(demo: Running, people: dict[str, Person], look: Look, locale: str, phone: bool) -> None:
    """The clerk's way, by the keys that a clerk would press: find by case number, open, play."""
    clerk = await as_(people["clerk"], locale, phone)
    page = clerk.page
    await page.goto(demo.link("clerk"))
    await clerk.press("to-staff")
    await clerk.see("search")
    await page.get_by_test_id("search").fill(str(demo.ready["case_number"]))
    await clerk.press("search-key")
    row = f"open-record-{demo.ready['hearing_id']}"
    await clerk.see(row)
    await look.at(page, "staff", locale, phone)
    await clerk.press("page-archive")
    await clerk.see("found")
    await page.get_by_test_id("archive-query").fill("larkin 00418")
    await clerk.press("archive-search")
    await clerk.see(f"result-{demo.ready['hearing_id']}")
    await look.at(page, "archive", locale, phone)
    await clerk.press("page-staff")
    await clerk.press(row)
    await clerk.see("play")
    await page.locator("[data-testid=seal][data-state=verified]").wait_for()
    await look.at(page, "record", locale, phone)
    await clerk.press("play")
    await until(lambda: plays_in_step(page), 20, "all tracks play in step")
    await look.at(page, "record-playing", locale, phone)
    await in_the_archive(clerk, look, locale, phone)
    if phone == (locale == "zh-CN"):  # one of each: the way is long
        await added(clerk, look, locale, phone)
        await shared(clerk, demo.data / "messages", look, locale, phone)
        judge = await as_(people["judge"], locale, phone)
        await judge.page.goto(demo.link("judge"))
        await judge.see("language")
        await judge.press("i-am")
        await judge.see("written")
        seat = judge.page.url.partition("?")[2]
        await judge.page.goto(f"{demo.base_url}/record/{demo.ready['hearing_id']}?{seat}")
        await withhold_and_lift(judge, look, locale, phone)
        await judge.context.close()
    await clerk.context.close()


async def in_the_archive(clerk: Person, look: Look, locale: str, phone: bool) -> None:
    """By the keyboard: a note where the record is, found again, and a part that is chosen."""
    page = clerk.page
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("n")
    await page.get_by_test_id("note-text").fill("See photographs 查看照片")
    await look.at(page, "record-note", locale, phone)
    await clerk.press("note-save")
    await page.locator("[data-testid^=words-archive-]").first.wait_for()
    await page.get_by_test_id("words-find").fill("照片")
    await page.locator("[data-testid^=words-archive-] mark").first.wait_for()
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("j")
    await page.keyboard.press("i")
    await page.get_by_test_id("chosen").wait_for()
    await clerk.press("access-show")
    await page.locator("[data-testid=access-intact][data-intact=true]").wait_for()
    await look.at(page, "record-chosen", locale, phone)


async def added(clerk: Person, look: Look, locale: str, phone: bool) -> None:
    async def see(page: Page, name: str) -> None:
        await look.at(page, name, locale, phone)

    await add_recordings(clerk.page, see, VARIANTS.index((locale, phone)))


async def shared(clerk: Person, messages: Path, look: Look, locale: str, phone: bool) -> None:
    """The record is opened to somebody by name, who plays it."""

    async def see(page: Page, name: str) -> None:
        await look.at(page, name, locale, phone)

    await share_record(clerk.page, messages, see, VARIANTS.index((locale, phone)))


async def plays_in_step(page: Page) -> bool:
    """Every picture that should run now moves, and all are within 0.1 s of the page's clock."""
    time = page.get_by_test_id("time")
    begun = float(await time.get_attribute("data-position") or 0)
    await page.wait_for_timeout(1000)
    position = float(await time.get_attribute("data-position") or 0)
    drift_ms = float(await time.get_attribute("data-drift-ms") or 1e9)
    players = await page.evaluate(
        "[...document.querySelectorAll('[data-testid^=player-]')].filter((player) => !player.paused).length"
    )
    return position - begun > 0.7 and abs(drift_ms) < 100 and players > 0


async def withhold_and_lift(judge: Person, look: Look, locale: str, phone: bool) -> None:
    """By typed times: a part is exported, sealed under an order, looked at as what is left, and given back."""
    page = judge.page
    await judge.see("play")
    await page.get_by_test_id("time").wait_for()
    begin = (await page.get_by_test_id("time").text_content() or "").strip()
    await judge.press("forward")
    end = (await page.get_by_test_id("time").text_content() or "").strip()
    await page.get_by_test_id("event-begin").first.click()
    assert await page.get_by_test_id("part-from").input_value()
    await page.get_by_test_id("part-from").fill("25:00")
    await page.get_by_test_id("part-to").fill(end)
    await judge.press("part-choose")
    await page.locator("[data-testid=part] [aria-invalid=true]").wait_for()
    await page.get_by_test_id("part-from").fill(begin)
    await judge.press("part-choose")
    await judge.press("part-export")
    await page.get_by_test_id("part-download").first.wait_for()
    await look.at(page, "record-part", locale, phone)
    await judge.press("part-withhold")
    await judge.press("level-send")
    await page.locator("[data-testid=level] [aria-invalid=true]").wait_for()
    await look.at(page, "record-withhold", locale, phone)
    await page.get_by_test_id("level-order").fill("Order 12/2026")
    await judge.press("level-send")
    await page.locator("[data-testid=level-row][data-withheld=true]").wait_for()
    await judge.see("lane-levels")
    await look.at(page, "record-withheld", locale, phone)
    await judge.press("level-open")
    await page.get_by_test_id("open-sealed-order").fill("Order 13/2026")
    await judge.press("open-sealed-send")
    await judge.see("levels-open")
    await look.at(page, "record-opened", locale, phone)
    await judge.press("level-lift")
    await page.get_by_test_id("lift-level-order").fill("Order 14/2026")
    await judge.press("lift-level-send")
    await page.get_by_test_id("lane-levels").wait_for(state="detached")
    await judge.see("play")
