"""A playable copy that leaves time out: what is withheld under an order, or lies outside a chosen part (E10, C28).

Made anew from the stored segments, without the packets of that time: in the files there is silence, and no picture
until the next whole one.  The record itself stays as it is.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from .content import MediaSink, TrackContent
from .format import TrackHeader
from .keys import SigningKey
from .manifest import Manifest, TrackEntry, encode, prefix
from .media.remux import PersonFile
from .media.rtp import Packet, SenderReport
from .messages import Part, Withheld
from .objects import NotStored, ObjectStore, Stored
from .playback import RENDITIONS_PREFIX, MediaEntry, Playback, decoder, file_title, media_entry
from .record import Record, WriterRecord
from .timetable import Held, timetable
from .withheld import LATE_US, arrival_times, public_gaps, rendition_id, touches, withheld_times

Times = list[tuple[int, int]]
PLAYBACK_FILE: Final = "playback.json"
SIGNATURE_FILE: Final = "playback.sig"
#: A time before, and one after, all others, us.
NEVER_US, FOREVER_US = 0, 1 << 62


class MediaFile(NamedTuple):
    entry: MediaEntry
    path: Path


class _Said:
    """When the media of a track's packets was captured: when they would have arrived with the least delay of all."""

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = max(1, clock_rate)
        self._ssrc: int | None = None
        self._timestamp = 0
        self._ticks = 0
        self._least_ns = 0

    def of(self, packet: Packet) -> int:
        """Monotonic clock, ns.  A leap of either clock is a new beginning."""
        ahead = (packet.timestamp - self._timestamp) & 0xFFFFFFFF
        self._ticks += ahead - (ahead >> 31 << 32)  # a packet may be older than the one before
        self._timestamp = packet.timestamp
        delay_ns = packet.arrival_ns - self._ticks * 1_000_000_000 // self._clock_rate
        if packet.ssrc != self._ssrc or not 0 <= delay_ns - self._least_ns <= LATE_US * 1000:
            self._ssrc, self._least_ns = packet.ssrc, delay_ns
        return packet.arrival_ns - (delay_ns - self._least_ns)


class _Filtered:
    """Leads a track's media on, but for what was captured or arrived in these times (monotonic clock, ns)."""

    def __init__(self, media: MediaSink, times_ns: Times, clock_rate: int) -> None:
        self._media = media
        self._times = times_ns
        self._said = _Said(clock_rate)
        self._left_out = False

    def packet(self, packet: Packet, missing: int) -> None:
        if touches(self._times, self._said.of(packet), packet.arrival_ns):
            self._left_out = True
            return
        if self._left_out:
            # What was begun before is not gone on with, and nothing is decoded before the next whole picture.
            self._media.switched()
            self._left_out, missing = False, max(missing, 1)
        self._media.packet(packet, missing)

    def report(self, report: SenderReport) -> None:
        """Ties two clocks, and tells nothing of what was said."""
        self._media.report(report)

    def switched(self) -> None:
        self._media.switched()


