"""Stored packets of any length, as fast as a disk takes them: ten seconds of real Opus and VP8, and so on for hours.

Each further ten seconds are the first ones with arrival times, sequence numbers, timestamps and sender reports moved
on, so that hours of a hearing are made in seconds of processor time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from recording.format import RECORD, RecordKind, TrackHeader, pack_record
from recording.spool import Batch, PendingChunk, SegmentSeries
from tests.recorded import (
    BEGIN_MONO_NS,
    BEGIN_WALL_NS,
    LEVEL_EXTENSION,
    SECOND,
    TONE_LEVEL,
    Arrival,
    Tape,
    Track,
    audio_arrivals,
    audio_track,
    vars_of,
    video_arrivals,
    video_track,
    with_level,
)

PERIOD_S = 10
CUTS_A_SECOND = 2
#: 25 frames of this a second are 1.5 Mbit/s: what the client lets the best layer of a 1280 pixel wide camera have
#: (CAMERA_LAYERS in web_client/src/lib/media/encodings.ts), and the best layer received is what is captured.
FRAME_BYTES = 7_500
_RECORDS_BYTES = RECORD.size


@dataclass(frozen=True, slots=True)
class Field:
    """Numbers of ``width`` bytes at ``places`` of a piece, which grow by ``step`` in each period."""

    places: np.ndarray
    values: np.ndarray
    width: int
    step: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Half a second of a track."""

    data: np.ndarray
    fields: list[Field]
    count: int
    first_ns: int
    last_ns: int

    def moved(self, period: int) -> bytes:
        data = self.data.copy()
        for field in self.fields:
            values = (field.values + np.uint64(field.step * period % 2**64)).astype(">u8")
            data[field.places] = values.view(np.uint8).reshape(-1, 8)[:, 8 - field.width :]
        return data.tobytes()


def _piece(arrivals: list[Arrival], packets: int, rate: int) -> Piece:
    """``packets``: how many RTP packets the track has in a period."""
    data, at = bytearray(), 0
    found: dict[tuple[int, int], list[tuple[int, int]]] = {(8, PERIOD_S * SECOND): []}
    for arrival in arrivals:
        kind = RecordKind.RTCP if arrival.rtcp else RecordKind.RTP
        data += pack_record(kind, BEGIN_MONO_NS + arrival.at_ns, arrival.data)
        body = at + _RECORDS_BYTES
        places = [(at + 1, 8, PERIOD_S * SECOND)]
        if arrival.rtcp:
            places += [(body + 8, 4, PERIOD_S), (body + 16, 4, PERIOD_S * rate)]
        else:
            places += [(body + 2, 2, packets), (body + 4, 4, PERIOD_S * rate)]
        for place, width, step in places:
            found.setdefault((width, step), []).append((place, int.from_bytes(data[place : place + width], "big")))
        at = len(data)
    fields = [
        Field(
            np.array([place for place, _ in numbers])[:, None] + np.arange(width),
            np.array([value for _, value in numbers], dtype=np.uint64),
            width,
            step,
        )
        for (width, step), numbers in found.items()
    ]
    return Piece(
        np.frombuffer(bytes(data), dtype=np.uint8), fields, len(arrivals), arrivals[0].at_ns, arrivals[-1].at_ns
    )


class LongTape:
    """A hearing of so many people, each with voice and camera."""

    def __init__(self, people: int) -> None:
        self._tracks: list[tuple[Track, list[Piece]]] = []
        for number in range(people):
            person = f"p{number}"
            sound = audio_arrivals(PERIOD_S, hertz=300 + 50 * number, ssrc=10 + number)
            # As every browser sends it, with a level in each packet.
            levels = [a if a.rtcp else Arrival(a.at_ns, with_level(a.data, TONE_LEVEL)) for a in sound]
            self._add(audio_track(person, level_extension=LEVEL_EXTENSION), levels)
            picture = video_arrivals(PERIOD_S, ssrc=100 + number, shade=20 * number, least_bytes=FRAME_BYTES)
            self._add(video_track(person), picture)

    def chunks(self, period: int) -> list[list[PendingChunk]]:
        """Of ten seconds, those of each half second."""
        cuts: list[list[PendingChunk]] = []
        for cut in range(PERIOD_S * CUTS_A_SECOND):
            chunks = []
            for number, (track, pieces) in enumerate(self._tracks, 1):
                piece = pieces[cut]
                records, count = piece.moved(period), piece.count
                first, last = (period * PERIOD_S * SECOND + at for at in (piece.first_ns, piece.last_ns))
                if not period and not cut:
                    header = msgspec.json.encode(TrackHeader(**vars_of(track)))
                    records, count = pack_record(RecordKind.TRACK, BEGIN_MONO_NS, header) + records, count + 1
                mono = BEGIN_MONO_NS + first, BEGIN_MONO_NS + last
                wall = BEGIN_WALL_NS + first, BEGIN_WALL_NS + last
                chunks.append(PendingChunk(number, records, count, mono, wall))
            cuts.append(chunks)
        return cuts

    def _add(self, track: Track, arrivals: Iterable[Arrival]) -> None:
        every = list(arrivals)
        packets = sum(not arrival.rtcp for arrival in every)
        cuts = [
            [a for a in every if a.at_ns * CUTS_A_SECOND // SECOND == cut] for cut in range(PERIOD_S * CUTS_A_SECOND)
        ]
        self._tracks.append((track, [_piece(cut, packets, track.clock_rate) for cut in cuts]))


def batches(series: SegmentSeries, period: int, cuts: list[list[PendingChunk]]) -> Iterator[Batch]:
    """Ten seconds of a hearing as the media worker hands them to its spool."""
    for cut, chunks in enumerate(cuts):
        now = period * PERIOD_S * SECOND + (cut + 1) * SECOND // CUTS_A_SECOND
        mono, wall = BEGIN_MONO_NS + now, BEGIN_WALL_NS + now
        clock = [] if cut % 4 else [Tape._clock(mono, wall)]
        yield Batch(series, clock + chunks, mono, wall, 0)


def put(series: SegmentSeries, period: int, cuts: list[list[PendingChunk]]) -> None:
    """On the spool, and durable where a segment is complete."""
    for batch in batches(series, period, cuts):
        if series.complete:
            series.flush()
        series.append(batch)


def end(series: SegmentSeries, seconds: int) -> None:
    """The room closes."""
    now = seconds * SECOND + SECOND // 2
    if series.complete:
        series.flush()
    series.append(Batch(series, [], BEGIN_MONO_NS + now, BEGIN_WALL_NS + now, 0, "closed"))
    series.flush()


def open_series(spool: Path, recording_id: str) -> SegmentSeries:
    return SegmentSeries(spool, recording_id, "worker.1", "benchmark", lambda _: None)
