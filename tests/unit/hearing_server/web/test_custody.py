"""Custody over HTTP: who decides what, that each try is in the ledger, and what a hidden record shows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import msgspec

from hearing_server.court import Leave
from hearing_server.court.permissions import roles_with
from hearing_server.store.accounts import AccountRow
from hearing_server.web.connections import ACCOUNT_COOKIE
from recording import manifest as manifests
from recording import messages as m
from tests.unit.hearing_server.web.conftest import Site
from tests.unit.hearing_server.web.test_written import manifest

REASON = {"reason": "the judge directed so", "order": "HC-2026-9"}


def url(site: Site) -> str:
    return f"/api/hearings/{site.booking.hearing_id}/custody"


async def decide(client: httpx.AsyncClient, site: Site, action: str, **fields: object) -> Any:
    answer = await client.post(url(site), json={"action": action, **REASON, **fields})
    return answer.json() if answer.status_code == 200 else (answer.status_code, answer.json()["code"])


async def outcome(client: httpx.AsyncClient, site: Site, name: str = "not_guilty") -> Any:
    today = (await client.get(url(site))).json()["today"]
    return await decide(client, site, "outcome", outcome=name, decided=today)


def obedient(site: Site) -> list[m.Keep]:
    """A storage that obeys."""
    asked: list[m.Keep] = []

    def answer(request: m.AnyRequest) -> m.AnyAnswer:
        if isinstance(request, m.Keep):
            asked.append(request)
            return m.Kept(serial=request.serial, objects=0 if request.destroy else 7)
        return m.Refused(reason="busy")

    site.court.recorder.answer = answer
    return asked


async def actions(site: Site) -> list[tuple[str, str]]:
    entries = await site.court.store.ledger.read(site.booking.hearing_id)
    return [(entry.access.action, entry.access.role) for entry in entries if entry.access.action.startswith("custody")]


async def test_an_outcome_sets_the_day_and_the_storage_is_told(site: Site) -> None:
    await site.close_hearing()
    asked = obedient(site)
    async with site.signed_in("clerk") as clerk:
        (row,) = (await clerk.get("/api/courts/northgate/custody")).json()
        assert (row["state"], row["until"]) == ("undecided", None)
        page = await outcome(clerk, site)
        assert (page["row"]["state"], page["row"]["outcome"]) == ("kept", "not_guilty")
        assert not page["row"]["told"]
        await site.court.hearings.custody.step()
        page = (await clerk.get(url(site))).json()
    assert page["row"]["told"]
    assert page["objects"] == 7
    assert page["may"] == ["outcome"]
    keep = asked[-1]
    assert (keep.sitting_id, keep.serial, keep.hold, keep.destroy) == (site.booking.hearing_id, 1, False, False)
    assert keep.retain_until_s > site.court.clock.now / 1e9 + 364 * 86_400
    assert keep.decision["outcome"] == "not_guilty"
    assert await site.court.hearings.custody.step() is False
    assert await site.court.store.custody.untold() == []


async def test_two_custodians_destroy_what_is_due(site: Site) -> None:
    await site.close_hearing()
    asked = obedient(site)
    async with site.signed_in("records_custodian") as first:
        assert await decide(first, site, "mark") == (409, "retention-runs")
        await decide(first, site, "outcome", outcome="not_guilty", decided="2019-02-01")
        page = await decide(first, site, "mark")
        assert page["row"]["state"] == "marked"
        assert "approve" not in page["may"]
        assert await decide(first, site, "approve") == (403, "same-person")
    another = AccountRow(
        id="a-second",
        user_name="second@northgate",
        name="Second",
        name_zh="第二人",
        created_utc=site.court.clock.now,
        roles={"northgate": frozenset({"records_custodian"})},
    )
    await site.court.store.accounts.add(another)
    async with site.client() as second:
        second.cookies[ACCOUNT_COOKIE] = await site.accounts.begin(another, "test")
        assert "approve" in (await second.get(url(site))).json()["may"]
        page = await decide(second, site, "approve")
        assert page["row"]["state"] == "approved"
        await site.court.hearings.custody.step()
        page = (await second.get(url(site))).json()
        assert (page["row"]["state"], page["objects"], page["may"]) == ("destroyed", 0, [])
        assert page["events"][0]["name"] == "The court's system"
        gone = await second.get(site.record_url)
        assert (gone.status_code, gone.json()["code"]) == (410, "record-destroyed")
    assert asked[-1].destroy
    log = await actions(site)
    assert [action for action, _ in log].count("custody-approve") == 2
    assert [action for action, _ in log].count("custody-refused") == 2


async def test_a_storage_that_does_not_let_go_is_told_of(site: Site) -> None:
    await site.close_hearing()
    async with site.signed_in("records_custodian") as custodian:
        await outcome(custodian, site)
        site.court.recorder.answer = lambda request: m.Refused(reason="locked", detail="until 2030")
        await site.court.hearings.custody.step()
        page = (await custodian.get(url(site))).json()
    assert (page["row"]["told"], page["row"]["problem"]) == (False, "locked")


async def test_a_hidden_record_is_the_custodians_only(site: Site) -> None:
    await site.close_hearing()
    async with site.signed_in("records_custodian") as custodian, site.signed_in("clerk") as clerk:
        assert (await clerk.get(site.record_url)).status_code == 200
        await clerk.post(f"{site.record_url}/notes", json={"text": "crate", "atS": 1})
        assert (await clerk.get("/api/archive", params={"query": "crate"})).json()["rows"][0]["hits"]
        await decide(custodian, site, "hide")
        assert (await clerk.get("/api/archive", params={"query": "crate"})).json()["rows"] == []
        for address in (site.record_url, f"{site.record_url}/media/claimant.webm", f"{site.record_url}/manifest"):
            hidden = await clerk.get(address)
            assert (hidden.status_code, hidden.json()["code"]) == (403, "record-hidden")
        assert (await custodian.get(site.record_url)).status_code == 200
        await decide(custodian, site, "show")
        assert (await clerk.get(site.record_url)).status_code == 200


async def test_who_decides_what(site: Site) -> None:
    await site.close_hearing()
    refused = (403, "not-allowed")
    async with site.signed_in("clerk") as clerk, site.signed_in("auditor") as auditor:
        for action in ("override", "hold", "hide", "mark", "approve", "destroyed"):
            assert await decide(clerk, site, action, until="2090-01-01") == refused
        assert (await auditor.get(url(site))).status_code == 200
        assert await decide(auditor, site, "outcome") == refused
    assert roles_with("approve_deletion", Leave.ALLOWED) == {"records_custodian"}
    async with site.signed_in("records_custodian") as custodian:
        assert await decide(custodian, site, "destroyed") == refused
        assert (await decide(custodian, site, "hold"))["row"]["held"]
        assert await decide(custodian, site, "hold") == (409, "legal-hold")
        assert not (await decide(custodian, site, "release"))["row"]["held"]
        assert (await decide(custodian, site, "override", until="2090-01-01"))["row"]["until"] == "2090-01-01"
        assert await decide(custodian, site, "override") == (400, "invalid")
        assert await decide(custodian, site, "outcome", outcome="permanent", decided="2020-01-01") == (400, "invalid")


async def test_nothing_is_decided_of_a_hearing_that_is_not_over(site: Site) -> None:
    async with site.signed_in("records_custodian") as custodian:
        assert (await custodian.get("/api/courts/northgate/custody")).json() == []
        assert (await custodian.get(url(site))).json()["may"] == []
        assert await decide(custodian, site, "hold") == (409, "custody-not-closed")


async def test_two_decisions_at_the_same_moment_are_both_kept(site: Site) -> None:
    await site.close_hearing()
    facts = await site.court.store.docket.by_hearing(site.booking.hearing_id)
    assert facts is not None
    office = site.court.hearings.custody
    assert office.today(facts) + timedelta(days=1) > office.today(facts)
    async with site.signed_in("records_custodian") as custodian:
        await decide(custodian, site, "hide")
        page = await decide(custodian, site, "hold")
    assert [event["action"] for event in page["events"]] == ["hold", "hide"]
    assert [event["serial"] for event in page["events"]] == [2, 1]


async def test_each_stored_object_is_shown_with_what_is_wrong_with_it(site: Site) -> None:
    """A11: an empty file, a missing one and one whose bytes are not what was signed."""
    await site.close_hearing()
    hearing_id = site.booking.hearing_id
    place = f"hearings/{hearing_id}/"
    sizes = {"raw/a.hrec": 9, "raw/b.hrec": 0, "raw/c.hrec": 9, "raw/x.hrec": 4}
    for name, size in sizes.items():
        await site.store.put_new(place + name, b"x" * size)
    signed = [
        manifests.ObjectEntry(name=name, size=9, sha256="00", writer="w", segment=0, chunks=[])
        for name in ("raw/a.hrec", "raw/b.hrec", "raw/c.hrec", "raw/gone.hrec")
    ]
    folder = site.static.parent / "archive" / "hearings" / hearing_id
    (folder / manifests.MANIFEST_NAME).chmod(0o600)
    (folder / manifests.MANIFEST_NAME).write_bytes(manifests.encode(manifest(site, objects=signed)))
    report = {"findings": [{"code": "object-altered", "place": "raw/c.hrec byte 4 (hash)"}]}
    checked = msgspec.json.encode({"ok": False, "checkedAt": 5.0, "report": report}).decode()
    await site.court.store.records.verified(hearing_id, checked)
    async with site.signed_in("administrator") as administrator:
        (record,) = (await administrator.get(f"{url(site)}/objects")).json()
        assert (await administrator.get(url(site))).status_code == 403, "the rest of custody is not theirs"
    states = {row["name"]: row["state"] for row in record["objects"]}
    assert {name: states[name] for name in states if name.startswith("raw/")} == {
        "raw/a.hrec": "stored",
        "raw/b.hrec": "object-empty",
        "raw/c.hrec": "object-checksum",
        "raw/gone.hrec": "object-missing",
        "raw/x.hrec": "object-unlisted",
    }
    assert [row["state"] == "stored" for row in record["objects"]] == sorted(
        row["state"] == "stored" for row in record["objects"]
    ), "trouble first"
    assert "not-anchored" in {found["code"] for found in record["found"]}
    assert record["checkedAt"] == 5.0
