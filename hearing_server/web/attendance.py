"""Who somebody is within a hearing: the person that a seat or an account acts as there.

What the court's staff do in a sitting is done by a person of that sitting, so that its log can say who it was.
"""

from __future__ import annotations

import secrets

from signaling.application import Refusal

from ..court import Actor, Command, Sitting
from ..hearings import Hearings
from ..store import HearingFacts, PersonRow, Store
from .access import Ask
from .callers import Caller, SeatCaller
from .problems import ProblemError

#: Staff of the court who may come into any of its hearings, in the order in which a role is chosen.
COMING = ("clerk", "staff_host", "technician")


class Attendance:
    def __init__(self, store: Store, hearings: Hearings) -> None:
        self._store = store
        self._hearings = hearings

    def find(self, caller: Caller, facts: HearingFacts) -> PersonRow | None:
        """The caller's person in this hearing, if they have one."""
        if isinstance(caller, SeatCaller) and caller.facts.hearing_id == facts.hearing_id:
            return facts.person(caller.id)
        if caller.user_name is None:
            return None
        return next((person for person in facts.people if person.account == caller.user_name), None)

    async def person(self, ask: Ask) -> PersonRow:
        """The caller's person in the hearing of the path; staff of the court are added to it.

        Raises :class:`ProblemError`.
        """
        facts, caller = ask.hearing, ask.caller
        found = self.find(caller, facts)
        if found is not None:
            return found
        role = next((role for role in COMING if role in caller.roles_for(facts)), None)
        if role is None or caller.user_name is None:
            raise ProblemError("not-allowed")
        person = PersonRow(
            id=f"{role}-{secrets.token_hex(4)}",
            role=role,
            name=caller.name,
            name_zh=caller.name_zh,
            account=caller.user_name,
        )
        await self._store.bookings.add_person(facts.hearing_id, person)
        await self._hearings.booking_changed(facts.hearing_id)
        return person

    async def give(self, ask: Ask, facts: HearingFacts, person: PersonRow, command: Command) -> Sitting:
        """A command of this person.  Raises :class:`ProblemError`."""
        return await self.act(ask, facts, Actor(id=person.id, role=person.role), command)

    async def act(self, ask: Ask, facts: HearingFacts, actor: Actor, command: Command) -> Sitting:
        """A command of whoever it is.  Raises :class:`ProblemError`."""
        try:
            return await self._hearings.act(facts.sitting_id, actor, command, ask.locale)
        except Refusal as refusal:
            raise ProblemError(refusal.code) from refusal
        except LookupError as error:
            raise ProblemError("not-found") from error
