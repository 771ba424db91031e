"""The archive over HTTP: pages, ranges, downloads, and the ledger of who had what."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest

from hearing_server.store import StoreError
from hearing_server.web.record_views import restriction_of
from recording import messages as m
from recording.objects import StoreProblem
from tests.unit.hearing_server.web.conftest import MEDIA, MEDIA_NAME, Site

FILM = "HC 2026-00418 2026-09-21 141330 hearing, Northgate District Court.mp4"
#: What a file on somebody's disk says of itself: case, begin on the court's clock, whose it is, court.
NAMED = r"HC 2026-00418 \d{4}-\d\d-\d\d \d{6} claimant Joan Joe Larkin, Northgate District Court\.webm"
ETAG = f'"{hashlib.sha256(MEDIA).hexdigest()}"'


async def test_there_is_no_record_before_the_close(site: Site) -> None:
    async with site.seated("clerk") as clerk:
        answer = await clerk.get(site.record_url)
        assert (answer.status_code, answer.json()["code"]) == (404, "record-missing")
        assert (await clerk.post(f"{site.record_url}/exports")).json()["code"] == "record-not-ready"
        assert (await clerk.post(f"{site.record_url}/verify")).json()["code"] == "record-not-ready"
        assert (await clerk.get(f"{site.record_url}/manifest")).json()["code"] == "record-missing"


async def test_a_record_that_is_being_sealed(site: Site) -> None:
    await site.close_hearing(playable=False)
    async with site.seated("clerk") as clerk:
        answer = await clerk.get(site.record_url)
        assert (answer.status_code, answer.json()["code"]) == (409, "record-not-ready")
        assert answer.headers["retry-after"] == "1"
        assert (await clerk.get(f"{site.record_url}/media/{MEDIA_NAME}")).status_code == 404


async def test_the_page_of_a_record(site: Site) -> None:
    await site.close_hearing()
    await site.court.store.records.verified(
        site.booking.hearing_id,
        '{"ok": false, "checkedAt": 7.5,'
        ' "report": {"tracks": 2, "chunks": 9, "bytes": 5, "findings": [{"code": "x"}]}}',
    )
    async with site.seated("clerk") as clerk:
        page = (await clerk.get(site.record_url)).json()
    assert page["state"] == "sealed"
    assert page["durationS"] == 61.5
    assert page["restriction"] == ""
    (track,) = page["tracks"]
    assert track["url"] == f"{site.record_url}/media/{MEDIA_NAME}?person={site.court.people['clerk']}"
    assert re.fullmatch(NAMED, track["fileName"]), track["fileName"]
    assert (track["offsetS"], track["durationS"], track["peaks"], track["peaksPeriodS"]) == (1.5, 60, [0, 50, 100], 0.1)
    (gap,) = page["gaps"]
    assert (round(gap["startS"], 3), gap["durationS"], gap["cause"]) == (2.0, 0.5, "loss")
    assert [row["event"] for row in page["log"]][:2] == ["book", "sign_in"]
    assert {"open", "elapsed", "close", "seal"} <= {row["event"] for row in page["log"]}
    assert page["seal"] == {
        "state": "mismatch",
        "checkedAt": 7.5,
        "tracks": 2,
        "chunks": 9,
        "bytes": 5,
        "manifestSha256": "ab" * 32,
        "findings": [{"code": "x"}],
    }


async def test_playing_by_ranges(site: Site) -> None:
    await site.close_hearing()
    url = f"{site.record_url}/media/{MEDIA_NAME}"
    async with site.seated("clerk") as clerk:
        whole = await clerk.get(url)
        assert (whole.status_code, whole.content) == (200, MEDIA)
        assert whole.headers["accept-ranges"] == "bytes"
        assert whole.headers["etag"] == ETAG
        assert whole.headers["content-type"] == "video/webm"
        assert "content-disposition" not in whole.headers
        part = await clerk.get(url, headers={"range": "bytes=100-199"})
        assert (part.status_code, part.content) == (206, MEDIA[100:200])
        assert part.headers["content-range"] == f"bytes 100-199/{len(MEDIA)}"
        assert part.headers["content-length"] == "100"
        tail = await clerk.get(url, headers={"range": "bytes=-7"})
        assert tail.content == MEDIA[-7:]
        past = await clerk.get(url, headers={"range": f"bytes={len(MEDIA)}-"})
        assert (past.status_code, past.json()["code"]) == (416, "range-refused")
        assert past.headers["content-range"] == f"bytes */{len(MEDIA)}"
        same = await clerk.get(url, headers={"range": "bytes=0-9", "if-range": ETAG})
        assert same.status_code == 206
        other = await clerk.get(url, headers={"range": "bytes=0-9", "if-range": '"other"'})
        assert (other.status_code, other.content) == (200, MEDIA)
        assert (await clerk.get(url, headers={"if-none-match": ETAG})).status_code == 304
        head = await clerk.head(url, headers={"range": "bytes=0-9"})
        assert (head.status_code, head.content, head.headers["content-length"]) == (206, b"", "10")


async def test_downloads_have_names(site: Site) -> None:
    await site.close_hearing()
    url = f"{site.record_url}/media/{MEDIA_NAME}?download=1&order=O-1"
    async with site.seated("clerk") as clerk:
        english = (await clerk.get(url)).headers["content-disposition"]
        plain = re.match('attachment; filename="(.+?)"', english)
        assert plain
        assert re.fullmatch(NAMED, plain[1]), plain[1]
        chinese = (await clerk.get(f"{url}&lang=zh-CN")).headers["content-disposition"]
        assert "%20%E5%8E%9F%E5%91%8A%20%E7%90%BC" in chinese
        assert chinese.isascii()
        manifest = await clerk.get(f"{site.record_url}/manifest")
        assert manifest.content == b'{"the":"manifest"}'
        assert (await clerk.get(f"{site.record_url}/manifest.sig")).content == b"its signature"


async def test_to_listen_is_not_to_download(site: Site) -> None:
    await site.close_hearing()
    url = f"{site.record_url}/media/{MEDIA_NAME}"
    for role, refused in {
        "clerk": "order-missing",
        "records_custodian": "order-missing",
        "staff_host": "not-allowed",
    }.items():
        async with site.signed_in(role) as browser:
            assert (await browser.get(url)).status_code == 200, role
            assert (await browser.get(url, params={"download": "1"})).json()["code"] == refused
            under = await browser.get(url, params={"download": "1", "order": " 2026-O-7 "})
            assert under.status_code == (200 if refused == "order-missing" else 403), role
    async with site.signed_in("judge") as judge:
        assert (await judge.get(url, params={"download": "1"})).status_code == 200
    entries = [entry.access for entry in await site.court.store.ledger.read(site.booking.hearing_id)]
    assert [entry.detail.get("order") for entry in entries if entry.action == "download"] == [
        "2026-O-7",
        "2026-O-7",
        None,
    ]


async def test_the_span_that_was_played_stands_in_the_ledger(site: Site) -> None:
    await site.close_hearing()
    start_us = site.court.clock.now // 1000
    async with site.signed_in("clerk") as clerk:
        played = {"fromS": 1.5, "toS": 9.25, "rate": 1.5, "heard": ["claimant-1"]}
        assert (await clerk.post(f"{site.record_url}/played", json=played)).status_code == 204
        turned = {"fromS": 9, "toS": 1, "rate": 1}
        assert (await clerk.post(f"{site.record_url}/played", json=turned)).json()["code"] == "invalid"
    (entry,) = (
        one.access
        for one in await site.court.store.ledger.read(site.booking.hearing_id)
        if one.access.action == "played"
    )
    begin, end = start_us + 1_500_000, start_us + 9_250_000
    assert entry.detail == {"from_us": begin, "to_us": end, "rate": "1.5", "heard": ["claimant-1"]}


async def test_the_reporting_restriction_stands_over_the_record(site: Site) -> None:
    judge = (await site.court.start("claimant"))["judge"]
    for command, words in (("restrict", {"text": "No names"}), ("unrestrict", {}), ("restrict", {"text": "未成年人"})):
        await site.court.command(judge, command, arguments=words)
    events = await site.court.hearings.log_of(site.booking.hearing_id)
    assert [restriction_of(events[:count]) for count in range(len(events) - 3, len(events) + 1)] == [
        "",
        "No names",
        "",
        "未成年人",
    ]


@pytest.mark.parametrize("name", ["none.webm", "..%2Fplayback.json", "playback.json", "%2e%2e", "a" * 300])
async def test_names_that_are_none(site: Site, name: str) -> None:
    await site.close_hearing()
    async with site.seated("clerk") as clerk:
        assert (await clerk.get(f"{site.record_url}/media/{name}")).status_code == 404


async def test_whatever_is_given_out_stands_in_the_ledger(site: Site) -> None:
    await site.close_hearing()
    url = f"{site.record_url}/media/{MEDIA_NAME}"
    async with site.seated("clerk") as clerk:
        await clerk.get(site.record_url)
        await clerk.get(url, headers={"range": "bytes=5-9"})
        await clerk.head(url)
        await clerk.get(f"{url}?download=1&order=O-1")
        await clerk.get(f"{site.record_url}/manifest")
        await clerk.post(f"{site.record_url}/exports")
    entries = await site.court.store.ledger.read(site.booking.hearing_id)
    assert [(entry.access.action, entry.access.target) for entry in entries] == [
        ("open-record", site.booking.hearing_id),
        ("play", MEDIA_NAME),
        ("download", MEDIA_NAME),
        ("download", "manifest.json"),
        ("export", "composite"),
    ]
    assert entries[1].access.detail == {"start": 5, "end": 10}
    assert {entry.access.actor for entry in entries} == {site.court.people["clerk"]}
    assert all(entry.access.seat and entry.access.role == "clerk" for entry in entries)


async def test_nothing_is_given_out_that_the_ledger_does_not_take(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    await site.close_hearing()

    async def full(*_: Any) -> int:
        raise StoreError("store-full", "disk is full")

    async with site.seated("clerk") as clerk:
        monkeypatch.setattr(site.court.store.ledger, "write", full)
        for path in ("", f"/media/{MEDIA_NAME}", "/manifest"):
            answer = await clerk.get(f"{site.record_url}{path}")
            assert (answer.status_code, answer.json()["code"]) == (503, "store-full")


async def test_an_archive_that_does_not_answer(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    await site.close_hearing()

    async def away(*_: Any) -> int:
        raise StoreProblem("the store is away")

    async with site.seated("clerk") as clerk:
        monkeypatch.setattr(site.store, "size", away)
        monkeypatch.setattr(site.store, "read", away)
        for path in ("", f"/media/{MEDIA_NAME}", "/manifest"):
            answer = await clerk.get(f"{site.record_url}{path}")
            assert (answer.status_code, answer.json()["code"]) == (503, "record-unavailable")
            assert "retry-after" in answer.headers


async def test_an_export_and_its_file(site: Site) -> None:
    await site.close_hearing()
    site.court.recorder.answer = lambda _: m.Accepted()
    async with site.seated("clerk") as clerk:
        answer = await clerk.post(f"{site.record_url}/exports")
        assert answer.status_code == 202
        job = answer.json()
        assert (job["state"], job["url"]) == ("queued", None)
        await site.court.store.records.update_job(
            job["jobId"], state="done", progress=1.0, name=f"derived/exports/{job['jobId']}.mp4", bytes=12
        )
        done = (await clerk.get(f"/api/jobs/{job['jobId']}")).json()
        assert done["url"] == f"{site.record_url}/media/{job['jobId']}.mp4?person={site.court.people['clerk']}"
        assert (done["fileName"], done["bytes"]) == (FILM, 12)
        assert (await clerk.get(site.record_url)).json()["exports"] == [done]


async def test_a_film_carries_the_name_of_who_had_it_made_and_is_theirs_alone(site: Site) -> None:
    await site.close_hearing()
    site.court.recorder.answer = lambda _: m.Accepted()
    records = site.court.store.records
    async with site.seated("clerk") as clerk, site.seated("judge") as judge:
        films = [(await person.post(f"{site.record_url}/exports")).json()["jobId"] for person in (clerk, judge)]
        (first, second) = [await records.job(film) for film in films]
        assert first is not None
        assert second is not None
        assert first.id != second.id
        assert re.fullmatch(r"R\. Santos · HC 2026-00418 · \d+", first.mark), first.mark
        await records.update_job(first.id, state="done", name=MEDIA_NAME, bytes=12)
        assert [row["jobId"] for row in (await clerk.get(site.record_url)).json()["exports"]] == [first.id]
        assert [row["jobId"] for row in (await judge.get(site.record_url)).json()["exports"]] == [second.id]
        assert (await judge.get(f"/api/jobs/{first.id}")).json()["code"] == "not-found"
        url = f"{site.record_url}/media/{MEDIA_NAME}?download=1&order=1"
        assert (await judge.get(url)).json()["code"] == "not-found"
        assert (await clerk.get(url)).content == MEDIA


async def test_asking_for_a_check(site: Site) -> None:
    await site.close_hearing()
    async with site.seated("clerk") as clerk:
        answer = await clerk.post(f"{site.record_url}/verify")
        assert (answer.status_code, answer.json()["code"]) == (503, "recorder-unavailable")
        site.court.recorder.answer = lambda _: m.Accepted()
        assert (await clerk.post(f"{site.record_url}/verify")).status_code == 202
    assert isinstance(site.court.recorder.asked[-1], m.Verify)
