"""A record shared with a named person: the link, the code, what they get, and what the court sees of it."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest

from hearing_server.court.shares import film_kind
from hearing_server.store.outbox import OutboxRow
from hearing_server.store.shares import Asker
from hearing_server.web import shared
from tests.unit.hearing_server.web.conftest import MEDIA, MEDIA_NAME, Site
from tests.unit.hearing_server.web.test_custody import decide

WANTED = {
    "name": "Ann Reyes",
    "email": "ann.reyes@example.org",
    "locale": "en",
    "purpose": "Appeal 7/26",
    "hours": 72,
    "download": True,
    "order": "O-12",
}


async def letters(site: Site, kind: str) -> list[OutboxRow]:
    return [row for row in await site.court.store.outbox.of_hearing(site.booking.hearing_id) if row.kind == kind]


async def refusals(site: Site) -> list[str]:
    ledger = await site.court.store.ledger.read(site.booking.hearing_id)
    return [str(e.access.detail["code"]) for e in ledger if e.access.action == "share-refused"]


@pytest.fixture
async def posting(site: Site) -> Site:
    """A court that sends mail, after the hearing."""
    site.build(mail_sender="court@court.test", base_url="https://court.test")
    await site.close_hearing()
    return site


async def share(site: Site, clerk: httpx.AsyncClient, **changes: Any) -> tuple[str, str]:
    """The share's id, and the address of its API; the link stands in the letter only."""
    answer = await clerk.post(f"{site.record_url}/shares", json={**WANTED, **changes})
    assert answer.status_code == 201, answer.text
    row = answer.json()["rows"][0]
    letter = (await letters(site, "share"))[0]
    found = re.search(r"https://court\.test/shared/(\S+)", letter.body)
    assert found
    assert found[1] not in answer.text
    return row["shareId"], f"/api/shares/{found[1]}"


async def code_in_the_letter(site: Site) -> str:
    found = re.search(r"\b\d{6}\b", (await letters(site, "share-code"))[0].body)
    assert found
    return found[0]


@asynccontextmanager
async def proved(site: Site, link: str) -> AsyncIterator[httpx.AsyncClient]:
    async with site.client("192.0.2.7") as person:
        assert (await person.post(f"{link}/code")).status_code == 204
        answer = await person.post(f"{link}/session", json={"code": await code_in_the_letter(site)})
        assert answer.json()["proved"] is True, answer.text
        assert "HttpOnly" in answer.headers["set-cookie"]
        yield person


async def test_the_person_proves_their_address_and_plays(posting: Site) -> None:
    async with posting.signed_in("clerk") as clerk:
        share_id, link = await share(posting, clerk)
        async with posting.client("192.0.2.7") as person:
            card = (await person.get(link)).json()
            assert (card["address"], card["proved"]) == ("a…@example.org", False)
            assert "HC 2026" not in str(card)
            for path in ("record", f"media/{MEDIA_NAME}"):
                assert (await person.get(f"{link}/{path}")).json()["code"] == "share-proof-needed"
        async with proved(posting, link) as person:
            page = (await person.get(f"{link}/record")).json()
            assert page["name"] == "Ann Reyes"
            assert page["mark"].startswith(f"Ann Reyes · a…@example.org · {share_id[:8]}-")
            assert page["record"]["log"] == []
            (track,) = page["record"]["tracks"]
            part = await person.get(track["url"], headers={"range": "bytes=100-199"})
            assert (part.status_code, part.content) == (206, MEDIA[100:200])
            assert (await person.post(f"{link}/played", json={"fromS": 1, "toS": 3, "rate": 1})).status_code == 204
            # Of the tracks nothing is downloaded, and their own window opens nothing else.
            assert (await person.get(f"{track['url']}?download=1")).json()["code"] == "not-allowed"
            assert (await person.get(f"{link}/media/other.webm")).json()["code"] == "not-allowed"
            for path in (posting.record_url, f"{posting.record_url}/media/{MEDIA_NAME}", "/api/archive"):
                assert (await person.get(path)).status_code == 401
        row = (await clerk.get(f"{posting.record_url}/shares")).json()["rows"][0]
        assert (row["state"], row["played"], row["order"]) == ("active", True, "O-12")
        assert row["letter"] == "queued"
        await posting.court.store.outbox.failed(share_id, "550 no such user")
        row = (await clerk.get(f"{posting.record_url}/shares")).json()["rows"][0]
        assert row["letter"] == "failed"
        assert [(entry["action"], entry["code"]) for entry in row["entries"]][::-1] == [
            ("share", ""),
            ("share-refused", "share-proof-needed"),
            ("share-refused", "share-proof-needed"),
            ("share-code", ""),
            ("share-proved", ""),
            ("open-record", ""),
            ("play", ""),
            ("played", ""),
            ("share-refused", "not-allowed"),
            ("share-refused", "not-allowed"),
        ]
        access = (await clerk.get(f"{posting.record_url}/access")).json()
        assert "Ann Reyes <ann.reyes@example.org>" in {row["actor"] for row in access["rows"]}
        # The parties read who it was, and not where to write to.
        async with posting.seated("claimant") as party:
            told = await party.get(f"{posting.record_url}/access")
            assert "Ann Reyes" in {row["actor"] for row in told.json()["rows"]}
            assert "@" not in told.text


