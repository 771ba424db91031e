"""Every kind of file that is made of a record: looked at by FFmpeg's libraries, and played by both browsers."""

from __future__ import annotations

import asyncio
import datetime
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import c2pa
import pytest
from playwright.async_api import async_playwright

from recording import documents, messages
from recording.credentials import read_credentials
from recording.keys import load_or_make
from recording.layout import places
from recording.objects import open_store
from recording.recorder import Recorder
from recording.serve import RecordReader
from recording.withheld import rendition_id
from tests.e2e.harness.firefox import FIREFOX, preferences
from tests.recorded import (
    BEGIN_WALL_NS,
    SECOND,
    Tape,
    audio_arrivals,
    audio_track,
    eventually,
    facts,
    h264_arrivals,
    h264_track,
    running,
    sealed,
    video_arrivals,
    video_track,
)
from tests.servers.tsa import authority

from .test_browsers import CHROMIUM, SCRIPT, Marionette, served

SECONDS = 16
#: Kind, and what is in it; where a file has no picture or no sound of its own there is black, or silence.
KINDS = {
    "picture and sound": {"video": "vp8", "audio": "opus"},
    "sound alone": {"video": "vp8", "audio": "opus"},
    "screen": {"video": "vp8", "audio": "opus"},
    "h264": {"video": "h264"},
    "composite": {"video": "h264", "audio": "aac"},
    "withheld picture and sound": {"video": "vp8", "audio": "opus"},
    "withheld h264": {"video": "h264"},
}
PLACES = [9.5, 2, 12.25, 0]
#: From 4 s to 6 s.
WITHHELD = [
    messages.Withheld(
        start_us=BEGIN_WALL_NS // 1000 + 4_000_000,
        end_us=BEGIN_WALL_NS // 1000 + 6_000_000,
        level="sealed",
        order="O-1",
        by="Judge",
        by_zh="法官",
        decided_us=BEGIN_WALL_NS // 1000,
    )
]


