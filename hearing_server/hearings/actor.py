"""One sitting at work: a single queue through which every change of it goes (lessons.md 45).

What is asked of a sitting, and what its timers and its media report, becomes a job in its inbox; jobs run one after
the other.  A job decides by the law, writes the events to the log, and only then lets the rooms and the pages follow.
What has to happen next is computed from the state and never remembered, so that a restart loses nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar, cast

import structlog

from signaling.application import Connection, Device, MediaRoom, MediaRooms, Refusal
from signaling.messages import ViewChanged
from signaling.worker_api import CaptureState, Plan, Source

from ..court import (
    SYSTEM,
    Actor,
    Command,
    Event,
    Now,
    Presence,
    RecordState,
    Refused,
    Sitting,
    SittingState,
    apply,
    decide,
    plan,
)
from ..court.law import is_live, rearmed
from ..court.timers import due, next_due
from ..refusals import sentence
from ..store import Conflict, HearingFacts, Store, StoreError
from .views import hearing_view
from .watch import CaptureWatch

log = structlog.get_logger(__name__)
T = TypeVar("T")

_Job = tuple[Callable[[], Awaitable[Any]], asyncio.Future[Any]]

NS = 1_000_000_000
#: Jobs that may wait for one sitting; each takes a few ms, and each client has few requests under way.
INBOX_LIMIT = 1_000
#: Views are gathered for this long, s, so that a burst of events makes one message.
VIEW_DELAY_S = 0.03
#: How often a sitting looks after itself while something may be amiss, s.
TICK_S = 1.0
#: How long people may take to come back after a restart of control before they are away, s: three pings.
RETURN_GRACE_S = 6.0
#: How long a media room may take to obey, s; it goes on by itself after that.
OBEY_TIMEOUT_S = 5.0
#: How long after the close the sockets stay open, s, so that the last view and the reply are read.
FAREWELL_S = 0.3
#: How often an append is tried when another writer was first.
APPEND_ATTEMPTS = 4
#: Steps of the court's own that one round may take; a round needs two or three.
SETTLE_LIMIT = 64
#: What one person may ask in a burst, and per second after it.
ASK_BURST = 30.0
ASKS_PER_S = 1.0


class Clock(Protocol):
    """``utc``: ns since 1970; ``mono``: ns on a clock that only goes forward."""

    def utc(self) -> int: ...

    def mono(self) -> int: ...


class SystemClock:
    def utc(self) -> int:
        return time.time_ns()

    def mono(self) -> int:
        return time.monotonic_ns()


class SittingActor:
    """The runtime of one sitting.  ``closed`` is called once it is closed, with its last state."""

    def __init__(
        self,
        facts: HearingFacts,
        sitting: Sitting,
        store: Store,
        rooms: MediaRooms,
        clock: Clock,
        on_closed: Callable[[SittingActor], None],
    ) -> None:
        self.facts = facts
        self.sitting = sitting
        self._store = store
        self._rooms = rooms
        self._clock = clock
        self._on_closed = on_closed
        self._connections: dict[str, Connection] = {}
        #: Who was on a socket since control started.
        self._seen: set[str] = set()
        self._devices: dict[str, tuple[Device, Device]] = {}
        self._asks: dict[str, tuple[float, float]] = {}
        self.watch = CaptureWatch(clock.mono() / NS)
        self._writer: str | None = None
        self._room: MediaRoom | None = None
        self._grace_until = clock.mono() + int(RETURN_GRACE_S * NS)
        self._inbox: asyncio.Queue[_Job] = asyncio.Queue(INBOX_LIMIT)
        self._views_due: asyncio.TimerHandle | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._log = log.bind(hearing=facts.hearing_id, sitting=sitting.id)
        self._worker = self._loop.create_task(self._work(), name=f"sitting {sitting.id}")

    # --- the queue ---------------------------------------------------------------

    async def _work(self) -> None:
        while True:
            job, answer = await self._inbox.get()
            try:
                result = await job()
            except asyncio.CancelledError:
                answer.cancel()
                raise
            except Exception as error:
                if not answer.done():
                    answer.set_exception(error)
                if not isinstance(error, (Refusal, StoreError)):
                    self._log.exception("sitting.job_failed")
            else:
                if not answer.done():
                    answer.set_result(result)

    async def _run(self, job: Callable[[], Awaitable[T]], locale: str) -> T:
        """Do this after all that came before; errors of the database as a :class:`Refusal`."""
        answer: asyncio.Future[T] = self._loop.create_future()
        try:
            self._inbox.put_nowait((job, answer))
        except asyncio.QueueFull:
            raise Refusal("busy", sentence("busy", locale)) from None
        try:
            return await answer
        except StoreError as error:
            self._log.error("sitting.store_failed", code=error.code, detail=error.detail)
            raise Refusal(error.code, sentence(error.code, locale)) from error

    def _post(self, job: Callable[[], Awaitable[None]]) -> None:
        """The same for what nobody waits for."""
        answer: asyncio.Future[None] = self._loop.create_future()
        answer.add_done_callback(_forget)
        try:
            self._inbox.put_nowait((job, answer))
        except asyncio.QueueFull:
            self._log.warning("sitting.inbox_full")
            self._set_alarm(TICK_S)

    async def aclose(self) -> None:
        """Stop working; the sitting stays as the log has it."""
        for timer in (self._views_due, self._alarm):
            if timer is not None:
                timer.cancel()
        self._worker.cancel()
        await asyncio.gather(self._worker, return_exceptions=True)
        while not self._inbox.empty():
            self._inbox.get_nowait()[1].cancel()

    # --- what sockets ask ----------------------------------------------------------

    async def enter(self, connection: Connection) -> tuple[dict[str, Any], MediaRoom]:
        return await self._run(lambda: self._enter(connection), connection.seat.locale)

    async def _enter(self, connection: Connection) -> tuple[dict[str, Any], MediaRoom]:
        seat = connection.seat
        if seat.person_id not in self.sitting.people:
            raise self._refusal("unknown-person", seat.locale)
        if self.sitting.state is SittingState.CLOSED:
            raise self._refusal("sitting-closed", seat.locale)
        room = await self._open_room()
        older = self._connections.get(seat.person_id)
        self._connections[seat.person_id] = connection
        self._seen.add(seat.person_id)
        if older is not None and older is not connection:
            older.end("displaced", sentence("displaced", older.seat.locale))
        try:
            arrival = self._arrival(seat.person_id, seat.seat_id)
            if arrival is not None:
                await self._give(self._actor(seat.person_id), arrival, seat.locale)
        except BaseException:
            if self._connections.get(seat.person_id) is connection:
                del self._connections[seat.person_id]
            raise
        await self._settle()
        return self._view(seat.person_id), room

    def _arrival(self, person_id: str, seat_id: str) -> Command | None:
        """What it means that this person is on a socket again."""
        person = self.sitting.people[person_id]
        if person.presence in (Presence.NOT_SIGNED_IN, Presence.DISCONNECTED):
            return Command(name="sign_in", detail={"seat": seat_id})
        if person.seat != seat_id:
            return Command(name="change_device", detail={"seat": seat_id})
        if person.presence is Presence.AWAY:
            return Command(name="come_back")
        return None

    async def check_in(self, connection: Connection, check: dict[str, str], *, declaration: bool) -> None:
        async def job() -> None:
            self._must_be_current(connection)
            person = self.sitting.people[connection.seat.person_id]
            if declaration and person.presence is not Presence.CHECKING and person.check == check:
                return
            self._spend_ask(connection)
            command = Command(name="check_in", detail={"declaration": declaration, "check": check})
            await self._give(self._actor(person.id), command, connection.seat.locale)
            await self._settle()

        await self._run(job, connection.seat.locale)

    async def command(self, connection: Connection, command: Command) -> dict[str, Any]:
        async def job() -> dict[str, Any]:
            self._must_be_current(connection)
            self._spend_ask(connection)
            await self._give(self._actor(connection.seat.person_id), command, connection.seat.locale)
            await self._settle()
            return {"version": self.sitting.version, "seq": self.sitting.seq}

        return await self._run(job, connection.seat.locale)

    async def leave(self, connection: Connection) -> None:
        async def job() -> None:
            if self._connections.get(connection.seat.person_id) is not connection:
                return
            del self._connections[connection.seat.person_id]
            self._devices.pop(connection.seat.person_id, None)
            person = self.sitting.people[connection.seat.person_id]
            if is_live(person) and self.sitting.state is not SittingState.CLOSED:
                await self._give(self._actor(person.id), Command(name="sign_out"), connection.seat.locale)
            await self._settle()

        await self._run(job, connection.seat.locale)

    def gone(self, connection: Connection) -> None:
        """The socket broke: the person is away, unless a newer socket has taken over."""
        if self._connections.get(connection.seat.person_id) is connection:
            del self._connections[connection.seat.person_id]
            self._devices.pop(connection.seat.person_id, None)
        self._post(self._settle)

    def displace(self, person_id: str, seat_id: str) -> None:
        """Another device has taken this person's seat."""
        connection = self._connections.get(person_id)
        if connection is not None and connection.seat.seat_id != seat_id:
            self.gone(connection)
            connection.end("displaced", sentence("displaced", connection.seat.locale))

    def _must_be_current(self, connection: Connection) -> None:
        current = self._connections.get(connection.seat.person_id)
        if current is not connection:
            code = "displaced" if current is not None else "not-checked-in"
            raise self._refusal(code, connection.seat.locale)

    def _spend_ask(self, connection: Connection) -> None:
        """A token bucket per person: what is asked goes into the log, which must not be flooded."""
        now = self._clock.mono() / NS
        left, since = self._asks.get(connection.seat.person_id, (ASK_BURST, now))
        left = min(ASK_BURST, left + (now - since) * ASKS_PER_S)
        if left < 1:
            raise self._refusal("too-many", connection.seat.locale)
        self._asks[connection.seat.person_id] = (left - 1, now)

    def _actor(self, person_id: str) -> Actor:
        return Actor(id=person_id, role=self.sitting.people[person_id].role.value)

    def _refusal(self, code: str, locale: str) -> Refusal:
        return Refusal(code, sentence(code, locale))

    # --- what the media room tells -----------------------------------------------------

    def devices_changed(self, person_id: str, microphone: Device, camera: Device) -> None:
        if person_id in self.sitting.people:
            self._devices[person_id] = (microphone, camera)
            self._show()

    def capture_changed(self, state: CaptureState) -> None:
        self.watch.heard(
            tracks=state.tracks,
            durable_wall_ns=state.durable_wall_ns,
            fault=state.fault,
            mono_s=self._clock.mono() / NS,
        )
        self._show()
        self._post(self._settle)

    def media_changed(self, state: str, writer: str | None) -> None:
        if state == "ready":
            self._writer = writer
            self.watch.placed()
        else:
            self._writer = None
            self.watch.lost()
        self._post(self._settle)

    def transport_changed(self, person_id: str, direction: str, state: str) -> None:
        """The client mends its transports by itself; the log of the process keeps what happened."""
        self._log.info("transport", person=person_id, direction=direction, state=state)

    # --- deciding -------------------------------------------------------------------------

    def _now(self) -> Now:
        return Now(utc=self._clock.utc(), mono=self._clock.mono())

    async def _give(self, actor: Actor, command: Command, locale: str) -> None:
        """Decide, write, apply.  Raises :class:`Refusal` or :class:`~hearing_server.store.StoreError`."""
        refused = await self._commit(lambda: decide(self.sitting, actor, command, self._now()))
        if refused is not None:
            raise self._refusal(refused.code, locale)

    async def _commit(self, decision: Callable[[], tuple[Event, ...] | Refused]) -> Refused | None:
        for _ in range(APPEND_ATTEMPTS):
            events = decision()
            if isinstance(events, Refused):
                return events
            if not events:
                return None
            after = self.sitting
            for event in events:
                after = apply(after, event)
            try:
                await self._store.log.append(self.sitting.id, events, after)
            except Conflict:
                await self._catch_up()
                continue
            before, self.sitting = self.sitting, after
            for event in events:
                person = event.subject or event.actor
                self._log.info("event", seq=event.seq, what=event.name, person=person, to=event.to)
            await self._follow(before)
            return None
        return Refused(code="busy")

    async def _catch_up(self) -> None:
        """Another writer was first: take over what it wrote."""
        before = self.sitting
        for event in await self._store.log.read(before.id, before.seq):
            self.sitting = apply(self.sitting, event)
        await self._follow(before)

    async def _follow(self, before: Sitting) -> None:
        """Let the media and the pages follow the new state; returns when nothing forbidden flows any more."""
        if before.record is not self.sitting.record and self.sitting.record is RecordState.ARMING:
            self.watch.arm(self._clock.mono() / NS)
        old, new = plan(before), plan(self.sitting)
        if self._room is not None and (old.publish, old.receive, old.record) != (new.publish, new.receive, new.record):
            await self._obey()
        self._show()
        if self.sitting.state is SittingState.CLOSED and before.state is not SittingState.CLOSED:
            self._flush_views()
            self._loop.call_later(FAREWELL_S, self._farewell)
            self._on_closed(self)

    def _farewell(self) -> None:
        for connection in list(self._connections.values()):
            connection.end("closed", sentence("closed", connection.seat.locale))
        self._connections.clear()
        self._post(self._close_room)

    # --- the media room -------------------------------------------------------------------------

    def _plan(self) -> Plan:
        """The court's plan in the words of the media worker."""
        compiled = plan(self.sitting)
        return Plan(
            version=compiled.version,
            publish={person: cast(list[Source], list(sources)) for person, sources in compiled.publish.items()},
            receive={person: list(publishers) for person, publishers in compiled.receive.items()},
            record=compiled.record,
        )

    async def _open_room(self) -> MediaRoom:
        if self._room is None:
            self._room = await self._rooms.open(self.sitting.id, self._plan(), self)
        return self._room

    async def _obey(self) -> None:
        if self._room is None:
            return
        try:
            await asyncio.wait_for(self._room.obey(self._plan()), OBEY_TIMEOUT_S)
        except Exception as error:
            # The room repeats the plan by itself; what the court decided stands.
            self._log.error("plan.not_obeyed", error=repr(error))

    async def _close_room(self) -> None:
        room, self._room = self._room, None
        if room is not None:
            await room.close()

    # --- what follows from the state ---------------------------------------------------------------

    async def resume(self) -> None:
        """Go on with a sitting that was open when control stopped."""

        async def job() -> None:
            await self._open_room()
            await self._settle()

        await self._run(job, "en")

    async def record_sealed(self) -> None:
        """The archive holds the whole record, signed."""

        async def job() -> None:
            if self.sitting.record is RecordState.FINALIZING:
                await self._give(SYSTEM, Command(name="seal"), "en")

        await self._run(job, "en")

    async def _settle(self) -> None:
        """Take the court's own steps until none is left, then set the alarm for the next."""
        delay_s = TICK_S
        try:
            for _ in range(SETTLE_LIMIT):
                step = self._next_step()
                if step is None:
                    break
                if await self._commit(step) is not None:
                    break
            delay_s = self._delay_s()
        except StoreError as error:
            self._log.error("sitting.store_failed", code=error.code, detail=error.detail)
        self._set_alarm(delay_s)

    def _next_step(self) -> Callable[[], tuple[Event, ...] | Refused] | None:
        command = self._wanted()
        if command is None:
            return None
        if command.name == "rearm":
            return lambda: rearmed(self.sitting, self._now())
        return lambda: decide(self.sitting, SYSTEM, command, self._now())

    def _wanted(self) -> Command | None:
        """The first of the steps that are due."""
        sitting, now = self.sitting, self._now()
        if sitting.state is SittingState.CLOSED:
            return None
        record = self.watch.wanted(sitting.record, now.mono / NS)
        if record is not None:
            return record
        recording = sitting.record not in (RecordState.IDLE, RecordState.FINALIZING, RecordState.SEALED)
        if recording and self._writer is not None and self._writer not in sitting.writers:
            return Command(name="writer", detail={"writer": self._writer})
        timers = due(sitting, now.utc)
        if timers:
            return timers[0]
        missing = self._missing()
        return None if missing is None else Command(name="lose", subject=missing)

    def _missing(self) -> str | None:
        """A person who is connected as far as the log knows, and is not; after a restart people have time to return."""
        returning = self._clock.mono() < self._grace_until
        for person in self.sitting.people.values():
            absent = is_live(person) and person.id not in self._connections
            if absent and (person.id in self._seen or not returning):
                return person.id
        return None

    def _delay_s(self) -> float:
        """Until when nothing can fall due."""
        if self.sitting.state is SittingState.CLOSED:
            return 0.0
        at = next_due(self.sitting)
        returning = any(is_live(person) and person.id not in self._seen for person in self.sitting.people.values())
        delay = TICK_S if self.sitting.record is not RecordState.IDLE or returning else float("inf")
        if at is not None:
            delay = min(delay, max(0.0, (at - self._clock.utc()) / NS))
        return delay

    def _set_alarm(self, delay_s: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self.sitting.state is not SittingState.CLOSED and delay_s != float("inf"):
            self._alarm = self._loop.call_later(delay_s, self._post, self._settle)

    # --- views -----------------------------------------------------------------------------------------

    def _show(self) -> None:
        """Send everybody their view soon."""
        if self._views_due is None and self._connections:
            self._views_due = self._loop.call_later(VIEW_DELAY_S, self._flush_views)

    def _flush_views(self) -> None:
        if self._views_due is not None:
            self._views_due.cancel()
            self._views_due = None
        for person_id, connection in list(self._connections.items()):
            try:
                connection.notify(ViewChanged(view=self._view(person_id)))
            except Exception:
                self._log.exception("view.failed", person=person_id)

    def _view(self, person_id: str) -> dict[str, Any]:
        return hearing_view(
            self.facts, self.sitting, person_id, now=self._now(), watch=self.watch, devices=self._devices
        )


def _forget(answer: asyncio.Future[None]) -> None:
    """Nobody waits for it; its error was logged where it arose."""
    if not answer.cancelled():
        answer.exception()
