"""Signing in by password, sessions, and one's own account."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from hearing_server.accounts import IDLE_S, NS, SESSION_S
from hearing_server.web.connections import ACCOUNT_COOKIE
from tests.unit.hearing_server.web.conftest import ORIGIN, Site

PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "quite another set of words"


@pytest.fixture
async def clerk(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    """The browser of somebody who has an account and has not signed in."""
    await site.accounts.add(
        "R.Santos", name="R. Santos", roles={"northgate": frozenset({"clerk", "auditor"})}, password=PASSWORD
    )
    async with site.client() as client:
        yield client


async def sign_in(client: httpx.AsyncClient, password: str = PASSWORD, user: str = "r.santos") -> httpx.Response:
    return await client.post("/api/sign-in/password", json={"user": user, "password": password})


async def test_a_password_gives_a_session_in_an_http_only_cookie(clerk: httpx.AsyncClient) -> None:
    assert (await clerk.get("/api/account")).json()["code"] == "sign-in-needed"
    answer = await sign_in(clerk, user=" R.SANTOS ")
    account = answer.json()
    assert (account["user"], account["name"], account["hasPassword"]) == ("r.santos", "R. Santos", True)
    assert account["courts"] == [
        {
            "courtId": "northgate",
            "court": "Northgate District Court",
            "courtZh": "北门区人民法院",
            "profile": "demo",
            "timeZone": "UTC",
            "roles": ["auditor", "clerk"],
        }
    ]
    cookie = next(line.lower() for line in answer.headers.get_list("set-cookie") if line.startswith(ACCOUNT_COOKIE))
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert (await clerk.get("/api/account")).json() == account
    assert (await clerk.get("/api/hearings")).status_code == 200
    assert (await clerk.delete("/api/account/session")).status_code == 204
    assert (await clerk.get("/api/account")).json()["code"] == "sign-in-needed"


async def test_a_session_that_was_ended_stays_so(site: Site, clerk: httpx.AsyncClient) -> None:
    await sign_in(clerk)
    stolen = clerk.cookies[ACCOUNT_COOKIE]
    await clerk.delete("/api/account/session")
    async with site.client() as thief:
        thief.cookies[ACCOUNT_COOKIE] = stolen
        assert (await thief.get("/api/account")).json()["code"] == "sign-in-needed"


@pytest.mark.parametrize(("user", "password"), [("r.santos", "wrong"), ("nobody", PASSWORD), ("r.santos", " ")])
async def test_what_is_wrong_is_not_said(clerk: httpx.AsyncClient, user: str, password: str) -> None:
    answer = await sign_in(clerk, password, user)
    assert (answer.status_code, answer.json()["code"]) == (401, "sign-in-refused")
    assert ACCOUNT_COOKIE not in answer.cookies


async def test_guessing_at_one_account_is_stopped_from_wherever_it_comes(site: Site, clerk: httpx.AsyncClient) -> None:
    codes: list[str] = []
    while "too-many" not in codes and len(codes) < 100:
        async with site.client(f"192.0.2.{len(codes)}") as guesser:
            codes.append((await sign_in(guesser, "wrong")).json()["code"])
    assert set(codes[:10]) == {"sign-in-refused"}
    assert codes[-1] == "too-many"
    assert (await sign_in(clerk)).json()["code"] == "too-many"


async def test_sessions_end_by_time_and_by_disuse(site: Site, clerk: httpx.AsyncClient) -> None:
    await sign_in(clerk)
    for _ in range(SESSION_S // (IDLE_S - 60)):
        site.court.clock.wait(IDLE_S - 60)
        assert (await clerk.get("/api/account")).status_code == 200
    site.court.clock.wait(IDLE_S - 60)
    assert (await clerk.get("/api/account")).status_code == 401
    await sign_in(clerk)
    site.court.clock.wait(IDLE_S)
    assert (await clerk.get("/api/account")).status_code == 401


async def test_a_password_is_changed_by_who_knows_it_and_other_devices_are_signed_out(
    site: Site, clerk: httpx.AsyncClient
) -> None:
    await sign_in(clerk)
    async with site.client() as laptop:
        await sign_in(laptop)
        for current, new, code in (
            ("wrong", NEW_PASSWORD, "password-wrong"),
            (PASSWORD, "short", "password-weak"),
            (PASSWORD, "a" * 40, "password-weak"),
            (PASSWORD, "my name is r.santos, hello", "password-weak"),
            (PASSWORD, PASSWORD, "password-weak"),
        ):
            answer = await clerk.post("/api/account/password", json={"current": current, "new": new})
            assert answer.json()["code"] == code
        answer = await clerk.post("/api/account/password", json={"current": PASSWORD, "new": NEW_PASSWORD})
        assert answer.status_code == 200
        assert (await clerk.get("/api/account")).status_code == 200
        assert (await laptop.get("/api/account")).status_code == 401
        assert (await sign_in(laptop)).status_code == 401
        assert (await sign_in(laptop, NEW_PASSWORD)).status_code == 200


async def test_another_sites_page_signs_nobody_in(site: Site, clerk: httpx.AsyncClient) -> None:
    clerk.headers["origin"] = "https://elsewhere.test"
    assert (await sign_in(clerk)).json()["code"] == "origin-refused"
    clerk.headers["origin"] = ORIGIN
    assert (await sign_in(clerk)).status_code == 200


# --- the administrator ------------------------------------------------------------------------------


async def test_an_administrator_makes_an_account_that_must_change_its_password(site: Site) -> None:
    new = {"user": "J.Chen", "name": "J. Chen", "nameZh": "陈晶", "roles": ["staff_host"]}
    async with site.signed_in("administrator") as administrator, site.client() as owner:
        made = (await administrator.post("/api/courts/northgate/accounts", json=new)).json()
        assert (made["account"]["user"], made["account"]["roles"]) == ("j.chen", ["staff_host"])
        again = await administrator.post("/api/courts/northgate/accounts", json=new)
        assert (again.status_code, again.json()["code"]) == (409, "account-exists")
        signed_in = (await sign_in(owner, made["password"], "j.chen")).json()
        assert signed_in["mustChangePassword"] is True
        assert (await owner.get("/api/account")).status_code == 200
        change = {"current": made["password"], "new": NEW_PASSWORD}
        assert (await owner.post("/api/account/password", json=change)).json()["mustChangePassword"] is False

        url = f"/api/courts/northgate/accounts/{made['account']['accountId']}"
        row = (await administrator.post(f"{url}/roles", json={"roles": ["clerk"]})).json()
        assert row["roles"] == ["clerk"]
        assert (await owner.get("/api/hearings")).status_code == 200
        renewed = (await administrator.post(f"{url}/password")).json()
        assert (await owner.get("/api/account")).status_code == 401
        assert (await sign_in(owner, NEW_PASSWORD, "j.chen")).status_code == 401
        assert (await sign_in(owner, renewed["password"], "j.chen")).status_code == 200
        assert (await administrator.post(f"{url}/disable")).json()["disabled"] is True
        assert (await owner.get("/api/account")).status_code == 401
        assert (await sign_in(owner, renewed["password"], "j.chen")).json()["code"] == "sign-in-refused"
        assert (await administrator.post(f"{url}/enable")).json()["disabled"] is False
        listed = (await administrator.get("/api/courts/northgate/accounts")).json()
        assert [account["user"] for account in listed] == ["administrator@northgate", "j.chen"]
    entries = await site.court.store.ledger.read("court northgate")
    assert [entry.access.action for entry in entries] == [
        "add-account",
        "add-account",
        "set-roles",
        "renew-password",
        "disable-account",
        "enable-account",
    ]
    async with site.signed_in("auditor") as auditor:
        page = (await auditor.get("/api/courts/northgate/access")).json()
    assert (page["intact"], page["entries"]) == (True, 7)
    assert [(row["action"], row["actor"]) for row in page["rows"][:2]] == [
        ("read-ledger", "Auditor"),
        ("enable-account", "Administrator"),
    ]


async def test_a_court_keeps_an_administrator(site: Site) -> None:
    async with site.signed_in("administrator") as administrator:
        (own,) = (await administrator.get("/api/courts/northgate/accounts")).json()
        url = f"/api/courts/northgate/accounts/{own['accountId']}"
        for path, body in ((f"{url}/roles", {"roles": ["clerk"]}), (f"{url}/disable", None)):
            answer = await administrator.post(path, json=body)
            assert (answer.status_code, answer.json()["code"]) == (409, "last-administrator")


async def test_an_account_of_two_courts_is_not_one_courts_to_end(site: Site) -> None:
    await site.book("elsewhere", court="southgate")
    both = {"northgate": frozenset({"judge"}), "southgate": frozenset({"judge"})}
    account, _ = await site.accounts.add("both", name="Both", roles=both, password=PASSWORD)
    async with site.signed_in("administrator") as administrator:
        url = f"/api/courts/northgate/accounts/{account.id}"
        assert (await administrator.post(f"{url}/disable")).json()["code"] == "not-allowed"
        assert (await administrator.post(f"{url}/password")).json()["code"] == "not-allowed"
        assert (await administrator.post(f"{url}/roles", json={"roles": []})).status_code == 200
        assert (await administrator.post(f"{url}/disable")).json()["code"] == "not-found"
    found = await site.court.store.accounts.get(account.id)
    assert found is not None
    assert found.roles == {"southgate": frozenset({"judge"})}


async def test_a_sessions_clock_is_the_courts(site: Site, clerk: httpx.AsyncClient) -> None:
    await sign_in(clerk)
    account = await site.court.store.accounts.by_user("r.santos")
    assert account is not None
    assert account.signed_in_utc == site.court.clock.now
    assert account.signed_in_utc // NS > 0
