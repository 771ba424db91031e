"""Hold a hearing with drawn people in real browsers and take the pictures of the documentation.

Run from the project's folder: ``python -m docs.tools.take_pictures``.  Needs what ``make test`` installs.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

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


async def _picture(person: Person, name: str) -> None:
    await person.page.evaluate("window.scrollTo(0, 0)")
    await person.page.screenshot(path=PICTURES / f"{name}.png")
    print(f"docs/pictures/{name}.png")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        asyncio.run(take(Path(made)))
