"""Finding hearings, on SQLite and on PostgreSQL: the same answers from both."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, select

from hearing_server.booking import DEMO_COURT
from hearing_server.court import Actor, Booked, Command, Now, Role, Rules, apply, booked, decide, replay
from hearing_server.store import NewHearing, PersonRow, Store, search
from hearing_server.store import tables as t
from hearing_server.store.archive import NoteRow
from hearing_server.store.archive_tables import search_documents, search_stale
from hearing_server.store.engine import transaction
from hearing_server.store.rows import Court
from hearing_server.store.search import PAGE, Query

UTC = 1_790_000_000_000_000_000
DAY = 86_400 * 1_000_000_000
OTHER = Court(id="other", name="Other", name_zh="其他", help_phone="1", time_zone="UTC")


async def book(
    store: Store, number: int, case: str, *, name: str = "A v B", name_zh: str = "甲诉乙", party: str = "Joan Larkin",
    party_zh: str = "琼·拉金", judge: str = "Miriam Adeyemi", account: str = "judge.adeyemi", court: Court = DEMO_COURT,
    booking: str = "confirmed",
) -> str:  # fmt: skip
    hearing_id = f"h{number}"
    people = (
        PersonRow(id=f"{hearing_id}-j", role="judge", name=judge, name_zh="阿德耶米", account=account),
        PersonRow(id=f"{hearing_id}-p", role="claimant", name=party, name_zh=party_zh),
    )
    await store.docket.book(
        court,
        NewHearing(
            id=hearing_id, case_number=case, case_name=name, case_name_zh=name_zh, room="1", room_zh="一",
            scheduled_utc=UTC + number * DAY, people=people, booking=booking,
        ),
        UTC,
    )  # fmt: skip
    return hearing_id


async def found(store: Store, text: str = "", **options: object) -> list[str]:
    query = Query(**{"text": text, "courts": (DEMO_COURT.id,), **options})  # type: ignore[arg-type]
    return [each.facts.sitting_id for each in (await store.search.find(query)).found]


@pytest.mark.parametrize("most", [0, 40, 4_000])
async def test_however_far_back_it_is_the_newest_come_first(
    store: Store, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Found among the newest, further back, and by the index alone."""
    monkeypatch.setattr(search, "LOOKED_AT", 4)
    monkeypatch.setattr(search, "LOOKED_AT_MOST", most)
    for number in range(14):
        party = {3: "Far Away", 9: "Near By"}.get(number, "Often There" if number % 2 else "Joan Larkin")
        await book(store, number, f"HC 2026-{number:05}", party=party)
    often = [f"h{number}" for number in (13, 11, 7, 5, 1)]
    assert await found(store, "often") == await found(store, "often", most=5) == often
    assert await found(store, "often", most=2) == often[:2]
    assert await found(store, "near") == ["h9"]
    assert await found(store, "far") == ["h3"]
    assert await found(store, "often", to_utc=UTC + 6 * DAY) == often[3:]


async def test_by_number_name_party_and_judge_in_both_languages(store: Store) -> None:
    await book(store, 1, "HC 2026-00418", name="Larkin v Ostrava Freight", name_zh="拉金诉奥斯特拉瓦货运公司")
    await book(
        store, 2, "(2026)沪01民初123号", name_zh="王小明诉李四买卖合同纠纷", party="Wang Xiaoming", party_zh="王小明"
    )
    await book(store, 3, "HC 2026-01000", judge="Beata Müller", party="Larkin Adeyemi")
    for text, expected in {
        "": ["h3", "h2", "h1"],
        "00418": ["h1"],
        "418": ["h1"],
        "hc 2026": ["h3", "h1"],
        "HC 2026-010": ["h3"],
        "ostrava": ["h1"],
        "ostra FREI": ["h1"],
        "muller": ["h3"],
        "买卖合同": ["h2"],
        "合同买卖": [],
        "王": ["h2"],
        "民初123": ["h2"],
        "小明 合同": ["h2"],
        "larkin": ["h3", "h1"],
        "larkin 合同": [],
        "nothing": [],
    }.items():
        assert await found(store, text) == expected, text
    assert await found(store, judge="adeyemi") == ["h2", "h1"]
    assert await found(store, party="adeyemi") == ["h3"]
    assert await found(store, number="2026 1000") == ["h3"]
    assert await found(store, "larkin", judge="müller") == ["h3"]
    assert await found(store, from_utc=UTC + 2 * DAY, to_utc=UTC + 3 * DAY) == ["h2"]


async def test_nobody_finds_what_is_not_theirs(store: Store) -> None:
    await book(store, 1, "HC 1")
    await book(store, 2, "HC 2", court=OTHER, account="judge.other")
    await book(store, 3, "HC 3", booking="booked")
    assert await found(store, "HC") == ["h1"]
    assert await found(store, "HC", courts=("other",)) == ["h2"]
    assert await found(store, "HC", courts=(), judges="judge.adeyemi") == ["h1"]
    assert await found(store, "HC", courts=("other",), judges="judge.adeyemi") == ["h2", "h1"]
    assert await found(store, "HC", courts=(), sitting="h2") == ["h2"]
    both = (DEMO_COURT.id, "other")
    assert await found(store, "HC", courts=both) == ["h2", "h1"]
    assert (
        await found(store, "HC", courts=both, court="other") == await found(store, courts=both, court="other") == ["h2"]
    )
    assert await found(store, "HC", court="other") == []
    assert await found(store, "HC", courts=()) == []


