"""All sittings of this control process: what the sockets of :mod:`signaling` ask, and what the pages read."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import structlog

from recording import messages as m
from signaling.application import Connection, MediaRoom, MediaRooms, Refusal
from signaling.messages import CheckIn, Hint, Join
from signaling.messages import Command as CommandRequest
from signaling.worker_api import Source

from .. import api
from ..court import (
    PROFILES,
    Actor,
    Command,
    Event,
    Now,
    RecordState,
    Rules,
    Sitting,
    booked,
    into_record,
    replay,
    role_may_publish,
)
from ..refusals import sentence
from ..store import Conflict, HearingFacts, JobRow, Store, StoreError
from . import views
from .actor import SittingActor
from .additions import AdditionsOffice
from .clock import Clock, SystemClock
from .commands import Unreadable, read
from .custody import CustodyOffice
from .disk import DiskPolicy
from .journal import Journal, interruptions, replayed
from .levels import LevelOffice
from .rebooking import booked_people, grounds_of
from .recorder import Keeper, Recorder
from .tasks import task_of

log = structlog.get_logger(__name__)

#: How often sittings that nobody closed are looked for, s, and how long after the time they were set for, ns; a court's
#: profile may wait longer.
SWEEP_S = 300.0
OVERDUE_NS = 14 * 3600 * 1_000_000_000


class Hearings:
    """Implements :class:`signaling.application.Application`.

    A sitting has the rules of its court's profile, or ``rules`` in their place; with ``countdown_s`` as countdown.
    """

    def __init__(
        self,
        store: Store,
        rooms: MediaRooms,
        recorder: Recorder,
        rules: Rules | None = None,
        clock: Clock | None = None,
        *,
        countdown_s: float | None = None,
    ) -> None:
        self._store = store
        self._rooms = rooms
        self._rules = rules
        self._countdown_s = countdown_s
        self._clock = clock or SystemClock()
        self._actors: dict[str, SittingActor] = {}
        self._loading: dict[str, asyncio.Future[SittingActor]] = {}
        #: Called when a record was sealed, on the loop.
        self.on_sealed: Callable[[], None] = lambda: None
        #: Called with what a sitting has become by these events, once for each, on the loop.
        self.on_events: Callable[[HearingFacts, Sitting, Sequence[Event]], None] = lambda facts, sitting, events: None
        self._sweeper: asyncio.Task[None] | None = None
        #: The custody of closed hearings' records.
        self.custody = CustodyOffice(store, recorder, self._clock.utc)
        #: What was added to records after the close.
        self.additions = AdditionsOffice(store, recorder)
        #: Who may see which part of a record.
        self.levels = LevelOffice(store, recorder, self._clock.utc)
        self._disk = DiskPolicy(store, self._on_now, self._clock.utc)
        self._keeper = Keeper(
            store,
            recorder,
            self._facts_for_record,
            self._record_sealed,
            self._record_archived,
            self._disk.heard,
            self.levels.outside,
        )

    async def start(self) -> None:
        """Go on with sittings that are open, records that are not sealed and jobs that are not done.

        Raises :class:`~hearing_server.store.StoreError`.
        """
        self._keeper.start()
        self.custody.start()
        self.additions.start()
        for sitting_id in await self._store.docket.unfinished():
            actor = await self._actor(sitting_id)
            if actor.sitting.state == "closed":
                self._keeper.finalise(sitting_id)
            else:
                log.info("sitting.resumed", sitting=sitting_id, state=actor.sitting.state.value)
                await actor.resume()
        for job in await self._store.records.active_jobs():
            self._keeper.follow(job)
        self._sweeper = asyncio.create_task(self._sweep(), name="overdue sittings")

    async def aclose(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        await self.custody.aclose()
        await self.additions.aclose()
        await self._keeper.aclose()
        await asyncio.gather(*(actor.aclose() for actor in self._actors.values()))

    @property
    def recorder_state(self) -> m.RecorderState | None:
        """What the recorder told of itself in the last seconds; nothing if it is silent."""
        return self._keeper.state

    def at_work(self) -> list[SittingActor]:
        """The sittings that are loaded."""
        return list(self._actors.values())

    def _on_now(self) -> list[tuple[str, str]]:
        """Hearing and sitting of what is loaded and not over."""
        actors = [actor for actor in self._actors.values() if actor.sitting.state != "closed"]
        return [(actor.facts.hearing_id, actor.sitting.id) for actor in actors]

    @property
    def disk_level(self) -> int:
        """0: there is room for the spool; 1: it fills; 2: no hearing is opened."""
        return int(self._disk.level)

    # --- what sockets ask ---------------------------------------------------------------

    async def enter(self, connection: Connection, join: Join) -> tuple[dict[str, Any], MediaRoom]:
        return await (await self._seat_actor(connection)).enter(connection, join.last_seq)

    async def check_in(self, connection: Connection, request: CheckIn) -> None:
        check: dict[str, str] = {"camera": request.camera, "microphone": request.microphone, "network": request.network}
        actor = await self._seat_actor(connection)
        await actor.check_in(connection, check, declaration=request.declaration)

    async def command(self, connection: Connection, request: CommandRequest) -> dict[str, Any]:
        try:
            command = read(request)
        except Unreadable as error:
            raise Refusal(error.code, sentence(error.code, connection.seat.locale)) from None
        actor = await self._seat_actor(connection)
        if command.name == "open" and actor.sitting.opened is None and self._disk.refuses:
            raise Refusal("disk-short", sentence("disk-short", connection.seat.locale))
        return await actor.command(connection, command)

    async def hint(self, connection: Connection, request: Hint) -> None:
        (await self._seat_actor(connection)).hint(connection, request.name, request.arguments)

    async def may_produce(self, connection: Connection, source: Source) -> dict[str, str]:
        actor = await self._seat_actor(connection)
        row = actor.facts.person(connection.seat.person_id)
        person = actor.sitting.people.get(connection.seat.person_id)
        if row is None or person is None or not role_may_publish(person.role, source):
            never = person is None or not role_may_publish(person.role, "microphone")
            code = "may-not-publish" if never else "source-not-allowed"
            raise Refusal(code, sentence(code, connection.seat.locale))
        said = {"name": row.name, "name_zh": row.name_zh, "role": person.role.value}
        made = {"device": connection.seat.device, "browser": connection.seat.browser}
        return said | {name: value for name, value in made.items() if value}

    async def leave(self, connection: Connection) -> None:
        await (await self._seat_actor(connection)).leave(connection)

    async def gone(self, connection: Connection) -> None:
        actor = self._actors.get(connection.seat.sitting_id)
        if actor is not None:
            actor.gone(connection)

    # --- what the web asks ------------------------------------------------------------------

    def seat_taken(self, sitting_id: str, person_id: str, seat_id: str) -> None:
        """A device took this person's seat: the socket of any other is ended."""
        actor = self._actors.get(sitting_id)
        if actor is not None:
            actor.displace(person_id, seat_id)

    def seat_withdrawn(self, sitting_id: str, person_id: str) -> None:
        """The court has withdrawn this person's link: their socket is ended, whichever device it is on."""
        actor = self._actors.get(sitting_id)
        if actor is not None:
            actor.remove(person_id)

    async def booking_changed(self, hearing_id: str) -> None:
        """What is booked has changed: sittings whose log has begun follow, and everybody there is shown it at once."""
        for day in await self._store.docket.days(hearing_id):
            if day.state == "closed" or not await self._store.log.read(day.sitting_id):
                continue
            actor = await self._actor(day.sitting_id)
            facts = await self._store.docket.by_sitting(day.sitting_id)
            if facts is not None:
                await actor.rebooked(facts)

    async def act(self, sitting_id: str, actor: Actor, command: Command, locale: str) -> Sitting:
        """A command that came over HTTP, by somebody of this sitting or by the court itself; answers the sitting
        after it.

        Raises :class:`~signaling.application.Refusal`, :class:`LookupError` for a sitting unknown, or
        :class:`~hearing_server.store.StoreError`.
        """
        return await (await self._actor(sitting_id)).act(actor, command, locale)

    async def close_task(self, sitting_id: str, task_id: str, actor: Actor, locale: str) -> bool:
        """Close a task of the sitting's log by its name in the tasks' table; false if it is no such task.

        Raises as :meth:`act` does.
        """
        known = task_of(sitting_id, task_id)
        if known is None:
            return False
        await self.act(sitting_id, actor, Command(name="close_task", detail={"task": known}), locale)
        return True

    async def look(self, sitting_id: str) -> None:
        """See what has become due in a sitting that nobody is in."""
        await (await self._actor(sitting_id)).look()

    async def sitting(self, sitting_id: str) -> Sitting | None:
        """The sitting as it is now; nothing if nothing has happened in it yet."""
        actor = self._actors.get(sitting_id)
        return actor.sitting if actor is not None else replay(await self._store.log.read(sitting_id))

    async def tell(self, sitting_id: str, name: str, data: dict[str, Any], to: Callable[[str], bool]) -> None:
        """News that is no law, to the people ``to`` names: those of them who are on a socket."""
        actor = self._actors.get(sitting_id)
        if actor is not None:
            actor.tell(name, data, to)

    def live(self, sitting_id: str) -> SittingActor | None:
        """The sitting's runtime, if it is loaded."""
        return self._actors.get(sitting_id)

    async def record_view(self, facts: HearingFacts) -> api.RecordView:
        """The record of this hearing as it stands."""
        actor = self._actors.get(facts.sitting_id)
        if actor is not None and actor.sitting.state not in ("not_started", "closed"):
            return views.live_record(actor.sitting, actor.watch)
        return views.stored_record(facts, await self._store.records.get(facts.sitting_id))

    async def log_of(self, sitting_id: str) -> list[Event]:
        """All events of the sitting, oldest first."""
        return await self._store.log.read(sitting_id)

    async def export(
        self, facts: HearingFacts, locale: str, person_id: str, kind: str = "composite", part: str = "", mark: str = ""
    ) -> JobRow:
        """Have a composite made, or answer the job that makes one already; every picture of it carries ``mark``, and
        for a share, of its own kind (:func:`~..court.shares.film_kind`), that person's name.  Of a ``part``
        (``begin-end``, us) a ZIP file is made."""
        job = await self._store.records.add_job(
            JobRow(
                id=secrets.token_hex(8),
                sitting_id=facts.sitting_id,
                kind="part" if part else kind,
                locale=locale,
                part=part,
                mark=mark,
                state="queued",
                progress=0.0,
                created_utc=self._clock.utc(),
                created_by=person_id,
            )
        )
        self._keeper.follow(job)
        return job

    async def verify(self, facts: HearingFacts) -> None:
        """Have the record checked.  Raises :class:`~.recorder.RecorderUnavailable`."""
        await self._keeper.verify(facts.sitting_id)

    # --- what nobody closed (A6) -------------------------------------------------------------

    async def _sweep(self) -> None:
        """Look after sittings that should long be over, and that nobody has at work."""
        while True:
            try:
                for sitting_id in await self._store.docket.overdue(self._clock.utc() - OVERDUE_NS):
                    await (await self._actor(sitting_id)).look()
            except (StoreError, Refusal) as error:
                log.warning("sweep.failed", error=str(error))
            except Exception:
                log.exception("sweep.failed")
            await asyncio.sleep(SWEEP_S)

    # --- loading ---------------------------------------------------------------------------------

    async def _seat_actor(self, connection: Connection) -> SittingActor:
        try:
            return await self._actor(connection.seat.sitting_id)
        except StoreError as error:
            raise Refusal(error.code, sentence(error.code, connection.seat.locale)) from error
        except LookupError as error:
            raise Refusal("not-found", sentence("not-found", connection.seat.locale)) from error

    async def _actor(self, sitting_id: str) -> SittingActor:
        """The sitting's runtime, loaded by replaying its log.  Raises :class:`LookupError` for a sitting unknown."""
        actor = self._actors.get(sitting_id)
        if actor is not None:
            return actor
        loading = self._loading.get(sitting_id)
        if loading is None:
            loading = asyncio.ensure_future(self._load(sitting_id))
            self._loading[sitting_id] = loading
            loading.add_done_callback(lambda _: self._loading.pop(sitting_id, None))
        return await asyncio.shield(loading)

    async def _load(self, sitting_id: str) -> SittingActor:
        facts = await self._store.docket.by_sitting(sitting_id)
        if facts is None:
            raise LookupError(sitting_id)
        sitting, journal = await self._replayed(facts)
        actor = SittingActor(facts, sitting, journal, self._store, self._rooms, self._clock, self._closed, self._rested)
        actor.on_events = lambda events: self.on_events(actor.facts, actor.sitting, events)
        self._actors[sitting_id] = actor
        return actor

    async def _replayed(self, facts: HearingFacts) -> tuple[Sitting, Journal]:
        sitting, journal = replayed(await self._store.log.read(facts.sitting_id))
        if sitting is not None:
            return sitting, journal
        first = booked(
            facts.sitting_id,
            booked_people(facts),
            self._rules_of(facts),
            Now(utc=self._clock.utc(), mono=self._clock.mono()),
            scheduled=facts.scheduled_utc,
            public_grounds=grounds_of(facts),
        )
        sitting, journal = replayed([first])
        assert sitting is not None
        try:
            await self._store.log.append(facts.sitting_id, [first], sitting)
        except Conflict:
            sitting, journal = replayed(await self._store.log.read(facts.sitting_id))
            assert sitting is not None
        return sitting, journal

    def _rules_of(self, facts: HearingFacts) -> Rules:
        """Those of the court's profile."""
        rules = self._rules or PROFILES.get(facts.court.profile, PROFILES["england"])
        return rules if self._countdown_s is None else msgspec.structs.replace(rules, countdown_s=self._countdown_s)

    def _rested(self, actor: SittingActor) -> None:
        if self._actors.get(actor.sitting.id) is actor:
            del self._actors[actor.sitting.id]

    # --- the record ----------------------------------------------------------------------------------

    def _closed(self, actor: SittingActor) -> None:
        self._keeper.finalise(actor.sitting.id)

    def _record_archived(self, event: m.Archived) -> None:
        actor = self._actors.get(event.sitting_id)
        if actor is not None and event.root:
            actor.archived(event)

    async def _record_sealed(self, sitting_id: str, partial: bool = False) -> None:
        actor = await self._actor(sitting_id)
        await actor.record_sealed(partial=partial)
        await self.levels.prepared(sitting_id)
        self.on_sealed()

    async def _facts_for_record(self, sitting_id: str) -> m.SittingFacts | None:
        """What the manifest says besides the media; nothing for a sitting that was never on record."""
        facts = await self._store.docket.by_sitting(sitting_id)
        events = await self._store.log.read(sitting_id)
        sitting = replay(events)
        if facts is None or sitting is None or sitting.opened is None or sitting.closed is None:
            return None
        if sitting.record is RecordState.IDLE:
            return None
        return m.SittingFacts(
            court=facts.court.name,
            court_zh=facts.court.name_zh,
            case_number=facts.case_number,
            case_name=facts.case_name,
            case_name_zh=facts.case_name_zh,
            room=facts.room,
            hearing_id=facts.hearing_id,
            opened_wall_ns=sitting.opened,
            closed_wall_ns=sitting.closed,
            participants=[
                m.Participant(person_id=person.id, name=person.name, name_zh=person.name_zh, role=person.role)
                for person in facts.people
            ],
            events=[msgspec.to_builtins(event) for event in into_record(events)],
            writers=list(sitting.writers),
            interruptions=interruptions(events),
        )
