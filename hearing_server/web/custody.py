"""The custody of records over HTTP: for the records custodian, and the outcome for judges and clerks."""

from __future__ import annotations

import time
from datetime import date
from typing import Any, Final, cast

import msgspec
import structlog
from starlette.responses import Response

from recording.objects import StoreProblem
from recording.serve import RecordReader

from .. import desk_api as d
from ..court.custody import SYSTEM, WHO, Action, Decision, RecordCustody
from ..court.permissions import CUSTODIAN
from ..court.retention import CLASSES
from ..hearings import Hearings
from ..hearings.custody import CustodyFile, CustodyRefused
from ..store import HearingFacts, Store
from .access import Ask, Endpoint, Gate
from .problems import Json, ProblemError

log = structlog.get_logger(__name__)

NS = 1_000_000_000
#: Who looks after the storage itself; they decide nothing about a record, and are given nothing of what it says.
ADMINISTRATOR: Final = frozenset({"administrator"})
#: Longest search text, characters.
QUERY_LIMIT = 200
#: Who sees it.
READERS: Final = frozenset({CUSTODIAN, "clerk", "judge", "auditor"})
DECIDERS: Final = frozenset().union(*WHO.values())
_PAGE = "/api/hearings/{hearing_id}/custody"


class CustodyDesk:
    def __init__(self, store: Store, hearings: Hearings, archive: RecordReader, gate: Gate) -> None:
        self._store = store
        self._archive = archive
        self._office = hearings.custody
        self._gate = gate

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint(
                name="listCustody",
                method="GET",
                path="/api/courts/{court_id}/custody",
                summary="The records of a court's closed hearings and how long they are kept (?query=), newest first.",
                handler=self.list,
                who=READERS - {"judge"},
                by="account",
                answer=list[d.CustodyRow],
            ),
            Endpoint(
                name="readCustody",
                method="GET",
                path=_PAGE,
                summary="The custody of a hearing's record: every decision, and what may be decided now.",
                handler=self.page,
                who=READERS,
                by="account",
                answer=d.CustodyPage,
            ),
            Endpoint(
                name="listStored",
                method="GET",
                path=_PAGE + "/objects",
                summary="Each stored object of a hearing's record and its state: empty, size, type, checksum, lock.",
                handler=self.objects,
                who=READERS | ADMINISTRATOR,
                by="account",
                answer=list[d.StoredRecord],
            ),
            Endpoint(
                name="decideCustody",
                method="POST",
                path=_PAGE,
                summary="Record the outcome, hold, hide, or have the record destroyed by two people.",
                handler=self.decide,
                who=DECIDERS,
                by="account",
                body=d.CustodyRequest,
                answer=d.CustodyPage,
            ),
        )

    async def list(self, ask: Ask) -> Response:
        court_id = str(ask.request.path_params["court_id"])
        text = ask.request.query_params.get("query", "")[:QUERY_LIMIT]
        found = {
            facts.hearing_id: facts
            for facts in await self._store.docket.search(text, court_id=court_id, sittings=True)
            if facts.state == "closed"
        }
        return Json([_row(facts, await self._office.file(facts)) for facts in found.values()])

    async def page(self, ask: Ask) -> Response:
        await self._gate.note(ask.caller, ask.hearing.hearing_id, "read-custody", ask.hearing.hearing_id, _now())
        return Json(self._page(ask, await self._office.file(ask.hearing)))

    async def objects(self, ask: Ask) -> Response:
        facts = ask.hearing
        await self._gate.note(ask.caller, facts.hearing_id, "read-objects", facts.hearing_id, _now())
        days = await self._store.docket.days(facts.hearing_id)
        try:
            return Json([await self._stored(day.sitting_id) for day in days if day.state == "closed"])
        except StoreProblem as error:
            log.error("archive.unavailable", hearing=facts.hearing_id, error=str(error))
            raise ProblemError("record-unavailable", {"Retry-After": "30"}) from error

    async def _stored(self, sitting_id: str) -> d.StoredRecord:
        """What lies there, with what the last check of every byte found."""
        row = await self._store.records.get(sitting_id)
        verified = msgspec.json.decode(row.verification) if row.verification is not None else {}
        findings = verified.get("report", {}).get("findings", [])
        checked = [(str(each.get("code", "")), str(each.get("place", ""))) for each in findings]
        kept = await self._archive.inventory(sitting_id, checked)
        return d.StoredRecord(
            sitting_id=sitting_id,
            count=kept.count,
            bytes=kept.size,
            checked_at=verified.get("checkedAt"),
            objects=[
                d.StoredObject(
                    name=each.name,
                    kind=cast(Any, each.kind),
                    size=each.size,
                    state=each.state,
                    detail=each.detail,
                    locked_until=float(each.locked_until_s) if each.locked_until_s else None,
                )
                for each in kept.objects
            ],
            found=[d.StoredFinding(code=found.code, detail=found.place) for found in kept.found],
        )

    async def decide(self, ask: Ask) -> Response:
        """Every try is written into the access ledger first, and then whether it was refused."""
        request: d.CustodyRequest = ask.body
        action, facts, caller = Action(request.action), ask.hearing, ask.caller
        about = {"reason": request.reason, "order": request.order}
        await self._gate.note(caller, facts.hearing_id, f"custody-{action.value}", facts.hearing_id, _now(), **about)
        decision = Decision(
            action=action,
            by=caller.id,
            reason=request.reason.strip(),
            order=request.order.strip(),
            outcome=request.outcome,
            decided=request.decided,
            sentence_ends=request.sentence_ends,
            until=request.until,
        )
        try:
            if action is Action.DESTROYED:  # the storage says so, and nobody else
                raise CustodyRefused("not-allowed")
            file = await self._office.decide(facts, decision, ask.roles, caller.name, caller.name_zh)
        except CustodyRefused as refused:
            await self._gate.note(caller, facts.hearing_id, "custody-refused", action.value, _now(), code=refused.code)
            raise ProblemError(refused.code) from refused
        return Json(self._page(ask, file))

    def _page(self, ask: Ask, file: CustodyFile) -> d.CustodyPage:
        facts = ask.hearing
        return d.CustodyPage(
            row=_row(facts, file),
            objects=sum(told.objects for told in file.told),
            outcomes=[
                d.OutcomeClass(
                    outcome=cast(Any, kind.outcome),
                    years=kind.years,
                    sentence=kind.sentence,
                    permanent=kind.permanent,
                )
                for kind in CLASSES.get(facts.court.profile, ())
            ],
            events=[
                d.CustodyEvent(
                    serial=row.serial,
                    at=row.utc / NS,
                    name=row.name,
                    name_zh=row.name_zh,
                    action=cast(Any, row.decision.action.value),
                    reason=row.decision.reason,
                    order=row.decision.order,
                    outcome=cast(Any, row.decision.outcome or None),
                    until=row.decision.until,
                )
                for row in reversed(file.rows)
            ],
            may=[cast(Any, action.value) for action in _open(file.custody, file.today, ask)],
            today=file.today,
        )


