"""Access levels over HTTP: withholding a span, lifting that, and opening what is sealed, each under an order (C18)."""

from __future__ import annotations

import time

from starlette.responses import Response

from .. import api
from ..api import archive as shapes
from ..court.levels import DECIDERS, Level, LevelAction, LevelDecision
from ..hearings import Hearings
from ..hearings.levels import LevelRefused
from .access import Ask, Endpoint, Gate
from .problems import Json, ProblemError
from .reading import NS, Readings, levels_view

_PATH = "/api/hearings/{sitting_id}/record/levels"


class LevelDesk:
    def __init__(self, hearings: Hearings, readings: Readings, gate: Gate) -> None:
        self._office = hearings.levels
        self._readings = readings
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
                name="readLevels",
                method="GET",
                path=_PATH,
                summary="The spans that are withheld, under which order.",
                handler=self.read,
                who=DECIDERS,
                answer=api.Levels,
            ),
        )

    async def read(self, ask: Ask) -> Response:
        reading = await self._readings.of(ask.hearing, ask.caller.id)
        if reading is None:
            raise ProblemError("record-not-ready", {"Retry-After": "1"})
        await self._gate.note(ask.caller, ask.hearing.hearing_id, "read-levels", ask.hearing.sitting_id, time.time_ns())
        return Json(levels_view(reading, ask.roles))

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
        )
        span = {"from_us": decision.from_utc // 1000, "to_us": decision.to_utc // 1000}
        return await self._decide(ask, decision, "withhold-span", level=body.level, ground=body.ground, **span)

    async def lift(self, ask: Ask) -> Response:
        number = str(ask.request.path_params["number"])
        if not number.isdecimal() or len(number) > 9:
            raise ProblemError("not-found")
        body: shapes.UnderOrder = ask.body
        decision = LevelDecision(action=LevelAction.LIFT, by=ask.caller.id, order=body.order.strip(), of=int(number))
        return await self._decide(ask, decision, "lift-span", number=int(number))

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
        await self._office.prepared(facts.sitting_id)
        return Response(status_code=204)
