"""Joining messages over HTTP: what was sent to whom, and sending it again."""

from __future__ import annotations

import time

import msgspec
from starlette.responses import Response

from .. import desk_api as d
from .. import diary
from ..store import HearingFacts, Store
from ..store.outbox import BOOKING_KINDS
from .access import Ask, Endpoint, Gate
from .callers import DESK
from .invitations import Invitations
from .problems import Json, ProblemError

NS = 1_000_000_000
_MESSAGES = "/api/bookings/{hearing_id}/messages"


class Notices:
    def __init__(self, store: Store, invitations: Invitations, gate: Gate) -> None:
        self._store = store
        self._invitations = invitations
        self._gate = gate

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint(
                name="listMessages",
                method="GET",
                path=_MESSAGES,
                summary="Joining messages, newest first, and how far they are.",
                handler=self.messages,
                who=DESK,
                answer=list[d.MessageRow],
            ),
            Endpoint(
                name="sendMessages",
                method="POST",
                path=_MESSAGES,
                summary="Send the joining message again, to one person or to all.",
                handler=self.send,
                who=DESK,
                limited=True,
                body=d.SendRequest,
                answer=list[d.MessageRow],
                status=201,
            ),
        )

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
        await self._gate.note(ask.caller, facts.hearing_id, "send-messages", body.person_id or "all", time.time_ns())
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
            if row.person_id is not None and row.person_id in names and row.kind in BOOKING_KINDS
        ]
