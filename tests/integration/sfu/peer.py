"""A bare WebRTC peer for tests: it proves paths, shakes hands, and sends and receives whole RTP packets as bytes."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping

from signaling import worker_api as api
from signaling.ortc import (
    RtcpParameters,
    RtpCapabilities,
    RtpCodec,
    RtpEncoding,
    RtpHeaderExtension,
    RtpParameters,
    RtxEncoding,
)
from signaling.sfu import capabilities as caps
from signaling.sfu import framing, rtcp, rtp, stun
from signaling.sfu.capture import SinkState, TrackInfo
from signaling.sfu.dtls_adapter import SEND_BUFFER, Certificate, DtlsSession, SrtpKeys
from signaling.sfu.worker import Worker

ROOM = "room"

CLIENT_CAPABILITIES = RtpCapabilities(
    codecs=[
        RtpCodec(
            kind=c.kind,
            mime_type=c.mime_type,
            clock_rate=c.clock_rate,
            channels=c.channels,
            preferred_payload_type=c.preferred_payload_type,
            parameters=dict(c.parameters),
        )
        for c in caps.ROUTER_CAPABILITIES.codecs
    ],
    header_extensions=caps.ROUTER_CAPABILITIES.header_extensions,
)

# Numbers as Chromium chooses them: none equals the router's.
VP8_PT, RTX_PT, OPUS_PT, H264_PT = 96, 97, 111, 108
MID_ID, RID_ID, RRID_ID, TIME_ID, LEVEL_ID = 4, 10, 11, 2, 1


def audio_parameters(ssrc: int = 1000, mid: str = "0") -> RtpParameters:
    return RtpParameters(
        mid=mid,
        codecs=[RtpCodec(mime_type="audio/opus", clock_rate=48000, channels=2, payload_type=OPUS_PT)],
        header_extensions=[
            RtpHeaderExtension(uri=caps.MID_URI, id=MID_ID),
            RtpHeaderExtension(uri=caps.AUDIO_LEVEL_URI, id=LEVEL_ID),
        ],
        encodings=[RtpEncoding(ssrc=ssrc)],
        rtcp=RtcpParameters(cname="c"),
    )


def video_parameters(
    rids: list[str] | None = None, ssrc: int = 2000, rtx_ssrc: int = 2001, mid: str = "1"
) -> RtpParameters:
    if rids:
        encodings = [RtpEncoding(rid=rid) for rid in rids]
    else:
        encodings = [RtpEncoding(ssrc=ssrc, rtx=RtxEncoding(ssrc=rtx_ssrc))]
    return RtpParameters(
        mid=mid,
        codecs=[
            RtpCodec(mime_type="video/VP8", clock_rate=90000, payload_type=VP8_PT),
            RtpCodec(mime_type="video/rtx", clock_rate=90000, payload_type=RTX_PT, parameters={"apt": VP8_PT}),
        ],
        header_extensions=[
            RtpHeaderExtension(uri=caps.MID_URI, id=MID_ID),
            RtpHeaderExtension(uri=caps.RID_URI, id=RID_ID),
            RtpHeaderExtension(uri=caps.REPAIRED_RID_URI, id=RRID_ID),
            RtpHeaderExtension(uri=caps.ABS_SEND_TIME_URI, id=TIME_ID),
        ],
        encodings=encodings,
    )


def opus(sequence: int, *, ssrc: int = 1000, level: int = 30, body: bytes = b"sound") -> bytes:
    return rtp.build(OPUS_PT, sequence, sequence * 960, ssrc, body, extensions={LEVEL_ID: bytes([level])})


def vp8(
    sequence: int,
    *,
    ssrc: int = 2000,
    timestamp: int | None = None,
    key: bool = False,
    picture: int = 1,
    extensions: dict[int, bytes] | None = None,
    body: bytes = b"picture",
) -> bytes:
    """One packet that is one frame."""
    descriptor = b"\x90\xe0" + (0x8000 | picture & 0x7FFF).to_bytes(2, "big") + bytes([picture & 0xFF, 0])
    payload = descriptor + (b"\x10" if key else b"\x11") + body
    stamp = sequence * 3000 if timestamp is None else timestamp
    return rtp.build(VP8_PT, sequence, stamp, ssrc, payload, marker=True, extensions=extensions)


def h264_parameters(rids: list[str]) -> RtpParameters:
    format_ = {"packetization-mode": 1, "profile-level-id": "42e01f", "level-asymmetry-allowed": 1}
    parameters = video_parameters(rids)
    parameters.codecs = [
        RtpCodec(mime_type="video/H264", clock_rate=90000, payload_type=H264_PT, parameters=dict(format_)),
        RtpCodec(mime_type="video/rtx", clock_rate=90000, payload_type=RTX_PT, parameters={"apt": H264_PT}),
    ]
    return parameters


def h264(layer: int, sequence: int, unit: bytes, *, marker: bool = True) -> bytes:
    extensions = {MID_ID: b"1", RID_ID: b"r%d" % layer}
    stamp = sequence * 3000
    return rtp.build(H264_PT, sequence, stamp, 600 + layer, unit, marker=marker, extensions=extensions)


class MemoryTrack:
    def __init__(self, info: TrackInfo, sink: MemorySink) -> None:
        self.info = info
        self.packets: list[bytes] = []
        self.reports: list[bytes] = []
        self.notes: list[str] = []
        self.closed: str | None = None
        self._sink = sink

    def rtp(self, packet: bytes, mono_ns: int) -> None:
        self._sink.check()
        self.packets.append(packet)

    def rtcp(self, packet: bytes, mono_ns: int) -> None:
        self._sink.check()
        self.reports.append(packet)

    def note(self, what: str, mono_ns: int) -> None:
        self.notes.append(what)

    def close(self, reason: str) -> None:
        self._sink.check()
        self.closed = reason


class MemoryRecording:
    def __init__(self, sink: MemorySink) -> None:
        self.tracks: list[MemoryTrack] = []
        self.closed: str | None = None
        self._sink = sink

    def open_track(self, info: TrackInfo) -> MemoryTrack:
        self._sink.check()
        track = MemoryTrack(info, self._sink)
        self.tracks.append(track)
        return track

    def state(self) -> SinkState:
        return SinkState(tracks=len(self.tracks), durable_wall_ns=0, bytes=0)

    def close(self, reason: str) -> None:
        self._sink.check()
        self.closed = reason


class MemorySink:
    """A sink that keeps everything, and fails with ``failure`` while that is set."""

    def __init__(self) -> None:
        self.recordings: dict[str, MemoryRecording] = {}
        self.failure: Exception | None = None
        self.on_state: Callable[[SinkState], None] = lambda state: None

    def check(self) -> None:
        if self.failure is not None:
            raise self.failure

    def open(
        self, recording_id: str, on_state: Callable[[SinkState], None], about: Mapping[str, str] | None = None
    ) -> MemoryRecording:
        self.check()
        self.on_state = on_state
        return self.recordings.setdefault(recording_id, MemoryRecording(self))

    async def aclose(self) -> None:
        pass


class Link(asyncio.DatagramProtocol):
    """One transport, from the client's side.  ``lost`` names the RTP datagrams, by count, that never arrive."""

    def __init__(self, created: api.TransportCreated) -> None:
        self.id = created.id
        self.parameters = created.ice_parameters
        candidate = created.ice_candidates[0]
        self.address = (candidate.address, candidate.port)
        self.packets: list[rtp.RtpPacket] = []
        self.reports: list[rtcp.Report] = []
        self.on_packet: Callable[[rtp.RtpPacket], None] = lambda packet: None
        self.lost: set[int] = set()
        self.datagrams = 0
        self._early: list[bytes] = []
        self.certificate = Certificate()
        self.answers = 0
        self.ended = asyncio.Event()
        self.keys: SrtpKeys | None = None
        self._dtls = DtlsSession(self.certificate, self.send_raw, self.ended.set)
        self._socket: asyncio.DatagramTransport | None = None
        self._answered = asyncio.Event()
        self._remote = created.dtls_parameters
        self._deframer = framing.Deframer()
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def open(self, local: str = "127.0.0.1") -> None:
        """A new local address, proven and nominated."""
        loop = asyncio.get_running_loop()
        earlier = self._socket
        family = socket.AF_INET6 if ":" in local else socket.AF_INET
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(local, 0), family=family)
        self._socket = transport
        writer, self._writer = self._writer, None
        await self.check()
        if earlier is not None:
            earlier.close()
        if writer is not None:
            writer.close()

    async def open_tcp(self) -> None:
        """A TCP connection, proven and nominated."""
        reader, self._writer = await asyncio.open_connection(*self.address)
        self._reading = asyncio.get_running_loop().create_task(self._read(reader))
        await self.check()

    async def check(self) -> None:
        """One connectivity check, repeated until it is answered."""
        self._answered.clear()
        username = f"{self.parameters.username_fragment}:client"
        for _ in range(20):
            self.send_raw(stun.request(os.urandom(12), username, self.parameters.password, use_candidate=True))
            try:
                await asyncio.wait_for(self._answered.wait(), 0.25)
                return
            except TimeoutError:
                continue
        raise TimeoutError("no answer to connectivity checks")

    async def handshake(self, role: str = "client") -> None:
        # From the client's point of view the server has the other role.
        remote = self._remote
        remote.role = "server" if role == "client" else "client"
        self.keys = await self._dtls.handshake(remote)
        for datagram in self._early:
            self.datagram_received(datagram, self.address)

    async def close(self) -> None:
        await self._dtls.stop()
        if self._socket is not None:
            self._socket.close()
        if self._writer is not None:
            self._writer.close()
        if self._reading is not None:
            self._reading.cancel()

    def send_raw(self, datagram: bytes) -> None:
        if self._writer is not None:
            self._writer.write(framing.frame(datagram))
        elif self._socket is not None:
            self._socket.sendto(datagram, self.address)

    def send_rtp(self, packet: bytes) -> bytes:
        """Protect and send; returns what went over the wire."""
        wire = self.protect(packet)
        self.send_raw(wire)
        return wire

    def protect(self, packet: bytes) -> bytes:
        assert self.keys is not None
        SEND_BUFFER[: len(packet)] = packet
        return bytes(SEND_BUFFER[: self.keys.protect_rtp(len(packet))])

    def send_rtcp(self, compound: bytes) -> None:
        assert self.keys is not None
        SEND_BUFFER[: len(compound)] = compound
        self.send_raw(bytes(SEND_BUFFER[: self.keys.protect_rtcp(len(compound))]))

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data[0] < 4:
            self.answers += 1
            self._answered.set()
        elif data[0] < 64:
            self._dtls.feed(data)
        elif self.keys is None:
            self._early.append(data)  # right behind the last flight of the handshake
        else:
            if rtcp.is_rtcp(data):
                plain = self.keys.unprotect_rtcp(data)
                self.reports += rtcp.parse(plain) if plain is not None else []
                return
            self.datagrams += 1
            if self.datagrams in self.lost:
                return
            plain = self.keys.unprotect_rtp(data)
            packet = rtp.parse(plain) if plain is not None else None
            if packet is not None:
                self.packets.append(packet)
                self.on_packet(packet)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(65536):
            for datagram in self._deframer.feed(data):
                self.datagram_received(datagram, self.address)


