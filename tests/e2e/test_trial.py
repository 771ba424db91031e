"""A whole trial in real browsers: each order of the court is asserted by what people hear and see, and by the archive.

One sitting, in order; each step prints how long it took.  Two computers have a clock that is an hour wrong.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from .harness import archive
from .harness.cast import Cast, Part
from .harness.command import hearing
from .harness.pages import playwright
from .harness.scenario import until
from .harness.server import Running

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.alone,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(600),
]

HOUR_S = 3600
CASE_NUMBER = "HC 2026-00990"
PARTS = {
    "judge": Part(role="judge", name="M. Adeyemi", account="judge.adeyemi", camera="judge", clock_s=HOUR_S),
    "panel": Part(role="panel", name="K. Duarte", account="k.duarte", booking={"deputy": True}),
    "clerk": Part(role="clerk", name="R. Santos", account="clerk.santos", speaks=False),
    "host": Part(role="staff_host", name="C. Okafor", account="host.okafor", speaks=False),
    "claimant": Part(role="claimant", name="Ada Marlow", camera="claimant", clock_s=-HOUR_S),
    "claimants-counsel": Part(
        role="lawyer", name="Ines Roth", booking={"side": "claimant", "represents": ["claimant"]}
    ),
    "respondent": Part(role="respondent", name="Tandem Mills, by P. Hale", camera="respondent"),
    "respondents-counsel": Part(
        role="lawyer", name="Olu Bright", booking={"side": "respondent", "represents": ["respondent"]}, phone=True
    ),
    # Protected: this witness and the respondent never meet.
    "witness": Part(role="witness", name="Tess Quill", booking={"screenedFrom": ["respondent"]}, camera="witness"),
    "expert": Part(role="expert", name="Bela Toth", booking={"languages": ["hu"]}, phone=True),
    "interpreter": Part(
        role="interpreter", name="Wen Jian", booking={"languages": ["en", "hu"], "linkedTo": ["expert"]}, phone=True
    ),
    "observer": Part(role="observer", name="Lena Vogt", speaks=False),
}
BENCH = {"judge", "panel"}
PARTIES = {"claimant", "claimants-counsel", "respondent", "respondents-counsel"}
#: Who speaks in the courtroom all the time.
VOICES = BENCH | PARTIES
#: The court's staff, who listen.
SILENT = {"clerk"}
NOBODY: set[str] = set()
MINUTE_S = 60
#: How often it is looked, half a second apart, whether the loser of a race is told.
TOLD_LOOKS = 20
#: Files that can be played.
MEDIA = (".webm", ".mp4", ".ogg", ".opus", ".wav")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cast(demo: Running, results: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cast]:
    async with playwright() as running:
        cast = await Cast.assemble(running, demo, PARTS, tmp_path_factory.mktemp("trial"), case=CASE_NUMBER)
        try:
            yield cast
        finally:
            await cast.close()


@contextmanager
def step(name: str) -> Iterator[None]:
    begun = time.monotonic()
    try:
        yield
    finally:
        print(f"\n{name}: {time.monotonic() - begun:.1f} s", end="")


def each_other(speaking: set[str], listening: set[str] = NOBODY) -> dict[str, set[str]]:
    """All of them hear all who speak, save themselves."""
    return {key: speaking - {key} for key in speaking | listening}


async def test_the_trial(demo: Running, cast: Cast, results: Path) -> None:
    async with cast.watched(results):
        with step("all arrive"):
            await cast.come(key for key in PARTS if key != "host")
        with step("nobody has media before the opening"):
            for key in ("witness", "expert", "claimant", "observer"):
                assert await cast[key].gets() == 0, key
        with step("the judge opens"):
            await open_the_court(cast)
        await hear_the_witness(cast)
        await hear_the_expert(cast)
        await draw_the_curtain(cast)
        private = [await consult_in_session(cast)]
        await close_the_doors(cast)
        await race(cast)
        recess, consulted = await break_off(cast)
        await lose_the_judge(cast)
        deliberation = await deliberate(cast)
        await read_the_clock(cast)
        with step("the judge closes"):
            await cast["judge"].close_hearing()
            for key in ("claimant", "observer", "witness"):
                await cast[key].see("closed")
            await cast.hear("nobody hears anything after the close", dict.fromkeys(cast.people, NOBODY))
        assert {key: person.errors for key, person in cast.people.items()} == {key: [] for key in cast.people}
        with step("the archive"):
            await read_the_archive(demo, cast, private, [recess, deliberation], consulted)


async def open_the_court(cast: Cast) -> None:
    await cast["judge"].start_hearing()
    for key in VOICES:
        await cast[key].in_room("in_session")
    await cast.hear("the court sits", each_other(VOICES, SILENT) | {"observer": NOBODY})
    await cast.see(
        "parties see each other", {"claimant": {"judge", "respondent"}, "clerk": {"judge", "claimant", "respondent"}}
    )
    await cast.press("judge", "call-observer")
    await cast.hear("the public watches", {"observer": VOICES})
    await cast.see("and sees", {"observer": {"judge", "claimant", "respondent"}})
    # Who gives evidence hears nothing, is sent nothing, and is told of nobody but the judge.
    await cast.hear("witnesses are kept apart", {"witness": NOBODY, "expert": NOBODY})
    for key, known in (("witness", {"judge"}), ("expert", {"judge", "interpreter"})):
        assert await cast[key].gets() == 0
        assert cast[key].roster == {cast.ids[one] for one in {key} | known}


async def hear_the_witness(cast: Cast) -> None:
    """A protected witness: the respondent and she are kept apart in both directions."""
    hall = VOICES | {"witness"}
    with step("a protected witness is called"):
        await cast.press("judge", "call-witness")
        await cast["witness"].see("called")
        # Called in, and silent until she herself speaks.
        await cast.hear("she listens", {"witness": VOICES - {"respondent"}, "judge": VOICES - {"judge"}})
        await cast.press("witness", "unmute-self")
        heard = each_other(hall, {"clerk", "observer"})
        heard["respondent"] -= {"witness"}
        heard["witness"] -= {"respondent"}
        await cast.hear("she is heard", heard | {"expert": NOBODY})
        await cast.see(
            "she is seen",
            {
                "judge": {"claimant", "respondent", "witness"},
                "claimant": {"judge", "respondent", "witness"},
                "respondent": {"judge", "claimant"},
                "witness": {"judge", "claimant"},
            },
        )
    apart = (("witness", "respondent"), ("respondent", "witness"))
    for one, other in apart:
        assert cast.ids[other] not in cast[one].roster
        assert all(stream["person"] != cast.ids[other] for stream in (await cast[one].streams())["received"])
        assert cast.parts[other].name not in await cast[one].page.content()
    with step("she is dismissed"):
        await cast.press("judge", "dismiss-witness")
        await cast["witness"].see("waiting-room")
        await cast.hear("she is out", each_other(VOICES) | {"witness": NOBODY, "expert": NOBODY})
    assert await cast["expert"].gets() == 0, "the expert was kept apart all the time"


async def hear_the_expert(cast: Cast) -> None:
    with step("an expert comes with an interpreter"):
        await cast.press("judge", "call-expert")
        await cast["expert"].see("called")
        await cast.press("expert", "unmute-self")
        hall = VOICES | {"expert", "interpreter"}
        await cast.hear("the interpreter speaks to all", each_other(hall))
    with step("floor and interpretation are apart, and listeners choose"):
        await cast.choose("interpreter", "speak-into", "hu")
        await cast.choose("expert", "listen", "hu")
        apart = each_other(hall, {"observer"})
        for key in apart:
            apart[key] -= {"interpreter"} if key != "expert" else NOBODY
        await cast.hear("only the expert hears the interpreter", apart)
        await cast.choose("claimant", "listen", "hu")
        await cast.hear("the claimant, too", apart | {"claimant": hall - {"claimant"}})
        await cast.choose("claimant", "listen", "")
        await cast.hear("and not any more", apart)


async def draw_the_curtain(cast: Cast) -> None:
    """Only the bench is seen and heard, wherever; then the judge brings people back one by one."""
    room = VOICES | {"expert", "interpreter"}
    with step("the curtain"):
        await cast.press("judge", "curtain")
        drawn = dict.fromkeys(room | {"clerk"}, BENCH) | {"judge": {"panel"}, "panel": {"judge"}, "observer": NOBODY}
        await cast.hear("only the bench is heard", drawn)
        await cast.see("only the bench is seen", {"claimant": {"judge"}, "judge": NOBODY, "observer": NOBODY})
    with step("the judge opens it, person by person"):
        await cast.press("judge", "curtain")
        await cast.select("judge", "lift-claimant", "heard")
        await cast.select("judge", "lift-expert", "hidden")
        await cast.press("judge", "lift-agree")
        await cast.hear("one is heard", {"judge": {"panel", "claimant"}, "expert": {"judge", "panel", "claimant"}})
        await cast.see("pictures are back", {"judge": {"claimant", "respondent"}})
        await cast.press("judge", "unlock-all")
        await cast.hear("all but the one behind the curtain", {"judge": VOICES - {"judge"}})
        await cast.press("judge", "menu-expert")
        await cast.press("judge", "show-expert")
        await cast.hear("all", {"judge": VOICES - {"judge"} | {"expert"}})
        await cast.press("judge", "dismiss-expert")
        await cast.hear(
            "the interpreter leaves with the expert",
            each_other(VOICES) | dict.fromkeys(("expert", "interpreter"), NOBODY),
        )


async def consult_in_session(cast: Cast) -> archive.Span:
    """With the judge's leave a party and counsel talk in private while the court sits."""
    pair = {"claimant", "claimants-counsel"}
    with step("a confidential talk while the court sits"):
        await cast.press("judge", "menu-claimant")
        await cast.press("judge", "let_consult-claimant")
        begun = await consult(cast, "claimant", "claimants-counsel")
        rest = VOICES - pair
        await cast.hear("nobody else hears them", each_other(pair) | each_other(rest, {"clerk", "observer"}))
        span = archive.Span(begun, time.time(), pair)
        await cast.press("claimant", "talk-leave")
        await cast.press("claimants-counsel", "talk-leave")
        await cast.hear("they are back", each_other(VOICES, {"observer"}))
    return span


