"""A sitting at work, the court's side: decide by the law, write the log, then let rooms and pages follow.

What has to happen next is computed from the state and never remembered, so that a restart loses nothing.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import msgspec
import structlog

from recording.messages import Archived, Channel
from signaling.application import Device, MediaRoom, MediaRooms, Refusal
from signaling.worker_api import CaptureState, PeerQuality, Plan

from ..court import (
    SYSTEM,
    Actor,
    Command,
    Event,
    Now,
    RecordState,
    Refused,
    Sitting,
    SittingState,
    apply,
    decide,
    plan,
)
from ..court.law import is_live
from ..court.people import has_business
from ..court.states import Machine
from ..court.timers import due, next_due
from ..refusals import sentence
from ..store import Conflict, HearingFacts, Store, StoreError
from .clock import Clock
from .inbox import Inbox
from .tasks import TaskBoard
from .watch import CaptureWatch

log = structlog.get_logger(__name__)

NS = 1_000_000_000
#: How often a sitting looks after itself while something may be amiss, s.
TICK_S = 1.0
#: How long people may take to come back after a restart of control before they are away, s: three pings.
RETURN_GRACE_S = 6.0
#: How long a media room may take to obey, s; it goes on by itself after that.
OBEY_TIMEOUT_S = 5.0
#: How often an append is tried when another writer was first.
APPEND_ATTEMPTS = 4
#: Steps of the court's own that one round may take; a round needs two or three.
SETTLE_LIMIT = 64


class SittingWork(ABC):
    """Machinery of one sitting; :class:`~.actor.SittingActor` adds the people on their sockets."""

    def __init__(self, facts: HearingFacts, sitting: Sitting, store: Store, rooms: MediaRooms, clock: Clock) -> None:
        self.facts = facts
        self.sitting = sitting
        self.watch = CaptureWatch(clock.mono() / NS)
        self.media_full = False
        """No media worker has room for this hearing."""
        self.archive_wall_ns = 0
        """Everything captured before this time is in the archive; 0: not heard of yet."""
        self.channels: dict[str, Channel] = {}
        """What the archive has of each person's sound."""
        self.on_events: Callable[[Sequence[Event]], None] = lambda events: None
        """Called with what this process wrote into the log, when it holds."""
        self._store = store
        self._rooms = rooms
        self._clock = clock
        self._writer: str | None = None
        self._room: MediaRoom | None = None
        self._board = TaskBoard(store)
        #: People whom another process has seen since: whether they are connected is its business.
        self._elsewhere: set[str] = set()
        self._grace_until = clock.mono() + int(RETURN_GRACE_S * NS)
        self._alarm: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._log = log.bind(hearing=facts.hearing_id, sitting=sitting.id)
        self._inbox = Inbox(f"sitting {sitting.id}", (Refusal, StoreError), self._rests)

    # --- what the people's side adds -----------------------------------------------------

    @abstractmethod
    def _is_here(self, person_id: str) -> bool:
        """On a socket now."""

    @abstractmethod
    def _was_here(self, person_id: str) -> bool:
        """Was on a socket since control started."""

    @abstractmethod
    def _show(self) -> None:
        """Send everybody their view soon."""

    @abstractmethod
    def _tell(self, before: Sitting, steps: Sequence[tuple[Event, Sitting]]) -> None:
        """Tell people what has happened: each event with the state it led to."""

    @abstractmethod
    def _court_closed(self) -> None:
        """The sitting has just been closed."""

    @abstractmethod
    def _record_due(self) -> None:
        """The record may be sealed now, if the archive has all of it."""

    @abstractmethod
    async def _rests(self) -> bool:
        """Asked when nothing is to be done: may the sitting be let go?"""

    @abstractmethod
    def devices_changed(self, person_id: str, microphone: Device, camera: Device) -> None: ...

    @abstractmethod
    def quality_changed(self, people: dict[str, PeerQuality]) -> None: ...

    async def aclose(self) -> None:
        """Stop working; the sitting stays as the log has it."""
        self._set_alarm(float("inf"))
        await self._inbox.aclose()

    # --- what the media room tells -----------------------------------------------------

    def capture_changed(self, state: CaptureState) -> None:
        if state.recording_id != self.sitting.id:
            return
        self.watch.heard(
            tracks=state.tracks,
            durable_wall_ns=state.durable_wall_ns,
            fault=state.fault,
            mono_s=self._clock.mono() / NS,
        )
        self._show()
        self._inbox.post(self._settle)

    def archived(self, event: Archived) -> None:
        """The archive holds so much of the record, read back and compared."""
        self.watch.stored(event.root, event.tracks, event.segments)
        self.archive_wall_ns = event.sealed_wall_ns
        self.channels = {channel.person_id: channel for channel in event.channels}
        self._show()
        self._inbox.post(self._settle)

    def media_changed(self, state: str, writer: str | None) -> None:
        if state == "ready":
            self._writer = writer
            self.watch.placed()
        else:
            self._writer = None
            self.watch.lost()
        if self.media_full != (state == "full"):
            self.media_full = state == "full"
            self._show()
        self._inbox.post(self._settle)

    def transport_changed(self, person_id: str, direction: str, state: str) -> None:
        """The client mends its transports by itself; the log of the process keeps what happened."""
        self._log.info("transport", person=person_id, direction=direction, state=state)

    # --- deciding -------------------------------------------------------------------------

    def _now(self) -> Now:
        return Now(utc=self._clock.utc(), mono=self._clock.mono())

    async def _give(self, actor: Actor, command: Command, locale: str) -> None:
        """Decide, write, apply.  Raises :class:`Refusal` or :class:`~hearing_server.store.StoreError`."""
        refused = await self._attempt(actor, command)
        if refused is not None:
            raise self._refusal(refused.code, locale)

    async def _attempt(self, actor: Actor, command: Command) -> Refused | None:
        """The same, answering why not."""
        return await self._commit(lambda: decide(self.sitting, actor, command, self._now()))

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
            before = self.sitting
            for event in events:
                person = event.subject or event.actor
                self._log.info("event", seq=event.seq, what=event.name, person=person, to=event.to)
            await self._take(before, events)
            self.on_events(events)
            return None
        return Refused(code="busy")

    async def _catch_up(self) -> None:
        """Take over what another writer wrote, if there is one."""
        before = self.sitting
        events = await self._store.log.read(before.id, before.seq)
        came = {event.subject for event in events if event.machine is Machine.PRESENCE and event.actor == event.subject}
        self._elsewhere |= {person_id for person_id in came if not self._is_here(person_id)}
        if events:
            await self._take(before, events)

    async def _take(self, before: Sitting, events: Sequence[Event]) -> None:
        """The log has these events: go over to the state they lead to."""
        steps = []
        for event in events:
            self.sitting = apply(self.sitting, event)
            steps.append((event, self.sitting))
        await self._follow(before, steps)

    async def _follow(self, before: Sitting, steps: Sequence[tuple[Event, Sitting]]) -> None:
        """Let the media and the pages follow the new state; returns when nothing forbidden flows any more."""
        if before.record is not self.sitting.record and self.sitting.record is RecordState.ARMING:
            self.watch.arm(self._clock.mono() / NS)
        elif before.record is RecordState.INTERRUPTED and self.sitting.record is not before.record:
            self.watch.go_on(self._clock.mono() / NS)
        old, new = plan(before), plan(self.sitting)
        if self._room is not None and msgspec.structs.replace(old, version=new.version) != new:
            await self._obey()
        self._tell(before, steps)
        self._show()
        await self._board.follow(self.sitting, self.facts)
        if self.sitting.state is SittingState.CLOSED and before.state is not SittingState.CLOSED:
            self._court_closed()
        elif before.incident and not self.sitting.incident and self.sitting.record is RecordState.FINALIZING:
            self._record_due()

    def _refusal(self, code: str, locale: str) -> Refusal:
        return Refusal(code, sentence(code, locale))

    # --- the media room -------------------------------------------------------------------------

    def _plan(self) -> Plan:
        """The court's plan in the words of the media worker."""
        wanted = msgspec.convert(msgspec.to_builtins(plan(self.sitting)), Plan)
        court = self.facts.court
        wanted.about = {
            "court": court.name,
            "courtZh": court.name_zh,
            "caseNumber": self.facts.case_number,
            "room": self.facts.room,
            "timeZone": court.time_zone,
        }
        return wanted

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

        await self._inbox.run(job)

    async def record_sealed(self, *, partial: bool) -> None:
        """The archive holds the record, signed; a ``partial`` one counts as sealed once its fault was stated."""

        async def job() -> None:
            if self.sitting.record is not RecordState.FINALIZING:
                return
            if partial and not (self.sitting.incident or self.sitting.incident_statement):
                await self._give(SYSTEM, Command(name="open_incident"), "en")
            if not self.sitting.incident:
                await self._give(SYSTEM, Command(name="seal"), "en")

        await self._inbox.run(job)

    async def _settle(self) -> None:
        """Take the court's own steps until none is left, then set the alarm for the next."""
        delay_s = TICK_S
        await self._board.follow(self.sitting, self.facts)
        try:
            for _ in range(SETTLE_LIMIT):
                if self._wanted() is None or await self._commit(self._decide_wanted) is not None:
                    break
            delay_s = self._delay_s()
        except StoreError as error:
            self._log.error("sitting.store_failed", code=error.code, detail=error.detail)
        self._set_alarm(delay_s)

    def _decide_wanted(self) -> tuple[Event, ...] | Refused:
        """Asked again if another process has written first: what was due may be done."""
        command = self._wanted()
        return () if command is None else decide(self.sitting, SYSTEM, command, self._now())

    def _wanted(self) -> Command | None:
        """The first of the steps that are due."""
        sitting, now = self.sitting, self._now()
        if sitting.state is SittingState.CLOSED:
            return self._wanted_after_the_close()
        record = self._wanted_of_the_record(now)
        if record is not None:
            return record
        timers = [timer for timer in due(sitting, now.utc) if timer.name != "elapsed" or not self._unproven()]
        return timers[0] if timers else self._missing()

    def _wanted_of_the_record(self, now: Now) -> Command | None:
        """Only where the room is at work is it known how the record goes."""
        if self._room is None:
            return None
        step = self.watch.wanted(self.sitting.record, now.mono / NS)
        if step is not None:
            return step
        recording = self.sitting.record not in (RecordState.IDLE, RecordState.FINALIZING, RecordState.SEALED)
        if recording and self._writer is not None and self._writer not in self.sitting.writers:
            return Command(name="writer", detail={"writer": self._writer})
        taken_s = None if self.sitting.root_at is None else self.sitting.root_at / NS
        return self.watch.wanted_root(self.sitting.root_media, taken_s, now.utc / NS) if recording else None

    def _wanted_after_the_close(self) -> Command | None:
        """The bench may stay in its own room for a while."""
        timers = due(self.sitting, self._clock.utc())
        return timers[0] if timers else self._missing()

    def _unproven(self) -> bool:
        """After a restart in the countdown the log says that the record runs and that somebody presides; neither has
        been seen since."""
        sitting = self.sitting
        if sitting.state is not SittingState.COUNTDOWN:
            return False
        recorded = self.watch.durable_wall_ns or sitting.off_record or sitting.fallback
        presided = any(
            self._is_here(person.id)
            for person in sitting.people.values()
            if person.id == sitting.presiding or person.deputy
        )
        return not (recorded and presided)

    def _missing(self) -> Command | None:
        """Somebody is connected as far as the log knows, and is not; after a restart people have time to return.

        A process that does not have the room, and is only asked by the court's desks, cannot know.
        """
        overdue, utc = self._clock.mono() >= self._grace_until, self._clock.utc()
        for person in self.sitting.people.values():
            absent = is_live(person) and not self._is_here(person.id) and person.id not in self._elsewhere
            known = self._room is not None and (self._was_here(person.id) or overdue)
            if absent and known and has_business(self.sitting, person, utc):
                return Command(name="lose", subject=person.id)
        return None

    def _delay_s(self) -> float:
        """Until when nothing can fall due."""
        at = next_due(self.sitting)
        if self.sitting.state is SittingState.CLOSED:
            return float("inf") if at is None else max(0.0, (at - self._clock.utc()) / NS)
        returning = any(is_live(person) and not self._was_here(person.id) for person in self.sitting.people.values())
        delay = TICK_S if self.sitting.record is not RecordState.IDLE or returning else float("inf")
        if at is not None and not self._unproven():
            delay = min(delay, max(0.0, (at - self._clock.utc()) / NS))
        return delay

    def _set_alarm(self, delay_s: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if delay_s != float("inf"):
            self._alarm = self._loop.call_later(delay_s, self._inbox.post, self._settle)
