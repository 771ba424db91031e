"""One test recording: a participant speaks into a room of its own; recorder and archive do what they do for a hearing;
then the sound is read back from the archive and listened to."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import av
import msgspec
import structlog

from recording import messages as m
from recording.keys import PublicKey
from recording.manifest import prefix
from recording.objects import ObjectStore, StoreProblem
from recording.playback import PLAYBACK_NAME, MediaEntry
from recording.playback import decoder as playback_decoder
from recording.verify import verify_record
from signaling import worker_api as w
from signaling.bus import Bus, BusError
from signaling.ortc import DtlsParameters, RtpParameters
from signaling.placement import ROOM_PACKETS_S

from .course import Course, Wrong
from .participant import CannotConnect, speaking
from .tone import heard_s

log = structlog.get_logger(__name__)

PEER = "test"
#: How long the participant speaks, and of how much of it the tone must be there again, s.
SPEAKS_S, HEARD_S = 4.0, 3.0
#: How often the recorder is asked whether it is done, and how long worker and recorder may take to answer, s.
ASK_EVERY_S, ANSWER_LIMIT_S = 0.5, 5.0
#: A recorder that has not answered so many times, one after the other, does not.
TRIES = 4
#: A playable file of such a test is about 20 kB.
MEDIA_LIMIT_BYTES = 4 * 1024 * 1024

Answer = TypeVar("Answer", bound=w.Answer)


@dataclass(frozen=True, slots=True)
class Path:
    """The real path: workers and recorder on this bus, and this archive.  ``key``: the public key of its records."""

    bus: Bus
    archive: ObjectStore
    key: Callable[[], PublicKey | None]


def is_full(beat: w.Heartbeat) -> bool:
    """Whether this worker has no budget for one more room; an idle worker always has."""
    load = max(beat.packets_out_s, len(beat.rooms) * ROOM_PACKETS_S)
    return load > 0 and load + ROOM_PACKETS_S > beat.packets_out_limit_s


async def run(path: Path, course: Course, beat: w.Heartbeat, court: str, told: Callable[[], Awaitable[None]]) -> str:
    """Go through the course; ``told`` is called at each new step.  Answers the name of the playable sound, if any."""
    if is_full(beat):
        course.skipped(time.time_ns())
        return ""
    trial = _Trial(path, course.id, beat, court)
    work = {
        "join": trial.join,
        "capture": trial.capture,
        "archive": trial.archive,
        "verify": trial.verify,
        "play": trial.play,
    }
    async with trial:
        while course.outcome == "running":
            try:
                async with asyncio.timeout(course.limit_s):
                    await work[course.step]()
            except Wrong as wrong:
                log.warning("recording_test.wrong", recording=course.id, step=course.step, reason=str(wrong))
                course.failed(wrong.code, time.time_ns())
            except TimeoutError:
                course.failed("too-slow", time.time_ns())
            except BusError:
                course.failed("no-answer", time.time_ns())
            except (StoreProblem, msgspec.DecodeError):
                course.failed("store", time.time_ns())
            else:
                course.passed(time.time_ns())
                if course.outcome == "running":
                    await told()
    return trial.media.name if trial.media is not None else ""


class _Trial:
    """The work of each step.  They raise :class:`Wrong`, :class:`TimeoutError` or :class:`StoreProblem`."""

    def __init__(self, path: Path, recording_id: str, beat: w.Heartbeat, court: str) -> None:
        self.media: MediaEntry | None = None
        self._path = path
        self._id = recording_id
        self._beat = beat
        self._court = court
        self._opened_ns = self._closed_ns = 0
        self._open = contextlib.AsyncExitStack()

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, *exception: object) -> None:
        await self._open.aclose()

    async def join(self) -> None:
        plan = w.Plan(version=1, publish={PEER: ["microphone"]}, record=self._id, about={"case": "Test recording"})
        await self._tell(w.OpenRoom(room_id=self._id, plan=plan), w.RoomOpened)
        self._open.push_async_callback(self._close)
        self._opened_ns = time.time_ns()
        create = w.CreateTransport(room_id=self._id, peer_id=PEER, direction="send")
        transport = await self._tell(create, w.TransportCreated)

        async def connect(parameters: DtlsParameters) -> None:
            await self._tell(w.ConnectTransport(transport_id=transport.id, dtls_parameters=parameters), w.Done)

        async def produce(parameters: RtpParameters) -> None:
            what = w.Produce(transport_id=transport.id, kind="audio", source="microphone", rtp_parameters=parameters)
            await self._tell(what, w.Produced)

        try:
            await self._open.enter_async_context(speaking(transport, connect, produce))
        except CannotConnect as error:
            raise Wrong("no-connection", str(error)) from error

    async def capture(self) -> None:
        async with self._captured() as states:
            await asyncio.sleep(SPEAKS_S)
            self._closed_ns = time.time_ns()
            async for state in states:
                if state.fault is not None:
                    raise Wrong("capture-fault", state.fault)
                if state.tracks and state.durable_wall_ns >= self._closed_ns:
                    break
        await self._open.aclose()

    async def archive(self) -> None:
        request = m.Finalise(sitting_id=self._id, facts=self._facts())
        unanswered = 0
        while True:
            try:
                answer: m.AnyAnswer = await self._ask(request)
                unanswered = 0
            except BusError:  # it may be starting anew, or busy with a hearing
                unanswered += 1
                if unanswered == TRIES:
                    raise
                answer = m.Accepted()
            if isinstance(answer, m.Refused):
                raise Wrong("refused", f"{answer.reason} {answer.detail}")
            if isinstance(answer, m.Finalised) and answer.playable:
                if answer.partial:
                    raise Wrong("partial")
                return
            await asyncio.sleep(ASK_EVERY_S)

    async def verify(self) -> None:
        report = await verify_record(self._path.archive, prefix(self._id), self._path.key())
        if not report.ok:
            raise Wrong("altered", "; ".join(found.en for found in report.findings)[:300])

    async def play(self) -> None:
        index = playback_decoder.decode(await self._path.archive.read(prefix(self._id) + PLAYBACK_NAME))
        found = next((entry for entry in index.media if entry.person_id == PEER and entry.has_audio), None)
        if found is None or found.size > MEDIA_LIMIT_BYTES:
            raise Wrong("silent")
        self.media = found
        media = await self._path.archive.read(prefix(self._id) + found.name)
        try:
            heard = await asyncio.to_thread(heard_s, media)
        except (av.error.FFmpegError, ValueError, IndexError) as error:
            raise Wrong("unreadable", str(error)) from error
        if heard < HEARD_S:
            raise Wrong("silent", f"{heard:.1f} s")

    # --- inside ---------------------------------------------------------------------------

    async def _tell(self, command: w.AnyCommand, wanted: type[Answer]) -> Answer:
        try:
            data = await self._path.bus.request(
                w.service(self._beat.worker_id), w.encode(command), timeout_s=ANSWER_LIMIT_S
            )
        except BusError as error:
            raise Wrong("no-answer", repr(error)) from error
        answer = w.answer_decoder.decode(data)
        if not isinstance(answer, wanted):
            raise Wrong("refused", repr(answer)[:300])
        return answer

    async def _ask(self, request: m.AnyRequest) -> m.AnyAnswer:
        data = await self._path.bus.request(m.SERVICE, m.encode(request), timeout_s=ANSWER_LIMIT_S)
        return m.answer_decoder.decode(data)

    @contextlib.asynccontextmanager
    async def _captured(self) -> AsyncIterator[AsyncIterator[w.CaptureState]]:
        """What the worker says of this recording."""
        async with self._path.bus.subscribe(w.service(self._beat.worker_id)) as inbox:

            async def states() -> AsyncIterator[w.CaptureState]:
                async for _, payload in inbox:
                    event = w.event_decoder.decode(payload)
                    if isinstance(event, w.CaptureState) and event.recording_id == self._id:
                        yield event
                raise Wrong("no-answer")

            yield states()

    async def _close(self) -> None:
        with contextlib.suppress(Wrong):
            await self._tell(w.CloseRoom(room_id=self._id), w.Done)

    def _facts(self) -> m.SittingFacts:
        return m.SittingFacts(
            court=self._court,
            case_number="TEST",
            case_name="Test recording",
            case_name_zh="测试录音",
            hearing_id=self._id,
            opened_wall_ns=self._opened_ns,
            closed_wall_ns=self._closed_ns,
            participants=[m.Participant(person_id=PEER, name="Test tone", name_zh="测试音", role="technician")],
            writers=[f"{self._beat.worker_id}.{self._beat.epoch}"],
        )
