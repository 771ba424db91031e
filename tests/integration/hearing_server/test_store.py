"""The store, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import column, table, text
from sqlalchemy import event as events

from hearing_server.booking import DEMO_COURT, DEMO_PEOPLE, book_demo
from hearing_server.court import Actor, Booked, Command, Event, Now, Role, Rules, Sitting, apply, booked, decide, replay
from hearing_server.links import LinkRefused, Links
from hearing_server.store import Access, Conflict, JobRow, NewHearing, PersonRow, Store, StoreError
from hearing_server.store.engine import make_engine, transaction, upgrade
from hearing_server.store.ledger import FIRST_HASH, digest
from hearing_server.store.rows import HearingFacts
from hearing_server.store.shares import Asker, CodeLimits

SECRET = b"k" * 32
UTC = 1_790_000_000_000_000_000
HOUR = 3600 * 1_000_000_000


async def demo(store: Store) -> HearingFacts:
    booking = await book_demo(store, Links(store, SECRET, lambda: UTC), lambda: UTC)
    facts = await store.docket.by_hearing(booking.hearing_id)
    assert facts is not None
    return facts


def opened(facts: HearingFacts) -> tuple[Sitting, list[Event]]:
    """A sitting whose judge is waiting, with its log."""
    people = [Booked(id=person.id, role=Role(person.role)) for person in facts.people]
    first = booked(facts.sitting_id, people, Rules(), Now(utc=UTC, mono=0))
    log = [first]
    sitting = replay(log)
    assert sitting is not None
    judge = Actor(id=facts.judge.id, role="judge")
    for command in (
        Command(name="sign_in", detail={"seat": "s"}),
        Command(name="check_in", detail={"declaration": True, "check": {"camera": "ok"}}),
        Command(name="open", request_id="r", reason="理由"),
    ):
        events = decide(sitting, judge, command, Now(utc=UTC, mono=0))
        assert isinstance(events, tuple)
        for event in events:
            sitting = apply(sitting, event)
            log.append(event)
    return sitting, log


# --- opening ------------------------------------------------------------------------


async def test_opening_again_changes_nothing(database_url: str) -> None:
    first = await Store.open(database_url)
    facts = await demo(first)
    await first.aclose()
    again = await Store.open(database_url)
    assert await again.docket.by_hearing(facts.hearing_id) == facts
    await again.ping()
    await again.aclose()


async def test_many_processes_may_start_at_the_same_time(database_url: str) -> None:
    stores = await asyncio.gather(*(Store.open(database_url) for _ in range(5)))
    facts = await demo(stores[0])
    for store in stores:
        assert await store.docket.by_hearing(facts.hearing_id) == facts
    await asyncio.gather(*(store.aclose() for store in stores))


async def test_a_file_that_another_process_is_making_is_waited_for(tmp_path: Path) -> None:
    """SQLite itself waits for no writer before it makes the write-ahead log."""
    file = sqlite3.connect(tmp_path / "court.sqlite3", isolation_level=None)
    file.executescript("CREATE TABLE other (x); BEGIN IMMEDIATE; INSERT INTO other VALUES (1);")
    opening = asyncio.create_task(Store.open(f"sqlite+aiosqlite:///{tmp_path / 'court.sqlite3'}"))
    await asyncio.sleep(0.5)
    assert not opening.done()
    file.execute("COMMIT")
    await (await opening).aclose()
    file.close()


async def test_a_database_of_a_newer_version_is_left_alone(database_url: str) -> None:
    await (await Store.open(database_url)).aclose()
    engine = make_engine(database_url)
    async with transaction(engine, writes=True) as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await engine.dispose()
    with pytest.raises(StoreError, match="9999") as caught:
        await Store.open(database_url)
    assert caught.value.code == "store-schema"


def rows_of_0012() -> Iterator[tuple[str, dict[str, object]]]:
    """A closed hearing: a share that was opened, one whose code is out now, and notices that were sent."""
    yield "courts", {"id": "c", "name": "C", "name_zh": "院", "help_phone": "", "time_zone": "UTC"}
    yield "cases", {"id": "k", "court_id": "c", "number": "1", "name": "A v B", "name_zh": "甲诉乙"}
    yield "hearings", {"id": "h", "case_id": "k", "room": "", "room_zh": "", "scheduled_utc": UTC, "booked_utc": UTC}
    state = {"state": "closed", "record_state": "sealed", "present": 0}
    yield "sittings", {"id": "h", "hearing_id": "h", "ordinal": 1, **state}
    texts = ("secret_hash", "name", "email", "locale", "purpose", "reference", "created_by")
    code = {"code_hash": "cd", "code_sent_utc": UTC, "code_tries": 1, "session_utc": UTC}
    times = {"created_utc": UTC, "expires_utc": UTC + HOUR, "from_us": 1, "to_us": 2}
    share = {
        "created_name": "",
        "created_name_zh": "某",
        "download": True,
        **dict.fromkeys(texts, "x"),
        **code,
        **times,
    }
    for share_id, codes, session in (("s1", 1, "5" * 64), ("s2", 2, "")):
        about = {"id": share_id, "hearing_id": "h", "sitting_id": "h", "codes": codes, "session_hash": session}
        yield "record_shares", share | about
    letter = {"hearing_id": "h", "kind": "circulated", "channel": "email", "state": "sent", "attempts": 1}
    letter |= {"address": "x", "subject": "x", "body": "x", "created_utc": UTC + 5, "due_utc": UTC}
    for person in ("p1", "p2"):
        named = {"role": "claimant", "name": "P", "name_zh": "某"}
        yield "people", {"id": person, "hearing_id": "h", "position": 1, **named}
        yield "outbox", {"id": f"{person}{'0' * 14}", "person_id": person, **letter}
    for seq, name in ((1, "book"), (2, "circulate"), (3, "circulate")):
        entry = {"sitting_id": "h", "seq": seq, "utc": UTC + seq, "name": name}
        yield "sitting_log", {"actor": "x", "body": "{}", "hash": "x", **entry}


async def test_a_database_with_shares_and_notices_of_an_older_version(database_url: str) -> None:
    """From 0012: codes of shares get a table of their own, and notices that were written get names, once."""
    engine = make_engine(database_url)
    async with transaction(engine, writes=True) as connection:
        await connection.run_sync(upgrade, "0012")
        for name, row in rows_of_0012():
            await connection.execute(table(name, *map(column, row)).insert().values(row))
    await engine.dispose()
    store = await Store.open(database_url)
    try:
        first, second = sorted(await store.shares.of_sitting("h"), key=lambda row: row.id)
        assert (first.letter_id, first.session_hash, first.part) == ("s1", "5" * 64, (1, 2))
        # The code that was out is asked for again: nothing of it holds.
        asker = Asker("b", "a")
        limits = CodeLimits(window_ns=HOUR, pause_ns=HOUR, of_address=1, of_share=1)
        assert not await store.shares.prove("s2", "b", "cd", "e", UTC, life_ns=HOUR, tries=3)
        assert await store.shares.ask_code(second.id, asker, "ef", UTC, limits) == "sent"
        assert await store.shares.prove("s2", "b", "ef", "e", UTC, life_ns=HOUR, tries=3)
        # Each notice has the name of the newest event before it, and no other.
        names = {hashlib.sha256(f"h 3 circulated {person}".encode()).hexdigest()[:32] for person in ("p1", "p2")}
        assert {letter.id for letter in await store.outbox.of_hearing("h")} == names
    finally:
        await store.aclose()


async def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        await Store.open(f"sqlite+aiosqlite:///{tmp_path / 'none' / 'x.sqlite3'}")
    assert caught.value.code == "store-not-writable"


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite3"
    path.write_bytes(b"this is a letter, not a database" * 100)
    with pytest.raises(StoreError) as caught:
        await Store.open(f"sqlite+aiosqlite:///{path}")
    assert caught.value.code == "store-failed"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_database_that_is_read_only(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite3"
    await (await Store.open(f"sqlite+aiosqlite:///{path}")).aclose()
    path.chmod(stat.S_IRUSR)
    with pytest.raises(StoreError) as caught:
        await demo(await Store.open(f"sqlite+aiosqlite:///{path}"))
    assert caught.value.code == "store-not-writable"


async def test_a_full_disk_is_said_and_nothing_half_written(tmp_path: Path) -> None:
    """SQLite is held to a number of pages, which it reports as it does a full disk."""
    store = await Store.open(f"sqlite+aiosqlite:///{tmp_path / 'x.sqlite3'}")
    facts = await demo(store)
    engine = store._engine
    async with transaction(engine, writes=False) as connection:
        pages = await connection.scalar(text("PRAGMA page_count"))

    @events.listens_for(engine.sync_engine, "checkout")
    def hold(connection: object, *_: object) -> None:
        connection.cursor().execute(f"PRAGMA max_page_count={pages}")  # type: ignore[attr-defined]

    access = Access(actor="a", role="clerk", seat="s", action="play", target="x", detail={"pad": "y" * 2000})

    async def fill() -> None:
        for number in range(200):
            await store.ledger.write(facts.hearing_id, access, number)

    with pytest.raises(StoreError) as caught:
        await fill()
    assert caught.value.code == "store-full"
    entries = await store.ledger.read(facts.hearing_id)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    await store.aclose()


async def test_a_server_that_is_not_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(StoreError) as caught:
        await Store.open(f"postgresql+asyncpg://nobody@127.0.0.1:{port}/x")
    assert caught.value.code == "store-unreachable"


@pytest.mark.parametrize("url", ["nonsense", "mysql+nodriver://x/y", "postgresql+nothing://x"])
async def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(StoreError) as caught:
        await Store.open(url)
    assert caught.value.code == "store-unreachable"


# --- docket -----------------------------------------------------------------------------


async def test_a_hearing_is_found(store: Store) -> None:
    facts = await demo(store)
    assert facts.sitting_id == facts.hearing_id
    assert facts.judge.name_zh == "阿德耶米"
    assert await store.docket.by_sitting(facts.sitting_id) == facts
    assert await store.docket.by_hearing("none") is None
    for found in ("", "00418", "LARKIN", "拉金", " hc 2026 "):
        assert [row.hearing_id for row in await store.docket.search(found, court_id=DEMO_COURT.id)] == [
            facts.hearing_id
        ]
    for missed in ("00419", "%", "_", "\\"):
        assert await store.docket.search(missed, court_id=DEMO_COURT.id) == []
    assert await store.docket.search("", court_id="other") == []
    assert len(await store.docket.search("", account="judge.adeyemi")) == 1
    assert await store.docket.search("", account="clerk.santos") == []


async def test_a_hearing_is_booked_once(store: Store) -> None:
    facts = await demo(store)
    hearing = NewHearing(
        id=facts.hearing_id,
        case_number="X",
        case_name="X",
        case_name_zh="X",
        room="1",
        room_zh="1",
        scheduled_utc=UTC,
        people=(PersonRow(id="p", role="judge", name="P", name_zh="P"),),
    )
    with pytest.raises(Conflict):
        await store.docket.book(DEMO_COURT, hearing, UTC)
    assert await store.docket.search("X", court_id=DEMO_COURT.id) == []
    await store.docket.book(DEMO_COURT, replace(hearing, id="h2"), UTC)
    assert len(await store.docket.search("X", court_id=DEMO_COURT.id)) == 1


async def test_the_demo_goes_on_with_its_hearing_and_books_another_after_the_close(store: Store) -> None:
    links = Links(store, SECRET, lambda: UTC)
    first = await book_demo(store, links, lambda: UTC)
    assert first == await book_demo(store, links, lambda: UTC)
    assert set(first.links) == {role.value for role, *_ in DEMO_PEOPLE}
    async with transaction(store._engine, writes=True) as connection:
        await store.docket.project(connection, first.hearing_id, {"state": "closed"})
    second = await book_demo(store, links, lambda: UTC)
    assert (first.case_number, second.case_number) == ("HC 2026-00418", "HC 2026-00418-2")
    assert set(first.links.values()).isdisjoint(second.links.values())
    assert second == await book_demo(store, links, lambda: UTC)


# --- the log ----------------------------------------------------------------------------------


async def test_the_log_reads_back_as_it_was_written(store: Store) -> None:
    facts = await demo(store)
    sitting, log = opened(facts)
    await store.log.append(sitting.id, log[:2], sitting)
    await store.log.append(sitting.id, log[2:], sitting)
    read = await store.log.read(sitting.id)
    assert read == log
    assert replay(read) == sitting
    assert await store.log.read(sitting.id, 3) == log[3:]
    listed = await store.docket.by_sitting(sitting.id)
    assert listed is not None
    assert (listed.state, listed.record_state, listed.present) == ("countdown", "arming", 0)
    assert await store.docket.unfinished() == [sitting.id]


async def test_one_writer_wins_and_the_other_writes_nothing(store: Store) -> None:
    facts = await demo(store)
    sitting, log = opened(facts)
    await store.log.append(sitting.id, log[:1], sitting)
    results = await asyncio.gather(
        *(store.log.append(sitting.id, log[1:], sitting) for _ in range(4)), return_exceptions=True
    )
    assert sum(result is None for result in results) == 1
    assert sum(isinstance(result, Conflict) for result in results) == 3
    assert await store.log.read(sitting.id) == log


@pytest.mark.parametrize("table", ["sitting_log", "access_ledger"])
@pytest.mark.parametrize("change", ["UPDATE {} SET hash = 'x'", "DELETE FROM {}"])
async def test_the_database_itself_keeps_the_logs(store: Store, table: str, change: str) -> None:
    facts = await demo(store)
    sitting, log = opened(facts)
    await store.log.append(sitting.id, log, sitting)
    await store.ledger.write("l", Access(actor="a", role="clerk", seat="s", action="play", target="t"), UTC)
    with pytest.raises((StoreError, Conflict), match="append-only"):
        async with transaction(store._engine, writes=True) as connection:
            await connection.execute(text(change.format(table)))
    assert await store.log.read(sitting.id) == log
    assert len(await store.ledger.read("l")) == 1


# --- the ledger ---------------------------------------------------------------------------------


async def test_the_ledger_is_a_chain_without_gaps_whoever_writes(store: Store) -> None:
    accesses = [
        Access(actor=f"p{n}", role="clerk", seat="s", action="play", target="x.webm", detail={"start": n, "名": "字"})
        for n in range(12)
    ]
    await asyncio.gather(*(store.ledger.write("h", access, UTC + n) for n, access in enumerate(accesses)))
    entries = await store.ledger.read("h")
    assert [entry.seq for entry in entries] == list(range(1, 13))
    assert {entry.access.actor for entry in entries} == {access.actor for access in accesses}
    before = FIRST_HASH
    for entry in entries:
        assert entry.prev_hash == before
        assert entry.hash == digest("h", entry)
        before = entry.hash
    assert await store.ledger.read("other") == []


# --- links and seats -----------------------------------------------------------------------------


class Time:
    def __init__(self) -> None:
        self.utc = UTC

    def __call__(self) -> int:
        return self.utc


async def test_links_are_signed(store: Store) -> None:
    facts = await demo(store)
    links = Links(store, SECRET, lambda: UTC)
    token = await links.issue(facts.people[2].id, expires_utc=UTC + HOUR)
    assert (await links.open(token)).person == facts.people[2]
    forged = Links(store, b"another secret of thirty-two byt", lambda: UTC)
    unsaved = links.token("never-issued")
    for wrong in (
        "",
        "x",
        token[:-2],
        token + "x",
        forged.token((await links.open(token)).id),
        unsaved,
        "é" * 40,
        "...",
    ):
        with pytest.raises(LinkRefused, match="link-unknown"):
            await links.open(wrong)


async def test_links_expire_and_are_revoked(store: Store) -> None:
    facts = await demo(store)
    time = Time()
    links = Links(store, SECRET, time)
    token = await links.issue(facts.people[2].id, expires_utc=UTC + HOUR)
    seat, cookie = await links.take_seat(token, "phone", None)
    assert (await links.seat(cookie)).id == seat.id
    time.utc = UTC + HOUR
    for refused in (links.open(token), links.seat(cookie)):
        with pytest.raises(LinkRefused, match="link-expired"):
            await refused
    time.utc = UTC
    opened = await links.open(token)
    await store.seats.revoke_links(seat.person.id, UTC)
    for refused in (links.open(token), links.seat(cookie), links.take_seat(token, "phone", cookie)):
        with pytest.raises(LinkRefused, match="link-revoked"):
            await refused
    assert await store.seats.bind(opened, "another", "hash", "laptop", UTC) is None
    assert await store.seats.seated(seat.person.id) is None


async def test_a_second_device_takes_the_seat_and_the_first_may_take_it_back(store: Store) -> None:
    facts = await demo(store)
    links = Links(store, SECRET, lambda: UTC)
    token = await links.issue(facts.people[2].id, expires_utc=UTC + HOUR)
    laptop, laptop_cookie = await links.take_seat(token, "laptop", None)
    assert await store.seats.seated(laptop.person.id) == laptop.id
    same, same_cookie = await links.take_seat(token, "laptop", laptop_cookie)
    assert (same.id, same_cookie) == (laptop.id, laptop_cookie)
    phone, phone_cookie = await links.take_seat(token, "phone", "somebody else's cookie")
    with pytest.raises(LinkRefused, match="seat-displaced"):
        await links.seat(laptop_cookie)
    back, back_cookie = await links.take_seat(token, "laptop", laptop_cookie)
    assert (back.id, back_cookie) == (laptop.id, laptop_cookie)
    with pytest.raises(LinkRefused, match="seat-displaced"):
        await links.seat(phone_cookie)
    assert (await links.open(token)).devices == 2
    assert phone.id != laptop.id
    await links.give_up(back)
    with pytest.raises(LinkRefused, match="seat-ended"):
        await links.seat(laptop_cookie)
    for none in (None, "", "nonsense"):
        with pytest.raises(LinkRefused, match="seat-unknown"):
            await links.seat(none)


async def test_a_link_is_used_up_after_so_many_devices(store: Store) -> None:
    facts = await demo(store)
    links = Links(store, SECRET, lambda: UTC)
    token = await links.issue(facts.people[2].id, expires_utc=UTC + HOUR, device_limit=3)
    taken = await asyncio.gather(
        *(links.take_seat(token, f"device {n}", None) for n in range(6)), return_exceptions=True
    )
    assert sum(isinstance(result, LinkRefused) and result.code == "link-used-up" for result in taken) == 3
    async with transaction(store._engine, writes=False) as connection:
        seated = await connection.scalar(text("SELECT count(*) FROM seats WHERE ended_utc IS NULL"))
    assert seated == 1


async def test_a_link_outlives_the_hearing_for_those_who_sign_its_record(store: Store) -> None:
    booking = await book_demo(store, Links(store, SECRET, lambda: UTC), lambda: UTC)
    links = Links(store, SECRET, lambda: UTC)
    async with transaction(store._engine, writes=True) as connection:
        await store.docket.project(connection, booking.hearing_id, {"state": "closed"})
    for role, token in booking.links.items():
        if role != "observer":
            assert (await links.open(token)).person.role == role
        else:
            with pytest.raises(LinkRefused, match="link-used-up"):
                await links.open(token)


# --- records and jobs --------------------------------------------------------------------------------


async def test_what_is_known_of_a_record_adds_up(store: Store) -> None:
    facts = await demo(store)
    assert (await store.records.get(facts.sitting_id)).manifest_sha256 == ""
    await store.records.archived(facts.sitting_id, sealed_utc=5, objects=2, size=2**40)
    await store.records.sealed(facts.sitting_id, manifest_sha256="ab" * 32, playable=True)
    await store.records.verified(facts.sitting_id, "{}")
    row = await store.records.get(facts.sitting_id)
    assert (row.sealed_utc, row.objects, row.bytes, row.playable, row.verification) == (5, 2, 2**40, True, "{}")


async def test_jobs(store: Store) -> None:
    facts = await demo(store)
    job = JobRow(
        id="j1",
        sitting_id=facts.sitting_id,
        kind="composite",
        locale="en",
        state="queued",
        progress=0.0,
        created_utc=UTC,
        created_by="p",
    )
    assert await store.records.add_job(job) == job
    assert await store.records.add_job(replace(job, id="j2")) == job
    other = await store.records.add_job(replace(job, id="j3", locale="zh-CN", created_utc=UTC + 1))
    assert [row.id for row in await store.records.active_jobs()] == ["j1", "j3"]
    await store.records.update_job("j1", state="done", progress=1.0, name="a.mp4", bytes=7)
    await store.records.update_job("j1", state="running", progress=0.5)
    done = await store.records.job("j1")
    assert done is not None
    assert (done.state, done.progress, done.name, done.bytes) == ("done", 1.0, "a.mp4", 7)
    assert [row.id for row in await store.records.jobs_of(facts.sitting_id)] == [other.id, "j1"]
    assert (await store.records.add_job(replace(job, id="j4"))).id == "j4"
    mine = replace(job, id="j5", kind="film", mark="Ann")
    assert (await store.records.add_job(mine)).id == (await store.records.add_job(replace(mine, id="j6"))).id == "j5"
    assert (await store.records.add_job(replace(mine, id="j7", created_by="q", mark="Bo"))).id == "j7"
    assert await store.records.job_named(facts.sitting_id, "a.mp4") == done
    assert await store.records.job_named(facts.sitting_id, "b.mp4") is None
    assert await store.records.job("none") is None


async def test_two_who_ask_for_the_same_export_get_the_same_job(store: Store) -> None:
    facts = await demo(store)
    jobs = await asyncio.gather(
        *(
            store.records.add_job(
                JobRow(
                    id=f"j{n}",
                    sitting_id=facts.sitting_id,
                    kind="composite",
                    locale="en",
                    state="queued",
                    progress=0.0,
                    created_utc=UTC,
                    created_by="p",
                )
            )
            for n in range(5)
        )
    )
    assert len({job.id for job in jobs}) == 1
