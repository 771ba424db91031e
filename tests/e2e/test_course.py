"""The bench's controls in real browsers: what each does is asserted by sound and picture, not by the page's text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.media import stored, tones

from .harness.pages import Person, playwright
from .harness.scenario import fetch_tracks, playable_record, take_seat, until
from .harness.server import Running

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(300)]

ROLES = ("judge", "claimant", "respondent")
#: Generous, for a busy machine; the law's own bar is one second and is measured elsewhere.
CHANGE_LIMIT_S = 30.0


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[tuple[Running, dict[str, Person]]]:
    """A hearing in session with three people, each with a tone and a colour of their own."""
    running = await Running.start("demo", data=tmp_path / "data", log=tmp_path / "log")
    try:
        async with playwright() as browsers:
            people = {role: await Person.open(browsers, role, tmp_path, phone=role == "claimant") for role in ROLES}
            for role, person in people.items():
                await person.arrive(running.link(role))
            await people["judge"].start_hearing()
            for person in people.values():
                await person.in_room("in_session")
            yield running, people
            for person in people.values():
                await person.close()
    finally:
        await running.stop()


async def hears(person: Person, expected: set[str], what: str) -> None:
    async def so() -> bool:
        return await person.hears() == expected

    await until(so, CHANGE_LIMIT_S, what)


async def sees(person: Person, expected: set[str], what: str) -> None:
    async def so() -> bool:
        found = await person.sees()
        return {role for role, picture in found.items() if role == picture} == expected

    await until(so, CHANGE_LIMIT_S, what)


async def test_what_the_bench_orders_is_what_people_hear_and_see(room: tuple[Running, dict[str, Person]]) -> None:
    running, people = room
    judge, claimant, respondent = (people[role] for role in ROLES)
    await hears(claimant, {"judge", "respondent"}, "everybody is heard")

    # A hand is raised, and the floor is given.
    await claimant.press("hand")
    await judge.page.locator("[data-testid^=floor-claimant]").click()
    await claimant.see("have-floor")

    # A locked microphone is silent for all, though its page goes on sending.
    await judge.page.locator("[data-testid^=menu-respondent]").click()
    await judge.page.locator("[data-testid^=mute_lock-respondent]").click()
    await respondent.see("locked")
    await hears(claimant, {"judge"}, "the locked microphone is silent")
    await judge.page.locator("[data-testid^=menu-respondent]").click()
    await judge.page.locator("[data-testid^=unlock-respondent]").click()
    await hears(claimant, {"judge", "respondent"}, "it is heard again")

    # The curtain: only the bench is seen and heard.
    await judge.press("curtain")
    await claimant.see("behind-curtain")
    await hears(judge, set(), "the bench hears nobody")
    await hears(respondent, {"judge"}, "the bench alone is heard")
    await judge.press("curtain")
    await judge.press("lift-agree")
    await claimant.see("locked")
    await hears(respondent, {"judge"}, "pictures are back, and microphones are locked")
    await sees(respondent, {"judge", "claimant", "respondent"}, "all are seen")
    await judge.press("unlock-all")
    await hears(respondent, {"judge", "claimant"}, "the curtain is open")

    # A recess: nobody is heard, and nothing is recorded.
    await judge.press("deck-recess")
    await judge.press("ask-recess-agree")
    await claimant.see("microphones-off")
    for person in people.values():
        await hears(person, set(), "nobody is heard in the recess")
    await asyncio.sleep(3)
    await judge.press("card-resume")
    for person in people.values():
        await person.in_room("in_session")
    await hears(claimant, {"judge", "respondent"}, "the hearing goes on")
    await sees(claimant, {"judge", "respondent", "claimant"}, "all are seen again")

    await judge.close_hearing()
    await take_seat(running, judge)
    record = await playable_record(running, judge, tracks=3)
    for role, (_, content) in (await fetch_tracks(running, judge, record)).items():
        _, samples = stored.sound_of(content)
        assert tones.heard(samples) <= {role}
    assert any(gap["cause"] == "recess" for gap in record["gaps"]), record["gaps"]
