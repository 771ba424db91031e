"""From what a page asks on the socket to a command of the law.

Which arguments a command has, and what they may hold, is said by :mod:`hearing_server.court.arguments`, one struct for
each; here names are turned from camelCase, and two of them have a place of their own: ``personId`` is whom the command
is about, ``reason`` why it is given.
"""

from __future__ import annotations

import re
from typing import Any, Final

from signaling.messages import Command as Request

from ..court import Command
from ..court.tables import ABOUT_SOMEBODY, COMMANDS, FROM_CONNECTION, WRITTEN_RECORD

#: Over HTTP: people are booked there, which knows their names; and the written record has pages of its own, which are
#: there when the room is closed.
ELSEWHERE: Final = frozenset({"add_person", "change_person", "change_judge"}) | WRITTEN_RECORD
#: What a page may ask for; all else in the tables is the court's own or follows from a connection.
ASKED: Final = frozenset(COMMANDS) - FROM_CONNECTION - ELSEWHERE
#: Must not wait for anything: they have an allowance of their own.
URGENT: Final = frozenset({"curtain", "duress", "stop_stream"})
#: Characters of a person's id, and of a reason.
ID_LIMIT: Final = 128
REASON_LIMIT: Final = 4000

_UPPER = re.compile(r"(?<=[a-z0-9])[A-Z]")


class Unreadable(Exception):
    """``code``: why the request is no command."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def read(request: Request) -> Command:
    """The command that a page asks for.  Raises :class:`Unreadable`."""
    if request.name not in ASKED:
        raise Unreadable("unknown-command")
    detail = {_snake(name): value for name, value in request.arguments.items()}
    subject = _text(detail.pop("person_id", ""), ID_LIMIT)
    reason = _text(detail.pop("reason", ""), REASON_LIMIT)
    if request.name in ABOUT_SOMEBODY and not subject:
        raise Unreadable("unknown-person")
    return Command(
        name=request.name,
        subject=subject if request.name in ABOUT_SOMEBODY else "",
        request_id=request.request_id,
        expected_version=request.expected_version,
        reason=reason.strip(),
        detail=detail,
    )


def _snake(name: str) -> str:
    return _UPPER.sub(lambda letter: "_" + letter[0].lower(), name)


def _text(value: Any, limit: int) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > limit:
        raise Unreadable("invalid")
    return value
