"""What people do before their hearing, and who comes by the public link."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import httpx
import pytest
from PIL import Image
from sqlalchemy import text

from hearing_server import desk_api as d
from hearing_server.store.engine import transaction
from hearing_server.web.arrival import score_of
from tests.unit.hearing_server.web.conftest import Site
from tests.unit.hearing_server.web.test_bookings import command, confirmed, person

GOOD = {
    "camera": "ok",
    "microphone": "ok",
    "speaker": "ok",
    "path": "udp",
    "rttMs": 30,
    "lossPercent": 0,
    "upKbps": 4000,
}
SILENT = {**GOOD, "microphone": "silent"}


def picture(kind: str = "JPEG", size: tuple[int, int] = (640, 400)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (200, 190, 170)).save(out, kind)
    return out.getvalue()


async def tasks(site: Site, hearing_id: str | None = None) -> list[tuple[str, str, str]]:
    sitting = await site.court.hearings.sitting(hearing_id or site.court.sitting_id)
    assert sitting is not None
    return [(task.kind.value, task.subject, task.state.value) for task in sitting.tasks.values()]


async def china(site: Site) -> None:
    """From now on the court sits by the Chinese rules."""

    async with transaction(site.court.store._engine, writes=True) as connection:
        await connection.execute(text("UPDATE courts SET profile = 'china'"))


# --- tests --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "score", "findings"),
    [
        ({}, "good", []),
        ({"path": "relay"}, "good", ["by-relay"]),
        ({"camera": "missing"}, "okay", ["camera-missing"]),
        ({"loss_percent": 10.0}, "okay", ["loss"]),
        ({"loss_percent": 15.0}, "bad", ["loss"]),
        ({"rtt_ms": 400.0}, "okay", ["delay"]),
        ({"rtt_ms": 1000.0, "camera": "busy"}, "bad", ["delay", "camera-busy"]),
        ({"up_kbps": 299.0}, "okay", ["slow"]),
        ({"up_kbps": 10.0, "path": "tcp"}, "bad", ["slow", "by-tcp"]),
        ({"microphone": "refused"}, "bad", ["microphone-refused"]),
        ({"speaker": "not_heard"}, "bad", ["speaker-not-heard"]),
        ({"speaker": "skipped", "rtt_ms": None, "up_kbps": None}, "good", []),
        ({"path": "none"}, "bad", ["no-path"]),
    ],
)
def test_the_score_of_a_test(changes: dict[str, Any], score: str, findings: list[str]) -> None:
    fields: dict[str, Any] = {"camera": "ok", "microphone": "ok", "speaker": "ok", "path": "udp", "rtt_ms": 30.0}
    assert score_of(d.DeviceTest(**{**fields, **changes})) == (score, findings)


async def test_a_failed_test_is_a_task_until_a_better_one(site: Site) -> None:
    claimant = site.court.people["claimant"]
    async with site.seated("claimant") as phone:
        answer = await phone.post("/api/check/test", json=SILENT)
        assert (answer.status_code, answer.json()["score"]) == (201, "bad")
        await phone.post("/api/check/test", json=SILENT)
        assert await tasks(site) == [("self_test_failed", claimant, "open")]
        assert (await phone.post("/api/check/test", json=GOOD)).json()["score"] == "good"
        assert await tasks(site) == [("self_test_failed", claimant, "done")]
        check = (await phone.get("/api/check")).json()
        assert [test["score"] for test in check["tests"]] == ["good", "bad", "bad"]
        assert check["maySkipTest"] is False
    async with site.signed_in("clerk") as clerk:
        readiness = (await clerk.get(f"/api/bookings/{site.booking.hearing_id}/readiness")).json()
        row = next(row for row in readiness["people"] if row["personId"] == claimant)
        assert (row["test"]["score"], row["test"]["result"]["microphone"]) == ("good", "ok")


# --- consent, identity --------------------------------------------------------------------------------


async def test_consent_is_given_stage_by_stage(site: Site) -> None:
    await china(site)
    async with site.seated("claimant") as phone:
        check = (await phone.get("/api/check")).json()
        assert (check["profile"], check["consentNeeded"], check["identityNeeded"]) == ("china", True, True)
        assert [row["stage"] for row in check["consents"]] == ["trial", "mediation", "judgment"]
        for stage, answer in (("trial", "given"), ("mediation", "refused")):
            check = (await phone.post("/api/check/consents", json={"stage": stage, "answer": answer})).json()
        assert [(row["state"], row["mayWithdraw"]) for row in check["consents"]] == [
            ("given", True),
            ("refused", False),
            ("not_asked", False),
        ]
        check = (await phone.post("/api/check/consents", json={"stage": "trial", "answer": "withdrawn"})).json()
        assert check["consents"][0]["state"] == "withdrawn"
        unknown = await phone.post("/api/check/consents", json={"stage": "lunch", "answer": "given"})
        assert unknown.status_code == 400
    async with site.seated("observer") as observer:
        refused = await observer.post("/api/check/consents", json={"stage": "trial", "answer": "given"})
        assert (refused.status_code, refused.json()["code"]) == (403, "not-allowed")
    async with site.signed_in("clerk") as clerk:
        readiness = (await clerk.get(f"/api/bookings/{site.booking.hearing_id}/readiness")).json()
        found = {row["role"]: row for row in readiness["people"]}
        assert found["claimant"]["findings"][0] == "consent-refused"
        assert "consent-missing" in found["respondent"]["findings"]
        assert "identity-missing" in found["witness"]["findings"]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_a_picture_of_a_document_is_for_the_courts_staff(site: Site, kind: str) -> None:
    sent = picture(kind)
    claimant = site.court.people["claimant"]
    url = f"/api/hearings/{site.booking.hearing_id}/people/{claimant}/identity"
    async with site.seated("claimant") as phone, site.signed_in("clerk") as clerk:
        answer = await phone.post("/api/check/identity", content=sent)
        assert answer.status_code == 201
        assert (answer.json()["identity"]["uploaded"], answer.json()["identity"]["documents"]) == (1, [])
        assert await tasks(site) == [("identity_check", claimant, "open")]
        known = (await clerk.get(url)).json()
        (document,) = known["documents"]
        assert (document["width"], document["height"], document["bytes"]) == (640, 400, len(sent))
        assert document["sha256"] == hashlib.sha256(sent).hexdigest()
        shown = await clerk.get(f"{url}/{document['documentId']}")
        assert (shown.content, shown.headers["content-type"]) == (sent, f"image/{kind.lower()}")
        other = f"/api/hearings/{site.booking.hearing_id}/people/{site.court.people['witness']}/identity"
        assert (await clerk.get(f"{other}/{document['documentId']}")).status_code == 404
        stored = await site.court.store.arrivals.document(document["documentId"])
        assert stored is not None
        assert stored.content is not None
        assert sent[:200] not in stored.content
    entries = await site.court.store.ledger.read(site.booking.hearing_id)
    assert "show-document" in [entry.access.action for entry in entries]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7",
        picture()[:200],
        picture("GIF"),
        b"\xff\xd8\xff" + b"x" * 999,
    ],
)
async def test_what_is_no_picture(site: Site, content: bytes) -> None:
    async with site.seated("claimant") as phone:
        answer = await phone.post("/api/check/identity", content=content)
        assert (answer.status_code, answer.json()["code"]) == (415, "picture-unreadable")


async def test_pictures_are_bounded_in_size_and_number(site: Site) -> None:
    async with site.seated("claimant") as phone:
        large = await phone.post("/api/check/identity", content=b"x" * (12 * 1024 * 1024 + 1))
        assert (large.status_code, large.json()["code"]) == (413, "too-large")
        small = picture(size=(8, 8))
        codes = [(await phone.post("/api/check/identity", content=small)).status_code for _ in range(7)]
        assert codes == [201] * 6 + [409]


async def test_pictures_are_deleted_after_the_hearing(site: Site) -> None:
    async with site.seated("claimant") as phone:
        await phone.post("/api/check/identity", content=picture())
        store = site.court.store.arrivals
        assert await store.delete_documents(site.court.clock.now - 10**15) == 0
        assert await store.delete_documents(site.court.clock.now + 10**15) == 1
        assert (await phone.get("/api/check")).json()["identity"]["uploaded"] == 0


async def decide(client: httpx.AsyncClient, site: Site, role: str, decision: str, note: str = "") -> httpx.Response:
    url = f"/api/hearings/{site.booking.hearing_id}/people/{site.court.people[role]}/identity"
    return await client.post(url, json={"decision": decision, "note": note})


async def test_staff_confirm_and_challenge_who_somebody_is(site: Site) -> None:
    async with site.signed_in("staff_host") as host, site.signed_in("judge") as judge:
        known = (await decide(host, site, "claimant", "confirm")).json()
        assert (known["state"], known["decidedBy"]) == ("reverified_today", "Staff_Host")
        assert (await decide(host, site, "claimant", "challenge")).json()["code"] == "reason-missing"
        known = (await decide(host, site, "claimant", "challenge", "another face")).json()
        assert (known["state"], known["note"]) == ("challenged", "another face")
        assert (await decide(host, site, "claimant", "in_person")).json()["code"] == "not-allowed"
        assert (await decide(judge, site, "claimant", "in_person")).json()["state"] == "in_person_required"
        assert (await decide(host, site, "claimant", "confirm")).json()["state"] == "reverified_today"
    facts = await site.court.store.docket.by_hearing(site.booking.hearing_id)
    assert facts is not None
    # The log names a person of the sitting: the host has become one.
    assert [person.account for person in facts.people if person.role == "staff_host"] == ["staff_host@northgate"]


# --- accounts in the hearing, strangers -------------------------------------------------------------------


async def test_who_has_signed_in_takes_their_seat(site: Site) -> None:
    url = f"/api/hearings/{site.booking.hearing_id}/seat"
    async with site.signed_in("judge") as judge, site.signed_in("technician") as technician:
        me = (await judge.post(url)).json()
        assert (me["personId"], me["role"]) == (site.court.people["judge"], "judge")
        assert (await judge.get("/api/session", params={"person": me["personId"]})).json()["role"] == "judge"
        sitting = await site.court.hearings.sitting(site.court.sitting_id)
        assert sitting is not None
        assert sitting.people[me["personId"]].identity == "account_verified"
        first, again = [(await technician.post(url)).json()["personId"] for _ in range(2)]
        assert first == again
        assert first.startswith("technician-")
    async with site.signed_in("auditor") as auditor:
        assert (await auditor.post(url)).json()["code"] == "not-allowed"


async def public(site: Site, clerk: httpx.AsyncClient) -> tuple[dict[str, Any], str]:
    people = [person("j", "judge", user="judge.adeyemi"), person("a", "claimant")]
    booking = await confirmed(clerk, people=people)
    answer = await clerk.post(f"/api/bookings/{booking['hearingId']}/public-link")
    return booking, f"/api/public/{answer.json()['publicLink']}"


async def test_an_observer_comes_only_by_the_judges_direction_and_is_not_let_in(site: Site) -> None:
    await china(site)
    observer = {"attend": "observer", "name": "Lena", "email": "lena@example.test", "accepted": True}
    async with site.signed_in("judge") as judge, site.signed_in("clerk") as clerk, site.client() as stranger:
        booking, url = await public(site, clerk)
        shown = (await stranger.get(url)).json()
        assert (shown["caseNumber"], shown["observersAllowed"]) == ("HC 2026-00977", False)
        assert (await stranger.post(url, json=observer)).json()["code"] == "observers-not-allowed"
        told = {"allowed": True, "grounds": "open justice"}
        await judge.post(f"/api/hearings/{booking['hearingId']}/observers", json=told)
        assert (await stranger.post(url, json={**observer, "accepted": False})).json()["code"] == "declaration-missing"
        assert (await stranger.post(url, json={**observer, "email": "nowhere"})).json()["code"] == "email-unfit"
        me = (await stranger.post(url, json=observer)).json()
        assert (me["role"], me["name"]) == ("observer", "Lena")
        assert (await stranger.get("/api/session")).json()["personId"] == me["personId"]
        people = (await clerk.get(f"/api/bookings/{booking['hearingId']}")).json()["people"]
        assert [row["guest"] for row in people if row["role"] == "observer"] == [True]
        await judge.post(
            f"/api/hearings/{booking['hearingId']}/observers", json={"allowed": False, "grounds": "minors"}
        )
        assert (await stranger.post(url, json=observer)).json()["code"] == "observers-not-allowed"


async def test_a_guest_says_what_they_come_for(site: Site) -> None:
    async with site.signed_in("judge"), site.signed_in("clerk") as clerk, site.client() as stranger:
        booking, url = await public(site, clerk)
        guest = {"attend": "guest", "name": "Ada", "accepted": True}
        assert (await stranger.post(url, json=guest)).json()["code"] == "person-unfit"
        me = (await stranger.post(url, json={**guest, "capacity": "the claimant's daughter"})).json()
        assert me["role"] == "guest"
        await clerk.delete(f"/api/bookings/{booking['hearingId']}/public-link")
        assert (await stranger.get(url)).json()["code"] == "link-revoked"
        assert (await stranger.get(f"{url}x")).json()["code"] == "link-unknown"
        # Their own seat goes on.
        assert (await stranger.get("/api/session")).status_code == 200


async def test_nobody_comes_to_a_hearing_that_is_off(site: Site) -> None:
    async with site.signed_in("judge"), site.signed_in("clerk") as clerk, site.client() as stranger:
        booking, url = await public(site, clerk)
        await command(clerk, booking, "cancel", reason="settled")
        assert (await stranger.get(url)).json()["code"] == "link-used-up"


async def test_a_guest_who_comes_while_the_room_is_open_is_in_its_log(site: Site) -> None:
    async with site.signed_in("clerk") as clerk, site.client() as stranger:
        await site.court.arrive("judge")
        answer = await clerk.post(f"/api/bookings/{site.booking.hearing_id}/public-link")
        url = f"/api/public/{answer.json()['publicLink']}"
        guest = {"attend": "guest", "name": "Ada", "accepted": True, "capacity": "witness support"}
        me = (await stranger.post(url, json=guest)).json()
        sitting = await site.court.hearings.sitting(site.court.sitting_id)
        assert sitting is not None
        assert sitting.people[me["personId"]].role == "guest"
