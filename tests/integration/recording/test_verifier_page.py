"""The page that checks a record, opened from disk in both browsers: it says what ``hearing verify`` says."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright

from recording import documents
from recording import written as w
from recording.cosignature import cosign
from recording.excerpt import FolderTarget, export_part
from recording.export import export_to
from recording.keys import load_or_make
from recording.manifest import encode
from recording.messages import Accepted, Part, Stated, Withheld, Write, Written
from recording.objects import StoreProblem, open_store
from recording.recorder import Recorder
from recording.transparency import TransparencyLog, inclusion_decoder
from recording.verify import verify_record
from recording.zipped import ZippedRecord
from tests.added import ACTS, FIRST, SECOND, put, stated
from tests.forgeries import ARCHIVES, FOLDERS, Genuine
from tests.mutations import mutate
from tests.recorded import (
    Tape,
    audio_arrivals,
    audio_track,
    eventually,
    facts,
    root_events,
    running,
    sealed,
    video_arrivals,
    video_track,
)
from tests.servers.tsa import authority
from tests.signed import written_record

pytestmark = pytest.mark.browser
CHROMIUM = "/usr/bin/chromium"
PAGE = Path("hearing_server/web/static/verify.html").resolve()
#: Exports that are changed at random.
CHANGED_AT_RANDOM = 12
#: The page does not look at the signature of a time-stamp.
STAMPS = {"stamp-unchecked", "stamp-wrong"}
#: Files of which it depends on the byte that is flipped what else can be told, and what is told always.
UNREADABLE = {"manifest.json": "signature-wrong", "derived/playback.json": "derived-unsigned"}


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an export (``export``) with all its witnesses and the written record, the court's key, and the
    page."""
    folder = tmp_path_factory.mktemp("court")
    asyncio.run(_make(folder))
    return folder


async def _make(folder: Path) -> None:
    key = load_or_make(folder / "court.pem")
    store = open_store((folder / "store").as_uri())
    tape = Tape(folder / "spool")
    number = tape.track(audio_track("p1"), audio_arrivals(31))
    tape.track(video_track("p1"), video_arrivals(3))
    tape.note(number, 31, "end", reason="room-closed")
    tape.write(31.5).abandon()
    sitting = msgspec.structs.replace(facts(31, ["p1"]), events=root_events(folder / "spool/sitting/worker.1"))
    await asyncio.to_thread((folder / "tsa").mkdir)
    with authority(folder / "tsa") as tsa:
        papers = documents.load_or_make(folder / "documents.pem", "Court of Tests")
        recorder = Recorder(
            folder / "spool", store, key, origin="court.example/records", authority=tsa.url, documents=papers
        )
        async with running(recorder):
            root = (await sealed(recorder, "sitting", sitting)).manifest_sha256
            asked = Write(sitting_id="sitting", record=w.as_plain(written_record("sitting", root)))
            while not isinstance(answer := await recorder.write(asked), Written):
                assert isinstance(answer, Accepted), answer
                await asyncio.sleep(0.05)

            async def anchored() -> bool:
                return "hearings/sitting/manifest.tsr" in {name for name, _ in await store.list("hearings/sitting")}

            await eventually(anchored)
            await put(store, "sitting", FIRST, SECOND)
            assert await stated(recorder, "sitting", *ACTS) == Stated(serial=len(ACTS))
    inclusion = inclusion_decoder.decode(await store.read("hearings/sitting/inclusion.json"))
    head = inclusion.checkpoint.encode()
    bar = load_or_make(folder / "bar.pem")
    cosigned = (head + cosign(head, "bar.example/cosigner", bar, 1_800_000_000)).decode()
    inclusion = msgspec.structs.replace(inclusion, checkpoint=cosigned)
    await store.put_new("hearings/sitting/cosigned/01234567.json", encode(inclusion))
    await export_to(store, "sitting", folder / "export", key.public, verifier=await asyncio.to_thread(PAGE.read_bytes))
    begin_us = sitting.opened_wall_ns // 1000
    span = Withheld(
        start_us=begin_us + 12_000_000,
        end_us=begin_us + 13_000_000,
        level="sealed",
        order="Order 7",
        by="Judge Chen",
        by_zh="陈法官",
        decided_us=begin_us + 60_000_000,
    )
    part = Part(start_us=begin_us + 1_000_000, end_us=begin_us + 4_000_000)
    log = TransparencyLog(store, key, "court.example/records")
    await export_part(store, "sitting", FolderTarget(folder / "public"), key, [span], None, folder, transparency=log)
    await export_part(store, "sitting", FolderTarget(folder / "part"), key, [], part, folder)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield found
        await found.close()


