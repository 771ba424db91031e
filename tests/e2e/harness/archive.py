"""What a sealed record holds, read from its own bytes: whose packets, and when they came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from recording.format import RECORDING_TRACK, RecordKind, TrackHeader, read_chunks, read_header

NS = 1_000_000_000


@dataclass(frozen=True)
class Span:
    """These people (keys of the cast) had no media on record from begin to end, s since 1970."""

    begin: float
    end: float
    people: set[str]


@dataclass
class Track:
    """``times``: when each of its packets came, s since 1970."""

    person_id: str
    source: str
    attributes: dict[str, str]
    times: list[float] = field(default_factory=list)


async def is_sealed(folder: Path) -> bool:
    return (folder / "manifest.sig").exists() and (folder / "derived" / "playback.sig").exists()


def objects_of(folder: Path) -> list[str]:
    """Names of all that is stored of a sitting, but notes of the store itself."""
    return [str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file()]


#: What lies in the archive besides records: the log of them all, and test recordings, which are of no hearing.
BESIDE = ("log/", "tests/")


def recordings_of(data: Path) -> set[str]:
    """Sittings of which anything is stored: in the archive, whatever the object is called, and in the recorder's spool.

    A name that does not say of which sitting it is, is answered whole.
    """
    found = set()
    for place in ("archive", "spool"):
        for path in (data / place).rglob("*"):
            name = str(path.relative_to(data / place))
            if path.is_dir() or name.startswith(BESIDE) or name.startswith("."):
                continue
            parts = name.split("/")
            found.add(parts[0] if place == "spool" else parts[1] if len(parts) > 2 else name)
    return found


def packets_of(folder: Path) -> list[Track]:
    """The tracks of all segments.  Raises :class:`recording.format.FormatError`."""
    tracks: dict[tuple[str, int], Track] = {}
    for file in sorted((folder / "raw").rglob("*.hrec")):
        content = file.read_bytes()
        header, offset = read_header(content)
        for chunk in read_chunks(content, offset):
            if chunk.track == RECORDING_TRACK:
                continue
            for record in chunk.records():
                key = (header.writer, chunk.track)
                if record.kind == RecordKind.TRACK:
                    about = msgspec.json.decode(record.data, type=TrackHeader)
                    tracks[key] = Track(about.peer_id, about.source, about.attributes)
                elif record.kind == RecordKind.RTP:
                    wall = record.mono_ns + chunk.first_wall_ns - chunk.first_mono_ns
                    tracks[key].times.append(wall / NS)
    return list(tracks.values())


def within(tracks: list[Track], span: Span, ids: Mapping[str, str]) -> dict[str, int]:
    """How many packets of whom came within the span; empty as it should be."""
    found: dict[str, int] = {}
    names = {ids[key]: key for key in span.people}
    for track in tracks:
        count = sum(span.begin <= at <= span.end for at in track.times)
        if count and track.person_id in names:
            name = f"{names[track.person_id]} {track.source}"
            found[name] = found.get(name, 0) + count
    return found
