"""Booking over HTTP, as clerks and judges do it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from hearing_server import diary
from hearing_server.booking import DEMO_COURT
from hearing_server.court import PROFILES, Command
from hearing_server.court.tables.booking import BOOKING
from hearing_server.hearings.rebooking import as_planned
from hearing_server.store import HearingFacts, PersonRow
from hearing_server.store.engine import transaction
from tests.unit.hearing_server.web.conftest import Site

HOUR = 3600


def person(ref: str, role: str, **fields: Any) -> dict[str, Any]:
    return {"ref": ref, "role": role, "name": f"{ref.title()} Somebody", **fields}


def request(**changes: Any) -> dict[str, Any]:
    """A hearing of two days with an interpreter, next week."""
    start = time.time() + 7 * 24 * HOUR
    return {
        "courtId": "northgate",
        "caseNumber": "HC 2026-00977",
        "caseName": "Okoro v Dane",
        "caseNameZh": "奥科罗诉戴恩",
        "room": "Room 2",
        "days": [{"scheduledAt": start + 24 * HOUR, "durationS": 3600}, {"scheduledAt": start}],
        "people": [
            person("j", "judge"),
            person(
                "a", "claimant", email="a@example.test", phone="+86 10 5555 0123", languages=["zh-CN"], locale="zh-CN"
            ),
            person("l", "lawyer", side="claimant", represents=["a"], email="l@example.test"),
            person("b", "respondent", email="b@example.test"),
            person("w", "witness", side="respondent", screenedFrom=["a"]),
            person("i", "interpreter", linkedTo=["a"], languages=["zh-CN", "en"]),
        ],
        **changes,
    }


@pytest.fixture
async def clerk(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    async with site.signed_in("judge"), site.signed_in("clerk") as client:
        yield client


async def booked(clerk: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await clerk.post("/api/bookings", json=request(**changes))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def command(client: httpx.AsyncClient, booking: dict[str, Any], name: str, **fields: str) -> httpx.Response:
    return await client.post(f"/api/bookings/{booking['hearingId']}/commands", json={"name": name, **fields})


async def confirmed(clerk: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    booking = await booked(clerk, **changes)
    answer = await command(clerk, booking, "confirm")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def edit(booking: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The booking as an edit that changes nothing else."""
    kept = (
        "courtId",
        "caseNumber",
        "caseName",
        "caseNameZh",
        "room",
        "roomZh",
        "recording",
        "recordingReason",
        "revision",
    )
    people = [
        {"ref": row["personId"], **{name: row[name] for name in row if name not in ("personId", "link", "guest")}}
        for row in booking["people"]
    ]
    days = [{name: day[name] for name in ("sittingId", "scheduledAt", "durationS")} for day in booking["days"]]
    return {**{name: booking[name] for name in kept}, "days": days, "people": people, **changes}


async def outbox(site: Site, booking: dict[str, Any]) -> list[tuple[str, str, str]]:
    rows = await site.court.store.outbox.of_hearing(booking["hearingId"])
    names = {row["personId"]: row["name"].split()[0].lower() for row in booking["people"]}
    return sorted((names.get(row.person_id, "?"), row.channel, row.kind) for row in rows if row.state == "queued")


# --- booking and confirming --------------------------------------------------------------------


async def test_a_hearing_of_two_days_is_booked(site: Site, clerk: httpx.AsyncClient) -> None:
    booking = await booked(clerk)
    assert (booking["state"], booking["revision"], booking["profile"]) == ("booked", 1, "demo")
    first, second = booking["days"]
    assert first["sittingId"] == booking["hearingId"]
    assert (first["durationS"], second["durationS"]) == (7200, 3600)
    people = {row["name"].split()[0].lower(): row for row in booking["people"]}
    assert people["l"]["represents"] == people["i"]["linkedTo"] == [people["a"]["personId"]]
    assert (people["a"]["side"], people["l"]["side"], people["w"]["side"]) == ("claimant", "claimant", "respondent")
    assert people["w"]["screenedFrom"] == [people["a"]["personId"]]
    assert {row["link"] for row in booking["people"]} == {"none"}
    assert booking["may"] == ["confirm", "cancel", "edit", "add_person"]
    assert (await clerk.get(f"/api/bookings/{booking['hearingId']}")).json() == booking
    rows = (await clerk.get("/api/bookings", params={"query": "okoro"})).json()
    assert [(row["hearingId"], row["state"], row["days"], row["judge"]) for row in rows] == [
        (booking["hearingId"], "booked", 2, "J Somebody")
    ]
    assert await outbox(site, booking) == []
    # It is not in the archive before it is confirmed.
    assert (await clerk.get("/api/hearings", params={"query": "okoro"})).json() == []