async def checked(page: Page, chosen: Path, key: str = "") -> tuple[bool, list[tuple[str, str]]]:
    """Give the page a folder or a ZIP file; its verdict, and (code, sentence) of what it found."""
    await page.goto(PAGE.as_uri())
    await page.get_by_test_id("zip" if chosen.suffix == ".zip" else "folder").set_input_files(chosen)
    await page.get_by_test_id("chosen").locator(".badge").wait_for()
    await page.get_by_test_id("key").fill(key)
    await page.get_by_test_id("start").click()
    verdict = page.get_by_test_id("verdict")
    await verdict.wait_for()
    found: list[list[str]] = (
        await page.get_by_test_id("findings")
        .locator("li[data-code]")
        .evaluate_all("items => items.map((item) => [item.dataset.code, item.querySelector('span').textContent])")
    )
    return await verdict.get_attribute("data-ok") == "true", [(code, words.strip()) for code, words in found]


async def on_the_server(folder: Path, key: str | None) -> list[tuple[str, str]]:
    public = load_or_make(folder.parent / "court.pem").public if key else None
    report = await verify_record(open_store(folder.as_uri()), "", public)
    return [(found.code, found.en) for found in report.findings]


async def test_it_says_what_the_server_says(browser: Browser, record: Path) -> None:
    page = await browser.new_page(locale="en-GB")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    key = (record / "export/court.pub.pem").read_text()
    ok, found = await checked(page, record / "export", key)
    expected = await on_the_server(record / "export", key)
    assert ok
    assert [code for code, _ in found] == [code for code, _ in expected]
    for (code, words), (_, sentence) in zip(found, expected, strict=True):
        # The page does not look at the authority's certificate, so that it does not name it.
        assert code == "stamp-unchecked" or words.endswith(sentence)
    witnessed = {"inclusion", "cosigned-unchecked", "stamp-unchecked", "written-signed", "written-refused", "incident"}
    witnessed |= {"added", "added-chosen", "added-withdrawn", "added-logged"}
    assert witnessed <= {code for code, _ in found}
    assert [url for url in asked if not url.startswith(("file:", "blob:"))] == []


