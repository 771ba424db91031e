"""Links and seats over HTTP."""

from __future__ import annotations

import contextlib
import time

from starlette.responses import Response

from ..api import LinkRequest, Me, SessionRequest
from ..court import SYSTEM, Command
from ..hearings import Hearings, views
from ..links import LinkRefused, Links
from ..store import LinkRow, SeatRow, Store
from .access import Ask, Endpoint, Gate
from .attendance import Attendance
from .callers import BENCH, COURT_WIDE, EVERYBODY, STAFF
from .connections import SEAT_COOKIE, SEATS_LIMIT, over_https, person_cookie
from .problems import Json, ProblemError

#: How long a browser keeps a party's cookie, s; the link's expiry ends it earlier.  Judges and clerks reach the archive
#: with theirs, which ends with the browser.
COOKIE_MAX_AGE_S = 31 * 24 * 3600
#: How long somebody who has signed in to an account keeps the seat they took by it, s.
ATTENDANCE_S = 16 * 3600
NS = 1_000_000_000


class Identity:
    def __init__(self, store: Store, links: Links, hearings: Hearings, attendance: Attendance, gate: Gate) -> None:
        self._store = store
        self._links = links
        self._hearings = hearings
        self._attendance = attendance
        self._gate = gate

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint(
                name="whoseLink",
                method="POST",
                path="/api/link",
                summary="Whose personal link is this? Binds nothing.",
                handler=self.whose,
                limited=True,
                body=LinkRequest,
                answer=Me,
            ),
            Endpoint(
                name="takeSeat",
                method="POST",
                path="/api/session",
                summary="Trade a personal link for a seat on this device; any other device of the person loses it.",
                handler=self.sit,
                limited=True,
                body=SessionRequest,
                answer=Me,
            ),
            Endpoint(
                name="whoAmI",
                method="GET",
                path="/api/session",
                summary="Who sits on this device.",
                handler=self.who_am_i,
                who=EVERYBODY,
                by="seat",
                answer=Me,
            ),
            Endpoint(
                name="leaveSeat",
                method="DELETE",
                path="/api/session",
                summary="Give the seat up on this device.",
                handler=self.leave,
                who=EVERYBODY,
                by="seat",
                status=204,
            ),
            Endpoint(
                name="attend",
                method="POST",
                path="/api/hearings/{hearing_id}/seat",
                summary="Take the seat of whom one is booked as, or of the court's staff, by one's account.",
                handler=self.attend,
                who=BENCH | COURT_WIDE,
                by="account",
                answer=Me,
            ),
        )

    async def whose(self, ask: Ask) -> Response:
        """Whose link is this?  Binds nothing."""
        body: LinkRequest = ask.body
        try:
            link = await self._links.open(body.link)
        except LinkRefused as refused:
            raise self._refused(ask, refused) from refused
        seated = await self._store.seats.seated(link.person.id)
        mine = None
        if cookie := _cookie_of(ask, link.person.id):
            with contextlib.suppress(LinkRefused):
                mine = (await self._links.seat(cookie)).id
        return Json(await self._me(link, seated_elsewhere=seated is not None and seated != mine))

    async def sit(self, ask: Ask) -> Response:
        """Bind a seat to this device, in place of any other of the person."""
        body: SessionRequest = ask.body
        device = ask.request.headers.get("user-agent", "")
        try:
            person_id = (await self._links.open(body.link)).person.id
            seat, cookie = await self._links.take_seat(body.link, device, _cookie_of(ask, person_id))
        except LinkRefused as refused:
            raise self._refused(ask, refused) from refused
        return await self.seated(ask, seat, cookie)

    async def seated(self, ask: Ask, seat: SeatRow, cookie: str) -> Response:
        """This device has the seat: its cookies are set, and the socket of any other device ends."""
        facts = await self._store.docket.by_hearing(seat.person.hearing_id)
        if facts is None:
            raise ProblemError("link-unknown")
        self._hearings.seat_taken(facts.sitting_id, seat.person.id, seat.id)
        answer = Json(await self._me(seat.link))
        for name in (SEAT_COOKIE, person_cookie(seat.person.id)):
            answer.set_cookie(
                name,
                cookie,
                max_age=None if seat.person.role in STAFF else COOKIE_MAX_AGE_S,
                httponly=True,
                samesite="strict",
                secure=over_https(ask.request),
                path="/",
            )
        kept = [name for name in ask.request.cookies if name.startswith(person_cookie(""))]
        for name in kept[: max(0, len(kept) - SEATS_LIMIT + 1)]:
            if name != person_cookie(seat.person.id):
                _forget(answer, name)
        return answer

    async def attend(self, ask: Ask) -> Response:
        """Seat who has signed in to an account in this hearing, as whom they are booked or as staff of the court."""
        facts = ask.hearing
        if facts.booking != "confirmed" and facts.state != "closed":
            raise ProblemError("booking-state")
        person = await self._attendance.person(ask)
        now = time.time_ns()
        await self._gate.note(ask.caller, facts.hearing_id, "take-seat", person.id, now)
        token = await self._links.issue(person.id, expires_utc=now + ATTENDANCE_S * NS, device_limit=1)
        device = ask.request.headers.get("user-agent", "")
        try:
            seat, cookie = await self._links.take_seat(token, device, None)
        except LinkRefused as refused:
            raise ProblemError(refused.code) from refused
        if person.role != "technician":
            with contextlib.suppress(ProblemError):
                command = Command(name="verify_account", subject=person.id)
                await self._attendance.act(ask, facts, SYSTEM, command)
        return await self.seated(ask, seat, cookie)

    async def who_am_i(self, ask: Ask) -> Response:
        return Json(await self._me(ask.seat.seat.link))

    async def leave(self, ask: Ask) -> Response:
        """Give the seat up on this device."""
        await self._links.give_up(ask.seat.seat)
        answer = Response(status_code=204)
        own = person_cookie(ask.seat.seat.person.id)
        if ask.request.cookies.get(SEAT_COOKIE) == ask.request.cookies.get(own, ask.request.cookies.get(SEAT_COOKIE)):
            _forget(answer, SEAT_COOKIE)
        _forget(answer, own)
        return answer

    async def _me(self, link: LinkRow, *, seated_elsewhere: bool = False) -> Me:
        facts = await self._store.docket.by_hearing(link.person.hearing_id)
        if facts is None:
            raise ProblemError("link-unknown")
        return views.me(facts, link.person, seated_elsewhere=seated_elsewhere)

    def _refused(self, ask: Ask, refused: LinkRefused) -> ProblemError:
        if refused.code == "link-unknown":
            self._gate.missed(ask.request)
        return ProblemError(refused.code)


def _cookie_of(ask: Ask, person_id: str) -> str | None:
    """The cookie of a seat that this person may have in this browser."""
    return ask.request.cookies.get(person_cookie(person_id)) or ask.request.cookies.get(SEAT_COOKIE)


def _forget(answer: Response, cookie: str) -> None:
    answer.delete_cookie(cookie, path="/", httponly=True, samesite="strict")