async def test_who_is_invited_gets_a_link_of_their_own(site: Site, clerk: httpx.AsyncClient) -> None:
    booking = await confirmed(clerk)
    assert (booking["state"], booking["may"]) == ("confirmed", ["cancel", "edit", "add_person", "make_public_link"])
    assert await outbox(site, booking) == [
        ("a", "email", "joining"),
        ("a", "sms", "joining"),
        ("b", "email", "joining"),
        ("l", "email", "joining"),
    ]
    assert {row["link"] for row in booking["people"]} == {"works"}
    rows = await site.court.store.outbox.of_hearing(booking["hearingId"])
    link = next(row.body for row in rows if row.channel == "sms").rpartition("/j/")[2]
    async with site.client() as phone:
        me = (await phone.post("/api/session", json={"link": link})).json()
        assert (me["name"], me["role"], me["hearing"]["caseNumber"]) == ("A Somebody", "claimant", "HC 2026-00977")
        assert me["hearing"]["scheduledAt"] == pytest.approx(booking["days"][0]["scheduledAt"], abs=1e-3)
    read = (await clerk.get(f"/api/bookings/{booking['hearingId']}")).json()
    assert [row["link"] for row in read["people"] if row["role"] == "claimant"] == ["opened"]
    rows = (await clerk.get("/api/hearings", params={"query": "okoro"})).json()
    # Each day has a record of its own.
    assert {row["sittingId"] for row in rows} == {day["sittingId"] for day in booking["days"]}
    for row in rows:
        answer = await clerk.get(f"/api/hearings/{row['sittingId']}/record")
        assert answer.json()["code"] == "record-missing"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"people": []}, "booking-incomplete"),
        ({"days": []}, "booking-incomplete"),
        ({"people": [person("j", "judge"), person("k", "judge"), person("a", "claimant")]}, "person-unfit"),
        ({"people": [person("a", "claimant"), person("a", "respondent")]}, "person-unfit"),
        ({"people": [person("a", "claimant", linkedTo=["b"]), person("b", "respondent")]}, "person-unfit"),
        ({"people": [person("a", "claimant", screenedFrom=["a"])]}, "person-unfit"),
        ({"people": [person("a", "claimant", screenedFrom=["nobody"])]}, "person-unfit"),
        ({"people": [person("a", "claimant", email="a@b.test\nBcc: x@y.test")]}, "email-unfit"),
        ({"people": [person("a", "claimant", phone="call me")]}, "phone-unfit"),
        ({"people": [person("a", "claimant", user="judge.adeyemi")]}, "person-unfit"),
        ({"people": [person("a", "claimant"), person("c", "clerk", user="nobody")]}, "user-unknown"),
        ({"recording": "off", "recordingReason": "ordered"}, "recording-needed"),
        ({"recording": "off", "people": [person("a", "claimant")]}, "reason-missing"),
    ],
)
async def test_what_cannot_be_booked(clerk: httpx.AsyncClient, changes: dict[str, Any], code: str) -> None:
    answer = await clerk.post("/api/bookings", json=request(**changes))
    assert answer.json()["code"] == code


async def test_a_draft_becomes_a_booking_once_it_is_whole(clerk: httpx.AsyncClient) -> None:
    booking = await booked(clerk, draft=True, days=[], people=[])
    assert (booking["state"], booking["days"]) == ("draft", [])
    assert (await command(clerk, booking, "book")).json()["code"] == "booking-incomplete"
    assert (await command(clerk, booking, "confirm")).json()["code"] == "booking-state"
    whole = request(revision=booking["revision"], people=[person("a", "claimant")])
    booking = (await clerk.post(f"/api/bookings/{booking['hearingId']}", json=whole)).json()
    assert (booking["state"], len(booking["days"])) == ("draft", 2)
    booking = (await command(clerk, booking, "book")).json()
    assert booking["state"] == "booked"
    assert (await command(clerk, booking, "confirm")).json()["code"] == "host-missing"


#: Moves that somebody asks for by name; an edit and an addition have bodies of their own.
MOVES = {row.event: row for row in BOOKING if row.event in ("book", "confirm", "cancel", "convert")}