async def consult(cast: Cast, one: str, other: str) -> float:
    """Returns when the two were alone, s since 1970."""
    await cast.press(one, "consult")
    await cast.press(one, f"invite-{other}")
    await cast.press(one, "ask-consult-agree")
    await cast.press(other, "accept")
    for key in (one, other):
        await cast[key].see("private-room")
    await cast.hear("they hear each other", {one: {other}, other: {one}})
    return time.time()


async def close_the_doors(cast: Cast) -> None:
    with step("closed doors"):
        await cast.press("judge", "close-doors")
        await cast.press("judge", "ask-doors-agree")
        await cast["observer"].see("waiting-room")
        await cast.hear("the public is out", each_other(VOICES) | {"observer": NOBODY})
        await cast.press("judge", "open-doors")
        await cast.press("judge", "call-observer")
        await cast.hear("and in again", {"observer": VOICES})


async def race(cast: Cast) -> None:
    """Two windows give the same command at once: one wins, the other is told, and the log has it once."""
    with step("two windows race"):
        both = ("judge", "host")
        await cast.arrive("host")
        await cast.press("host", "come-in")
        for key in both:
            await cast.press(key, "deck-suspend")
            await cast[key].page.get_by_test_id("ask-suspend-reason").fill(f"The line is bad, says the {key}.")
        # The elements themselves: looked for again, the second may be gone by what the first has done.
        keys = [await cast[key].page.get_by_test_id("ask-suspend-agree").element_handle() for key in both]
        await asyncio.gather(*(key.dispatch_event("click") for key in keys))
        for key in both:
            await cast[key].in_room("suspended")
        told: dict[str, str | None] = {}

        # Whose key was pressed second is told, unless the first had taken the question off that page by then.
        for _ in range(TOLD_LOOKS):
            for key in both:
                told[key] = await cast[key].page.locator("[data-testid=error]").first.get_attribute("data-code")
            if any(told.values()):
                break
            await asyncio.sleep(0.5)
        assert sorted(bool(code) for code in told.values()) in ([False, True], [False, False]), told
        assert {code for code in told.values() if code} <= {"conflict", "wrong-sitting-state"}, told
        await cast.hear("the court is suspended", dict.fromkeys(VOICES, NOBODY))
        for key in both:
            if await cast[key].page.get_by_test_id("ask-suspend-back").is_visible():
                await cast.press(key, "ask-suspend-back")
        await cast.leave("host")
        await cast.press("judge", "card-resume")
        await cast.hear("the court goes on", each_other(VOICES))


