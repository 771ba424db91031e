"""The staff's desk on the day: chat with people, tasks, and the command centre (A1, J22)."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from datetime import datetime, timedelta

import msgspec
from starlette.responses import Response

from signaling.application import Refusal

from .. import api
from .. import desk_api as d
from ..court import Actor, Person, Sitting
from ..diary import state_of
from ..hearings import Hearings
from ..letters import zone_of
from ..store import Court, HearingFacts, PersonRow, Store
from ..store.arrivals import TestRow as StoredTest
from ..store.desk import ChatRow
from ..store.desk import TaskRow as StoredTask
from .access import Ask, Endpoint, Gate
from .attendance import Attendance
from .callers import BENCH, DESK, EVERYBODY
from .channels import capture_of, channel_of
from .problems import Json, ProblemError
from .ranges import matches
from .readiness import assess
from .recording_tests import test_shape

NS = 1_000_000_000
#: What a message costs its sender's allowance (:mod:`.limits`): thirty at once, then one in two seconds.
COST_OF_A_MESSAGE = 4.0
#: How long a sitting that is not at work, and a readiness, are kept for the pages that ask every few seconds, s.
KEPT_S = 5.0
KEPT_LIMIT = 500
WATCHING = DESK | {"technician", "administrator"}
CLOSING = DESK | {"technician"}
CHATTING = (EVERYBODY | BENCH) - {"observer"}
_CHAT = "/api/hearings/{hearing_id}/chat"


class Desk:
    def __init__(self, store: Store, hearings: Hearings, attendance: Attendance, gate: Gate, test_hour: int) -> None:
        """``test_hour``: when the recording is tested each day."""
        self._test_hour = test_hour
        self._store = store
        self._hearings = hearings
        self._attendance = attendance
        self._gate = gate
        self._kept: OrderedDict[str, tuple[float, Sitting | None, d.Score]] = OrderedDict()

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint(
                name="readChat",
                method="GET",
                path=_CHAT,
                summary="One's conversation with the court's staff; for staff ?with= a person. ?after= a message.",
                handler=self.read,
                who=CHATTING,
                answer=list[d.ChatMessage],
            ),
            Endpoint(
                name="writeChat",
                method="POST",
                path=_CHAT,
                summary="Say something to the court's staff, or as staff to a person.",
                handler=self.write,
                who=CHATTING,
                body=d.ChatRequest,
                answer=d.ChatMessage,
                status=201,
            ),
            Endpoint(
                name="listConversations",
                method="GET",
                path="/api/hearings/{hearing_id}/conversations",
                summary="The conversations of a hearing, those that wait for an answer first.",
                handler=self.conversations,
                who=DESK,
                answer=list[d.Conversation],
            ),
            Endpoint(
                name="readCommandCentre",
                method="GET",
                path="/api/command-centre",
                summary="A court's hearings of a day (?court=, ?date=), each person live, and tasks; has an ETag.",
                handler=self.centre,
                who=WATCHING,
                answer=d.CommandCentre,
            ),
            Endpoint(
                name="closeTask",
                method="POST",
                path="/api/tasks/{task_id}",
                summary="Say that a task is done.",
                handler=self.close,
                who=CLOSING,
                body=d.TaskClosing,
                answer=d.TaskRow,
            ),
        )

    # --- chat -------------------------------------------------------------------------------

    async def read(self, ask: Ask) -> Response:
        person = self._conversation(ask, ask.request.query_params.get("with"))
        after = ask.request.query_params.get("after", "0")
        seen = int(after) if after.isascii() and after.isdigit() and len(after) < 10 else 0
        rows = await self._store.desk.messages(ask.hearing.hearing_id, person.id, seen)
        return Json([_message(row) for row in rows])

    async def write(self, ask: Ask) -> Response:
        body: d.ChatRequest = ask.body
        facts = ask.hearing
        person = self._conversation(ask, body.person_id)
        self._gate.spend_as(f"chat {ask.caller.id}", COST_OF_A_MESSAGE)
        row = await self._store.desk.add_message(
            ChatRow(
                hearing_id=facts.hearing_id,
                person_id=person.id,
                from_staff=bool(ask.roles & DESK),
                sender=ask.caller.name,
                sender_zh=ask.caller.name_zh,
                text=body.text,
                utc=time.time_ns(),
            )
        )
        message = _message(row)
        staff = {one.id for one in facts.people if one.role in DESK}
        told = staff | {person.id}
        await self._hearings.tell(facts.sitting_id, "chat", msgspec.to_builtins(message), lambda one: one in told)
        return Json(message, 201)

    def _conversation(self, ask: Ask, asked: str | None) -> PersonRow:
        """Whose conversation it is.  Raises :class:`ProblemError`."""
        own = self._attendance.find(ask.caller, ask.hearing)
        if not ask.roles & DESK:
            if own is None:
                raise ProblemError("unknown-person")
            return own
        person = ask.hearing.person(asked) if asked else None
        if person is None or person.role in DESK | {"observer"}:
            raise ProblemError("unknown-person")
        return person

    async def conversations(self, ask: Ask) -> Response:
        found: dict[str, list[ChatRow]] = {}
        for row in await self._store.desk.messages(ask.hearing.hearing_id):
            found.setdefault(row.person_id, []).append(row)
        shapes = [
            d.Conversation(
                person_id=person.id,
                name=person.name,
                name_zh=person.name_zh,
                role=msgspec.convert(person.role, api.Role),
                messages=len(found[person.id]),
                unanswered=_unanswered(found[person.id]),
                last=_message(found[person.id][-1]),
            )
            for person in ask.hearing.people
            if person.id in found
        ]
        return Json(sorted(shapes, key=lambda one: (one.unanswered == 0, -one.last.at)))

    # --- tasks ----------------------------------------------------------------------------------

    async def close(self, ask: Ask) -> Response:
        """A task of a sitting's log is closed there, by a person of the sitting; any other in the table."""
        body: d.TaskClosing = ask.body
        task = await self._store.desk.task(str(ask.request.path_params["task_id"]))
        facts = None if task is None else await self._store.docket.by_sitting(task.sitting_id)
        if task is None or facts is None:
            raise ProblemError("not-found")
        if not ask.caller.roles_for(facts) & CLOSING:
            raise ProblemError("not-allowed" if ask.caller.roles_for(facts) else "not-found")
        if task.closed_utc is None and not await self._close_in_sitting(ask, facts, task.id):
            by, by_zh = ask.caller.name, ask.caller.name_zh
            await self._store.desk.close_task(task.id, utc=time.time_ns(), by=by, by_zh=by_zh)
        if body.note and task.closed_utc is None:
            await self._store.desk.note_task(task.id, body.note)
        return Json(_task(await self._store.desk.task(task.id) or task))

    async def _close_in_sitting(self, ask: Ask, facts: HearingFacts, task_id: str) -> bool:
        """False if it is no task of the sitting's log.  Raises :class:`ProblemError`."""
        if not task_id.startswith(f"{facts.sitting_id}."):
            return False
        within = Ask(ask.request, ask.locale, ask.body, ask.caller, facts)
        person = await self._attendance.person(within)
        actor = Actor(id=person.id, role=person.role)
        try:
            return await self._hearings.close_task(facts.sitting_id, task_id, actor, ask.locale)
        except Refusal as refusal:
            raise ProblemError(refusal.code) from refusal

    # --- the command centre ---------------------------------------------------------------------------

    async def centre(self, ask: Ask) -> Response:
        court = await self._court(ask)
        zone = zone_of(court.time_zone)
        try:
            asked = ask.request.query_params.get("date")
            day = datetime.strptime(asked, "%Y-%m-%d").replace(tzinfo=zone) if asked else datetime.now(zone)
        except ValueError as error:
            raise ProblemError("invalid") from error
        begin = day.replace(hour=0, minute=0, second=0, microsecond=0)
        end = begin + timedelta(days=1)
        facts = await self._store.docket.on_day(court.id, int(begin.timestamp()) * NS, int(end.timestamp()) * NS)
        ids = [person.id for one in facts for person in one.people]
        tests = await self._store.arrivals.tests(ids)
        tasks = await self._store.desk.tasks([one.hearing_id for one in facts])
        shape = d.CommandCentre(
            server_time=0.0,
            court_id=court.id,
            court=court.name,
            court_zh=court.name_zh,
            date=f"{begin:%Y-%m-%d}",
            time_zone=court.time_zone,
            hearings=[await self._hearing(one, tests, tasks.get(one.hearing_id, [])) for one in facts],
            recording_test=test_shape(await self._store.recording_tests.newest(), self._test_hour),
        )
        etag = f'"{hashlib.sha256(msgspec.json.encode(shape)).hexdigest()[:32]}"'
        headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
        if matches(ask.request.headers.get("if-none-match"), etag):
            return Response(status_code=304, headers=headers)
        return Json(msgspec.structs.replace(shape, server_time=time.time()), headers=headers)

    async def _court(self, ask: Ask) -> Court:
        asked = ask.request.query_params.get("court")
        mine = {court for court in ask.caller.courts if ask.caller.roles(court) & WATCHING}
        if asked is not None and asked not in mine:
            raise ProblemError("not-found")
        courts = await self._store.accounts.courts([asked] if asked else mine)
        if not courts:
            raise ProblemError("not-found")
        return courts[0]

    async def _hearing(
        self, facts: HearingFacts, tests: dict[str, list[StoredTest]], tasks: list[StoredTask]
    ) -> d.CentreHearing:
        sitting, score = await self._known(facts)
        unanswered: dict[str, list[ChatRow]] = {}
        for row in await self._store.desk.messages(facts.hearing_id):
            unanswered.setdefault(row.person_id, []).append(row)
        live = self._hearings.live(facts.sitting_id)
        return d.CentreHearing(
            hearing_id=facts.hearing_id,
            sitting_id=facts.sitting_id,
            case_number=facts.case_number,
            case_name=facts.case_name,
            case_name_zh=facts.case_name_zh,
            room=facts.room,
            room_zh=facts.room_zh,
            judge=facts.judge.name,
            judge_zh=facts.judge.name_zh,
            scheduled_at=facts.scheduled_utc / NS,
            booking=msgspec.convert(state_of(facts), d.BookingState),
            state=msgspec.convert(sitting.state.value if sitting else facts.state, api.SittingState),
            state_since=sitting.since / NS if sitting is not None else None,
            record=sitting.record.value if sitting is not None else facts.record_state,
            score=score,
            people=[
                _person(
                    person,
                    sitting.people.get(person.id) if sitting is not None else None,
                    live.devices(person.id) if live is not None else ("none", "none"),
                    tests.get(person.id, []),
                    _unanswered(unanswered.get(person.id, [])),
                    None if live is None else channel_of(live, person.id, time.time_ns()),
                )
                for person in facts.people
            ],
            tasks=[_task(task) for task in tasks if task.sitting_id == facts.sitting_id],
            capture=None if live is None else capture_of(live),
        )

    async def _known(self, facts: HearingFacts) -> tuple[Sitting | None, d.Score]:
        """The sitting and its readiness; what is not at work is looked at every few seconds only."""
        live = self._hearings.live(facts.sitting_id)
        now = time.monotonic()
        kept = self._kept.get(facts.sitting_id)
        if kept is None or now - kept[0] > KEPT_S:
            sitting = await self._hearings.sitting(facts.sitting_id)
            score = (await assess(self._store, self._hearings, facts, time.time_ns())).score
            kept = (now, sitting, score)
            self._kept[facts.sitting_id] = kept
            self._kept.move_to_end(facts.sitting_id)
            while len(self._kept) > KEPT_LIMIT:
                self._kept.popitem(last=False)
        return (live.sitting if live is not None else kept[1]), kept[2]