async def test_a_second_device_takes_over_and_a_code_works_once(posting: Site) -> None:
    async with posting.signed_in("clerk") as clerk:
        _, link = await share(posting, clerk)
    async with proved(posting, link) as first:
        used = await code_in_the_letter(posting)
        assert (await first.post(f"{link}/session", json={"code": used})).json()["code"] == "share-code-wrong"
        async with posting.client() as second:
            assert (await second.post(f"{link}/code")).status_code == 204
            latest = (await letters(posting, "share-code"))[0]
            newest = max(await letters(posting, "share-code"), key=lambda row: row.created_utc)
            assert latest.id == newest.id
            assert (await second.post(f"{link}/session", json={"code": await code_in_the_letter(posting)})).is_success
            assert (await second.get(f"{link}/record")).is_success
            assert (await first.get(f"{link}/record")).json()["code"] == "share-proof-needed"


async def test_codes_are_few_and_tries_too(posting: Site, monkeypatch: Any) -> None:
    async with posting.signed_in("clerk") as clerk:
        _, link = await share(posting, clerk)
    async with posting.client() as person:
        await person.post(f"{link}/code")
        assert (await person.post(f"{link}/code")).json()["code"] == "share-code-soon"
        right = await code_in_the_letter(posting)
        wrong = "000000" if right != "000000" else "111111"
        for _ in range(shared.CODE_TRIES):
            assert (await person.post(f"{link}/session", json={"code": wrong})).json()["code"] == "share-code-wrong"
        assert (await person.post(f"{link}/session", json={"code": right})).json()["code"] == "share-code-wrong"
        monkeypatch.setattr(shared, "CODE_LIMITS", replace(shared.CODE_LIMITS, pause_ns=0))
        monkeypatch.setattr(shared, "CODE_MINUTES", 0)
        assert (await person.post(f"{link}/code")).status_code == 204
        late = {"code": await code_in_the_letter(posting)}
        assert (await person.post(f"{link}/session", json=late)).json()["code"] == "share-code-wrong"
        # Who goes on guessing is slowed down, by the share and not only by the address.
        async with posting.client("198.51.100.4") as other:
            codes = [(await other.get(f"{link}/record")).json()["code"] for _ in range(12)]
        assert codes[-1] == "too-many"


