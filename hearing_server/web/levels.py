"""Access levels over HTTP: withholding a span, lifting that, and opening what is sealed, each under an order; and
asking for it, for those who may not decide (C18).  All of it from the courtroom, too, while the hearing goes on."""

from __future__ import annotations

import time

from starlette.responses import Response

from .. import api
from ..api import archive as shapes
from ..court.levels import DECIDERS, REQUESTERS, Audience, Level, LevelAction, LevelDecision
from ..hearings import Hearings
from ..hearings.levels import LevelRefused
from .access import Ask, Endpoint, Gate
from .problems import Json, ProblemError
from .reading import NS, levels_shape

_PATH = "/api/hearings/{sitting_id}/record/levels"


class LevelDesk:
    def __init__(self, hearings: Hearings, gate: Gate) -> None:
        self._hearings = hearings
        self._office = hearings.levels
        self._gate = gate

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint(
                name="withholdSpan",
                method="POST",
                path=_PATH,
                summary="Make a span of the record confidential or seal it, during the hearing or after it.",
                handler=self.set,
                who=DECIDERS,
                body=shapes.NewLevel,
                status=204,
            ),
            Endpoint(
                name="liftSpan",
                method="POST",
                path=f"{_PATH}/{{number}}/lift",
                summary="End the withholding of a span.",
                handler=self.lift,
                who=DECIDERS,
                body=shapes.UnderOrder,
                status=204,
            ),
            Endpoint(
                name="openSealed",
                method="POST",
                path=f"{_PATH}/open",
                summary="Open what is withheld for oneself, under an order, for two hours.",
                handler=self.open,
                who=DECIDERS,
                body=shapes.UnderOrder,
                status=204,
            ),
            Endpoint(
                name="endSpan",
                method="POST",
                path=f"{_PATH}/{{number}}/end",
                summary="What is withheld from some time on is withheld to now, and no longer.",
                handler=self.end,
                who=DECIDERS,
                body=shapes.UnderOrder,
                status=204,
            ),
            Endpoint(
                name="askForSpan",
                method="POST",
                path=f"{_PATH}/asked",
                summary="Prepare a span for the judge, or ask for it, during the hearing or after it.",
                handler=self.ask,
                who=REQUESTERS,
                body=shapes.AskedLevel,
                status=204,
            ),
            Endpoint(
                name="declineSpan",
                method="POST",
                path=f"{_PATH}/asked/{{number}}/decline",
                summary="Do not take up what was asked for, or take one's own back.",
                handler=self.decline,
                who=DECIDERS | REQUESTERS,
                status=204,
            ),
            Endpoint(
                name="readLevels",
                method="GET",
                path=_PATH,
                summary="The spans that are withheld, under which order, and those that were asked for.",
                handler=self.read,
                who=DECIDERS | REQUESTERS,
                answer=api.Levels,
            ),
        )

    async def read(self, ask: Ask) -> Response:
        facts, file = ask.hearing, await self._office.file(ask.hearing)
        begin = facts.opened_utc or facts.scheduled_utc
        hidden = {span.serial for span in file.withheld(Audience.COURT, ask.caller.id)}
        await self._gate.note(ask.caller, facts.hearing_id, "read-levels", facts.sitting_id, time.time_ns())
        length = (begin, max(begin, facts.closed_utc or file.now))
        return Json(levels_shape(file, ask.caller.id, ask.roles, length, hidden))

    async def set(self, ask: Ask) -> Response:
        body: shapes.NewLevel = ask.body
        decision = LevelDecision(
            action=LevelAction.SET,
            by=ask.caller.id,
            order=body.order.strip(),
            level=Level(body.level),
            ground=body.ground,
            from_utc=round(body.from_at * NS),
            to_utc=0 if body.to_at is None else round(body.to_at * NS),
            of=body.asked,
        )
        span = {"from_us": decision.from_utc // 1000, "to_us": decision.to_utc // 1000}
        return await self._decide(ask, decision, "withhold-span", level=body.level, ground=body.ground, **span)

    async def ask(self, ask: Ask) -> Response:
        body: shapes.AskedLevel = ask.body
        decision = LevelDecision(
            action=LevelAction.PREPARE,
            by=ask.caller.id,
            order=body.order.strip(),
            level=Level(body.level),
            ground=body.ground,
            from_utc=round(body.from_at * NS),
            to_utc=0 if body.to_at is None else round(body.to_at * NS),
        )
        span = {"from_us": decision.from_utc // 1000, "to_us": decision.to_utc // 1000}
        return await self._decide(ask, decision, "ask-for-span", level=body.level, ground=body.ground, **span)

    async def decline(self, ask: Ask) -> Response:
        number = _number(ask)
        decision = LevelDecision(action=LevelAction.DECLINE, by=ask.caller.id, order="", of=number)
        return await self._decide(ask, decision, "decline-span", number=number)

    async def lift(self, ask: Ask) -> Response:
        number = _number(ask)
        body: shapes.UnderOrder = ask.body
        decision = LevelDecision(action=LevelAction.LIFT, by=ask.caller.id, order=body.order.strip(), of=number)
        return await self._decide(ask, decision, "lift-span", number=number)

    async def end(self, ask: Ask) -> Response:
        number = _number(ask)
        body: shapes.UnderOrder = ask.body
        decision = LevelDecision(
            action=LevelAction.END, by=ask.caller.id, order=body.order.strip(), of=number, to_utc=self._office.now()
        )
        return await self._decide(ask, decision, "end-span", number=number)

    async def open(self, ask: Ask) -> Response:
        body: shapes.UnderOrder = ask.body
        decision = LevelDecision(action=LevelAction.OPEN, by=ask.caller.id, order=body.order.strip())
        return await self._decide(ask, decision, "open-sealed")

    async def _decide(self, ask: Ask, decision: LevelDecision, action: str, **detail: object) -> Response:
        """Every try is written into the access ledger first, and then whether it was refused."""
        caller, facts = ask.caller, ask.hearing
        await self._gate.note(
            caller, facts.hearing_id, action, facts.sitting_id, time.time_ns(), order=decision.order, **detail
        )
        try:
            await self._office.decide(facts, decision, ask.roles, caller.name, caller.name_zh)
        except LevelRefused as refused:
            await self._gate.note(
                caller, facts.hearing_id, "level-refused", facts.sitting_id, time.time_ns(), code=refused.code
            )
            raise ProblemError(refused.code) from refused
        if decision.action not in (LevelAction.PREPARE, LevelAction.DECLINE):
            await self._office.prepared(facts.sitting_id)
        concerned = {person.id for person in facts.people if person.role in DECIDERS | REQUESTERS}
        await self._hearings.tell(facts.sitting_id, "levels", {}, lambda person_id: person_id in concerned)
        return Response(status_code=204)


def _number(ask: Ask) -> int:
    """The number in the path.  Raises :class:`ProblemError`."""
    number = str(ask.request.path_params["number"])
    if not number.isdecimal() or len(number) > 9:
        raise ProblemError("not-found")
    return int(number)