class PublicRecord(Record):
    """A record whose files leave these times out (us); what a track's first chunk would tell, the manifest does."""

    def __init__(self, manifest: Manifest, work: Path, times: Times) -> None:
        super().__init__(manifest.sitting_id, work)
        self._times = times
        self._known = {(entry.writer, entry.track): entry for entry in manifest.tracks}
        self._offsets = {writer.writer: writer.clock_offset_us for writer in manifest.writers}

    def _connect(self, writer: str, record: WriterRecord, track: TrackContent) -> None:
        known = self._known.get((writer, track.number))
        if track.header is None and known is not None:
            track.header = _header(known)
        offset_us = self._offsets.get(writer, record.offset_ns // 1000)
        record.offset_ns = offset_us * 1000
        super()._connect(writer, record, track)
        if track.media is not None:
            times = [((start - offset_us) * 1000, (end - offset_us) * 1000) for start, end in self._times]
            track.media = _Filtered(track.media, times, track.header.clock_rate if track.header else 0)


def _header(entry: TrackEntry) -> TrackHeader:
    return TrackHeader(
        track_id=entry.track_id,
        peer_id=entry.person_id,
        source=entry.source,
        kind=entry.kind,
        codec=entry.codec,
        payload_type=entry.payload_type,
        clock_rate=entry.clock_rate,
        channels=entry.channels,
        attributes=entry.attributes,
    )


def times_left_out(spans: Sequence[Withheld], part: Part | None) -> Times:
    """The times (us) of which nothing is in the copy."""
    times = withheld_times(spans)
    return times if part is None else [(NEVER_US, part.start_us), *times, (part.end_us, FOREVER_US)]


async def segments(store: ObjectStore, manifest: Manifest, spans: Sequence[Withheld], part: Part | None) -> list[Held]:
    """All segments of the record, with exact times wherever these spans and this part begin or end."""
    edges = [edge for times in (withheld_times(spans), arrival_times(spans)) for span in times for edge in span]
    if part is not None:
        edges += [part.start_us, part.end_us]
    return await timetable(store, manifest, edges)


async def make_media(
    store: ObjectStore,
    manifest: Manifest,
    held: Sequence[Held],
    work: Path,
    times: Times,
    folder: str,
    start_us: int,
    progress: Callable[[float], None] = lambda part: None,
) -> list[MediaFile]:
    """The files, made of these segments, under ``work``; named as in ``folder`` of the record.

    Raises :class:`recording.objects.StoreProblem` and :class:`OSError`.
    """
    record = PublicRecord(manifest, work, times)
    for done, each in enumerate(held):
        if not any(start <= each.start_us and each.end_us <= end for start, end in times):
            data = await store.read(prefix(manifest.sitting_id) + each.entry.name)
            await asyncio.to_thread(record.feed, each.entry.writer, each.entry.name, data, each.entry.sha256)
        progress((done + 1) / len(held))
    if record.stale:
        raise OSError("the copy cannot be written now")
    record.finish()
    files: list[MediaFile] = []
    for (person_id, source, _), file in record.files.items():
        await asyncio.to_thread(file.advance, final=True)
        await asyncio.to_thread(file.finish, file_title(manifest, person_id, source))
        if file.has_audio or file.has_video:
            files.append(await asyncio.to_thread(_media_file, manifest, person_id, source, file, folder, start_us))
    return sorted(files, key=lambda each: (each.entry.person_id, each.entry.source, each.entry.media_type))


def _media_file(
    manifest: Manifest, person_id: str, source: str, file: PersonFile, folder: str, start_us: int
) -> MediaFile:
    digest, size = file.digest(), file.path.stat().st_size
    suffix = "" if source == "person" else f"-{source}"
    name = f"{folder}media/{person_id}{suffix}.{digest[:8]}.{file.container}"
    entry = media_entry(person_id, source, file, Stored(name, size, digest), name, manifest, start_us)
    return MediaFile(entry, file.path)


def index_of(
    playback: Playback, media: Sequence[MediaEntry], spans: Sequence[Withheld], times: Times, software: str
) -> Playback:
    """The index of the copy, on the record's own time line; gaps of the time that is left out are left out too."""
    return Playback(
        version=playback.version,
        derived=True,
        sitting_id=playback.sitting_id,
        manifest_sha256=playback.manifest_sha256,
        start_us=playback.start_us,
        end_us=playback.end_us,
        media=list(media),
        gaps=public_gaps(playback.gaps, times),
        software=software,
        withheld=list(spans),
    )


async def store_rendition(
    store: ObjectStore,
    key: SigningKey,
    manifest: Manifest,
    playback: Playback,
    spans: Sequence[Withheld],
    work: Path,
    part: Part | None = None,
) -> str:
    """Make and store the copy that leaves these spans out and is of this part, unless it is there; answers its id.

    The time line of a part's copy is the part's.

    A killed try is made again: the same segments and the same program give the same bytes.
    Raises :class:`recording.objects.StoreProblem`, :class:`recording.objects.AlreadyStored`, :class:`OSError`.
    """
    found = rendition_id(spans, part)
    folder = f"{RENDITIONS_PREFIX}{found}/"
    place = prefix(manifest.sitting_id)
    if await read_rendition(store, manifest.sitting_id, found) is not None:
        return found
    if part is not None:
        playback = msgspec.structs.replace(
            playback, start_us=max(part.start_us, playback.start_us), end_us=min(part.end_us, playback.end_us)
        )
    times = times_left_out(spans, part)
    held = await segments(store, manifest, spans, part)
    await asyncio.to_thread(work.mkdir, parents=True, exist_ok=True)
    own = Path(await asyncio.to_thread(tempfile.mkdtemp, dir=work, prefix="withhold-"))
    try:
        files = await make_media(store, manifest, held, own, times, folder, playback.start_us)
        for file in files:
            await store.put_new(place + file.entry.name, file.path)
    finally:
        await asyncio.to_thread(shutil.rmtree, own, ignore_errors=True)
    index = encode(index_of(playback, [file.entry for file in files], spans, times, playback.software))
    # The signature first: an index without one, as a kill would leave it, is an index that was tampered with.
    await store.put_new(f"{place}{folder}{SIGNATURE_FILE}", key.sign(index))
    await store.put_new(f"{place}{folder}{PLAYBACK_FILE}", index)
    return found


async def read_rendition(store: ObjectStore, sitting_id: str, found: str) -> Playback | None:
    """The index of this copy; nothing before it is whole.  Raises :class:`recording.objects.StoreProblem`."""
    folder = f"{prefix(sitting_id)}{RENDITIONS_PREFIX}{found}/"
    try:
        await store.size(folder + SIGNATURE_FILE)
        return decoder.decode(await store.read(folder + PLAYBACK_FILE))
    except NotStored:
        return None
