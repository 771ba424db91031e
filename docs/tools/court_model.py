"""Write docs/court-model.md from the tables of the court: ``python -m docs.tools.court_model [--check]``."""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from hearing_server.court import arguments
from hearing_server.court.permissions import COLUMNS, PERMISSIONS, Leave, scope
from hearing_server.court.profiles import PROFILES, Stage
from hearing_server.court.states import (
    ArtefactState,
    BookingState,
    Consent,
    Doors,
    Identity,
    Machine,
    Presence,
    RecordState,
    Signature,
    SittingState,
    Stream,
    Talk,
    TaskState,
    Transcript,
)
from hearing_server.court.tables import ABOUT_SOMEBODY, BACK, BY_SYSTEM, COMMANDS, HELD, SAME, TABLE, Row, rows
from hearing_server.court.tables.artefact import ARTEFACT
from hearing_server.court.tables.booking import BOOKING

DOCUMENT = Path(__file__).parents[1] / "court-model.md"

MACHINES: dict[Machine, tuple[str, type[StrEnum], str]] = {
    Machine.SITTING: ("S: the sitting", SittingState, "not_started"),
    Machine.DOORS: ("V: the doors", Doors, "open"),
    Machine.STREAM: ("V: the stream to the public", Stream, "off"),
    Machine.RECORD: ("R: the record", RecordState, "idle"),
    Machine.PRESENCE: ("P: a person's presence", Presence, "not_signed_in"),
    Machine.IDENTITY: ("I: a person's identity", Identity, "unverified"),
    Machine.CONSENT: ("K: a person's consent to a stage", Consent, "not_asked"),
    Machine.TRANSCRIPT: ("T: the written record", Transcript, "draft"),
    Machine.SIGNATURE: ("T: a person's signature under the written record", Signature, "not_asked"),
    Machine.CONSULTATION: ("A private consultation", Talk, "none"),
    Machine.TASK: ("A task of the court's staff", TaskState, "none"),
}
#: Machines that stand in no sitting's log: title, what they are, rows, states, the first state.
BESIDE: tuple[tuple[str, str, Sequence[Row], type[StrEnum], str], ...] = (
    (
        "B: the booking",
        "In the court's diary. The guards are functions of `hearing_server/court/booking.py`; the grounds are those of "
        "the court's profile. The givers are accounts with these roles in the court.",
        BOOKING,
        BookingState,
        "draft",
    ),
    (
        "A: a stored part of the record",
        "The guards are functions of `hearing_server/court/artefact.py`. Hidden, sealed, held and marked are laid over "
        "the state and taken off again.",
        ARTEFACT,
        ArtefactState,
        "local",
    ),
)
SIGNS = {Leave.ALLOWED: "●", Leave.DEPUTY: "deputy", Leave.GRANT: "○", Leave.REQUEST: "may ask", Leave.NEVER: "–"}

INTRODUCTION = """\
# The model of the court

Written by `python -m docs.tools.court_model` from `hearing_server/court`; `make check` fails when it is out of date.

A sitting is a log of events; its state is what replaying the log gives. A command makes events if a row of a table
below has the present state among its sources, its giver among those who may, and passes every guard; everything else is
refused with a code that has a sentence in English and Chinese ([protocol.md](protocol.md), codes of the court). Guards
and effects are named as the functions in `hearing_server/court/guards` and `effects.py`. An effect takes further rows
at once, each with its own guards. *held* is the place kept for a person who is away, *back* the state that the
countdown began in, *same* the state itself. `self` is the person it is about, `system` the court's own machinery; a
deputy of the panel acts as the judge while the presiding judge is not connected.
"""


def document() -> str:
    parts = [INTRODUCTION]
    for machine, (title, states, first) in MACHINES.items():
        found = [row for row in TABLE if row.machine is machine]
        parts.append(f"## {title}\n\n{_machine(found, states, first)}")
    orders = [row for row in TABLE if row.machine is Machine.ORDER]
    parts.append(
        "## Orders of the room\n\nWhat is done in the room without moving a machine. The sources are states of the "
        f"sitting, which stays in the one it is in.\n\n{_rows(orders)}"
    )
    parts += [
        f"## {title}\n\n{text}\n\n{_machine(table, states, first)}" for title, text, table, states, first in BESIDE
    ]
    parts.append(_commands())
    parts.append(_permissions())
    parts.append(_profiles())
    return "\n".join(parts)


def _machine(table: Sequence[Row], states: type[StrEnum], first: str) -> str:
    return f"{_diagram(table, [str(state) for state in states], first)}\n{_rows(table)}"


