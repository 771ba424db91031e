"""Who may see which part of a record, by order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hearing_server.court.levels import (
    AROUND_NS,
    DECIDERS,
    OPEN_NS,
    PROPOSALS_LIMIT,
    REQUESTERS,
    SPANS_LIMIT,
    Audience,
    Level,
    LevelAction,
    LevelDecision,
    Levels,
    applied,
    fold,
    refusal,
    within,
)
from recording.withheld import AROUND_US

JUDGE = frozenset({"judge"})
SET = LevelDecision(
    action=LevelAction.SET, by="j", order="O-1", level=Level.SEALED, ground="children", from_utc=100, to_utc=200
)


CLERK = frozenset({"clerk"})
ASKED = replace(SET, action=LevelAction.PREPARE, by="c", order="")


def test_who_decides() -> None:
    assert {"judge", "records_custodian"} == DECIDERS
    assert {"clerk", "lawyer", "claimant", "respondent"} == REQUESTERS
    assert AROUND_NS == AROUND_US * 1000


def test_what_is_sealed_is_for_nobody_and_what_is_confidential_for_the_court() -> None:
    levels = fold([SET, replace(SET, level=Level.CONFIDENTIAL, from_utc=10, to_utc=20)])
    assert [(span.serial, span.level) for span in levels.spans] == [(2, Level.CONFIDENTIAL), (1, Level.SEALED)]
    assert [span.serial for span in levels.withheld(Audience.COURT)] == [1]
    assert [span.serial for span in levels.withheld(Audience.OUTSIDE)] == [2, 1]


def test_an_opening_is_for_one_person_and_a_time() -> None:
    levels = fold([SET, LevelDecision(action=LevelAction.OPEN, by="j", order="O-2", until_utc=OPEN_NS)])
    assert levels.withheld(Audience.COURT, "j", OPEN_NS - 1) == ()
    assert len(levels.withheld(Audience.COURT, "j", OPEN_NS)) == 1
    assert len(levels.withheld(Audience.COURT, "k", 0)) == 1
    assert levels.opened_until("j", 0) == OPEN_NS


def test_an_opening_opens_nothing_that_is_sealed_later() -> None:
    levels = fold([SET, LevelDecision(action=LevelAction.OPEN, by="j", order="O-2", until_utc=OPEN_NS), SET])
    assert [span.serial for span in levels.withheld(Audience.COURT, "j", 0)] == [3]


def test_an_order_lifts_it() -> None:
    lift = LevelDecision(action=LevelAction.LIFT, by="j", order="O-3", of=1)
    levels = fold([SET])
    assert refusal(levels, lift, JUDGE, 0) == ""
    assert applied(levels, lift).spans == ()
    assert refusal(applied(levels, lift), lift, JUDGE, 0) == "level-lifted"


def test_the_edges() -> None:
    (span,) = fold([SET]).spans
    assert [within([span], utc) for utc in (99, 100, 200, 201)] == [False, True, True, False]
    assert within([span], 95, around_ns=5)
    (endless,) = fold([replace(SET, to_utc=0)]).spans
    assert within([endless], 1 << 62)


@pytest.mark.parametrize(
    ("decision", "roles", "code"),
    [
        (SET, JUDGE, ""),
        (SET, frozenset({"records_custodian"}), ""),
        (SET, frozenset({"clerk"}), "not-allowed"),
        (replace(SET, order=" "), JUDGE, "order-missing"),
        (replace(SET, to_utc=100), JUDGE, "level-span"),
        (replace(SET, ground="mood"), JUDGE, "invalid"),
        (replace(SET, from_utc=0), JUDGE, "invalid"),
        (LevelDecision(action=LevelAction.OPEN, by="j", order="O"), JUDGE, "level-nothing"),
        (LevelDecision(action=LevelAction.LIFT, by="j", order="O", of=1), JUDGE, "level-lifted"),
    ],
)
def test_what_is_refused(decision: LevelDecision, roles: frozenset[str], code: str) -> None:
    assert refusal(Levels(), decision, roles, 0) == code


def test_openings_need_an_order_and_there_is_an_end_to_spans() -> None:
    levels = fold([SET] * SPANS_LIMIT)
    assert refusal(levels, SET, JUDGE, 0) == "level-many"
    opening = LevelDecision(action=LevelAction.OPEN, by="j", order="")
    assert refusal(levels, opening, JUDGE, 0) == "order-missing"
    assert refusal(levels, replace(opening, order="O"), frozenset({"clerk"}), 0) == "not-allowed"
    assert refusal(levels, replace(opening, order="O"), JUDGE, 0) == ""


def test_what_is_prepared_withholds_nothing_before_it_is_decided() -> None:
    levels = fold([ASKED])
    assert refusal(Levels(), ASKED, CLERK, 0) == ""
    assert refusal(Levels(), ASKED, frozenset({"lawyer"}), 0) == ""
    for roles in ({"judge"}, {"observer"}, {"panel"}, {"witness"}):
        assert refusal(Levels(), ASKED, frozenset(roles), 0) == "not-allowed"
    assert (levels.spans, [asked.serial for asked in levels.proposals]) == ((), [1])
    taken_up = replace(SET, of=1)
    assert refusal(levels, taken_up, CLERK, 0) == "not-allowed"
    assert refusal(levels, taken_up, JUDGE, 0) == ""
    decided = applied(levels, taken_up)
    assert ([span.serial for span in decided.spans], decided.proposals) == ([2], ())
    assert refusal(decided, taken_up, JUDGE, 0) == "level-decided"


def test_what_is_prepared_is_declined_by_who_decides_and_taken_back_by_who_asked() -> None:
    levels = fold([ASKED])
    for by, roles, code in (("j", JUDGE, ""), ("c", CLERK, ""), ("d", CLERK, "not-allowed")):
        decline = LevelDecision(action=LevelAction.DECLINE, by=by, order="", of=1)
        assert refusal(levels, decline, roles, 0) == code
    assert applied(levels, decline).proposals == ()
    assert refusal(applied(levels, decline), decline, JUDGE, 0) == "level-decided"
    assert refusal(fold([ASKED] * PROPOSALS_LIMIT), ASKED, CLERK, 0) == "level-many"


def test_what_is_withheld_to_the_end_can_stop_before() -> None:
    levels = fold([replace(SET, to_utc=0)])
    end = LevelDecision(action=LevelAction.END, by="j", order="O-2", of=1, to_utc=150)
    assert refusal(levels, end, JUDGE, 0) == ""
    assert refusal(levels, end, CLERK, 0) == "not-allowed"
    assert refusal(levels, replace(end, order=""), JUDGE, 0) == "order-missing"
    assert refusal(levels, replace(end, to_utc=100), JUDGE, 0) == "level-span"
    (span,) = applied(levels, end).spans
    assert (span.serial, span.from_utc, span.to_utc) == (1, 100, 150)
    assert refusal(applied(levels, end), end, JUDGE, 0) == "level-lifted"
