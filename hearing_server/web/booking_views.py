"""Bookings as the desk is shown them."""

from __future__ import annotations

import time

import msgspec

from .. import api, diary
from .. import desk_api as d
from ..hearings import Hearings
from ..links import Links
from ..store import HearingFacts, PersonRow, Store
from .access import Ask
from .callers import DESK
from .problems import ProblemError
from .readiness import assess, link_states

NS = 1_000_000_000


async def line(store: Store, hearings: Hearings, facts: HearingFacts) -> d.BookingRow:
    """A booking in a list."""
    state = diary.state_of(facts)
    days = await store.docket.days(facts.hearing_id)
    score = (await assess(store, hearings, facts, time.time_ns())).score if state in ("booked", "confirmed") else None
    return d.BookingRow(
        hearing_id=facts.hearing_id,
        state=msgspec.convert(state, d.BookingState),
        case_number=facts.case_number,
        case_name=facts.case_name,
        case_name_zh=facts.case_name_zh,
        room=facts.room,
        room_zh=facts.room_zh,
        judge=facts.judge.name,
        judge_zh=facts.judge.name_zh,
        scheduled_at=facts.scheduled_utc / NS if facts.scheduled_utc else None,
        days=len(days),
        people=len(facts.people),
        score=score,
    )


async def whole(store: Store, links: Links, facts: HearingFacts, roles: frozenset[str]) -> d.Booking:
    """A booking as these roles may know it."""
    states = await link_states(store, facts, time.time_ns())
    return d.Booking(
        hearing_id=facts.hearing_id,
        court_id=facts.court.id,
        court=facts.court.name,
        court_zh=facts.court.name_zh,
        profile=msgspec.convert(facts.court.profile, d.Profile),
        state=msgspec.convert(diary.state_of(facts), d.BookingState),
        revision=facts.revision,
        case_number=facts.case_number,
        case_name=facts.case_name,
        case_name_zh=facts.case_name_zh,
        room=facts.room,
        room_zh=facts.room_zh,
        days=[
            d.BookedDay(
                sitting_id=day.sitting_id,
                ordinal=day.ordinal,
                scheduled_at=day.scheduled_utc / NS,
                duration_s=float(day.duration_s),
                state=msgspec.convert(day.state, api.SittingState),
            )
            for day in await store.docket.days(facts.hearing_id)
            if day.scheduled_utc
        ],
        people=[_person(person, states[person.id], told=bool(roles & DESK)) for person in facts.people],
        recording=msgspec.convert(facts.recording, d.RecordingPlan),
        recording_reason=facts.recording_reason,
        reason=facts.reason,
        observers=msgspec.json.decode(facts.observers, type=d.ObserverDirection) if facts.observers else None,
        public_link=links.public_token(facts.public_id) if facts.public_id else None,
        convert_grounds=list(diary.rules_of(facts).convert_grounds),
        may=diary.may(facts, roles, time.time_ns()),
    )


async def fresh(store: Store, links: Links, ask: Ask) -> d.Booking:
    """The booking of the path as it is after a change.  Raises :class:`ProblemError`."""
    facts = await facts_of(store, ask.hearing.hearing_id)
    return await whole(store, links, facts, ask.caller.roles_for(facts))


async def facts_of(store: Store, hearing_id: str) -> HearingFacts:
    """Raises :class:`ProblemError`."""
    facts = await store.docket.by_hearing(hearing_id)
    if facts is None:
        raise ProblemError("not-found")
    return facts


def _person(person: PersonRow, link: str, *, told: bool) -> d.BookedPerson:
    """``told``: whether the reader may know addresses."""
    return d.BookedPerson(
        person_id=person.id,
        role=msgspec.convert(person.role, api.Role),
        name=person.name,
        name_zh=person.name_zh,
        side=msgspec.convert(person.side, d.Side),
        languages=list(person.languages),
        linked_to=list(person.linked_to),
        represents=list(person.represents),
        screened_from=list(person.screened_from),
        deputy=person.deputy,
        user=person.account,
        email=person.email if told else "",
        phone=person.phone if told else "",
        locale=msgspec.convert(person.locale, api.Locale),
        link=msgspec.convert(link, d.LinkState),
        guest=person.guest,
    )