def _diagram(table: Sequence[Row], states: list[str], first: str) -> str:
    edges: dict[tuple[str, str], list[str]] = {}
    for row in table:
        if row.to in (SAME, HELD):
            continue
        targets = ["not_started", "recess", "suspended", "deliberation"] if row.to == BACK else [row.to]
        for source in states:
            if source in row.sources:
                for target in targets:
                    edges.setdefault((source, target), []).append(row.event)
    lines = ["```mermaid", "stateDiagram-v2", f"  [*] --> {first}"]
    lines += [f"  {source} --> {target}: {', '.join(events)}" for (source, target), events in edges.items()]
    return "\n".join([*lines, "```", ""])


def _rows(table: Sequence[Row]) -> str:
    lines = ["| from | event | to | who | guards | effects |", "|---|---|---|---|---|---|"]
    for row in table:
        sources = ", ".join(f"`{source}`" for source in sorted(row.sources))
        to = f"*{row.to}*" if row.to in (SAME, HELD, BACK) else f"`{row.to}`"
        lines.append(
            f"| {sources} | `{row.event}` | {to} | {_who(row)} | {_names(row.guards)} | {_names(row.effects)} |"
        )
    return "\n".join([*lines, ""])


def _who(row: Row) -> str:
    order = (*COLUMNS, "self", BY_SYSTEM)
    words = [name for name in order if name in row.who]
    if row.deputies:
        words.append("deputy")
    words += [f"{name} with grant" for name in order if name in row.by_grant]
    return ", ".join(words) + (" (for oneself)" if row.own else "")


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _commands() -> str:
    lines = [
        "## Commands",
        "",
        "A reason is a field of every command; those marked need one. A command about a person names them.",
        "",
        "| command | about a person | arguments | needs a reason |",
        "|---|---|---|---|",
    ]
    for name in COMMANDS:
        fields = msgspec.structs.fields(arguments.ARGUMENTS.get(name, arguments.Arguments))
        said = ", ".join(f"`{field.name}`: {_type(field.type)}{'' if field.required else '?'}" for field in fields)
        reason = any("reason_given" in row.guards for row in rows(name))
        lines.append(f"| `{name}` | {'yes' if name in ABOUT_SOMEBODY else ''} | {said} | {'yes' if reason else ''} |")
    return "\n".join([*lines, ""])


def _type(kind: Any) -> str:
    """In words: text, number, list."""
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        return _type(typing.get_args(kind)[0])
    if origin is typing.Literal:
        return " or ".join(f"`{value or '(empty)'}`" for value in typing.get_args(kind))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type(part) for part in typing.get_args(kind) if part is not type(None))
    if origin is tuple:
        return f"list of {_type(typing.get_args(kind)[0])}"
    if origin is dict:
        return "text to text"
    names = {str: "text", int: "whole number", bool: "true or false"}
    return names.get(kind, getattr(kind, "__name__", str(kind)).lower())


def _permissions() -> str:
    lines = [
        "## Who may do what",
        "",
        "● allowed, ○ with the judge's grant, – never. Where a right about records reaches less than the whole court, "
        "the table says how far.",
        "",
        "| verb | " + " | ".join(column.replace("_", " ") for column in COLUMNS) + " |",
        "|---|" + "---|" * len(COLUMNS),
    ]
    for verb, leaves in PERMISSIONS.items():
        cells = [f"{SIGNS[given]} {scope(verb, role).replace('_', ' ')}".strip() for role, given in leaves.items()]
        lines.append(f"| {verb} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def _profiles() -> str:
    lines = [
        "## Profiles",
        "",
        "A sitting keeps the profile it was booked with. Times are in seconds.",
        "",
        "| | " + " | ".join(PROFILES) + " |",
        "|---|" + "---|" * len(PROFILES),
    ]
    for name in next(iter(PROFILES.values())).__struct_fields__[1:]:
        cells = [_value(getattr(rules, name)) for rules in PROFILES.values()]
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(_item(one) for one in value) or "–"
    return f"{value:g}"


def _item(one: str | Stage) -> str:
    if isinstance(one, str):
        return one
    return f"{one.name} ({one.consent})" if one.consent else one.name


def main() -> int:
    text = document()
    if "--check" in sys.argv[1:]:
        fresh = DOCUMENT.exists() and DOCUMENT.read_text(encoding="utf-8") == text
        if not fresh:
            print("docs/court-model.md is out of date: python -m docs.tools.court_model", file=sys.stderr)
        return 0 if fresh else 1
    DOCUMENT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
