"""Where every packet lands in the derived files: within 40 ms of when it was taken, whatever clocks and numbers do."""

from __future__ import annotations

import itertools
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import pytest

from recording.media.vp8 import BLACK_KEYFRAME
from recording.record import Record
from tests.recorded import (
    BEGIN_WALL_NS,
    NTP_EPOCH_S,
    OPUS_PAYLOAD_TYPE,
    SECOND,
    VP8_PAYLOAD_TYPE,
    Arrival,
    Tape,
    audio_track,
    rtp,
    sender_report,
    video_track,
    vp8_frames,
)

#: The issue's bar, ns (record.md E9).
BAR_NS = 40_000_000
#: CELT, 20 ms, mono, one frame (RFC 6716 table 2): what follows may be anything.
TOC = b"\xf8"
NUMBER = struct.Struct(">I")
_RATES = {"audio": 48_000, "video": 90_000}


@dataclass
class Source:
    """Numbered packets of one sender, and when each was really taken (ns after the tape's begin)."""

    kind: str
    seconds: float
    ssrc: int
    sequence: int = 0
    timestamp: int = 0
    #: The sender's clock runs fast by this.
    ppm: float = 0.0
    start_s: float = 0.0
    size: tuple[int, int] = (320, 180)
    #: Packets a second; 50 of sound and 25 of picture if it is not said.
    per_second: int = 0
    #: ns that a packet is late by.
    delay: Callable[[], int] = lambda: 0
    #: Whether the report of this second is sent and arrives.
    reports: Callable[[int], bool] = lambda second: True
    first_number: int = 0
    truth: dict[int, int] = field(default_factory=dict)

    def arrivals(self) -> Iterator[Arrival]:
        rate, per_second = _RATES[self.kind], self.per_second or (50 if self.kind == "audio" else 25)
        frames = vp8_frames(*self.size)
        for index in range(int(self.seconds * per_second)):
            by_sender_ns = index * SECOND // per_second
            taken_ns = int((self.start_s * SECOND) + by_sender_ns / (1 + self.ppm / 1e6))
            stamp = self.timestamp + index * rate // per_second
            if index % per_second == per_second // 5 and self.reports(index // per_second):
                ntp_ns = NTP_EPOCH_S * SECOND + int(self.start_s * SECOND) + by_sender_ns
                yield Arrival(taken_ns + self.delay(), sender_report(self.ssrc, ntp_ns, stamp), rtcp=True)
            number = self.first_number + index
            self.truth[number] = taken_ns
            if self.kind == "audio":
                packet = rtp(OPUS_PAYLOAD_TYPE, self.sequence + index, stamp, self.ssrc, TOC + NUMBER.pack(number))
            else:
                data = b"\x10" + frames[index % len(frames)][0] + NUMBER.pack(number)
                packet = rtp(VP8_PAYLOAD_TYPE, self.sequence + index, stamp, self.ssrc, data, marker=True)
            yield Arrival(taken_ns + self.delay(), packet)


def worst_ns(folder: Path, tracks: list[list[Source]], seconds: float) -> dict[str, int]:
    """Per track the largest distance of a derived packet from its truth; every packet that was sent must be there.

    Sources in one list are one track, one after the other; two lists are one person's.
    """
    tape = Tape(folder / "spool")
    for number, sources in enumerate(tracks):
        if not sources:
            continue
        make = audio_track if sources[0].kind == "audio" else video_track
        arrivals = (arrival for source in sources for arrival in source.arrivals())
        tape.track(make(f"p{number // 2}", f"t{number}"), arrivals)
    tape.write(seconds).abandon()
    record = Record("sitting", folder / "work")
    for path in sorted((folder / "spool" / "sitting" / "worker.1").glob("*.hrec")):
        record.feed("worker.1", path.name, path.read_bytes())
    record.finish()
    for file in record.files.values():
        file.finish("")
    found: dict[str, int] = {}
    for number, sources in enumerate(tracks):
        if not sources:
            continue
        file = record.files[f"p{number // 2}", "person", "webm"]
        assert file.start_ns is not None
        truth = {number: at for source in sources for number, at in source.truth.items()}
        seen: set[int] = set()
        with av.open(str(file.path)) as container:
            stream = next(stream for stream in container.streams if stream.type == sources[0].kind)
            for packet in container.demux(stream):
                data = bytes(packet)
                own = data[:1] == TOC and len(data) == 5 if sources[0].kind == "audio" else data != BLACK_KEYFRAME
                if packet.pts is None or not own:
                    continue  # silence and black
                (which,) = NUMBER.unpack(data[-4:])
                seen.add(which)
                at_ns = file.start_ns - BEGIN_WALL_NS + int(packet.pts * packet.time_base * SECOND)
                found[f"t{number}"] = max(found.get(f"t{number}", 0), abs(at_ns - truth[which]))
        assert len(seen) >= len(truth) - 2, (number, len(seen), len(truth))
    return found


