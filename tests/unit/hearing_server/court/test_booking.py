"""Machine B: every row taken, refused to every other role and in every other state; its guards."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from hearing_server.court import Refused, Rules, SittingState, profile
from hearing_server.court.booking import EDIT_CLOSES_S, GUARDS, Booking, Plan, decide_booking, too_late
from hearing_server.court.desk import SYSTEM_ROLES, Request
from hearing_server.court.permissions import COLUMNS
from hearing_server.court.states import BookingState
from hearing_server.court.tables.booking import BOOKING
from hearing_server.court.tables.row import BY_SYSTEM, Row
from hearing_server.refusals import SENTENCES

NS = 1_000_000_000
DAY = 86_400 * NS
WHOLE = Plan(scheduled=DAY, parties=2, judges=1, interpreters=0, recording="on")
GOOD = Booking(state=BookingState.DRAFT, sitting=SittingState.NOT_STARTED, rules=Rules(), plan=WHOLE)
#: What a row needs beside its state.
NEEDS: dict[str, dict[str, Any]] = {
    "hold": {"sitting": SittingState.CLOSED},
    "go_offline": {"sitting": SittingState.CLOSED, "converted": "originals"},
}


def request(name: str, role: str, **fields: Any) -> Request:
    filled = {"reason": "settled", "detail": {"ground": "originals"}, **fields}
    return Request(name=name, actor="somebody", roles=frozenset({role}), utc=filled.pop("utc", 0), **filled)


def name_of(row: Row) -> str:
    return f"{row.event}-{min(row.sources)}"


@pytest.mark.parametrize("row", BOOKING, ids=name_of)
@pytest.mark.parametrize("role", [*COLUMNS, BY_SYSTEM])
def test_every_row_and_role_and_state(row: Row, role: str) -> None:
    sources = {source for other in BOOKING if other.event == row.event for source in other.sources}
    for state in BookingState:
        booking = replace(GOOD, state=state, **NEEDS.get(row.event, {}))
        answer = decide_booking(booking, request(row.event, role))
        if role not in row.who:
            assert answer == Refused(code="not-allowed")
        elif state not in sources:
            assert answer == Refused(code="booking-state")
        else:
            assert isinstance(answer, Row)
            assert answer.event == row.event


def test_every_guard_is_of_some_row() -> None:
    assert {guard for row in BOOKING for guard in row.guards} == GUARDS.keys()


CONFIRMED = replace(GOOD, state=BookingState.CONFIRMED)


@pytest.mark.parametrize(
    ("booking", "asked", "code"),
    [
        (replace(GOOD, plan=replace(WHOLE, scheduled=0)), request("book", "clerk"), "booking-incomplete"),
        (replace(GOOD, plan=replace(WHOLE, parties=0)), request("book", "clerk"), "booking-incomplete"),
        (
            replace(GOOD, state=BookingState.BOOKED, plan=replace(WHOLE, judges=0)),
            request("confirm", "clerk"),
            "host-missing",
        ),
        (GOOD, request("cancel", "judge", reason="  "), "reason-missing"),
        (CONFIRMED, request("convert", "judge", detail={"ground": "rain"}), "ground-unlawful"),
        (replace(CONFIRMED, sitting=SittingState.IN_SESSION), request("cancel", "clerk"), "booking-state"),
        (
            CONFIRMED,
            request("edit", "clerk", utc=DAY - EDIT_CLOSES_S * NS),
            "too-late",
        ),
        (replace(CONFIRMED, wanted=replace(WHOLE, recording="off")), request("edit", "clerk"), "recording-fixed"),
        (replace(CONFIRMED, wanted=replace(WHOLE, judges=2)), request("edit", "clerk"), "person-unfit"),
        (replace(CONFIRMED, wanted=replace(WHOLE, judges=0)), request("edit", "clerk"), "host-missing"),
        (
            replace(GOOD, wanted=replace(WHOLE, recording="off", interpreters=1)),
            request("edit", "clerk"),
            "recording-needed",
        ),
        (replace(CONFIRMED, wanted=replace(WHOLE, judges=2)), request("add_person", "staff_host"), "person-unfit"),
        (CONFIRMED, Request(name="hold", actor="system", roles=SYSTEM_ROLES, utc=0), "booking-state"),
        (CONFIRMED, request("burn", "clerk"), "unknown-command"),
    ],
)
def test_why_not(booking: Booking, asked: Request, code: str) -> None:
    assert decide_booking(booking, asked) == Refused(code=code)
    assert code in SENTENCES


def test_people_are_added_to_the_last_minute() -> None:
    on = replace(CONFIRMED, sitting=SittingState.IN_SESSION)
    assert too_late(on, 0)
    assert isinstance(decide_booking(on, request("add_person", "staff_host", utc=DAY)), Row)


@pytest.mark.parametrize("name", ["demo", "england", "china"])
def test_the_grounds_are_those_of_the_courts_profile(name: str) -> None:
    rules = profile(name)
    booking = replace(CONFIRMED, rules=rules)
    for ground in {*profile("england").convert_grounds, *profile("china").convert_grounds}:
        answer = decide_booking(booking, request("convert", "judge", detail={"ground": ground}))
        assert isinstance(answer, Row) == (ground in rules.convert_grounds)
