"""Strangers at a hearing's public link: guests, and observers where the judge lets them (M3, O1, O2).

Nobody is let into the hearing here: who gives their name waits, until the court calls them.
"""

from __future__ import annotations

import secrets
import time

import msgspec
from starlette.responses import Response

from .. import api, diary
from .. import desk_api as d
from ..hearings import Hearings
from ..links import LinkRefused, Links
from ..store import HearingFacts, PersonRow, Store
from .access import Ask, Endpoint, Gate
from .identity import Identity
from .problems import Json, ProblemError
from .readiness import rules_of

NS = 1_000_000_000
#: People who may come by one hearing's public link.
GUESTS_LIMIT = 100
#: What giving a name costs the address's allowance (:mod:`.limits`).
COST_OF_A_NAME = 10.0
#: A guest's seat ends this long after the time of the hearing, s.
GUEST_S = 24 * 3600
_PUBLIC = "/api/public/{token}"


class Guests:
    def __init__(self, store: Store, links: Links, hearings: Hearings, identity: Identity, gate: Gate) -> None:
        self._store = store
        self._links = links
        self._hearings = hearings
        self._identity = identity
        self._gate = gate

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint(
                name="readPublicHearing",
                method="GET",
                path=_PUBLIC,
                summary="Which hearing a public link leads to.",
                handler=self.show,
                limited=True,
                answer=d.PublicHearing,
            ),
            Endpoint(
                name="comeAsGuest",
                method="POST",
                path=_PUBLIC,
                summary="Give one's name and take a seat in the waiting room, as a guest or an observer.",
                handler=self.come,
                limited=True,
                body=d.GuestRequest,
                answer=api.Me,
            ),
        )

    async def show(self, ask: Ask) -> Response:
        facts = await self._facts(ask)
        return Json(
            d.PublicHearing(
                case_number=facts.case_number,
                case_name=facts.case_name,
                case_name_zh=facts.case_name_zh,
                court=facts.court.name,
                court_zh=facts.court.name_zh,
                room=facts.room,
                room_zh=facts.room_zh,
                scheduled_at=facts.scheduled_utc / NS,
                help_phone=facts.court.help_phone,
                profile=msgspec.convert(facts.court.profile, d.Profile),
                observers_allowed=await self._observers(facts),
            )
        )

    async def come(self, ask: Ask) -> Response:
        body: d.GuestRequest = ask.body
        facts = await self._facts(ask)
        if not body.accepted:
            raise ProblemError("declaration-missing")
        if body.attend == "observer":
            if not await self._observers(facts):
                raise ProblemError("observers-not-allowed")
            if not diary.plausible_email(body.email):
                raise ProblemError("email-unfit")
        elif body.email and not diary.plausible_email(body.email):
            raise ProblemError("email-unfit")
        elif not body.capacity.strip():
            raise ProblemError("person-unfit")
        self._gate.spend_as(f"guests {ask.request.client.host if ask.request.client else ''}", COST_OF_A_NAME)
        if sum(person.guest for person in facts.people) >= GUESTS_LIMIT:
            raise ProblemError("too-many-people")
        person = PersonRow(
            id=f"{body.attend}-{secrets.token_hex(4)}",
            role=body.attend,
            name=body.name,
            name_zh=body.name,
            guest=True,
            email=body.email,
            locale=body.locale,
            capacity=body.capacity,
        )
        await self._store.bookings.add_person(facts.hearing_id, person)
        await self._hearings.booking_changed(facts.hearing_id)
        until = max(time.time_ns(), facts.scheduled_utc) + GUEST_S * NS
        token = await self._links.issue(person.id, expires_utc=until, device_limit=1)
        seat, cookie = await self._links.take_seat(token, ask.request.headers.get("user-agent", ""), None)
        return await self._identity.seated(ask, seat, cookie)

    async def _facts(self, ask: Ask) -> HearingFacts:
        """The hearing of the link, if it can be come to.  Raises :class:`ProblemError`."""
        try:
            public_id = self._links.public_id(str(ask.request.path_params["token"]))
        except LinkRefused as refused:
            self._gate.missed(ask.request)
            raise ProblemError(refused.code) from refused
        facts = await self._store.docket.by_public_id(public_id)
        if facts is None:
            raise ProblemError("link-revoked")
        if facts.booking != "confirmed" or facts.state == "closed":
            raise ProblemError("link-used-up")
        return facts

    async def _observers(self, facts: HearingFacts) -> bool:
        """Whether the judge lets observers in, or this court needs no direction for that (O1)."""
        sitting = await self._hearings.sitting(facts.sitting_id)
        if facts.observers is not None and not msgspec.json.decode(facts.observers, type=d.ObserverDirection).allowed:
            return False
        if sitting is not None:
            return bool(sitting.public_grounds) or not sitting.rules.observers_need_direction
        return facts.observers is not None or not rules_of(facts, None).observers_need_direction
