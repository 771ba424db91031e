"""When each stored segment of a record was taken, from its own head: which of them hold a given time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from .format import FormatError, read_chunks, read_header
from .manifest import Manifest, ObjectEntry, prefix
from .objects import ObjectStore

#: Bytes in which a segment's header is.
HEAD_BYTES: Final = 65_536 + 64
#: A segment's head tells when it was begun.  What it holds may be older by the time that a slow disk kept it waiting:
#: those that begin or end so near to a time that matters are read whole, us.
NEAR_US: Final = 60_000_000


class Held(NamedTuple):
    """A segment and the time that its records span, us."""

    entry: ObjectEntry
    start_us: int
    end_us: int


async def timetable(store: ObjectStore, manifest: Manifest, edges: Sequence[int]) -> list[Held]:
    """All segments in order of time.  Near these ``edges`` (us) the times are those of the records themselves.

    A segment whose head cannot be read is taken to span all of its writer's time.
    Raises :class:`recording.objects.StoreProblem`.
    """
    place = prefix(manifest.sitting_id)
    writers = {writer.writer: writer for writer in manifest.writers}
    begins: list[int | None] = []
    for entry in manifest.objects:
        head = b"".join([piece async for piece in store.stream(place + entry.name, 0, min(entry.size, HEAD_BYTES))])
        try:
            begins.append(read_header(head)[0].mono_us + writers[entry.writer].clock_offset_us)
        except (FormatError, KeyError):
            begins.append(None)
    held: list[Held] = []
    for at, entry in enumerate(manifest.objects):
        begin = begins[at]
        last = at + 1 == len(begins) or manifest.objects[at + 1].writer != entry.writer
        following = None if last else begins[at + 1]
        writer = writers.get(entry.writer)
        earliest, latest = (writer.start_us, writer.end_us) if writer else (manifest.opened_us, manifest.closed_us)
        start, end = earliest if begin is None else begin, latest if following is None else following
        if any(start - NEAR_US <= edge <= end + NEAR_US for edge in edges):
            start, end = await _read(store, manifest, entry, (start, end))
        held.append(Held(entry, start, end))
    return sorted(held, key=lambda each: (each.start_us, each.entry.writer, each.entry.segment))


async def _read(store: ObjectStore, manifest: Manifest, entry: ObjectEntry, told: tuple[int, int]) -> tuple[int, int]:
    """The times of the records themselves, beside what the head told."""
    offset_us = next((each.clock_offset_us for each in manifest.writers if each.writer == entry.writer), 0)
    data = await store.read(prefix(manifest.sitting_id) + entry.name)
    times: list[int] = []
    try:
        for chunk in read_chunks(data, read_header(data)[1]):
            times += [chunk.first_mono_ns // 1000 + offset_us, chunk.last_mono_ns // 1000 + offset_us]
    except FormatError:
        times += told
    return (min(times), max(times)) if times else told
