"""One playable WebM per person out of that person's tracks, while the hearing runs or after it.

Packets are put on one time line (:mod:`.clocks`), sound is kept free of holes by digital silence so that players stay
in step, pictures wait for a keyframe after a loss.  Nothing is decoded or encoded.

WebM holds Opus and VP8.  What a person sends in H.264 goes into an MP4 of pictures beside it, so that a person who
changes from one device to another within a hearing has both.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path

from . import h264, opus, vp8
from .clocks import SenderClock, SourceClock
from .frames import Decodable
from .mp4 import Mp4Writer
from .peaks import Peaks
from .rtp import Packet, SenderReport, audio_level
from .vp8 import BLACK_KEYFRAME
from .webm import AUDIO, HEAD_BYTES, VIDEO, WebmWriter

#: Kinds of playable files: how their names end, and what they are.
WEBM, MP4 = "webm", "mp4"
MEDIA_TYPES = {WEBM: "video/webm", MP4: "video/mp4"}

#: A track without a sender report is placed by arrival after this, ns.
REPORT_WAIT_NS = 12_000_000_000
#: Frames are written when the person's newest is this much later: packets may still come out of order, ns.
SETTLE_NS = 3_000_000_000
#: Sound may stand this far from its place before a packet is left out, ns.
AUDIO_SLACK_NS = 20_000_000
#: Silence is written up to this long before the present, so that sound which is a little late finds its place, ns.
SILENCE_LAG_NS = 200_000_000
#: Long spans are filled in steps of this, ns: far below the reach of a cluster's relative times (32 s).
FILL_STEP_NS = 1_000_000_000
#: Until a person's picture begins, a black keyframe this often lets players start and seek, ms.
BLACK_EVERY_MS = 5_000
#: A frame this much older than what is written, from another writer, means that segments came out of order, ns.
STALE_NS = 500_000_000
#: A frame that says to be this long after the file's start is left out: a sitting is no longer, ns.
LENGTH_LIMIT_NS = 36 * 3600 * 1_000_000_000
#: Frames closer than this are one span of picture or sound, ms.
SPAN_MERGE_MS = 1_000
VIDEO_SPAN_MERGE_MS = 5_000


@dataclass(slots=True)
class Unit:
    """A frame of picture or a packet of sound.  ``time_ns``: wall clock of the record once it is mapped; ``level``: how
    loud the packet says it is (-dBov)."""

    video: bool
    ssrc: int
    timestamp: int
    arrival_ns: int
    data: bytes | memoryview
    key: bool
    width: int = 0
    height: int = 0
    time_ns: int = 0
    level: int | None = None


@dataclass
class MediaTrack:
    """The media of one track on its way into its person's file; a :class:`recording.content.MediaSink`."""

    writer: str
    video: bool
    rate: int
    #: Wall minus monotonic clock of the writer, ns: one value for the whole recording.
    wall_minus_mono_ns: int
    sender: SenderClock
    #: MIME type, lower case.
    codec: str = "video/vp8"
    #: Of the header extension that has a packet's level, 0 if there is none.
    level_id: int = 0
    units: list[Unit] = field(default_factory=list)
    reports: list[SenderReport] = field(default_factory=list)
    clocks: dict[int, SourceClock] = field(default_factory=dict)
    dropped_frames: int = 0
    newest_ns: int = 0
    _assemblers: dict[int, vp8.Assembler | h264.Assembler] = field(default_factory=dict)
    _decodable: Decodable = field(default_factory=Decodable)

    def packet(self, packet: Packet, missing: int) -> None:
        self.newest_ns = packet.arrival_ns
        if not self.video:
            if packet.payload:
                unit = Unit(False, packet.ssrc, packet.timestamp, packet.arrival_ns, packet.payload, True)
                unit.level = audio_level(packet.extension, self.level_id)
                self.units.append(unit)
            return
        assembler = self._assemblers.get(packet.ssrc)
        if assembler is None:
            made = h264.Assembler() if self.codec == "video/h264" else vp8.Assembler()
            assembler = self._assemblers[packet.ssrc] = made
        for frame in assembler.push(packet, missing):
            if self._decodable.keeps(frame):
                self.units.append(
                    Unit(
                        True,
                        frame.ssrc,
                        frame.timestamp,
                        frame.arrival_ns,
                        frame.data,
                        frame.key,
                        frame.width,
                        frame.height,
                    )
                )
            else:
                self.dropped_frames += 1

    def report(self, report: SenderReport) -> None:
        self.reports.append(report)

    def switched(self) -> None:
        self._assemblers.clear()

    def ready(self) -> bool:
        """All that waits can be placed: its sources have reports, or were waited for long enough."""
        if not self.units:
            return True
        reported = {report.ssrc for report in self.reports}
        known = all(unit.ssrc in reported or self._clock(unit.ssrc).reported for unit in self.units)
        return known or self.newest_ns - self.units[0].arrival_ns > REPORT_WAIT_NS

    def take(self) -> list[Unit]:
        """All that waits, with its time."""
        self._take_reports()
        units, self.units = self.units, []
        for unit in units:
            self._clock(unit.ssrc).prime_arrival(unit.timestamp, unit.arrival_ns)
        for unit in units:
            mono_ns = self._clock(unit.ssrc).map(unit.timestamp, unit.arrival_ns)
            unit.time_ns = mono_ns + self.wall_minus_mono_ns
            unit.data = bytes(unit.data)  # lets go of the packet it is a view of
        return units

    def _take_reports(self) -> None:
        for report in self.reports:
            self._clock(report.ssrc).prime(report)
        for report in sorted(self.reports, key=attrgetter("arrival_ns")):
            self._clock(report.ssrc).report(report)
        self.reports = []

    def _clock(self, ssrc: int) -> SourceClock:
        clock = self.clocks.get(ssrc)
        if clock is None:
            clock = self.clocks[ssrc] = self._new_clock()
        return clock

    def _new_clock(self) -> SourceClock:
        return SourceClock(self.rate, self.sender)


