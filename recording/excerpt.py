"""An export that leaves something out: what is withheld, or what lies outside a chosen part (record.md E10, C28).

The same tree as a whole export, less the segments that hold only such time and the chunks of it in others, with the
court's signed statement on them, and playable copies made without it.  Everything that is here is checked as in a whole
export (:mod:`recording.verify`).
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
import time
import zipfile
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import aiofiles
from msgspec import UNSET

from .added import is_file
from .chain import read_segment
from .export import README, NotSealed
from .keys import SigningKey
from .late_head import LateHead
from .manifest import (
    ADDED_PREFIX,
    COSIGNED_PREFIX,
    INCLUSION_NAME,
    MANIFEST_NAME,
    SIGNATURE_NAME,
    STAMP_NAME,
    Manifest,
    ObjectEntry,
    added_prefix,
    decoder,
    encode,
    prefix,
)
from .messages import Part, Withheld
from .objects import NotStored, ObjectStore, ReadBackMismatch
from .playback import PLAYBACK_NAME, RENDITIONS_PREFIX
from .playback import decoder as playback_decoder
from .redacted import Runs, redact, redacted_name, runs_of
from .rendition import PLAYBACK_FILE, SIGNATURE_FILE, index_of, make_media, segments, times_left_out
from .timetable import Held
from .transparency import StatementEntry, TransparencyLog
from .verify import ENCLOSED_KEY_NAME, VERIFIER_NAME
from .verify_files import Progress
from .withheld import (
    STATEMENT_INCLUSION_NAME,
    STATEMENT_NAME,
    STATEMENT_SIGNATURE_NAME,
    STATEMENT_VERSION,
    Absent,
    Redacted,
    Statement,
    arrival_times,
    public_events,
    public_gaps,
    touches,
    withheld_times,
)

_NOTICE = """
This copy leaves something out. statement.json, signed by the court in statement.sig, says what, and under which order:
segments of raw/ that hold nothing else are absent, of others (.redacted) just the chunks of that time; manifest.json
has the hashes of all segments and the roots over their chunks. The written record, copies made earlier and the files of
recordings that were added later are not part of it. Both ways of checking take the statement into account.

