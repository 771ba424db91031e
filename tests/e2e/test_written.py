"""The written record on people's own devices: after the close a party reads and signs it on the phone."""

from __future__ import annotations

from pathlib import Path

import pytest

from .harness.pages import Person, playwright
from .harness.server import Running
from .test_pages import VARIANTS, Look, as_

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

#: How long the documents may take on a busy machine.
DOCUMENT_MS = 60_000


async def test_a_party_reads_and_signs_on_the_phone(demo: Running, tmp_path: Path, results: Path) -> None:
    look = Look(results / "pages", [])
    look.folder.mkdir(exist_ok=True)
    async with playwright() as running:
        people = {role: await Person.open(running, role, tmp_path) for role in ("judge", "claimant")}
        for person in people.values():
            await person.arrive(demo.link(person.role))
        await people["judge"].start_hearing()
        await people["claimant"].in_room("in_session")
        await people["judge"].close_hearing()
        await people["claimant"].see("open-written")
        await people["claimant"].press("open-written")
        await people["claimant"].see("sign")
        for locale, phone in VARIANTS:
            # The personal link leads there too, now that the hearing is over.
            party = await as_(people["claimant"], locale, phone)
            await party.page.goto(demo.link("claimant"))
            await party.press("i-am")
            await party.see("sign")
            await look.at(party.page, "written", locale, phone)
            await party.press("correct")
            await look.at(party.page, "written-correct", locale, phone)
            await party.press("correct-form-cancel")
            if (locale, phone) == VARIANTS[-1]:
                await party.press("sign")
                await party.press("confirm-sign-agree")
                await party.page.locator("[data-testid=signers] [data-role=claimant][data-state=signed]").wait_for()
            await party.context.close()
        judge = await as_(people["judge"], "en-GB", True)
        await judge.page.goto(demo.link("judge"))
        await judge.press("i-am")
        await judge.see("refuse")
        await judge.press("refuse")
        await judge.page.get_by_test_id("refuse-form-text").fill("The date is wrong.")
        await judge.press("refuse-form-send")
        # The page looks by itself whether the document is made.
        await judge.page.get_by_test_id("document-en").wait_for(timeout=DOCUMENT_MS)
        await look.at(judge.page, "written-final", "en-GB", True)
        path = await judge.page.get_by_test_id("document-en").get_attribute("href")
        data = await judge.page.evaluate("async (path) => (await (await fetch(path)).text()).slice(0, 5)", path)
        assert data == "%PDF-"
        # An order withholds all of the hearing from others: they read an extract, and the document is not theirs.
        order = {"fromAt": 1, "toAt": None, "level": "confidential", "ground": "privacy", "order": "Order 12/2026"}
        assert path is not None
        status = await judge.page.evaluate(
            """async ([path, order]) => (await fetch(path, {
                method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(order)
            })).status""",
            [path.replace("written/document/en", "record/levels"), order],
        )
        assert status == 204
        for locale, phone in (VARIANTS[0], VARIANTS[-1]):
            party = await as_(people["claimant"], locale, phone)
            await party.page.goto(demo.link("claimant"))
            await party.press("i-am")
            await party.see("written-withheld")
            await look.at(party.page, "written-withheld", locale, phone)
            assert await party.page.get_by_test_id("document-en").count() == 0
            await party.context.close()
        for person in (*people.values(), judge):
            await person.context.close()
            assert person.errors == []
    assert look.faults == []
