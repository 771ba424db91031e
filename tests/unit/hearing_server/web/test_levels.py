"""What is withheld is given out by no endpoint, and opened only by order."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import httpx
import msgspec
import pytest

from hearing_server.court.levels import OPEN_NS
from recording import manifest as manifests
from recording import messages as m
from recording.playback import EXPORTS_PREFIX, RENDITIONS_PREFIX, ExportEntry, Playback
from recording.withheld import rendition_id
from signaling.messages import News
from tests.recorded import eventually
from tests.unit.hearing_server.parts import Socket
from tests.unit.hearing_server.web.conftest import MEDIA, MEDIA_NAME, Site
from tests.unit.hearing_server.web.test_custody import decide
from tests.unit.hearing_server.web.test_shares import WANTED, letters, posting, proved, share

__all__ = ["posting"]
PUBLIC, PUBLIC_NAME = b"without the span" * 10, "claimant.public.webm"
NS = 1_000_000_000


def asked(site: Site) -> list[m.Withheld]:
    """The spans of which the recorder was asked for a copy last."""
    request = next(each for each in reversed(site.court.recorder.asked) if isinstance(each, m.Withhold))
    return request.withheld


async def store_copy(site: Site, spans: list[m.Withheld], part: m.Part | None = None) -> None:
    """What the recorder would make."""
    prefix = manifests.prefix(site.booking.hearing_id)
    folder = f"{RENDITIONS_PREFIX}{rendition_id(spans, part)}/"
    whole = msgspec.json.decode(await site.store.read(f"{prefix}derived/playback.json"), type=Playback)
    (entry,) = whole.media
    changed = msgspec.structs.replace(
        entry,
        name=f"{folder}media/{PUBLIC_NAME}",
        size=len(PUBLIC),
        sha256=hashlib.sha256(PUBLIC).hexdigest(),
        peaks=[0, 0, 100],
    )
    index = msgspec.structs.replace(whole, media=[changed], withheld=spans, gaps=[])
    if part is not None:
        index = msgspec.structs.replace(index, start_us=part.start_us, end_us=part.end_us)
    await site.store.put_new(f"{prefix}{folder}media/{PUBLIC_NAME}", PUBLIC)
    await site.store.put_new(f"{prefix}{folder}playback.json", manifests.encode(index))
    await site.store.put_new(f"{prefix}{folder}playback.sig", b"signature")


def span(site: Site, begin_s: float = 10, end_s: float | None = 20, **changes: Any) -> dict[str, Any]:
    now = site.court.clock.now / NS
    fields = {"level": "sealed", "ground": "children", "order": "O-1", "fromAt": now + begin_s}
    return fields | ({} if end_s is None else {"toAt": now + end_s}) | changes


async def withhold(site: Site, client: httpx.AsyncClient, **changes: Any) -> None:
    answer = await client.post(f"{site.record_url}/levels", json=span(site, **changes))
    assert answer.status_code == 204, answer.text


async def test_a_sealed_span_is_given_to_nobody_before_it_is_opened(site: Site) -> None:
    await site.close_hearing()
    async with site.signed_in("clerk") as clerk, site.signed_in("judge") as judge:
        await clerk.post(f"{site.record_url}/notes", json={"text": "the child said zebra", "atS": 15})
        await clerk.post(f"{site.record_url}/notes", json={"text": "the expert said giraffe", "atS": 40})
        assert len((await clerk.get("/api/archive", params={"query": "zebra"})).json()["rows"]) == 1
        await withhold(site, judge)
        for client in (clerk, judge):
            waiting = await client.get(site.record_url)
            assert (waiting.status_code, waiting.json()["code"]) == (409, "record-not-ready")
            assert (await client.get(f"{site.record_url}/media/{MEDIA_NAME}")).status_code == 409
        (told,) = asked(site)
        assert (told.level, told.order, told.by, told.end_us - told.start_us) == ("sealed", "O-1", "Judge", 10_000_000)
        await store_copy(site, asked(site))
        for client in (clerk, judge):
            page = (await client.get(site.record_url)).json()
            (track,) = page["tracks"]
            assert track["url"].endswith(PUBLIC_NAME)
            assert track["peaks"] == [0, 0, 100]
            (row,) = page["levels"]["spans"]
            assert (row["order"], row["withheld"], row["fromS"], row["toS"]) == ("O-1", True, 10, 20)
            words = [row["text"] for row in (await client.get(f"{site.record_url}/words")).json()]
            assert "the child said zebra" not in words
            assert "the expert said giraffe" in words
            assert (await client.get(f"{site.record_url}/media/{PUBLIC_NAME}")).content == PUBLIC
            for headers in ({}, {"range": "bytes=0-9"}, {"if-none-match": f'"{hashlib.sha256(MEDIA).hexdigest()}"'}):
                assert (await client.get(f"{site.record_url}/media/{MEDIA_NAME}", headers=headers)).status_code == 404
            for name in ("manifest", "manifest.sig"):
                assert (await client.get(f"{site.record_url}/{name}")).json()["code"] == "record-withheld"
            assert (await client.get("/api/archive", params={"query": "zebra"})).json()["rows"] == []
            assert len((await client.get("/api/archive", params={"query": "giraffe"})).json()["rows"]) == 1
        assert page["levels"]["mayDecide"] is True
        assert row["ground"] == "children"
        assert (await clerk.get(site.record_url)).json()["levels"]["spans"][0]["ground"] is None


async def test_it_is_opened_for_one_person_by_order_and_for_a_time(site: Site) -> None:
    await site.close_hearing()
    opening = f"{site.record_url}/levels/open"
    async with site.signed_in("clerk") as clerk, site.signed_in("judge") as judge:
        assert (await judge.post(opening, json={"order": "O-2"})).json()["code"] == "level-nothing"
        await withhold(site, judge)
        await store_copy(site, asked(site))
        assert (await clerk.post(opening, json={"order": "O-2"})).json()["code"] == "not-allowed"
        assert (await judge.post(opening, json={"order": " "})).json()["code"] == "order-missing"
        assert (await judge.post(opening, json={"order": "O-2"})).status_code == 204
        page = (await judge.get(site.record_url)).json()
        assert page["tracks"][0]["url"].endswith(MEDIA_NAME)
        assert page["levels"]["openedUntil"] > site.court.clock.now / NS
        assert page["levels"]["spans"][0]["withheld"] is False
        assert (await judge.get(f"{site.record_url}/media/{MEDIA_NAME}")).content == MEDIA
        assert (await judge.get(f"{site.record_url}/manifest")).status_code == 200
        assert (await clerk.get(f"{site.record_url}/media/{MEDIA_NAME}")).status_code == 404
        site.court.clock.now += OPEN_NS
    async with site.signed_in("judge") as judge:
        assert (await judge.get(f"{site.record_url}/media/{MEDIA_NAME}")).status_code == 404
    entries = [entry.access for entry in await site.court.store.ledger.read(site.booking.hearing_id)]
    told = [
        (entry.action, entry.detail.get("order"))
        for entry in entries
        if entry.action in ("withhold-span", "open-sealed")
    ]
    assert told == [
        ("open-sealed", "O-2"),
        ("withhold-span", "O-1"),
        ("open-sealed", ""),
        ("open-sealed", "O-2"),
    ]
    refused = [entry.detail["code"] for entry in entries if entry.action == "level-refused"]
    assert refused == ["level-nothing", "order-missing"]


async def test_it_is_lifted_by_order_and_what_is_confidential_is_for_the_court(site: Site) -> None:
    await site.close_hearing()
    async with site.signed_in("records_custodian") as custodian, site.signed_in("clerk") as clerk:
        await withhold(site, custodian, level="confidential")
        page = (await clerk.get(site.record_url)).json()
        assert page["tracks"][0]["url"].endswith(MEDIA_NAME)
        (row,) = page["levels"]["spans"]
        assert (row["level"], row["withheld"]) == ("confidential", False)
        assert [each.level for each in asked(site)] == ["confidential"]  # a copy for others is made all the same
        for path, code in (("1/lift", "order-missing"), ("7/lift", "level-lifted"), ("x/lift", "not-found")):
            answer = await custodian.post(
                f"{site.record_url}/levels/{path}", json={"order": "" if "1" in path else "O-3"}
            )
            assert answer.json()["code"] == code
        assert (await custodian.post(f"{site.record_url}/levels/1/lift", json={"order": "O-3"})).status_code == 204
        assert (await clerk.get(site.record_url)).json()["levels"]["spans"] == []
        assert (await custodian.get(f"{site.record_url}/levels")).json()["spans"] == []


async def test_bad_spans_are_explained(site: Site) -> None:
    await site.close_hearing()
    async with site.signed_in("judge") as judge:
        for changes, code in (
            ({"end_s": 5}, "level-span"),
            ({"order": "  "}, "order-missing"),
            ({"level": "secret"}, "invalid"),
            ({"ground": "mood"}, "invalid"),
        ):
            answer = await judge.post(f"{site.record_url}/levels", json=span(site, **changes))
            assert answer.json()["code"] == code


async def test_during_the_hearing_a_span_without_an_end_reaches_to_the_close(site: Site) -> None:
    async with site.seated("judge") as judge:
        await withhold(site, judge, begin_s=0, end_s=None)
        await site.close_hearing()
        await judge.get(site.record_url)
        (told,) = asked(site)
        facts = await site.court.store.docket.by_sitting(site.booking.hearing_id)
        assert facts is not None
        assert facts.closed_utc is not None
        assert facts.closed_utc < told.end_us * 1000 < facts.closed_utc + 60 * NS


async def test_an_export_made_before_is_not_given_out_any_more(site: Site) -> None:
    await site.close_hearing()
    hearing_id = site.booking.hearing_id
    prefix = manifests.prefix(hearing_id)
    async with site.signed_in("judge") as judge:
        job = (await judge.post(f"{site.record_url}/exports")).json()

        async def made(name: str, spans: list[m.Withheld]) -> None:
            entry = ExportEntry(
                job_id=job["jobId"],
                name=f"{EXPORTS_PREFIX}{name}",
                media_type="video/mp4",
                size=len(MEDIA),
                sha256=hashlib.sha256(MEDIA).hexdigest(),
                duration_ms=1,
                locale="en",
                timezone="UTC",
                manifest_sha256="",
                derived_from=[],
                created_us=1,
                withheld=spans,
            )
            await site.store.put_new(prefix + entry.name, MEDIA)
            await site.store.put_new(prefix + entry.name.replace("mp4", "json"), manifests.encode(entry))
            await site.store.put_new(prefix + entry.name.replace("mp4", "sig"), b"s")

        await made("before.mp4", [])
        assert (await judge.get(f"{site.record_url}/media/before.mp4")).status_code == 200
        for role, code in (("staff_host", "not-allowed"), ("clerk", "order-missing")):
            async with site.signed_in(role) as listener:  # an export is for downloading, whatever the address says
                assert (await listener.get(f"{site.record_url}/media/before.mp4")).json()["code"] == code
        await site.court.store.records.update_job(job["jobId"], state="done", progress=1.0, name="before.mp4", bytes=1)
        async with site.signed_in("clerk") as clerk:  # and a film is for the person whose name it carries
            assert (await clerk.get(f"{site.record_url}/media/before.mp4?order=1")).json()["code"] == "not-found"
        async with site.signed_in("clerk") as clerk, site.signed_in("records_custodian") as custodian:
            await decide(custodian, site, "hide")
            assert (await clerk.get(f"/api/jobs/{job['jobId']}")).json()["code"] == "record-hidden"
            await decide(custodian, site, "show")
        assert len((await judge.get(site.record_url)).json()["exports"]) == 1
        await withhold(site, judge)
        await store_copy(site, asked(site))
        await made("after.mp4", asked(site))
        assert (await judge.get(f"{site.record_url}/media/before.mp4")).status_code == 404
        assert (await judge.get(f"{site.record_url}/media/after.mp4")).status_code == 200
        assert (await judge.get(site.record_url)).json()["exports"] == []
        assert (await judge.get(f"/api/jobs/{job['jobId']}")).status_code == 404


async def test_a_part_is_exported_by_whoever_may_download(site: Site) -> None:
    await site.close_hearing()
    url, part = f"{site.record_url}/parts", {"fromS": 10, "toS": 20.5}
    told = asyncio.Event()

    def answer(request: m.AnyRequest) -> m.AnyAnswer:
        if isinstance(request, m.Excerpt):
            told.set()
        return m.Accepted()

    site.court.recorder.answer = answer
    async with site.signed_in("staff_host") as host:
        assert (await host.post(url, json=part)).json()["code"] == "not-allowed"
    async with site.signed_in("clerk") as clerk:
        assert (await clerk.post(url, json=part)).json()["code"] == "order-missing"
        first = await clerk.post(url, json=part, params={"order": "O-5"})
        assert first.status_code == 202
        job = first.json()
        assert (job["kind"], job["fromS"], job["toS"]) == ("part", 10, 20.5)
        same = (await clerk.post(url, json=part, params={"order": "O-5"})).json()
        other = (await clerk.post(url, json={"fromS": 10, "toS": 30}, params={"order": "O-5"})).json()
        assert same["jobId"] == job["jobId"] != other["jobId"]
        for bad in ({"fromS": 20, "toS": 20}, {"fromS": 100, "toS": 200}):
            assert (await clerk.post(url, json=bad, params={"order": "O-5"})).json()["code"] == "part-empty"
    async with asyncio.timeout(60):
        await told.wait()
    requests = [each for each in site.court.recorder.asked if isinstance(each, m.Excerpt)]
    assert requests[0].part.end_us - requests[0].part.start_us == 10_500_000
    (entry, *_) = [
        e.access for e in await site.court.store.ledger.read(site.booking.hearing_id) if e.access.target == "part"
    ]
    assert entry.detail["order"] == "O-5"


async def test_what_is_confidential_is_left_out_of_a_share(posting: Site) -> None:
    async with posting.signed_in("judge") as judge:
        _, link = await share(posting, judge)
        async with proved(posting, link) as person:
            assert (await person.get(f"{link}/record")).json()["record"]["tracks"][0]["url"].endswith(MEDIA_NAME)
            await withhold(posting, judge, level="confidential")
            assert (await person.get(f"{link}/record")).json()["code"] == "record-not-ready"
            assert (await person.get(f"{link}/media/{MEDIA_NAME}")).json()["code"] == "record-not-ready"
            await store_copy(posting, asked(posting))
            page = (await person.get(f"{link}/record")).json()["record"]
            assert page["tracks"][0]["url"].endswith(PUBLIC_NAME)
            (row,) = page["levels"]["spans"]
            assert (row["order"], row["ground"], row["withheld"]) == ("O-1", None, True)
            assert (await person.get(f"{link}/media/{PUBLIC_NAME}")).content == PUBLIC
            assert (await person.get(f"{link}/media/{MEDIA_NAME}")).json()["code"] == "not-allowed"
            assert (await judge.get(f"{posting.record_url}/media/{MEDIA_NAME}")).content == MEDIA


async def test_in_the_courtroom_the_clerk_prepares_and_the_judge_decides(site: Site) -> None:
    url = f"{site.record_url}/levels"
    async with site.seated("clerk") as clerk, site.seated("judge") as judge, site.seated("claimant") as party:
        at_bench, watching = await site.court.arrive("judge"), await site.court.arrive("observer")
        now = site.court.clock.now / NS
        part = {"level": "sealed", "ground": "children", "fromAt": now - 300, "toAt": now}
        assert (await clerk.post(url, json=part | {"order": "O-1"})).json()["code"] == "not-allowed"
        assert (await judge.post(f"{url}/asked", json=part)).json()["code"] == "not-allowed"
        assert (await party.post(f"{url}/asked", json=part | {"ground": "privacy"})).status_code == 204
        assert (await clerk.post(f"{url}/asked", json=part | {"order": "O-1"})).status_code == 204
        assert asked_for(await judge.get(url)) == [(1, "privacy", "", False), (2, "children", "O-1", False)]
        assert asked_for(await clerk.get(url)) == [(1, "privacy", "", False), (2, "children", "O-1", True)]
        assert asked_for(await party.get(url)) == [(1, "privacy", "", True)]
        assert [told_of_levels(socket) for socket in (at_bench, watching)] == [2, 0]
        assert (await judge.post(url, json=part | {"order": "O-1", "asked": 2})).status_code == 204
        assert (await clerk.post(f"{url}/asked/2/decline")).json()["code"] == "level-decided"
        assert (await party.post(f"{url}/asked/x/decline")).json()["code"] == "not-found"
        assert (await party.post(f"{url}/asked/1/decline")).status_code == 204
        shown = (await party.get(url)).json()
        (row,) = shown["spans"]
        assert (row["number"], row["order"], row["ground"], row["by"]) == (3, "O-1", None, "M. Adeyemi")
        assert (shown["mayDecide"], shown["mayAsk"], shown["asked"]) == (False, True, [])
    entries = [entry.access for entry in await site.court.store.ledger.read(site.booking.hearing_id)]
    acts = [entry.action for entry in entries if entry.action != "read-levels"]
    assert [act for act in acts if "span" in act] == [
        "ask-for-span", "ask-for-span", "withhold-span", "decline-span", "decline-span",
    ]  # fmt: skip


def told_of_levels(socket: Socket) -> int:
    return sum(isinstance(notice, News) and notice.name == "levels" for notice in socket.notices)


def asked_for(answer: httpx.Response) -> list[tuple[int, str, str, bool]]:
    return [(each["number"], each["ground"], each["order"], each["own"]) for each in answer.json()["asked"]]


async def test_what_is_withheld_from_now_on_is_ended_while_the_hearing_goes_on(site: Site) -> None:
    url = f"{site.record_url}/levels"
    async with site.seated("judge") as judge:
        await withhold(site, judge, begin_s=0, end_s=None)
        site.court.clock.now += 60 * NS
        assert (await judge.post(f"{url}/1/end", json={"order": ""})).json()["code"] == "order-missing"
        assert (await judge.post(f"{url}/1/end", json={"order": "O-2"})).status_code == 204
        (row,) = (await judge.get(url)).json()["spans"]
        assert row["toAt"] - row["fromAt"] == pytest.approx(60)
        assert (await judge.post(f"{url}/1/end", json={"order": "O-3"})).json()["code"] == "level-lifted"
        await site.close_hearing()
        await judge.get(site.record_url)
        (told,) = asked(site)
        assert told.end_us - told.start_us == 60_000_000


async def test_a_share_of_a_part_opens_nothing_else(posting: Site) -> None:
    requests = posting.court.recorder.asked
    async with posting.signed_in("clerk") as clerk:
        page = (await clerk.get(posting.record_url)).json()
        begin, length = page["startedAt"], page["durationS"]
        for span in ({"fromS": 1}, {"fromS": 1, "toS": 1}, {"fromS": length + 1, "toS": length + 2}):
            refused = await clerk.post(f"{posting.record_url}/shares", json={**WANTED, **span})
            assert refused.json()["code"] == "part-empty"
        _, link = await share(posting, clerk, fromS=1, toS=3)
        start_us = round(begin * 1_000_000) + 1_000_000
        part = m.Part(start_us=start_us, end_us=start_us + 2_000_000)
        asked = next(each for each in requests if isinstance(each, m.Withhold))
        assert (asked.withheld, asked.part) == ([], part)
        (letter,) = await letters(posting, "share")
        assert "open to you from" in letter.body
        async with proved(posting, link) as person:
            for path in ("record", f"media/{MEDIA_NAME}"):
                assert (await person.get(f"{link}/{path}")).json()["code"] == "record-not-ready"
            await store_copy(posting, [], part)
            opened = (await person.get(f"{link}/record")).json()
            assert opened["part"] is True
            record = opened["record"]
            assert (record["startedAt"], record["durationS"]) == (start_us / 1e6, 2.0)
            (track,) = record["tracks"]
            assert (await person.get(track["url"])).content == PUBLIC
            assert (await person.get(f"{link}/media/{MEDIA_NAME}")).json()["code"] == "not-allowed"
            assert (await person.post(f"{link}/film")).status_code == 202

            async def wanted() -> bool:
                return any(isinstance(each, m.Compose) for each in requests)

            await eventually(wanted)
        film = next(each for each in requests if isinstance(each, m.Compose))
        assert film.part == part
        assert film.mark.startswith("Ann Reyes")
        row = (await clerk.get(f"{posting.record_url}/shares")).json()["rows"][0]
        assert (row["fromAt"], row["toAt"]) == (start_us / 1e6, start_us / 1e6 + 2)
        made = row["entries"][-1]
        assert (made["action"], made["fromAt"], made["toAt"]) == ("share", row["fromAt"], row["toAt"])
        # Who may read the whole still does.
        assert (await clerk.get(posting.record_url)).json()["durationS"] == length
