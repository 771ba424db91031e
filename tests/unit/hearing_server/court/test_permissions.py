"""The table of hearing-model.md §6, in the cases that must never be otherwise."""

from __future__ import annotations

import pytest

from hearing_server.court import Leave, Role, leave, role_may_publish, scope
from hearing_server.court.permissions import (
    ADMINISTRATOR,
    AUDITOR,
    COLUMNS,
    CUSTODIAN,
    GRANTABLE,
    PERMISSIONS,
    SCOPES,
    roles_with,
)
from hearing_server.court.tables import TABLE


def allowed(verb: str) -> set[str]:
    return set(roles_with(verb, Leave.ALLOWED))


def test_every_cell_of_the_table_is_filled_and_every_scope_has_a_right() -> None:
    for verb, cells in PERMISSIONS.items():
        assert tuple(cells) == COLUMNS, verb
    for verb, scopes in SCOPES.items():
        for role in scopes:
            assert leave(verb, role) is not Leave.NEVER, (verb, role)
            assert scope(verb, role)
    assert scope("listen", CUSTODIAN) == ""


def test_what_is_not_in_the_table_is_never_allowed() -> None:
    assert leave("fly", "judge") is Leave.NEVER
    assert leave("open", "king") is Leave.NEVER


def test_every_verb_of_the_rows_is_in_the_table() -> None:
    assert {row.verb for row in TABLE if row.verb} <= PERMISSIONS.keys()


def test_the_judge_alone() -> None:
    for verb in (
        "sit",
        "remove",
        "grant",
        "rule",
        "in_person",
        "public",
        "interrupt_record",
        "incident",
        "close_doors",
    ):
        assert allowed(verb) == {"judge"}
    assert roles_with("sit", Leave.DEPUTY) == {"panel"}
    assert allowed("bench_room") == {"judge", "panel"}


@pytest.mark.parametrize("verb", ["listen", "download", "publish", "share", "come_in", "consult", "invited"])
def test_technicians_never_touch_media(verb: str) -> None:
    for role in ("technician", ADMINISTRATOR):
        assert leave(verb, role) is Leave.NEVER


def test_observers_only_watch() -> None:
    given = {verb for verb in PERMISSIONS if leave(verb, "observer") is not Leave.NEVER}
    assert given == {"roster", "listen", "duress"}
    assert scope("listen", "observer") == "published"
    assert scope("roster", "observer") == "role_labels"


def test_deletion_takes_two_custodians_and_nobody_else() -> None:
    for verb in ("mark_for_deletion", "approve_deletion"):
        assert allowed(verb) == {CUSTODIAN}
        assert roles_with(verb, Leave.GRANT, Leave.REQUEST) == frozenset()
    assert scope("approve_deletion", CUSTODIAN) == "another_person_than_marked"


def test_listening_and_downloading_are_separate_rights() -> None:
    assert "clerk" in allowed("listen")
    assert leave("download", "clerk") is Leave.GRANT
    assert scope("download", "clerk") == "order_reference"
    assert leave("listen", AUDITOR) is Leave.NEVER
    assert leave("metadata", AUDITOR) is Leave.ALLOWED


def test_what_can_be_granted_is_what_somebody_needs_a_grant_for() -> None:
    for verb in GRANTABLE - {"consult_in_session"}:
        assert roles_with(verb, Leave.GRANT)
    assert {"listen", "download"}.isdisjoint(GRANTABLE), "rights about records are no matter of a sitting"


@pytest.mark.parametrize("role", Role)
def test_what_a_role_may_ever_send(role: Role) -> None:
    silent = role in (Role.OBSERVER, Role.TECHNICIAN)
    assert role_may_publish(role, "microphone") == (not silent)
    assert role_may_publish(role, "camera") == (not silent)
    assert role_may_publish(role, "screen") == (leave("share", role) is not Leave.NEVER)
    assert not role_may_publish(role, "telepathy")
