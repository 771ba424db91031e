"""The clerk withdraws links and makes new ones."""

from __future__ import annotations

import pytest

from tests.unit.hearing_server.web.conftest import Site


def address(site: Site, role: str) -> str:
    return f"/api/hearings/{site.booking.hearing_id}/people/{site.court.people[role]}/link"


async def test_a_withdrawn_link_ends_seat_and_socket(site: Site) -> None:
    async with site.seated("clerk") as clerk, site.seated("claimant") as claimant:
        seat = await site.links.seat(claimant.cookies["seat"])
        socket, _ = await site.court.join("claimant", seat_id=seat.id)
        assert (await clerk.delete(address(site, "claimant"))).status_code == 204
        assert socket.ended is not None
        assert (socket.ended.reason, "withdrawn" in socket.ended.message) == ("removed", True)
        await site.court.settled()
        actor = site.court.hearings.live(site.booking.hearing_id)
        assert actor is not None
        assert actor.sitting.people[site.court.people["claimant"]].presence == "away"
        for answer in (
            await claimant.get("/api/session"),
            await claimant.post("/api/session", json={"link": site.booking.links["claimant"]}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (410, "link-revoked")
        assert (await clerk.delete(address(site, "claimant"))).status_code == 204


async def test_a_new_link_takes_the_place_of_the_old_one(site: Site) -> None:
    async with site.seated("clerk") as clerk, site.client() as claimant:
        answer = await clerk.post(address(site, "claimant"))
        assert answer.status_code == 201
        link = answer.json()["link"]
        for old in (site.booking.links["claimant"], link):
            expected = 200 if old == link else 410
            assert (await claimant.post("/api/session", json={"link": old})).status_code == expected
        assert (await claimant.get("/api/session")).json()["role"] == "claimant"
        assert (await clerk.post(address(site, "claimant"))).json()["link"] != link
        assert (await claimant.get("/api/session")).json()["code"] == "link-revoked"
    entries = await site.court.store.ledger.read(site.booking.hearing_id)
    assert [(entry.access.action, entry.access.target) for entry in entries] == [
        ("new-link", site.court.people["claimant"]),
        ("new-link", site.court.people["claimant"]),
    ]
    assert link not in str(entries)


@pytest.mark.parametrize("role", ["judge", "clerk"])
@pytest.mark.parametrize("method", ["DELETE", "POST"])
async def test_nobody_makes_or_takes_links_of_the_bench(site: Site, role: str, method: str) -> None:
    async with site.seated("clerk") as clerk:
        answer = await clerk.request(method, address(site, role))
        assert (answer.status_code, answer.json()["code"]) == (403, "not-allowed")
        assert (await clerk.post("/api/link", json={"link": site.booking.links[role]})).status_code == 200


async def test_people_of_other_hearings_are_unknown(site: Site) -> None:
    await site.book("next-door")
    async with site.seated("clerk") as clerk:
        for person in ("nobody", "j-next-door"):
            path = f"/api/hearings/{site.booking.hearing_id}/people/{person}/link"
            assert (await clerk.post(path)).json()["code"] == "unknown-person"


async def test_no_new_link_after_the_close(site: Site) -> None:
    async with site.seated("clerk") as clerk:
        await site.close_hearing()
        assert (await clerk.post(address(site, "claimant"))).json()["code"] == "sitting-closed"
        assert (await clerk.delete(address(site, "claimant"))).status_code == 204
