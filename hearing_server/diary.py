"""The court's diary: what a clerk books, as the store holds it, before the law of booking (:mod:`.court.booking`).

Pure checks over plain values; the web layer reads and writes the store by them.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from . import desk_api as d
from .court import PROFILES, Refused, Rules, SittingState
from .court import booking as law
from .court.desk import SYSTEM_ROLES, Request
from .court.states import BookingState
from .court.tables import BY_SYSTEM
from .court.tables.booking import BOOKING, EDITABLE
from .court.tables.row import Row
from .store import DayRow, HearingFacts, NewHearing, PersonRow

NS = 1_000_000_000
#: A personal link works until this long after the last day, s.
LINK_AFTER_S = 30 * 24 * 3600
PARTIES = frozenset({"claimant", "respondent"})
#: The people whose place in the court is an account's.
OF_THE_COURT = frozenset({"judge", "panel", "staff_host", "clerk", "technician"})
#: Those with a side of their own choosing; a party's is its role.
SIDED = frozenset({"lawyer", "witness", "expert", "interpreter"})
#: What follows by itself.
_BY_COURT = frozenset(row.event for row in BOOKING if row.who == frozenset({BY_SYSTEM}))


class BookingRefused(Exception):
    """``code``: ``booking-incomplete``, ``booking-state``, ``host-missing``, ``reason-missing``, ``recording-needed``,
    ``recording-fixed``, ``too-late``, ``person-unfit``, ``email-unfit``, ``phone-unfit`` or ``ground-unlawful``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def booking_of(facts: HearingFacts, wanted: law.Plan | None = None) -> law.Booking:
    """As the law sees it."""
    return law.Booking(
        state=BookingState(facts.booking),
        sitting=SittingState(facts.state),
        rules=rules_of(facts),
        plan=plan_of(facts.people, facts.scheduled_utc, facts.recording, facts.recording_reason),
        wanted=wanted,
    )


def rules_of(facts: HearingFacts) -> Rules:
    """Those of the court's profile."""
    return PROFILES.get(facts.court.profile, PROFILES["england"])


def plan_of(people: Sequence[PersonRow], scheduled_utc: int, recording: str, recording_reason: str) -> law.Plan:
    return law.Plan(
        scheduled=scheduled_utc,
        parties=sum(person.role in PARTIES for person in people),
        judges=sum(person.role == "judge" for person in people),
        interpreters=sum(person.role == "interpreter" for person in people),
        recording=recording,
        recording_reason=recording_reason,
    )


def state_of(facts: HearingFacts) -> str:
    """A confirmed hearing whose last sitting is closed has been held."""
    held = law.decide_booking(booking_of(facts), Request(name="hold", actor="system", roles=SYSTEM_ROLES, utc=0))
    return facts.booking if isinstance(held, Refused) else held.to


def may(facts: HearingFacts, roles: frozenset[str], utc: int) -> list[str]:
    """What these roles can do with this booking now; what it lacks is said when they try."""
    state = state_of(facts)
    booking = booking_of(facts)
    found = [row.event for row in BOOKING if state in row.sources and roles & row.who and row.event not in _BY_COURT]
    if "edit" in found and law.too_late(booking, utc):
        found.remove("edit")
    if "judge" in roles and state in EDITABLE:
        found.append("direct_observers")
    if "clerk" in roles and state == "confirmed":
        found.append("make_public_link")
    return found


def check_move(facts: HearingFacts, name: str, roles: frozenset[str], reason: str, ground: str, utc: int) -> Row:
    """The row, if all its guards hold.  Raises :class:`BookingRefused`."""
    return _permitted(booking_of(facts), name, roles, utc, reason=reason, ground=ground)


def check_complete(hearing: NewHearing) -> None:
    """Whether it can be booked at once, and not only noted.  Raises :class:`BookingRefused`."""
    booking = law.Booking(
        state=BookingState.DRAFT,
        sitting=SittingState.NOT_STARTED,
        rules=PROFILES["england"],
        plan=_plan_of(hearing),
    )
    _permitted(booking, "book", frozenset({"clerk"}), 0)


def check_edit(facts: HearingFacts, roles: frozenset[str], wanted: NewHearing, utc: int) -> None:
    """Raises :class:`BookingRefused`."""
    _permitted(booking_of(facts, _plan_of(wanted)), "edit", roles, utc)


def check_added(facts: HearingFacts, roles: frozenset[str], person: PersonRow, utc: int) -> None:
    """Raises :class:`BookingRefused`."""
    people = (*facts.people, person)
    wanted = plan_of(people, facts.scheduled_utc, facts.recording, facts.recording_reason)
    _permitted(booking_of(facts, wanted), "add_person", roles, utc)


def _plan_of(wanted: NewHearing) -> law.Plan:
    return plan_of(wanted.people, wanted.scheduled_utc, wanted.recording, wanted.recording_reason)


