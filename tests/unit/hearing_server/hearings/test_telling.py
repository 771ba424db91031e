"""What people are told beside their view: entries of the log, news, hints; and what follows from removals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hearing_server.court import SYSTEM, Command, replay
from hearing_server.hearings import journal as journal_module
from hearing_server.hearings.journal import Journal, replayed
from signaling.application import Refusal
from signaling.messages import Entries, Hint, Hinted, Join, News
from tests.unit.hearing_server.parts import Court, Socket, new_court


@pytest.fixture
async def court(tmp_path: Path) -> AsyncIterator[Court]:
    async with new_court(tmp_path) as made:
        yield made


def entries(socket: Socket) -> list[dict[str, Any]]:
    """What this client's list holds."""
    held: list[dict[str, Any]] = []
    for notice in socket.notices:
        if isinstance(notice, Entries):
            held = ([] if notice.afresh else held) + notice.entries
    return held


def names(socket: Socket) -> list[str]:
    return [entry["event"] for entry in entries(socket)]


def news(socket: Socket, name: str) -> list[dict[str, Any]]:
    return [notice.data for notice in socket.notices if isinstance(notice, News) and notice.name == name]


def hints(socket: Socket) -> list[Hinted]:
    return [notice for notice in socket.notices if isinstance(notice, Hinted)]


async def refused(awaitable: Any) -> str:
    with pytest.raises(Refusal) as caught:
        await awaitable
    return caught.value.code


async def test_words_reach_those_inside_and_the_court_and_nobody_who_comes_later(court: Court) -> None:
    sockets = await court.start("clerk", "claimant", "respondent", "witness")
    await court.command(sockets["claimant"], "statement", arguments={"text": "I was there."})
    await court.command(sockets["judge"], "ruling", arguments={"text": "Admitted."})
    for role in ("judge", "clerk", "respondent"):
        assert [entry["detail"] for entry in entries(sockets[role]) if entry["event"] == "statement"] == [
            {"text": "I was there."}
        ]
    assert not {"statement", "ruling"} & set(names(sockets["witness"]))
    await court.command(sockets["judge"], "call", arguments={"personId": court.people["witness"]})
    await court.command(sockets["judge"], "ruling", arguments={"text": "Answer the question."})
    assert names(sockets["witness"])[-1] == "ruling"
    assert "statement" not in names(sockets["witness"])
    again, _ = await court.join("witness")
    said = [entry["detail"]["text"] for entry in entries(again) if entry["event"] == "ruling"]
    assert said == ["Answer the question."], "coming back is no way to hear what others said"


async def test_notes_and_duress_are_the_staffs(court: Court) -> None:
    sockets = await court.start("clerk", "claimant")
    await court.command(sockets["clerk"], "note", arguments={"text": "late"})
    await court.command(sockets["judge"], "note", arguments={"text": "mine", "private": True})
    await court.command(sockets["claimant"], "duress")
    assert "duress" in names(sockets["clerk"])
    assert "duress" not in names(sockets["claimant"]) + names(sockets["judge"])
    notes = {role: [e["detail"]["text"] for e in entries(sockets[role]) if e["event"] == "note"] for role in sockets}
    assert notes == {"judge": ["late", "mine"], "clerk": ["late"], "claimant": []}
    await court.settled()
    assert [task["kind"] for task in sockets["clerk"].view["tasks"]] == ["duress"]
    assert sockets["judge"].view["tasks"] == sockets["claimant"].view["tasks"] == []


async def test_no_entry_names_a_device(court: Court) -> None:
    sockets = await court.start("clerk", "claimant")
    await court.join("claimant", seat_id="phone")
    shown = [entry for socket in sockets.values() for entry in entries(socket)]
    assert any(entry["event"] == "change_device" for entry in shown)
    assert "seat" not in {name for entry in shown for name in entry["detail"]}


async def test_who_comes_back_gets_what_they_missed_and_nothing_twice(court: Court) -> None:
    sockets = await court.start("claimant")
    await court.command(sockets["judge"], "ruling", arguments={"text": "one"})
    await court.settled()
    seen = sockets["claimant"].view["seq"]
    before = names(sockets["claimant"])
    await court.hearings.gone(sockets["claimant"])
    await court.settled()
    judge = sockets["judge"]
    await court.command(judge, "recess", arguments={})
    await court.settled()
    again = court.socket("claimant")
    await court.hearings.enter(again, Join(id=1, last_seq=seen))
    told = [notice for notice in again.notices if isinstance(notice, Entries)]
    assert [notice.afresh for notice in told] == [False]
    assert [entry["seq"] for entry in entries(again)] == sorted(
        {entry["seq"] for entry in entries(again) if entry["seq"] > seen}
    )
    assert "ruling" not in names(again)
    assert "ruling" in before


async def test_whoever_missed_too_much_gets_the_newest_afresh(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "TOLD", 3)
    sockets = await court.start("clerk")
    seen = 1
    for number in range(5):
        await court.command(sockets["judge"], "ruling", arguments={"text": f"{number}"})
    again = court.socket("clerk")
    await court.hearings.enter(again, Join(id=1, last_seq=seen))
    first = next(notice for notice in again.notices if isinstance(notice, Entries))
    assert first.afresh
    assert len(first.entries) == 3
    assert first.entries[-1]["detail"] == {"text": "4"}


