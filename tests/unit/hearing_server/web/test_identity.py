"""Links and seats over HTTP: good ones, bad ones, and those of others."""

from __future__ import annotations

import pytest

from hearing_server.web.connections import SEATS_LIMIT
from hearing_server.web.limits import BURST
from tests.unit.hearing_server.web.conftest import ORIGIN, Site


async def test_a_link_says_whose_it_is_and_binds_nothing(site: Site) -> None:
    async with site.client() as client:
        answer = await client.post("/api/link", json={"link": site.booking.links["claimant"]})
        assert answer.status_code == 200
        me = answer.json()
        assert (me["name"], me["nameZh"], me["role"]) == ("Joan Larkin", "琼·拉金", "claimant")
        assert me["hearing"]["caseNumber"] == "HC 2026-00418"
        assert me["hearing"]["judge"] == "M. Adeyemi"
        assert me["seatedElsewhere"] is False
        assert not answer.cookies
        assert (await client.get("/api/session")).status_code == 401


async def test_a_seat_is_an_http_only_cookie(site: Site) -> None:
    async with site.client() as client:
        answer = await client.post("/api/session", json={"link": site.booking.links["claimant"]})
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert "secure" not in cookie
        assert site.booking.links["claimant"] not in answer.text
        assert (await client.get("/api/session")).json()["role"] == "claimant"
        assert (await client.delete("/api/session")).status_code == 204
        assert (await client.get("/api/session")).json()["code"] == "seat-unknown"


@pytest.mark.parametrize(("role", "kept"), [("judge", False), ("clerk", False), ("claimant", True), ("observer", True)])
async def test_the_seats_of_staff_end_with_the_browser(site: Site, role: str, kept: bool) -> None:
    async with site.client() as client:
        answer = await client.post("/api/session", json={"link": site.booking.links[role]})
        for cookie in answer.headers.get_list("set-cookie"):
            assert ("max-age" in cookie.lower()) == kept


async def test_the_cookie_is_secure_where_the_browser_is(site: Site) -> None:
    async with site.client(origin="https://public.test") as client:
        answer = await client.post("/api/session", json={"link": site.booking.links["claimant"]})
        assert "secure" in answer.headers["set-cookie"].lower()


async def test_a_second_device_takes_the_seat(site: Site) -> None:
    socket, _ = await site.court.join("claimant", seat_id="whatever")
    async with site.seated("claimant") as laptop, site.client() as phone:
        asked = await phone.post("/api/link", json={"link": site.booking.links["claimant"]})
        assert asked.json()["seatedElsewhere"] is True
        await phone.post("/api/session", json={"link": site.booking.links["claimant"]})
        assert socket.ended is not None
        assert socket.ended.reason == "displaced"
        answer = await laptop.get("/api/session")
        assert (answer.status_code, answer.json()["code"]) == (401, "seat-displaced")
        back = await laptop.post("/api/session", json={"link": site.booking.links["claimant"]})
        assert back.status_code == 200
        assert (await phone.get("/api/session")).json()["code"] == "seat-displaced"


async def test_several_people_in_one_browser_keep_their_seats(site: Site) -> None:
    """As when somebody tries the demo: a window for each."""
    async with site.client() as browser:
        for role in ("judge", "claimant", "clerk", "witness"):
            await browser.post("/api/session", json={"link": site.booking.links[role]})
        for role in ("judge", "claimant", "clerk", "witness"):
            me = (await browser.get("/api/session", params={"person": site.court.people[role]})).json()
            assert me["role"] == role
        assert (await browser.get("/api/session")).json()["role"] == "witness"
        assert (await browser.get("/api/session", params={"person": "nobody"})).json()["code"] == "seat-unknown"
        refused = await browser.get("/api/hearings", params={"person": site.court.people["witness"]})
        assert refused.json()["code"] == "not-allowed"
        asked = await browser.post("/api/link", json={"link": site.booking.links["judge"]})
        assert asked.json()["seatedElsewhere"] is False
        await browser.delete("/api/session", params={"person": site.court.people["claimant"]})
        assert (await browser.get("/api/session")).json()["role"] == "witness"
        gone = await browser.get("/api/session", params={"person": site.court.people["claimant"]})
        assert gone.json()["code"] == "seat-unknown"
        await browser.delete("/api/session")
        assert (await browser.get("/api/session")).json()["code"] == "seat-unknown"


