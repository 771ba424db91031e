"""Synthetic media for tests of the record: real Opus and VP8 in RTP packets, with sender reports, of any length."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import msgspec

from recording import messages
from recording.chain import WriterChain
from recording.format import RECORDING_TRACK, RecordKind, TrackHeader, pack_note, pack_record
from recording.playback import MediaEntry, RepairEntry
from recording.recorder import Recorder
from recording.roots import media_root
from recording.spool import Batch, PendingChunk, SegmentSeries

NTP_EPOCH_S = 2_208_988_800
#: How long a test waits for what has to come, s: shorter than a test may take, so that it can say what did not.
WAIT_LIMIT_S = 150
AUDIO_RATE, VIDEO_RATE = 48_000, 90_000
#: Findings about a record's outside witnesses, which may come later than its seal.
WITNESSES = frozenset(
    {
        "inclusion",
        "inclusion-missing",
        "stamp",
        "stamp-unchecked",
        "stamp-missing",
        "statement-logged",
        "statement-unlogged",
    }
)
OPUS_PAYLOAD_TYPE, VP8_PAYLOAD_TYPE, H264_PAYLOAD_TYPE = 111, 96, 103
#: Of the header extension with a packet's level, and what the tone's is, -dBov.
LEVEL_EXTENSION, TONE_LEVEL = 10, 14


@dataclass(frozen=True)
class Track:
    """The shape of signaling.sfu.capture.TrackInfo."""

    track_id: str
    peer_id: str
    source: str = "microphone"
    kind: str = "audio"
    codec: str = "audio/opus"
    payload_type: int = OPUS_PAYLOAD_TYPE
    clock_rate: int = AUDIO_RATE
    channels: int = 2
    attributes: dict[str, str] = field(default_factory=dict)
    level_extension: int = 0


def audio_track(peer_id: str, track_id: str | None = None, level_extension: int = 0) -> Track:
    return Track(track_id or f"{peer_id}-audio", peer_id, level_extension=level_extension)


def video_track(peer_id: str, track_id: str | None = None, source: str = "camera") -> Track:
    return Track(
        track_id or f"{peer_id}-{source}", peer_id, source, "video", "video/VP8", VP8_PAYLOAD_TYPE, VIDEO_RATE, 0
    )


def h264_track(peer_id: str, track_id: str | None = None, source: str = "camera") -> Track:
    return Track(
        track_id or f"{peer_id}-{source}", peer_id, source, "video", "video/H264", H264_PAYLOAD_TYPE, VIDEO_RATE, 0
    )


@functools.lru_cache(maxsize=32)
def opus_packets(hertz: int = 440, seconds: int = 2) -> tuple[bytes, ...]:
    """A tone as 20 ms Opus packets; whole periods, so that it may be repeated."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = AUDIO_RATE, "mono", "s16"
    encoder.bit_rate = 32_000
    packets: list[bytes] = []
    for index in range(seconds * 50):
        frame = av.AudioFrame("s16", "mono", 960)
        frame.sample_rate, frame.pts = AUDIO_RATE, index * 960
        values = (int(9000 * math.sin(2 * math.pi * hertz * (index * 960 + n) / AUDIO_RATE)) for n in range(960))
        frame.planes[0].update(struct.pack("<960h", *values))
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return tuple(packets)