async def test_pages(store: Store) -> None:
    for number in range(PAGE + 3):
        await book(store, number, f"HC {number}")
    first = await store.search.find(Query(text="hc", courts=(DEMO_COURT.id,)))
    assert len(first.found) == PAGE
    assert first.next is not None
    rest = await store.search.find(Query(text="hc", courts=(DEMO_COURT.id,), before=first.next))
    assert [each.facts.sitting_id for each in rest.found] == ["h2", "h1", "h0"]
    assert rest.next is None


async def test_words_of_the_log_and_of_notes(store: Store) -> None:
    sitting_id = await book(store, 1, "HC 1")
    await book(store, 2, "HC 2")
    people = [Booked(id=f"{sitting_id}-j", role=Role.JUDGE), Booked(id=f"{sitting_id}-p", role=Role.CLAIMANT)]
    first = booked(sitting_id, people, Rules(), Now(utc=UTC, mono=0))
    sitting = replay([first])
    assert sitting is not None
    await store.log.append(sitting_id, [first], sitting)
    judge = Actor(id=f"{sitting_id}-j", role="judge")
    for step, command in enumerate(
        (
            Command(name="sign_in", detail={"seat": "s"}),
            Command(name="note", request_id="1", detail={"text": "The second crate was open", "private": False}),
            Command(name="note", request_id="2", detail={"text": "机密 does not convince", "private": True}),
        ),
        1,
    ):
        events = decide(sitting, judge, command, Now(utc=UTC + step, mono=step))
        assert isinstance(events, tuple), events
        for event in events:
            sitting = apply(sitting, event)
        await store.log.append(sitting_id, list(events), sitting)
    assert await found(store, "crate") == ["h1"]
    # A private note is found by nobody.
    assert await found(store, "convince") == []
    assert await found(store, "机密") == []
    page = await store.search.find(Query(text="open crate", courts=(DEMO_COURT.id,)))
    assert [hit.text for hit in page.found[0].hits] == ["The second crate was open"]


async def test_notes_are_found_until_they_are_taken_back(store: Store) -> None:
    sitting_id = await book(store, 1, "HC 1")

    def note(text: str, replaces: int | None = None) -> NoteRow:
        return NoteRow(
            sitting_id=sitting_id, utc=UTC + 5, at_utc=UTC, author="c", name="C", name_zh="书", role="clerk", text=text,
            replaces=replaces,
        )  # fmt: skip

    first = await store.notes.add(note("查看照片 photographs"))
    page = await store.search.find(Query(text="照片", courts=(DEMO_COURT.id,)))
    assert [(hit.at_utc, hit.kind, hit.text) for hit in page.found[0].hits] == [(UTC, "note", "查看照片 photographs")]
    second = await store.notes.add(note("See the drawings", first))
    assert await found(store, "photographs") == []
    assert await found(store, "drawings") == ["h1"]
    await store.notes.add(note("", second))
    assert await found(store, "drawings") == []
    assert await store.notes.read(sitting_id) == []


async def test_what_changes_is_found_anew(store: Store) -> None:
    await book(store, 1, "HC 1")
    assert await found(store, "larkin") == ["h1"]
    async with transaction(store.search._engine, writes=True) as connection:
        await connection.execute(t.people.update().where(t.people.c.id == "h1-p").values(name="Someone Else"))
        await connection.execute(t.sittings.update().values(scheduled_utc=UTC + 9 * DAY))
    assert await found(store, "else", from_utc=UTC + 9 * DAY) == ["h1"]
    # The name in the other language is the same still.
    assert await found(store, "larkin") == []
    async with transaction(store.search._engine, writes=True) as connection:
        await connection.execute(t.hearings.update().values(booking="cancelled"))
    assert await found(store, "else") == []
    async with transaction(store.search._engine, writes=False) as connection:
        assert await connection.scalar(select(func.count()).select_from(search_documents)) == 0
        assert await connection.scalar(select(func.count()).select_from(search_stale)) == 0


async def test_many_who_refresh_at_once(store: Store) -> None:
    for number in range(12):
        await book(store, number, f"HC {number}")
    await asyncio.gather(*(store.search.refresh(5) for _ in range(4)))
    while await store.search.refresh(50):
        pass
    assert len(await found(store, "hc")) == 12


@pytest.mark.parametrize("text", ['"', "'", "* OR", "a" * 300, "é\0", "<->", "x" * 64 + "*"])
async def test_hostile_words_find_nothing(store: Store, text: str) -> None:
    await book(store, 1, "HC 1")
    assert await found(store, text) in ([], ["h1"])
