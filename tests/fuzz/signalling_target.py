"""One frame of a client through the socket's handler to a worker: it is answered, and nothing fails on our side.

The worker is real but has no port, so that each frame is done when the call returns.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from typing import Any

from starlette.websockets import WebSocket

from signaling import messages, worker_api
from signaling.application import Connection, MediaRoom, Refusal, Seat
from signaling.media_ledger import MediaLedger, Refused
from signaling.ortc import Struct
from signaling.refusals import refusal
from signaling.sfu.settings import WorkerSettings
from signaling.sfu.worker import Worker
from signaling.socket import Client
from tests.integration.sfu.peer import MemorySink, audio_parameters

ROOM = "sitting"
PERSON = "judge"
OTHER = "clerk"
JOIN = '{"type": "join", "id": 0}'


class Room:
    """A media room on the worker in this process."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self._ledger = MediaLedger(ROOM)
        self._worker = Worker(WorkerSettings(listen=("127.0.0.1",)), MemorySink(), on_event=self._take)

    async def open(self) -> None:
        plan = worker_api.Plan(
            version=1,
            publish={PERSON: ["microphone", "camera", "screen"], OTHER: ["microphone"]},
            receive={PERSON: [OTHER]},
            record=ROOM,
        )
        await self._worker.handle(worker_api.OpenRoom(room_id=ROOM, plan=plan))
        made = await self._worker.handle(worker_api.CreateTransport(room_id=ROOM, peer_id=OTHER, direction="send"))
        assert isinstance(made, worker_api.TransportCreated)
        parameters = audio_parameters()
        await self._worker.handle(
            worker_api.Produce(transport_id=made.id, kind="audio", source="microphone", rtp_parameters=parameters)
        )

    async def attach(self, connection: Connection) -> None: ...

    async def detach(self, connection: Connection, *, keep: bool) -> None: ...

    def media(self) -> None:
        return None

    def held(self, connection: Connection) -> None:
        return None

    async def ask(
        self, connection: Connection, request: messages.MediaRequest, attributes: dict[str, str]
    ) -> Struct | None:
        try:
            command = self._ledger.begin(PERSON, request, attributes)
            over_the_bus = worker_api.command_decoder.decode(worker_api.encode(command))
            answer = await self._worker.handle(over_the_bus)
            if isinstance(answer, worker_api.Refused) and "Error: " in answer.detail:
                self.failures.append(answer.detail)
            again = worker_api.answer_decoder.decode(worker_api.encode(answer))
            return self._ledger.end(PERSON, request, again)
        except Refused as refused:
            raise refusal(refused.code, connection.seat.locale) from None

    def release(self, connection: Connection) -> None:
        self._ledger.release(PERSON)

    def name(self, text: str) -> str:
        """With what the worker has in place of the corpus's names."""
        own = self._ledger.of(PERSON)
        ids = {
            "SEND-TRANSPORT": [id_ for id_, transport in own.transports.items() if transport.direction == "send"],
            "A-PRODUCER": list(own.producers),
            "A-CONSUMER": list(own.consumers),
        }
        for placeholder, found in ids.items():
            if found:
                text = text.replace(placeholder, found[-1])
        return text

    def _take(self, event: worker_api.AnyEvent) -> None:
        event = worker_api.event_decoder.decode(worker_api.encode(event))
        if isinstance(event, worker_api.ConsumerNew):
            self._ledger.consumer_new(event)


class Law:
    """An application that lets everything through."""

    def __init__(self, room: Room) -> None:
        self._room = room

    async def enter(self, connection: Connection, join: messages.Join) -> tuple[dict[str, Any], MediaRoom]:
        return {}, self._room  # type: ignore[return-value]

    async def check_in(self, connection: Connection, request: messages.CheckIn) -> None: ...

    async def command(self, connection: Connection, request: messages.Command) -> dict[str, Any]:
        if request.expected_version is not None and request.expected_version < 0:
            raise Refusal("conflict", "no")
        return {"done": request.name}

    async def hint(self, connection: Connection, request: messages.Hint) -> None: ...

    async def may_produce(self, connection: Connection, source: worker_api.Source) -> dict[str, str]:
        return {"name": "N.", "role": "judge"}

    async def leave(self, connection: Connection) -> None: ...

    async def gone(self, connection: Connection) -> None: ...


class Session:
    """Client after client on one loop; a client that is cut off is followed by another."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._seconds = itertools.count()
        self._room = Room()
        self._loop.run_until_complete(self._room.open())
        self._client: Client | None = None

    def close(self) -> None:
        async def settle() -> None:
            for task in asyncio.all_tasks() - {asyncio.current_task()}:  # transports that say goodbye
                with contextlib.suppress(asyncio.CancelledError):
                    await task

        self._loop.run_until_complete(settle())
        self._loop.close()

    def frame(self, data: bytes) -> None:
        """Asserts that the frame has an answer, and that nothing failed."""
        self._loop.run_until_complete(self._frame(data))

    async def _frame(self, data: bytes) -> None:
        client = self._client
        if client is None or client._over.is_set():
            client = self._client = await self._joined()
        for frame in (self._room.name(data.decode("utf-8", "surrogateescape")), data):
            if client._over.is_set():
                return
            client._take(frame)
            await self._do(client)
            answers = self._answers(client)
            # What is no request at all may cut the client off.
            assert answers or client._over.is_set()
            assert not [answer for answer in answers if answer.get("code") == "internal"], answers
            assert not self._room.failures, self._room.failures

    async def _joined(self) -> Client:
        async def nothing(*_: Any) -> Any: ...

        scope = {"type": "websocket", "path": "/signal", "headers": [], "query_string": b""}
        law: Any = Law(self._room)
        client = Client(WebSocket(scope, nothing, nothing), Seat(ROOM, PERSON, "1", "en"), law, self._clock)
        client._take(JOIN)
        await self._do(client)
        assert [answer["type"] for answer in self._answers(client)] == ["reply"]
        return client

    def _clock(self) -> float:
        return float(next(self._seconds))

    async def _do(self, client: Client) -> None:
        for lane in client._lanes.values():
            while not lane._requests.empty():
                request = lane._requests.get_nowait()
                assert request is not None
                await client._handle(request)

    @staticmethod
    def _answers(client: Client) -> list[dict[str, Any]]:
        said = []
        while client._outbox:
            said.append(json.loads(client._outbox.take()))
        return said


_session: Session | None = None


def fuzz_signalling(data: bytes) -> None:
    global _session
    if _session is None:
        _session = Session()
    _session.frame(data)


def end_session() -> None:
    """Before the interpreter, or the test, ends."""
    global _session
    if _session is not None:
        _session.close()
        _session = None
