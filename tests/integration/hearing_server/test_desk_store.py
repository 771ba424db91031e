"""What the store keeps around a hearing, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from hearing_server.booking import DEMO_COURT, book_demo
from hearing_server.links import Links
from hearing_server.store import Conflict, Court, DayRow, HearingFacts, NewHearing, PersonRow, Store
from hearing_server.store.accounts import AccountRow, ChallengeRow, LastAdministrator, PasskeyRow
from hearing_server.store.arrivals import DOCUMENTS_LIMIT, TESTS_LIMIT, DocumentRow
from hearing_server.store.arrivals import TestRow as DeviceTestRow
from hearing_server.store.bookings import DayBegun, Stale
from hearing_server.store.desk import ChatRow, ExhibitRow, TaskRow
from hearing_server.store.engine import transaction
from hearing_server.store.tables import metadata

UTC = 1_790_000_000_000_000_000
DAY = 24 * 3600 * 1_000_000_000


@pytest.fixture
async def facts(store: Store) -> HearingFacts:
    booking = await book_demo(store, Links(store, b"k" * 32, lambda: UTC), lambda: UTC)
    found = await store.docket.by_hearing(booking.hearing_id)
    assert found is not None
    return found


def account(account_id: str, *roles: str, court: str = "northgate", **fields: Any) -> AccountRow:
    return AccountRow(
        id=account_id,
        user_name=fields.pop("user_name", account_id),
        name=account_id,
        name_zh=account_id,
        created_utc=UTC,
        roles={court: frozenset(roles)},
        **fields,
    )


#: Each database's own full text index, which the code names only in its queries.
FULL_TEXT = ("search_tokens", "ix_search_documents_tokens")


async def test_the_migrations_make_the_tables_that_the_code_names(store: Store) -> None:
    def differences(connection: Connection) -> list[Any]:
        options = {"include_object": lambda item, name, kind, reflected, other: not name.startswith(FULL_TEXT)}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    async with transaction(store._engine, writes=False) as connection:
        assert await connection.run_sync(differences) == []


# --- accounts ------------------------------------------------------------------------------


async def test_accounts_and_their_roles(store: Store, facts: HearingFacts) -> None:
    await store.accounts.add_court(Court(id="south", name="South", name_zh="南", help_phone="", time_zone="UTC"))
    await store.accounts.add(account("a", "clerk", "auditor"))
    await store.accounts.add(account("b", "judge", provider="id", subject="u-1"))
    for taken in (account("c", user_name="a"), account("d", provider="id", subject="u-1")):
        with pytest.raises(Conflict):
            await store.accounts.add(taken)
    await store.accounts.set_roles("a", "south", {"judge"})
    await store.accounts.set_roles("a", "northgate", {"clerk"})
    found = await store.accounts.by_user("a")
    assert found is not None
    assert found.roles == {"northgate": frozenset({"clerk"}), "south": frozenset({"judge"})}
    known = await store.accounts.by_subject("id", "u-1")
    assert known is not None
    assert known.id == "b"
    assert [row.id for row in await store.accounts.of_court("northgate")] == ["a", "b"]
    assert [court.id for court in await store.accounts.courts(["south"])] == ["south"]
    with pytest.raises(Conflict):
        await store.accounts.add_court(DEMO_COURT)


async def test_two_administrators_do_not_remove_each_other(store: Store, facts: HearingFacts) -> None:
    for name in ("a", "b"):
        await store.accounts.add(account(name, "administrator"))
    results = await asyncio.gather(
        store.accounts.disable("a", UTC), store.accounts.set_roles("b", "northgate", set()), return_exceptions=True
    )
    assert sum(isinstance(result, LastAdministrator) for result in results) == 1


async def test_sessions_end(store: Store, facts: HearingFacts) -> None:
    await store.accounts.add(account("a", "clerk"))
    for name in ("one", "two"):
        await store.accounts.begin_session(name, "a", f"hash-{name}", "laptop", UTC)
    await store.accounts.seen("one", UTC + 5)
    await store.accounts.end_sessions("a", UTC + 6, but="one")
    one, two = await store.accounts.session("hash-one"), await store.accounts.session("hash-two")
    assert one is not None
    assert two is not None
    assert (one.seen_utc, one.ended_utc, two.ended_utc, one.account.signed_in_utc) == (UTC + 5, None, UTC + 6, UTC)
    await store.accounts.disable("a", UTC + 7)
    one = await store.accounts.session("hash-one")
    assert one is not None
    assert (one.ended_utc, one.account.disabled_utc) == (UTC + 7, UTC + 7)
    assert await store.accounts.session("none") is None


async def test_a_challenge_counts_once_whoever_comes_first(store: Store, facts: HearingFacts) -> None:
    row = ChallengeRow(kind="get", account_id=None, data="x", expires_utc=UTC + 10)
    await store.accounts.put_challenge("h", row, UTC)
    taken = await asyncio.gather(*(store.accounts.take_challenge("h", "get", UTC) for _ in range(4)))
    assert [found for found in taken if found is not None] == [row]
    await store.accounts.put_challenge("h", row, UTC)
    assert await store.accounts.take_challenge("h", "create", UTC) is None
    await store.accounts.put_challenge("h", row, UTC)
    assert await store.accounts.take_challenge("h", "get", UTC + 10) is None
    await store.accounts.put_challenge("old", row, UTC)
    await store.accounts.put_challenge("new", row, UTC + 10)
    async with transaction(store._engine, writes=False) as connection:
        assert await connection.scalar(text("SELECT count(*) FROM challenges")) == 1


async def test_passkeys(store: Store, facts: HearingFacts) -> None:
    await store.accounts.add(account("a", "clerk"))
    key = PasskeyRow(
        id="k", account_id="a", credential_id="c" * 1364, public_key="p", sign_count=0, name="Key", created_utc=UTC
    )
    await store.accounts.add_passkey(key)
    with pytest.raises(Conflict):
        await store.accounts.add_passkey(replace(key, id="k2"))
    await store.accounts.passkey_used("k", 7, UTC + 1)
    used = await store.accounts.passkey(key.credential_id)
    assert used == replace(key, sign_count=7, used_utc=UTC + 1)
    assert not await store.accounts.remove_passkey("b", "k")
    assert await store.accounts.remove_passkey("a", "k")
    assert await store.accounts.passkeys("a") == []


# --- booking --------------------------------------------------------------------------------------


def hearing(**changes: Any) -> NewHearing:
    fields: dict[str, Any] = {
        "id": "h",
        "case_number": "N 1",
        "case_name": "A v B",
        "case_name_zh": "甲诉乙",
        "room": "1",
        "room_zh": "一",
        "scheduled_utc": UTC,
        "people": (
            PersonRow(id="j", role="judge", name="J", name_zh="J"),
            PersonRow(
                id="i",
                role="interpreter",
                name="I",
                name_zh="I",
                languages=("zh", "en"),
                linked_to=("a",),
                email="i@b.test",
                locale="zh-CN",
            ),
            PersonRow(id="a", role="claimant", name="A", name_zh="A", side="claimant", screened_from=("j",)),
        ),
        "days": tuple(DayRow(sitting_id=f"h{n}" if n else "h", scheduled_utc=UTC + n * DAY) for n in range(3)),
        "booking": "confirmed",
    }
    return NewHearing(**{**fields, **changes})


async def test_a_hearing_of_several_days_goes_from_one_to_the_next(store: Store) -> None:
    await store.bookings.create(DEMO_COURT, hearing(), UTC)
    assert [day.sitting_id for day in await store.docket.days("h")] == ["h", "h1", "h2"]
    for number, expected in enumerate(("h", "h1", "h2", "h2")):
        facts = await store.docket.by_hearing("h")
        assert facts is not None
        assert facts.sitting_id == expected
        assert (facts.ordinal, facts.state) == (min(number + 1, 3), "closed" if number == 3 else "not_started")
        async with transaction(store._engine, writes=True) as connection:
            await store.docket.project(connection, expected, {"state": "closed"})
    assert facts.people[1].linked_to == ("a",)
    assert facts.people[2].screened_from == ("j",)
    assert len(await store.docket.search("N 1", court_id=DEMO_COURT.id, sittings=True)) == 3
    assert len(await store.docket.search("N 1", court_id=DEMO_COURT.id)) == 1
    found = await store.docket.on_day(DEMO_COURT.id, UTC + DAY, UTC + 2 * DAY)
    assert [facts.sitting_id for facts in found] == ["h1"]


async def test_an_edit_is_one_change(store: Store) -> None:
    await store.bookings.create(DEMO_COURT, hearing(), UTC)
    people = (*hearing().people[:2], PersonRow(id="b", role="respondent", name="B", name_zh="B"))
    wanted = hearing(people=people, room="2", days=(DayRow(sitting_id="x", scheduled_utc=UTC + 9 * DAY),))
    edits = [store.bookings.edit(wanted, court_id=DEMO_COURT.id, revision=1, utc=UTC) for _ in range(3)]
    results = await asyncio.gather(*edits, return_exceptions=True)
    assert sum(isinstance(result, Stale) for result in results) == 2
    facts = await store.docket.by_hearing("h")
    assert facts is not None
    assert (facts.revision, facts.room, facts.scheduled_utc) == (2, "2", UTC + 9 * DAY)
    assert [person.id for person in facts.people] == ["j", "i", "b"]
    assert [day.sitting_id for day in await store.docket.days("h")] == ["h"]
    # Who was taken out can be booked again.
    await store.bookings.edit(hearing(), court_id=DEMO_COURT.id, revision=2, utc=UTC)
    facts = await store.docket.by_hearing("h")
    assert facts is not None
    assert [person.id for person in facts.people] == ["j", "i", "a"]
    assert len(await store.docket.days("h")) == 3


async def test_a_day_that_has_a_log_stays(store: Store, facts: HearingFacts) -> None:
    await store.bookings.create(DEMO_COURT, hearing(), UTC)
    async with transaction(store._engine, writes=True) as connection:
        await connection.execute(
            text(
                "INSERT INTO sitting_log (sitting_id, seq, utc, name, actor, body, hash) "
                "VALUES ('h2', 1, 1, 'book', 'system', '{}', 'x')"
            )
        )
    shorter = hearing(days=hearing().days[:1])
    with pytest.raises(DayBegun):
        await store.bookings.edit(shorter, court_id=DEMO_COURT.id, revision=1, utc=UTC)
    assert len(await store.docket.days("h")) == 3


async def test_moves_and_people(store: Store) -> None:
    await store.bookings.create(DEMO_COURT, hearing(booking="booked"), UTC)
    moves = [store.bookings.move("h", {"booked"}, to) for to in ("confirmed", "cancelled")]
    results = await asyncio.gather(*moves, return_exceptions=True)
    assert sum(isinstance(result, Stale) for result in results) == 1
    person = PersonRow(id="n", role="witness", name="N", name_zh="N", guest=True, capacity="c")
    await store.bookings.add_person("h", person)
    with pytest.raises(Conflict):
        await store.bookings.add_person("h", person)
    facts = await store.docket.by_hearing("h")
    assert facts is not None
    assert facts.people[-1] == replace(person, hearing_id="h")
    await store.bookings.set_public_id("h", "p")
    public = await store.docket.by_public_id("p")
    assert public is not None
    assert public.hearing_id == "h"
    await store.bookings.set_public_id("h", None)
    assert await store.docket.by_public_id("p") is None


# --- arrival, desk ------------------------------------------------------------------------------------


async def test_tests_and_pictures(store: Store, facts: HearingFacts) -> None:
    person = facts.people[2].id
    for number in range(TESTS_LIMIT + 3):
        await store.arrivals.add_test(
            DeviceTestRow(id=f"t{number}", person_id=person, utc=UTC + number, score="good", findings="[]", result="{}")
        )
    tests = (await store.arrivals.tests([person]))[person]
    assert (len(tests), tests[0].id) == (TESTS_LIMIT, f"t{TESTS_LIMIT + 2}")
    row = DocumentRow(
        id="d",
        person_id=person,
        media_type="image/png",
        bytes=3,
        sha256="s",
        width=1,
        height=1,
        uploaded_utc=UTC,
        content=b"\x00\xff\x00",
    )
    kept = [await store.arrivals.add_document(replace(row, id=f"d{n}")) for n in range(DOCUMENTS_LIMIT + 1)]
    assert kept == [True] * DOCUMENTS_LIMIT + [False]
    assert await store.arrivals.document("d0") == replace(row, id="d0")
    assert (await store.arrivals.documents([person]))[person][0].content is None
    assert await store.arrivals.delete_documents(facts.scheduled_utc) == 0
    assert await store.arrivals.delete_documents(facts.scheduled_utc + 1) == DOCUMENTS_LIMIT
    assert await store.arrivals.documents([person]) == {}


def exhibit(facts: HearingFacts, name: str) -> ExhibitRow:
    return ExhibitRow(
        id=name,
        hearing_id=facts.hearing_id,
        title=name,
        file_name=name,
        kind="picture",
        media_type="image/png",
        bytes=2**33,
        sha256="s",
        pages=0,
        side="",
        uploaded_by="x",
        uploaded_by_name="X",
        uploaded_by_name_zh="X",
        uploaded_utc=UTC,
    )


async def test_numbers_of_exhibits_and_messages_have_no_gaps(store: Store, facts: HearingFacts) -> None:
    exhibits = await asyncio.gather(*(store.desk.add_exhibit(exhibit(facts, f"e{n}")) for n in range(6)))
    assert sorted(row.number for row in exhibits) == [1, 2, 3, 4, 5, 6]
    person = facts.people[2].id
    message = ChatRow(
        hearing_id=facts.hearing_id, person_id=person, from_staff=False, sender="A", sender_zh="A", text="你好", utc=UTC
    )
    messages = await asyncio.gather(*(store.desk.add_message(message) for _ in range(6)))
    assert sorted(row.seq for row in messages) == [1, 2, 3, 4, 5, 6]
    assert [row.seq for row in await store.desk.messages(facts.hearing_id, person, 4)] == [5, 6]
    assert await store.desk.messages(facts.hearing_id, "nobody") == []
    first = await store.desk.exhibit(facts.hearing_id, "e0")
    assert first is not None
    await store.desk.exhibit_shown(facts.hearing_id, "e0", UTC + 1)
    await store.desk.exhibit_shown(facts.hearing_id, "e0", UTC + 2)
    assert not await store.desk.delete_exhibit(facts.hearing_id, "e0", UTC)
    assert await store.desk.delete_exhibit(facts.hearing_id, "e1", UTC)
    left = await store.desk.exhibits(facts.hearing_id)
    assert {row.id: row.shown_utc for row in left}["e0"] == UTC + 1
    assert len(left) == 5
    assert (await store.desk.add_exhibit(exhibit(facts, "e9"))).number == 7


async def test_a_task_is_opened_and_closed_once(store: Store, facts: HearingFacts) -> None:
    task = TaskRow(
        id="t0", hearing_id=facts.hearing_id, sitting_id=facts.sitting_id, kind="k", person_id="p", opened_utc=UTC
    )
    opened = await asyncio.gather(*(store.desk.open_task(replace(task, id=f"t{n}")) for n in range(4)))
    assert len({row.id for row in opened}) == 1
    mine = opened[0].id
    closings = [store.desk.close_task(mine, utc=UTC + n, by=f"S{n}", by_zh=f"S{n}") for n in range(3)]
    assert sorted(await asyncio.gather(*closings)) == [False, False, True]
    await store.desk.note_task(mine, "called them")
    again = await store.desk.open_task(replace(task, id="t9", opened_utc=UTC + 9))
    assert again.id == "t9"
    rows = (await store.desk.tasks([facts.hearing_id]))[facts.hearing_id]
    assert [(row.id, row.closed_utc is None, row.note) for row in rows] == [
        ("t9", True, ""),
        (mine, False, "called them"),
    ]