async def test_a_browser_does_not_gather_seats_without_end(site: Site) -> None:
    async with site.client() as browser:
        for number in range(40):
            browser.cookies.set(f"seat-old{number}", "x", domain="court.test")
        await browser.post("/api/session", json={"link": site.booking.links["judge"]})
        kept = [name for name in browser.cookies if name.startswith("seat-")]
        assert len(kept) <= SEATS_LIMIT
        assert f"seat-{site.court.people['judge']}" in kept


@pytest.mark.parametrize("path", ["/api/link", "/api/session"])
async def test_links_that_are_none(site: Site, path: str) -> None:
    async with site.client() as client:
        for link in ("x", "a.b", site.booking.links["judge"][:-1], "é"):
            answer = await client.post(path, json={"link": link})
            assert (answer.status_code, answer.json()["code"]) == (404, "link-unknown")
        for body in (b"", b"{", b"[]", b'{"link": 5}', b'{"link": ""}', b"\xff", b'{"link": "' + b"x" * 600 + b'"}'):
            answer = await client.post(path, content=body)
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


async def test_links_that_were(site: Site) -> None:
    async with site.client() as client:
        claimant = site.court.people["claimant"]
        old = await site.links.issue(claimant, expires_utc=site.court.clock.now)
        answer = await client.post("/api/link", json={"link": old})
        assert (answer.status_code, answer.json()["code"]) == (410, "link-expired")
        withdrawn = await site.links.issue(claimant, expires_utc=site.court.clock.now + 10**15)
        await site.court.store.seats.revoke_links(claimant, site.court.clock.now)
        answer = await client.post("/api/link", json={"link": withdrawn})
        assert (answer.status_code, answer.json()["code"]) == (410, "link-revoked")
        await site.close_hearing()
        answer = await client.post("/api/link", json={"link": site.booking.links["observer"]})
        assert (answer.status_code, answer.json()["code"]) == (410, "link-used-up")
        for role in ("respondent", "clerk"):
            # They read and sign the written record.
            assert (await client.post("/api/link", json={"link": site.booking.links[role]})).status_code == 200


async def test_guessing_is_stopped(site: Site) -> None:
    async with site.client() as client:
        codes = [(await client.post("/api/link", json={"link": "guess"})).status_code for _ in range(20)]
        assert codes[0] == 404
        assert codes[-1] == 429
        refused = await client.post("/api/link", json={"link": site.booking.links["judge"]})
        assert refused.json()["code"] == "too-many"
        assert int(refused.headers["retry-after"]) >= 1


async def test_an_ordinary_morning_is_not(site: Site) -> None:
    async with site.client() as client:
        for _ in range(int(BURST) // 3):
            assert (await client.post("/api/link", json={"link": site.booking.links["judge"]})).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.test", "null", "http://court.test.evil.test", "http://court.test:81"])
async def test_other_sites_are_refused(site: Site, origin: str) -> None:
    async with site.client(origin=origin) as client:
        answer = await client.post("/api/session", json={"link": site.booking.links["claimant"]})
        assert (answer.status_code, answer.json()["code"]) == (403, "origin-refused")


async def test_our_own_pages_are_not(site: Site) -> None:
    for origin in (ORIGIN, "https://public.test"):
        async with site.client(origin=origin) as client:
            answer = await client.post("/api/link", json={"link": site.booking.links["claimant"]})
            assert answer.status_code == 200


@pytest.mark.parametrize(
    ("headers", "query", "cookies", "chinese"),
    [
        ({"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"}, "", {}, True),
        ({"accept-language": "en;q=0.4, zh;q=0.5"}, "", {}, True),
        ({"accept-language": "fr, de;q=0.7"}, "", {}, False),
        ({"accept-language": "zh;q=x, en;q=0.1"}, "", {}, False),
        ({"accept-language": "zh-Hant-TW"}, "", {}, True),
        ({"accept-language": "zh-CN"}, "?lang=en", {}, False),
        ({}, "?lang=zh-CN", {}, True),
        ({}, "", {"lang": "zh-CN"}, True),
        ({"accept-language": "zh"}, "", {"lang": "en"}, False),
        ({}, "?lang=xx", {"lang": "zh-CN"}, False),
    ],
)
async def test_problems_are_in_the_readers_language(
    site: Site, headers: dict[str, str], query: str, cookies: dict[str, str], chinese: bool
) -> None:
    async with site.client(**headers) as client:
        client.cookies.update(cookies)
        answer = await client.get(f"/api/session{query}")
        assert answer.headers["content-language"] == ("zh-CN" if chinese else "en")
        assert ("链接" in answer.json()["message"]) == chinese
