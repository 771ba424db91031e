"""Frames between the hub and a child process on a Unix socket: 4 bytes of length (big endian), then MessagePack."""

from __future__ import annotations

import asyncio
import struct
from collections import Counter, deque
from typing import Literal

import msgspec

from . import (
    MESSAGE_LIMIT_BYTES,
    SUBSCRIPTION_LIMIT_BYTES,
    SUBSCRIPTION_LIMIT_MESSAGES,
    BusError,
    HandlerFailed,
    NoResponder,
    RequestTimeout,
)
from .parts import Outcome

_LENGTH = struct.Struct("!I")
#: A frame is a message with a topic and numbers around it.
FRAME_LIMIT_BYTES = MESSAGE_LIMIT_BYTES + 4096
#: A sender that gets this far ahead of the other side waits, bytes.
HIGH_WATER_BYTES = 1024 * 1024
#: Bytes the other side may leave unread before the connection is cut.
OUTBOX_LIMIT_BYTES = SUBSCRIPTION_LIMIT_BYTES + 64 * 1024 * 1024

Fault = Literal["no-responder", "timeout", "handler", "refused"]


class Frame(msgspec.Struct, tag_field="f", array_like=True):
    """Base of all frames."""


class Publish(Frame, tag=1):
    topic: str
    payload: bytes


class Subscribe(Frame, tag=2):
    """Answered by :class:`Settled` once it holds."""

    number: int
    topics: list[str]


class Unsubscribe(Frame, tag=3):
    topics: list[str]


class Serve(Frame, tag=4):
    """Answered by :class:`Settled` once it holds."""

    number: int
    service: str


class Withdraw(Frame, tag=5):
    service: str


class Request(Frame, tag=6):
    number: int
    service: str
    payload: bytes
    timeout_s: float


class Settled(Frame, tag=7):
    """What came of a frame with this number: an answer, or a fault with its words."""

    number: int
    payload: bytes
    fault: Fault | None = None
    words: str = ""


class Message(Frame, tag=8):
    """Hub to child."""

    topic: str
    payload: bytes


class Call(Frame, tag=9):
    """Hub to child: a request to a name that it serves; answered by :class:`Settled`."""

    number: int
    service: str
    payload: bytes


class Displaced(Frame, tag=10):
    """Hub to child: another took this name over."""

    service: str


class Dropped(Frame, tag=11):
    """Hub to child: so many messages of this topic were just lost to the bound."""

    topic: str
    messages: int


AnyFrame = (
    Publish | Subscribe | Unsubscribe | Serve | Withdraw | Request | Settled | Message | Call | Displaced | Dropped
)

_encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[AnyFrame] = msgspec.msgpack.Decoder(AnyFrame)


def pack(frame: AnyFrame) -> bytes:
    body = _encode(frame)
    return _LENGTH.pack(len(body)) + body


