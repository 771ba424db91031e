"""The transitions of hearing-model.md as data, one module per group of machines.

A row says: in one of these states, this event, given by one of these roles, leads
to that state if every guard passes, and then has these effects.  Guards and
effects are named here and defined in :mod:`..guards` and :mod:`..effects`; a test
holds the names together.
"""

from __future__ import annotations

from typing import Final

from ..permissions import ISOLATED_UNTIL_CALLED, PUBLISH, SEES_CHECKS, SEES_ROLES_ONLY
from ..states import Machine
from .orders import ORDER
from .people import CONSENT, CONSULTATION, IDENTITY, TASK
from .presence import PRESENCE
from .record import RECORD
from .row import BACK, BY_SYSTEM, HELD, SAME, SELF, Row
from .sitting import DOORS, SITTING, STREAM
from .transcript import SIGNATURE, TRANSCRIPT

TABLE: Final = (
    SITTING
    + DOORS
    + STREAM
    + RECORD
    + PRESENCE
    + IDENTITY
    + CONSENT
    + CONSULTATION
    + TASK
    + ORDER
    + TRANSCRIPT
    + SIGNATURE
)

_BY_EVENT: Final[dict[str, tuple[Row, ...]]] = {
    event: tuple(row for row in TABLE if row.event == event) for event in dict.fromkeys(row.event for row in TABLE)
}

#: All events that a command can ask for, in the order of the tables.
EVENTS: Final = tuple(_BY_EVENT)
#: Those that a person can ask for; the others are the court's own.
COMMANDS: Final = tuple(
    event for event, rows_of in _BY_EVENT.items() if any(row.who != frozenset({BY_SYSTEM}) for row in rows_of)
)
#: Those that follow from a person's connection and check, and are no keys of a page.
FROM_CONNECTION: Final = frozenset({"sign_in", "change_device", "check_in", "sign_out", "come_back"})
#: Those about the written record, which are given over HTTP from its own pages, mostly after the room has closed.
WRITTEN_RECORD: Final = frozenset(
    name for name in COMMANDS if _BY_EVENT[name][0].machine in (Machine.TRANSCRIPT, Machine.SIGNATURE)
)
#: Those that no view offers: they are always there, or follow from a list of their own, or from the booking.
UNOFFERED: Final = (
    FROM_CONNECTION
    | WRITTEN_RECORD
    | {
        "duress",
        "report_blocked",
        "close_task",
        "add_person",
        "change_person",
        "change_judge",
    }
)
#: Those that are about a person named as subject.
ABOUT_SOMEBODY: Final = frozenset(
    {
        "call",
        "dismiss",
        "remove",
        "readmit",
        "verify_account",
        "verify_today",
        "verify_in_person",
        "challenge_identity",
        "require_in_person",
        "ask_consent",
        "invite",
        "mute",
        "unmute",
        "mute_lock",
        "unlock",
        "lower_hand",
        "give_floor",
        "ask_repeat",
        "spotlight",
        "allow_share",
        "stop_share",
        "grant",
        "withdraw_grant",
        "assign_mix",
        "prompt_return",
        "warn_return",
        "treat_as_left",
        "excuse_leaving",
        "order_place",
        "change_person",
        "change_judge",
    }
)


def rows(event: str) -> tuple[Row, ...]:
    """All rows of this event."""
    return _BY_EVENT.get(event, ())


__all__ = [
    "ABOUT_SOMEBODY",
    "BACK",
    "BY_SYSTEM",
    "COMMANDS",
    "EVENTS",
    "FROM_CONNECTION",
    "HELD",
    "ISOLATED_UNTIL_CALLED",
    "PUBLISH",
    "SAME",
    "SEES_CHECKS",
    "SEES_ROLES_ONLY",
    "SELF",
    "TABLE",
    "UNOFFERED",
    "WRITTEN_RECORD",
    "Row",
    "rows",
]