async def break_off(cast: Cast) -> tuple[archive.Span, archive.Span]:
    """A recess cuts microphones that are open; a party and counsel use it."""
    pair = {"respondent", "respondents-counsel"}
    with step("recess"):
        await cast.press("judge", "deck-recess")
        await cast.press("judge", "ask-recess-agree")
        for key in ("claimant", "claimants-counsel"):
            await cast[key].see("microphones-off")
        await cast.hear("microphones are cut", dict.fromkeys(VOICES | SILENT | {"observer"}, NOBODY))
        begun = time.time()
        before = {key: await cast[key].gets() for key in ("claimant", "panel", "clerk")}
        consulted = await consult(cast, "respondent", "respondents-counsel")
        others = (VOICES - pair) | SILENT | {"witness", "observer"}
        await cast.hear("nobody else hears anything", each_other(pair) | dict.fromkeys(others, NOBODY))
        assert {key: await cast[key].gets() for key in before} == before, "not a packet in a recess"
        for key in ("judge", "clerk"):  # the judge's clock is an hour wrong
            await back_at(cast, key)
        ended = time.time()
        await cast.press("judge", "card-resume")
        await cast["respondent"].in_room("in_session")
        await cast.hear("the talk is over when the court goes on", each_other(VOICES))
    return archive.Span(begun, ended, set(cast.people)), archive.Span(consulted, ended, pair)


