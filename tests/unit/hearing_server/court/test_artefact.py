"""Machine A: what is kept, for how long, and that it takes time, no hold and two people to destroy it."""

from __future__ import annotations

import random
from typing import Any

import pytest
from msgspec.structs import replace

from hearing_server.court import Refused
from hearing_server.court.artefact import GUARDS, Artefact, keep
from hearing_server.court.desk import SYSTEM_ROLES, Request
from hearing_server.court.permissions import COLUMNS
from hearing_server.court.states import ArtefactState
from hearing_server.court.tables.artefact import ARTEFACT
from hearing_server.court.tables.row import BY_SYSTEM, SAME, Row
from hearing_server.refusals import SENTENCES

A = ArtefactState
HASH, OTHER = "a" * 64, "b" * 64
YEAR = 365 * 86_400 * 1_000_000_000
GOOD = Artefact(expected=HASH, retain_until=YEAR)
#: What a row needs beside its state, and what it says.
NEEDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "verify": ({}, {"hash": HASH}),
    "reject": ({}, {"hash": OTHER}),
    "retain": ({}, {"order": "2026/14", "until": 2 * YEAR}),
    "hold": ({}, {"order": "2026/14"}),
    "release": ({"hold": "2026/14"}, {"order": "2026/20"}),
    "reprieve": ({"hold": "2026/14"}, {}),
    "unhide": ({"hidden": True}, {}),
    "seal": ({}, {"order": "2026/14"}),
    "unseal": ({"sealed": "2026/14"}, {"order": "2026/20"}),
    "unmark": ({"marked_by": "another"}, {}),
    "destroy": ({"marked_by": "another"}, {}),
}


def ask(name: str, role: str, **fields: Any) -> Request:
    filled = {"actor": "somebody", "reason": "time over", "utc": YEAR, **fields}
    return Request(name=name, roles=frozenset({role}), **filled)


@pytest.mark.parametrize("row", ARTEFACT, ids=lambda row: row.event)
@pytest.mark.parametrize("role", [*COLUMNS, BY_SYSTEM])
def test_every_row_and_role_and_state(row: Row, role: str) -> None:
    has, said = NEEDS.get(row.event, ({}, {}))
    for state in A:
        answer = keep(replace(GOOD, state=state, **has), ask(row.event, role, detail=said))
        if role not in row.who:
            assert answer == Refused(code="not-allowed")
        elif state not in row.sources:
            assert answer == Refused(code="artefact-state")
        else:
            assert isinstance(answer, Artefact), answer
            assert answer.state == (state if row.to == SAME else row.to)


def test_every_guard_is_of_some_row() -> None:
    assert {guard for row in ARTEFACT for guard in row.guards} == GUARDS.keys()


EXPIRED = replace(GOOD, state=A.EXPIRED)
MARKED = replace(EXPIRED, marked_by="ledger.lin", marked_reason="time over")
KEPT = replace(GOOD, state=A.ARCHIVED)