@functools.lru_cache(maxsize=32)
def vp8_frames(
    width: int = 320, height: int = 180, seconds: int = 2, rate: int = 25, shade: int = 0
) -> tuple[tuple[bytes, bool], ...]:
    """Frames of a moving bar as (bytes, is a keyframe); the first is a keyframe, so that it may be repeated."""
    encoder = av.CodecContext.create("libvpx", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.bit_rate = Fraction(1, rate), 300_000
    encoder.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
    frames: list[tuple[bytes, bool]] = []
    for index in range(seconds * rate):
        frame = av.VideoFrame(width, height, "yuv420p")
        bar = index * 4 % width
        row = bytearray(bytes([40 + shade % 160]) * frame.planes[0].line_size)
        row[bar : bar + 16] = b"\xeb" * len(row[bar : bar + 16])
        frame.planes[0].update(bytes(row) * height)
        for plane in frame.planes[1:]:
            plane.update(b"\x80" * plane.buffer_size)
        frame.pts = index
        frames += [(bytes(packet), packet.is_keyframe) for packet in encoder.encode(frame)]
    return tuple(frames)


@functools.lru_cache(maxsize=32)
def h264_frames(
    width: int = 320, height: int = 180, seconds: int = 2, rate: int = 25, shade: int = 0
) -> tuple[tuple[bytes, ...], ...]:
    """Pictures of a moving bar, each as its NAL units; the first is a keyframe, so that it may be repeated."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.bit_rate = Fraction(1, rate), 300_000
    encoder.options = {"profile": "baseline", "tune": "zerolatency", "preset": "ultrafast"}
    encoder.gop_size = 2 * rate
    pictures: list[tuple[bytes, ...]] = []
    for index in range(seconds * rate):
        frame = av.VideoFrame(width, height, "yuv420p")
        bar = index * 4 % width
        row = bytearray(bytes([40 + shade % 160]) * frame.planes[0].line_size)
        row[bar : bar + 16] = b"\xeb" * len(row[bar : bar + 16])
        frame.planes[0].update(bytes(row) * height)
        for plane in frame.planes[1:]:
            plane.update(b"\x80" * plane.buffer_size)
        frame.pts = index
        for packet in encoder.encode(frame):
            units = bytes(packet).replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
            pictures.append(tuple(unit for unit in units if unit and unit[0] & 0x1F in (1, 5, 7, 8)))
    return tuple(pictures)


def h264_payloads(units: tuple[bytes, ...], limit: int = 1100) -> list[bytes]:
    """As browsers send it (RFC 6184): parameter sets together in one packet, a slice whole or in fragments."""
    payloads: list[bytes] = []
    sets = [unit for unit in units if unit[0] & 0x1F in (7, 8)]
    if sets:
        payloads.append(b"\x78" + b"".join(struct.pack(">H", len(unit)) + unit for unit in sets))
    for unit in units:
        if unit in sets:
            continue
        if len(unit) <= limit:
            payloads.append(unit)
            continue
        parts = [unit[start : start + limit] for start in range(1, len(unit), limit)]
        for number, part in enumerate(parts):
            flags = (0x80 if number == 0 else 0) | (0x40 if number == len(parts) - 1 else 0)
            payloads.append(bytes([unit[0] & 0xE0 | 28, flags | unit[0] & 0x1F]) + part)
    return payloads


def rtp(payload_type: int, sequence: int, timestamp: int, ssrc: int, payload: bytes, marker: bool = False) -> bytes:
    second = payload_type | (0x80 if marker else 0)
    return struct.pack(">BBHII", 0x80, second, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + payload


def with_extension(packet: bytes, elements: bytes, profile: int = 0xBEDE) -> bytes:
    """The packet with header extensions (RFC 8285), which are filled up to whole words."""
    elements += bytes(-len(elements) % 4)
    head = struct.pack(">HH", profile, len(elements) // 4)
    return bytes([packet[0] | 0x10]) + packet[1:12] + head + elements + packet[12:]


def with_level(packet: bytes, level: int) -> bytes:
    """The packet, saying how loud it is (RFC 6464), with the flag for speech."""
    return with_extension(packet, bytes([LEVEL_EXTENSION << 4, 0x80 | level]))


def sender_report(ssrc: int, ntp_ns: int, timestamp: int) -> bytes:
    """``ntp_ns`` since 1900."""
    seconds, rest = divmod(ntp_ns, 1_000_000_000)
    body = struct.pack(">IIIIII", ssrc, seconds, (rest << 32) // 1_000_000_000, timestamp & 0xFFFFFFFF, 0, 0)
    return struct.pack(">BBH", 0x80, 200, len(body) // 4) + body


@dataclass(frozen=True)
class Arrival:
    """One packet at ``at_ns`` after the begin."""

    at_ns: int
    data: bytes
    rtcp: bool = False


def audio_arrivals(
    seconds: float, *, hertz: int = 440, ssrc: int = 1000, sequence: int = 0, timestamp: int = 5_000, delay_ns: int = 0
) -> Iterator[Arrival]:
    """A tone and its sender reports every second."""
    tone = opus_packets(hertz)
    for index in range(int(seconds * 50)):
        at = index * 20_000_000
        if index % 50 == 10:
            report = sender_report(ssrc, NTP_EPOCH_S * 10**9 + at, timestamp + index * 960)
            yield Arrival(at + delay_ns, report, rtcp=True)
        packet = rtp(OPUS_PAYLOAD_TYPE, sequence + index, timestamp + index * 960, ssrc, tone[index % len(tone)])
        yield Arrival(at + delay_ns, packet)


def video_arrivals(
    seconds: float,
    *,
    width: int = 320,
    height: int = 180,
    ssrc: int = 2000,
    sequence: int = 65_500,
    timestamp: int = 4_294_900_000,
    delay_ns: int = 0,
    rate: int = 25,
    shade: int = 0,
    least_bytes: int = 0,
) -> Iterator[Arrival]:
    """Frames in packets of at most 1,100 bytes, without picture ids, and sender reports every second.

    For load, frames are filled up to ``least_bytes``.
    """
    frames = vp8_frames(width, height, rate=rate, shade=shade)
    for index in range(int(seconds * rate)):
        at, stamp = index * 1_000_000_000 // rate, timestamp + index * VIDEO_RATE // rate
        if index % rate == rate // 5:
            yield Arrival(at + delay_ns, sender_report(ssrc, NTP_EPOCH_S * 10**9 + at, stamp), rtcp=True)
        data = frames[index % len(frames)][0].ljust(least_bytes, b"\0")
        parts = [data[start : start + 1100] for start in range(0, len(data), 1100)]
        for number, part in enumerate(parts):
            descriptor = b"\x10" if number == 0 else b"\x00"
            last = number == len(parts) - 1
            yield Arrival(at + delay_ns, rtp(VP8_PAYLOAD_TYPE, sequence, stamp, ssrc, descriptor + part, last))
            sequence += 1


def h264_arrivals(
    seconds: float,
    *,
    width: int = 320,
    height: int = 180,
    ssrc: int = 4000,
    sequence: int = 100,
    timestamp: int = 9_000,
    rate: int = 25,
    shade: int = 0,
) -> Iterator[Arrival]:
    """Pictures in packets of at most 1,100 bytes, and sender reports every second."""
    pictures = h264_frames(width, height, rate=rate, shade=shade)
    for index in range(int(seconds * rate)):
        at, stamp = index * 1_000_000_000 // rate, timestamp + index * VIDEO_RATE // rate
        if index % rate == rate // 5:
            yield Arrival(at, sender_report(ssrc, NTP_EPOCH_S * 10**9 + at, stamp), rtcp=True)
        payloads = h264_payloads(pictures[index % len(pictures)])
        for number, payload in enumerate(payloads):
            yield Arrival(at, rtp(H264_PAYLOAD_TYPE, sequence, stamp, ssrc, payload, number == len(payloads) - 1))
            sequence += 1


SECOND = 1_000_000_000
#: When synthetic recordings begin, ns since 1970, and what the writer's monotonic clock says then.
BEGIN_WALL_NS, BEGIN_MONO_NS = 1_790_000_000 * SECOND, 5_000 * SECOND


@dataclass
class Tape:
    """Writes a synthetic recording to a spool as a media worker would, faster than time, on clocks of its own."""

    spool: Path
    recording_id: str = "sitting"
    writer: str = "worker.1"
    begin_s: float = 0.0
    _records: list[tuple[int, int, bytes]] = field(default_factory=list)
    _tracks: int = 0

    def track(self, track: Track, arrivals: Iterable[Arrival], start_s: float = 0.0) -> int:
        """A track that begins at ``start_s`` of the tape and is captured; answers its number."""
        self._tracks += 1
        header = msgspec.json.encode(TrackHeader(**vars_of(track)))
        self._add(int(start_s * SECOND), RecordKind.TRACK, header, self._tracks)
        self.more(self._tracks, arrivals, start_s)
        return self._tracks

    def more(self, number: int, arrivals: Iterable[Arrival], start_s: float) -> None:
        """More packets of a track."""
        for arrival in arrivals:
            kind = RecordKind.RTCP if arrival.rtcp else RecordKind.RTP
            self._add(int(start_s * SECOND) + arrival.at_ns, kind, arrival.data, number)

    def note(self, number: int, at_s: float, what: str, **facts: object) -> None:
        data = msgspec.json.encode({"note": what, **facts})
        self._add(int(at_s * SECOND), RecordKind.NOTE, data, number)

    def write(
        self, seconds: float, *, end: str | None = "closed", pause: tuple[float, float] | None = None
    ) -> SegmentSeries:
        """All of it in half-second chunks; without ``end`` the last segment stays open, as after a crash.  Nothing is
        written in the ``pause``, as while the room is elsewhere, or the disk takes nothing."""
        series = SegmentSeries(self.spool, self.recording_id, self.writer, "tests", lambda _: None)
        by_cut: dict[int, dict[int, list[tuple[int, bytes]]]] = {}
        for at, number, data in sorted(self._records, key=lambda record: record[0]):
            by_cut.setdefault(at * 2 // SECOND, {}).setdefault(number, []).append((at, data))
        cuts = int(seconds * 2)
        begin = int(self.begin_s * SECOND)
        for cut in range(cuts + 1):
            if pause is not None and pause[0] < cut / 2 <= pause[1]:
                continue
            now = begin + cut * SECOND // 2
            mono, wall = BEGIN_MONO_NS + now, BEGIN_WALL_NS + now
            chunks = [] if cut % 4 else [self._clock(mono, wall)]
            if cut:
                for number, records in sorted(by_cut.get(cut - 1, {}).items()):
                    chunks.append(self._chunk(number, records))
            if series.complete:
                series.flush()
            series.append(Batch(series, chunks, mono, wall, 0, end if cut == cuts else None))
        series.flush()
        return series

    def _add(self, at: int, kind: RecordKind, data: bytes, number: int) -> None:
        mono = BEGIN_MONO_NS + int(self.begin_s * SECOND) + at
        self._records.append((at, number, pack_record(kind, mono, data)))

    def _chunk(self, number: int, records: list[tuple[int, bytes]]) -> PendingChunk:
        begin = int(self.begin_s * SECOND)
        first, last = begin + records[0][0], begin + records[-1][0]
        mono, wall = (BEGIN_MONO_NS + first, BEGIN_MONO_NS + last), (BEGIN_WALL_NS + first, BEGIN_WALL_NS + last)
        return PendingChunk(number, b"".join(data for _, data in records), len(records), mono, wall)

    @staticmethod
    def _clock(mono: int, wall: int) -> PendingChunk:
        note = pack_note(mono, "clock", wallUs=wall // 1000, tracks=0)
        return PendingChunk(RECORDING_TRACK, note, 1, (mono, mono), (wall, wall))


def vars_of(track: Track) -> dict[str, Any]:
    return {name: getattr(track, name) for name in track.__dataclass_fields__}


def facts(seconds: float, people: Iterable[str], writers: Iterable[str] = ("worker.1",)) -> messages.SittingFacts:
    """What control would say of a sitting that was on these tapes."""
    return messages.SittingFacts(
        court="Court of Tests",
        court_zh="测试法院",
        case_number="(2026) T 1",
        case_name="A v B",
        case_name_zh="甲诉乙",
        hearing_id="hearing",
        opened_wall_ns=BEGIN_WALL_NS,
        closed_wall_ns=BEGIN_WALL_NS + int(seconds * SECOND),
        participants=[
            messages.Participant(person_id=person, name=person.title(), name_zh=f"{person}某", role="claimant")
            for person in people
        ],
        events=[{"seq": 1, "event": "open"}],
        writers=list(writers),
    )


def media_entry(**changes: object) -> MediaEntry:
    """An entry of a playback index, as if made from nothing."""
    fields: dict[str, object] = {
        "name": "n", "person_id": "p", "source": "person", "display_name": "Wang", "display_name_zh": "王",
        "role": "judge", "media_type": "", "size": 0, "sha256": "", "offset_ms": 0, "duration_ms": 0, "has_audio": True,
        "has_video": True, "width": 0, "height": 0, "video_spans": [], "audio_spans": [],
        "peaks_period_ms": 500, "peaks": [], "alignment": "arrival", "derived_from": [],
        "repairs": RepairEntry(silence_ms=0, packets_left_out=0, frames_left_out=0, late_left_out=0),
    }  # fmt: skip
    return MediaEntry(**(fields | changes))  # type: ignore[arg-type]


def root_events(folder: Path, writer: str = "worker.1") -> list[dict[str, Any]]:
    """Entries of the sitting's log, one for each closed segment in this folder, with the root as it then stood."""
    chain, events = WriterChain("sitting", writer), []
    for count, path in enumerate(sorted(folder.glob("*.hrec")), 1):
        chain.feed(path.name, path.read_bytes())
        made = media_root([chain])
        events.append(
            {
                "name": "root",
                "utc": BEGIN_WALL_NS + count * SECOND,
                "prev_hash": f"{count:064x}",
                "detail": {"media": made.root.hex(), "tracks": made.tracks, "segments": made.segments},
            }
        )
    return events


async def sealed(
    recorder: Recorder, sitting_id: str, sitting: messages.SittingFacts, limit_s: float | None = WAIT_LIMIT_S
) -> messages.Finalised:
    """Ask until the record can be played, as control does."""
    request = messages.Finalise(sitting_id=sitting_id, facts=sitting)
    answer: messages.AnyAnswer | None = None
    try:
        async with asyncio.timeout(limit_s):
            while True:
                answer = await recorder.finalise(request)
                assert not isinstance(answer, messages.Refused), answer
                if isinstance(answer, messages.Finalised) and answer.playable:
                    return answer
                await asyncio.sleep(0.05)
    except TimeoutError:
        state = await asyncio.to_thread(recorder.state)
        raise AssertionError(f"{sitting_id} is not sealed after {limit_s} s: {answer}, {state}") from None


@contextlib.asynccontextmanager
async def running(recorder: Recorder) -> AsyncIterator[Recorder]:
    task = asyncio.create_task(recorder.run())
    try:
        yield recorder
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def eventually(check: Callable[[], Awaitable[bool]], limit_s: float | None = WAIT_LIMIT_S) -> None:
    """Returns once this holds; a test that waits in vain ends before its own time limit, and says for what."""
    try:
        async with asyncio.timeout(limit_s):
            while True:
                if await check():
                    return
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{check} does not hold after {limit_s} s") from None
