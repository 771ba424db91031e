"""How long records are kept, and who may have them destroyed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from hearing_server.court.custody import (
    EVENTS,
    WHO,
    Action,
    Custody,
    Decision,
    RecordCustody,
    applied,
    fold,
    refusal,
    settle,
)
from hearing_server.court.retention import CLASSES, retention_class, years_after

TODAY = date(2026, 3, 2)
LONG_AFTER = date(2040, 1, 1)
CUSTODIANS = frozenset({"records_custodian"})


def said(action: Action, by: str = "a", **fields: object) -> Decision:
    return replace(Decision(action=action, by=by, reason="because", order="HC-1"), **fields)  # type: ignore[arg-type]


def outcome(name: str = "not_guilty", decided: date = TODAY, **fields: object) -> Decision:
    return said(Action.OUTCOME, outcome=name, decided=decided, **fields)


def after(*decisions: Decision, profile: str = "england") -> RecordCustody:
    custody = RecordCustody()
    for decision in decisions:
        settled = settle(decision, custody, profile)
        assert settled is not None
        custody = applied(custody, settled, profile)
    return custody


def why_not(custody: RecordCustody, decision: Decision, today: date = TODAY) -> str:
    settled = settle(decision, custody, "england")
    assert settled is not None
    return refusal(custody, settled, CUSTODIANS, today, closed=True)


@pytest.mark.parametrize(
    ("profile", "name", "until"),
    [
        ("england", "not_guilty", date(2027, 3, 2)),
        ("england", "non_custodial", date(2033, 3, 2)),
        ("england", "custodial", date(2033, 3, 2)),
        ("england", "life", date(2125, 3, 2)),
        ("china", "short_term", date(2057, 1, 1)),
        ("china", "long_term", date(2087, 1, 1)),
        ("china", "permanent", date(2126, 1, 1)),
    ],
)
def test_the_outcome_says_for_how_long(profile: str, name: str, until: date) -> None:
    assert after(outcome(name), profile=profile).until == until


def test_a_record_is_kept_to_the_end_of_a_longer_sentence() -> None:
    assert after(outcome("custodial", sentence_ends=date(2044, 5, 1))).until == date(2044, 5, 1)
    assert after(outcome("custodial", sentence_ends=date(2027, 5, 1))).until == date(2033, 3, 2)


def test_a_day_that_is_not_every_year() -> None:
    assert years_after(date(2024, 2, 29), 4) == date(2028, 2, 29)
    assert years_after(date(2024, 2, 29), 1) == date(2025, 3, 1)


def test_an_outcome_of_another_profile_leads_nowhere() -> None:
    assert settle(outcome("permanent"), RecordCustody(), "england") is None
    assert retention_class("nowhere", "life") is None
    assert settle(said(Action.OVERRIDE), RecordCustody(), "england") is None


@pytest.mark.parametrize("profile", CLASSES)
def test_every_class_leads_into_the_future(profile: str) -> None:
    for kind in CLASSES[profile]:
        assert kind.until(TODAY) > TODAY


def test_a_later_outcome_never_shortens_a_lock() -> None:
    longer = outcome("non_custodial")
    assert after(longer, outcome("not_guilty")).until == date(2033, 3, 2)
    custody = after(longer)
    sooner = said(Action.OVERRIDE, until=date(2030, 1, 1))
    assert why_not(custody, sooner) == "retention-shorter"
    assert why_not(custody, said(Action.OVERRIDE, until=date(2050, 1, 1))) == ""


@pytest.mark.parametrize("action", EVENTS)
def test_reasons_and_orders_are_asked_for(action: Action) -> None:
    custody = after(outcome())
    bare = replace(said(action, until=LONG_AFTER), reason=" ", order="")
    assert why_not(custody, bare) == "reason-missing"
    if action in (Action.OVERRIDE, Action.HOLD, Action.RELEASE):
        assert why_not(custody, replace(bare, reason="because")) == "order-missing"


@pytest.mark.parametrize("action", WHO)
def test_who_decides_what(action: Action) -> None:
    settled = settle(said(action, until=LONG_AFTER, outcome="life", decided=TODAY), RecordCustody(), "england")
    assert settled is not None
    for role in ("judge", "clerk", "administrator", "auditor", "staff_host", "records_custodian"):
        code = refusal(after(outcome()), settled, frozenset({role}), TODAY, closed=True)
        may = role == "records_custodian" or (action is Action.OUTCOME and role in ("judge", "clerk"))
        assert (code == "not-allowed") is not may, role


def test_nobody_destroys_inside_retention() -> None:
    assert why_not(RecordCustody(), said(Action.MARK), LONG_AFTER) == "retention-runs"
    kept = after(outcome())
    assert kept.until is not None
    for day in (TODAY, kept.until):
        assert kept.state(day) is Custody.KEPT
        assert why_not(kept, said(Action.MARK), day) == "retention-runs"
    due = kept.until + timedelta(days=1)
    assert kept.state(due) is Custody.EXPIRED
    assert why_not(kept, said(Action.MARK), due) == ""


def test_two_people_destroy() -> None:
    marked = after(outcome(), said(Action.MARK, by="a"))
    assert marked.state(LONG_AFTER) is Custody.MARKED
    assert why_not(marked, said(Action.APPROVE, by="a"), LONG_AFTER) == "same-person"
    assert why_not(marked, said(Action.MARK, by="b"), LONG_AFTER) == "artefact-state"
    assert why_not(marked, said(Action.APPROVE, by="b"), LONG_AFTER) == ""
    approved = applied(marked, said(Action.APPROVE, by="b"), "england")
    assert approved.state(LONG_AFTER) is Custody.APPROVED
    for action in Action:
        assert (why_not(approved, said(action, until=LONG_AFTER, outcome="life", decided=TODAY), LONG_AFTER) == "") is (
            action is Action.DESTROYED
        )
    gone = applied(approved, said(Action.DESTROYED, by="system"), "england")
    assert gone.state(LONG_AFTER) is Custody.DESTROYED
    assert why_not(gone, said(Action.DESTROYED), LONG_AFTER) == "artefact-state"


def test_a_mark_can_be_withdrawn_and_then_nobody_approves() -> None:
    marked = after(outcome(), said(Action.MARK))
    assert why_not(marked, said(Action.WITHDRAW, by="b"), LONG_AFTER) == ""
    back = applied(marked, said(Action.WITHDRAW), "england")
    assert why_not(back, said(Action.APPROVE, by="b"), LONG_AFTER) == "not-marked"
    assert why_not(back, said(Action.WITHDRAW), LONG_AFTER) == "not-marked"


def test_a_hold_stops_everything_and_is_released() -> None:
    marked = after(outcome(), said(Action.MARK))
    held = applied(marked, said(Action.HOLD, order="CA-7"), "england")
    assert (held.held, held.hold_order) == (True, "CA-7")
    assert why_not(held, said(Action.APPROVE, by="b"), LONG_AFTER) == "legal-hold"
    assert why_not(held, said(Action.HOLD)) == "legal-hold"
    free = applied(held, said(Action.RELEASE), "england")
    assert why_not(free, said(Action.APPROVE, by="b"), LONG_AFTER) == ""
    assert why_not(free, said(Action.RELEASE)) == "not-held"


def test_hiding_is_reversible() -> None:
    hidden = after(said(Action.HIDE))
    assert hidden.hidden
    assert why_not(hidden, said(Action.HIDE)) == "artefact-state"
    assert why_not(hidden, said(Action.SHOW)) == ""
    assert not after(said(Action.HIDE), said(Action.SHOW)).hidden
    assert why_not(RecordCustody(), said(Action.SHOW)) == "artefact-state"


def test_what_is_kept_for_good_is_never_due() -> None:
    custody = after(outcome("permanent"), profile="china")
    assert not custody.due(date(2300, 1, 1))
    assert custody.state(date(2300, 1, 1)) is Custody.KEPT


def test_nothing_is_decided_before_the_end() -> None:
    settled = settle(outcome(), RecordCustody(), "england")
    assert settled is not None
    assert refusal(RecordCustody(), settled, CUSTODIANS, TODAY, closed=False) == "custody-not-closed"


def test_days_that_cannot_be() -> None:
    assert why_not(RecordCustody(), outcome(decided=TODAY + timedelta(days=1))) == "custody-date"
    assert why_not(RecordCustody(), said(Action.OVERRIDE, until=TODAY - timedelta(days=1))) == "custody-date"


def test_the_storage_is_told_of_what_concerns_it() -> None:
    custody = fold([outcome(), said(Action.HIDE), said(Action.MARK)], "england")
    assert (custody.serial, custody.to_storage) == (3, 1)
