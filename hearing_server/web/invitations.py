"""Joining messages as the diary changes: who gets one, and with which link."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from .. import letters
from ..links import Links
from ..mailing import working_tokens
from ..store import DayRow, HearingFacts, PersonRow, Store


class Invitations:
    """``base_url`` begins every link; ``sender`` is the court's e-mail address; ``posted`` wakes who sends."""

    def __init__(
        self, store: Store, links: Links, *, base_url: str, sender: str, posted: Callable[[], None] = lambda: None
    ) -> None:
        self._store = store
        self._links = links
        self._base_url = base_url.rstrip("/")
        self._sender = sender
        self._posted = posted

    def address(self, token: str) -> str:
        """Where a personal link leads."""
        return f"{self._base_url}/j/{token}"

    async def invite(self, facts: HearingFacts, people: Sequence[PersonRow], kind: str = "joining") -> None:
        """Tell these people, each with a link of their own, made if there is none that works."""
        now = time.time_ns()
        days = await self._store.docket.days(facts.hearing_id)
        tokens = await working_tokens(self._store, self._links, facts, days, people)
        messages = [
            message
            for person in people
            for message in letters.write(
                facts, days, person, kind, link=self.address(tokens[person.id]), sender=self._sender, utc=now
            )
        ]
        await self._store.outbox.add(messages)
        self._posted()

    async def changed(self, before: HearingFacts, after: HearingFacts, days_before: Sequence[DayRow]) -> None:
        """Everybody is told of another time or place; else those who are new or whose own entry changed."""
        days = await self._store.docket.days(after.hearing_id)
        times = [(day.sitting_id, day.scheduled_utc, day.duration_s) for day in days]
        same = times == [(day.sitting_id, day.scheduled_utc, day.duration_s) for day in days_before]
        place = (after.case_number, after.case_name, after.room) == (before.case_number, before.case_name, before.room)
        new = [person for person in after.people if before.person(person.id) is None]
        known = [person for person in after.people if before.person(person.id) is not None]
        if same and place:
            known = [person for person in known if before.person(person.id) != person]
        await self.invite(after, new)
        await self.invite(after, known, "changed")
        gone = [person for person in before.people if after.person(person.id) is None]
        await self._dismiss(after, days, gone)

    async def cancel(self, facts: HearingFacts) -> None:
        """Nobody need come."""
        await self._dismiss(facts, await self._store.docket.days(facts.hearing_id), facts.people)

    async def _dismiss(self, facts: HearingFacts, days: Sequence[DayRow], people: Sequence[PersonRow]) -> None:
        now = time.time_ns()
        messages = [
            message
            for person in people
            for message in letters.write(facts, days, person, "cancelled", link="", sender=self._sender, utc=now)
        ]
        await self._store.outbox.add(messages)
        self._posted()
