"""The playback index: the playable files of a record, where each begins on its time line, and what they lack.

Everything it names is derived: it can be made again from the stored segments, and is no evidence itself.
"""

from __future__ import annotations

import msgspec

from .manifest import DERIVED_PREFIX, GapEntry, Manifest, Struct
from .media.peaks import PERIOD_MS
from .media.remux import MEDIA_TYPES, MP4, PersonFile
from .messages import Part, Withheld
from .objects import Stored

PLAYBACK_NAME = DERIVED_PREFIX + "playback.json"
PLAYBACK_SIGNATURE_NAME = DERIVED_PREFIX + "playback.sig"
MEDIA_PREFIX = DERIVED_PREFIX + "media/"
EXPORTS_PREFIX = DERIVED_PREFIX + "exports/"
#: Playable copies that leave withheld time out: a folder for each set of spans, with an index of its own.
RENDITIONS_PREFIX = DERIVED_PREFIX + "withheld/"


class RepairEntry(Struct):
    """How the playable copy differs from what was received."""

    silence_ms: int
    packets_left_out: int
    frames_left_out: int
    late_left_out: int


class MediaEntry(Struct):
    """One person's picture and sound (``source`` person) or shared screen (``screen``); pictures in H.264 are an entry
    of their own.

    ``name`` is relative to the sitting's prefix.  Times are ms; ``offset_ms`` is after ``start_us`` of the index.
    ``video_spans`` and ``audio_spans`` are ``[start, end]`` within the file.  ``peaks`` are 0..100.
    ``sha256`` begins at ``hashed_from`` and takes the bytes before it last (:mod:`.late_head`).
    ``alignment``: ``sender-report`` or ``arrival`` (how the tracks were placed on the time line).
    """

    name: str
    person_id: str
    source: str
    display_name: str
    display_name_zh: str
    role: str
    media_type: str
    size: int
    sha256: str
    offset_ms: int
    duration_ms: int
    has_audio: bool
    has_video: bool
    width: int
    height: int
    video_spans: list[list[int]]
    audio_spans: list[list[int]]
    peaks_period_ms: int
    peaks: list[int]
    alignment: str
    repairs: RepairEntry
    #: The tracks it was made from, as ``writer/track``.
    derived_from: list[str]
    hashed_from: int = 0


class Playback(Struct):
    version: int
    derived: bool
    sitting_id: str
    manifest_sha256: str
    start_us: int
    end_us: int
    media: list[MediaEntry]
    gaps: list[GapEntry]
    software: str
    #: What this copy leaves out, under which order.
    withheld: list[Withheld] = msgspec.field(default_factory=list)


class ExportEntry(Struct):
    """One composite, stored beside its file as ``<job_id>.json``."""

    job_id: str
    name: str
    media_type: str
    size: int
    sha256: str
    duration_ms: int
    locale: str
    timezone: str
    manifest_sha256: str
    derived_from: list[str]
    created_us: int
    derived: bool = True
    #: What it leaves out, under which order, and the part of the record that it is of, if not the whole.
    withheld: list[Withheld] = msgspec.field(default_factory=list)
    part: Part | None = None


decoder: msgspec.json.Decoder[Playback] = msgspec.json.Decoder(Playback)
export_decoder: msgspec.json.Decoder[ExportEntry] = msgspec.json.Decoder(ExportEntry)


def file_title(manifest: Manifest, person_id: str, source: str) -> str:
    """What a playable file says of itself, should it be found alone: court, case, whose it is; its date stands beside.

    ``Northgate District Court, HC 2026-00418, Joan Larkin (claimant), screen``.
    """
    known = next((one for one in manifest.participants if one.person_id == person_id), None)
    whose = person_id if known is None else f"{known.name} ({known.role})"
    parts = [manifest.court, manifest.case_number, whose, "" if source == "person" else source]
    return ", ".join(part for part in parts if part)


def media_entry(
    person_id: str, source: str, file: PersonFile, stored: Stored, name: str, manifest: Manifest, start_us: int
) -> MediaEntry:
    participant = next((p for p in manifest.participants if p.person_id == person_id), None)
    reported = all(clock.reported for track in file.tracks for clock in track.clocks.values())
    wanted = ("screen",) if source == "screen" else ("microphone", "camera")
    return MediaEntry(
        name=name,
        person_id=person_id,
        source=source,
        display_name=participant.name if participant else person_id,
        display_name_zh=(participant.name_zh or participant.name) if participant else person_id,
        role=participant.role if participant else "",
        media_type=MEDIA_TYPES[file.container],
        size=stored.size,
        sha256=stored.sha256,
        hashed_from=file.hashed_from,
        offset_ms=max(0, (file.start_ns or 0) // 1000 - start_us) // 1000,
        duration_ms=file.end_ms,
        has_audio=file.has_audio,
        has_video=file.has_video,
        width=file.width,
        height=file.height,
        video_spans=file.video_spans,
        audio_spans=file.audio_spans,
        peaks_period_ms=PERIOD_MS,
        peaks=file.peaks,
        alignment="sender-report" if reported else "arrival",
        repairs=RepairEntry(
            silence_ms=file.repairs.silence_ms,
            packets_left_out=file.repairs.packets_left_out,
            frames_left_out=file.repairs.frames_left_out,
            late_left_out=file.repairs.late_left_out,
        ),
        derived_from=[
            f"{track.writer}/{track.track}"
            for track in manifest.tracks
            if track.person_id == person_id
            and track.source in wanted
            and (track.codec.lower() == "video/h264") == (file.container == MP4)
        ],
    )
