"""Letters about a record: who gets one, in their language, with their own link, and which go on being tried."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import replace

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, text

from hearing_server.court import Event, Sitting
from hearing_server.mailing import Mailing
from hearing_server.notices import RecordNotices
from hearing_server.store import HearingFacts
from hearing_server.store.engine import transaction
from hearing_server.store.outbox import OutboxRow
from tests.unit.hearing_server.web.conftest import Site
from tests.unit.hearing_server.web.test_written import hold, signing


async def test_who_is_told_of_what(site: Site) -> None:
    mailing = Mailing(site.court.store, site.links, base_url="https://court.test", sender="court@court.test")
    notices = RecordNotices(mailing, site.court.store)

    def addressed(facts: HearingFacts, sitting: Sitting, events: Sequence[Event]) -> None:
        locales = {"respondent": "zh-CN"}
        people = tuple(
            replace(one, email=f"{one.role}@example.org", locale=locales.get(one.role, "en")) for one in facts.people
        )
        notices.heard(replace(facts, people=people), sitting, events)

    site.court.hearings.on_events = addressed
    url = await hold(site, missing_writers=["w9.lost"])
    async with site.seated("claimant") as claimant, site.seated("respondent") as respondent:
        page = (await claimant.get(url)).json()
        await claimant.post(f"{url}/signature", json=signing(page))
        refusal = {"draft": page["draft"], "reason": "{braces} are 不是 mine"}
        assert (await respondent.post(f"{url}/refusal", json=refusal)).status_code == 200
    while not notices._due.empty():
        due = notices._due.get_nowait()
        for _ in range(2):  # of one event nobody is told twice
            await mailing.tell(due.kind, due.facts, due.to, due.who, event=due.event, **due.words)
    letters = await site.court.store.outbox.of_hearing(site.booking.hearing_id)

    def to(kind: str) -> dict[str, OutboxRow]:
        return {letter.address.partition("@")[0]: letter for letter in letters if letter.kind == kind}

    assert set(to("incident")) == {"judge"}
    assert {"judge", "claimant", "respondent"} <= set(to("circulated"))
    chinese = to("circulated")["respondent"]
    assert "第 1 稿" in chinese.body
    assert "https://court.test/j/" in chinese.body
    assert set(to("signed")) == set(to("refused")) == {"clerk"}
    assert "Larkin has signed draft 1" in to("signed")["clerk"].body
    assert "{braces} are 不是 mine" in to("refused")["clerk"].body
    assert {letter.state for letter in letters} == {"queued"}


def everybody_has_an_address(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    real = site.court.store.docket.by_sitting

    async def addressed(sitting_id: str) -> HearingFacts | None:
        facts = await real(sitting_id)
        assert facts
        return replace(facts, people=tuple(replace(one, email=f"{one.role}@example.org") for one in facts.people))

    monkeypatch.setattr(site.court.store.docket, "by_sitting", addressed)


async def test_what_was_lost_with_the_process_is_written_by_the_next(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = site.court.store
    mailing = Mailing(store, site.links, base_url="https://court.test", sender="court@court.test")
    await hold(site, missing_writers=["w9.lost"])
    everybody_has_an_address(site, monkeypatch)
    written: list[list[str]] = []
    for _ in range(2):
        await RecordNotices(mailing, store).catch_up(site.court.clock.utc())
        written.append([letter.id for letter in await store.outbox.of_hearing(site.booking.hearing_id)])
    assert written[0] == written[1]
    kinds = [letter.kind for letter in await store.outbox.of_hearing(site.booking.hearing_id)]
    assert (set(kinds), kinds.count("circulated")) == ({"incident", "circulated"}, 4)


async def test_without_mail_nothing_is_written(site: Site) -> None:
    mailing = Mailing(site.court.store, site.links, base_url="", sender="")
    facts = await site.court.store.docket.by_hearing(site.booking.hearing_id)
    assert facts
    await mailing.tell("circulated", facts, [replace(facts.judge, email="judge@example.org")], event="1", draft="1")
    assert await site.court.store.outbox.of_hearing(facts.hearing_id) == []


async def test_the_words_of_a_letter_with_a_secret_go_when_it_is_sent(site: Site) -> None:
    outbox, facts = site.court.store.outbox, await site.court.store.docket.by_hearing(site.booking.hearing_id)
    assert facts
    for kind in ("share-code", "circulated"):
        letter = OutboxRow(
            id=kind,
            hearing_id=facts.hearing_id,
            person_id=None,
            kind=kind,
            channel="email",
            address="a@example.org",
            subject="s",
            body="secret",
            created_utc=1,
            due_utc=1,
        )
        await outbox.add([letter])
        await outbox.put_off(kind, 2, "later")
        await outbox.sent(kind, 3)
    assert {row.id: row.body for row in await outbox.of_hearing(facts.hearing_id)} == {
        "share-code": "",
        "circulated": "secret",
    }


def upgrade(connection: Connection) -> None:
    with Operations.context(MigrationContext.configure(connection)):
        importlib.import_module("hearing_server.store.migrations.versions.0014_notices_once").upgrade()


async def test_letters_of_an_older_version_are_known_as_such(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """They had numbers; the migration gives them the names by which it is known that they were written."""
    store = site.court.store
    mailing = Mailing(store, site.links, base_url="https://court.test", sender="court@court.test")
    url = await hold(site, missing_writers=["w9.lost"])
    for role in ("claimant", "respondent"):
        async with site.seated(role) as party:
            await party.post(f"{url}/signature", json=signing((await party.get(url)).json()))
    everybody_has_an_address(site, monkeypatch)
    await RecordNotices(mailing, store).catch_up(site.court.clock.utc())
    written = await store.outbox.of_hearing(site.booking.hearing_id)
    assert len([letter for letter in written if letter.kind == "signed"]) == 2
    later = site.court.clock.utc()
    async with transaction(store._engine, writes=True) as connection:
        older = "UPDATE outbox SET id = substr(id, 1, 16), created_utc = :later"
        await connection.execute(text(older), {"later": later})
        await connection.run_sync(upgrade)
    known = await store.outbox.of_hearing(site.booking.hearing_id)
    assert {letter.id for letter in known} == {letter.id for letter in written}
    await RecordNotices(mailing, store).catch_up(site.court.clock.utc())
    assert len(await store.outbox.of_hearing(site.booking.hearing_id)) == len(written)


async def test_letters_that_were_written_anew_before_the_older_ones_got_names_stay(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who ran the version between has both: the one with a number, and its repetition with the name."""
    store = site.court.store
    mailing = Mailing(store, site.links, base_url="https://court.test", sender="court@court.test")
    await hold(site, missing_writers=["w9.lost"])
    everybody_has_an_address(site, monkeypatch)
    await RecordNotices(mailing, store).catch_up(site.court.clock.utc())
    named = await store.outbox.of_hearing(site.booking.hearing_id)
    numbered = [replace(letter, id=letter.id[:16], created_utc=site.court.clock.utc()) for letter in named]
    await store.outbox.add(numbered)
    async with transaction(store._engine, writes=True) as connection:
        await connection.run_sync(upgrade)
    known = {letter.id for letter in await store.outbox.of_hearing(site.booking.hearing_id)}
    assert known == {letter.id for letter in [*named, *numbered]}
    await RecordNotices(mailing, store).catch_up(site.court.clock.utc())
    assert {letter.id for letter in await store.outbox.of_hearing(site.booking.hearing_id)} == known
