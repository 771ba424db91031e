"""The court's diary over HTTP: booking, changing and confirming hearings, their joining messages and readiness."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence

import msgspec
import structlog
from starlette.responses import Response

from .. import api, diary
from .. import desk_api as d
from ..court import Command, profile
from ..hearings import Hearings
from ..links import Links
from ..store import Court, HearingFacts, PersonRow, Store
from ..store.bookings import DayBegun, Stale
from .access import BENCH, CLERK, DESK, Ask, Endpoint, Gate
from .attendance import Attendance
from .invitations import Invitations
from .problems import Json, ProblemError
from .readiness import assess, link_states

log = structlog.get_logger(__name__)

NS = 1_000_000_000
QUERY_LIMIT = 200
#: Two hundred people with all that can be said of them.
BOOKING_LIMIT_BYTES = 256 * 1024
READERS = DESK | BENCH | {"technician"}
DECIDERS = CLERK | {"judge"}
_BOOKING = "/api/bookings/{hearing_id}"


class Bookings:
    def __init__(
        self,
        store: Store,
        links: Links,
        hearings: Hearings,
        invitations: Invitations,
        attendance: Attendance,
        gate: Gate,
    ) -> None:
        self._attendance = attendance
        self._store = store
        self._links = links
        self._hearings = hearings
        self._invitations = invitations
        self._gate = gate

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint(
                name="searchBookings",
                method="GET",
                path="/api/bookings",
                summary="Bookings by case number or name (?query=), newest first: of one's courts, or a judge's own.",
                handler=self.search,
                who=READERS,
                answer=list[d.BookingRow],
            ),
            Endpoint(
                name="book",
                method="POST",
                path="/api/bookings",
                summary="Book a hearing, or note a draft.",
                handler=self.book,
                who=CLERK,
                body=d.BookingRequest,
                body_limit=BOOKING_LIMIT_BYTES,
                answer=d.Booking,
                status=201,
            ),
            Endpoint(
                name="readBooking",
                method="GET",
                path=_BOOKING,
                summary="A booking, whole.",
                handler=self.read,
                who=READERS,
                answer=d.Booking,
            ),
            Endpoint(
                name="editBooking",
                method="POST",
                path=_BOOKING,
                summary="Put this in place of what is booked.",
                handler=self.edit,
                who=CLERK,
                body=d.BookingRequest,
                body_limit=BOOKING_LIMIT_BYTES,
                answer=d.Booking,
            ),
            Endpoint(
                name="addPerson",
                method="POST",
                path=_BOOKING + "/people",
                summary="Add a person, on the day, too.",
                handler=self.add_person,
                who=DESK,
                body=d.PersonRequest,
                answer=d.Booking,
                status=201,
            ),
            Endpoint(
                name="moveBooking",
                method="POST",
                path=_BOOKING + "/commands",
                summary="Book a draft, confirm, cancel, or move the hearing to the courtroom.",
                handler=self.move,
                who=DECIDERS,
                body=d.BookingCommand,
                answer=d.Booking,
            ),
            Endpoint(
                name="readReadiness",
                method="GET",
                path=_BOOKING + "/readiness",
                summary="Whether the hearing can be held: tests, consents, identity, links, interpreters.",
                handler=self.readiness,
                who=READERS,
                answer=d.Readiness,
            ),
            Endpoint(
                name="listMessages",
                method="GET",
                path=_BOOKING + "/messages",
                summary="Joining messages, newest first, and how far they are.",
                handler=self.messages,
                who=DESK,
                answer=list[d.MessageRow],
            ),
            Endpoint(
                name="sendMessages",
                method="POST",
                path=_BOOKING + "/messages",
                summary="Send the joining message again, to one person or to all.",
                handler=self.send,
                who=DESK,
                limited=True,
                body=d.SendRequest,
                answer=list[d.MessageRow],
                status=201,
            ),
            Endpoint(
                name="makePublicLink",
                method="POST",
                path=_BOOKING + "/public-link",
                summary="A public link for guests and observers, in place of an earlier one.",
                handler=self.make_public_link,
                who=CLERK,
                answer=d.Booking,
                status=201,
            ),
            Endpoint(
                name="withdrawPublicLink",
                method="DELETE",
                path=_BOOKING + "/public-link",
                summary="No stranger comes by the public link any more.",
                handler=self.withdraw_public_link,
                who=CLERK,
                answer=d.Booking,
            ),
            Endpoint(
                name="directObservers",
                method="POST",
                path="/api/hearings/{hearing_id}/observers",
                summary="The judge's direction whether observers may come, with its grounds.",
                handler=self.direct_observers,
                who=frozenset({"judge"}),
                body=d.DirectionRequest,
                answer=d.ObserverDirection,
            ),
        )

    # --- reading ------------------------------------------------------------------------

    async def search(self, ask: Ask) -> Response:
        text = ask.request.query_params.get("query", "")[:QUERY_LIMIT]
        caller = ask.caller
        courts = {court for court in caller.courts if caller.roles(court) & READERS}
        if court := ask.request.query_params.get("court"):
            courts &= {court}
        account = caller.user_name if "judge" in caller.roles() else None
        found = await self._store.bookings.search(text, court_ids=courts, account=account)
        return Json([await self._row(facts) for facts in found if caller.roles_for(facts) & READERS])

    async def _row(self, facts: HearingFacts) -> d.BookingRow:
        state = diary.state_of(facts)
        days = await self._store.docket.days(facts.hearing_id)
        score = (
            (await assess(self._store, self._hearings, facts, time.time_ns())).score
            if state in ("booked", "confirmed")
            else None
        )
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

    async def read(self, ask: Ask) -> Response:
        return Json(await self._booking(ask, ask.hearing))

    async def readiness(self, ask: Ask) -> Response:
        return Json(await assess(self._store, self._hearings, ask.hearing, time.time_ns()))

    # --- changing -----------------------------------------------------------------------------

    async def book(self, ask: Ask) -> Response:
        body: d.BookingRequest = ask.body
        court = await self._court(ask, body.court_id)
        hearing_id = secrets.token_hex(8)
        self._check_record(court.profile, body)
        try:
            hearing = diary.hearing_of(body, hearing_id)
            if not body.draft:
                diary.check_complete(hearing.people, hearing.scheduled_utc)
        except diary.BookingRefused as refused:
            raise ProblemError(refused.code) from refused
        await self._check_users(court.id, hearing.people)
        await self._note(ask, hearing_id, "book", draft=body.draft)
        await self._store.bookings.create(court, hearing, time.time_ns())
        return Json(await self._fresh(ask, hearing_id), 201)

    async def edit(self, ask: Ask) -> Response:
        body: d.BookingRequest = ask.body
        facts = ask.hearing
        if body.court_id != facts.court.id or body.revision is None:
            raise ProblemError("invalid")
        self._check_record(facts.court.profile, body)
        try:
            wanted = diary.hearing_of(body, facts.hearing_id, facts.people)
            diary.check_edit(facts, ask.roles, wanted, time.time_ns())
        except diary.BookingRefused as refused:
            raise ProblemError(refused.code) from refused
        await self._check_users(facts.court.id, wanted.people, facts.people)
        before = await self._store.docket.days(facts.hearing_id)
        await self._note(ask, facts.hearing_id, "edit-booking", revision=body.revision)
        try:
            await self._store.bookings.edit(wanted, court_id=facts.court.id, revision=body.revision, utc=time.time_ns())
        except Stale as stale:
            raise ProblemError("conflict") from stale
        except DayBegun as begun:
            raise ProblemError("day-begun") from begun
        after = await self._facts(facts.hearing_id)
        for person in facts.people:
            if after.person(person.id) is None:
                self._hearings.seat_withdrawn(facts.sitting_id, person.id)
        await self._hearings.booking_changed(facts.hearing_id)
        if after.booking == "confirmed":
            await self._invitations.changed(facts, after, before)
        return Json(await self._booking(ask, after))

    async def add_person(self, ask: Ask) -> Response:
        body: d.PersonRequest = ask.body
        facts = ask.hearing
        try:
            person = diary.added_person(body, facts)
            diary.check_added(facts, ask.roles, person)
        except diary.BookingRefused as refused:
            raise ProblemError(refused.code) from refused
        await self._check_users(facts.court.id, [person])
        await self._note(ask, facts.hearing_id, "add-person", target=person.id, role=person.role)
        await self._store.bookings.add_person(facts.hearing_id, person)
        await self._hearings.booking_changed(facts.hearing_id)
        after = await self._facts(facts.hearing_id)
        if after.booking == "confirmed":
            await self._invitations.invite(after, [person])
        return Json(await self._booking(ask, after), 201)

    async def move(self, ask: Ask) -> Response:
        body: d.BookingCommand = ask.body
        facts = ask.hearing
        try:
            move = diary.check_move(facts, body.name, ask.roles, body.reason, body.ground)
        except diary.BookingRefused as refused:
            raise ProblemError(refused.code) from refused
        reason = f"{body.ground}: {body.reason}".strip(": ")
        await self._note(ask, facts.hearing_id, f"{body.name}-booking", reason=reason)
        try:
            await self._store.bookings.move(facts.hearing_id, move.sources, move.to, reason)
        except Stale as stale:
            raise ProblemError("booking-state") from stale
        after = await self._facts(facts.hearing_id)
        if move.to == "confirmed":
            await self._invitations.invite(after, after.people)
        elif facts.booking == "confirmed":
            await self._invitations.cancel(after)
            for person in after.people:
                await self._store.seats.revoke_links(person.id, time.time_ns())
                self._hearings.seat_withdrawn(facts.sitting_id, person.id)
        await self._hearings.booking_changed(facts.hearing_id)
        return Json(await self._booking(ask, after))

    # --- messages -------------------------------------------------------------------------------

    async def messages(self, ask: Ask) -> Response:
        return Json(await self._messages(ask.hearing))

    async def send(self, ask: Ask) -> Response:
        body: d.SendRequest = ask.body
        facts = ask.hearing
        if diary.state_of(facts) != "confirmed":
            raise ProblemError("booking-state")
        people = [person for person in facts.people if body.person_id in (None, person.id)]
        if not people:
            raise ProblemError("unknown-person")
        await self._note(ask, facts.hearing_id, "send-messages", target=body.person_id or "all")
        await self._invitations.invite(facts, people)
        return Json(await self._messages(facts), 201)

    async def _messages(self, facts: HearingFacts) -> list[d.MessageRow]:
        names = {person.id: person for person in facts.people}
        return [
            d.MessageRow(
                message_id=row.id,
                person_id=row.person_id,
                name=names[row.person_id].name,
                name_zh=names[row.person_id].name_zh,
                kind=msgspec.convert(row.kind, d.MessageKind),
                channel=msgspec.convert(row.channel, d.MessageChannel),
                address=row.address,
                state=msgspec.convert(row.state, d.MessageState),
                attempts=row.attempts,
                created_at=row.created_utc / NS,
                sent_at=row.sent_utc / NS if row.sent_utc is not None else None,
                problem=row.problem,
            )
            for row in await self._store.outbox.of_hearing(facts.hearing_id)
            if row.person_id in names
        ]

    # --- strangers ---------------------------------------------------------------------------------

    async def make_public_link(self, ask: Ask) -> Response:
        if diary.state_of(ask.hearing) != "confirmed":
            raise ProblemError("booking-state")
        await self._note(ask, ask.hearing.hearing_id, "make-public-link")
        await self._store.bookings.set_public_id(ask.hearing.hearing_id, secrets.token_urlsafe(12))
        return Json(await self._fresh(ask, ask.hearing.hearing_id), 201)

    async def withdraw_public_link(self, ask: Ask) -> Response:
        await self._note(ask, ask.hearing.hearing_id, "withdraw-public-link")
        await self._store.bookings.set_public_id(ask.hearing.hearing_id, None)
        return Json(await self._fresh(ask, ask.hearing.hearing_id))

    async def direct_observers(self, ask: Ask) -> Response:
        body: d.DirectionRequest = ask.body
        facts = ask.hearing
        direction = d.ObserverDirection(
            allowed=body.allowed, grounds=body.grounds, judge=ask.caller.name, at=time.time_ns() / NS
        )
        await self._note(ask, facts.hearing_id, "direct-observers", allowed=body.allowed, grounds=body.grounds)
        await self._store.bookings.set_observers(facts.hearing_id, msgspec.json.encode(direction).decode())
        sitting = await self._hearings.sitting(facts.sitting_id)
        if sitting is not None and sitting.state != "closed" and (body.allowed or sitting.public_grounds):
            judge = await self._attendance.person(ask)
            name, detail = ("direct_public", {"grounds": body.grounds}) if body.allowed else ("withdraw_public", {})
            await self._attendance.give(ask, facts, judge, Command(name=name, detail=detail))
        return Json(direction)

    # --- shapes -----------------------------------------------------------------------------------------

    async def _facts(self, hearing_id: str) -> HearingFacts:
        facts = await self._store.docket.by_hearing(hearing_id)
        if facts is None:
            raise ProblemError("not-found")
        return facts

    async def _fresh(self, ask: Ask, hearing_id: str) -> d.Booking:
        return await self._booking(ask, await self._facts(hearing_id))

    async def _booking(self, ask: Ask, facts: HearingFacts) -> d.Booking:
        roles = ask.caller.roles_for(facts)
        links = await link_states(self._store, facts, time.time_ns())
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
                for day in await self._store.docket.days(facts.hearing_id)
                if day.scheduled_utc
            ],
            people=[_booked(person, links[person.id], told=bool(roles & DESK)) for person in facts.people],
            recording=msgspec.convert(facts.recording, d.RecordingPlan),
            recording_reason=facts.recording_reason,
            reason=facts.reason,
            observers=msgspec.json.decode(facts.observers, type=d.ObserverDirection) if facts.observers else None,
            public_link=self._links.public_token(facts.public_id) if facts.public_id else None,
            may=diary.may(facts, roles, time.time_ns()),
        )

    async def _court(self, ask: Ask, court_id: str) -> Court:
        if not ask.caller.roles(court_id) & CLERK:
            raise ProblemError("not-allowed")
        courts = await self._store.accounts.courts([court_id])
        if not courts:
            raise ProblemError("not-found")
        return courts[0]

    def _check_record(self, name: str, body: d.BookingRequest) -> None:
        """Raises :class:`ProblemError` for a hearing off the record where the court's law knows none."""
        if body.recording == "off" and not profile(name).off_record_allowed:
            raise ProblemError("off-record-unlawful")

    async def _check_users(self, court_id: str, people: Sequence[PersonRow], known: Sequence[PersonRow] = ()) -> None:
        """A user who is named has an account in this court; what was booked before stays."""
        before = {person.id: person.account for person in known}
        for person in people:
            if person.account is None or before.get(person.id) == person.account:
                continue
            account = await self._store.accounts.by_user(person.account)
            if account is None or not account.roles_in(court_id):
                raise ProblemError("user-unknown")

    async def _note(self, ask: Ask, hearing_id: str, action: str, target: str = "", **detail: object) -> None:
        await self._gate.note(ask.caller, hearing_id, action, target or hearing_id, time.time_ns(), **detail)


def _booked(person: PersonRow, link: str, *, told: bool) -> d.BookedPerson:
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
