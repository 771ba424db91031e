"""The court's diary over HTTP: booking, changing and confirming hearings, and whether they can be held."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence

import structlog
from starlette.responses import Response

from .. import desk_api as d
from .. import diary
from ..court import profile
from ..hearings import Hearings
from ..links import Links
from ..store import Court, HearingFacts, PersonRow, Store
from ..store.bookings import DayBegun, Stale
from .access import Ask, Endpoint, Gate
from .booking_views import facts_of, line, whole
from .callers import BENCH, CLERK, DESK
from .invitations import Invitations
from .problems import Json, ProblemError
from .readiness import assess

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
        gate: Gate,
    ) -> None:
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
        return Json(
            [await line(self._store, self._hearings, facts) for facts in found if caller.roles_for(facts) & READERS]
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
                diary.check_complete(hearing)
        except diary.BookingRefused as refused:
            raise ProblemError(refused.code) from refused
        await self._check_users(court.id, hearing.people)
        await self._note(ask, hearing_id, "book", draft=body.draft)
        await self._store.bookings.create(court, hearing, time.time_ns())
        return Json(await self._booking(ask, await facts_of(self._store, hearing_id)), 201)

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
        after = await facts_of(self._store, facts.hearing_id)
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
            diary.check_added(facts, ask.roles, person, time.time_ns())
        except diary.BookingRefused as refused:
            raise ProblemError(refused.code) from refused
        await self._check_users(facts.court.id, [person])
        await self._note(ask, facts.hearing_id, "add-person", target=person.id, role=person.role)
        await self._store.bookings.add_person(facts.hearing_id, person)
        await self._hearings.booking_changed(facts.hearing_id)
        after = await facts_of(self._store, facts.hearing_id)
        if after.booking == "confirmed":
            await self._invitations.invite(after, [person])
        return Json(await self._booking(ask, after), 201)

    async def move(self, ask: Ask) -> Response:
        body: d.BookingCommand = ask.body
        facts = ask.hearing
        try:
            move = diary.check_move(facts, body.name, ask.roles, body.reason, body.ground, time.time_ns())
        except diary.BookingRefused as refused:
            raise ProblemError(refused.code) from refused
        reason = f"{body.ground}: {body.reason}".strip(": ")
        await self._note(ask, facts.hearing_id, f"{body.name}-booking", reason=reason)
        try:
            await self._store.bookings.move(facts.hearing_id, move.sources, move.to, reason)
        except Stale as stale:
            raise ProblemError("booking-state") from stale
        after = await facts_of(self._store, facts.hearing_id)
        if move.to == "confirmed":
            await self._invitations.invite(after, after.people)
        elif facts.booking == "confirmed":
            await self._invitations.cancel(after)
            for person in after.people:
                await self._store.seats.revoke_links(person.id, time.time_ns())
                self._hearings.seat_withdrawn(facts.sitting_id, person.id)
        await self._hearings.booking_changed(facts.hearing_id)
        return Json(await self._booking(ask, after))

    async def _booking(self, ask: Ask, facts: HearingFacts) -> d.Booking:
        return await whole(self._store, self._links, facts, ask.caller.roles_for(facts))

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
