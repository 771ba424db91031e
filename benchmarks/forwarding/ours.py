"""Our side: the media worker process as a server runs it, with its spool, commanded over the local bus."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from signaling import worker_api as api
from signaling.bus import Bus, BusError, Subscription
from signaling.bus.factory import open_bus
from signaling.ortc import (
    DtlsFingerprint,
    DtlsParameters,
    RtcpParameters,
    RtpCapabilities,
    RtpCodec,
    RtpEncoding,
    RtpHeaderExtension,
    RtpParameters,
    RtxEncoding,
)

from .client import Remote
from .machine import own_address, pin, tail
from .sending import ABS_SEND_TIME_ID, AUDIO_LEVEL_ID, OPUS_PT, VP8_PT, VP8_RTX_PT
from .shapes import Layout, Person, rtx_ssrc

WORKER_ID = "bench"
START_TIMEOUT_S = 30.0
SET_UP_TIMEOUT_S = 60.0
#: Far above any load here: the budget is what is being measured.
NO_LIMIT = 10_000_000
_SOURCE_OF: dict[str, api.Source] = {"audio": "microphone", "video": "camera"}
_KIND_OF = {source: kind for kind, source in _SOURCE_OF.items()}


class Ours:
    """One run of the worker.  Use :func:`ours` to start it."""

    name = "ours"

    def __init__(self, bus: Bus, events: Subscription, pid: int, record_folder: Path) -> None:
        self.pid = pid
        self.record_folder = record_folder
        self._bus = bus
        self._events = events
        self._capabilities = RtpCapabilities()
        self._uplinks: dict[tuple[int, str], str] = {}

    async def set_up(self, layout: Layout, fingerprint: str, opened: list[dict[str, Any]]) -> dict[int, Remote]:
        """Rooms and transports; where each of the layout's transports connects to."""
        for room in layout.rooms:
            people = layout.in_room(room)
            plan = api.Plan(
                version=1,
                publish={p.name: [_SOURCE_OF[kind] for kind in p.flows] for p in people if p.flows},
                receive={p.name: [other.name for other in p.hears] for p in people if p.hears},
                record=f"bench-{room}" if layout.capture else None,
            )
            answer = await self._ask(api.OpenRoom(room_id=_room(room), plan=plan))
            assert isinstance(answer, api.RoomOpened)
            self._capabilities = answer.router_rtp_capabilities
        remotes: dict[int, Remote] = {}
        for person in layout.people:
            if person.uplink is not None:
                remotes[person.uplink], identifier = await self._transport(person, "send", fingerprint)
                self._uplinks[person.room, person.name] = identifier
            if person.downlink is not None:
                remotes[person.downlink], _ = await self._transport(person, "recv", fingerprint)
        return remotes

    async def join_receivers(self, layout: Layout) -> dict[int, Remote]:
        """Nothing: receivers are there before what they receive."""
        return {}

    async def subscribe(self, layout: Layout) -> list[tuple[int, int, int]]:
        """Produce and consume everything: (transport, SSRC, flow) of each forwarded stream."""
        for person in layout.people:
            for kind, flow in person.flows.items():
                parameters = _producer(kind, layout.flows[flow].ssrc)
                await self._ask(
                    api.Produce(
                        transport_id=self._uplinks[person.room, person.name],
                        kind="audio" if kind == "audio" else "video",
                        source=_SOURCE_OF[kind],
                        rtp_parameters=parameters,
                        attributes={"name": person.name},
                    )
                )
        people = {(_room(p.room), p.name): p for p in layout.people}
        wanted = sum(len(other.flows) for person in layout.people for other in person.hears)
        found: list[tuple[int, int, int]] = []
        async with asyncio.timeout(SET_UP_TIMEOUT_S):
            async for _, payload in self._events:
                event = api.event_decoder.decode(payload)
                if isinstance(event, api.ConsumerNew):
                    receiver = people[event.room_id, event.peer_id]
                    sender = people[event.room_id, event.producer_peer_id]
                    ssrc = event.rtp_parameters.encodings[0].ssrc
                    assert receiver.downlink is not None
                    assert ssrc is not None
                    found.append((receiver.downlink, ssrc, sender.flows[_KIND_OF[event.source]]))
                    await self._ask(api.ResumeConsumer(consumer_id=event.consumer_id))
                    if len(found) == wanted:
                        break
        return found

    async def _transport(self, person: Person, direction: Any, fingerprint: str) -> tuple[Remote, str]:
        created = await self._ask(
            api.CreateTransport(
                room_id=_room(person.room),
                peer_id=person.name,
                direction=direction,
                capabilities=self._capabilities if direction == "recv" else None,
            )
        )
        assert isinstance(created, api.TransportCreated)
        dtls = DtlsParameters(fingerprints=[DtlsFingerprint(algorithm="sha-256", value=fingerprint)], role="client")
        await self._ask(api.ConnectTransport(transport_id=created.id, dtls_parameters=dtls))
        candidate = next(c for c in created.ice_candidates if c.protocol == "udp")
        return Remote(
            host=candidate.address,
            port=candidate.port,
            ufrag=created.ice_parameters.username_fragment,
            password=created.ice_parameters.password,
            fingerprint=created.dtls_parameters.fingerprints[-1].value,
        ), created.id

    async def _ask(self, command: api.Command) -> api.AnyAnswer:
        payload = await self._bus.request(api.service(WORKER_ID), api.encode(command), timeout_s=SET_UP_TIMEOUT_S)
        answer = api.answer_decoder.decode(payload)
        if isinstance(answer, api.Refused):
            raise RuntimeError(f"the worker refused {type(command).__name__}: {answer.reason} {answer.detail}")
        return answer


