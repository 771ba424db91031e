"""Recordings that the court adds to a record: versions, which is current, who may have them, and what is noted."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import httpx
import numpy as np
import pytest

from hearing_server import incoming
from hearing_server.exhibit_tool import MEDIA_PROBE, Unfit, medium
from recording import messages as m
from recording.custody import Custodian
from recording.keys import load_or_make
from tests.recorded import eventually
from tests.unit.hearing_server.web.conftest import ADDED_LIMIT_BYTES, Site
from tests.unit.hearing_server.web.test_custody import decide
from tests.unit.hearing_server.web.test_exhibits import pdf, picture, sound, video
from tests.unit.hearing_server.web.test_levels import asked, store_copy, withhold

STARTED = 1_700_000_000.25
FIRST = sound()
#: The same recording, copied once more from the equipment with a longer tail of its container.
SECOND = FIRST + bytes(2000)


async def add(client: httpx.AsyncClient, site: Site, content: bytes = FIRST, **query: Any) -> httpx.Response:
    fields = {
        "title": "Courtroom 3",
        "equipment": "Desk recorder 7",
        "startedAt": STARTED,
        "fileName": "r.wav",
        **query,
    }
    return await client.post(f"{site.record_url}/added", params=fields, content=content)


async def ledger(site: Site) -> list[tuple[str, str]]:
    entries = await site.court.store.ledger.read(site.booking.hearing_id)
    return [(entry.access.action, entry.access.target) for entry in entries if "add" in entry.access.action]


async def test_another_file_of_the_same_recording_is_a_version_and_one_is_current(site: Site) -> None:
    await site.close_hearing()
    async with site.signed_in("clerk") as clerk:
        answer = await add(clerk, site)
        assert answer.status_code == 201, answer.text
        again = await add(clerk, site, fileName="copy.wav", equipment="Another")
        assert (again.status_code, again.json()["code"]) == (409, "added-already")
        page = (await add(clerk, site, SECOND)).json()
        (recording,) = page["recordings"]
        assert (recording["title"], recording["kind"], recording["startedAt"]) == ("Courtroom 3", "audio", STARTED)
        second, first = recording["versions"]
        assert [(row["version"], row["current"]) for row in (second, first)] == [(2, True), (1, False)]
        assert first["sha256"] == hashlib.sha256(FIRST).hexdigest()
        assert (first["equipment"], first["addedBy"], first["durationS"]) == ("Desk recorder 7", "Clerk", 1)
        chosen = await clerk.post(f"{site.record_url}/added/{first['versionId']}/current")
        assert [row["current"] for row in chosen.json()["recordings"][0]["versions"]] == [False, True]
        assert (await add(clerk, site, SECOND, title="Courtroom 4")).status_code == 201
        assert (await add(clerk, site, video(), fileName="r.webm")).status_code == 201
        page = (await clerk.get(f"{site.record_url}/added")).json()
        found = [(each["title"], each["kind"], len(each["versions"])) for each in page["recordings"]]
        assert found == [("Courtroom 3", "audio", 2), ("Courtroom 3", "video", 1), ("Courtroom 4", "audio", 1)]
        acts = await ledger(site)
        assert acts[:3] == [
            ("add-recording", first["versionId"]),
            ("add-recording", second["versionId"]),
            ("choose-added", first["versionId"]),
        ]
        told = (await clerk.get(f"{site.record_url}/access")).json()["rows"]
        assert "choose-added" in {row["action"] for row in told}
    assert not list((site.static.parent / "uploads").iterdir())


async def test_a_withdrawn_version_is_kept_and_says_why(site: Site) -> None:
    await site.close_hearing()
    async with site.signed_in("clerk") as clerk, site.signed_in("judge") as judge:
        await add(clerk, site)
        (recording,) = (await add(clerk, site, SECOND)).json()["recordings"]
        second, first = recording["versions"]
        withdrawal = f"{site.record_url}/added/{second['versionId']}/withdrawal"
        for wrong in ({}, {"reason": ""}, {"reason": "  "}, {"reason": "x" * 501}):
            assert (await clerk.post(withdrawal, json=wrong)).status_code in (400, 422)
        assert (await judge.post(withdrawal, json={"reason": "Mine"})).json()["code"] == "not-allowed"
        page = (await clerk.post(withdrawal, json={"reason": " Of another courtroom "})).json()
        newest, oldest = page["recordings"][0]["versions"]
        assert (newest["current"], oldest["current"]) == (False, True)
        assert (newest["withdrawn"]["reason"], newest["withdrawn"]["by"]) == ("Of another courtroom", "Clerk")
        assert (await clerk.get(newest["url"])).content == SECOND
        await clerk.post(withdrawal, json={"reason": "Again"})  # nothing new
        page = (await clerk.post(f"{site.record_url}/added/{second['versionId']}/current")).json()
        newest, oldest = page["recordings"][0]["versions"]
        assert (newest["current"], newest["withdrawn"]) == (True, None)
        await clerk.post(f"{site.record_url}/added/{first['versionId']}/withdrawal", json={"reason": "Noise"})
        page = (await clerk.post(withdrawal, json={"reason": "Noise"})).json()
        assert [row["current"] for row in page["recordings"][0]["versions"]] == [False, False]
        assert "withdraw-added" in {action for action, _ in await ledger(site)}


async def test_every_act_is_stated_one_after_the_other_until_it_is(site: Site) -> None:
    await site.close_hearing()
    recorder, office, sitting = site.court.recorder, site.court.hearings.additions, site.booking.hearing_id
    answers: list[m.AnyAnswer] = [m.Refused(reason="not-sealed"), m.Accepted()]

    def answer(request: m.AnyRequest) -> m.AnyAnswer:
        if not isinstance(request, m.Add):
            return m.Accepted()
        return answers.pop(0) if answers else m.Stated(serial=request.act.serial)

    async with site.signed_in("clerk") as clerk:
        await add(clerk, site)
        (recording,) = (await add(clerk, site, SECOND)).json()["recordings"]
        second = f"{site.record_url}/added/{recording['versions'][0]['versionId']}"
        await clerk.post(f"{second}/withdrawal", json={"reason": "Noise"})

    async def told() -> bool:
        await office.step()
        return await site.court.store.added.untold() == []

    recorder.answer = answer
    await eventually(told)
    asked = [request for request in recorder.asked if isinstance(request, m.Add)]
    assert all(request.sitting_id == sitting for request in asked)
    done = {request.act.serial: request.act for request in asked}
    assert [(act.action, act.number, act.by, act.by_zh) for _, act in sorted(done.items())] == [
        ("add", 1, "Clerk", "clerk 先生"),
        ("add", 2, "Clerk", "clerk 先生"),
        ("withdraw", 2, "Clerk", "clerk 先生"),
    ]
    assert done[3].reason == "Noise"
    assert done[1].sha256 == hashlib.sha256(FIRST).hexdigest()
    assert not await office.step()


async def test_it_is_played_by_ranges_and_downloaded_under_an_order(site: Site) -> None:
    await site.close_hearing()
    async with site.signed_in("clerk") as clerk, site.signed_in("judge") as judge, site.seated("claimant") as party:
        page = (await add(clerk, site)).json()
        url = page["recordings"][0]["versions"][0]["url"]
        part = await clerk.get(url, headers={"Range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, FIRST[10:20])
        whole = await judge.get(url)
        assert (whole.content, whole.headers["content-type"]) == (FIRST, "audio/wav")
        assert "sandbox" in whole.headers["content-security-policy"]
        assert (await clerk.get(url, params={"download": "1"})).json()["code"] == "order-missing"
        saved = await clerk.get(url, params={"download": "1", "order": "O-3"})
        assert "HC%202026-00418%20Courtroom%203%201.wav" in saved.headers["content-disposition"]
        assert (await party.get(url)).status_code == 403
        assert (await judge.get(f"{site.record_url}/added")).json()["mayAdd"] is False
        assert (await add(judge, site, SECOND)).json()["code"] == "not-allowed"
        assert (await clerk.get(f"{site.record_url}/added/none")).status_code == 404
    actions = [action for action, _ in await ledger(site)]
    assert actions == ["add-recording", "play-added", "play-added", "download-added"]


async def test_what_does_not_play_is_refused(site: Site) -> None:
    await site.close_hearing()
    unknown_codec = film("mpeg4", "mp4")
    async with site.signed_in("clerk") as clerk:
        for content in (b"", pdf(), picture(), b"x" * 5000, video()[:200], unknown_codec):
            answer = await add(clerk, site, content)
            assert (answer.status_code, answer.json()["code"]) == (415, "added-unfit" if content else "file-empty")
        assert (await clerk.get(f"{site.record_url}/added")).json()["recordings"] == []
    assert await site.store.list("added/") == []


def film(codec: str, container: str, **options: str) -> bytes:
    """A second of pictures."""
    out = io.BytesIO()
    with av.open(out, "w", format=container, options=options) as made:
        stream = made.add_stream(codec, rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(5):
            made.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        made.mux(stream.encode())
    return out.getvalue()


async def test_a_file_written_as_it_was_recorded_is_as_long_as_what_is_in_it(site: Site) -> None:
    content = film("libvpx", "webm", live="1")
    with av.open(io.BytesIO(content)) as opened:
        assert opened.duration is None
    await site.close_hearing()
    async with site.signed_in("clerk") as clerk:
        page = (await add(clerk, site, content, fileName="r.webm")).json()
    (version,) = page["recordings"][0]["versions"]
    assert version["durationS"] == pytest.approx(1, abs=0.25)
    assert version["hasAudio"] is False


async def test_a_list_of_files_has_no_other_file_opened(tmp_path: Path) -> None:
    """FFmpeg knows files that name others, and would open those of this computer."""
    (tmp_path / "own.wav").write_bytes(FIRST)
    for name, text in (
        ("list", "ffconcat version 1.0\nfile own.wav\n"),
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nown.wav\n#EXT-X-ENDLIST\n"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises((av.FFmpegError, ValueError)):
            av.open(str(tmp_path / name), options=MEDIA_PROBE)
        with pytest.raises(Unfit):
            medium(tmp_path / name)


async def test_a_file_that_nobody_announced_does_not_fill_the_disk(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    await site.close_hearing()
    sent = 0

    def usage(folder: Path) -> SimpleNamespace:
        return SimpleNamespace(free=incoming.RESERVE_BYTES + 200_000 - sent)

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(10):
            sent += 50_000
            yield bytes(50_000)

    monkeypatch.setattr(incoming, "LOOK_EVERY_BYTES", 50_000)
    monkeypatch.setattr(incoming.shutil, "disk_usage", usage)
    query = {"title": "T", "equipment": "E", "startedAt": STARTED, "fileName": "r\0\n.wav"}
    async with site.signed_in("clerk") as clerk:
        answer = await clerk.post(f"{site.record_url}/added", params=query, content=pieces())
        assert (answer.status_code, answer.json()["code"]) == (503, "record-unavailable")
        assert sent < 200_000
        monkeypatch.undo()
        page = (await add(clerk, site, fileName="r\0\n/../x\u202e.wav")).json()
        assert page["recordings"][0]["versions"][0]["fileName"] == "x .wav"
    assert not list((site.static.parent / "uploads").iterdir())


async def test_what_is_said_of_it_must_make_sense(site: Site) -> None:
    async with site.signed_in("clerk") as clerk:
        assert (await add(clerk, site)).json()["code"] == "hearing-not-closed"
        await site.close_hearing()
        future = time.time() + 3600
        for wrong in ({"title": " "}, {"equipment": ""}, {"title": "x" * 201}, {"title": "a\nb"}):
            assert (await add(clerk, site, **wrong)).json()["code"] == "invalid"
        for moment in ("", "x", "nan", "inf", "0", "-5", "1e400", str(future)):
            assert (await add(clerk, site, startedAt=moment)).json()["code"] == "invalid", moment
        large = await add(clerk, site, bytes(ADDED_LIMIT_BYTES + 1))
        assert (large.status_code, large.json()["code"]) == (413, "too-large")


async def test_a_withheld_part_withholds_all_of_it(site: Site) -> None:
    await site.close_hearing()
    async with site.signed_in("clerk") as clerk, site.signed_in("judge") as judge:
        url = (await add(clerk, site)).json()["recordings"][0]["versions"][0]["url"]
        await withhold(site, judge)
        await store_copy(site, asked(site))
        for client in (clerk, judge):
            page = (await client.get(f"{site.record_url}/added")).json()
            assert page["withheld"] is True
            assert page["recordings"][0]["versions"][0]["url"] is None
            for headers in ({}, {"If-None-Match": f'"{hashlib.sha256(FIRST).hexdigest()}"'}):
                assert (await client.get(url, headers=headers)).json()["code"] == "added-withheld"
        await judge.post(f"{site.record_url}/levels/open", json={"order": "O-2"})
        assert (await judge.get(url)).content == FIRST
        assert (await clerk.get(url)).json()["code"] == "added-withheld"


async def test_hidden_locked_and_destroyed_with_the_record(site: Site) -> None:
    await site.close_hearing()
    sitting = site.booking.hearing_id
    custodian = Custodian(site.store, load_or_make(site.static.parent / "record.pem"))

    async def obeyed(serial: int, *, destroy: bool = False) -> None:
        request = m.Keep(sitting_id=sitting, serial=serial, retain_until_s=1, hold=False, destroy=destroy, decision={})

        async def done() -> bool:
            return isinstance(await custodian.keep(request), m.Kept)

        await eventually(done)

    async with site.signed_in("clerk") as clerk, site.signed_in("records_custodian") as keeper:
        url = (await add(clerk, site)).json()["recordings"][0]["versions"][0]["url"]
        await obeyed(1)
        await add(clerk, site, SECOND)
        for content in (FIRST, SECOND):
            assert (await site.store.protection(key(sitting, content))).until_s == 1
        await decide(keeper, site, "hide")
        page = f"{site.record_url}/added"
        for answer in (await clerk.get(url), await clerk.get(page), await add(clerk, site, SECOND)):
            assert answer.json()["code"] == "record-hidden"
        assert (await keeper.get(url)).content == FIRST
        await obeyed(2, destroy=True)
        assert await site.store.list("added/") == []
        # The database does not know yet; the storage does.
        assert (await add(keeper, site, sound() + bytes(3000))).json()["code"] == "record-unavailable"
        assert await site.store.list("added/") == []
    await custodian.aclose()


def key(sitting: str, content: bytes) -> str:
    return f"added/{sitting}/{hashlib.sha256(content).hexdigest()}"