async def test_every_move_from_every_state(site: Site, clerk: httpx.AsyncClient) -> None:
    async with site.signed_in("judge") as judge:
        people = [person("j", "judge", user="judge.adeyemi"), person("a", "claimant")]
        for state in ("draft", "booked", "confirmed", "cancelled", "converted_offline"):
            for name, move in MOVES.items():
                booking = await booked(clerk, people=people, draft=state == "draft")
                if state not in ("draft", "booked"):
                    await command(clerk, booking, "confirm")
                if state == "cancelled":
                    await command(clerk, booking, "cancel", reason="settled")
                if state == "converted_offline":
                    await command(judge, booking, "convert", ground="no_means")
                fields = {"reason": "settled", "ground": "no_means"}
                for client, role in ((clerk, "clerk"), (judge, "judge")):
                    if role not in move.who:
                        answer = await command(client, booking, name, **fields)
                        assert answer.json()["code"] == "not-allowed"
                client = clerk if "clerk" in move.who else judge
                answer = await command(client, booking, name, **fields)
                if state in move.sources:
                    assert answer.json()["state"] == move.to, (state, name)
                else:
                    assert answer.json()["code"] == "booking-state", (state, name)


async def test_reasons_and_grounds(site: Site, clerk: httpx.AsyncClient) -> None:
    people = [person("j", "judge", user="judge.adeyemi"), person("a", "claimant")]
    booking = await confirmed(clerk, people=people)
    assert (await command(clerk, booking, "cancel", reason=" ")).json()["code"] == "reason-missing"
    async with site.signed_in("judge") as judge:
        assert (await command(judge, booking, "convert", ground="rain")).json()["code"] == "ground-unlawful"
        assert booking["convertGrounds"] == list(PROFILES[booking["profile"]].convert_grounds)
        done = (await command(judge, booking, "convert", ground="originals", reason="the deed")).json()
    assert (done["state"], done["reason"]) == ("converted_offline", "originals: the deed")
    entries = await site.court.store.ledger.read(booking["hearingId"])
    assert [entry.access.action for entry in entries] == ["book", "confirm-booking", "convert-booking"]


async def test_who_was_invited_to_a_cancelled_hearing_is_told_and_put_out(site: Site, clerk: httpx.AsyncClient) -> None:
    booking = await confirmed(clerk)
    claimant = next(row["personId"] for row in booking["people"] if row["role"] == "claimant")
    shown = (await clerk.get(f"/api/hearings/{booking['hearingId']}/people/{claimant}/link")).json()
    assert shown["url"].endswith(f"/j/{shown['link']}")
    cancelled = (await command(clerk, booking, "cancel", reason="settled")).json()
    assert (cancelled["state"], cancelled["reason"]) == ("cancelled", "settled")
    assert {kind for _, _, kind in await outbox(site, booking)} == {"cancelled"}
    async with site.client() as phone:
        assert (await phone.post("/api/link", json={"link": shown["link"]})).json()["code"] == "link-revoked"


# --- changing ------------------------------------------------------------------------------------


async def test_a_new_time_is_told_to_everybody_with_a_higher_sequence(site: Site, clerk: httpx.AsyncClient) -> None:
    booking = await confirmed(clerk)
    url = f"/api/bookings/{booking['hearingId']}"
    later = [{**day, "scheduledAt": day["scheduledAt"] + HOUR} for day in booking["days"]]
    changed = (await clerk.post(url, json=edit(booking, days=later))).json()
    assert [day["sittingId"] for day in changed["days"]] == [day["sittingId"] for day in booking["days"]]
    assert changed["days"][0]["scheduledAt"] == pytest.approx(later[0]["scheduledAt"], abs=1e-3)
    assert {kind for _, _, kind in await outbox(site, booking)} == {"changed"}
    rows = await site.court.store.outbox.of_hearing(booking["hearingId"])
    sequences = {row.kind: row.calendar for row in rows if row.calendar}
    assert f"SEQUENCE:{changed['revision']}" in sequences["changed"]
    assert f"SEQUENCE:{booking['revision']}" in sequences["joining"]
    # Whoever looked at the booking before that change does not undo it.
    assert (await clerk.post(url, json=edit(booking))).json()["code"] == "conflict"