@pytest.fixture(scope="module")
def derived(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return asyncio.run(_made(tmp_path_factory.mktemp("derived")))


async def _made(folder: Path) -> dict[str, Path]:
    """p1 with all, p2 with a voice only, p3 in H.264; p1's camera changes its size at 8 s.  The composite gets Content
    Credentials, which an authority stamps."""
    tape = Tape(folder / "spool")
    tape.track(audio_track("p1"), audio_arrivals(SECONDS))
    camera = tape.track(video_track("p1"), video_arrivals(8))
    tape.more(camera, video_arrivals(8, width=640, height=360, ssrc=2001, sequence=5, timestamp=9), start_s=8)
    # Seldom enough that no picture of it is near where two parts of the composite meet.
    screen = video_arrivals(SECONDS, width=640, height=400, ssrc=3000, rate=7)
    tape.track(video_track("p1", source="screen"), screen, start_s=0.05)
    tape.track(audio_track("p2"), audio_arrivals(SECONDS, hertz=600, ssrc=5))
    tape.track(h264_track("p3"), h264_arrivals(SECONDS))
    tape.write(SECONDS + 0.5).abandon()
    sitting = facts(SECONDS, ["p1", "p2", "p3"])
    opened = {"machine": "sitting", "name": "elapsed", "from": "countdown", "to": "in_session"}
    sitting.events = [opened | {"utc": BEGIN_WALL_NS + SECOND}]
    store, told = open_store((folder / "store").as_uri()), list[messages.AnyEvent]()

    async def composed() -> bool:
        return any(isinstance(event, messages.JobState) and event.state == "done" for event in told)

    async def left_out() -> bool:
        return await RecordReader(store).rendition("sitting", rendition_id(WITHHELD)) is not None

    key, papers = load_or_make(folder / "k.pem"), documents.load_or_make(folder / "k.documents.pem", "Court of Tests")
    await asyncio.to_thread((folder / "tsa").mkdir)
    with authority(folder / "tsa") as tsa:
        recorder = Recorder(folder / "spool", store, key, publish=told.append, documents=papers, authority=tsa.url)
        async with running(recorder) as made:
            await sealed(made, "sitting", sitting)
            await made.compose(messages.Compose(sitting_id="sitting", job_id="all"))
            await made.withhold(messages.Withhold(sitting_id="sitting", withheld=WITHHELD))
            await eventually(composed)
            await eventually(left_out)
    reader = RecordReader(store)
    playback = await reader.playback("sitting")
    assert playback is not None
    names = {(entry.person_id, entry.source): entry.name for entry in playback.media}
    (export,) = await reader.exports("sitting")
    copy = await reader.rendition("sitting", rendition_id(WITHHELD))
    assert copy is not None
    copies = {(entry.person_id, entry.source): entry.name for entry in copy.media}
    chosen = {
        "picture and sound": names["p1", "person"],
        "sound alone": names["p2", "person"],
        "screen": names["p1", "screen"],
        "h264": names["p3", "person"],
        "composite": export.name,
        "withheld picture and sound": copies["p1", "person"],
        "withheld h264": copies["p3", "person"],
    }
    return {kind: folder / "store" / "hearings" / "sitting" / name for kind, name in chosen.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_its_streams_are_sound(derived: dict[str, Path], kind: str) -> None:
    """What ffprobe would complain of: order of time stamps, keyframes, lengths, frames that do not decode."""
    with av.open(str(derived[kind])) as container:
        streams = {stream.type: stream for stream in container.streams if stream.type in ("video", "audio")}
        assert {name: stream.codec_context.name for name, stream in streams.items()} == KINDS[kind]
        assert container.duration == pytest.approx(SECONDS * 1_000_000, abs=200_000)
        last: dict[str, int] = {}
        frames: dict[str, list[Fraction]] = {}
        for packet in container.demux(*streams.values()):
            if packet.dts is None:
                continue
            assert not packet.is_corrupt
            name = packet.stream.type
            assert packet.dts > last.get(name, -(2**63)), (name, packet.dts)
            if name not in last:
                assert packet.is_keyframe
            last[name] = packet.dts
            frames.setdefault(name, []).extend(
                frame.pts * packet.time_base for frame in packet.decode() if frame.pts is not None
            )
        for name, times in frames.items():
            assert times == sorted(times), name
            assert times[0] <= Fraction(1, 5), name
        if "audio" in frames and kind != "screen":
            assert frames["audio"][-1] == pytest.approx(SECONDS, abs=0.3)
        if kind != "sound alone":
            assert frames["video"][-1] == pytest.approx(SECONDS, abs=0.3)
    head = derived[kind].read_bytes()
    if derived[kind].suffix == ".mp4":
        assert head.index(b"moov") < head.index(b"mdat"), "a browser reads the head first"
    else:
        assert head.index(b"\x1c\x53\xbb\x6b") < head.index(b"\x1f\x43\xb6\x75"), "cues before clusters"


def test_no_picture_is_missing_where_parts_of_the_composite_meet(derived: dict[str, Path]) -> None:
    stage = places(3).stage
    rows = slice(stage.middle[1] - 20, stage.middle[1] + 20)
    with av.open(str(derived["composite"])) as container:
        seen = [
            float(frame.to_ndarray(format="gray")[rows, stage.left + 100 : stage.left + stage.width - 100].mean())
            for frame in container.decode(video=0)
        ]
    assert len(seen) == pytest.approx(12 * SECONDS, abs=6)
    assert min(seen[: 12 * (SECONDS - 1)]) > 25, [number for number, light in enumerate(seen) if light <= 25]


def test_the_composite_says_of_which_record_it_was_made_and_when(derived: dict[str, Path]) -> None:
    state, said = read_credentials(derived["composite"])
    assert state == "Valid"
    assert said["sittingId"] == "sitting"
    with c2pa.Reader(str(derived["composite"])) as reader:
        found = json.loads(reader.json())
    signature = found["manifests"][found["active_manifest"]]["signature_info"]
    signed = datetime.datetime.fromisoformat(signature["time"])
    assert abs(datetime.datetime.now(datetime.UTC) - signed) < datetime.timedelta(hours=1)


def check(kind: str, seen: dict[str, Any]) -> None:
    assert seen["duration"] == pytest.approx(SECONDS, abs=0.3), kind
    for place in seen["places"]:
        assert place["from"] == pytest.approx(place["at"], abs=0.1), kind
        assert place["ready"] >= 2, kind
        assert place["width"] > 0, kind


@pytest.mark.browser
async def test_chromium_plays_and_seeks_in_each(derived: dict[str, Path]) -> None:
    async with async_playwright() as playwright:
        arguments = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            for kind, path in derived.items():
                async with served(path) as (url, _):
                    page = await browser.new_page()
                    await page.goto(url)
                    check(kind, await page.evaluate(f"async () => {{ const PLACES = {PLACES}; {SCRIPT} }}"))
                    await page.close()
        finally:
            await browser.close()


@pytest.mark.browser
async def test_firefox_plays_and_seeks_in_each(derived: dict[str, Path], tmp_path: Path) -> None:
    log = str(tmp_path / "gecko.log")
    driver = Marionette(bin=FIREFOX, headless=True, prefs=preferences("judge"), gecko_log=log)
    script = (
        "const done = arguments[arguments.length - 1];"
        f"(async () => {{ const PLACES = {PLACES}; {SCRIPT} }})()"
        ".then((seen) => done(JSON.stringify(seen)), (error) => done(JSON.stringify(String(error))));"
    )
    try:
        await asyncio.to_thread(driver.start_session)
        driver.timeout.script = 60
        for kind, path in derived.items():
            async with served(path) as (url, _):
                await asyncio.to_thread(driver.navigate, url)
                seen = json.loads(await asyncio.to_thread(driver.execute_async_script, script, sandbox=None))
            assert isinstance(seen, dict), (kind, seen)
            check(kind, seen)
    finally:
        await asyncio.to_thread(driver.cleanup)