class FrameReader:
    """Bytes in, frames out.  Raises :class:`BusError` for what is no frame; the connection is then useless."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[AnyFrame]:
        self._buffer += data
        frames: list[AnyFrame] = []
        start = 0
        while len(self._buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer, start)
            if length > FRAME_LIMIT_BYTES:
                raise BusError(f"a frame of {length} bytes is above the limit of {FRAME_LIMIT_BYTES}")
            end = start + _LENGTH.size + length
            if len(self._buffer) < end:
                break
            try:
                frames.append(_decoder.decode(bytes(self._buffer[start + _LENGTH.size : end])))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise BusError(f"not a frame: {error}") from None
            start = end
        del self._buffer[:start]
        return frames


def settled(number: int, outcome: Outcome) -> Settled:
    if isinstance(outcome, bytes):
        return Settled(number, outcome)
    fault: Fault = "refused"
    if isinstance(outcome, NoResponder):
        fault = "no-responder"
    elif isinstance(outcome, RequestTimeout):
        fault = "timeout"
    elif isinstance(outcome, HandlerFailed):
        fault = "handler"
    return Settled(number, b"", fault, str(outcome))


_ERRORS: dict[Fault, type[BusError]] = {
    "no-responder": NoResponder,
    "timeout": RequestTimeout,
    "handler": HandlerFailed,
    "refused": BusError,
}


def outcome(frame: Settled) -> Outcome:
    return frame.payload if frame.fault is None else _ERRORS[frame.fault](frame.words)


class Outbox:
    """Frames on their way to the other side, in order; messages give way at the bounds, the oldest first."""

    def __init__(self, limit_messages: int = SUBSCRIPTION_LIMIT_MESSAGES) -> None:
        self._limit_messages = limit_messages
        self._frames: deque[tuple[str | None, bytes]] = deque()
        self._messages = 0
        self._dropped: Counter[str] = Counter()
        self.bytes = 0

    def put(self, frame: AnyFrame) -> None:
        self._append(None, pack(frame))

    def put_message(self, topic: str, payload: bytes) -> None:
        while self._messages and (
            self._messages >= self._limit_messages or self.bytes + len(payload) > SUBSCRIPTION_LIMIT_BYTES
        ):
            self._drop_oldest_message()
        self._append(topic, pack(Message(topic, payload)))
        self._messages += 1

    def take(self) -> bytes:
        """As many frames as make a good write, or nothing."""
        parts = [pack(Dropped(topic, messages)) for topic, messages in self._dropped.items()]
        self._dropped.clear()
        size = 0
        while self._frames and size < HIGH_WATER_BYTES:
            topic, data = self._frames.popleft()
            self._messages -= topic is not None
            size += len(data)
            parts.append(data)
        self.bytes -= size
        return b"".join(parts)

    def _append(self, topic: str | None, data: bytes) -> None:
        self._frames.append((topic, data))
        self.bytes += len(data)

    def _drop_oldest_message(self) -> None:
        for index, (topic, data) in enumerate(self._frames):
            if topic is not None:
                del self._frames[index]
                self._messages -= 1
                self.bytes -= len(data)
                self._dropped[topic] += 1
                return


class Pipe:
    """One end of a connection: frames out through a bounded outbox, frames in by :meth:`receive`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._frames = FrameReader()
        self._outbox = Outbox()
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()
        self._closed = False
        self._write_task = asyncio.get_running_loop().create_task(self._write())

    def send(self, frame: AnyFrame) -> None:
        self._outbox.put(frame)
        self._after_put()

    def send_message(self, topic: str, payload: bytes) -> None:
        self._outbox.put_message(topic, payload)
        self._after_put()

    async def room(self) -> None:
        """Wait while the other side is far behind."""
        await self._emptied.wait()

    async def receive(self) -> list[AnyFrame]:
        """The next frames, or an empty list at the end.  Raises :class:`BusError` for garbage."""
        while True:
            try:
                data = await self._reader.read(256 * 1024)
            except OSError:
                return []
            if not data:
                return []
            frames = self._frames.feed(data)
            if frames:
                return frames

    def cut(self) -> None:
        """Drop the connection now; :meth:`receive` then ends."""
        self._closed = True
        self._filled.set()
        self._emptied.set()
        self._writer.transport.abort()

    async def aclose(self) -> None:
        """Write what is in the outbox if the other side takes it within a second, then close."""
        if not self._closed:
            self._closed = True
            self._filled.set()
            await asyncio.wait([self._write_task], timeout=1.0)
        self.cut()
        self._write_task.cancel()
        await asyncio.wait([self._write_task])

    def _after_put(self) -> None:
        if self._outbox.bytes > OUTBOX_LIMIT_BYTES:
            self.cut()
            return
        if self._outbox.bytes > HIGH_WATER_BYTES:
            self._emptied.clear()
        self._filled.set()

    async def _write(self) -> None:
        try:
            while True:
                data = self._outbox.take()
                if data:
                    self._writer.write(data)
                    await self._writer.drain()
                    if self._outbox.bytes <= HIGH_WATER_BYTES:
                        self._emptied.set()
                elif self._closed:
                    return
                else:
                    self._filled.clear()
                    await self._filled.wait()
        except OSError:
            self.cut()
