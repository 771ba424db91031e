"""Join a hearing without a browser: docs/protocol.md, and pymediasoup (aiortc) for the media.

    pip install httpx websockets pymediasoup
    python join_a_hearing.py https://court.example/j/TOKEN

It sends a tone and a coloured picture, says once whom it sees and hears, and leaves with Ctrl-C or when it is over.
When the room moves to another media worker (notices ``media``), a real client makes its transports anew; this one ends.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from urllib.parse import urlsplit

import httpx
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack
from pymediasoup import AiortcHandler, Device
from pymediasoup.models.transport import DtlsParameters, IceCandidate, IceParameters
from pymediasoup.rtp_parameters import RtpCapabilities, RtpParameters
from websockets.asyncio.client import connect


def plain(model):
    """A model of pymediasoup as JSON."""
    return json.loads(model.model_dump_json(exclude_none=True))


class Client:
    def __init__(self, socket):
        self.socket = socket
        self.numbers = itertools.count(1)
        self.waiting = {}
        self.early = []
        self.receive = None
        self.tasks = []

    async def ask(self, request, /, **fields):
        """One request and the data of its reply."""
        number = next(self.numbers)
        self.waiting[number] = asyncio.get_running_loop().create_future()
        await self.socket.send(json.dumps({"id": number, "type": request, **fields}))
        return await self.waiting[number]

    async def read(self):
        """Replies go to whoever waits for them; what a notice asks for is done beside, as it may ask itself."""
        async for frame in self.socket:
            message = json.loads(frame)
            if message["type"] == "reply":
                self.waiting.pop(message["id"]).set_result(message["data"])
            elif message["type"] == "error" and message["id"] in self.waiting:
                self.waiting.pop(message["id"]).set_exception(RuntimeError(f"{message['code']}: {message['message']}"))
            elif message["type"] == "consumer.new":
                self.early.append(message) if self.receive is None else self.start(self.consume(message))
            elif message["type"] == "media" and message["state"] == "ready" and self.receive is None:
                self.start(self.send_and_receive(message["media"]))
            elif message["type"] == "ended" or (message["type"], message.get("state")) == ("media", "lost"):
                print(message.get("message", "the media worker is gone"))
                return

    def start(self, work):
        self.tasks.append(asyncio.create_task(work))

    async def stay(self):
        """A client that says nothing for six seconds is away."""
        while True:
            await asyncio.sleep(2)
            await self.ask("ping")

    async def transport(self, device, direction):
        """A transport as the server describes it; it connects when it is first used."""
        capabilities = {"capabilities": plain(device.rtpCapabilities)} if direction == "recv" else {}
        made = await self.ask("transport.create", direction=direction, **capabilities)
        create = device.createSendTransport if direction == "send" else device.createRecvTransport
        transport = create(
            id=made["id"],
            iceParameters=IceParameters(**made["iceParameters"]),
            iceCandidates=[IceCandidate(**one) for one in made["iceCandidates"] if one["protocol"] == "udp"],
            dtlsParameters=DtlsParameters(**made["dtlsParameters"]),
            iceServers=[],
            sctpParameters=None,
        )

        @transport.on("connect")
        async def connected(dtlsParameters):
            await self.ask("transport.connect", transportId=made["id"], dtlsParameters=plain(dtlsParameters))

        @transport.on("produce")
        async def produced(kind, rtpParameters, appData):
            what = {"kind": kind, "source": "microphone" if kind == "audio" else "camera"}
            reply = await self.ask("produce", transportId=made["id"], rtpParameters=plain(rtpParameters), **what)
            return reply["id"]

        return transport

    async def send_and_receive(self, media):
        tracks = [AudioStreamTrack(), VideoStreamTrack()]
        device = Device(handlerFactory=AiortcHandler.createFactory(tracks=tracks))
        await device.load(RtpCapabilities(**media["routerRtpCapabilities"]))
        self.receive = await self.transport(device, "recv")
        for notice in self.early:
            self.start(self.consume(notice))
        send = await self.transport(device, "send")
        for track in tracks:
            await send.produce(track=track, stopTracks=False)

    async def consume(self, notice):
        """Take one sound or picture, and wait for its first frame."""
        parameters = RtpParameters(**notice["rtpParameters"])
        consumer = await self.receive.consume(
            id=notice["consumerId"], producerId=notice["producerId"], kind=notice["kind"], rtpParameters=parameters
        )
        await self.ask("consumer.resume", consumerId=notice["consumerId"])
        await consumer.track.recv()
        print(f"{notice['source']} of {notice['personId']} comes in", flush=True)
        while True:
            await consumer.track.recv()


async def main(link):
    parts = urlsplit(link)
    origin = f"{parts.scheme}://{parts.netloc}"
    async with httpx.AsyncClient(base_url=origin, headers={"Origin": origin}) as http:
        (await http.post("/api/session", json={"link": parts.path.rsplit("/", 1)[-1]})).raise_for_status()
        cookie = "; ".join(f"{name}={value}" for name, value in http.cookies.items())
    headers = {"Cookie": cookie, "Origin": origin}
    async with connect(f"{origin.replace('http', 'ws', 1)}/signal", additional_headers=headers) as socket:
        client = Client(socket)
        client.start(client.stay())
        reading = asyncio.create_task(client.read())
        joined = await client.ask("join")
        await client.ask("checkIn", declaration=True)
        if joined["media"] is not None:
            await client.send_and_receive(joined["media"])
        print(f"joined as {joined['view']['me']['name']}; the sitting is {joined['view']['state']}", flush=True)
        await reading


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
