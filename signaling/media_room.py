"""One media room, kept on some worker by a loop that does what :class:`~signaling.room_core.RoomCore` says."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Protocol

import structlog

from . import messages, worker_api
from .application import Connection, PlaceState, RoomListener
from .bus import BusError, HandlerFailed, NoResponder, RequestTimeout
from .media_ledger import MediaLedger, Refused
from .ortc import IceServer, Struct
from .placement import Home
from .refusals import refusal
from .room_core import Apply, EndPeer, Open, Over, Rest, RoomCore, Seek, Shut

log = structlog.get_logger(__name__)

#: How long the application, or a device that takes a seat over, waits for a worker to obey, s.
OBEY_LIMIT_S = 4.0
#: Wait after a failed step, s; nothing that changes is waited for longer than this.
RETRY_S = 0.2
#: How long media outlives its socket, s: the time a seat is held (hearing-model: AWAY to DISCONNECTED).
KEEP_S = 300.0


class Workers(Protocol):
    """What a room asks of :class:`signaling.rooms.Rooms`."""

    def choose(self, room_id: str, avoid: frozenset[Home]) -> Home | None:
        """A worker for this room, whose events are being listened to already."""
        ...

    def full(self) -> bool:
        """Workers are there, and none has the budget for one more room."""
        ...

    def suspect(self, home: Home) -> bool:
        """Whether its heartbeat is overdue, or it is gone."""
        ...

    async def command(self, home: Home, command: worker_api.AnyCommand) -> worker_api.AnyAnswer:
        """Raises :class:`BusError`."""
        ...

    def closed(self, room: Room) -> None:
        """The room is not wanted any more."""

    def ice_servers(self, person_id: str) -> list[IceServer]:
        """Relays for this person, with credentials that begin now."""
        ...


class Room:
    """One media room; made by :meth:`signaling.rooms.Rooms.open`.  See :class:`signaling.application.MediaRoom`."""

    def __init__(
        self, room_id: str, plan: worker_api.Plan, listener: RoomListener, workers: Workers, *, generation: int
    ) -> None:
        self.room_id = room_id
        self.listener = listener
        self.core = RoomCore(plan, generation)
        self._workers = workers
        self._ledger = MediaLedger(room_id)
        self._connections: dict[str, Connection] = {}
        #: Whose device each person's media belongs to.
        self._seats: dict[str, str] = {}
        self._forgetting: dict[str, asyncio.TimerHandle] = {}
        self._changed = asyncio.Event()
        self._progress = asyncio.Condition()
        #: Workers that would not take the room; tried again once none else is left.
        self._avoid: frozenset[Home] = frozenset()
        #: What the application was last told of the room's place.
        self._told: PlaceState | None = None
        self._bus_down = False
        self.task = asyncio.get_running_loop().create_task(self._keep())

    # --- for the application -------------------------------------------------------------

    async def obey(self, plan: worker_api.Plan) -> None:
        self.core.want_plan(plan)
        self.wake()
        if not await self._until(lambda: self.core.obeys):
            log.error("the worker does not obey yet", room=self.room_id, plan=plan.version)

    async def close(self) -> None:
        self.core.want_closed()
        self.forget_timers()
        self._workers.closed(self)
        self.wake()
        if not await self._until(self.task.done):
            log.error("the worker does not close the room yet", room=self.room_id)

    # --- for the sockets --------------------------------------------------------------------

    async def attach(self, connection: Connection) -> None:
        person_id, seat_id = connection.seat.person_id, connection.seat.seat_id
        timer = self._forgetting.pop(person_id, None)
        if timer is not None:
            timer.cancel()
        self._connections[person_id] = connection
        earlier = self._seats.get(person_id)
        self._seats[person_id] = seat_id
        if earlier not in (None, seat_id):
            await self._end_peer(person_id)

    def media(self) -> messages.MediaReady | None:
        if not self.core.ready or self.core.capabilities is None:
            return None
        return messages.MediaReady(generation=self.core.generation, router_rtp_capabilities=self.core.capabilities)

    def held(self, connection: Connection) -> messages.Held | None:
        person_id = connection.seat.person_id
        if not self.core.ready or self.core.ending(person_id):
            return None
        return self._ledger.held(person_id)

    async def ask(
        self, connection: Connection, request: messages.MediaRequest, attributes: dict[str, str]
    ) -> Struct | None:
        person_id = connection.seat.person_id
        try:
            if self.core.ending(person_id):  # of an earlier connection of the person
                await self._until(lambda: not self.core.ending(person_id))
            home, generation = self.core.home, self.core.generation
            if home is None or not self.core.ready or self.core.ending(person_id):
                raise Refused("media-unavailable")
            if self._connections.get(person_id) is not connection:
                raise Refused("media-moved")
            command = self._ledger.begin(person_id, request, attributes)
            devices = self._ledger.of(person_id).devices()
            answer = await self._command(home, command)
            if self.core.home != home or self.core.generation != generation:
                raise Refused("media-moved")
            result = self._ledger.end(person_id, request, answer)
            if isinstance(result, messages.TransportCreated | messages.IceRestarted):
                result.ice_servers = self._workers.ice_servers(person_id)
            self._tell_devices(person_id, devices)
            return result
        except Refused as refused:
            raise refusal(refused.code, connection.seat.locale) from None

    def release(self, connection: Connection) -> None:
        for notice in self._ledger.release(connection.seat.person_id):
            connection.notify(notice)

    async def detach(self, connection: Connection, *, keep: bool) -> None:
        person_id = connection.seat.person_id
        if self._connections.get(person_id) is not connection:
            return
        del self._connections[person_id]
        self._ledger.release_all(person_id)
        if keep:
            loop = asyncio.get_running_loop()
            self._forgetting[person_id] = loop.call_later(KEEP_S, self._forget, person_id)
        else:
            self._seats.pop(person_id, None)
            await self._end_peer(person_id)

    # --- what happens to the room ---------------------------------------------------------------

    def wake(self) -> None:
        self._changed.set()

    def forget_timers(self) -> None:
        for timer in self._forgetting.values():
            timer.cancel()
        self._forgetting.clear()

    def doubt(self, home: Home) -> None:
        """The heartbeat of this worker is overdue."""
        if self.core.home == home:
            self.core.want_proof()
            self.wake()

    def lose(self, home: Home) -> None:
        if self.core.lost(home):
            self._lost()
        self.wake()

    def listed(self, home: Home, *, present: bool) -> None:
        if self.core.listed(home, present=present):
            log.error("the worker has lost the room", room=self.room_id, worker=home.worker_id)
            self._lost()
            self.wake()

    def take(self, event: worker_api.AnyEvent) -> None:
        match event:
            case worker_api.ConsumerNew():
                self._notify(event.peer_id, self._ledger.consumer_new(event))
            case worker_api.ConsumerClosed():
                self._notify(event.peer_id, self._ledger.consumer_closed(event))
            case worker_api.ConsumerState():
                self._notify(event.peer_id, self._ledger.consumer_state(event))
            case worker_api.TransportState():
                devices = self._ledger.of(event.peer_id).devices()
                notices = self._ledger.transport_state(event)
                self._notify(event.peer_id, notices)
                if notices:
                    self._tell(self.listener.transport_changed, event.peer_id, event.direction, event.state)
                self._tell_devices(event.peer_id, devices)
            case worker_api.Levels(levels=levels):
                self._tell_levels(levels)
            case worker_api.Quality(peers=peers):
                self._tell(self.listener.quality_changed, peers)
            case worker_api.CaptureState():
                self._tell(self.listener.capture_changed, event)

    # --- the loop -----------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Do one step after the other until the room is closed."""
        while True:
            self._changed.clear()
            step = self.core.next()
            match step:
                case Over():
                    break
                case Rest():
                    await self._changed.wait()
                case Seek():
                    await self._seek()
                case Open(home, plan):
                    await self._open(home, plan)
                case Apply(home, plan):
                    answer = await self._step(home, worker_api.SetPlan(room_id=self.room_id, plan=plan))
                    if isinstance(answer, worker_api.Done):
                        self.core.applied(home, plan)
                    elif answer is not None:
                        # The worker does not have the room as we know it: begin anew there.
                        log.error("the plan was refused", room=self.room_id, answer=str(answer))
                        self.lose(home)
                case EndPeer(home, peer_id):
                    command = worker_api.ClosePeer(room_id=self.room_id, peer_id=peer_id)
                    if await self._step(home, command) is not None:
                        self.core.peer_ended(home, peer_id)
                case Shut(home):
                    if await self._step(home, worker_api.CloseRoom(room_id=self.room_id)) is not None:
                        self.core.shut(home)
            async with self._progress:
                self._progress.notify_all()

    async def _seek(self) -> None:
        home = self._workers.choose(self.room_id, self._avoid)
        if home is not None:
            self.core.placed(home)
            return
        self._tell_place("full" if self._workers.full() else "lost")
        self._avoid = frozenset()
        await self._pause()

    async def _open(self, home: Home, plan: worker_api.Plan) -> None:
        # A control process before this one may have left the room there, with peers that nobody knows now.
        closed = await self._step(home, worker_api.CloseRoom(room_id=self.room_id))
        if closed is None:
            return
        answer = await self._step(home, worker_api.OpenRoom(room_id=self.room_id, plan=plan))
        if isinstance(answer, worker_api.RoomOpened):
            if self.core.opened(home, plan, answer.router_rtp_capabilities):
                self._ready(home)
        elif answer is not None:
            log.error("a worker does not take the room", room=self.room_id, worker=home.worker_id, answer=str(answer))
            self._avoid |= {home}
            self.core.lost(home)

    async def _step(self, home: Home, command: worker_api.AnyCommand) -> worker_api.AnyAnswer | None:
        """The worker's answer, or nothing after a pause; the step is then still to be done, perhaps elsewhere."""
        answer = await self._command(home, command)
        if answer is None and self.core.home == home:
            await self._pause()
        return answer

    async def _command(self, home: Home, command: worker_api.AnyCommand) -> worker_api.AnyAnswer | None:
        """The worker's answer, or nothing: no answer came, and the core knows what that says of the worker."""
        try:
            answer = await self._workers.command(home, command)
            self._bus_down = False
            return answer
        except NoResponder:
            # A worker that was heard a moment ago only finds its way back to the bus.
            if self._workers.suspect(home):
                self.lose(home)
        except (RequestTimeout, HandlerFailed) as error:
            log.warning("no answer from the worker", room=self.room_id, worker=home.worker_id, reason=str(error))
            if self.core.silent(home):
                self._avoid |= {home}
                self._lost()
                self.wake()
        except BusError as error:
            if not self._bus_down:
                log.warning("the bus does not carry commands", room=self.room_id, reason=str(error))
            self._bus_down = True
        return None

    async def _pause(self) -> None:
        """Wait for a change, but not for long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RETRY_S):
                await self._changed.wait()

    async def _until(self, fulfilled: Callable[[], bool]) -> bool:
        """Whether it came to be within the limit."""
        try:
            async with asyncio.timeout(OBEY_LIMIT_S), self._progress:
                await self._progress.wait_for(fulfilled)
        except TimeoutError:
            return False
        return True

    # --- what is told to whom -------------------------------------------------------------------

    def _ready(self, home: Home) -> None:
        log.info("media room ready", room=self.room_id, worker=home.worker_id, generation=self.core.generation)
        self._avoid = frozenset()
        self._tell_place("ready", home.writer)
        for connection in tuple(self._connections.values()):
            connection.notify(messages.MediaNotice(state="ready", media=self.media()))

    def _lost(self) -> None:
        devices = {person_id: self._ledger.of(person_id).devices() for person_id in self._ledger.people()}
        self._ledger.clear()
        self._tell_place("lost")
        for connection in tuple(self._connections.values()):
            connection.notify(messages.MediaNotice(state="lost"))
        for person_id, before in devices.items():
            self._tell_devices(person_id, before)

    async def _end_peer(self, person_id: str) -> None:
        devices = self._ledger.of(person_id).devices()
        self._ledger.forget(person_id)
        self.core.want_peer_gone(person_id)
        self.wake()
        self._tell_devices(person_id, devices)
        if not await self._until(lambda: not self.core.ending(person_id)):
            log.error("the worker does not end a person's media yet", room=self.room_id, person=person_id)

    def _forget(self, person_id: str) -> None:
        """The seat's time is over."""
        self._forgetting.pop(person_id, None)
        self._seats.pop(person_id, None)
        devices = self._ledger.of(person_id).devices()
        self._ledger.forget(person_id)
        self.core.want_peer_gone(person_id)
        self.wake()
        self._tell_devices(person_id, devices)

    def _tell_place(self, state: PlaceState, writer: str | None = None) -> None:
        if state != self._told or state == "ready":
            self._told = state
            if state == "full":
                log.error("no worker has room for this hearing", room=self.room_id)
            self._tell(self.listener.media_changed, state, writer)

    def _tell(self, listener: Callable[..., None], *facts: Any) -> None:
        """What the application makes of a fact does not stop the room."""
        try:
            listener(*facts)
        except Exception:
            log.exception("the application failed to take a fact", room=self.room_id)

    def _tell_devices(self, person_id: str, before: tuple[str, str]) -> None:
        microphone, camera = self._ledger.of(person_id).devices()
        if (microphone, camera) != before:
            self._tell(self.listener.devices_changed, person_id, microphone, camera)

    def _notify(self, person_id: str, notices: list[messages.AnyNotice]) -> None:
        connection = self._connections.get(person_id)
        if connection is not None:
            for notice in notices:
                connection.notify(notice)

    def _tell_levels(self, levels: dict[str, int]) -> None:
        """Each person learns of those whom they may receive, and of themself."""
        for person_id, connection in tuple(self._connections.items()):
            audible = self._audible(person_id)
            own = {peer: level for peer, level in levels.items() if peer == person_id or peer in audible}
            connection.notify(messages.Levels(levels=own))

    def _audible(self, person_id: str) -> frozenset[str]:
        """Whose sound this person may get."""
        withheld = self.core.plan.withhold.get(person_id, {})
        return frozenset(
            peer for peer in self.core.plan.receive.get(person_id, ()) if "microphone" not in withheld.get(peer, ())
        )