@pytest.mark.parametrize(
    ("artefact", "asked", "code"),
    [
        (replace(GOOD, state=A.STORED), ask("verify", BY_SYSTEM, detail={"hash": OTHER}), "hash-differs"),
        (replace(GOOD, state=A.STORED, expected=""), ask("verify", BY_SYSTEM, detail={"hash": ""}), "hash-differs"),
        (replace(GOOD, state=A.STORED), ask("reject", BY_SYSTEM, detail={"hash": HASH}), "artefact-state"),
        (replace(GOOD, state=A.VERIFIED, retain_until=None), ask("lock", BY_SYSTEM), "retention-unknown"),
        (KEPT, ask("expire", BY_SYSTEM, utc=YEAR - 1), "retention-runs"),
        (replace(KEPT, hold="2026/14"), ask("expire", BY_SYSTEM), "legal-hold"),
        (KEPT, ask("retain", "records_custodian", detail={"until": 2 * YEAR}), "order-missing"),
        (
            KEPT,
            ask("retain", "records_custodian", detail={"until": YEAR - 1, "order": "1"}),
            "retention-shorter",
        ),
        (KEPT, ask("retain", "records_custodian", detail={"until": "soon", "order": "1"}), "invalid"),
        (KEPT, ask("mark", "records_custodian"), "artefact-state"),
        (replace(EXPIRED, hold="2026/14"), ask("mark", "records_custodian"), "legal-hold"),
        (EXPIRED, ask("mark", "records_custodian", reason=""), "reason-missing"),
        (EXPIRED, ask("destroy", "records_custodian"), "not-marked"),
        (MARKED, ask("destroy", "records_custodian", actor="ledger.lin"), "same-person"),
        (replace(MARKED, hold="2026/14"), ask("destroy", "records_custodian"), "legal-hold"),
        (replace(MARKED, retain_until=2 * YEAR), ask("destroy", "records_custodian"), "retention-runs"),
        (KEPT, ask("release", "records_custodian", detail={"order": "1"}), "not-held"),
        (EXPIRED, ask("reprieve", BY_SYSTEM), "artefact-state"),
    ],
)
def test_why_not(artefact: Artefact, asked: Request, code: str) -> None:
    assert keep(artefact, asked) == Refused(code=code)
    assert code in SENTENCES


def test_from_the_spool_to_the_end() -> None:
    artefact = Artefact(expected=HASH)
    steps = [
        ("store", BY_SYSTEM, "", {}),
        ("reject", BY_SYSTEM, "", {"hash": OTHER}),
        ("store", BY_SYSTEM, "", {}),
        ("verify", BY_SYSTEM, "", {"hash": HASH}),
        ("retain", "records_custodian", "one", {"until": YEAR, "order": "class 2"}),
        ("lock", BY_SYSTEM, "", {}),
        ("archive", BY_SYSTEM, "", {}),
        ("expire", BY_SYSTEM, "", {}),
        ("mark", "records_custodian", "one", {}),
        ("hold", "records_custodian", "one", {"order": "on appeal"}),
        ("reprieve", BY_SYSTEM, "", {}),
        ("release", "records_custodian", "one", {"order": "appeal over"}),
        ("expire", BY_SYSTEM, "", {}),
        ("mark", "records_custodian", "one", {}),
        ("destroy", "records_custodian", "two", {}),
    ]
    for name, role, actor, detail in steps:
        answer = keep(artefact, ask(name, role, actor=actor, detail=detail))
        assert isinstance(answer, Artefact), (name, answer)
        artefact = answer
    assert artefact.state is A.DESTROYED


def test_nothing_is_destroyed_early_alone_or_under_a_hold() -> None:
    chance = random.Random(20_261_122)
    events = sorted({row.event for row in ARTEFACT})
    destroyed = 0
    for _ in range(400):
        artefact, utc = replace(GOOD, state=chance.choice((A.LOCAL, A.ARCHIVED, A.EXPIRED))), 0
        for _ in range(60):
            utc += chance.choice((0, YEAR // 4, YEAR))
            name = chance.choice(events)
            role = chance.choice(("records_custodian", "records_custodian", BY_SYSTEM, "administrator", "judge"))
            detail = {
                "order": chance.choice(("2026/14", "")),
                "until": chance.choice((YEAR, 3 * YEAR)),
                "hash": chance.choice((HASH, OTHER)),
            }
            actor = chance.choice(("one", "two"))
            roles = SYSTEM_ROLES if role == BY_SYSTEM else frozenset({role})
            answer = keep(artefact, Request(name=name, actor=actor, roles=roles, utc=utc, reason="r", detail=detail))
            if isinstance(answer, Refused):
                assert answer.code in SENTENCES
                continue
            if answer.state is A.DESTROYED:
                destroyed += 1
                assert artefact.retain_until is not None
                assert utc >= artefact.retain_until
                assert not artefact.hold
                assert artefact.marked_by not in ("", actor)
            assert (answer.retain_until or 0) >= (artefact.retain_until or 0)
            artefact = answer
    assert destroyed > 20