async def back_at(cast: Cast, key: str) -> None:
    """The end of the recess on this page, a quarter of an hour from now, on the true clock."""
    words = await cast[key].page.get_by_test_id("state-card").inner_text()
    shown = re.search(r"Back at (\d\d):(\d\d)", words)
    assert shown, words
    minutes = int(shown[1]) * 60 + int(shown[2])
    true = time.localtime(time.time() + 15 * MINUTE_S)
    assert (true.tm_hour * 60 + true.tm_min - minutes) % 1440 <= 1, (key, words)


async def lose_the_judge(cast: Cast) -> None:
    """The judge's browser dies; the judge comes back on another computer with all rights."""
    with step("the judge's browser dies, and the judge returns"):
        before = set(cast["judge"].view["may"])
        await cast.leave("judge")
        await cast.hear("the judge is gone", each_other(VOICES - {"judge"}))
        await cast.arrive("judge")
        await cast["judge"].in_room("in_session")
        await cast.hear("the judge is back", each_other(VOICES))
        assert set(cast["judge"].view["may"]) == before
        await cast.press("judge", "mute-all")
        await cast.hear("and gives orders", dict.fromkeys(PARTIES, BENCH) | {"judge": {"panel"}})
        await cast.press("judge", "unlock-all")
        await cast.hear("which end", each_other(VOICES))


async def deliberate(cast: Cast) -> archive.Span:
    with step("deliberation"):
        await cast.press("judge", "deck-retire")
        for key in BENCH:
            await cast[key].see("private-room")
        others = (PARTIES | SILENT | {"witness", "observer"}, NOBODY)
        await cast.hear("only the bench hears the bench", each_other(BENCH) | dict.fromkeys(*others))
        await cast.see("and sees it", {"panel": {"judge"}, "clerk": NOBODY, "claimant": NOBODY})
        begun = time.time()
        await asyncio.sleep(2)
        ended = time.time()
        await cast.press("judge", "deck-return")
        await cast.hear("the court returns", each_other(VOICES))
    return archive.Span(begun, ended, set(cast.people))


async def read_the_clock(cast: Cast) -> None:
    """Times in right order and right, on a page whose computer is an hour wrong."""
    with step("the judge's page has the right times"):
        await cast.press("judge", "tab-notes")
        listed = await cast["judge"].page.locator("[data-testid=entries] li .num").all_inner_texts()
        assert len(listed) > 8
        now = time.time()
        seconds = [_of_day(text) for text in reversed(listed)]
        true = time.localtime(now)
        ages = [(true.tm_hour * HOUR_S + true.tm_min * 60 + true.tm_sec - at) % (24 * HOUR_S) for at in seconds]
        assert ages == sorted(ages, reverse=True), "oldest first"
        assert max(ages) < 10 * MINUTE_S
        await cast.press("judge", "tab-people")


def _of_day(text: str) -> int:
    hour, minute, second = map(int, text.split(":"))
    return hour * HOUR_S + minute * 60 + second


async def read_the_archive(
    demo: Running, cast: Cast, private: list[archive.Span], silent: list[archive.Span], consulted: archive.Span
) -> None:
    """No media of any kind exists for what was private, nor for when the court had risen."""
    sealed = demo.data / "archive" / "hearings" / cast.sitting_id
    await until(lambda: archive.is_sealed(sealed), 2 * MINUTE_S, "the record is sealed")
    packets = await asyncio.to_thread(archive.packets_of, sealed)
    ids = cast.ids
    for span in [*private, *silent, consulted]:
        assert archive.within(packets, span, ids) == {}, span
    # And of everybody who spoke there is media, of the interpreter marked as the language's.
    spoke = VOICES | {"witness", "expert", "interpreter"}
    assert {track.person_id for track in packets} == {ids[key] for key in spoke}
    assert {track.attributes.get("language", "") for track in packets if track.person_id == ids["interpreter"]} >= {
        "hu"
    }
    media = [name for name in archive.objects_of(sealed) if name.endswith(MEDIA) and not name.startswith("raw/")]
    assert media
    assert all(any(name.startswith(f"derived/media/{ids[key]}") for key in spoke) for name in media), media
    assert archive.recordings_of(demo.data) == {cast.sitting_id}
    code, report = await hearing("verify", demo.data / "archive", "--public-key", demo.data / "keys/record.pub.pem")
    assert code == 0, report
