"""The courtroom's states, as people see them: each is looked at, and axe (the accessibility checker) finds nothing.

The court's staff read Chinese at desktops, a party English on a phone, so that both languages and both sizes are met.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from .harness.cast import Cast, Part
from .harness.pages import playwright
from .harness.server import Running
from .test_pages import Look

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.alone,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(400),
]

#: Looks at somebody's page: key, name of the picture.
At = Callable[[str, str], Awaitable[None]]

ZH = "zh-CN"
PARTS = {
    "judge": Part(role="judge", name="M. Adeyemi", account="judge.adeyemi", camera="judge", locale=ZH),
    "clerk": Part(role="clerk", name="R. Santos", account="clerk.santos", speaks=False, locale=ZH),
    "claimant": Part(role="claimant", name="Ada Marlow", camera="claimant", phone=True),
    "claimants-counsel": Part(
        role="lawyer", name="Ines Roth", booking={"side": "claimant", "represents": ["claimant"]}, locale=ZH
    ),
    "respondent": Part(role="respondent", name="Tandem Mills, by P. Hale", camera="respondent"),
    "witness": Part(
        role="witness",
        name="Tess Quill",
        booking={"screenedFrom": ["respondent"], "languages": ["hu"]},
        camera="witness",
        phone=True,
        locale=ZH,
    ),
    "interpreter": Part(
        role="interpreter",
        name="Wen Jian",
        booking={"languages": ["en", "hu"], "linkedTo": ["witness"]},
        camera="interpreter",
        locale=ZH,
    ),
}


async def test_the_courtroom_in_every_state(
    demo: Running, results: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    look = Look(results / "pages", [])
    look.folder.mkdir(exist_ok=True)
    async with playwright() as running:
        cast = await Cast.assemble(running, demo, PARTS, tmp_path_factory.mktemp("room"), case="HC 2026-00991")

        async def at(key: str, name: str) -> None:
            part = PARTS[key]
            await look.at(cast[key].page, f"room-{name}", part.locale, part.phone)

        try:
            async with cast.watched(look.folder):
                await cast.come(PARTS)
                await cast["judge"].start_hearing()
                await cast["judge"].in_room("in_session")
                await _evidence(cast, at)
                await _keys(cast, at)
                await _staff(cast, at)
                await _withholding(cast, at)
                await _curtain_and_talk(cast, at)
                await _pauses(cast, at)
        finally:
            await cast.close()
    assert look.faults == []
    assert {key: person.errors for key, person in cast.people.items()} == {key: [] for key in cast.people}


async def _evidence(cast: Cast, at: At) -> None:
    await cast.press("judge", "call-witness")
    await cast["witness"].see("called")
    await at("witness", "called")
    await cast["witness"].see("muted-by-court")
    await at("witness", "called-in")
    await cast.see("the protected witness is seen", {"judge": {"claimant", "respondent", "witness", "interpreter"}})
    await at("respondent", "screened")
    await cast.press("interpreter", "key-more")
    await cast.select("interpreter", "speak-into", "hu")
    await at("interpreter", "interpreter-options")
    await cast.press("interpreter", "options-back")
    await cast.press("witness", "key-more")
    await cast["witness"].see("listen")
    await at("witness", "listener-options")
    await cast.press("witness", "options-back")


async def _keys(cast: Cast, at: At) -> None:
    """The list of keys by its key and by its button; H asks to speak, and a party goes out and comes back in."""
    judge, claimant, respondent = cast["judge"], cast["claimant"], cast["respondent"]
    await judge.page.keyboard.press("?")
    await judge.page.get_by_test_id("room-keys").get_by_text("R", exact=True).wait_for()
    await at("judge", "keys")
    await judge.page.keyboard.press("Escape")
    await cast.press("claimant", "key-more")
    await cast.press("claimant", "options-keys")
    await at("claimant", "keys")
    await cast.press("claimant", "room-keys-close")
    await respondent.page.locator("body").press("h")
    await judge.see("hands")
    await respondent.page.locator("[data-testid=hand][aria-pressed=true]").wait_for()
    await respondent.page.locator("body").press("h")
    await judge.page.get_by_test_id("hands").wait_for(state="detached")
    await cast.press("claimant", "key-more")
    await cast.press("claimant", "options-step-out")
    await at("claimant", "goes-out")
    await cast.press("claimant", "confirm-step-out-agree")
    await claimant.see("waiting-room")
    await cast.press("claimant", "come-in")
    await claimant.in_room("in_session")


async def _staff(cast: Cast, at: At) -> None:
    clerk, claimant = cast["clerk"], cast["claimant"]
    await at("clerk", "clerk")
    await cast.press("clerk", "key-channels")
    await clerk.page.get_by_test_id("channels").get_by_role("meter").first.wait_for()
    await at("clerk", "clerk-channels")
    await cast.press("clerk", "channels-close")
    await cast.press("clerk", "deck-later")
    await cast.press("clerk", "deck-request-interrupt")
    await at("clerk", "clerk-asks-to-stop-the-record")
    await cast.press("clerk", "ask-request-interrupt-agree")
    await cast["judge"].see("interrupt-asked")
    await at("judge", "judge-asked-to-stop-the-record")
    await cast.press("judge", "grant-interrupt")
    await at("judge", "judge-grants-to-stop-the-record")
    asked = cast["judge"].page.get_by_test_id("confirm-grant-interrupt")
    assert f"申请人：{PARTS['clerk'].name}。" in await asked.inner_text()
    await cast.press("judge", "confirm-grant-interrupt-back")
    assert await cast["judge"].page.get_by_test_id("record-cell").get_attribute("data-state") == "on"
    await cast.press("judge", "decline-interrupt")
    await cast["judge"].page.get_by_test_id("interrupt-asked").wait_for(state="detached")
    assert await claimant.page.get_by_test_id("key-channels").count() == 0
    answer = await clerk.context.request.post(
        f"{cast.demo.base_url}/api/hearings/{cast.hearing_id}/exhibits?title=Delivery%20note&fileName=note.png",
        data=await clerk.page.screenshot(),
        headers={"Origin": cast.demo.base_url, "Content-Type": "image/png"},
    )
    assert answer.ok, await answer.text()
    await cast.press("clerk", "tab-exhibits")
    await clerk.page.locator("[data-testid=room-exhibits] li").wait_for()
    await cast.press("clerk", "tab-chat")
    await clerk.page.get_by_test_id("chat-with").select_option(cast.ids["claimant"])
    await clerk.page.get_by_test_id("chat-text").fill("您能听清吗？")
    await cast.press("clerk", "chat-send")
    await cast.press("claimant", "more-people")
    await cast.press("claimant", "tab-chat")
    await claimant.page.locator("[data-testid=messages] p").first.wait_for()
    await at("claimant", "messages")
    await claimant.page.get_by_test_id("chat-text").fill("Yes, well.")
    await cast.press("claimant", "chat-send")
    await cast.press("claimant", "people-close")
    await clerk.page.locator("[data-testid=messages] li:not(.mine)").wait_for()
    await at("clerk", "staff-messages")
    await cast.press("judge", "tab-exhibits")
    await cast["judge"].page.locator("[data-testid^=show-]").first.click()
    for key in ("judge", "claimant"):
        await cast[key].page.locator("[data-testid=shown-exhibit] img").wait_for()
        await at(key, "exhibit")
    await cast.press("judge", "exhibit-away")
    await cast.press("judge", "tab-people")


async def _withholding(cast: Cast, at: At) -> None:
    """The clerk prepares it, the judge decides, and the party asks for more from an entry of the log on."""
    judge, clerk, claimant = cast["judge"], cast["clerk"], cast["claimant"]
    await cast.press("clerk", "tab-notes")
    await cast.press("clerk", "withhold")
    await cast.press("clerk", "withhold-last-1")
    await at("clerk", "withhold-prepare")
    await cast.press("clerk", "withhold-send")
    await clerk.see("asked-level")
    await judge.see("asked-notice")
    await at("judge", "withhold-asked")
    await cast.press("judge", "notice-decide")
    await cast.press("judge", "withhold-send")
    assert await judge.page.get_by_test_id("withhold-order").get_attribute("aria-invalid") == "true"
    await judge.page.get_by_test_id("withhold-order").fill("2026-SO-5")
    await at("judge", "withhold-decide")
    await cast.press("judge", "withhold-send")
    await judge.page.get_by_test_id("asked-notice").wait_for(state="detached")
    await clerk.see("room-level")
    await cast.press("claimant", "more-people")
    await cast.press("claimant", "tab-notes")
    await claimant.page.get_by_test_id("withhold-here").last.click()
    await at("claimant", "withhold-ask")
    await cast.press("claimant", "withhold-send")
    await claimant.see("asked-level")
    await judge.see("asked-notice")
    await cast.press("judge", "notice-decline")
    await claimant.page.get_by_test_id("asked-level").wait_for(state="detached")
    await cast.press("claimant", "people-close")
    await cast.press("judge", "tab-notes")
    await cast.press("judge", "withhold")
    await cast.press("judge", "withhold-now")
    await judge.page.get_by_test_id("withhold-order").fill("2026-SO-6")
    await cast.press("judge", "withhold-send")
    await cast.press("judge", "level-end")
    await judge.page.get_by_test_id("end-level-order").fill("2026-SO-6")
    await cast.press("judge", "end-level-send")
    await judge.page.get_by_test_id("level-end").wait_for(state="detached")
    await at("judge", "withheld")
    await cast.press("judge", "tab-people")


async def _curtain_and_talk(cast: Cast, at: At) -> None:
    await cast.press("judge", "curtain")
    await cast["claimant"].see("behind-curtain")
    await at("judge", "curtain")
    await at("claimant", "behind-curtain")
    await cast.press("judge", "curtain")
    await cast["judge"].see("lift-agree")
    await at("judge", "lift")
    await cast.press("judge", "lift-agree")
    await cast["claimant"].see("locked")
    await at("claimant", "locked")
    await cast.press("judge", "unlock-all")
    await cast.press("judge", "menu-claimant")
    await at("judge", "person-menu")
    await cast.press("judge", "let_consult-claimant")
    await cast.press("claimant", "consult")
    await cast.press("claimant", "invite-claimants-counsel")
    await at("claimant", "talk-whom")
    await cast.press("claimant", "ask-consult-agree")
    await cast["claimants-counsel"].see("accept")
    await at("claimants-counsel", "talk-invited")
    await cast.press("claimants-counsel", "accept")
    for key in ("claimant", "claimants-counsel"):
        await cast[key].see("private-room")
    await cast.see("they see each other", {"claimants-counsel": {"claimant"}})
    await at("claimant", "talk")
    await at("claimants-counsel", "talk")


async def _pauses(cast: Cast, at: At) -> None:
    await cast.press("judge", "deck-recess")
    await cast.press("judge", "ask-recess-agree")
    await cast["judge"].in_room("recess")
    await at("judge", "recess")
    await cast.press("judge", "card-resume")
    await cast["claimant"].in_room("in_session")
    await cast.press("judge", "deck-suspend")
    await cast["judge"].page.get_by_test_id("ask-suspend-reason").fill("线路不稳")
    await cast.press("judge", "ask-suspend-agree")
    await cast["judge"].in_room("suspended")
    await at("judge", "suspended")
    await cast.press("judge", "card-resume")
    await cast["claimant"].in_room("in_session")
    await cast.press("judge", "deck-retire")
    await cast["judge"].see("private-room")
    await at("judge", "deliberation")
    await at("clerk", "deliberation-staff")
    await cast.press("judge", "deck-return")
    await cast["judge"].in_room("in_session")
    await cast["judge"].close_hearing()
    await cast["judge"].see("enter-bench-room")
    await at("judge", "closed")
    await cast.press("judge", "enter-bench-room")
    await cast["judge"].see("private-room")
    await at("judge", "bench-after-close")
