"""What the runtime does with the record: watching it, having it sealed, and having composites made."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hearing_server.court import Actor, Command, Event, Role, replay
from hearing_server.hearings import Hearings
from recording import messages as m
from recording.roots import record_root
from tests.unit.hearing_server.parts import NS, Court, until


async def test_a_record_that_stops_is_seen_by_all(court: Court) -> None:
    sockets = await court.start("claimant")
    court.clock.wait(16)
    await court.settled()
    assert sockets["claimant"].view["record"] == {
        "state": "degraded",
        "tracks": 2,
        "sealedAt": 2.0,
        "fault": "late",
        "offRecord": "",
        "fallback": "",
        "incident": False,
        "root": "",
        "rootAt": None,
        "failedStarts": 0,
    }
    court.room.capture()
    await court.settled()
    assert sockets["claimant"].view["record"]["state"] == "degraded", "not before it is steady"
    for _ in range(6):
        court.clock.wait(1)
        court.room.capture()
    await court.settled()
    assert sockets["claimant"].view["record"]["state"] == "recording"
    assert sockets["claimant"].view["record"]["fault"] is None
    court.room.capture(fault="disk-full")
    await court.settled()
    assert sockets["judge"].view["record"]["fault"] == "disk-full"
    court.clock.wait(61)
    court.room.capture(fault="disk-full")
    await court.settled()
    assert sockets["judge"].view["record"]["state"] == "failed"
    court.room.capture()
    await court.settled()
    assert sockets["judge"].view["record"]["state"] == "recording"


async def test_the_log_takes_down_the_root_of_what_is_archived_each_minute(court: Court) -> None:
    sockets = await court.start("claimant")

    async def archived(media: str, segments: int) -> None:
        court.recorder.events.put_nowait(
            m.Archived(
                sitting_id=court.sitting_id,
                sealed_wall_ns=1,
                objects=segments,
                bytes=1,
                root=media * 32,
                tracks=3,
                segments={"w1.first": segments},
            )
        )
        await asyncio.sleep(0.05)
        court.room.capture()
        await court.settled()

    async def roots() -> list[Event]:
        return [event for event in await court.store.log.read(court.sitting_id) if event.name == "root"]

    await archived("ab", 1)
    (first,) = await roots()
    assert first.detail == {"media": "ab" * 32, "tracks": 3, "segments": {"w1.first": 1}}
    shown = sockets["claimant"].view["record"]
    assert shown["root"] == record_root(bytes.fromhex(first.prev_hash), bytes.fromhex("ab" * 32)).hex()
    assert shown["rootAt"] == first.utc / NS
    await archived("cd", 2)
    assert len(await roots()) == 1, "once a minute"
    court.clock.wait(61)
    await archived("cd", 2)
    assert [event.detail["media"][:2] for event in await roots()] == ["ab", "cd"]
    court.clock.wait(61)
    await archived("cd", 2)
    assert len(await roots()) == 2, "nothing new is stored"


async def test_a_media_worker_that_dies_is_followed_by_another(court: Court) -> None:
    sockets = await court.start("claimant")
    court.room.listener.media_changed("lost", None)
    await court.settled()
    assert sockets["judge"].view["record"]["state"] == "degraded"
    assert sockets["judge"].view["record"]["fault"] == "media-lost"
    court.room.listener.media_changed("ready", "w1.second")
    for _ in range(6):
        court.room.capture()
        court.clock.wait(1)
    await court.settled()
    assert sockets["judge"].view["record"]["state"] == "recording"
    sitting = replay(await court.store.log.read(court.sitting_id))
    assert sitting is not None
    assert sitting.writers == ("w1.first", "w1.second")


async def test_what_another_recording_made_durable_does_not_count(court: Court) -> None:
    judge = await court.arrive("judge")
    await court.command(judge, "open")
    court.room.room_id = "another"
    court.room.capture()
    await court.settled()
    assert judge.view["record"]["state"] == "arming"


async def test_the_record_is_asked_for_until_it_is_sealed(court: Court) -> None:
    sockets = await court.start("claimant")
    await court.command(sockets["judge"], "close")

    async def asked_twice() -> bool:
        return len(court.recorder.asked) >= 2

    await until(asked_twice)
    request = court.recorder.asked[0]
    assert isinstance(request, m.Finalise)
    assert request.facts.case_number == "HC 2026-00418"
    assert request.facts.writers == ["w1.first"]
    assert request.facts.closed_wall_ns == court.clock.now
    assert request.facts.opened_wall_ns == court.clock.now
    assert {person.role for person in request.facts.participants} >= {"judge", "claimant"}
    assert [event["name"] for event in request.facts.events][:1] == ["book"]
    # News while it grew were missed: the answer says how much it is.
    said = {"sealed_wall_ns": 6 * NS, "objects": 4, "bytes": 120}
    court.recorder.answer = lambda _: m.Finalised(manifest_sha256="ab" * 32, playable=True, **said)

    async def sealed() -> bool:
        facts = await court.store.docket.by_hearing(court.sitting_id)
        return facts is not None and facts.record_state == "sealed"

    await until(sealed)
    row = await court.store.records.get(court.sitting_id)
    assert (row.manifest_sha256, row.sealed_utc, row.objects, row.bytes) == ("ab" * 32, 6 * NS, 4, 120)

    async def verified() -> bool:
        return isinstance(court.recorder.asked[-1], m.Verify)

    await until(verified)


async def test_a_partial_record_is_sealed_when_its_fault_was_stated(court: Court) -> None:
    """Found only when the archive had all of it: nobody noticed in the room (RRC art. 4, 5)."""
    sockets = await court.start("claimant")
    await court.command(sockets["judge"], "close")
    court.recorder.answer = lambda _: m.Finalised(manifest_sha256="ab" * 32, playable=True, partial=True)

    async def state() -> tuple[str, bool]:
        sitting = await court.hearings.sitting(court.sitting_id)
        assert sitting is not None
        return sitting.record.value, sitting.incident

    async def waits_for_the_judge() -> bool:
        return await state() == ("finalizing", True)

    await until(waits_for_the_judge)
    assert court.sitting_id in await court.store.custody.undecided(), "its storage is locked like any other's"
    assert await court.store.docket.unfinished() == [court.sitting_id]
    judge = Actor(id=court.people["judge"], role=Role.JUDGE)
    statement = Command(name="state_incident", detail={"text": "A disk of the court was full from 10:02."})
    await court.hearings.act(court.sitting_id, judge, statement, "en")

    async def sealed() -> bool:
        return await state() == ("sealed", False)

    await until(sealed)
    (seal,) = [event for event in await court.store.log.read(court.sitting_id) if event.name == "seal"]
    assert seal.detail == {"partial": True}


async def test_the_recorders_events_are_noted(court: Court) -> None:
    sockets = await court.start("claimant")
    events = court.recorder.events
    events.put_nowait(m.Archived(sitting_id=court.sitting_id, sealed_wall_ns=5 * NS, objects=3, bytes=99))
    events.put_nowait(m.Archived(sitting_id="unknown", sealed_wall_ns=5 * NS, objects=3, bytes=99))
    events.put_nowait(m.RecorderState(backlog=0, spool_bytes=1, disk_free_bytes=2))
    await court.command(sockets["judge"], "close")
    events.put_nowait(m.Sealed(sitting_id=court.sitting_id, manifest_sha256="cd" * 32, playable=False))
    events.put_nowait(m.Verified(sitting_id=court.sitting_id, ok=True, report={"tracks": 4}))

    async def noted() -> bool:
        row = await court.store.records.get(court.sitting_id)
        return row.verification is not None

    await until(noted)
    row = await court.store.records.get(court.sitting_id)
    assert (row.sealed_utc, row.objects, row.bytes, row.manifest_sha256) == (5 * NS, 3, 99, "cd" * 32)
    assert court.hearings.recorder_state is not None
    facts = await court.store.docket.by_hearing(court.sitting_id)
    assert facts is not None
    assert facts.record_state == "sealed"


@pytest.mark.parametrize("first", ["check", "witness"])
async def test_a_check_that_did_not_know_the_proofs_yet_is_made_once_more(court: Court, first: str) -> None:
    sockets = await court.start("claimant")
    await court.command(sockets["judge"], "close")
    court.recorder.answer = lambda _: m.Accepted()
    lacking: dict[str, Any] = {"findings": [{"code": "inclusion-missing"}, {"code": "stamp-missing"}]}
    check: m.AnyEvent = m.Verified(sitting_id=court.sitting_id, ok=True, report=lacking)
    witness: m.AnyEvent = m.Anchored(sitting_id=court.sitting_id, stamped=False)
    for event in (check, witness) if first == "check" else (witness, check):
        court.recorder.events.put_nowait(event)

    def asked() -> int:
        return sum(isinstance(request, m.Verify) for request in court.recorder.asked)

    async def again() -> bool:
        return asked() == 1

    await until(again)
    # No authority stamps here: what is lacking now comes no more.
    lacking = {"findings": [{"code": "inclusion"}, {"code": "stamp-missing"}]}
    court.recorder.events.put_nowait(m.Verified(sitting_id=court.sitting_id, ok=True, report=lacking))

    async def noted() -> bool:
        row = await court.store.records.get(court.sitting_id)
        return '"inclusion"' in (row.verification or "")

    await until(noted)
    assert asked() == 1


async def test_an_unfinished_sealing_goes_on_after_a_restart(court: Court) -> None:
    sockets = await court.start("claimant")
    await court.command(sockets["judge"], "close")
    await court.hearings.aclose()
    court.recorder.asked.clear()
    court.recorder.answer = lambda _: m.Finalised(manifest_sha256="ef" * 32, playable=True)
    court.hearings = Hearings(court.store, court.rooms, court.recorder, clock=court.clock)
    await court.hearings.start()

    async def finished() -> bool:
        return await court.store.docket.unfinished() == []

    await until(finished)
    assert (await court.store.records.get(court.sitting_id)).playable


async def test_a_composite_is_asked_for_until_it_is_done(court: Court) -> None:
    facts = await court.store.docket.by_hearing(court.sitting_id)
    assert facts is not None
    court.recorder.answer = lambda _: m.Accepted()
    job = await court.hearings.export(facts, "zh-CN", court.people["clerk"], mark="Rosa · 7")
    same = await court.hearings.export(facts, "zh-CN", court.people["clerk"], mark="Rosa · 8")
    assert same.id == job.id

    async def asked() -> bool:
        return bool(court.recorder.asked)

    await until(asked)
    request = court.recorder.asked[0]
    assert isinstance(request, m.Compose)
    assert (request.job_id, request.locale, request.timezone) == (job.id, "zh-CN", "UTC")
    assert request.mark == "Rosa · 7"
    told = {"sitting_id": court.sitting_id, "job_id": job.id}
    court.recorder.events.put_nowait(m.JobState(state="running", progress=0.5, **told))
    court.recorder.events.put_nowait(m.JobState(state="done", progress=1.0, name="x.mp4", bytes=9, **told))

    async def done() -> bool:
        row = await court.store.records.job(job.id)
        return row is not None and row.state == "done" and row.name == "x.mp4"

    await until(done)
    court.recorder.events.put_nowait(m.JobState(state="running", progress=0.1, **told))
    await asyncio.sleep(0.05)
    assert await done()


async def test_a_composite_that_is_refused_has_failed(court: Court) -> None:
    facts = await court.store.docket.by_hearing(court.sitting_id)
    assert facts is not None
    court.recorder.answer = lambda _: m.Refused(reason="not-sealed")
    job = await court.hearings.export(facts, "en", court.people["clerk"])

    async def failed() -> bool:
        row = await court.store.records.job(job.id)
        return row is not None and row.state == "failed"

    await until(failed)
