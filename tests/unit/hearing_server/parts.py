"""Parts around the runtime: a media room and a recorder that remember what they were told, sockets, and a clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hearing_server.booking import DemoBooking, book_demo
from hearing_server.hearings import Hearings, RecorderUnavailable
from hearing_server.links import Links
from hearing_server.store import Store
from recording import messages as m
from signaling.application import Connection, MediaRequest, MediaRoom, Refusal, RoomListener, Seat
from signaling.messages import AnyNotice, CheckIn, Command, Ended, Join, MediaReady, ViewChanged
from signaling.worker_api import CaptureState, Plan

SECRET = b"s" * 32
NS = 1_000_000_000


class ManualClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_790_000_000 * NS

    def utc(self) -> int:
        return self.now

    def mono(self) -> int:
        return self.now - 1_000_000_000 * NS

    def wait(self, seconds: float) -> None:
        self.now += int(seconds * NS)


class Room:
    """A media room that obeys at once."""

    def __init__(self, room_id: str, plan: Plan, listener: RoomListener) -> None:
        self.room_id = room_id
        self.plans = [plan]
        self.listener = listener
        self.closed = False
        self.written = 0

    @property
    def plan(self) -> Plan:
        return self.plans[-1]

    async def obey(self, plan: Plan) -> None:
        self.plans.append(plan)

    async def close(self) -> None:
        self.closed = True

    async def attach(self, connection: Connection) -> None: ...

    def media(self, connection: Connection) -> MediaReady | None:
        return None

    async def ask(self, connection: Connection, request: MediaRequest, attributes: dict[str, str]) -> None: ...

    def release(self, connection: Connection) -> None: ...

    async def detach(self, connection: Connection, *, keep: bool) -> None: ...

    def capture(self, *, tracks: int = 2, fault: str | None = None) -> None:
        """The worker tells that one more second is on disk, or that it is not."""
        self.written += fault is None
        self.listener.capture_changed(
            CaptureState(
                room_id=self.room_id,
                recording_id=self.room_id,
                tracks=tracks,
                durable_wall_ns=self.written * NS,
                bytes=self.written,
                fault=fault,
            )
        )


class Rooms:
    def __init__(self) -> None:
        self.rooms: dict[str, Room] = {}

    async def open(self, room_id: str, plan: Plan, listener: RoomListener) -> MediaRoom:
        room = Room(room_id, plan, listener)
        self.rooms[room_id] = room
        listener.media_changed("ready", "w1.first")
        return room


class FakeRecorder:
    """Answers what it is set to; unavailable until then."""

    def __init__(self) -> None:
        self.answer: Callable[[m.AnyRequest], m.AnyAnswer] | None = None
        self.asked: list[m.AnyRequest] = []
        self.events: asyncio.Queue[m.AnyEvent] = asyncio.Queue()

    async def ask(self, request: m.AnyRequest) -> m.AnyAnswer:
        self.asked.append(request)
        if self.answer is None:
            raise RecorderUnavailable("nobody is there")
        return self.answer(request)

    async def listen(self, handler: Callable[[m.AnyEvent], Awaitable[None]]) -> None:
        while True:
            await handler(await self.events.get())


class Socket:
    """One person on one device."""

    def __init__(self, booking: DemoBooking, people: dict[str, str], role: str, seat_id: str = "", locale: str = "en"):
        self.seat = Seat(booking.hearing_id, people[role], seat_id or f"seat-{role}", locale)
        self.notices: list[AnyNotice] = []
        self.ended: Ended | None = None

    def notify(self, notice: AnyNotice) -> None:
        self.notices.append(notice)

    def end(self, reason: Any, message: str, *, keep_media: bool = False) -> None:
        self.ended = Ended(reason=reason, message=message)

    @property
    def view(self) -> dict[str, Any]:
        """The newest view that was pushed."""
        return next(notice.view for notice in reversed(self.notices) if isinstance(notice, ViewChanged))


class Court:
    """The runtime over a real database in a temporary folder."""

    def __init__(self, store: Store, booking: DemoBooking, people: dict[str, str], clock: ManualClock) -> None:
        self.store = store
        self.booking = booking
        self.people = people
        self.clock = clock
        self.rooms = Rooms()
        self.recorder = FakeRecorder()
        self.hearings = Hearings(store, self.rooms, self.recorder, clock=clock, countdown_s=10.0)

    @property
    def sitting_id(self) -> str:
        return self.booking.hearing_id

    @property
    def room(self) -> Room:
        return self.rooms.rooms[self.sitting_id]

    def socket(self, role: str, **fields: str) -> Socket:
        return Socket(self.booking, self.people, role, **fields)

    async def join(self, role: str, **fields: str) -> tuple[Socket, dict[str, Any]]:
        socket = self.socket(role, **fields)
        view, _ = await self.hearings.enter(socket, Join(id=1))
        return socket, view

    async def arrive(self, role: str, **fields: str) -> Socket:
        socket, _ = await self.join(role, **fields)
        await self.hearings.check_in(socket, CheckIn(id=2, declaration=True))
        return socket

    async def command(self, socket: Socket, name: str, **fields: Any) -> dict[str, Any]:
        fields.setdefault("request_id", f"r{len(socket.notices)}-{name}-{self.clock.now}")
        return await self.hearings.command(socket, Command(id=3, name=name, **fields))

    async def start(self, *roles: str) -> dict[str, Socket]:
        """The judge and these people arrive, and the court opens."""
        sockets = {role: await self.arrive(role) for role in ("judge", *roles)}
        await self.command(sockets["judge"], "open")
        self.room.capture()
        await self.settled()
        self.clock.wait(10)
        self.room.capture()
        await self.settled()
        return sockets

    async def settled(self) -> None:
        """Everything that is due is done, and the views are out."""
        actor = self.hearings.live(self.sitting_id)
        assert actor is not None
        done = asyncio.Event()

        async def mark() -> None:
            done.set()

        actor._inbox.post(actor._settle)
        actor._inbox.post(mark)
        await done.wait()
        await asyncio.sleep(0.04)
        if actor._views_due is not None:  # the machine is busy, and its timer late
            actor._flush_views()

    @property
    def state(self) -> str:
        actor = self.hearings.live(self.sitting_id)
        assert actor is not None
        return actor.sitting.state.value


class _EmptyDatabase:
    """With all its tables; making them takes longer than most tests."""

    content = b""

    async def at(self, file: Path) -> None:
        if not self.content:
            await (await Store.open(f"sqlite+aiosqlite:///{file}")).aclose()
            self.content = await asyncio.to_thread(file.read_bytes)
        await asyncio.to_thread(file.write_bytes, self.content)


_empty_database = _EmptyDatabase()


@asynccontextmanager
async def new_court(folder: Path) -> AsyncIterator[Court]:
    file = folder / "hearings.sqlite3"
    await _empty_database.at(file)
    store = await Store.open(f"sqlite+aiosqlite:///{file}")
    clock = ManualClock()
    booking = await book_demo(store, Links(store, SECRET, clock.utc), clock.utc)
    facts = await store.docket.by_hearing(booking.hearing_id)
    assert facts is not None
    court = Court(store, booking, {person.role: person.id for person in facts.people}, clock)
    try:
        await court.hearings.start()
        yield court
    finally:
        await court.hearings.aclose()
        await store.aclose()


async def refused(awaitable: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await awaitable
    return caught.value


async def until(condition: Any, limit_s: float = 5.0) -> None:
    for _ in range(int(limit_s / 0.02)):
        if await condition():
            return
        await asyncio.sleep(0.02)
    pytest.fail("it never became so")