async def test_the_journal_of_a_restart_is_the_one_before(court: Court) -> None:
    sockets = await court.start("clerk", "claimant")
    await court.command(sockets["claimant"], "statement", arguments={"text": "x"})
    log = await court.store.log.read(court.sitting_id)
    sitting, journal = replayed(log)
    assert sitting == replay(log)
    actor = court.hearings.live(court.sitting_id)
    assert actor is not None
    for person in court.people.values():
        assert journal.since(person, None) == actor._journal.since(person, None)
        assert journal.since(person, 9)[1] == actor._journal.since(person, 9)[1]


def test_a_journal_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Journal().since("p", 5) == (False, [])
    assert Journal()._entries.maxlen == journal_module.KEPT


async def test_chimes_are_for_those_inside_who_may_see(court: Court) -> None:
    sockets = await court.start("claimant", "witness", "observer")
    witness = court.people["witness"]
    await court.command(sockets["judge"], "call", arguments={"personId": witness})
    assert news(sockets["claimant"], "entered")[-1] == {"personId": witness}
    assert news(sockets["observer"], "entered") == [], "outside"
    assert {"personId": witness} not in news(sockets["witness"], "entered"), "oneself"
    await court.command(sockets["judge"], "dismiss", arguments={"personId": witness})
    assert news(sockets["claimant"], "left") == [{"personId": witness}]


async def test_whoever_is_sent_away_is_gone_until_readmitted(court: Court) -> None:
    sockets = await court.start("claimant")
    person = court.people["claimant"]
    assert await refused(court.command(sockets["judge"], "remove", arguments={"personId": person})) == "reason-missing"
    await court.command(sockets["judge"], "remove", arguments={"personId": person, "reason": "shouting"})
    ended = sockets["claimant"].ended
    assert ended is not None
    assert ended.reason == "removed"
    assert person not in court.room.plan.publish
    assert await refused(court.join("claimant")) == "removed"
    await court.command(sockets["judge"], "readmit", arguments={"personId": person})
    _, view = await court.join("claimant")
    assert view["place"] == "waiting_room"


async def test_typing_and_chat_are_between_a_person_and_the_staff(court: Court) -> None:
    sockets = await court.start("clerk", "claimant", "respondent")
    await court.hearings.hint(sockets["claimant"], Hint(id=1, name="typing"))
    claimant = court.people["claimant"]
    assert [hint.data for hint in hints(sockets["clerk"])] == [{"personId": claimant, "fromStaff": False}]
    await court.hearings.hint(sockets["clerk"], Hint(id=2, name="typing", arguments={"personId": claimant}))
    assert [hint.data for hint in hints(sockets["claimant"])] == [{"personId": claimant, "fromStaff": True}]
    assert hints(sockets["respondent"]) == hints(sockets["judge"]) == []
    for arguments in ({"personId": claimant}, {"personId": "nobody"}, {"personId": 4}):
        assert (
            await refused(court.hearings.hint(sockets["respondent"], Hint(id=3, name="typing", arguments=arguments)))
            == "unknown-person"
        )


async def test_hints_that_are_none(court: Court) -> None:
    sockets = await court.start()
    assert await refused(court.hearings.hint(sockets["judge"], Hint(id=1, name="nonsense"))) == "unknown-command"
    assert (
        await refused(court.hearings.hint(sockets["judge"], Hint(id=1, name="pointer", arguments={"x": 1, "y": 1})))
        == "no-exhibit"
    )


async def test_too_many_hints_are_left_out(court: Court) -> None:
    sockets = await court.start("clerk", "claimant")
    for number in range(200):
        await court.hearings.hint(sockets["claimant"], Hint(id=number, name="typing"))
    assert len(hints(sockets["clerk"])) == 30


async def test_a_screened_pair_gets_no_sign_of_each_other(court: Court) -> None:
    """Roster, entries, chimes, pointers: both ways."""
    sockets = await court.start("clerk", "claimant", "respondent")
    one, other = court.people["claimant"], court.people["respondent"]
    await court.hearings.act(
        court.sitting_id,
        SYSTEM,
        Command(name="change_person", subject=one, detail={"screened_from": [other]}),
        "en",
    )
    await court.settled()
    for me, them in (("claimant", other), ("respondent", one)):
        assert them not in {person["personId"] for person in sockets[me].view["people"]}
    plan = court.room.plan
    assert other not in plan.receive[one]
    assert one not in plan.receive[other]
    for socket in sockets.values():
        socket.notices.clear()
    await court.command(sockets["claimant"], "statement", arguments={"text": "secret"})
    await court.command(sockets["respondent"], "leave_room")
    assert "statement" not in names(sockets["respondent"])
    assert news(sockets["claimant"], "left") == []
    assert news(sockets["clerk"], "left") == [{"personId": other}]
