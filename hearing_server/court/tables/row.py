"""What a row of a transition table is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ..permissions import Leave, roles_with
from ..states import Machine

SELF: Final = "self"
BY_SYSTEM: Final = "system"

#: Target of a row that leads back to the place held for a person.
HELD: Final = "held"
#: Target of a row that leaves the state as it is.
SAME: Final = "same"
#: Target of a row that leads back to where the countdown began.
BACK: Final = "back"

NOBODY: Final[frozenset[str]] = frozenset()
OWN: Final = frozenset({SELF})
SYSTEM_ONLY: Final = frozenset({BY_SYSTEM})


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """In one of ``sources``, this event, given by one of these roles, leads to ``to`` if every guard passes, and then
    has these effects.

    ``who`` holds roles, ``self`` (the person it is about) and ``system``; ``by_grant`` roles that need the judge's
    grant of ``verb``; ``deputies`` roles that may in place of a presiding judge who is not there.  ``own``: only about
    oneself, whoever gives it.
    """

    machine: Machine
    sources: frozenset[str]
    event: str
    to: str
    who: frozenset[str]
    guards: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    verb: str = ""
    by_grant: frozenset[str] = NOBODY
    deputies: frozenset[str] = NOBODY
    own: bool = False


def row(
    machine: Machine,
    sources: Iterable[str],
    event: str,
    to: str,
    who: str | frozenset[str],
    *,
    guards: tuple[str, ...] = (),
    effects: tuple[str, ...] = (),
    also: frozenset[str] = NOBODY,
    own: bool = False,
) -> Row:
    """``who``: a verb of :mod:`..permissions`, or the roles themselves; ``also``: ``self`` or ``system`` beside a
    verb."""
    verb = who if isinstance(who, str) else ""
    return Row(
        machine=machine,
        sources=frozenset(str(source) for source in sources),
        event=event,
        to=str(to),
        who=(roles_with(verb, Leave.ALLOWED) if isinstance(who, str) else who) | also,
        guards=guards,
        effects=effects,
        verb=verb,
        by_grant=roles_with(verb, Leave.GRANT) if verb else NOBODY,
        deputies=roles_with(verb, Leave.DEPUTY) if verb else NOBODY,
        own=own,
    )
