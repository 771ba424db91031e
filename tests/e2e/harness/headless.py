"""A participant without a browser: the protocol of docs/protocol.md, and aiortc for the media."""

from __future__ import annotations

import asyncio
import fractions
from typing import Any

import av
import httpx
import numpy as np
from aiortc.mediastreams import MediaStreamTrack, VideoStreamTrack

from tests.integration.signaling.client import MediaClient, SignalClient
from tests.media import tones
from tests.media.tones import Samples

FRAMES_PER_S = 50
FRAME = tones.RATE_HZ // FRAMES_PER_S
#: Sound that is kept for :meth:`Participant.hears`, s.
KEPT_S = 1.0


class Voice(MediaStreamTrack):
    """The tone of one role, in frames of 20 ms."""

    kind = "audio"

    def __init__(self, role: str) -> None:
        super().__init__()
        self._samples = tones.voice(tones.TONES_HZ[role], 2.0)
        self._count = 0
        self._begun: float | None = None

    async def recv(self) -> av.AudioFrame:
        loop = asyncio.get_running_loop()
        self._begun = loop.time() if self._begun is None else self._begun
        await asyncio.sleep(max(0.0, self._begun + self._count / FRAMES_PER_S - loop.time()))
        at = self._count * FRAME % len(self._samples)
        part = (self._samples[at : at + FRAME] * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(part.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts = tones.RATE_HZ, self._count * FRAME
        frame.time_base = fractions.Fraction(1, tones.RATE_HZ)
        self._count += 1
        return frame


class Participant:
    """One person: seat, socket, check-in, media.  ``view`` is the newest view of the hearing."""

    def __init__(self, base_url: str, token: str, role: str) -> None:
        self.role = role
        self.view: dict[str, Any] = {}
        self.signal: SignalClient
        self.media: MediaClient
        self._base_url = base_url
        self._token = token
        self._sound: dict[str, list[Samples]] = {}
        self._resampler: dict[str, av.AudioResampler] = {}

    async def enter(self) -> None:
        """Into the waiting room, with both tracks sent."""
        cookie = await take_seat(self._base_url, self._token)
        self.signal = await open_socket(self._base_url, cookie)
        joined = await self.signal.ask("join", locale="en")
        self.view = joined["view"]
        await self.signal.ask("checkIn", declaration=True)
        media = joined["media"] or (await self.signal.notice("media", state="ready"))["media"]
        self.media = MediaClient(self.signal, lambda: [Voice(self.role), VideoStreamTrack()], self._took)
        await self.media.build(media)

    async def command(self, name: str, request_id: str, **arguments: Any) -> dict[str, Any]:
        return await self.signal.ask("command", name=name, requestId=request_id, arguments=arguments)

    async def in_state(self, state: str) -> None:
        """Follow the views until the sitting is in this state."""
        while self.view["state"] != state:
            self.view = (await self.signal.notice("view"))["view"]

    def hears(self) -> set[str]:
        """Whose voices were in the sound of the last second."""
        found: set[str] = set()
        for parts in self._sound.values():
            found |= tones.heard(np.concatenate(parts))
        return found

    def sees(self) -> set[str]:
        return {person for (person, source), frames in self.media.frames.items() if source == "camera" and frames > 0}

    async def leave(self) -> None:
        await self.media.teardown()
        await self.signal.aclose()

    def _took(self, person_id: str, frame: Any) -> None:
        if isinstance(frame, av.AudioFrame):
            resampler = self._resampler.setdefault(person_id, av.AudioResampler("flt", "mono", tones.RATE_HZ))
            parts = self._sound.setdefault(person_id, [])
            parts.extend(part.to_ndarray()[0] for part in resampler.resample(frame))
            del parts[: -round(KEPT_S * FRAMES_PER_S)]


async def take_seat(base_url: str, token: str) -> str:
    """Trade a link's token for the cookie of a seat."""
    async with httpx.AsyncClient(base_url=base_url, headers={"Origin": base_url}) as http:
        (await http.post("/api/session", json={"link": token})).raise_for_status()
        return "; ".join(f"{name}={value}" for name, value in http.cookies.items())


async def open_socket(base_url: str, cookie: str) -> SignalClient:
    url = base_url.replace("http", "ws", 1) + "/signal"
    return await SignalClient.connect(url, {"Cookie": cookie, "Origin": base_url})
