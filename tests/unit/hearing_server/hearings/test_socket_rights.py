"""Who may send what on the socket: every message of the contract for every role, and every command of the tables."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, get_args

import pytest

from hearing_server.court import Role
from hearing_server.court.permissions import PUBLISH
from hearing_server.court.tables import ABOUT_SOMEBODY, SELF, rows
from hearing_server.hearings.commands import ASKED
from hearing_server.store import PersonRow
from signaling import messages as s
from signaling.application import Refusal, Seat
from signaling.messages import AnyNotice, Ended
from signaling.worker_api import Source
from tests.unit.hearing_server.parts import Court

#: Who decides about a message.  ``everybody``: comes and goes with the seat alone.  ``law``: the tables, by name.
#: ``source``: the table of what a role may ever send.  ``hint``: who may be told, below.  ``own``: about one's own
#: transports, senders and receivers only, which the plan has given; the media worker's tests hold that.
DEMANDS: dict[type, str] = {
    s.Join: "everybody",
    s.CheckIn: "everybody",
    s.Leave: "everybody",
    s.Ping: "everybody",
    s.Command: "law",
    s.Hint: "hint",
    s.Produce: "source",
    s.CreateTransport: "own",
    s.ConnectTransport: "own",
    s.RestartIce: "own",
    s.PauseProducer: "own",
    s.ResumeProducer: "own",
    s.CloseProducer: "own",
    s.ResumeConsumer: "own",
    s.PauseConsumer: "own",
    s.SetPreferredLayers: "own",
}
SOURCES: tuple[Source, ...] = ("microphone", "camera", "screen")
#: What a role that has no leave is told.
NO_LEAVE = frozenset({"not-allowed", "needs-grant", "not-presiding"})


class Page:
    def __init__(self, sitting_id: str, person_id: str) -> None:
        self.seat = Seat(sitting_id, person_id, f"seat-{person_id}", "en")
        self.notices: list[AnyNotice] = []
        self.ended: Ended | None = None

    def notify(self, notice: AnyNotice) -> None:
        self.notices.append(notice)

    def end(self, reason: Any, message: str, *, keep_media: bool = False) -> None:
        self.ended = Ended(reason=reason, message=message)


async def code_of(asked: Awaitable[Any]) -> str | None:
    """The code that it is refused with, if it is."""
    try:
        await asked
    except Refusal as refused:
        return refused.code
    return None


async def pages(court: Court) -> dict[Role, Page]:
    """One person of each role, all of them in the waiting room or further."""
    facts = await court.store.docket.by_hearing(court.sitting_id)
    assert facts is not None
    ids = {Role(person.role): person.id for person in facts.people}
    for role in Role:
        if role not in ids:
            row = PersonRow(id=f"{role}-added", role=role, name=role.title(), name_zh=role)
            await court.store.bookings.add_person(court.sitting_id, row)
            ids[role] = row.id
    await court.start("claimant")
    await court.hearings.booking_changed(court.sitting_id)
    found = {role: Page(court.sitting_id, person_id) for role, person_id in ids.items()}
    for page in found.values():
        await court.hearings.enter(page, s.Join(id=1))
        await court.hearings.check_in(page, s.CheckIn(id=2, declaration=True))
    await court.settled()
    return found


def test_every_message_has_its_demand() -> None:
    assert set(DEMANDS) == set(get_args(s.AnyRequest))


async def test_everybody_comes_and_goes(court: Court) -> None:
    for page in (await pages(court)).values():
        assert page.ended is None
        await court.hearings.leave(page)


async def test_what_each_role_may_ever_send(court: Court) -> None:
    for role, page in (await pages(court)).items():
        for source in SOURCES:
            code = await code_of(court.hearings.may_produce(page, source))
            if source in PUBLISH[role]:
                assert code is None, (role, source)
            else:
                assert code in ("may-not-publish", "source-not-allowed"), (role, source)


async def test_each_command_for_each_role_that_may_not(court: Court) -> None:
    """Who is not among the givers of a row is refused; that the givers are not is held by the tables' own tests."""
    found = await pages(court)
    about = found[Role.GUEST].seat.person_id
    tried = 0
    for command in sorted(ASKED):
        row = rows(command)[0]
        for role in set(Role) - row.who:
            if SELF in row.who and (role is Role.GUEST or row.event not in ABOUT_SOMEBODY):
                continue
            # Everybody's allowance of commands is full again.
            court.clock.wait(2)
            arguments = {"personId": about, "reason": "because"}
            request = s.Command(id=3, name=command, request_id=f"{command}-{role}", arguments=arguments)
            code = await code_of(court.hearings.command(found[role], request))
            # Which exhibit it is is looked up before the law is asked.
            expected = NO_LEAVE | ({"exhibit-unknown", "not-found"} if command == "show_exhibit" else set())
            assert code in expected, (command, role, code)
            tried += 1
    assert tried > 400


async def test_hints_reach_only_whom_they_may(court: Court) -> None:
    found = await pages(court)
    claimant = found[Role.CLAIMANT].seat.person_id
    for role, page in found.items():
        with pytest.raises(Refusal) as refused:
            await court.hearings.hint(page, s.Hint(id=4, name="pointer", arguments={"x": 1, "y": 1}))
        assert refused.value.code == "no-exhibit"
        with pytest.raises(Refusal) as refused:
            await court.hearings.hint(page, s.Hint(id=5, name="telepathy"))
        assert refused.value.code == "unknown-command"
        typing = s.Hint(id=6, name="typing", arguments={"personId": claimant})
        if role in (Role.CLERK, Role.STAFF_HOST, Role.CLAIMANT):
            await court.hearings.hint(page, typing)
        else:
            with pytest.raises(Refusal) as refused:
                await court.hearings.hint(page, typing)
            assert refused.value.code == "unknown-person"
