"""Devices that are unlike most: a camera that knows H.264 only, and a microphone that is switched off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.async_playwright import Axe

from tests.media import stored, tones

from .harness.pages import Person, playwright
from .harness.scenario import MEDIA_LIMIT_S, fetch_tracks, playable_record, take_seat, until
from .harness.server import Running

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

#: A browser that has no VP8, as far as its pages can tell.
WITHOUT_VP8 = """
const offer = RTCPeerConnection.prototype.createOffer;
RTCPeerConnection.prototype.createOffer = async function (...args) {
  const made = await offer.apply(this, args);
  const lines = made.sdp.split("\\r\\n");
  const gone = new Set();
  for (const line of lines) {
    const codec = /^a=rtpmap:(\\d+) (VP8|VP9|AV1)\\//i.exec(line);
    if (codec) gone.add(codec[1]);
  }
  for (const line of lines) {
    const repair = /^a=fmtp:(\\d+) apt=(\\d+)/.exec(line);
    if (repair && gone.has(repair[2])) gone.add(repair[1]);
  }
  const kept = lines
    .filter((line) => !gone.has(/^a=(?:rtpmap|fmtp|rtcp-fb):(\\d+)/.exec(line)?.[1]))
    .map((line) => {
      if (!line.startsWith("m=video")) return line;
      return line.split(" ").filter((part, at) => at < 3 || !gone.has(part)).join(" ");
    });
  return { type: made.type, sdp: kept.join("\\r\\n") };
};
"""


def silent_microphone(path: Path, role: str) -> Path:
    """Samples come, and all are zero."""
    return tones.write_wav(path, np.zeros(2 * tones.RATE_HZ, np.float32))


async def test_h264_is_seen_and_played_and_a_dead_microphone_is_told(
    demo: Running, tmp_path: Path, results: Path
) -> None:
    async with playwright() as running:
        judge = await Person.open(running, "judge", tmp_path)
        claimant = await Person.open(running, "claimant", tmp_path, phone=True)
        respondent = await Person.open(running, "respondent", tmp_path, sound=silent_microphone)
        people = [judge, claimant, respondent]
        try:
            await claimant.context.add_init_script(WITHOUT_VP8)
            await claimant.arrive(demo.link("claimant"))

            # The check page says it at once, and nobody is kept out for it.
            await respondent.page.goto(demo.link("respondent"))
            await respondent.press("i-am")
            await respondent.declare()
            await respondent.press("ask-devices")
            heard = respondent.page.get_by_test_id("check-microphone")
            await heard.get_by_role("strong").get_by_text("We cannot hear you").wait_for()
            await respondent.page.screenshot(path=results / "devices-check.png", full_page=True)
            await respondent.press("go-in")

            await judge.arrive(demo.link("judge"))
            await judge.start_hearing()
            for person in people:
                await person.in_room("in_session")
            await until(lambda: sees(judge, "claimant"), MEDIA_LIMIT_S, "the judge sees the claimant")
            sent = [s for s in (await claimant.streams())["sent"] if s["kind"] == "video" and s["packets"]]
            assert {stream["codec"] for stream in sent} == {"video/H264"}
            received = [s for s in (await judge.streams())["received"] if s["kind"] == "video"]
            assert {stream["codec"] for stream in received} == {"video/H264", "video/VP8"}

            await respondent.page.locator("[data-trouble=unheard]").wait_for()
            await respondent.page.screenshot(path=results / "devices-unheard.png")
            assert (await Axe().run(respondent.page)).response["violations"] == []
            assert await judge.page.locator("[data-trouble=unheard]").count() == 0
            assert not [error for person in people for error in person.errors]

            await judge.close_hearing()
            await take_seat(demo, judge)
            # The claimant's sound and pictures are two files.
            record = await playable_record(demo, judge, tracks=4)
            await plays(demo, judge, record)
        finally:
            for person in people:
                await person.page.screenshot(path=results / f"devices-{person.role}.png")
                await person.close()


async def sees(person: Person, whose: str) -> bool:
    return (await person.sees()).get(whose) == whose


async def plays(demo: Running, judge: Person, record: dict[str, Any]) -> None:
    """By PyAV, and in the archive's page: picture and sound of one person in one place."""
    mine = [track for track in record["tracks"] if track["role"] == "claimant"]
    assert {(track["mediaType"], track["hasVideo"]) for track in mine} == {("video/mp4", True), ("video/webm", False)}
    pictures = next(track for track in mine if track["hasVideo"])
    content = (await fetch_tracks(demo, judge, {"tracks": [pictures]}))["claimant"][1]
    assert stored.seen_in(content) == "claimant"
    hearing = demo.ready["hearing_id"]
    place = pictures["personId"]
    person = next(track["personId"] for track in record["tracks"] if track["role"] == "judge")
    await judge.page.goto(f"{demo.base_url}/record/{hearing}?person={person}")
    await judge.press(f"large-{place}")
    assert await judge.page.get_by_test_id(f"lane-{place}").count() == 1
    await judge.press("play")

    async def shown() -> bool:
        found = await judge.page.evaluate("__probe.pictures()")
        return any(picture["role"].startswith(f"player-{place}") and picture["frames"] > 5 for picture in found)

    await until(shown, MEDIA_LIMIT_S, "the archive plays H.264")