async def test_people_come_and_go_by_an_edit(site: Site, clerk: httpx.AsyncClient) -> None:
    booking = await confirmed(clerk)
    wanted = edit(booking)
    wanted["people"] = [row for row in wanted["people"] if row["role"] != "witness"]
    wanted["people"].append(person("n", "witness", email="n@example.test"))
    await site.court.store.outbox.add([])
    changed = (await clerk.post(f"/api/bookings/{booking['hearingId']}", json=wanted)).json()
    assert [row["role"] for row in changed["people"]].count("witness") == 1
    old = next(row["personId"] for row in booking["people"] if row["role"] == "witness")
    new = next(row["personId"] for row in changed["people"] if row["role"] == "witness")
    assert old != new
    assert ("n", "email", "joining") in await outbox(site, changed)
    assert not [kind for _, _, kind in await outbox(site, changed) if kind == "changed"]
    other = {**wanted, "revision": changed["revision"], "people": wanted["people"][:-1]}
    other["people"][1] = {**other["people"][1], "role": "respondent", "linkedTo": []}
    assert (await clerk.post(f"/api/bookings/{booking['hearingId']}", json=other)).json()["code"] == "person-unfit"


async def test_days_are_added_and_taken_out(site: Site, clerk: httpx.AsyncClient) -> None:
    booking = await confirmed(clerk)
    url = f"/api/bookings/{booking['hearingId']}"
    days = edit(booking)["days"]
    third = {"scheduledAt": days[-1]["scheduledAt"] + 24 * HOUR}
    booking = (await clerk.post(url, json=edit(booking, days=[*days, third]))).json()
    assert [day["ordinal"] for day in booking["days"]] == [1, 2, 3]
    booking = (await clerk.post(url, json=edit(booking, days=[third]))).json()
    (day,) = booking["days"]
    assert (day["sittingId"], day["ordinal"]) == (booking["hearingId"], 1)


async def test_what_was_confirmed_about_the_record_stays(clerk: httpx.AsyncClient) -> None:
    people = [person("j", "judge"), person("a", "claimant")]
    booking = await confirmed(clerk, people=people, recording="off", recordingReason="order of 3 May")
    url = f"/api/bookings/{booking['hearingId']}"
    answer = await clerk.post(url, json=edit(booking, recording="on", recordingReason=""))
    assert (answer.status_code, answer.json()["code"]) == (409, "recording-fixed")
    answer = await clerk.post(f"{url}/people", json=person("i", "interpreter"))
    assert answer.json()["code"] == "recording-needed"


async def test_within_half_an_hour_of_the_start_people_are_added_and_nothing_else(
    site: Site, clerk: httpx.AsyncClient
) -> None:
    soon = [{"scheduledAt": time.time() + 1200}]
    booking = await confirmed(clerk, days=soon)
    url = f"/api/bookings/{booking['hearingId']}"
    assert "edit" not in booking["may"]
    assert (await clerk.post(url, json=edit(booking))).json()["code"] == "too-late"
    added = await clerk.post(f"{url}/people", json=person("n", "witness", email="n@example.test"))
    assert added.status_code == 201
    assert ("n", "email", "joining") in await outbox(site, added.json())
    again = await clerk.post(f"{url}/people", json=person("m", "judge"))
    assert again.json()["code"] == "person-unfit"


async def test_an_edit_reaches_an_open_room(site: Site, clerk: httpx.AsyncClient) -> None:
    socket = await site.court.arrive("claimant")
    tomorrow = time.time_ns() + 24 * HOUR * diary.NS
    async with transaction(site.court.store._engine, writes=True) as connection:
        await site.court.store.docket.project(connection, site.court.sitting_id, {"scheduled_utc": tomorrow})
    booking = (await clerk.get(f"/api/bookings/{site.booking.hearing_id}")).json()
    wanted = edit(booking, room="Room 9", roomZh="第九法庭")
    answer = await clerk.post(f"/api/bookings/{site.booking.hearing_id}", json=wanted)
    assert answer.status_code == 200, answer.text
    await site.court.settled()
    assert socket.view["me"]["hearing"]["room"] == "Room 9"


async def test_messages_are_sent_again(site: Site, clerk: httpx.AsyncClient) -> None:
    booking = await confirmed(clerk)
    url = f"/api/bookings/{booking['hearingId']}/messages"
    rows = (await clerk.get(url)).json()
    assert {row["state"] for row in rows} == {"queued"}
    respondent = next(row["personId"] for row in booking["people"] if row["role"] == "respondent")
    rows = (await clerk.post(url, json={"personId": respondent})).json()
    mine = [row for row in rows if row["personId"] == respondent]
    assert sorted((row["state"], row["problem"]) for row in mine) == [("failed", "superseded"), ("queued", None)]
    assert (await clerk.post(url, json={"personId": "nobody"})).json()["code"] == "unknown-person"