本副本略去部分内容。statement.json（法院签名见 statement.sig）说明略去的内容及其依据：
raw/ 中仅含该时段的分段整段略去，其他分段（.redacted）只略去该时段的数据块；
全部分段的哈希值及其数据块的根值列于 manifest.json。
笔录、此前生成的副本及后来补充的录音录像文件不在其中。
上述两种核验方法均会考虑该说明。
"""


class Target(ABC):
    """Where an export goes, file by file."""

    @abstractmethod
    async def add(self, name: str, pieces: AsyncIterator[bytes]) -> tuple[int, str]:
        """Size and SHA-256 (hex) of what was written."""

    async def write(self, name: str, data: bytes) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            yield data

        await self.add(name, pieces())


class FolderTarget(Target):
    """A new folder."""

    def __init__(self, folder: Path) -> None:
        """Raises :class:`FileExistsError`, :class:`OSError`."""
        self._folder = folder
        folder.mkdir(parents=True)

    async def add(self, name: str, pieces: AsyncIterator[bytes]) -> tuple[int, str]:
        path, hasher, size = self._folder / name, hashlib.sha256(), 0
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        async with aiofiles.open(path, "xb") as file:
            async for piece in pieces:
                await file.write(piece)
                await asyncio.to_thread(hasher.update, piece)
                size += len(piece)
        return size, hasher.hexdigest()


class ZipTarget(Target):
    """A new ZIP file, all in one folder of this name; media is packed already, and is stored as it is."""

    def __init__(self, path: Path, folder: str) -> None:
        self._zip = zipfile.ZipFile(path, "x", zipfile.ZIP_STORED)
        self._folder = folder

    async def add(self, name: str, pieces: AsyncIterator[bytes]) -> tuple[int, str]:
        hasher, size = hashlib.sha256(), 0
        with self._zip.open(f"{self._folder}/{name}", "w", force_zip64=True) as file:
            async for piece in pieces:
                await asyncio.to_thread(file.write, piece)
                await asyncio.to_thread(hasher.update, piece)
                size += len(piece)
        return size, hasher.hexdigest()

    def close(self) -> None:
        self._zip.close()


async def export_part(
    store: ObjectStore,
    sitting_id: str,
    target: Target,
    key: SigningKey,
    spans: Sequence[Withheld],
    part: Part | None,
    work: Path,
    *,
    transparency: TransparencyLog | None = None,
    software: str = "",
    verifier: bytes | None = None,
    progress: Progress = lambda part: None,
) -> int:
    """Write the record less these spans, or of it this part; answers the number of bytes of segments and media.

    ``transparency``: the court's log, in which the statement on what is left out is entered.  Raises
    :class:`recording.export.NotSealed`, :class:`recording.transparency.LogProblem`, :class:`OSError`,
    :class:`recording.objects.StoreProblem`.
    """
    place = prefix(sitting_id)
    try:
        data = await store.read(place + MANIFEST_NAME)
        signature = await store.read(place + SIGNATURE_NAME)
        playback = playback_decoder.decode(await store.read(place + PLAYBACK_NAME))
    except NotStored:
        raise NotSealed(sitting_id) from None
    manifest = decoder.decode(data)
    held = await segments(store, manifest, spans, part)
    # Log and gaps are of the whole sitting, whatever part was asked for: they tell of no withheld time.
    public = _public_manifest(manifest, data, spans)
    statement = _statement(manifest, data, public, held, spans, part, key, software)
    await _redact(store, manifest, statement)
    beside, told = added_prefix(sitting_id), list[str]()
    for name, _ in await store.list(beside):
        inner = ADDED_PREFIX + name[len(beside) :]
        absent_too = is_file(inner) and (spans or part is not None)
        (statement.added if absent_too else told).append(inner)
    absent = {entry.name for entry in [*statement.withheld, *statement.outside]}
    here = [each.entry for each in held if each.entry.name not in absent]
    runs = {entry.name: entry.absent for entry in statement.redacted}
    await target.write(MANIFEST_NAME, public)
    await target.write(SIGNATURE_NAME, signature if public == data else key.sign(public))
    stated = encode(statement)
    await target.write(STATEMENT_NAME, stated)
    await target.write(STATEMENT_SIGNATURE_NAME, key.sign(stated))
    if transparency is not None:
        digest = hashlib.sha256(stated).hexdigest()
        entry = StatementEntry(sitting_id=sitting_id, statement_sha256=digest, made_us=statement.made_us)
        await target.write(STATEMENT_INCLUSION_NAME, encode(await transparency.append_statement(entry)))
    done = await _segments(store, place, target, here, runs, lambda ready: progress(0.5 * ready))
    for name, _ in await store.list(place):
        inner = name[len(place) :]
        if inner in (INCLUSION_NAME, STAMP_NAME) or inner.startswith(COSIGNED_PREFIX):
            await target.add(inner, store.stream(name))
    for inner in told:
        await target.add(inner, store.stream(beside + inner.removeprefix(ADDED_PREFIX)))
    times = times_left_out(spans, part)
    own = Path(await asyncio.to_thread(tempfile.mkdtemp, dir=work, prefix="excerpt-"))
    folder = f"{RENDITIONS_PREFIX}export/"
    try:
        files = await make_media(
            store, manifest, held, own, times, folder, playback.start_us, lambda ready: progress(0.5 + 0.45 * ready)
        )
        for file in files:
            late = LateHead(file.entry.hashed_from)
            size, _ = await target.add(file.entry.name, _seen(_file(file.path), late))
            if (size, late.hexdigest()) != (file.entry.size, file.entry.sha256):
                raise ReadBackMismatch(file.entry.name)
            done += size
    finally:
        await asyncio.to_thread(shutil.rmtree, own, ignore_errors=True)
    index = encode(index_of(playback, [file.entry for file in files], statement.spans, times, software))
    await target.write(folder + PLAYBACK_FILE, index)
    await target.write(folder + SIGNATURE_FILE, key.sign(index))
    await target.write(ENCLOSED_KEY_NAME, key.public.pem)
    await target.write("README.txt", (README + _NOTICE if spans or part is not None else README).encode())
    if verifier is not None:
        await target.write(VERIFIER_NAME, verifier)
    progress(1.0)
    return done


async def _redact(store: ObjectStore, manifest: Manifest, statement: Statement) -> None:
    """Withhold of each segment just the chunks of the withheld time, where it has others and they can be checked.

    Of one that a crash left open nobody knows when its torn bytes were taken.
    """
    entries = {entry.name: entry for entry in manifest.objects}
    offsets = {writer.writer: writer.clock_offset_us for writer in manifest.writers}
    times, whole = arrival_times(statement.spans), list[Absent]()
    for each in statement.withheld:
        entry = entries[each.name]
        inside = any(start <= each.start_us and each.end_us <= end for start, end in times)
        if inside or entry.recovered or entry.tree_sha256 is UNSET or entry.writer not in offsets:
            whole.append(each)
            continue
        data = await store.read(prefix(manifest.sitting_id) + each.name)
        absent, total = await asyncio.to_thread(_chunks_of, data, times, offsets[entry.writer])
        if len(absent) == total:
            whole.append(each)
        elif absent:
            told = Redacted(name=each.name, start_us=each.start_us, end_us=each.end_us, absent=runs_of(absent))
            statement.redacted.append(told)
    statement.withheld = whole


def _chunks_of(data: bytes, times: Sequence[tuple[int, int]], offset_us: int) -> tuple[list[int], int]:
    """The numbers of the chunks that hold such time, from 1, and how many there are."""
    read = read_segment(data)
    absent = [
        number
        for number, chunk in enumerate(read.chunks, 1)
        if touches(times, chunk.first_mono_ns // 1000 + offset_us, chunk.last_mono_ns // 1000 + offset_us)
    ]
    return absent, len(read.chunks)


async def _segments(
    store: ObjectStore,
    place: str,
    target: Target,
    here: Sequence[ObjectEntry],
    redacted: Mapping[str, Runs],
    progress: Progress,
) -> int:
    total, done = max(1, sum(entry.size for entry in here)), 0
    for entry in here:
        if entry.name in redacted:
            data = await store.read(place + entry.name)
            if hashlib.sha256(data).hexdigest() != entry.sha256:
                raise ReadBackMismatch(entry.name)
            await target.write(redacted_name(entry.name), await asyncio.to_thread(redact, data, redacted[entry.name]))
        elif await target.add(entry.name, store.stream(place + entry.name)) != (entry.size, entry.sha256):
            raise ReadBackMismatch(entry.name)
        done += entry.size
        progress(done / total)
    return done


async def _seen(pieces: AsyncIterator[bytes], late: LateHead) -> AsyncIterator[bytes]:
    """The same pieces, hashed on their way."""
    async for piece in pieces:
        await asyncio.to_thread(late.update, piece)
        yield piece


async def _file(path: Path) -> AsyncIterator[bytes]:
    async with aiofiles.open(path, "rb") as file:
        while piece := await file.read(1 << 20):
            yield piece


def _public_manifest(manifest: Manifest, data: bytes, spans: Sequence[Withheld]) -> bytes:
    """The manifest's bytes as they are signed, if log and gaps have nothing in the withheld time; else the public
    version."""
    changed = decoder.decode(data)
    changed.events = public_events(manifest.events, spans)
    changed.gaps = public_gaps(manifest.gaps, withheld_times(spans))
    if changed == manifest:
        return data
    changed.public_of = hashlib.sha256(data).hexdigest()
    return encode(changed)


def _statement(
    manifest: Manifest,
    data: bytes,
    public: bytes,
    held: Sequence[Held],
    spans: Sequence[Withheld],
    part: Part | None,
    key: SigningKey,
    software: str,
) -> Statement:
    times = arrival_times(spans)
    outside, withheld = [], []
    for each in sorted(held, key=lambda one: one.entry.name):
        absent = Absent(name=each.entry.name, start_us=each.start_us, end_us=each.end_us)
        if part is not None and not touches([(part.start_us, part.end_us)], each.start_us, each.end_us):
            outside.append(absent)
        elif touches(times, each.start_us, each.end_us):
            withheld.append(absent)
    asked = [] if part is None else [(part.start_us, part.end_us)]
    asked += [(entry.start_us, entry.end_us) for entry in withheld]
    return Statement(
        version=STATEMENT_VERSION,
        sitting_id=manifest.sitting_id,
        manifest_sha256=hashlib.sha256(data).hexdigest(),
        enclosed_sha256=hashlib.sha256(public).hexdigest(),
        spans=[span for span in spans if part is None or touches(asked, *arrival_times([span])[0])],
        part=part,
        withheld=withheld,
        outside=outside,
        made_us=time.time_ns() // 1000,
        software=software,
        key_id=key.public.key_id,
    )
