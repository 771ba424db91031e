"""Deciding by the tables that are no part of a sitting: bookings and artefacts.

As in :mod:`.law` a row is found by the state, its givers and guards are asked, and nothing is changed here; who gives a
command is an account with roles in a court, and may have several.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from .model import Refused
from .tables.row import BY_SYSTEM, Row

Facts = TypeVar("Facts")


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked; ``utc`` is the court's time, ns since 1970."""

    name: str
    actor: str
    roles: frozenset[str]
    utc: int
    reason: str = ""
    detail: dict[str, Any] = {}


#: Who the court's own machinery is.
SYSTEM_ROLES = frozenset({BY_SYSTEM})

Guard = Callable[[Facts, Request], str | None]


def permits(
    table: Sequence[Row],
    guards: Mapping[str, Guard[Facts]],
    facts: Facts,
    state: str,
    request: Request,
    *,
    wrong_state: str,
) -> Row | Refused:
    """The row that this request takes, or why there is none; ``wrong_state`` is the code for a state of no row."""
    rows = [row for row in table if row.event == request.name]
    if not rows:
        return Refused(code="unknown-command")
    if not any(request.roles & row.who for row in rows):
        return Refused(code="not-allowed")
    row = next((row for row in rows if state in row.sources), None)
    if row is None:
        return Refused(code=wrong_state)
    for guard in row.guards:
        code = guards[guard](facts, request)
        if code:
            return Refused(code=code)
    return row


def reason_given(facts: Facts, request: Request) -> str | None:
    return None if request.reason.strip() else "reason-missing"
