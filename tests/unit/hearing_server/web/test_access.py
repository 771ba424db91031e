"""Who may reach what: every endpoint for every role, for one's own hearing and those of others."""

from __future__ import annotations

import re

import pytest

from hearing_server.court import Role
from hearing_server.web.access import CLERK, EVERYBODY, STAFF
from tests.unit.hearing_server.web.conftest import MEDIA_NAME, Site

#: What each endpoint demands; a new endpoint fails the test below until it stands here.
DEMANDS = {
    ("POST", "/api/link"): None,
    ("POST", "/api/session"): None,
    ("GET", "/api/session"): EVERYBODY,
    ("DELETE", "/api/session"): EVERYBODY,
    ("GET", "/api/hearings"): STAFF,
    ("DELETE", "/api/hearings/{hearing_id}/people/{person_id}/link"): CLERK,
    ("POST", "/api/hearings/{hearing_id}/people/{person_id}/link"): CLERK,
    ("GET", "/api/hearings/{hearing_id}/record"): STAFF,
    ("GET", "/api/hearings/{hearing_id}/record/media/{name}"): STAFF,
    ("GET", "/api/hearings/{hearing_id}/record/manifest"): STAFF,
    ("GET", "/api/hearings/{hearing_id}/record/manifest.sig"): STAFF,
    ("POST", "/api/hearings/{hearing_id}/record/exports"): STAFF,
    ("POST", "/api/hearings/{hearing_id}/record/verify"): STAFF,
    ("GET", "/api/jobs/{job_id}"): STAFF,
}
WITHIN_A_HEARING = [row for row in DEMANDS if "{hearing_id}" in row[1]]


async def test_the_table_is_whole(site: Site) -> None:
    async with site.client() as client:
        document = (await client.get("/openapi.json")).json()
    found = {
        (method.upper(), path): frozenset(operation["x-roles"]) if operation["security"] else None
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert found == DEMANDS


def address(path: str, hearing_id: str) -> str:
    filled = (
        path.replace("{hearing_id}", hearing_id)
        .replace("{name}", MEDIA_NAME)
        .replace("{job_id}", "none")
        .replace("{person_id}", "none")
    )
    assert not re.search(r"[{}]", filled)
    return filled


async def test_strangers_reach_nothing_but_the_door(site: Site) -> None:
    await site.close_hearing()
    async with site.client() as client:
        for (method, path), demand in DEMANDS.items():
            answer = await client.request(method, address(path, site.booking.hearing_id))
            if demand is None:
                assert answer.json()["code"] == "invalid"
            else:
                assert (answer.status_code, answer.json()["code"]) == (401, "seat-unknown"), path
        client.cookies["seat"] = "forged"
        assert (await client.get("/api/hearings")).json()["code"] == "seat-unknown"


@pytest.mark.parametrize("role", [role.value for role in Role])
async def test_each_role_within_its_own_hearing(site: Site, role: str) -> None:
    async with site.seated(role) as client:
        await site.close_hearing()
        for (method, path), demand in DEMANDS.items():
            if demand is None or (method, path) == ("DELETE", "/api/session"):
                continue
            answer = await client.request(method, address(path, site.booking.hearing_id))
            if role in demand:
                assert answer.status_code not in (401, 403), path
            else:
                assert (answer.status_code, answer.json()["code"]) == (403, "not-allowed"), path


@pytest.mark.parametrize("role", [role.value for role in Role])
async def test_hearings_of_others_do_not_exist(site: Site, role: str) -> None:
    await site.book("elsewhere", court="southgate")
    await site.book("next-door")
    async with site.seated(role) as client:
        for hearing_id in ("elsewhere", "next-door", "none", "..", "%00", "' OR 1=1 --"):
            if role == "clerk" and hearing_id == "next-door":
                continue
            for method, path in WITHIN_A_HEARING:
                answer = await client.request(method, address(path, hearing_id))
                assert answer.status_code in (404, 405), (path, hearing_id)
                assert answer.json()["code"] in ("not-found", "method-not-allowed")


async def test_a_clerk_finds_the_courts_hearings_and_a_judge_their_own(site: Site) -> None:
    await site.book("next-door")
    await site.book("elsewhere", court="southgate")
    mine = await site.book("mine-too", judge="judge.adeyemi")
    async with site.seated("clerk") as clerk:
        found = (await clerk.get("/api/hearings")).json()
        assert {row["hearingId"] for row in found} == {site.booking.hearing_id, "next-door", "mine-too"}
        found = (await clerk.get("/api/hearings", params={"query": "00418"})).json()
        assert [row["hearingId"] for row in found] == [site.booking.hearing_id]
        assert found[0]["record"] == {"state": "idle", "tracks": 0, "sealedAt": None, "fault": None}
        assert found[0]["expected"] == 6
        assert (await clerk.get("/api/hearings/next-door/record")).json()["code"] == "record-missing"
    async with site.seated("judge") as judge:
        found = (await judge.get("/api/hearings")).json()
        assert {row["hearingId"] for row in found} == {site.booking.hearing_id, "mine-too"}
        assert (await judge.get("/api/hearings/mine-too/record")).json()["code"] == "record-missing"
    async with site.seated("judge", mine["judge"]) as judge:
        assert (await judge.get(f"{site.record_url}")).json()["code"] == "record-missing"


async def test_a_partys_window_gets_nothing_by_the_clerks_seat_in_the_same_browser(site: Site) -> None:
    people, clerk = site.court.people, {"person": site.court.people["clerk"]}
    async with site.client() as browser:
        for role in ("clerk", "claimant"):
            await browser.post("/api/session", json={"link": site.booking.links[role]})
        for path in ("/api/hearings", site.record_url, f"{site.record_url}/media/{MEDIA_NAME}", "/api/jobs/none"):
            for window in ({}, {"person": people["claimant"]}):
                answer = await browser.get(path, params=window)
                assert (answer.status_code, answer.json()["code"]) == (403, "not-allowed"), path
            stranger = await browser.get(path, params={"person": people["witness"]})
            assert (stranger.status_code, stranger.json()["code"]) == (401, "seat-unknown")
        assert (await browser.get("/api/hearings", params=clerk)).status_code == 200
        assert (await browser.get(site.record_url, params=clerk)).json()["code"] == "record-missing"


async def test_what_the_page_of_a_record_names_is_played_as_the_person_of_the_page(site: Site) -> None:
    async with site.client() as browser:
        for role in ("clerk", "claimant"):
            await browser.post("/api/session", json={"link": site.booking.links[role]})
        await site.close_hearing()
        page = (await browser.get(site.record_url, params={"person": site.court.people["clerk"]})).json()
        (track,) = page["tracks"]
        assert (await browser.get(track["url"])).status_code == 200
        assert (await browser.get(track["url"].partition("?")[0])).status_code == 403


async def test_a_job_of_another_court_does_not_exist(site: Site) -> None:
    other = await site.book("elsewhere", court="southgate")
    await site.close_hearing()
    async with site.seated("clerk") as clerk:
        job = (await clerk.post(f"{site.record_url}/exports")).json()
        assert (await clerk.get(f"/api/jobs/{job['jobId']}")).json()["state"] == "queued"
    async with site.seated("clerk", other["clerk"]) as stranger:
        assert (await stranger.get(f"/api/jobs/{job['jobId']}")).status_code == 404