def _person(
    person: PersonRow,
    state: Person | None,
    devices: tuple[d.Device, d.Device],
    tests: list[StoredTest],
    unanswered: int,
    channel: d.Channel | None,
) -> d.CentrePerson:
    return d.CentrePerson(
        person_id=person.id,
        name=person.name,
        name_zh=person.name_zh,
        role=msgspec.convert(person.role, api.Role),
        presence=msgspec.convert(state.presence.value if state else "not_signed_in", api.Presence),
        in_room=state is not None and state.in_room,
        microphone=devices[0],
        camera=devices[1],
        test=msgspec.convert(tests[0].score, d.Score) if tests else None,
        identity=msgspec.convert(state.identity.value if state else "unverified", api.Identity),
        unanswered=unanswered,
        channel=channel,
    )


def _unanswered(rows: list[ChatRow]) -> int:
    """Messages of the person after the last one of the staff."""
    count = 0
    for row in reversed(rows):
        if row.from_staff:
            break
        count += 1
    return count


def _message(row: ChatRow) -> d.ChatMessage:
    return d.ChatMessage(
        message_id=row.seq,
        person_id=row.person_id,
        from_staff=row.from_staff,
        sender=row.sender,
        sender_zh=row.sender_zh,
        text=row.text,
        at=row.utc / NS,
    )


def _task(task: StoredTask) -> d.TaskRow:
    return d.TaskRow(
        task_id=task.id,
        hearing_id=task.hearing_id,
        sitting_id=task.sitting_id,
        kind=task.kind,
        person_id=task.person_id,
        detail=task.detail,
        opened_at=task.opened_utc / NS,
        closed_at=task.closed_utc / NS if task.closed_utc is not None else None,
        closed_by=task.closed_by,
        closed_by_zh=task.closed_by_zh,
        note=task.note,
    )
