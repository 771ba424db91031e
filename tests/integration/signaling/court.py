"""The smallest application: everybody in the room sends to and receives from everybody else."""

from __future__ import annotations

import asyncio
import contextlib
import socket as sockets
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from signaling.application import Connection, Device, MediaRoom, PlaceState, Refusal, Seat
from signaling.messages import FRAME_LIMIT_BYTES, CheckIn, Command, Hint, Hinted, Join, Quality, ViewChanged
from signaling.rooms import Rooms
from signaling.socket import serve
from signaling.worker_api import CaptureState, PeerQuality, Plan, Source

SITTING = "sitting-1"


class SmallCourt:
    """``seats`` are taken from the query: ``/signal?person=judge&device=1``."""

    def __init__(self, rooms: Rooms) -> None:
        self.rooms = rooms
        self.room: MediaRoom | None = None
        self.connections: dict[str, Connection] = {}
        self.present: list[str] = []
        self.log: list[tuple[str, ...]] = []
        self.devices: dict[str, tuple[Device, Device]] = {}
        self.media: list[tuple[str, str | None]] = []
        self.captures: list[CaptureState] = []
        self.version = 0
        #: A command waits for this before it is answered.
        self.unlocked = asyncio.Event()
        self.unlocked.set()

    # --- Application ------------------------------------------------------------------

    async def enter(self, connection: Connection, join: Join) -> tuple[dict[str, Any], MediaRoom]:
        person_id = connection.seat.person_id
        if person_id == "stranger":
            raise Refusal("removed", "You were removed.")
        self.log.append(("enter", person_id))
        earlier = self.connections.get(person_id)
        if earlier is not None:
            same_device = earlier.seat.seat_id == connection.seat.seat_id
            earlier.end("displaced", "Your seat is used elsewhere.", keep_media=same_device)
        self.connections[person_id] = connection
        if self.room is None:
            self.room = await self.rooms.open(SITTING, self.plan(), self)
        if person_id not in self.present:
            self.present.append(person_id)
            await self.room.obey(self.plan())
        self.tell()
        return self.view(connection), self.room

    async def check_in(self, connection: Connection, request: CheckIn) -> None:
        if not request.declaration:
            raise Refusal("declaration-missing", "Make the declaration first.")
        self.log.append(("checkIn", connection.seat.person_id))

    async def command(self, connection: Connection, request: Command) -> dict[str, Any]:
        if request.name == "fail":
            raise LookupError("this test asked for it")
        await self.unlocked.wait()
        self.log.append(("command", connection.seat.person_id, request.name))
        return {"done": request.name, "locale": connection.seat.locale}

    async def hint(self, connection: Connection, request: Hint) -> None:
        for other in self.connections.values():
            other.notify(Hinted(name=request.name, data={"by": connection.seat.person_id, **request.arguments}))

    async def may_produce(self, connection: Connection, source: Source) -> dict[str, str]:
        if connection.seat.person_id == "observer":
            raise Refusal("may-not-publish", "You are an observer.")
        return {"name": connection.seat.person_id.title(), "role": "party"}

    async def leave(self, connection: Connection) -> None:
        self.log.append(("leave", connection.seat.person_id))
        self.connections.pop(connection.seat.person_id, None)

    async def gone(self, connection: Connection) -> None:
        person_id = connection.seat.person_id
        if self.connections.get(person_id) is connection:
            del self.connections[person_id]
            self.log.append(("gone", person_id))

    # --- RoomListener ------------------------------------------------------------------

    def devices_changed(self, person_id: str, microphone: Device, camera: Device) -> None:
        self.devices[person_id] = (microphone, camera)
        self.tell()

    def capture_changed(self, state: CaptureState) -> None:
        self.captures.append(state)

    def media_changed(self, state: PlaceState, writer: str | None) -> None:
        self.media.append((state, writer))

    def transport_changed(self, person_id: str, direction: str, state: str) -> None:
        self.log.append(("transport", person_id, direction, state))

    def quality_changed(self, people: dict[str, PeerQuality]) -> None:
        for person_id, connection in self.connections.items():
            connection.notify(Quality(people={person_id: people[person_id]} if person_id in people else {}))

    # --- the law of the small court -------------------------------------------------------

    def plan(self, record: str | None = "r") -> Plan:
        self.version += 1
        senders = [person for person in self.present if person != "observer"]
        return Plan(
            version=self.version,
            publish={person: ["microphone", "camera"] for person in senders},
            receive={person: [other for other in senders if other != person] for person in self.present},
            record=record,
        )

    def view(self, connection: Connection) -> dict[str, Any]:
        return {"me": connection.seat.person_id, "devices": {k: list(v) for k, v in self.devices.items()}}

    def tell(self) -> None:
        for connection in self.connections.values():
            connection.notify(ViewChanged(view=self.view(connection)))


@contextlib.asynccontextmanager
async def served(court: SmallCourt) -> AsyncIterator[str]:
    """Serve the court on a real server; yields the socket's URL."""

    async def signal(websocket: WebSocket) -> None:
        await websocket.accept()
        query = websocket.query_params
        seat = Seat(SITTING, query["person"], query.get("device", "1"), query.get("locale", "en"))
        await serve(websocket, seat, court)

    app = Starlette(routes=[WebSocketRoute("/signal", signal)])
    listener = sockets.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    config = uvicorn.Config(
        app, ws="websockets-sansio", ws_max_size=FRAME_LIMIT_BYTES, lifespan="off", log_config=None, loop="none"
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server.serve(sockets=[listener]))
    async with asyncio.timeout(20):
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
    try:
        yield f"ws://127.0.0.1:{port}/signal"
    finally:
        server.should_exit = True
        await task
