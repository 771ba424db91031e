"""A foreign client: what docs/protocol.md says, with pymediasoup for its media."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from itertools import count
from typing import Any

import msgspec
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack, VideoStreamTrack
from pymediasoup import AiortcHandler, Device
from pymediasoup.models.transport import DtlsParameters, IceCandidate, IceParameters
from pymediasoup.rtp_parameters import RtpCapabilities, RtpParameters
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed


class RequestError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class SignalClient:
    """The socket: requests with replies, and notices in order."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.notices: list[dict[str, Any]] = []
        self.unreadable: list[dict[str, Any]] = []
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._changed = asyncio.Condition()
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._ping())]

    @classmethod
    async def connect(cls, url: str, headers: dict[str, str] | None = None) -> SignalClient:
        return cls(await connect(url, additional_headers=headers, max_size=None))

    async def ask(self, type_: str, **fields: Any) -> dict[str, Any]:
        number = next(self._numbers)
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self.socket.send(msgspec.json.encode({"id": number, "type": type_, **fields}).decode())
        async with asyncio.timeout(20):
            answer = await future
        if answer["type"] == "error":
            raise RequestError(answer["code"], answer["message"])
        data: dict[str, Any] = answer["data"]
        return data

    async def notice(self, type_: str, **fields: Any) -> dict[str, Any]:
        """The first notice of this kind that has these fields; it is taken out of the list."""
        async with asyncio.timeout(40), self._changed:
            while True:
                for notice in self.notices:
                    if notice["type"] == type_ and all(notice.get(name) == value for name, value in fields.items()):
                        self.notices.remove(notice)
                        return notice
                await self._changed.wait()

    async def closed(self) -> int | None:
        """The close code, once the server has closed."""
        async with asyncio.timeout(20):
            await self.socket.wait_closed()
        return self.socket.close_code

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.socket.close()

    async def vanish(self) -> None:
        """Break the connection without a close frame."""
        for task in self._tasks:
            task.cancel()
        self.socket.transport.abort()

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for frame in self.socket:
                message = msgspec.json.decode(frame)
                if message["type"] in ("reply", "error"):
                    future = self._waiting.pop(message["id"], None)
                    if future is not None:
                        future.set_result(message)
                    else:
                        self.unreadable.append(message)
                async with self._changed:
                    if message["type"] not in ("reply", "error"):
                        self.notices.append(message)
                    self._changed.notify_all()

    async def _ping(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(2)
                await self.ask("ping")


class MediaClient:
    """One person's media: a send and a receive transport, a microphone and a camera, and what comes in."""

    def __init__(
        self,
        signal: SignalClient,
        make_tracks: Callable[[], list[MediaStreamTrack]] = lambda: [AudioStreamTrack(), VideoStreamTrack()],
        on_frame: Callable[[str, Any], None] = lambda person_id, frame: None,
    ) -> None:
        """``make_tracks`` makes what is sent, anew for each build; ``on_frame`` gets what is decoded."""
        self.signal = signal
        self._make_tracks = make_tracks
        self._on_frame = on_frame
        #: Frames decoded by (person, source).
        self.frames: dict[tuple[str, str], int] = {}
        self.producers: dict[str, str] = {}
        self._transports: list[Any] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def build(self, media: dict[str, Any]) -> None:
        tracks = self._make_tracks()
        device = Device(handlerFactory=AiortcHandler.createFactory(tracks=tracks))
        await device.load(RtpCapabilities(**media["routerRtpCapabilities"]))
        receive = await self._transport(device, "recv")
        self._tasks.append(asyncio.create_task(self._watch(receive)))
        send = await self._transport(device, "send")

        @send.on("produce")  # type: ignore[untyped-decorator]
        async def produce(kind: str, rtpParameters: Any, appData: Any) -> str:
            source = "microphone" if kind == "audio" else "camera"
            produced = await self.signal.ask(
                "produce", transportId=send.id, kind=kind, source=source, rtpParameters=_plain(rtpParameters)
            )
            self.producers[source] = produced["id"]
            return str(produced["id"])

        for track in tracks:
            await send.produce(track=track, stopTracks=False)

    async def teardown(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        for transport in self._transports:
            await transport.close()
        self._transports.clear()
        self.frames.clear()

    async def sees_and_hears(self, person_id: str, frames: int = 10) -> None:
        async with asyncio.timeout(60):
            while any(self.frames.get((person_id, each), 0) < frames for each in ("microphone", "camera")):  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def _transport(self, device: Any, direction: str) -> Any:
        capabilities = {"capabilities": _plain(device.rtpCapabilities)} if direction == "recv" else {}
        created = await self.signal.ask("transport.create", direction=direction, **capabilities)
        make = device.createSendTransport if direction == "send" else device.createRecvTransport
        transport = make(
            id=created["id"],
            iceParameters=IceParameters(**created["iceParameters"]),
            iceCandidates=[IceCandidate(**each) for each in created["iceCandidates"] if each["protocol"] == "udp"],
            dtlsParameters=DtlsParameters(**created["dtlsParameters"]),
            sctpParameters=None,
            iceServers=[],
        )
        self._transports.append(transport)

        @transport.on("connect")  # type: ignore[untyped-decorator]
        async def connect_(dtlsParameters: Any) -> None:
            await self.signal.ask("transport.connect", transportId=created["id"], dtlsParameters=_plain(dtlsParameters))

        return transport

    async def _watch(self, receive: Any) -> None:
        while True:
            notice = await self.signal.notice("consumer.new")
            consumer = await receive.consume(
                id=notice["consumerId"],
                producerId=notice["producerId"],
                kind=notice["kind"],
                rtpParameters=RtpParameters(**notice["rtpParameters"]),
            )
            await self.signal.ask("consumer.resume", consumerId=notice["consumerId"])
            self._tasks.append(asyncio.create_task(self._count((notice["personId"], notice["source"]), consumer.track)))

    async def _count(self, key: tuple[str, str], track: MediaStreamTrack) -> None:
        while True:
            self._on_frame(key[0], await track.recv())
            self.frames[key] = self.frames.get(key, 0) + 1


def _plain(model: Any) -> Any:
    return msgspec.json.decode(model.model_dump_json(exclude_none=True))