@contextlib.asynccontextmanager
async def ours(folder: Path, core: int) -> AsyncIterator[Ours]:
    """A worker process pinned to a core, its data in an empty folder; ended with the block."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HEARING_")}
    environment |= {
        "HEARING_DATA": str(folder),
        "HEARING_MEDIA_ADDRESS": own_address(),
        "HEARING_MEDIA_PORT": "0",
        "HEARING_MEDIA_PACKETS_PER_S": str(NO_LIMIT),
        "HEARING_WORKER_ID": WORKER_ID,
        "HEARING_LOG_LEVEL": "warning",
    }
    (folder / "run").mkdir(parents=True)
    async with open_bus("local:", folder / "run", hub=True) as bus:
        async with bus.subscribe(api.service(WORKER_ID)) as events:
            with (folder / "worker.log").open("wb") as log:
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "hearing_server", "media-worker", "--supervised",
                    env=environment, stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log,
                    preexec_fn=lambda: pin(0, core),
                )  # fmt: skip
            try:
                await _ready(bus, process, folder / "worker.log")
                yield Ours(bus, events, process.pid, folder / "spool")
            finally:
                if process.stdin is not None:
                    process.stdin.close()
                await process.wait()


async def _ready(bus: Bus, process: asyncio.subprocess.Process, log: Path) -> None:
    """Wait until the worker answers.  Raises :class:`RuntimeError` if it ends before."""
    probe = api.encode(api.CloseRoom(room_id="none"))
    async with asyncio.timeout(START_TIMEOUT_S):
        while process.returncode is None:
            try:
                await bus.request(api.service(WORKER_ID), probe)
                return
            except BusError:
                await asyncio.sleep(0.1)
    raise RuntimeError(f"the worker ended, or does not answer; its last words: {tail(log)}")


def _room(number: int) -> str:
    return f"room-{number}"


def _producer(kind: str, ssrc: int) -> RtpParameters:
    if kind == "audio":
        codecs = [
            RtpCodec(
                mime_type="audio/opus",
                payload_type=OPUS_PT,
                clock_rate=48000,
                channels=2,
                parameters={"minptime": 10, "useinbandfec": 1},
            )
        ]
        extension = RtpHeaderExtension(uri="urn:ietf:params:rtp-hdrext:ssrc-audio-level", id=AUDIO_LEVEL_ID)
        encoding = RtpEncoding(ssrc=ssrc)
    else:
        codecs = [
            RtpCodec(mime_type="video/VP8", payload_type=VP8_PT, clock_rate=90000),
            RtpCodec(mime_type="video/rtx", payload_type=VP8_RTX_PT, clock_rate=90000, parameters={"apt": VP8_PT}),
        ]
        uri = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
        extension = RtpHeaderExtension(uri=uri, id=ABS_SEND_TIME_ID)
        encoding = RtpEncoding(ssrc=ssrc, rtx=RtxEncoding(ssrc=rtx_ssrc(ssrc)))
    return RtpParameters(
        mid="0" if kind == "audio" else "1",
        codecs=codecs,
        header_extensions=[extension],
        encodings=[encoding],
        rtcp=RtcpParameters(cname="bench", reduced_size=True, mux=True),
    )
