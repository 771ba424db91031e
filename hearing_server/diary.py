"""The court's diary: what a clerk books, and the law of that (machine B of hearing-model.md §2).

Pure checks over plain values; the web layer reads and writes the store by them.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from . import desk_api as d
from .store import DayRow, HearingFacts, NewHearing, PersonRow

NS = 1_000_000_000
#: A confirmed hearing is not edited within this of its start, s, but for people who are added (C2).
EDIT_CLOSES_S = 30 * 60
#: A personal link works until this long after the last day, s.
LINK_AFTER_S = 30 * 24 * 3600
PARTIES = frozenset({"claimant", "respondent"})
#: The people whose place in the court is an account's.
OF_THE_COURT = frozenset({"judge", "panel", "staff_host", "clerk", "technician"})
#: Those with a side of their own choosing; a party's is its role.
SIDED = frozenset({"lawyer", "witness", "expert", "interpreter"})


@dataclass(frozen=True, slots=True)
class Move:
    """One row of the booking machine."""

    sources: frozenset[str]
    to: str
    who: frozenset[str]


#: Name of the command to what it does; ``held`` follows from the sittings (:func:`state_of`).
MOVES = {
    "book": Move(frozenset({"draft"}), "booked", frozenset({"clerk"})),
    "confirm": Move(frozenset({"booked"}), "confirmed", frozenset({"clerk"})),
    "cancel": Move(frozenset({"draft", "booked", "confirmed"}), "cancelled", frozenset({"clerk", "judge"})),
    "convert": Move(frozenset({"confirmed"}), "converted_offline", frozenset({"judge"})),
}
EDITABLE = frozenset({"draft", "booked", "confirmed"})
#: Grounds on which a hearing is moved to the courtroom (Online Litigation Rules, art. 21).
CONVERT_GROUNDS = frozenset(
    {"parties-object", "party-objects", "no-means", "inspect-originals", "state-secret", "public-concern", "other"}
)


class BookingRefused(Exception):
    """``code``: ``booking-incomplete``, ``booking-state``, ``host-missing``, ``reason-missing``, ``recording-needed``,
    ``recording-fixed``, ``too-late``, ``person-unfit`` or ``ground-unknown``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def state_of(facts: HearingFacts) -> str:
    """A confirmed hearing whose last sitting is closed has been held."""
    return "held" if facts.booking == "confirmed" and facts.state == "closed" else facts.booking


def too_late(facts: HearingFacts, utc: int) -> bool:
    """Whether it is too late for an edit."""
    near = utc >= facts.scheduled_utc - EDIT_CLOSES_S * NS
    return facts.booking == "confirmed" and (near or facts.state not in ("not_started", "closed"))


def may(facts: HearingFacts, roles: frozenset[str], utc: int) -> list[str]:
    """What these roles can do with this booking now."""
    state = state_of(facts)
    found = [name for name, move in MOVES.items() if state in move.sources and roles & move.who]
    if "clerk" in roles and state in EDITABLE:
        found += ["add_person"] if too_late(facts, utc) else ["edit", "add_person"]
    if "judge" in roles and state in EDITABLE:
        found.append("direct_observers")
    if "clerk" in roles and state == "confirmed":
        found.append("make_public_link")
    return found


def check_move(facts: HearingFacts, name: str, roles: frozenset[str], reason: str, ground: str) -> Move:
    """The row, if all its guards hold.  Raises :class:`BookingRefused`."""
    move = MOVES[name]
    if not roles & move.who:
        raise BookingRefused("not-allowed")
    if state_of(facts) not in move.sources or facts.state not in ("not_started", "closed"):
        raise BookingRefused("booking-state")
    if name in ("book", "confirm"):
        check_complete(facts.people, facts.scheduled_utc)
    if name == "confirm" and sum(person.role == "judge" for person in facts.people) != 1:
        raise BookingRefused("host-missing")
    if name == "cancel" and not reason.strip():
        raise BookingRefused("reason-missing")
    if name == "convert" and ground not in CONVERT_GROUNDS:
        raise BookingRefused("ground-unknown")
    if name == "convert" and ground == "other" and not reason.strip():
        raise BookingRefused("reason-missing")
    return move


def check_complete(people: Sequence[PersonRow], scheduled_utc: int) -> None:
    """Case and room are there by the request's shape.  Raises :class:`BookingRefused`."""
    if scheduled_utc <= 0 or not any(person.role in PARTIES for person in people):
        raise BookingRefused("booking-incomplete")


def check_edit(facts: HearingFacts, roles: frozenset[str], wanted: NewHearing, utc: int) -> None:
    """Raises :class:`BookingRefused`."""
    if "clerk" not in roles:
        raise BookingRefused("not-allowed")
    state = state_of(facts)
    if state not in EDITABLE:
        raise BookingRefused("booking-state")
    if too_late(facts, utc):
        raise BookingRefused("too-late")
    plan = (facts.recording, facts.recording_reason)
    if state == "confirmed" and (wanted.recording, wanted.recording_reason) != plan:
        # Part of the confirmation: a record that flips with an edit is one that is missing (lessons.md 19).
        raise BookingRefused("recording-fixed")
    if state != "draft":
        check_complete(wanted.people, wanted.scheduled_utc)
    if state == "confirmed" and sum(person.role == "judge" for person in wanted.people) != 1:
        raise BookingRefused("host-missing")


def check_added(facts: HearingFacts, roles: frozenset[str], person: PersonRow) -> None:
    """Raises :class:`BookingRefused`."""
    if state_of(facts) not in EDITABLE:
        raise BookingRefused("booking-state")
    if not roles & {"clerk", "staff_host"}:
        raise BookingRefused("not-allowed")
    if person.role == "judge" and facts.judge.id:
        raise BookingRefused("person-unfit")
    if person.role == "interpreter" and facts.recording == "off":
        raise BookingRefused("recording-needed")


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
        raise BookingRefused("person-unfit")
    if request.phone and not plausible_phone(request.phone):
        raise BookingRefused("person-unfit")
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
