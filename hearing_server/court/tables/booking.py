"""Machine B: the booking of a hearing (hearing-model.md §2).  It is in no sitting's log."""

from __future__ import annotations

from typing import Final

from ..states import BookingState, Machine
from .row import SAME, SYSTEM_ONLY, Row, row

_B = BookingState
#: What can still be changed.
EDITABLE: Final = (_B.DRAFT, _B.BOOKED, _B.CONFIRMED)


def _booking(
    sources: tuple[BookingState, ...],
    event: str,
    to: str,
    who: str | frozenset[str],
    guards: tuple[str, ...] = (),
) -> Row:
    return row(Machine.BOOKING, sources, event, to, who, guards=guards)


BOOKING: Final = (
    _booking((_B.DRAFT,), "book", _B.BOOKED, "book", ("not_begun", "complete")),
    _booking((_B.BOOKED,), "confirm", _B.CONFIRMED, "book", ("not_begun", "complete", "has_host")),
    _booking(EDITABLE, "cancel", _B.CANCELLED, "cancel", ("not_begun", "reason_given")),
    # On a ground that the court's rules know (OLR art. 21).
    _booking((_B.CONFIRMED,), "convert", _B.CONVERTED_OFFLINE, "convert", ("not_begun", "lawful_conversion")),
    _booking((_B.DRAFT,), "edit", SAME, "book", ("one_judge", "interpreted_on_record")),
    _booking((_B.BOOKED,), "edit", SAME, "book", ("one_judge", "interpreted_on_record", "complete")),
    # Every client is told at once; and the plan of the record is part of the confirmation (lessons.md 19).
    _booking(
        (_B.CONFIRMED,),
        "edit",
        SAME,
        "book",
        ("in_time", "record_plan_kept", "one_judge", "interpreted_on_record", "complete", "has_host"),
    ),
    # To the last minute (C4).
    _booking(EDITABLE, "add_person", SAME, "add_booked", ("one_judge", "interpreted_on_record")),
    # Follow from the sittings: all are closed, or the judge has gone over to a hearing in person during one.
    _booking((_B.CONFIRMED,), "hold", _B.HELD, SYSTEM_ONLY, ("all_closed",)),
    _booking((_B.CONFIRMED,), "go_offline", _B.CONVERTED_OFFLINE, SYSTEM_ONLY, ("sitting_converted",)),
)
