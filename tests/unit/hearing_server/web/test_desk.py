"""Chat, tasks and the command centre."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from hearing_server.recording_tests.service import LEDGER
from hearing_server.store.desk import TaskRow
from hearing_server.store.recording_tests import RecordingTestRow
from hearing_server.web.channels import NS, channel_of
from recording import messages as m
from signaling.messages import News
from tests.unit.hearing_server.parts import until
from tests.unit.hearing_server.web.conftest import Site
from tests.unit.hearing_server.web.test_arrival import GOOD, SILENT

#: The day of the tests' clock.
DAY = {"date": "2026-09-21"}


def chat(site: Site) -> str:
    return f"/api/hearings/{site.booking.hearing_id}/chat"


async def say(client: httpx.AsyncClient, site: Site, text: str, **fields: Any) -> httpx.Response:
    return await client.post(chat(site), json={"text": text, **fields})


async def test_a_person_talks_with_the_courts_staff_and_with_nobody_else(site: Site) -> None:
    claimant, respondent = site.court.people["claimant"], site.court.people["respondent"]
    async with site.seated("claimant") as party, site.seated("respondent") as other, site.seated("clerk") as clerk:
        asked = await say(party, site, "Where do I find the bundle?", personId=respondent)
        # Whose conversation it is follows from the seat.
        assert (asked.status_code, asked.json()["personId"], asked.json()["fromStaff"]) == (201, claimant, False)
        answer = (await say(clerk, site, "Under Exhibits.", personId=claimant)).json()
        assert (answer["fromStaff"], answer["sender"], answer["senderZh"]) == (True, "R. Santos", "桑托斯")
        rows = (await party.get(chat(site), params={"with": respondent})).json()
        assert [row["text"] for row in rows] == ["Where do I find the bundle?", "Under Exhibits."]
        newer = (await party.get(chat(site), params={"after": rows[0]["messageId"]})).json()
        assert [row["text"] for row in newer] == ["Under Exhibits."]
        assert (await other.get(chat(site))).json() == []
        assert (await clerk.get(chat(site))).json()["code"] == "unknown-person"
        assert (await say(clerk, site, "?", personId=site.court.people["observer"])).json()["code"] == "unknown-person"
    async with site.seated("judge") as judge:
        assert (await judge.get(chat(site), params={"with": claimant})).json() == []


async def test_a_message_is_pushed_to_whom_it_is_for(site: Site) -> None:
    async with site.seated("claimant") as party:
        sockets = {role: await site.court.arrive(role) for role in ("claimant", "respondent", "clerk")}
        await say(party, site, "Hello")
    told = {
        role: [notice.data["text"] for notice in socket.notices if isinstance(notice, News) and notice.name == "chat"]
        for role, socket in sockets.items()
    }
    assert told == {"claimant": ["Hello"], "respondent": [], "clerk": ["Hello"]}


async def test_staff_see_who_waits_for_an_answer(site: Site) -> None:
    async with (
        site.seated("claimant") as party,
        site.seated("witness") as witness,
        site.signed_in("staff_host") as host,
    ):
        await say(witness, site, "I am ready")
        await say(host, site, "Thank you", personId=site.court.people["witness"])
        await say(party, site, "One")
        await say(party, site, "Two")
        found = (await host.get(f"/api/hearings/{site.booking.hearing_id}/conversations")).json()
    assert [(row["role"], row["unanswered"], row["messages"], row["last"]["text"]) for row in found] == [
        ("claimant", 2, 2, "Two"),
        ("witness", 0, 2, "Thank you"),
    ]


async def test_nobody_floods_the_desk(site: Site) -> None:
    async with site.seated("claimant") as party:
        codes = [(await say(party, site, "again")).status_code for _ in range(60)]
        assert codes[:20] == [201] * 20
        assert 429 in codes
        for text in ("", "x" * 2001):
            assert (await say(party, site, text)).status_code in (400, 429)


# --- command centre, tasks ------------------------------------------------------------------------------


async def centre(client: httpx.AsyncClient, **params: str) -> dict[str, Any]:
    answer = await client.get("/api/command-centre", params={**DAY, **params})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_the_command_centre_shows_the_day_live(site: Site) -> None:
    await site.book("next-door")
    await site.book("elsewhere", court="southgate")
    async with site.signed_in("staff_host") as host:
        shown = await centre(host)
        assert (shown["courtId"], shown["date"], shown["timeZone"]) == ("northgate", "2026-09-21", "UTC")
        assert {row["hearingId"] for row in shown["hearings"]} == {site.booking.hearing_id, "next-door"}
        assert (await centre(host, date="2026-09-22"))["hearings"] == []
        await site.court.arrive("claimant")
        own = next(row for row in (await centre(host))["hearings"] if row["hearingId"] == site.booking.hearing_id)
        presence = {row["role"]: row["presence"] for row in own["people"]}
        assert (presence["claimant"], presence["witness"]) == ("waiting", "not_signed_in")
        assert (own["state"], own["record"], own["booking"]) == ("not_started", "idle", "confirmed")
        for date in ("tomorrow", "2026-13-01"):
            assert (await host.get("/api/command-centre", params={"date": date})).json()["code"] == "invalid"
        assert (await host.get("/api/command-centre", params={"court": "southgate"})).status_code == 404


async def test_who_asks_again_is_told_whether_anything_has_changed(site: Site) -> None:
    async with site.signed_in("staff_host") as host, site.seated("claimant") as party:
        await site.court.arrive("judge")
        first = await host.get("/api/command-centre", params=DAY)
        again = await host.get("/api/command-centre", params=DAY, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        await say(party, site, "Hello")
        fresh = await host.get("/api/command-centre", params=DAY, headers={"If-None-Match": first.headers["etag"]})
        assert fresh.status_code == 200
        (row,) = [row for row in fresh.json()["hearings"][0]["people"] if row["role"] == "claimant"]
        assert row["unanswered"] == 1


async def test_each_channel_is_judged_by_what_the_archive_has_of_it(site: Site) -> None:
    court, people = site.court, site.court.people
    await court.start("claimant", "respondent")
    for role in ("judge", "claimant", "respondent"):
        court.room.listener.devices_changed(people[role], "on", "on")
    began = court.clock.now

    def archived(*heard: tuple[str, int, int]) -> m.Archived:
        channels = [
            m.Channel(person_id=people[role], stored_wall_ns=began + at * NS, level=level, sound_wall_ns=began + NS)
            for role, at, level in heard
        ]
        return m.Archived(
            sitting_id=court.sitting_id, sealed_wall_ns=began + 20 * NS, objects=2, bytes=9, root="ab" * 32,
            tracks=6, segments={"w1.first": 2}, channels=channels,
        )  # fmt: skip

    court.recorder.events.put_nowait(archived(("judge", 20, 60), ("claimant", 20, 1)))
    live = court.hearings.live(court.sitting_id)
    assert live is not None

    async def heard() -> bool:
        return bool(live.channels)

    await until(heard)
    told = {role: channel_of(live, people[role], began + 25 * NS) for role in ("judge", "claimant", "respondent")}
    judge, claimant, respondent = told["judge"], told["claimant"], told["respondent"]
    assert judge is not None
    assert claimant is not None
    assert respondent is not None
    assert (judge.level, judge.stored_at, judge.late) == (60, began / NS + 20, False)
    assert (claimant.level, claimant.sound_at) == (1, began / NS + 1)
    assert (respondent.stored_at, respondent.late) == (None, False), "not yet"
    late = {role: channel_of(live, people[role], began + 45 * NS) for role in told}
    assert [channel.late for channel in late.values() if channel] == [False, False, True]
    court.room.listener.devices_changed(people["respondent"], "off", "on")
    assert channel_of(live, people["respondent"], began + 45 * NS) is None, "muted, and never heard"
    assert channel_of(live, people["witness"], began + 45 * NS) is None
    async with site.signed_in("staff_host") as host:
        (hearing,) = (await centre(host))["hearings"]
    assert hearing["capture"]["archivedAt"] == began / NS + 20
    channels = {row["role"]: row["channel"] for row in hearing["people"]}
    assert (channels["judge"]["level"], channels["witness"]) == (60, None)


async def test_tasks_say_who_closed_them_and_when(site: Site) -> None:
    async with (
        site.signed_in("staff_host") as host,
        site.seated("claimant") as claimant,
        site.seated("witness") as witness,
    ):
        for party in (claimant, witness):
            await party.post("/api/check/test", json=SILENT)
        (hearing,) = (await centre(host))["hearings"]
        assert [(task["kind"], task["closedAt"]) for task in hearing["tasks"]] == [("self-test-failed", None)] * 2
        people = {row["personId"]: row["test"] for row in hearing["people"]}
        assert people[site.court.people["claimant"]] == "bad"
        mine = next(task for task in hearing["tasks"] if task["personId"] == site.court.people["claimant"])
        closed = (await host.post(f"/api/tasks/{mine['taskId']}", json={"note": "called them"})).json()
        assert (closed["closedBy"], closed["note"]) == ("Staff_Host", "called them")
        await witness.post("/api/check/test", json=GOOD)
        (hearing,) = (await centre(host))["hearings"]
        assert {task["closedBy"] for task in hearing["tasks"]} == {"Staff_Host", "The court's system"}


async def test_a_task_of_the_desk_itself(site: Site) -> None:
    task = TaskRow(
        id="t1",
        hearing_id=site.booking.hearing_id,
        sitting_id=site.court.sitting_id,
        kind="message-failed",
        opened_utc=site.court.clock.now,
    )
    assert await site.court.store.desk.open_task(task) == task
    assert (await site.court.store.desk.open_task(TaskRow(**{**_fields(task), "id": "t2"}))).id == "t1"
    async with site.signed_in("technician") as technician:
        closed = (await technician.post("/api/tasks/t1", json={})).json()
        assert (closed["closedBy"], closed["note"]) == ("Technician", "")
        again = (await technician.post("/api/tasks/t1", json={"note": "too late"})).json()
        assert again == closed
        assert (await technician.post("/api/tasks/none", json={})).status_code == 404
    await site.book("elsewhere", court="southgate")
    async with site.signed_in("staff_host", court="southgate") as stranger:
        assert (await stranger.post("/api/tasks/t1", json={})).status_code == 404


@pytest.mark.parametrize("path", ["conversations"])
async def test_parties_do_not_see_the_desk(site: Site, path: str) -> None:
    async with site.seated("claimant") as party:
        assert (await party.get(f"/api/hearings/{site.booking.hearing_id}/{path}")).json()["code"] == "not-allowed"


def _fields(task: TaskRow) -> dict[str, Any]:
    return {name: getattr(task, name) for name in TaskRow.__dataclass_fields__}


async def test_staff_see_what_came_of_the_test_of_the_recording_and_hear_it(site: Site) -> None:
    async with site.seated("clerk") as clerk:
        assert (await centre(clerk))["recordingTest"] == {"beganAt": None, "hour": 7, "workers": []}
        refused = await clerk.post("/api/recording-tests")
        assert (refused.status_code, refused.json()["code"]) == (503, "no-media-worker")
        row = RecordingTestRow(id="test-recording~1~w", run="r", worker_id="w", began_utc=5 * NS, step="join")
        log = site.court.store.recording_tests
        await log.begin(row, given_up_before_utc=0)
        done = replace(row, outcome="passed", step="play", media="derived/media/test.webm", ended_utc=12 * NS)
        await log.note(done)
        await site.store.put_new("tests/test-recording~1~w/derived/media/test.webm", b"sound")
        sound = "/api/recording-tests/test-recording~1~w/sound"
        told = (await centre(clerk))["recordingTest"]
        assert told["workers"] == [
            {
                "recordingId": row.id,
                "workerId": "w",
                "outcome": "passed",
                "step": "play",
                "problem": "",
                "tookS": 7.0,
                "sound": sound,
            }
        ]
        heard = await clerk.get(sound)
        assert (heard.content, heard.headers["content-type"]) == (b"sound", "audio/webm")
        part = await clerk.get(sound, headers={"Range": "bytes=1-2"})
        assert (part.status_code, part.content) == (206, b"ou")
        assert (await clerk.get("/api/recording-tests/none/sound")).status_code == 404
        entry, _ = await site.court.store.ledger.read(LEDGER)
        assert (entry.access.action, entry.access.target) == ("play", row.id)
        await log.discarded(row.id)
        assert (await centre(clerk))["recordingTest"]["workers"][0]["sound"] is None
        await log.forget(6 * NS)
        assert (await centre(clerk))["recordingTest"]["workers"] == []