def test_clocks_that_drift_by_50_ppm_each_way(tmp_path: Path) -> None:
    """In twenty minutes they are 120 ms apart."""
    fast = Source("video", 1200, ssrc=1, ppm=50, per_second=5)
    slow = Source("video", 1200, ssrc=2, ppm=-50, per_second=5)
    found = worst_ns(tmp_path, [[fast], [], [slow]], 1201)
    assert max(found.values()) <= BAR_NS, found


def late_at(seconds: int) -> Callable[[int], bool]:
    return lambda second: second >= seconds


def missing(first: int, last: int) -> Callable[[int], bool]:
    return lambda second: not first <= second < last


@pytest.mark.parametrize(
    "reports", [late_at(5), late_at(99), missing(5, 35), missing(1, 99)], ids=["late", "never", "missing", "only one"]
)
def test_reports_that_come_late_or_not_at_all(tmp_path: Path, reports: Callable[[int], bool]) -> None:
    chance = random.Random(5)

    def jitter() -> int:
        return chance.choice((0, 0, chance.randrange(30_000_000)))

    sound = Source("audio", 40, ssrc=1, ppm=50, delay=jitter, reports=reports)
    picture = Source("video", 40, ssrc=2, ppm=50, delay=jitter, reports=reports)
    found = worst_ns(tmp_path, [[sound], [picture]], 41)
    assert max(found.values()) <= BAR_NS, found


@pytest.mark.parametrize("before", [1, 30, 700])
def test_numbers_and_timestamps_wrap(tmp_path: Path, before: int) -> None:
    sound = Source("audio", 30, ssrc=1, sequence=2**16 - before, timestamp=2**32 - before * 960)
    picture = Source("video", 30, ssrc=2, sequence=2**16 - before, timestamp=2**32 - before * 3600)
    found = worst_ns(tmp_path, [[sound], [picture]], 31)
    assert max(found.values()) <= BAR_NS, found


def test_a_camera_changes_its_size_within_one_source(tmp_path: Path) -> None:
    """As an encoder does whose network got worse, and better: the same SSRC, its numbers and timestamps go on."""
    sound = Source("audio", 24, ssrc=1)
    picture = [
        Source("video", 8, ssrc=2, sequence=at * 25, timestamp=at * 90_000, start_s=at, first_number=at * 25, size=size)
        for at, size in ((0, (640, 360)), (8, (320, 180)), (16, (640, 360)))
    ]
    found = worst_ns(tmp_path, [[sound], picture], 25)
    assert max(found.values()) <= BAR_NS, found
    with av.open(str(next((tmp_path / "work").rglob("*.webm")))) as container:
        sizes = [(frame.width, frame.height) for frame in container.decode(video=0)]
    # Before the first picture there is a black one, of a size of its own.
    runs = [(size, len(list(run))) for size, run in itertools.groupby(sizes)]
    assert runs[-3:] == [((640, 360), 200), ((320, 180), 200), ((640, 360), 200)]
    assert len(sizes) <= 601


def test_another_source_takes_over_within_a_track(tmp_path: Path) -> None:
    """Another SSRC, other numbers, other timestamps, and a picture of another size; after a pause of 2 s."""
    sound = [
        Source("audio", 20, ssrc=1, sequence=4_000, timestamp=77),
        Source("audio", 18, ssrc=9, sequence=60_000, timestamp=2**32 - 9_600, start_s=22, first_number=10_000),
    ]
    picture = [
        Source("video", 20, ssrc=2, sequence=1, timestamp=5),
        Source(
            "video", 18, ssrc=10, sequence=65_530, timestamp=2**31, start_s=22, first_number=10_000, size=(640, 360)
        ),
    ]
    found = worst_ns(tmp_path, [sound, picture], 41)
    assert max(found.values()) <= BAR_NS, found