async def test_who_else_has_the_link_is_in_nobodys_way(posting: Site, monkeypatch: Any) -> None:
    """They ask for codes until they get none, and guess until they may not: the person gets in all the same."""
    monkeypatch.setattr(shared, "CODE_LIMITS", replace(shared.CODE_LIMITS, of_address=3, of_share=5))
    async with posting.signed_in("clerk") as clerk:
        share_id, link = await share(posting, clerk)
        async with posting.client("192.0.2.7") as person:
            assert (await person.post(f"{link}/code")).status_code == 204
            mine = {"code": await code_in_the_letter(posting)}
            answers = []
            for _ in range(4):
                async with posting.client("198.51.100.4") as thief:
                    answers.append(await thief.post(f"{link}/code"))
                    assert (await thief.post(f"{link}/session", json=mine)).json()["code"] == "share-code-wrong"
            assert [answer.status_code for answer in answers] == [204, 204, 204, 429]
            assert answers[-1].json()["code"] == "share-codes-used-up"
            assert (await person.post(f"{link}/session", json=mine)).is_success
            assert (await person.get(f"{link}/record")).is_success
            # From many addresses the share's codes of a day are used up; not for who was here before.
            for number in (5, 6):
                async with posting.client(f"198.51.100.{number}") as thief:
                    last = await thief.post(f"{link}/code")
            assert last.json()["code"] == "share-codes-used-up"
            assert (await person.post(f"{link}/code")).status_code == 204
            again = {"code": await code_in_the_letter(posting)}
            assert (await person.post(f"{link}/session", json=again)).is_success
        row = (await clerk.get(f"{posting.record_url}/shares")).json()["rows"][0]
        tried = [(entry["action"], entry["code"]) for entry in row["entries"]]
        assert tried.count(("share-refused", "share-code-wrong")) == 4
        assert tried.count(("share-refused", "share-codes-used-up")) == 2
        # A day later they are forgotten.
        limits, asker = shared.CODE_LIMITS, Asker("late", "elsewhere")
        shares, later = posting.court.store.shares, time.time_ns() + shared.CODE_LIMITS.window_ns
        assert await shares.ask_code(share_id, asker, "h", later - 10**12, limits) == "many"
        assert await shares.ask_code(share_id, asker, "h", later, limits) == "sent"


async def test_another_link_ends_the_one_before(posting: Site) -> None:
    async with posting.signed_in("clerk") as clerk:
        share_id, link = await share(posting, clerk)
        renew = f"{posting.record_url}/shares/{share_id}/link"
        async with proved(posting, link) as person:
            answer = await clerk.post(renew)
            assert (answer.status_code, answer.json()["rows"][0]["letter"]) == (200, "queued")
            assert (await person.get(f"{link}/record")).json()["code"] == "link-unknown"
            newest, oldest = await letters(posting, "share")
            assert (newest.state, oldest.state, oldest.problem, oldest.body) == ("queued", "failed", "superseded", "")
            found = re.search(r"https://court\.test/shared/(\S+)", newest.body)
            assert found
            assert found[1] not in answer.text
            fresh = f"/api/shares/{found[1]}"
            # What was proved with the old link opens nothing of the new one.
            assert (await person.get(f"{fresh}/record")).json()["code"] == "share-proof-needed"
        async with proved(posting, fresh) as person:
            assert (await person.get(f"{fresh}/record")).is_success
        row = (await clerk.get(f"{posting.record_url}/shares")).json()["rows"][0]
        said = [(entry["action"], entry["code"]) for entry in row["entries"]]
        assert ("renew-share", "") in said
        assert ("share-refused", "link-unknown") in said
        async with posting.signed_in("auditor") as auditor:
            assert (await auditor.post(renew)).json()["code"] == "not-allowed"
        assert (await clerk.post(renew.replace(share_id, "none"))).status_code == 404
        await clerk.delete(f"{posting.record_url}/shares/{share_id}")
        assert (await clerk.post(renew)).json()["code"] == "share-revoked"
        assert not await posting.court.store.shares.renew(share_id, "00", oldest)