def _permitted(
    booking: law.Booking, name: str, roles: frozenset[str], utc: int, *, reason: str = "", ground: str = ""
) -> Row:
    """Raises :class:`BookingRefused`."""
    request = Request(name=name, actor="", roles=roles, utc=utc, reason=reason, detail={"ground": ground})
    row = law.decide_booking(booking, request)
    if isinstance(row, Refused):
        raise BookingRefused(row.code)
    return row


def hearing_of(request: d.BookingRequest, hearing_id: str, known: Sequence[PersonRow] = ()) -> NewHearing:
    """The request as what the store takes.  People already booked keep their ids.  Raises :class:`BookingRefused`."""
    ids = {person.id for person in known}
    refs = {
        person.ref: person.ref if person.ref in ids else f"{person.role}-{secrets.token_hex(4)}"
        for person in request.people
    }
    if len(refs) != len(request.people):
        raise BookingRefused("person-unfit")
    before = {person.id: person for person in known}
    people = tuple(_person(person, refs, before.get(person.ref)) for person in request.people)
    if sum(person.role == "judge" for person in people) > 1:
        raise BookingRefused("person-unfit")
    _check_screens(people)
    if request.recording == "off":
        if any(person.role == "interpreter" for person in people):
            raise BookingRefused("recording-needed")
        if not request.recording_reason.strip():
            raise BookingRefused("reason-missing")
    days = sorted(request.days, key=lambda day: day.scheduled_at)
    rows = tuple(
        DayRow(
            sitting_id=hearing_id if place == 0 else secrets.token_hex(8),
            scheduled_utc=round(day.scheduled_at * NS),
            duration_s=round(day.duration_s),
        )
        for place, day in enumerate(days)
    )
    return NewHearing(
        id=hearing_id,
        case_number=request.case_number.strip(),
        case_name=request.case_name,
        case_name_zh=request.case_name_zh or request.case_name,
        room=request.room,
        room_zh=request.room_zh or request.room,
        scheduled_utc=rows[0].scheduled_utc if rows else 0,
        people=people,
        days=rows,
        booking="draft" if request.draft else "booked",
        recording=request.recording,
        recording_reason=request.recording_reason if request.recording == "off" else "",
    )


def added_person(request: d.PersonRequest, facts: HearingFacts) -> PersonRow:
    """Somebody who is added to what is booked.  Raises :class:`BookingRefused`."""
    refs = {person.id: person.id for person in facts.people}
    if request.ref in refs:
        raise BookingRefused("person-unfit")
    person = _person(request, refs | {request.ref: f"{request.role}-{secrets.token_hex(4)}"}, None)
    _check_screens((*facts.people, person))
    return person


def _check_screens(people: Sequence[PersonRow]) -> None:
    """Nobody is screened from the court itself.  Raises :class:`BookingRefused`."""
    court = {person.id for person in people if person.role in OF_THE_COURT}
    if any(person.screened_from and (person.id in court or court & set(person.screened_from)) for person in people):
        raise BookingRefused("person-unfit")


def _person(request: d.PersonRequest, refs: dict[str, str], before: PersonRow | None) -> PersonRow:
    try:
        linked, represented, screened = (
            tuple(refs[ref] for ref in named)
            for named in (request.linked_to, request.represents, request.screened_from)
        )
    except KeyError as unknown:
        raise BookingRefused("person-unfit") from unknown
    own = refs[request.ref]
    if own in (*linked, *represented, *screened):
        raise BookingRefused("person-unfit")
    if (linked and request.role != "interpreter") or (represented and request.role != "lawyer"):
        raise BookingRefused("person-unfit")
    if (request.deputy and request.role != "panel") or (request.user and request.role not in OF_THE_COURT):
        raise BookingRefused("person-unfit")
    if request.email and not plausible_email(request.email):
        raise BookingRefused("email-unfit")
    if request.phone and not plausible_phone(request.phone):
        raise BookingRefused("phone-unfit")
    if before is not None and before.role != request.role:
        # What a person was is in the log; somebody with another role is another person.
        raise BookingRefused("person-unfit")
    side = request.role if request.role in PARTIES else request.side if request.role in SIDED else ""
    return PersonRow(
        id=own,
        role=request.role,
        name=request.name,
        name_zh=request.name_zh or request.name,
        account=request.user.strip().casefold() if request.user else None,
        side=side,
        languages=tuple(request.languages),
        linked_to=linked,
        represents=represented,
        screened_from=screened,
        deputy=request.deputy,
        guest=before.guest if before is not None else False,
        capacity=before.capacity if before is not None else "",
        email=request.email,
        phone=request.phone,
        locale=request.locale,
    )


def plausible_email(address: str) -> bool:
    """One address, that cannot break out of a header; whether it works, only sending shows."""
    local, at, domain = address.rpartition("@")
    printable = address.isprintable() and not any(letter in address for letter in ' ,;:<>()[]\\"')
    return bool(at and local and "." in domain and printable and not domain.startswith(".") and "@" not in local)


def plausible_phone(number: str) -> bool:
    """E.164, or as people write it in the country of the court."""
    digits = sum(letter.isdigit() for letter in number)
    return 3 <= digits <= 15 and all(letter.isdigit() or letter in "+ -().#*" for letter in number)