def _open(custody: RecordCustody, today: date, ask: Ask) -> list[Action]:
    """What this person may decide as things stand; a hearing that is not closed has nothing to decide."""
    if custody.destroyed or custody.approved_by or ask.hearing.state != "closed":
        return []
    due = custody.due(today)
    fits = {
        Action.OUTCOME: True,
        Action.OVERRIDE: True,
        Action.HOLD: not custody.held,
        Action.RELEASE: custody.held,
        Action.HIDE: not custody.hidden,
        Action.SHOW: custody.hidden,
        Action.MARK: due and not custody.marked_by,
        Action.WITHDRAW: bool(custody.marked_by),
        Action.APPROVE: due and custody.marked_by not in ("", SYSTEM, ask.caller.id),
    }
    return [action for action, fit in fits.items() if fit and ask.roles & WHO[action]]


def _row(facts: HearingFacts, file: CustodyFile) -> d.CustodyRow:
    custody = file.custody
    return d.CustodyRow(
        hearing_id=facts.hearing_id,
        sitting_id=facts.sitting_id,
        case_number=facts.case_number,
        case_name=facts.case_name,
        case_name_zh=facts.case_name_zh,
        held_at=(facts.opened_utc or facts.scheduled_utc) / NS,
        state=cast(Any, custody.state(file.today).value),
        outcome=cast(Any, custody.outcome or None),
        until=custody.until,
        permanent=custody.permanent,
        held=custody.held,
        hidden=custody.hidden,
        told=all(told.serial >= custody.to_storage for told in file.told),
        problem=next((told.problem for told in file.told if told.problem), ""),
    )


def _now() -> int:
    return time.time_ns()
