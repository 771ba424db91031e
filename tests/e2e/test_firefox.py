"""Firefox joins the same hearing: it is seen and heard, sees and hears, and is on record."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.media import stored, tones

from .harness.firefox import firefox
from .harness.pages import Person, playwright
from .harness.scenario import MEDIA_LIMIT_S, fetch_tracks, playable_record, take_seat, until
from .harness.server import Running

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]


async def test_firefox_is_seen_and_heard(demo: Running, tmp_path: Path, results: Path) -> None:
    failure = results / "firefox-failed.png"
    async with playwright() as running, firefox("respondent", tmp_path / "gecko.log", failure) as respondent:
        judge = await Person.open(running, "judge", tmp_path)
        await judge.arrive(demo.link("judge"))
        await respondent.arrive(demo.link("respondent"))
        await judge.in_room("not_started")
        await judge.start_hearing()
        await judge.in_room("in_session")
        await respondent.in_room("in_session")

        async def both_hear() -> bool:
            return await judge.hears() == {"respondent"} and await respondent.hears() == {"judge"}

        await until(both_hear, MEDIA_LIMIT_S, "judge and respondent hear each other")
        before = await judge.counters(), await respondent.counters()
        await asyncio.sleep(3)
        after = await judge.counters(), await respondent.counters()
        for earlier, later in zip(before, after, strict=True):
            assert later["framesDecoded"] - earlier["framesDecoded"] > 20
        await respondent.screenshot(results / "firefox-session.png")
        await judge.close_hearing()

        await take_seat(demo, judge)
        tracks = await fetch_tracks(demo, judge, await playable_record(demo, judge, tracks=2))
        for role, (_, content) in tracks.items():
            _, samples = stored.sound_of(content)
            assert tones.heard(samples[len(samples) // 3 : 2 * len(samples) // 3]) == {role}
        await judge.close()