async def test_of_a_copy_that_leaves_something_out_both_say_the_same(
    browser: Browser, record: Path, tmp_path: Path
) -> None:
    page = await browser.new_page(locale="en-GB")
    key = (record / "export/court.pub.pem").read_text()
    for name, words in (("public", "Complete except for what is withheld"), ("part", "This part is complete")):
        ok, found = await checked(page, record / name, key)
        expected = await on_the_server(record / name, key)
        assert ok
        assert [code for code, _ in found] == [code for code, _ in expected]
        assert all(
            said.endswith(sentence) or code == "stamp-unchecked"
            for (code, said), (_, sentence) in zip(found, expected, strict=True)
        )
        await page.get_by_test_id("verdict").get_by_text(words).wait_for()
    await page.get_by_role("button", name="中文").click()
    await page.get_by_test_id("verdict").get_by_text("这一部分完整").wait_for()
    files = ("statement.json", "statement.sig", "manifest.json", "raw/worker.1/000001.redacted")
    for number, file in enumerate(files):
        folder = Path(shutil.copytree(record / "public", tmp_path / f"{number}" / "public"))
        shutil.copy(record / "court.pem", folder.parent / "court.pem")
        data = bytearray((folder / file).read_bytes())
        data[len(data) // 2] ^= 1
        (folder / file).write_bytes(data)
        ok, found = await checked(page, folder, key)
        assert not ok, file
        assert {code for code, _ in found} == {code for code, _ in await on_the_server(folder, key)}, file


async def test_a_zip_file_will_do_and_the_enclosed_key_is_named(browser: Browser, record: Path, tmp_path: Path) -> None:
    packed = tmp_path / "record.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted((record / "export").rglob("*")):
            file.write(path, Path("the record") / path.relative_to(record / "export"))
    page = await browser.new_page(locale="en-GB")
    ok, found = await checked(page, packed)
    assert ok
    assert [code for code, _ in found] == [code for code, _ in await on_the_server(record / "export", None)]
    assert found[0][0] == "key-enclosed"


async def test_a_flipped_byte_anywhere_is_named(browser: Browser, record: Path, tmp_path: Path) -> None:
    """The same place as the server names, in each kind of file."""
    page = await browser.new_page(locale="en-GB")
    key = (record / "export/court.pub.pem").read_text()
    names = [
        "manifest.json",
        "manifest.sig",
        "inclusion.json",
        "raw/worker.1/000000.hrec",
        "derived/playback.json",
        "written/index.json",
        "written/record.json",
        "written/record.zh.pdf",
        "added/000002.json",
        "added/000004.sig",
        "added/000001.inclusion.json",
        f"added/{hashlib.sha256(FIRST).hexdigest()}",
    ]
    for number, name in enumerate(names):
        folder = Path(shutil.copytree(record / "export", tmp_path / f"{number}" / "export"))
        shutil.copy(record / "court.pem", folder.parent / "court.pem")
        path = folder / name
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        ok, found = await checked(page, folder, key)
        assert not ok, name
        server = {
            entry for entry in await on_the_server(folder, key) if entry[0] not in ("stamp-unchecked", "stamp-wrong")
        }
        seen = {code for code, _ in found if code not in ("stamp-unchecked", "stamp-wrong")}
        if name in UNREADABLE:
            assert UNREADABLE[name] in seen & {code for code, _ in server}
        else:
            assert seen == {code for code, _ in server}, name


async def test_no_forged_export_is_well_for_either(browser: Browser, record: Path, tmp_path: Path) -> None:
    """Both find the same, also what is unlike the genuine export."""
    page = await browser.new_page(locale="en-GB")
    genuine = Genuine(record, load_or_make(record / "court.pem"))
    pem = genuine.key.public.pem.decode()
    for number, (name, (forge, expected)) in enumerate(FOLDERS.items()):
        folder = await asyncio.to_thread(forge, genuine, tmp_path / str(number))
        report = await verify_record(open_store(folder.as_uri()), "", genuine.key.public)
        ok, found = await checked(page, folder, pem)
        assert not report.ok, name
        assert not ok, name
        server = {each.code for each in report.findings}
        assert {code for code, _ in found} == server, name
        assert expected in server, name


async def test_of_exports_changed_at_random_both_say_the_same(browser: Browser, record: Path, tmp_path: Path) -> None:
    """Seeded; for more of them raise the number."""
    page = await browser.new_page(locale="en-GB")
    key = load_or_make(record / "court.pem")
    for number in range(CHANGED_AT_RANDOM):
        folder = Path(shutil.copytree(record / ("public", "part", "export")[number % 3], tmp_path / f"{number}"))
        done = await asyncio.to_thread(mutate, folder, f"{number}", key)
        report = await verify_record(open_store(folder.as_uri()), "", key.public)
        ok, found = await checked(page, folder, key.public.pem.decode())
        assert ok == report.ok, (number, done)
        seen = {code for code, _ in found} - STAMPS
        assert seen == {each.code for each in report.findings} - STAMPS, (number, done)


async def test_no_archive_with_two_meanings_is_well_for_either(browser: Browser, record: Path, tmp_path: Path) -> None:
    page = await browser.new_page(locale="en-GB")
    genuine = Genuine(record, load_or_make(record / "court.pem"))
    pem = genuine.key.public.pem.decode()
    for number, (name, forge) in enumerate(ARCHIVES.items()):
        place = tmp_path / str(number)
        await asyncio.to_thread(place.mkdir)
        path = await asyncio.to_thread(forge, genuine, place)
        try:
            ok = (await verify_record(ZippedRecord(path), "", genuine.key.public)).ok
        except StoreProblem:
            ok = False
        assert not ok, name
        await page.goto(PAGE.as_uri())
        await page.get_by_test_id("zip").set_input_files(path)
        await page.get_by_test_id("key").fill(pem)
        alert, verdict = page.get_by_role("alert"), page.get_by_test_id("verdict")
        await alert.or_(page.get_by_test_id("chosen").locator(".badge")).first.wait_for()
        await page.get_by_test_id("start").click()
        await alert.or_(verdict).first.wait_for()
        assert await verdict.count() == 0 or await verdict.get_attribute("data-ok") == "false", name


async def test_bad_input_is_explained(browser: Browser, record: Path, tmp_path: Path) -> None:
    page = await browser.new_page(locale="zh-CN")
    await page.goto(PAGE.as_uri())
    await page.get_by_test_id("start").click()
    await page.get_by_role("alert").get_by_text("请先选择庭审记录").wait_for()
    await page.get_by_test_id("folder").set_input_files(record / "export")
    await page.get_by_test_id("key").fill("nonsense")
    await page.get_by_test_id("start").click()
    await page.get_by_role("alert").get_by_text("这不是法院公钥").wait_for()
    broken = tmp_path / "x.zip"
    await asyncio.to_thread(broken.write_bytes, b"PK nonsense")
    await page.get_by_test_id("zip").set_input_files(broken)
    await page.get_by_role("alert").get_by_text("未能读完记录").wait_for()


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
@pytest.mark.parametrize("size", [(390, 844), (1440, 900)])
async def test_anybody_can_use_it(browser: Browser, record: Path, locale: str, size: tuple[int, int]) -> None:
    page = await browser.new_page(locale=locale, viewport={"width": size[0], "height": size[1]})
    await page.goto(PAGE.as_uri())
    found: list[Any] = (await Axe().run(page)).response["violations"]
    await checked(page, record / "export")
    found += (await Axe().run(page)).response["violations"]
    assert not found, json.dumps(found, indent=1)
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
