"""The clerk's archive: who finds what, and notes."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from hearing_server.store.ledger import intact
from tests.unit.hearing_server.web.conftest import MEDIA_NAME, Site
from tests.unit.hearing_server.web.test_custody import decide


async def test_a_clerk_finds_their_courts_and_a_judge_their_own(site: Site) -> None:
    await site.book("mine")
    await site.book("elsewhere", court="other")
    async with site.signed_in("clerk") as clerk, site.signed_in("judge") as judge:
        found = (await clerk.get("/api/archive", params={"number": "N"})).json()
        assert [row["hearing"]["hearingId"] for row in found["rows"]] == ["mine"]
        assert (await clerk.get("/api/archive", params={"query": "elsewhere"})).json()["rows"] == []
        own = (await judge.get("/api/archive")).json()
        assert [row["hearing"]["caseNumber"] for row in own["rows"]] == ["HC 2026-00418"]
        assert own["next"] is None
        assert own["rows"][0]["parties"]


async def test_days_and_places_that_are_none(site: Site) -> None:
    async with site.signed_in("clerk") as clerk:
        for asked in ({"from": "yesterday"}, {"to": "9999-12-31"}, {"before": "x"}, {"before": "9" * 40}):
            assert (await clerk.get("/api/archive", params=asked)).json()["code"] == "invalid", asked
        today = (await clerk.get("/api/archive", params={"from": "1970-01-01", "to": "2100-01-01"})).json()
        assert len(today["rows"]) == 1
        assert (await clerk.get("/api/archive", params={"from": "2100-01-01"})).json()["rows"] == []


async def test_a_note_is_written_found_corrected_and_taken_back(site: Site) -> None:
    await site.close_hearing()
    notes = f"{site.record_url}/notes"
    async with site.signed_in("clerk") as clerk:
        answer = await clerk.post(notes, json={"text": " Second crate: 查看照片 ", "atS": 12.5})
        assert answer.status_code == 201
        row = next(row for row in answer.json() if row["source"] == "archive")
        assert (row["text"], row["atS"], row["own"], row["corrected"]) == ("Second crate: 查看照片", 12.5, True, False)
        found = (await clerk.get("/api/archive", params={"query": "照片 crate"})).json()
        assert found["sought"] == ["照片", "crate"]
        (hit,) = found["rows"][0]["hits"]
        assert hit["kind"] == "note"
        assert hit["at"] == pytest.approx(row["wall"])
        again = await clerk.post(notes, json={"text": "Third pallet", "atS": 13, "replaces": row["number"]})
        (row,) = (row for row in again.json() if row["source"] == "archive")
        assert (row["text"], row["corrected"]) == ("Third pallet", True)
        assert (await clerk.get("/api/archive", params={"query": "crate"})).json()["rows"] == []
        async with site.signed_in("judge") as judge:
            theirs = (await judge.get(f"{site.record_url}/words")).json()
            assert [row["own"] for row in theirs if row["source"] == "archive"] == [False]
            assert (await judge.delete(f"{notes}/{row['number']}")).json()["code"] == "not-allowed"
        left = await clerk.delete(f"{notes}/{row['number']}")
        assert [row for row in left.json() if row["source"] == "archive"] == []
        assert (await clerk.delete(f"{notes}/{row['number']}")).status_code == 404
        assert (await clerk.delete(f"{notes}/none")).status_code == 404
        assert (await clerk.post(notes, json={"text": "  ", "atS": 0})).json()["code"] == "invalid"
    ledger = await site.court.store.ledger.read(site.booking.hearing_id)
    actions = [entry.access.action for entry in ledger if entry.access.action.endswith("note")]
    assert actions == ["add-note", "correct-note", "withdraw-note"]


async def test_parties_have_no_archive(site: Site) -> None:
    async with site.seated("claimant") as claimant:
        assert (await claimant.get("/api/archive")).status_code == 403
        assert (await claimant.get(f"{site.record_url}/words")).status_code == 403
        assert (await claimant.post(f"{site.record_url}/notes", json={"text": "x", "atS": 0})).status_code == 403


async def test_no_note_before_the_record(site: Site) -> None:
    async with site.seated("clerk") as clerk:
        answer = await clerk.post(f"{site.record_url}/notes", json={"text": "x", "atS": 0})
        assert answer.json()["code"] == "record-not-ready"


async def test_who_had_the_record(site: Site) -> None:
    await site.close_hearing()
    media = f"{site.record_url}/media/{MEDIA_NAME}"
    async with site.signed_in("clerk") as clerk:
        await clerk.get(site.record_url)
        for begin in (0, 100, 200):
            await clerk.get(media, headers={"range": f"bytes={begin}-{begin + 99}"})
        await clerk.post(f"{site.record_url}/played", json={"fromS": 1, "toS": 3, "rate": 1})
        await clerk.get(f"{media}?download=1&order=O-9")
    async with site.signed_in("auditor") as auditor:
        page = (await auditor.get(f"{site.record_url}/access")).json()
    assert page["intact"] is True
    assert [(row["action"], row["count"], row["order"]) for row in page["rows"]] == [
        ("read-ledger", 1, ""),
        ("download", 1, "O-9"),
        ("played", 1, ""),
        ("play", 3, ""),
        ("open-record", 1, ""),
    ]
    assert {row["actor"] for row in page["rows"]} == {"Auditor", "Clerk"}
    played = page["rows"][2]
    assert played["toAt"] - played["fromAt"] == pytest.approx(2)
    async with site.signed_in("technician") as technician:
        assert (await technician.get(f"{site.record_url}/access")).status_code == 403


async def test_a_ledger_that_was_changed_says_so(site: Site) -> None:
    async with site.signed_in("clerk") as clerk:
        for _ in range(3):
            await clerk.get(f"{site.record_url}/access")
    ledger = site.booking.hearing_id
    entries = await site.court.store.ledger.read(ledger)
    assert intact(ledger, entries)
    assert intact(ledger, [])
    assert not intact(ledger, entries[1:])
    assert not intact(ledger, [entries[0], entries[2]])
    assert not intact(ledger, [replace(entries[0], utc=1), *entries[1:]])
    assert not intact("another", entries)


async def test_the_words_of_a_hidden_record_are_found_by_the_custodian_only(site: Site) -> None:
    await site.close_hearing()
    async with site.signed_in("records_custodian") as custodian, site.signed_in("clerk") as clerk:
        await clerk.post(f"{site.record_url}/notes", json={"text": "Larkin's photographs", "atS": 1})
        await decide(custodian, site, "hide")

        async def found(browser: httpx.AsyncClient, query: str) -> list[int]:
            rows = (await browser.get("/api/archive", params={"query": query})).json()["rows"]
            return [len(row["hits"]) for row in rows]

        assert await found(clerk, "larkin") == [0]
        assert await found(clerk, "photographs") == []
        assert await found(clerk, "larkin photographs") == []
        assert await found(custodian, "photographs") == [1]
        for answer in (
            await clerk.get(f"{site.record_url}/words"),
            await clerk.post(f"{site.record_url}/notes", json={"text": "x", "atS": 1}),
        ):
            assert answer.json()["code"] == "record-hidden"
