"""The personal links of a hearing's people, for the clerk: withdrawing one, and making a new one.

The bench is left out: who can make a judge's link can sit as the judge.
"""

from __future__ import annotations

import time

from starlette.responses import Response

from ..desk_api import PersonalLink
from ..hearings import Hearings
from ..links import Links
from ..store import PersonRow, Store
from .access import Ask, Endpoint, Gate
from .callers import CLERK, STAFF
from .invitations import Invitations
from .problems import Json, ProblemError

NS = 1_000_000_000
#: How long a link made here works, s; the close of the hearing ends it earlier.
LINK_S = 30 * 24 * 3600


class People:
    def __init__(self, store: Store, links: Links, hearings: Hearings, invitations: Invitations, gate: Gate) -> None:
        self._store = store
        self._links = links
        self._hearings = hearings
        self._invitations = invitations
        self._gate = gate

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint(
                name="showLink",
                method="GET",
                path="/api/hearings/{hearing_id}/people/{person_id}/link",
                summary="The newest link that works of a person who is not of the bench.",
                handler=self.show,
                who=CLERK,
                answer=PersonalLink,
            ),
            Endpoint(
                name="withdrawLink",
                method="DELETE",
                path="/api/hearings/{hearing_id}/people/{person_id}/link",
                summary="Withdraw the links of a person who is not of the bench; their seat and socket end.",
                handler=self.withdraw,
                who=CLERK,
                status=204,
            ),
            Endpoint(
                name="renewLink",
                method="POST",
                path="/api/hearings/{hearing_id}/people/{person_id}/link",
                summary="A new link in place of those of a person who is not of the bench; the old ones end.",
                handler=self.renew,
                who=CLERK,
                limited=True,
                answer=PersonalLink,
                status=201,
            ),
        )

    async def show(self, ask: Ask) -> Response:
        """The person's newest link that works, to be handed on once more."""
        person = self._person(ask)
        now = time.time_ns()
        working = [
            link
            for link in await self._store.seats.links_of(ask.hearing.hearing_id)
            if link.person.id == person.id and link.expires_utc > now and link.devices < link.device_limit
        ]
        if not working:
            raise ProblemError("link-unknown")
        await self._gate.note(ask.caller, ask.hearing.hearing_id, "show-link", person.id, now)
        return Json(self._shape(self._links.token(working[-1].id)))

    async def withdraw(self, ask: Ask) -> Response:
        """No link of this person works any more, and no device keeps their seat."""
        person = self._person(ask)
        await self._gate.note(ask.caller, ask.hearing.hearing_id, "withdraw-link", person.id, time.time_ns())
        await self._withdraw(ask, person)
        return Response(status_code=204)

    async def renew(self, ask: Ask) -> Response:
        """A new link in place of all that this person had."""
        person = self._person(ask)
        if ask.hearing.state == "closed":
            raise ProblemError("sitting-closed")
        now = time.time_ns()
        await self._gate.note(ask.caller, ask.hearing.hearing_id, "new-link", person.id, now)
        await self._withdraw(ask, person)
        return Json(self._shape(await self._links.issue(person.id, expires_utc=now + LINK_S * NS)), 201)

    def _shape(self, token: str) -> PersonalLink:
        return PersonalLink(link=token, url=self._invitations.address(token))

    async def _withdraw(self, ask: Ask, person: PersonRow) -> None:
        await self._store.seats.revoke_links(person.id, time.time_ns())
        self._hearings.seat_withdrawn(ask.hearing.sitting_id, person.id)

    def _person(self, ask: Ask) -> PersonRow:
        """Raises :class:`ProblemError`."""
        asked = ask.request.path_params["person_id"]
        person = next((person for person in ask.hearing.people if person.id == asked), None)
        if person is None:
            raise ProblemError("unknown-person")
        if person.role in STAFF:
            raise ProblemError("not-allowed")
        return person
