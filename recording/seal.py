"""Sealing: the signed manifest, then the playable files and their index.  Every step may be killed and repeated."""

from __future__ import annotations

import asyncio
import logging
import time

from msgspec import UNSET
from msgspec.structs import replace

from .archive import Archive
from .interruptions import declared_spans, explained, faulty, interruptions
from .keys import SigningKey
from .manifest import (
    MANIFEST_NAME,
    MANIFEST_VERSION,
    SIGNATURE_NAME,
    Manifest,
    decoder,
    encode,
    facts_fields,
    prefix,
)
from .media.remux import PersonFile
from .messages import Finalised, SittingFacts
from .objects import NotStored, ObjectStore, Stored
from .playback import (
    MEDIA_PREFIX,
    PLAYBACK_NAME,
    PLAYBACK_SIGNATURE_NAME,
    MediaEntry,
    Playback,
    file_title,
    media_entry,
)
from .record import Record

log = logging.getLogger(__name__)

PLAYBACK_VERSION = 1


class ManifestConflict(Exception):
    """The store holds an unsigned manifest that this record does not lead to; a person must look at it."""


async def read_signed(store: ObjectStore, key: SigningKey, name: str, signature_name: str) -> bytes | None:
    """The bytes of a signed object, or nothing if it or its signature is not there yet."""
    try:
        signature = await store.read(signature_name)
        data = await store.read(name)
    except NotStored:
        return None
    if not key.public.verifies(data, signature):
        raise ManifestConflict(f"{name}: its signature is not of this court's key")
    return data


def finalised(manifest: Manifest, digest: str, *, playable: bool) -> Finalised:
    """What control is told of a sealed record: also how much it is, since the news while it grew may have been missed,
    or were held back as too frequent."""
    return Finalised(
        manifest_sha256=digest,
        playable=playable,
        partial=manifest.partial,
        sealed_wall_ns=manifest.sealed_us * 1000,
        objects=len(manifest.objects),
        bytes=sum(entry.size for entry in manifest.objects),
    )


def build_manifest(
    record: Record, sitting_id: str, facts: SittingFacts, missing: list[str], key_id: str, software: str, sealed_us: int
) -> Manifest:
    """What the record says, and what control says of it.  The same input gives the same bytes."""
    fields = facts_fields(facts)
    opened_us, closed_us = fields["opened_us"], fields["closed_us"]
    declared = declared_spans(facts.interruptions)
    manifest = Manifest(
        version=MANIFEST_VERSION,
        sitting_id=sitting_id,
        sealed_us=sealed_us,
        writers=record.writer_entries(),
        missing_writers=missing,
        tracks=record.track_entries(),
        objects=record.object_entries(),
        gaps=explained(record.gap_entries(closed_us), declared),
        interruptions=interruptions(record.interruption_entries(opened_us, closed_us), declared),
        problems=record.problem_entries(),
        software=software,
        key_id=key_id,
        **fields,
    )
    manifest.partial = faulty(manifest)
    return manifest


async def store_manifest(
    archive: Archive, store: ObjectStore, key: SigningKey, facts: SittingFacts, missing: list[str], software: str
) -> bytes:
    """Sign and store the manifest, or finish what an earlier try began.  Answers its bytes.

    Raises :class:`ManifestConflict` or :class:`recording.objects.StoreProblem`.
    """
    sitting_id = archive.recording_id
    place = prefix(sitting_id)
    sealed = await read_signed(store, key, place + MANIFEST_NAME, place + SIGNATURE_NAME)
    if sealed is not None:
        return sealed
    sealed_us, build = time.time_ns() // 1000, software
    try:
        begun = await store.read(place + MANIFEST_NAME)
    except NotStored:
        begun = None
    if begun is not None:
        # Killed before the signature was stored.  It is signed only if this record leads to the very same bytes.
        draft = decoder.decode(begun)
        sealed_us, build, missing = draft.sealed_us, draft.software, draft.missing_writers
    archive.record.finish()
    manifest = build_manifest(archive.record, sitting_id, facts, missing, key.public.key_id, build, sealed_us)
    if begun is not None and all(entry.tree_sha256 is UNSET for entry in draft.objects):
        # Begun by a version that did not tell it.
        manifest.objects = [replace(entry, tree_sha256=UNSET) for entry in manifest.objects]
    data = encode(manifest)
    if begun is not None and begun != data:
        raise ManifestConflict(f"{place}{MANIFEST_NAME}: unsigned, and not what the record leads to")
    await store.put_new(place + MANIFEST_NAME, data)
    await store.put_new(place + SIGNATURE_NAME, key.sign(data))
    return data