# --- readiness, strangers --------------------------------------------------------------------------


async def test_readiness_says_who_lacks_what(site: Site, clerk: httpx.AsyncClient) -> None:
    people = request()["people"]
    people[-1]["linkedTo"] = []
    booking = await confirmed(clerk, people=people)
    readiness = (await clerk.get(f"/api/bookings/{booking['hearingId']}/readiness")).json()
    assert readiness["score"] == "bad"
    found = {row["name"].split()[0].lower(): row for row in readiness["people"]}
    assert found["a"]["findings"] == ["interpreter-missing", "no-test", "link-unopened"]
    assert (found["a"]["interpreter"], found["b"]["interpreter"]) == ("missing", "not_needed")
    assert (found["b"]["score"], found["j"]["findings"]) == ("okay", ["no-test"])
    assert 0 < readiness["percent"] < 100
    rows = (await clerk.get("/api/bookings", params={"query": "00977"})).json()
    assert rows[0]["score"] == "bad"


async def test_the_public_link_and_the_judges_direction(site: Site, clerk: httpx.AsyncClient) -> None:
    booking = await confirmed(clerk, people=[person("j", "judge", user="judge.adeyemi"), person("a", "claimant")])
    url = f"/api/bookings/{booking['hearingId']}/public-link"
    first = (await clerk.post(url)).json()["publicLink"]
    second = (await clerk.post(url)).json()["publicLink"]
    assert first != second
    async with site.signed_in("judge") as judge:
        told = {"allowed": True, "grounds": "open justice"}
        direction = (await judge.post(f"/api/hearings/{booking['hearingId']}/observers", json=told)).json()
        assert (direction["allowed"], direction["grounds"], direction["judge"]) == (True, "open justice", "Judge")
        assert (await judge.get(f"/api/bookings/{booking['hearingId']}")).json()["observers"] == direction
    assert (await clerk.delete(url)).json()["publicLink"] is None


async def test_addresses_are_for_the_desk_only(site: Site, clerk: httpx.AsyncClient) -> None:
    booking = await confirmed(
        clerk, people=[person("j", "judge", user="judge.adeyemi"), person("a", "claimant", email="a@example.test")]
    )
    async with site.signed_in("judge") as judge:
        read = (await judge.get(f"/api/bookings/{booking['hearingId']}")).json()
    assert {row["email"] for row in read["people"]} == {""}


def test_addresses_that_could_be() -> None:
    for good in ("a@b.test", "first.last+tag@mail.court.example", "ö@b.test"):
        assert diary.plausible_email(good)
    for bad in (
        "",
        "a",
        "a@b",
        "a@@b.test",
        "a b@c.test",
        "a@b.test, c@d.test",
        "a@b.test\r\n",
        "<a@b.test>",
        '"x"@b.test',
    ):
        assert not diary.plausible_email(bad), bad
    for good in ("+86 10 5555 0123", "0100 555 014", "999", "(020) 7946-0000"):
        assert diary.plausible_phone(good)
    for bad in ("", "12", "+1234567890123456", "ring ring", "0100;555"):
        assert not diary.plausible_phone(bad), bad
    assert PersonRow(id="x", role="claimant", name="X", name_zh="X").locale == "en"


async def test_a_court_whose_law_knows_no_hearing_off_the_record_books_none(
    site: Site, clerk: httpx.AsyncClient
) -> None:
    people = [person("j", "judge"), person("a", "claimant")]
    off = request(people=people, recording="off", recordingReason="an order")
    async with transaction(site.court.store._engine, writes=True) as connection:
        await connection.execute(text("UPDATE courts SET profile = 'china'"))
    assert (await clerk.post("/api/bookings", json=off)).json()["code"] == "off-record-unlawful"


def test_a_hearing_booked_off_the_record_is_opened_so() -> None:
    opening = Command(name="open")
    facts = HearingFacts(
        hearing_id="h",
        sitting_id="h",
        case_number="N",
        case_name="A",
        case_name_zh="A",
        court=DEMO_COURT,
        room="1",
        room_zh="1",
        scheduled_utc=0,
        state="not_started",
        record_state="idle",
        present=0,
        opened_utc=None,
        closed_utc=None,
        people=(),
    )
    assert as_planned(opening, facts) is opening
    off = replace(facts, recording="off", recording_reason="order of 3 May")
    assert as_planned(opening, off).detail == {"off_record": "order of 3 May"}
    assert as_planned(Command(name="close"), off).detail == {}
