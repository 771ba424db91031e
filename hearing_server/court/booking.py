"""The law of booking (machine B): what a clerk may book and change, and how a booking ends."""

from __future__ import annotations

from typing import Final

import msgspec

from .desk import Guard, Request, permits, reason_given
from .model import NS, Refused
from .profiles import Rules
from .states import BookingState, SittingState
from .tables.booking import BOOKING
from .tables.row import Row

#: A confirmed hearing is not edited within this of its start, s, but for people who are added (C2).
EDIT_CLOSES_S = 30 * 60


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is booked, as far as the law asks.  ``scheduled``: ns since 1970, 0 if there is no time yet."""

    scheduled: int
    parties: int
    judges: int
    interpreters: int
    recording: str
    recording_reason: str = ""


class Booking(msgspec.Struct, frozen=True, kw_only=True):
    """A booking as it stands: ``sitting`` is the state of the sitting that is on, or comes next, else of the last;
    ``wanted`` what an edit would make of ``plan``."""

    state: BookingState
    sitting: SittingState
    rules: Rules
    plan: Plan
    wanted: Plan | None = None
    #: The ground on which its sitting went over to a hearing in person.
    converted: str = ""

    @property
    def after(self) -> Plan:
        return self.plan if self.wanted is None else self.wanted


def too_late(booking: Booking, utc: int) -> bool:
    """Whether it is too late for an edit."""
    near = utc >= booking.plan.scheduled - EDIT_CLOSES_S * NS
    begun = booking.sitting not in (SittingState.NOT_STARTED, SittingState.CLOSED)
    return booking.state is BookingState.CONFIRMED and (near or begun)


def decide_booking(booking: Booking, request: Request) -> Row | Refused:
    """The row that this request takes, or why not."""
    return permits(BOOKING, GUARDS, booking, booking.state.value, request, wrong_state="booking-state")


def _not_begun(booking: Booking, request: Request) -> str | None:
    open_ = booking.sitting in (SittingState.NOT_STARTED, SittingState.CLOSED)
    return None if open_ else "booking-state"


def _complete(booking: Booking, request: Request) -> str | None:
    whole = booking.after.scheduled > 0 and booking.after.parties > 0
    return None if whole else "booking-incomplete"


def _has_host(booking: Booking, request: Request) -> str | None:
    return None if booking.after.judges == 1 else "host-missing"


def _one_judge(booking: Booking, request: Request) -> str | None:
    return None if booking.after.judges <= 1 else "person-unfit"


def _interpreted_on_record(booking: Booking, request: Request) -> str | None:
    """Where an interpreter is booked the hearing is recorded (C3)."""
    off = booking.after.recording == "off" and booking.after.interpreters
    return "recording-needed" if off else None


def _in_time(booking: Booking, request: Request) -> str | None:
    return "too-late" if too_late(booking, request.utc) else None


def _record_plan_kept(booking: Booking, request: Request) -> str | None:
    before = (booking.plan.recording, booking.plan.recording_reason)
    return None if (booking.after.recording, booking.after.recording_reason) == before else "recording-fixed"


def _lawful_conversion(booking: Booking, request: Request) -> str | None:
    return None if request.detail.get("ground") in booking.rules.convert_grounds else "ground-unlawful"


def _all_closed(booking: Booking, request: Request) -> str | None:
    over = booking.sitting is SittingState.CLOSED and not booking.converted
    return None if over else "booking-state"


def _sitting_converted(booking: Booking, request: Request) -> str | None:
    return None if booking.converted else "booking-state"


GUARDS: Final[dict[str, Guard[Booking]]] = {
    "reason_given": reason_given,
    "not_begun": _not_begun,
    "complete": _complete,
    "has_host": _has_host,
    "one_judge": _one_judge,
    "interpreted_on_record": _interpreted_on_record,
    "in_time": _in_time,
    "record_plan_kept": _record_plan_kept,
    "lawful_conversion": _lawful_conversion,
    "all_closed": _all_closed,
    "sitting_converted": _sitting_converted,
}
