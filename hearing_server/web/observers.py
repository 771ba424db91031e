"""Who may come in from outside: the public link, and the judge's direction on observers (O1)."""

from __future__ import annotations

import secrets
import time

import msgspec
from starlette.responses import Response

from .. import desk_api as d
from .. import diary
from ..court import Command
from ..hearings import Hearings
from ..links import Links
from ..store import Store
from .access import Ask, Endpoint, Gate
from .attendance import Attendance
from .booking_views import fresh
from .callers import CLERK
from .problems import Json, ProblemError

NS = 1_000_000_000
_LINK = "/api/bookings/{hearing_id}/public-link"


class Observers:
    def __init__(self, store: Store, links: Links, hearings: Hearings, attendance: Attendance, gate: Gate) -> None:
        self._store = store
        self._links = links
        self._hearings = hearings
        self._attendance = attendance
        self._gate = gate

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint(
                name="makePublicLink",
                method="POST",
                path=_LINK,
                summary="A public link for guests and observers, in place of an earlier one.",
                handler=self.make_public_link,
                who=CLERK,
                answer=d.Booking,
                status=201,
            ),
            Endpoint(
                name="withdrawPublicLink",
                method="DELETE",
                path=_LINK,
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

    async def make_public_link(self, ask: Ask) -> Response:
        if diary.state_of(ask.hearing) != "confirmed":
            raise ProblemError("booking-state")
        await self._note(ask, ask.hearing.hearing_id, "make-public-link")
        await self._store.bookings.set_public_id(ask.hearing.hearing_id, secrets.token_urlsafe(12))
        return Json(await fresh(self._store, self._links, ask), 201)

    async def withdraw_public_link(self, ask: Ask) -> Response:
        await self._note(ask, ask.hearing.hearing_id, "withdraw-public-link")
        await self._store.bookings.set_public_id(ask.hearing.hearing_id, None)
        return Json(await fresh(self._store, self._links, ask))

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

    async def _note(self, ask: Ask, hearing_id: str, action: str, **detail: object) -> None:
        await self._gate.note(ask.caller, hearing_id, action, hearing_id, time.time_ns(), **detail)