async def store_playback(
    archive: Archive, store: ObjectStore, key: SigningKey, manifest: Manifest, manifest_sha256: str, software: str
) -> None:
    """Finish and store the playable files and their signed index.  Raises :class:`recording.objects.StoreProblem`."""
    place = prefix(archive.recording_id)
    if await read_signed(store, key, place + PLAYBACK_NAME, place + PLAYBACK_SIGNATURE_NAME) is not None:
        return
    try:
        begun = await store.read(place + PLAYBACK_NAME)
    except NotStored:
        entries, start_us, end_us = await _store_media(archive, store, manifest)
        index = Playback(
            version=PLAYBACK_VERSION,
            derived=True,
            sitting_id=archive.recording_id,
            manifest_sha256=manifest_sha256,
            start_us=start_us,
            end_us=max([end_us, *(start_us + 1000 * (entry.offset_ms + entry.duration_ms) for entry in entries)]),
            media=entries,
            gaps=manifest.gaps,
            software=software,
        )
        begun = encode(index)
        await store.put_new(place + PLAYBACK_NAME, begun)
    await store.put_new(place + PLAYBACK_SIGNATURE_NAME, key.sign(begun))


async def _store_media(archive: Archive, store: ObjectStore, manifest: Manifest) -> tuple[list[MediaEntry], int, int]:
    """The entries, and begin and end of the time line, us.

    The time line is the sitting's, from its opening to its close, however early a writer stood ready.
    """
    record = archive.record
    if record.stale:
        await archive.rebuild()
        record = archive.record
        if record.work is None:
            raise OSError("the playable files cannot be written now")
    record.finish()
    place = prefix(archive.recording_id)
    try:
        for file in record.files.values():
            await asyncio.to_thread(file.advance, final=True)
    except OSError:
        record.give_up_files()  # they are made anew at the next try
        raise
    begins = [file.start_ns // 1000 for file in record.files.values() if file.start_ns is not None]
    start_us = min([manifest.opened_us or record.start_wall_ns // 1000, *begins])
    entries: list[MediaEntry] = []
    two_at_a_time = asyncio.Semaphore(2)

    async def store_file(person_id: str, source: str, file: PersonFile) -> None:
        async with two_at_a_time:
            await asyncio.to_thread(file.finish, file_title(manifest, person_id, source))
            if not (file.has_audio or file.has_video):
                return
            digest = await asyncio.to_thread(file.digest)
            suffix = "" if source == "person" else f"-{source}"
            name = f"{MEDIA_PREFIX}{person_id}{suffix}.{digest[:8]}.{file.container}"
            stored = Stored(place + name, file.path.stat().st_size, digest)
            if not await store.adopt(stored.key, file.path, stored.size, digest):
                await store.put_new(stored.key, file.path)
            entries.append(media_entry(person_id, source, file, stored, name, manifest, start_us))

    tasks = [store_file(person_id, source, file) for (person_id, source, _), file in record.files.items()]
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, OSError):
            record.give_up_files()
        if isinstance(outcome, BaseException):
            raise outcome
    entries.sort(key=lambda entry: (entry.person_id, entry.source, entry.media_type))
    return entries, start_us, max(start_us, manifest.closed_us or record.end_wall_ns // 1000)
