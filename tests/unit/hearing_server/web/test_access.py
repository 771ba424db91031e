"""Who may reach what: every endpoint for every role, for one's own hearing and those of others."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple

import pytest
from starlette.requests import Request
from starlette.responses import Response

from hearing_server.booking import DEMO_PEOPLE
from hearing_server.court import Role
from hearing_server.web.access import Ask, Endpoint, Gate, Unledgered, in_ledger
from hearing_server.web.callers import ACCOUNT_ROLES, BENCH, CLERK, COURT_WIDE, DESK, EVERYBODY, STAFF, AccountCaller
from hearing_server.web.connections import ACCOUNT_COOKIE
from hearing_server.web.limits import RateLimit
from tests.unit.hearing_server.web.conftest import MEDIA_NAME, Site


class Demand(NamedTuple):
    """``by``: who asks, a seat, an account or either; ``who``: the roles that may, or nothing for strangers."""

    by: str
    who: frozenset[str] | None


OPEN = Demand("either", None)
OWN = Demand("account", ACCOUNT_ROLES)
ADMINISTRATOR = Demand("account", frozenset({"administrator"}))
RECORD = Demand("either", STAFF)
UPLOAD = Demand("either", DESK | {"claimant", "respondent", "lawyer"})
IDENTITY = Demand("either", DESK | {"judge"})
LEDGER = Demand(
    "either", frozenset({"judge", "clerk", "lawyer", "claimant", "respondent", "records_custodian", "auditor"})
)
SHARERS = frozenset({"judge", "clerk", "records_custodian"})
ADDERS = Demand("either", frozenset({"clerk", "records_custodian"}))
LEVELS = Demand("either", frozenset({"judge", "records_custodian"}))
ASK_LEVELS = Demand("either", frozenset({"clerk", "lawyer", "claimant", "respondent"}))
READ_LEVELS = Demand("either", LEVELS.who | ASK_LEVELS.who)
NOTES = Demand("either", BENCH | DESK)
DIARY = Demand("either", frozenset({"clerk", "staff_host", "judge", "panel", "technician"}))

#: Who signs the written record: those who take part, and not who watches or serves.
WRITTEN = Demand("either", EVERYBODY - {"staff_host", "guest", "observer", "technician"})
CUSTODIANS = frozenset({"records_custodian", "clerk", "judge", "auditor"})
CUSTODY = Demand("account", CUSTODIANS)

#: What each endpoint demands; a new endpoint fails the test below until it stands here.
DEMANDS = {
    ("POST", "/api/link"): OPEN,
    ("POST", "/api/session"): OPEN,
    ("GET", "/api/session"): Demand("seat", EVERYBODY),
    ("DELETE", "/api/session"): Demand("seat", EVERYBODY),
    ("GET", "/api/hearings"): RECORD,
    ("GET", "/api/archive"): RECORD,
    ("GET", "/api/hearings/{sitting_id}/record/words"): RECORD,
    ("POST", "/api/hearings/{sitting_id}/record/played"): RECORD,
    ("GET", "/api/hearings/{sitting_id}/record/access"): LEDGER,
    ("GET", "/api/hearings/{sitting_id}/record/shares"): Demand("either", SHARERS | {"auditor"}),
    ("POST", "/api/hearings/{sitting_id}/record/shares"): Demand("either", SHARERS),
    ("DELETE", "/api/hearings/{sitting_id}/record/shares/{share_id}"): Demand("either", SHARERS),
    ("POST", "/api/hearings/{sitting_id}/record/shares/{share_id}/link"): Demand("either", SHARERS),
    ("GET", "/api/hearings/{sitting_id}/record/added"): RECORD,
    ("POST", "/api/hearings/{sitting_id}/record/added"): ADDERS,
    ("GET", "/api/hearings/{sitting_id}/record/added/{version_id}"): RECORD,
    ("POST", "/api/hearings/{sitting_id}/record/added/{version_id}/current"): ADDERS,
    ("POST", "/api/hearings/{sitting_id}/record/added/{version_id}/withdrawal"): ADDERS,
    ("GET", "/api/shares/{token}"): OPEN,
    ("POST", "/api/shares/{token}/code"): OPEN,
    ("POST", "/api/shares/{token}/session"): OPEN,
    ("GET", "/api/shares/{token}/record"): OPEN,
    ("GET", "/api/shares/{token}/media/{name}"): OPEN,
    ("POST", "/api/shares/{token}/played"): OPEN,
    ("GET", "/api/shares/{token}/film"): OPEN,
    ("POST", "/api/shares/{token}/film"): OPEN,
    ("POST", "/api/hearings/{sitting_id}/record/notes"): NOTES,
    ("DELETE", "/api/hearings/{sitting_id}/record/notes/{number}"): NOTES,
    ("DELETE", "/api/hearings/{hearing_id}/people/{person_id}/link"): Demand("either", CLERK),
    ("POST", "/api/hearings/{hearing_id}/people/{person_id}/link"): Demand("either", CLERK),
    ("GET", "/api/hearings/{hearing_id}/people/{person_id}/link"): Demand("either", CLERK),
    ("POST", "/api/hearings/{hearing_id}/observers"): Demand("either", frozenset({"judge"})),
    ("GET", "/api/bookings"): DIARY,
    ("POST", "/api/bookings"): Demand("either", CLERK),
    ("GET", "/api/bookings/{hearing_id}"): DIARY,
    ("POST", "/api/bookings/{hearing_id}"): Demand("either", CLERK),
    ("POST", "/api/bookings/{hearing_id}/people"): Demand("either", DESK),
    ("POST", "/api/bookings/{hearing_id}/commands"): Demand("either", CLERK | {"judge"}),
    ("GET", "/api/bookings/{hearing_id}/readiness"): DIARY,
    ("GET", "/api/bookings/{hearing_id}/messages"): Demand("either", DESK),
    ("POST", "/api/bookings/{hearing_id}/messages"): Demand("either", DESK),
    ("POST", "/api/bookings/{hearing_id}/public-link"): Demand("either", CLERK),
    ("DELETE", "/api/bookings/{hearing_id}/public-link"): Demand("either", CLERK),
    ("POST", "/api/hearings/{hearing_id}/seat"): Demand("account", BENCH | COURT_WIDE),
    ("GET", "/api/check"): Demand("seat", EVERYBODY),
    ("POST", "/api/check/test"): Demand("seat", EVERYBODY),
    ("POST", "/api/check/consents"): Demand("seat", EVERYBODY),
    ("POST", "/api/check/identity"): Demand("seat", EVERYBODY),
    ("GET", "/api/hearings/{hearing_id}/people/{person_id}/identity"): IDENTITY,
    ("GET", "/api/hearings/{hearing_id}/people/{person_id}/identity/{document_id}"): IDENTITY,
    ("POST", "/api/hearings/{hearing_id}/people/{person_id}/identity"): IDENTITY,
    ("GET", "/api/hearings/{hearing_id}/exhibits"): Demand("either", EVERYBODY - {"technician"}),
    ("POST", "/api/hearings/{hearing_id}/exhibits"): UPLOAD,
    ("GET", "/api/hearings/{hearing_id}/exhibits/{exhibit_id}"): Demand("either", EVERYBODY - {"technician"}),
    ("GET", "/api/hearings/{hearing_id}/exhibits/{exhibit_id}/pages/{n}"): Demand("either", EVERYBODY - {"technician"}),
    ("DELETE", "/api/hearings/{hearing_id}/exhibits/{exhibit_id}"): UPLOAD,
    ("GET", "/api/hearings/{hearing_id}/chat"): Demand("either", EVERYBODY - {"observer"}),
    ("POST", "/api/hearings/{hearing_id}/chat"): Demand("either", EVERYBODY - {"observer"}),
    ("GET", "/api/hearings/{hearing_id}/conversations"): Demand("either", DESK),
    ("GET", "/api/command-centre"): Demand("either", DESK | {"technician", "administrator"}),
    ("POST", "/api/recording-tests"): Demand("either", DESK | {"technician", "administrator"}),
    ("GET", "/api/recording-tests/{recording_id}/sound"): Demand("either", DESK | {"technician", "administrator"}),
    ("POST", "/api/tasks/{task_id}"): Demand("either", DESK | {"technician"}),
    ("GET", "/api/public/{token}"): OPEN,
    ("POST", "/api/public/{token}"): OPEN,
    ("GET", "/api/hearings/{sitting_id}/record"): RECORD,
    ("GET", "/api/hearings/{sitting_id}/record/media/{name}"): RECORD,
    ("GET", "/api/hearings/{sitting_id}/record/manifest"): RECORD,
    ("GET", "/api/hearings/{sitting_id}/record/manifest.sig"): RECORD,
    ("POST", "/api/hearings/{sitting_id}/record/exports"): RECORD,
    ("POST", "/api/hearings/{sitting_id}/record/verify"): RECORD,
    ("POST", "/api/hearings/{sitting_id}/record/parts"): RECORD,
    ("GET", "/api/hearings/{sitting_id}/record/levels"): READ_LEVELS,
    ("POST", "/api/hearings/{sitting_id}/record/levels/asked"): ASK_LEVELS,
    ("POST", "/api/hearings/{sitting_id}/record/levels/asked/{number}/decline"): READ_LEVELS,
    ("POST", "/api/hearings/{sitting_id}/record/levels/{number}/end"): LEVELS,
    ("POST", "/api/hearings/{sitting_id}/record/levels"): LEVELS,
    ("POST", "/api/hearings/{sitting_id}/record/levels/{number}/lift"): LEVELS,
    ("POST", "/api/hearings/{sitting_id}/record/levels/open"): LEVELS,
    ("GET", "/api/jobs/{job_id}"): RECORD,
    ("GET", "/api/sign-in"): OPEN,
    ("POST", "/api/sign-in/password"): OPEN,
    ("POST", "/api/sign-in/passkey/options"): OPEN,
    ("POST", "/api/sign-in/passkey"): OPEN,
    ("GET", "/api/sign-in/oidc/{provider_id}"): OPEN,
    ("GET", "/api/sign-in/oidc/{provider_id}/callback"): OPEN,
    ("GET", "/api/account"): OWN,
    ("DELETE", "/api/account/session"): OWN,
    ("POST", "/api/account/password"): OWN,
    ("GET", "/api/account/passkeys"): OWN,
    ("POST", "/api/account/passkeys/options"): OWN,
    ("POST", "/api/account/passkeys"): OWN,
    ("DELETE", "/api/account/passkeys/{passkey_id}"): OWN,
    ("GET", "/api/courts/{court_id}/accounts"): ADMINISTRATOR,
    ("POST", "/api/courts/{court_id}/accounts"): ADMINISTRATOR,
    ("GET", "/api/courts/{court_id}/access"): Demand("account", frozenset({"administrator", "auditor"})),
    ("POST", "/api/courts/{court_id}/accounts/{account_id}/roles"): ADMINISTRATOR,
    ("POST", "/api/courts/{court_id}/accounts/{account_id}/password"): ADMINISTRATOR,
    ("POST", "/api/courts/{court_id}/accounts/{account_id}/disable"): ADMINISTRATOR,
    ("POST", "/api/courts/{court_id}/accounts/{account_id}/enable"): ADMINISTRATOR,
    ("GET", "/api/courts/{court_id}/custody"): Demand("account", CUSTODIANS - {"judge"}),
    ("GET", "/api/hearings/{hearing_id}/custody"): CUSTODY,
    ("GET", "/api/hearings/{hearing_id}/custody/objects"): Demand("account", CUSTODIANS | {"administrator"}),
    ("GET", "/api/hearings/{sitting_id}/written"): WRITTEN,
    ("GET", "/api/hearings/{sitting_id}/written/document/{language}"): WRITTEN,
    ("POST", "/api/hearings/{sitting_id}/written/signature"): WRITTEN,
    ("POST", "/api/hearings/{sitting_id}/written/refusal"): WRITTEN,
    ("POST", "/api/hearings/{sitting_id}/written/corrections"): WRITTEN,
    ("POST", "/api/hearings/{sitting_id}/written/corrections/{number}"): Demand("either", CLERK | {"judge"}),
    ("POST", "/api/hearings/{sitting_id}/written/recall"): Demand("either", CLERK | {"judge"}),
    ("POST", "/api/hearings/{sitting_id}/written/draft"): Demand("either", CLERK | {"judge"}),
    ("POST", "/api/hearings/{sitting_id}/written/incident"): Demand("either", frozenset({"judge"})),
    ("POST", "/api/hearings/{hearing_id}/custody"): Demand(
        "account", frozenset({"records_custodian", "clerk", "judge"})
    ),
}
WITHIN_A_HEARING = [row for row in DEMANDS if re.search(r"{(hearing|sitting)_id}", row[1])]
#: These end what the caller asks with.
ENDING = {("DELETE", "/api/session"), ("DELETE", "/api/account/session")}
#: Who may do this has a seat afterwards; tests/…/test_arrival.py does it.
SEATING = {("POST", "/api/hearings/{hearing_id}/seat")}
#: A judge's seat and account reach a hearing only as its judge; all others by their role in the court.
SEATS = [role.value for role, *_ in DEMO_PEOPLE]
GATE_CODES = ("seat-unknown", "sign-in-needed", "not-allowed", "password-must-change")


async def test_the_table_is_whole(site: Site) -> None:
    async with site.client() as client:
        document = (await client.get("/openapi.json")).json()
    found = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            kinds = [name for option in operation["security"] for name in option]
            by = kinds[0] if len(kinds) == 1 else "either"
            found[method.upper(), path] = Demand(by, frozenset(operation["x-roles"]) if kinds else None)
    assert found == DEMANDS


#: What of a record, or of the evidence in it, is given without an entry of the access ledger; and why.
UNLEDGERED = {
    ("GET", "/api/hearings/{hearing_id}/exhibits"): "titles only; what is opened is written down",
    ("GET", "/api/hearings/{sitting_id}/record/added"): "titles and hashes only; what is played is written down",
    ("GET", "/api/hearings/{sitting_id}/record/shares"): "who was given it; nothing of the record",
}


async def test_what_touches_a_record_stands_in_the_access_ledger(site: Site) -> None:
    """A9: the table of routes says so of each, and whoever forgets it gives nothing out (the test below)."""
    touches = re.compile(r"/(record|written|custody|exhibits)(/|$)")
    async with site.client() as client:
        document = (await client.get("/openapi.json")).json()
    promised = {
        (method.upper(), path)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if operation.get("x-ledger")
    }
    wanted = {row for row in DEMANDS if row[1].startswith("/api/hearings/") and touches.search(row[1])}
    shared = {(method, path) for method, path in promised if path.startswith("/api/shares/")}
    assert {path.split("/")[4] for _, path in shared} == {"record", "media", "played"}
    promised -= shared
    assert promised == wanted - UNLEDGERED.keys()
    assert len(promised) > 25


async def test_nothing_of_a_record_is_given_out_that_the_ledger_does_not_know(site: Site) -> None:
    async def silent(ask: Ask) -> Response:
        return Response(b"the record")

    async def noting(ask: Ask) -> Response:
        await gate.note(ask.caller, ask.hearing.hearing_id, "play", "all", 1)
        return Response(b"the record")

    store = site.court.store
    gate = Gate(store, site.links, site.accounts, RateLimit(lambda: 0.0))
    row = Endpoint(
        name="leak", method="GET", path="/api/hearings/{sitting_id}/record/all", summary="", handler=silent, who=STAFF
    )
    session = await _session(site)
    facts = await store.docket.by_hearing(site.booking.hearing_id)
    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    ask = Ask(Request(scope), "en", None, session, facts)
    with pytest.raises(Unledgered, match="leak"):
        await in_ledger(row, ask)
    assert (await in_ledger(replace(row, handler=noting), ask)).status_code == 200
    with pytest.raises(Unledgered):
        await in_ledger(row, ask)
    assert (await in_ledger(replace(row, unledgered="a picture of nothing"), ask)).status_code == 200
    assert (await in_ledger(replace(row, path="/api/jobs/{job_id}"), ask)).status_code == 200


async def _session(site: Site) -> AccountCaller:
    async with site.signed_in("clerk") as clerk:
        return AccountCaller(await site.accounts.session(clerk.cookies[ACCOUNT_COOKIE]))


def address(path: str, hearing_id: str, court_id: str = "northgate") -> str:
    named = {"hearing_id": hearing_id, "sitting_id": hearing_id, "court_id": court_id, "name": MEDIA_NAME, "n": "1"}
    return re.sub(r"{(\w+)}", lambda match: named.get(match.group(1), "none"), path)


async def test_strangers_reach_nothing_but_the_door(site: Site) -> None:
    await site.close_hearing()
    async with site.client() as client:
        for (method, path), demand in DEMANDS.items():
            answer = await client.request(method, address(path, site.booking.hearing_id))
            if demand.who is None:
                assert answer.status_code not in (401, 403), path
            else:
                expected = "sign-in-needed" if demand.by == "account" else "seat-unknown"
                assert (answer.status_code, answer.json()["code"]) == (401, expected), path
        for cookie in ("seat", "staff"):
            client.cookies.clear()
            client.cookies[cookie] = "forged"
            assert (await client.get("/api/hearings")).status_code == 401


@pytest.mark.parametrize("role", Role)
async def test_each_seat_within_its_own_hearing(site: Site, role: Role) -> None:
    """Every role that a person of a hearing can have."""
    if role not in SEATS:
        await site.add(role)
    async with site.seated(role) as client:
        await site.close_hearing()
        for (method, path), demand in DEMANDS.items():
            if demand.who is None or (method, path) in ENDING:
                continue
            answer = await client.request(method, address(path, site.booking.hearing_id))
            code = answer.json().get("code") if answer.status_code in (401, 403) else None
            if demand.by == "account":
                assert code == "sign-in-needed", path
            elif role in demand.who:
                assert code not in GATE_CODES, path
            else:
                assert (answer.status_code, code) == (403, "not-allowed"), path


@pytest.mark.parametrize("role", sorted(ACCOUNT_ROLES))
async def test_each_account_within_its_own_court(site: Site, role: str) -> None:
    await site.close_hearing()
    async with site.signed_in(role) as client:
        for (method, path), demand in DEMANDS.items():
            if demand.who is None or (method, path) in ENDING | SEATING:
                continue
            answer = await client.request(method, address(path, site.booking.hearing_id))
            code = answer.json().get("code") if answer.status_code in (401, 403) else None
            if demand.by == "seat":
                assert code == "seat-unknown", path
            elif role in demand.who:
                assert code not in GATE_CODES, path
            else:
                assert (answer.status_code, code) == (403, "not-allowed"), path


@pytest.mark.parametrize("role", SEATS)
async def test_hearings_of_others_do_not_exist(site: Site, role: str) -> None:
    await site.book("elsewhere", court="southgate")
    await site.book("next-door")
    async with site.seated(role) as client:
        for hearing_id in ("elsewhere", "next-door", "none", "..", "%00", "' OR 1=1 --"):
            if role == "clerk" and hearing_id == "next-door":
                continue
            for method, path in WITHIN_A_HEARING:
                if DEMANDS[method, path].by == "account":
                    continue
                answer = await client.request(method, address(path, hearing_id))
                assert answer.status_code in (404, 405), (path, hearing_id)
                assert answer.json()["code"] in ("not-found", "method-not-allowed")


@pytest.mark.parametrize("role", sorted(ACCOUNT_ROLES))
async def test_an_account_has_no_business_in_other_courts(site: Site, role: str) -> None:
    await site.book("elsewhere", court="southgate")
    hearings = ["elsewhere", "none", "..", "%00"]
    if role == "judge":
        await site.book("next-door")
        hearings.append("next-door")
    async with site.signed_in(role) as client:
        for hearing_id in hearings:
            for method, path in WITHIN_A_HEARING:
                if DEMANDS[method, path].by == "seat":
                    continue
                answer = await client.request(method, address(path, hearing_id))
                assert answer.status_code in (404, 405), (path, hearing_id)
        for (method, path), demand in DEMANDS.items():
            if "{court_id}" in path and demand.by != "seat":
                for court in ("southgate", "none"):
                    answer = await client.request(method, address(path, "none", court))
                    assert (answer.status_code, answer.json()["code"]) == (404, "not-found"), path


@pytest.mark.parametrize("role", sorted(ACCOUNT_ROLES))
async def test_nothing_works_before_a_one_time_password_is_changed(site: Site, role: str) -> None:
    async with site.signed_in(role, must_change=True) as client:
        for (method, path), demand in DEMANDS.items():
            if demand.who is None or demand.by == "seat" or (method, path) in ENDING:
                continue
            answer = await client.request(method, address(path, site.booking.hearing_id))
            code = answer.json().get("code") if answer.status_code == 403 else None
            assert (code == "password-must-change") == (demand != OWN), path


async def test_a_clerk_finds_the_courts_hearings_and_a_judge_their_own(site: Site) -> None:
    await site.book("next-door")
    await site.book("elsewhere", court="southgate")
    mine = await site.book("mine-too", judge="judge.adeyemi")
    async with site.seated("clerk") as clerk:
        found = (await clerk.get("/api/hearings")).json()
        assert {row["hearingId"] for row in found} == {site.booking.hearing_id, "next-door", "mine-too"}
        found = (await clerk.get("/api/hearings", params={"query": "00418"})).json()
        assert [row["hearingId"] for row in found] == [site.booking.hearing_id]
        record = found[0]["record"]
        assert (record["state"], record["tracks"], record["sealedAt"], record["fault"]) == ("idle", 0, None, None)
        assert found[0]["expected"] == 7
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