async def test_links_that_do_not_work(posting: Site) -> None:
    async with posting.signed_in("clerk") as clerk, posting.signed_in("judge") as judge:
        share_id, link = await share(posting, clerk)
        async with posting.client() as person:
            for token in (f"{share_id}.guessed", share_id):
                assert (await person.get(f"/api/shares/{token}")).json()["code"] == "link-unknown"
            assert (await person.get("/api/shares/none.none")).json()["code"] == "link-unknown"
            assert await refusals(posting) == ["link-unknown", "link-unknown"]
        async with proved(posting, link) as person:
            rows = (await judge.delete(f"{posting.record_url}/shares/{share_id}")).json()["rows"]
            assert rows[0]["state"] == "revoked"
            assert (await person.get(f"{link}/media/{MEDIA_NAME}")).json()["code"] == "share-revoked"
        assert len(await letters(posting, "share-revoked")) == 1
        assert (await judge.delete(f"{posting.record_url}/shares/none")).status_code == 404
        share_id, link = await share(posting, clerk)
        store = posting.court.store
        row = await store.shares.get(share_id)
        assert row
        old = replace(row, id="old", expires_utc=1)
        await store.shares.add(old)
        async with posting.client() as person:
            answer = await person.get(link.replace(share_id, "old"))
            assert (answer.status_code, answer.json()["code"]) == (410, "share-expired")
    assert (await refusals(posting))[-2:] == ["share-revoked", "share-expired"]


async def test_a_hidden_record_is_hidden_from_who_has_a_link_too(posting: Site) -> None:
    async with posting.signed_in("records_custodian") as custodian:
        _, link = await share(posting, custodian)
        async with proved(posting, link) as person:
            await decide(custodian, posting, "hide")
            assert (await person.get(f"{link}/record")).json()["code"] == "record-hidden"


async def test_the_film_carries_the_name_and_belongs_to_one_share(posting: Site) -> None:
    async with posting.signed_in("judge") as judge, posting.signed_in("clerk") as clerk:
        share_id, link = await share(posting, judge, order="")
        records = posting.court.store.records
        async with proved(posting, link) as person:
            job = (await person.post(f"{link}/film")).json()
            assert (job["state"], job["url"]) == ("queued", None)
            assert (await person.post(f"{link}/film")).json()["jobId"] == job["jobId"]
            await records.update_job(job["jobId"], state="done", name=MEDIA_NAME, bytes=len(MEDIA))
            (film,) = (await person.get(f"{link}/film")).json()
            assert (await person.get(f"{link}/record")).json()["record"]["exports"] == [film]
            answer = await person.get(f"{film['url']}?download=1")
            assert answer.content == MEDIA
            assert "Ann%20Reyes" in answer.headers["content-disposition"]
        assert (await clerk.get(posting.record_url)).json()["exports"] == []
        (made,) = await records.jobs_of(posting.booking.hearing_id)
        assert made.kind == film_kind(share_id)
        _, other = await share(posting, clerk, download=False)
    async with proved(posting, other) as person:
        assert (await person.post(f"{other}/film")).json()["code"] == "not-allowed"
        assert (await person.get(f"{other}/media/{MEDIA_NAME}?download=1")).json()["code"] == "not-allowed"


async def test_what_a_share_needs(site: Site) -> None:
    async with site.signed_in("clerk") as clerk:
        url = f"{site.record_url}/shares"
        assert (await clerk.post(url, json=WANTED)).json()["code"] == "record-not-ready"
        await site.close_hearing()
        assert (await clerk.post(url, json=WANTED)).json()["code"] == "mail-missing"
        site.build(mail_sender="court@court.test")
    async with site.signed_in("clerk") as clerk:
        for wrong, code in (
            ({"email": "nobody"}, "email-unfit"),
            ({"name": " "}, "person-unfit"),
            ({"order": " "}, "order-missing"),
            ({"hours": 721}, "invalid"),
        ):
            assert (await clerk.post(url, json={**WANTED, **wrong})).json()["code"] == code, wrong
        page = (await clerk.get(url)).json()
        assert (page["rows"], page["mayShare"], page["download"], page["hours"]) == ([], True, "order", 72)
    async with site.signed_in("auditor") as auditor:
        assert (await auditor.get(url)).json()["mayShare"] is False
        assert (await auditor.post(url, json=WANTED)).json()["code"] == "not-allowed"
