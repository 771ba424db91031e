"""Playable files in real browsers: both kinds open them over HTTP ranges, seek anywhere, and know how long they are."""

from __future__ import annotations

import asyncio
import contextlib
import json
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.async_api import async_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from recording.media.remux import MEDIA_TYPES
from recording.record import Record
from recording.recovery import recover
from tests.e2e.harness.firefox import FIREFOX, preferences
from tests.recorded import (
    Tape,
    audio_arrivals,
    audio_track,
    h264_arrivals,
    h264_track,
    video_arrivals,
    video_track,
)
from tests.servers.process import free_port

with warnings.catch_warnings():  # these packages have not learnt of newer Pythons
    warnings.simplefilter("ignore")
    from marionette_driver.marionette import Marionette

pytestmark = pytest.mark.browser
CHROMIUM = "/usr/bin/chromium"

PAGE = "<!doctype html><meta charset=utf-8><title>t</title><video id=v muted preload=metadata></video>"

#: Opens the file, seeks to each place, plays a little there; answers what it saw.
SCRIPT = """
const video = document.getElementById("v");
const event = (name) => new Promise((done, fail) => {
  video.addEventListener(name, done, { once: true });
  video.addEventListener("error", () => fail(new Error(`${name}: ${video.error?.message}`)), { once: true });
});
video.src = "/media";
await event("loadedmetadata");
const places = [];
for (const at of PLACES) {
  video.currentTime = at;
  await event("seeked");
  const from = video.currentTime;
  await video.play();
  while (video.currentTime < from + 0.3) await new Promise((done) => setTimeout(done, 30));
  video.pause();
  places.push({ at, from, width: video.videoWidth, ready: video.readyState });
}
return { duration: video.duration, places };
"""
PLACES = [130, 5, 62, 100.5, 0]


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """150 s: sound first, picture from 3 s, away from 40 to 60 s, back by another worker and larger.

    And beside it a camera in H.264, which is away from 40 to 60 s and back larger.
    """
    folder = tmp_path_factory.mktemp("media")
    one = Tape(folder / "spool")
    one.track(audio_track("p1"), audio_arrivals(40))
    one.track(video_track("p1"), video_arrivals(37, least_bytes=6000), start_s=3)
    one.track(h264_track("p1", "h"), h264_arrivals(40))
    one.write(40, end=None).abandon()
    two = Tape(folder / "spool", writer="worker.2", begin_s=60)
    two.track(audio_track("p1", "b"), audio_arrivals(90, ssrc=5))
    two.track(video_track("p1", "b"), video_arrivals(90, ssrc=6, width=640, height=360, least_bytes=6000))
    two.track(h264_track("p1", "i"), h264_arrivals(90, ssrc=16, width=640, height=360, shade=90))
    two.write(90).abandon()
    record = Record("sitting", folder)
    for writer in ("worker.1", "worker.2"):
        own = folder / "spool" / "sitting" / writer
        recover(own, record.chain(writer))
        for path in sorted(own.glob("*.hrec")):
            record.feed(writer, path.name, path.read_bytes())
    record.finish()
    for file in record.files.values():
        file.finish("title")
    return {container: file.path for (_, _, container), file in record.files.items()}


@contextlib.asynccontextmanager
async def served(path: Path) -> AsyncIterator[tuple[str, list[str]]]:
    """The page and the file; the ranges that were asked for."""
    ranges: list[str] = []

    async def page(_: Request) -> Response:
        return HTMLResponse(PAGE)

    async def file(request: Request) -> Response:
        ranges.append(request.headers.get("range", ""))
        return FileResponse(path, media_type=MEDIA_TYPES[path.suffix[1:]])

    port = free_port()
    app = Starlette(routes=[Route("/", page), Route("/media", file)])
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", lifespan="off"))
    with no_signals(server):
        task = asyncio.create_task(server.serve())
        try:
            while not server.started:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            yield f"http://127.0.0.1:{port}/", ranges
        finally:
            server.should_exit = True
            server.force_exit = True
            await task


@contextlib.contextmanager
def no_signals(server: uvicorn.Server) -> Iterator[None]:
    """The test's own handling of Ctrl-C stays."""
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    yield


def check(seen: dict[str, Any], ranges: list[str], *, large: bool) -> None:
    assert seen["duration"] == pytest.approx(150, abs=0.2)
    for place in seen["places"]:
        assert place["from"] == pytest.approx(place["at"], abs=0.1)
        assert place["ready"] >= 2
    widths = {place["at"]: place["width"] for place in seen["places"]}
    assert (widths[5], widths[62], widths[130]) == (320, 640, 640)
    # The far end was reached by a range, not by reading all that is before it.
    if not large:
        return
    starts = [int(value.removeprefix("bytes=").split("-")[0]) for value in ranges if value.startswith("bytes=")]
    assert max(starts) > 1_000_000


@pytest.mark.parametrize("container", ["webm", "mp4"])
async def test_chromium_opens_and_seeks(media: dict[str, Path], container: str) -> None:
    async with served(media[container]) as (url, ranges), async_playwright() as running:
        arguments = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        browser = await running.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            page = await browser.new_page()
            await page.goto(url)
            seen = await page.evaluate(f"async () => {{ const PLACES = {PLACES}; {SCRIPT} }}")
        finally:
            await browser.close()
    check(seen, ranges, large=container == "webm")


@pytest.mark.parametrize("container", ["webm", "mp4"])
async def test_firefox_opens_and_seeks(media: dict[str, Path], container: str, tmp_path: Path) -> None:
    async with served(media[container]) as (url, ranges):
        log = str(tmp_path / "gecko.log")
        driver = Marionette(bin=FIREFOX, headless=True, prefs=preferences("judge"), gecko_log=log)
        try:
            await asyncio.to_thread(driver.start_session)
            driver.timeout.script = 60
            await asyncio.to_thread(driver.navigate, url)
            script = (
                "const done = arguments[arguments.length - 1];"
                f"(async () => {{ const PLACES = {PLACES}; {SCRIPT} }})()"
                ".then((seen) => done(JSON.stringify(seen)), (error) => done(JSON.stringify(String(error))));"
            )
            seen = json.loads(await asyncio.to_thread(driver.execute_async_script, script, sandbox=None))
        finally:
            await asyncio.to_thread(driver.cleanup)
    assert isinstance(seen, dict), seen
    check(seen, ranges, large=container == "webm")
