"""All media rooms of a control process, and what it hears of the workers.

:class:`Rooms` listens to the workers' heartbeats, decides through
:class:`~signaling.placement.Placement` which of them live, and hands their events
to the rooms (:mod:`signaling.media_room`).
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable

import msgspec
import structlog

from . import worker_api
from .application import RoomListener
from .bus import Bus, BusClosed, BusError, HandlerFailed
from .media_room import RETRY_S, Room
from .ortc import IceServer
from .placement import BEAT_S, Change, Home, Placement, WorkerUp
from .turn import TurnServers

log = structlog.get_logger(__name__)

#: How long a worker may take for one command, s.  It answers within milliseconds unless it is stuck.
ANSWER_LIMIT_S = 2.0
#: Rooms closed lately, remembered so that a worker which missed it is told again.
CLOSED_LIMIT = 1000


class Rooms:
    """All media rooms of this control process.

    ``turn``: the relays for clients whose network lets nothing else through; ``clock``: seconds that do not go back.
    """

    def __init__(
        self, bus: Bus, *, turn: TurnServers | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._bus = bus
        self._turn = turn
        self._clock = clock
        self._rooms: dict[str, Room] = {}
        self._closed: dict[str, None] = {}
        self._placement = Placement()
        self._beat_topic = f"control.{secrets.token_hex(8)}"
        self._relays: dict[str, asyncio.Task[None]] = {}
        self._listening: set[str] = set()
        self._strays: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.heartbeats: dict[str, worker_api.Heartbeat] = {}
        """The newest of each worker that lives, for metrics."""

    async def start(self) -> None:
        """Begin to listen to the workers."""
        loop = asyncio.get_running_loop()
        self._tasks |= {loop.create_task(self._beat()), loop.create_task(self._watch())}

    async def open(self, room_id: str, plan: worker_api.Plan, listener: RoomListener) -> Room:
        """See :class:`signaling.application.MediaRooms`."""
        room = self._rooms.get(room_id)
        if room is None:
            self._closed.pop(room_id, None)
            # Higher than any generation of a control process that ran before this one.
            room = Room(room_id, plan, listener, self, generation=int(time.time()))
            self._rooms[room_id] = room
            self._tasks.add(room.task)
            room.task.add_done_callback(self._tasks.discard)
        else:
            room.listener = listener
            await room.obey(plan)
        return room

    async def aclose(self) -> None:
        """Stop looking after the rooms.  They stay on their workers: a restart of control interrupts no record."""
        tasks = [*self._tasks, *self._relays.values(), *self._strays.values()]
        for room in self._rooms.values():
            room.forget_timers()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # --- for the rooms ---------------------------------------------------------------

    def choose(self, room_id: str, avoid: frozenset[Home]) -> Home | None:
        """A worker for this room, whose events are being listened to already."""
        deaf = frozenset(home for home in self._placement.homes() if home.worker_id not in self._listening)
        return self._placement.choose(room_id, avoid | deaf)

    def full(self) -> bool:
        """Workers are there, and none has the budget for one more room."""
        return self._placement.full()

    def suspect(self, home: Home) -> bool:
        return self._placement.suspect(home)

    async def command(self, home: Home, command: worker_api.AnyCommand) -> worker_api.AnyAnswer:
        """Raises :class:`BusError`."""
        payload = await self._bus.request(
            worker_api.service(home.worker_id), worker_api.encode(command), timeout_s=ANSWER_LIMIT_S
        )
        try:
            return worker_api.answer_decoder.decode(payload)
        except msgspec.DecodeError as error:
            raise HandlerFailed(f"the worker's answer cannot be read: {error}") from None

    def ice_servers(self, person_id: str) -> list[IceServer]:
        return self._turn.ice_servers(person_id, time.time()) if self._turn is not None else []

    def closed(self, room: Room) -> None:
        if self._rooms.get(room.room_id) is room:
            del self._rooms[room.room_id]
            self._closed[room.room_id] = None
            while len(self._closed) > CLOSED_LIMIT:
                del self._closed[next(iter(self._closed))]

    # --- the workers -------------------------------------------------------------------

    async def _beat(self) -> None:
        """What control hears of itself tells it whether the bus works."""
        while True:
            with contextlib.suppress(BusError):
                await self._bus.publish(self._beat_topic, b"")
            await asyncio.sleep(BEAT_S)

    async def _watch(self) -> None:
        while True:
            try:
                async with self._bus.subscribe(worker_api.HEARTBEAT_TOPIC, self._beat_topic) as inbox:
                    async for topic, payload in inbox:
                        self._heard(topic, payload)
                return  # the bus is closed
            except BusClosed as error:
                log.warning("the workers cannot be heard", reason=str(error))
                await asyncio.sleep(RETRY_S)

    def _heard(self, topic: str, payload: bytes) -> None:
        if topic == self._beat_topic:
            self._take_changes(self._placement.beat(self._clock()))
            for home in self._placement.suspects():
                for room in self._rooms.values():
                    room.doubt(home)
            return
        try:
            heartbeat = worker_api.heartbeat_decoder.decode(payload)
        except msgspec.DecodeError as error:
            log.error("not a heartbeat", reason=str(error))
            return
        self._take_changes(self._placement.heartbeat(heartbeat))
        self.heartbeats[heartbeat.worker_id] = heartbeat
        self._compare_rooms(heartbeat)

    def _take_changes(self, changes: list[Change]) -> None:
        for change in changes:
            worker_id = change.home.worker_id
            if isinstance(change, WorkerUp):
                log.info("media worker heard", worker=worker_id, epoch=change.home.epoch)
                if worker_id not in self._relays:
                    task = asyncio.get_running_loop().create_task(self._relay(worker_id))
                    self._relays[worker_id] = task
            else:
                log.warning("media worker lost", worker=worker_id, epoch=change.home.epoch)
                relay = self._relays.pop(worker_id, None)
                if relay is not None:
                    relay.cancel()
                self._listening.discard(worker_id)
                self.heartbeats.pop(worker_id, None)
                for room in tuple(self._rooms.values()):
                    room.lose(change.home)
        if changes:
            self._wake_all()

    def _wake_all(self) -> None:
        for room in self._rooms.values():
            room.wake()

    def _compare_rooms(self, heartbeat: worker_api.Heartbeat) -> None:
        """A worker that lacks a room of its own lost it; one that has a room of another is told to close it."""
        home = Home(heartbeat.worker_id, heartbeat.epoch)
        named = set(heartbeat.rooms)
        for room in tuple(self._rooms.values()):
            room.listed(home, present=room.room_id in named)
        for room_id in named:
            elsewhere = room_id in self._rooms and self._rooms[room_id].core.home not in (None, home)
            if elsewhere or room_id in self._closed:
                self._close_stray(home, room_id)

    def _close_stray(self, home: Home, room_id: str) -> None:
        key = (home.worker_id, room_id)
        if key not in self._strays:
            task = asyncio.get_running_loop().create_task(self._tell_stray(home, room_id))
            self._strays[key] = task
            task.add_done_callback(lambda _: self._strays.pop(key, None))

    async def _tell_stray(self, home: Home, room_id: str) -> None:
        log.warning("a worker holds a room that is not there any more", worker=home.worker_id, room=room_id)
        with contextlib.suppress(BusError):
            await self.command(home, worker_api.CloseRoom(room_id=room_id))

    async def _relay(self, worker_id: str) -> None:
        """Hand a worker's events to the rooms, from the first heartbeat to its loss."""
        last_seq = 0
        while True:
            try:
                async with self._bus.subscribe(worker_api.service(worker_id)) as inbox:
                    self._listening.add(worker_id)
                    self._wake_all()
                    async for _, payload in inbox:
                        last_seq = self._event(worker_id, payload, last_seq)
                return
            except BusClosed as error:
                log.warning("a worker cannot be heard", worker=worker_id, reason=str(error))
                await asyncio.sleep(RETRY_S)

    def _event(self, worker_id: str, payload: bytes, last_seq: int) -> int:
        """Hand one event on; return its number."""
        try:
            event = worker_api.event_decoder.decode(payload)
        except msgspec.DecodeError as error:
            log.error("not an event of a worker", worker=worker_id, reason=str(error))
            return last_seq
        if event.seq and event.seq == last_seq:
            return last_seq  # told twice: its first telling was thought lost
        if last_seq and event.seq != last_seq + 1:
            # Who receives what is not known any more; rooms that begin anew know it again.
            log.error("events of a worker are lost", worker=worker_id, last=last_seq, present=event.seq)
            for affected in tuple(self._rooms.values()):
                home = affected.core.home
                if home is not None and home.worker_id == worker_id:
                    affected.lose(home)
        room = self._rooms.get(event.room_id)
        if room is not None and room.core.home is not None and room.core.home.worker_id == worker_id:
            try:
                room.take(event)
            except Exception:
                log.exception("a worker's event could not be taken", room=event.room_id)
        return event.seq