class Court:
    """A worker with one room, and what it said."""

    def __init__(self, worker: Worker, sink: MemorySink, room_id: str = ROOM) -> None:
        self.worker = worker
        self.sink = sink
        self.room_id = room_id
        self.events: list[api.AnyEvent] = []
        self.links: list[Link] = []
        self.plan = api.Plan(version=0)
        worker.on_event = self.events.append

    async def ask(self, command: api.AnyCommand) -> api.AnyAnswer:
        answer = await self.worker.handle(command)
        await asyncio.sleep(0)  # events of a command come after its answer
        return answer

    async def obey(
        self,
        publish: dict[str, list[api.Source]] | None = None,
        receive: dict[str, list[str]] | None = None,
        record: str | None = None,
        capture: dict[str, list[api.Source]] | None = None,
        withhold: dict[str, dict[str, list[api.Source]]] | None = None,
        labels: dict[str, dict[str, str]] | None = None,
    ) -> None:
        self.plan = api.Plan(
            version=self.plan.version + 1,
            publish=publish or {},
            receive=receive or {},
            record=record,
            capture=capture,
            withhold=withhold or {},
            labels=labels or {},
        )
        answer = await self.ask(api.SetPlan(room_id=self.room_id, plan=self.plan))
        assert isinstance(answer, api.Done), answer

    async def link(self, peer_id: str, direction: str, *, role: str = "client", tcp: bool = False) -> Link:
        created = await self.ask(
            api.CreateTransport(
                room_id=self.room_id,
                peer_id=peer_id,
                direction=direction,  # type: ignore[arg-type]
                capabilities=CLIENT_CAPABILITIES if direction == "recv" else None,
            )
        )
        assert isinstance(created, api.TransportCreated), created
        link = Link(created)
        self.links.append(link)
        parameters = created.dtls_parameters
        fingerprints = [link.certificate.fingerprint]
        theirs = type(parameters)(fingerprints=fingerprints, role=role)  # type: ignore[arg-type]
        answer = await self.ask(api.ConnectTransport(transport_id=link.id, dtls_parameters=theirs))
        assert isinstance(answer, api.Done)
        await (link.open_tcp() if tcp else link.open())
        await link.handshake(role)
        assert link.keys is not None
        await self.until(
            lambda: any(
                isinstance(e, api.TransportState) and e.transport_id == link.id and e.state == "connected"
                for e in self.events
            )
        )
        return link

    async def produce(self, link: Link, source: api.Source, parameters: RtpParameters) -> str:
        kind = "audio" if source == "microphone" else "video"
        answer = await self.ask(
            api.Produce(
                transport_id=link.id,
                kind=kind,  # type: ignore[arg-type]
                source=source,
                rtp_parameters=parameters,
                attributes={"name": "N."},
            )
        )
        assert isinstance(answer, api.Produced), answer
        return answer.id

    async def consumer(self, peer_id: str, source: api.Source) -> api.ConsumerNew:
        """Wait for it and resume it."""
        event = await self.announced(peer_id, source)
        assert isinstance(await self.ask(api.ResumeConsumer(consumer_id=event.consumer_id)), api.Done)
        return event

    async def announced(self, peer_id: str, source: api.Source) -> api.ConsumerNew:
        """The consumer of this source that was announced to the peer and not closed since."""

        def find() -> api.ConsumerNew | None:
            closed = {e.consumer_id for e in self.events if isinstance(e, api.ConsumerClosed)}
            made = [e for e in self.events if isinstance(e, api.ConsumerNew) and e.consumer_id not in closed]
            return next((e for e in made if e.peer_id == peer_id and e.source == source), None)

        await self.until(lambda: find() is not None)
        event = find()
        assert event is not None
        return event

    @staticmethod
    async def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
                await asyncio.sleep(0.005)