@dataclass(slots=True)
class Repairs:
    """What the playable copy holds that the record does not, and the other way round."""

    silence_ms: int = 0
    packets_left_out: int = 0
    frames_left_out: int = 0
    late_left_out: int = 0


class PersonFile:
    """A file of one person (or of one person's screen), growing.  ``path`` ends in one of :data:`MEDIA_TYPES`.

    An MP4 holds pictures in H.264 only, and begins with the first.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.container = path.suffix[1:]
        self.tracks: list[MediaTrack] = []
        self.repairs = Repairs()
        self.start_ns: int | None = None
        self.end_ms = 0
        self.video_spans: list[list[int]] = []
        self.audio_spans: list[list[int]] = []
        self.stale = False
        self._box: WebmWriter | Mp4Writer
        if self.container == MP4:
            self._box = Mp4Writer(path)
            self._file = None
        else:
            self._file = path.open("w+b")
            self._box = WebmWriter(self._file)
        self._finished = False
        self._peaks = Peaks()
        self._waiting: list[Unit] = []
        self._newest_ns = 0
        self._written_ns = 0
        self._writer = ""
        self._video_ms = -1
        self._audio_ns = 0
        self._filled_ns = 0

    @property
    def width(self) -> int:
        return self._box.width

    @property
    def height(self) -> int:
        return self._box.height

    @property
    def has_video(self) -> bool:
        return bool(self.video_spans)

    @property
    def has_audio(self) -> bool:
        return bool(self.audio_spans)

    @property
    def peaks(self) -> list[int]:
        return self._peaks.values

    def add_track(self, track: MediaTrack) -> None:
        self.tracks.append(track)

    def advance(self, final: bool = False) -> None:
        """Place and write what can be; all of it if nothing more will come."""
        if not final and not all(track.ready() for track in self.tracks):
            return
        for track in self.tracks:
            units = track.take()
            if units and self.start_ns is not None and track.writer != self._writer:
                self.stale |= units[0].time_ns < self._written_ns - STALE_NS
            if units:
                self._writer = track.writer
            self._waiting += units
        if not self._waiting:
            return
        self._waiting.sort(key=attrgetter("time_ns"))
        self._newest_ns = max(self._newest_ns, self._waiting[-1].time_ns)
        horizon = self._newest_ns if final else self._newest_ns - SETTLE_NS
        count = 0
        for unit in self._waiting:
            if unit.time_ns > horizon:
                break
            self._write(unit)
            count += 1
        del self._waiting[:count]

    def finish(self, title: str) -> None:
        """Write the rest and the head, and close the file.  Doing so again changes nothing."""
        if self._finished:
            return
        self.advance(final=True)
        self.repairs.frames_left_out += sum(track.dropped_frames for track in self.tracks)
        self._box.finish(self.end_ms, title, self.start_ns)
        if self._file is not None:
            self._file.close()
        self._finished = True

    @property
    def hashed_from(self) -> int:
        """Where :meth:`digest` begins: the head comes last."""
        return HEAD_BYTES if self.container == WEBM else 0

    def digest(self) -> str:
        """SHA-256 of the finished file from :attr:`hashed_from` on, and then of what is before it, in hex."""
        if isinstance(self._box, WebmWriter):
            return self._box.hash.hexdigest()
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def discard(self) -> None:
        if isinstance(self._box, Mp4Writer):
            self._box.close()
        if self._file is not None:
            self._file.close()
        self.path.unlink(missing_ok=True)

    def _write(self, unit: Unit) -> None:
        if self.start_ns is None:
            self.start_ns = unit.time_ns
        place_ns = unit.time_ns - self.start_ns
        if place_ns > LENGTH_LIMIT_NS:
            self.repairs.late_left_out += 1
            return
        self._written_ns = max(self._written_ns, unit.time_ns)
        if self.container == WEBM:
            while place_ns - self._filled_ns > FILL_STEP_NS:
                self._fill_to(self._filled_ns + FILL_STEP_NS)
            self._fill_to(place_ns)
        if unit.video:
            self._write_video(unit)
        else:
            self._write_audio(unit)

    def _write_video(self, unit: Unit) -> None:
        assert self.start_ns is not None
        time_ms = (unit.time_ns - self.start_ns) // 1_000_000
        if time_ms <= self._video_ms:
            if self._video_ms - time_ms > STALE_NS // 1_000_000:
                self.repairs.late_left_out += 1
                return
            time_ms = self._video_ms + 1
        self._video_ms = time_ms
        if unit.width * unit.height > self._box.width * self._box.height:
            self._box.width, self._box.height = unit.width, unit.height
        if self._emit(VIDEO, time_ms, unit.data, unit.key):
            _extend(self.video_spans, time_ms, time_ms, VIDEO_SPAN_MERGE_MS)
        else:
            self.repairs.frames_left_out += 1

    def _fill_to(self, place_ns: int) -> None:
        """Black and silence up to here, where there is neither picture nor sound.  In steps, to keep the order."""
        self._filled_ns = max(self._filled_ns, place_ns)
        if not self.video_spans:
            self._write_black(place_ns // 1_000_000)
        if place_ns - self._audio_ns >= 2 * SILENCE_LAG_NS:
            self._fill(place_ns - SILENCE_LAG_NS)

    def _write_black(self, now_ms: int) -> None:
        """Black up to now: both tracks then begin with the file, which every player can start and seek."""
        time_ms = 0 if self._video_ms < 0 else self._video_ms + BLACK_EVERY_MS
        while time_ms < now_ms or self._video_ms < 0:
            self._video_ms = time_ms
            self._emit(VIDEO, time_ms, BLACK_KEYFRAME, True)
            time_ms += BLACK_EVERY_MS

    def _write_audio(self, unit: Unit) -> None:
        assert self.start_ns is not None
        length_ns = opus.samples(unit.data) * 1_000_000_000 // opus.RATE
        if not length_ns:
            return
        place_ns = unit.time_ns - self.start_ns
        if place_ns - self._audio_ns < -AUDIO_SLACK_NS:
            self.repairs.packets_left_out += 1
            return
        self._fill(place_ns)
        time_ms = self._audio_ns // 1_000_000
        self._audio_ns += length_ns
        self._emit(AUDIO, time_ms, unit.data, True)
        self._peaks.add(time_ms, unit.data, unit.level)
        _extend(self.audio_spans, time_ms, self._audio_ns // 1_000_000, SPAN_MERGE_MS)

    def _fill(self, place_ns: int) -> None:
        """Digital silence up to this place."""
        for packet, count in ((opus.LONG_SILENCE, opus.LONG_SILENCE_SAMPLES), (opus.SILENCE, opus.SILENCE_SAMPLES)):
            length_ns = count * 1_000_000_000 // opus.RATE
            while place_ns - self._audio_ns >= length_ns:
                self._emit(AUDIO, self._audio_ns // 1_000_000, packet, True)
                self._audio_ns += length_ns
                self.repairs.silence_ms += length_ns // 1_000_000

    def _emit(self, track: int, time_ms: int, data: bytes | memoryview, key: bool) -> bool:
        taken = self._box.write(track, time_ms, data, key)
        if taken:
            self.end_ms = max(self.end_ms, time_ms + 20)
        return taken


def _extend(spans: list[list[int]], start_ms: int, end_ms: int, merge_ms: int) -> None:
    if spans and start_ms - spans[-1][1] <= merge_ms:
        spans[-1][1] = max(spans[-1][1], end_ms)
    else:
        spans.append([start_ms, end_ms])
