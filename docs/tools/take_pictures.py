"""Hold a hearing with drawn people in real browsers and take the pictures of the documentation.

Run from the project's folder: ``python -m docs.tools.take_pictures``.  Needs what ``make test`` installs.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from playwright.async_api import Page

from tests.e2e.harness.desk import Desk, add_account
from tests.e2e.harness.pages import Person, playwright
from tests.e2e.harness.server import Running
from tests.media.portraits import camera

PICTURES = Path(__file__).parents[1] / "pictures"
#: Long enough for the highest layers to come and for a record worth looking at, s.
SESSION_S = 20.0


async def take(folder: Path) -> None:
    PICTURES.mkdir(exist_ok=True)
    running = await Running.start("demo", data=folder / "data", log=folder / "log")
    try:
        async with playwright() as browsers:
            people = {
                role: await Person.open(browsers, role, folder, phone=role == "claimant", film=camera)
                for role in ("judge", "clerk", "claimant", "respondent", "witness")
            }
            for role in ("judge", "clerk", "respondent", "witness"):
                await people[role].arrive(running.link(role))
            await people["claimant"].page.goto(running.link("claimant"))
            await _picture(people["claimant"], "phone-arrive")
            await people["claimant"].arrive(running.link("claimant"))
            await _picture(people["claimant"], "phone-waiting")
            await people["judge"].start_hearing()
            for role in ("judge", "clerk", "claimant", "respondent"):
                await people[role].in_room("in_session")
            await people["judge"].page.locator("[data-testid^=call-witness]").first.click()
            await people["witness"].in_room("in_session")
            await asyncio.sleep(SESSION_S)
            await _picture(people["judge"], "hearing-judge")
            await _picture(people["claimant"], "hearing-phone")
            await _desk(running, people["clerk"])
            await people["judge"].close_hearing()
            clerk = people["clerk"]
            await clerk.page.goto(f"{running.base_url}/record/{running.ready['hearing_id']}")
            await clerk.see("play")
            await clerk.press("play")
            await asyncio.sleep(SESSION_S / 2)
            await _picture(clerk, "record")
            for person in people.values():
                await person.close()
    finally:
        await running.stop()


async def _desk(running: Running, clerk: Person) -> None:
    """The court's day and a booking, as the registry sees them in a window of its own."""
    await add_account(running, "k.duarte", "northgate", "--name", "K. Duarte", "--role", "clerk")
    desk = Desk(running.base_url, clerk.browser)
    page = await desk.sit()
    await desk.sign_in(page, "k.duarte", path="/staff/bookings")
    await page.get_by_test_id("found").wait_for()
    hearings = [await desk.ask(page, "POST", "/api/bookings", booking) for booking in _bookings()]
    for hearing in hearings:
        await desk.ask(page, "POST", f"/api/bookings/{hearing['hearingId']}/commands", {"name": "confirm"})
    await desk.open(page, "/staff/today", f"centre-{hearings[-1]['days'][0]['sittingId']}")
    await _photograph(page, "staff-today")
    await desk.open(page, f"/staff/bookings/{hearings[0]['hearingId']}", "readiness")
    await page.locator("[data-testid=readiness] .badge").first.wait_for()
    await _photograph(page, "staff-booking")
    await page.context.close()


def _bookings() -> list[dict[str, object]]:
    """What else is listed at the court, an hour and two hours from now."""
    cases = (("HC 2026-00077", "Halloran v City of Northgate", "2"), ("HC 2026-00519", "Teller v Amankwah", "6"))
    return [
        {
            "courtId": "northgate",
            "caseNumber": number,
            "caseName": name,
            "room": f"Room {room}",
            "days": [{"scheduledAt": time.time() + 3600 * (i + 1), "durationS": 3600.0}],
            "people": [
                {"ref": "judge", "role": "judge", "name": "I. Lindqvist"},
                {"ref": "clerk", "role": "clerk", "name": "K. Duarte"},
                {"ref": "claimant", "role": "claimant", "name": name.split(" v ")[0], "side": "claimant"},
                {"ref": "respondent", "role": "respondent", "name": name.split(" v ")[1], "side": "respondent"},
            ],
        }
        for i, (number, name, room) in enumerate(cases)
    ]


async def _picture(person: Person, name: str) -> None:
    await _photograph(person.page, name)


async def _photograph(page: Page, name: str) -> None:
    await page.evaluate("window.scrollTo(0, 0)")
    await page.screenshot(path=PICTURES / f"{name}.png")
    print(f"docs/pictures/{name}.png")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        asyncio.run(take(Path(made)))
