"""The socket of one client: frames to the application and the media room, and their answers and notices back.

What a frame is worth is decided by :class:`~signaling.gate.Gate`, what waits to be
sent is kept by :class:`~signaling.outbox.Outbox`; this module moves it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable
from typing import Any, get_args

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from . import messages
from .application import Application, MediaRoom, Refusal, Seat
from .gate import CLOSE_SILENT, Cut, Gate, Refuse
from .outbox import LIMIT_MESSAGES, Outbox
from .refusals import LEFT, in_language, refusal

log = structlog.get_logger(__name__)

#: RFC 6455 §7.4.1: normal closure; 1013 (IANA registry): try again later.
CLOSE_NORMAL = 1000
CLOSE_SLOW = 1013
#: How long the last messages may take to reach a client before the socket is dropped, s.
FAREWELL_LIMIT_S = 2.0
#: How long the request that is being done when a client goes may take, s.
LAST_REQUEST_LIMIT_S = 30.0

_MEDIA_REQUESTS = get_args(messages.MediaRequest)


async def serve(
    websocket: WebSocket, seat: Seat, application: Application, *, clock: Callable[[], float] = time.monotonic
) -> None:
    """Serve an accepted socket until it is over; never raises.

    The application's ``gone`` is called unless it ended the connection itself or the person left.
    """
    structlog.contextvars.bind_contextvars(sitting=seat.sitting_id, person=seat.person_id)
    client = Client(websocket, seat, application, clock)
    try:
        await client.run()
    except Exception:
        log.exception("a client's socket failed")


class Client:
    """One socket; to the application it is a :class:`signaling.application.Connection`."""

    def __init__(self, websocket: WebSocket, seat: Seat, application: Application, clock: Callable[[], float]) -> None:
        self.seat = seat
        self._websocket = websocket
        self._application = application
        self._clock = clock
        self._gate = Gate(clock())
        self._outbox = Outbox()
        self._filled = asyncio.Event()
        #: Notices that came before the reply to ``join``, which must be the first that the client hears.
        self._early: list[messages.AnyNotice] | None = []
        self._room: MediaRoom | None = None
        self._entered = False
        self._ended = False
        self._keep_media = False
        self._over = asyncio.Event()
        self._close_code = CLOSE_NORMAL
        # Each lane does one request after the other; a slow command does not hold up sound and picture.
        self._lanes = {name: _Lane(self._handle) for name in ("court", "media")}

    # --- Connection -------------------------------------------------------------------

    def notify(self, notice: messages.AnyNotice) -> None:
        if self._ended or self._over.is_set():
            return
        if self._early is not None:
            self._early.append(notice)
            if len(self._early) > LIMIT_MESSAGES:
                self._cut(CLOSE_SLOW, "the client joins too slowly")
            return
        self._put(notice)

    def end(self, reason: str, message: str, *, keep_media: bool = False) -> None:
        """Send ``ended`` and close."""
        if self._ended:
            return
        self._release_early()
        self._ended = True
        self._keep_media = keep_media
        self._put(messages.Ended(reason=reason, message=message))  # type: ignore[arg-type]
        self._finish(CLOSE_NORMAL)

    # --- life ---------------------------------------------------------------------------

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        reader = loop.create_task(self._read())
        writer = loop.create_task(self._write())
        silence = loop.create_task(self._watch_silence())
        lanes = [loop.create_task(lane.run()) for lane in self._lanes.values()]
        try:
            await self._over.wait()
        finally:
            for task in (reader, silence):
                task.cancel()
            for lane in self._lanes.values():
                lane.close()
            await self._leave_room()
            await asyncio.wait([writer], timeout=FAREWELL_LIMIT_S)
            writer.cancel()
            await asyncio.wait([reader, silence, writer])
            await self._close()
            # A command that was begun is finished: half a command would be worse than none.
            _, hanging = await asyncio.wait(lanes, timeout=LAST_REQUEST_LIMIT_S)
            for lane_task in hanging:
                log.error("a client's last request hangs and is cancelled")
                lane_task.cancel()

    async def _read(self) -> None:
        try:
            while True:
                event = await self._websocket.receive()
                if event["type"] == "websocket.disconnect":
                    break
                frame = event.get("text")
                self._take(frame if frame is not None else event.get("bytes") or b"")
        except (WebSocketDisconnect, RuntimeError, OSError):
            pass  # the connection broke
        self._finish(CLOSE_NORMAL)

    def _take(self, frame: str | bytes) -> None:
        if self._over.is_set():
            return
        verdict = self._gate.take(frame, self._clock())
        match verdict:
            case Cut(close_code, reason):
                self._cut(close_code, reason)
            case Refuse(request_id, code):
                self._refuse(request_id, refusal(code, self.seat.locale))
            case messages.Ping():
                self._reply(verdict, messages.Pong(server_time=time.time()))
            case _:
                lane = "media" if isinstance(verdict, _MEDIA_REQUESTS) else "court"
                self._lanes[lane].put(verdict)

    async def _write(self) -> None:
        try:
            while True:
                while self._outbox:
                    await self._websocket.send_text(self._outbox.take())
                if self._over.is_set():
                    return
                self._filled.clear()
                await self._filled.wait()
        except (WebSocketDisconnect, RuntimeError, OSError):
            self._finish(CLOSE_NORMAL)

    async def _watch_silence(self) -> None:
        while True:
            left_s = self._gate.silence_left_s(self._clock())
            if left_s == 0:
                self._cut(CLOSE_SILENT, "the client is silent")
                return
            await asyncio.sleep(left_s)

    async def _leave_room(self) -> None:
        """Tell the room and the application that this connection is gone."""
        broken = not self._ended
        if self._room is not None:
            await self._call(self._room.detach(self, keep=broken or self._keep_media))
        if broken and self._entered:
            await self._call(self._application.gone(self))

    async def _call(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception:
            log.exception("leaving a room failed")

    async def _close(self) -> None:
        if self._websocket.application_state is not WebSocketState.CONNECTED:
            return
        try:
            async with asyncio.timeout(FAREWELL_LIMIT_S):
                await self._websocket.close(self._close_code)
        except (TimeoutError, WebSocketDisconnect, RuntimeError, OSError):
            pass  # the connection broke, or the client does not read: the server drops it

    # --- requests -----------------------------------------------------------------------

    async def _handle(self, request: messages.AnyRequest) -> None:
        ok = False
        try:
            data = await self._do(request)
            ok = True
        except Refusal as refused:
            self._refuse(request.id, refused)
        except Exception:
            log.exception("a request failed", type=type(request).__name__)
            self._refuse(request.id, refusal("internal", self.seat.locale))
        self._gate.answered(request, ok=ok)
        if ok:
            self._put(messages.Reply(id=request.id, data={} if data is None else data))
        if isinstance(request, messages.Join) and ok:
            self._release_early()
        elif isinstance(request, messages.CreateTransport) and self._room is not None:
            self._room.release(self)
        elif isinstance(request, messages.Leave) and ok:
            self.end("left", in_language(LEFT, self.seat.locale))

    async def _do(self, request: messages.AnyRequest) -> Any:
        match request:
            case messages.Join():
                return await self._join(request)
            case messages.CheckIn():
                await self._application.check_in(self, request)
            case messages.Command():
                return await self._application.command(self, request)
            case messages.Hint():
                await self._application.hint(self, request)
            case messages.Leave():
                await self._application.leave(self)
            case messages.Produce():
                attributes = await self._application.may_produce(self, request.source)
                return await self._require_room().ask(self, request, attributes)
            case _:
                assert isinstance(request, _MEDIA_REQUESTS)
                return await self._require_room().ask(self, request, {})
        return None

    async def _join(self, request: messages.Join) -> messages.Joined:
        if request.locale is not None:
            self.seat = dataclasses.replace(self.seat, locale=request.locale)
        view, room = await self._application.enter(self, request)
        self._entered = True
        self._room = room
        await room.attach(self)
        if self._over.is_set():  # the client went while it was let in
            await self._leave_room()
        return messages.Joined(
            protocol=messages.PROTOCOL_VERSION,
            server_time=time.time(),
            view=view,
            media=room.media(),
            held=room.held(self),
        )

    def _require_room(self) -> MediaRoom:
        if self._room is None:
            raise refusal("join-first", self.seat.locale)
        return self._room

    # --- answers and notices ---------------------------------------------------------------

    def _reply(self, request: messages.AnyRequest, data: Any) -> None:
        self._gate.answered(request, ok=True)
        self._put(messages.Reply(id=request.id, data=data))

    def _refuse(self, request_id: int, refused: Refusal) -> None:
        self._put(messages.ErrorReply(id=request_id, code=refused.code, message=refused.message))

    def _release_early(self) -> None:
        early, self._early = self._early or [], None
        for notice in early:
            self._put(notice)

    def _put(self, message: messages.AnyNotice | messages.Reply | messages.ErrorReply) -> None:
        if self._over.is_set():
            return
        if not self._outbox.put(message):
            self._cut(CLOSE_SLOW, "the client does not read")
        self._filled.set()

    def _cut(self, close_code: int, reason: str) -> None:
        log.warning("a client is cut off", reason=reason, close_code=close_code)
        self._finish(close_code)

    def _finish(self, close_code: int) -> None:
        if not self._over.is_set():
            self._close_code = close_code
            self._over.set()
            self._filled.set()


class _Lane:
    """Requests done one after the other."""

    def __init__(self, handle: Callable[[messages.AnyRequest], Awaitable[None]]) -> None:
        self._handle = handle
        # Bounded by the gate, which lets PENDING_LIMIT requests wait for an answer.
        self._requests: asyncio.Queue[messages.AnyRequest | None] = asyncio.Queue()

    def put(self, request: messages.AnyRequest) -> None:
        self._requests.put_nowait(request)

    async def run(self) -> None:
        while (request := await self._requests.get()) is not None:
            await self._handle(request)

    def close(self) -> None:
        """End after the request that is being done; those behind it are not begun."""
        while not self._requests.empty():
            self._requests.get_nowait()
        self._requests.put_nowait(None)
