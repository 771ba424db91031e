"""The recorder: archives what media workers spool, seals finished records, makes them playable.

It needs a spool folder, an object store and a key file; it knows no database.  Everything it does may be killed at any
point and is taken up again from what the spool and the store hold.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from msgspec import structs

from . import messages
from .added_jobs import Additions
from .anchors import Anchors
from .archive import Archive, Uploads, recordings
from .backup import paired
from .confidence import Hearer
from .cosignature import Cosigner
from .custody import Custodian, is_destroyed
from .document_jobs import Documents
from .documents import DocumentKey
from .jobs import Jobs
from .keys import SigningKey
from .manifest import MANIFEST_NAME, SIGNATURE_NAME, decoder, is_test, prefix
from .messages import DISK_LOW_BYTES, DISK_SHORT_BYTES, AnyAnswer, AnyEvent, SittingFacts
from .objects import ObjectStore, StoreProblem
from .playback import PLAYBACK_NAME, PLAYBACK_SIGNATURE_NAME
from .roots import media_root
from .seal import ManifestConflict, finalised, read_signed, store_manifest, store_playback
from .spool import try_lock
from .transparency import TransparencyLog

log = logging.getLogger(__name__)

#: How often the spool is looked at, s.
POLL_S = 0.5
#: A recording with nothing to do is looked after this often, s.
QUIET_S = 5.0
#: A store that refused is tried again after this, doubling up to the second value, s.
BACKOFF_S, BACKOFF_LIMIT_S = 0.5, 15.0
#: Segments on their way to the store at a time: bounds memory at four times a segment's size.
UPLOADS_LIMIT = 4
#: A writer that control names but that left no trace here or in the store is waited for this long, s.
WRITER_WAIT_S = 20.0
#: How often a recorder that stands by looks whether the other one is gone, s.
STAND_BY_S = 1.0
#: How often :class:`messages.Archived` is published while a record grows, s.
ARCHIVED_EVERY_S = 2.0
#: A recording without anything to do is forgotten after this, s; the store knows it.
IDLE_S = 600.0
#: Sealed records remembered, to answer a repeated request without the store.
SEALED_REMEMBERED = 1000

WORK_FOLDER = ".recorder"
#: In the spool: one empty file for each sealed record that is still to be anchored.
ANCHORS_FOLDER = ".anchors"
#: Name of the transparency log of a court that was given none.
DEFAULT_ORIGIN = "court.invalid/records"


@dataclass(slots=True)
class Sitting:
    """What the recorder does for one recording now."""

    archive: Archive
    facts: SittingFacts | None = None
    asked_at: float = 0.0
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    #: It waits for nothing but what comes to the spool.
    quiet: bool = False
    task: asyncio.Task[None] | None = None
    fault: str | None = None
    detail: str = ""
    published: tuple[float, int] = (0.0, 0)
    hearer: Hearer = field(default_factory=Hearer)


class Recorder:
    """Call :meth:`run` once, and the requests at any time.  ``publish`` is called with every event, on the loop.

    ``origin`` is the public name of the court's transparency log, ``authority`` the address of a time-stamp authority,
    ``cosigners`` those who are asked to cosign the log's heads, ``documents`` what PDF files are signed with,
    ``verifier`` the page that exports enclose.
    """

    def __init__(
        self,
        spool: Path,
        store: ObjectStore,
        key: SigningKey,
        *,
        software: str = "",
        origin: str = DEFAULT_ORIGIN,
        authority: str = "",
        cosigners: tuple[Cosigner, ...] = (),
        documents: DocumentKey | None = None,
        verifier: bytes | None = None,
        publish: Callable[[AnyEvent], None] = lambda event: None,
        writer_wait_s: float = WRITER_WAIT_S,
    ) -> None:
        self.publish = publish
        self.custodian = Custodian(store, key)
        self.store = store
        self._pair = paired(store)
        self.key = key
        self.software = software
        self._spool = spool
        self._writer_wait_s = writer_wait_s
        self._sittings: dict[str, Sitting] = {}
        self._sealed: dict[str, messages.Finalised] = {}
        self._uploads = Uploads(UPLOADS_LIMIT)
        self._spool_fault = ""
        self._spool_lock: int | None = None
        self._taking = asyncio.Lock()
        transparency = TransparencyLog(store, key, origin)
        work, kept = spool / WORK_FOLDER, self.custodian.refresh
        self._jobs = Jobs(store, key, work, self._tell, documents, authority, verifier, software, transparency, kept)
        self._documents = Documents(store, key, documents, authority, kept)
        self._additions = Additions(store, key, transparency, software, kept)
        self._anchors = Anchors(
            store,
            transparency,
            authority,
            spool / ANCHORS_FOLDER,
            self._tell,
            cosigners,
        )

    async def take_spool(self) -> None:
        """Wait until no other recorder looks after this spool, and hold it from then on; at once if it is held."""
        async with self._taking:
            if self._spool_lock is None:
                self._spool_lock = await self._lock_spool()

    async def _lock_spool(self) -> int:
        work = self._spool / WORK_FOLDER
        await asyncio.to_thread(work.mkdir, parents=True, exist_ok=True, mode=0o700)
        told = False
        while (lock := await asyncio.to_thread(try_lock, work)) is None:
            if not told:
                log.warning("another recorder looks after %s; standing by", self._spool)
            told = True
            await asyncio.sleep(STAND_BY_S)
        # What a killed one was making is made anew.
        for folder in await asyncio.to_thread(lambda: [path for path in work.iterdir() if path.is_dir()]):
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        return lock

    async def run(self) -> None:
        """Look after the spool until cancelled."""
        await self.take_spool()
        others = [asyncio.create_task(self._anchors.run(), name="anchors")]
        if self._pair is not None:
            others.append(asyncio.create_task(self._pair.run(), name="copies"))
        try:
            next_state = 0.0
            while True:
                await self._look()
                if time.monotonic() >= next_state:
                    self.publish(await asyncio.to_thread(self.state))
                    next_state = time.monotonic() + messages.RECORDER_STATE_S
                await asyncio.sleep(POLL_S)
        finally:
            tasks = [sitting.task for sitting in self._sittings.values() if sitting.task is not None]
            for task in (*others, *tasks):
                task.cancel()
            await asyncio.gather(*others, *tasks, return_exceptions=True)
            await self._jobs.aclose()
            await self.custodian.aclose()
            await self._documents.aclose()
            await self._additions.aclose()
            if self._spool_lock is not None:
                os.close(self._spool_lock)
                self._spool_lock = None

    def state(self) -> messages.RecorderState:
        """How the recorder is now; reads the spool."""
        free = shutil.disk_usage(self._spool).free
        waiting = [path.stat().st_size for path in self._spool.glob("*/*/*.hrec") if path.exists()]
        fault, detail = next(((s.fault, s.detail) for s in self._sittings.values() if s.fault), (None, ""))
        if self._spool_fault:
            fault, detail = "spool", self._spool_fault
        elif fault is None and free < DISK_LOW_BYTES:
            fault, detail = "disk-low", f"{free} bytes free"
        return messages.RecorderState(
            backlog=len(waiting),
            spool_bytes=sum(waiting),
            disk_free_bytes=free,
            fault=fault,
            detail=detail,
            unanchored=self._anchors.owed,
            owed=len(self._pair.owing()) if self._pair is not None else 0,
        )

    async def compose(self, request: messages.Compose) -> AnyAnswer:
        """Make a composite MP4 in the background: see :class:`messages.Compose`."""
        await self.take_spool()
        if shutil.disk_usage(self._spool).free < DISK_SHORT_BYTES:
            return messages.Refused(reason="busy", detail="the disk is left to the hearings that run")
        return await self._jobs.compose(request)

    async def excerpt(self, request: messages.Excerpt) -> AnyAnswer:
        """Make an export of a part in the background: see :class:`messages.Excerpt`."""
        await self.take_spool()
        if shutil.disk_usage(self._spool).free < DISK_SHORT_BYTES:
            return messages.Refused(reason="busy", detail="the disk is left to the hearings that run")
        return await self._jobs.excerpt(request)

    async def withhold(self, request: messages.Withhold) -> AnyAnswer:
        """Make a playable copy that leaves spans out in the background: see :class:`messages.Withhold`."""
        await self.take_spool()
        return await self._jobs.withhold(request)

    async def verify(self, request: messages.Verify) -> AnyAnswer:
        """Check every stored byte of a record in the background: see :class:`messages.Verify`."""
        return await self._jobs.verify(request)

    async def keep(self, request: messages.Keep) -> AnyAnswer:
        """What the court decided about the custody of a record: see :class:`messages.Keep`.  Idempotent."""
        await self.take_spool()
        return await self.custodian.keep(request)

    async def discard(self, request: messages.Discard) -> AnyAnswer:
        """Remove a test recording: see :class:`messages.Discard`.  Idempotent."""
        if not is_test(request.sitting_id):
            return messages.Refused(reason="invalid", detail="it is of a hearing")
        return await self.custodian.discard(request.sitting_id)

    async def write(self, request: messages.Write) -> AnyAnswer:
        """Store the documents of a written record: see :class:`messages.Write`."""
        return await self._documents.write(request)

    async def add(self, request: messages.Add) -> AnyAnswer:
        """State what the court did with a recording that it added: see :class:`messages.Add`.  Idempotent."""
        await self.take_spool()
        return await self._additions.add(request)

    async def finalise(self, request: messages.Finalise) -> AnyAnswer:
        """Seal the record of this sitting: see :class:`messages.Finalise`.  Idempotent."""
        await self.take_spool()
        known = await self._sealed_already(request.sitting_id)
        if known is not None and known.playable:
            return known
        with contextlib.suppress(StoreProblem):  # it is asked once more before anything is sealed
            if await is_destroyed(self.store, request.sitting_id):
                return messages.Refused(reason="destroyed")
        sitting = self._sitting(request.sitting_id)
        if sitting.facts is None:
            sitting.facts = request.facts
            sitting.asked_at = time.monotonic()
        sitting.wake.set()
        if known is not None:
            return known
        if sitting.fault == "conflict":
            return messages.Refused(reason="invalid", detail=sitting.detail)
        return messages.Accepted()

    # --- inside -------------------------------------------------------------------

    def _tell(self, event: AnyEvent) -> None:
        """Publish; what was stored of a record just now is kept as long as the rest of it."""
        match event:
            case messages.Sealed(playable=True) | messages.Anchored() | messages.JobState(state="done"):
                self.custodian.refresh(event.sitting_id)
        self.publish(event)

    async def _look(self) -> None:
        try:
            found = await asyncio.to_thread(recordings, self._spool)
            self._spool_fault = ""
        except OSError as error:
            self._spool_fault = str(error)
            return
        for name, calls in found.items():
            sitting = self._sitting(name)
            if calls and sitting.quiet:
                sitting.wake.set()
        short = shutil.disk_usage(self._spool).free < DISK_SHORT_BYTES
        for sitting in self._sittings.values():
            sitting.archive.disk_short = short and sitting.facts is None

    def _sitting(self, recording_id: str) -> Sitting:
        sitting = self._sittings.get(recording_id)
        if sitting is None:
            work = self._spool / WORK_FOLDER / recording_id
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir(parents=True, mode=0o700)
            sitting = Sitting(Archive(self._spool, self.store, recording_id, work))
            self._sittings[recording_id] = sitting
            sitting.task = asyncio.create_task(self._care(sitting), name=f"record {recording_id}")
        return sitting

    async def _care(self, sitting: Sitting) -> None:
        """Look after one recording until it is sealed, or has had nothing to do for long."""
        backoff, idle_since, whole = BACKOFF_S, time.monotonic(), False
        try:
            while True:
                try:
                    if not whole:
                        # What an earlier run stored is part of the root too.
                        await sitting.archive.catch_up()
                        whole = True
                    busy = await sitting.archive.step(self._uploads)
                    self._tell_archived(sitting)
                    if sitting.facts is not None and await self._complete(sitting):
                        await self._seal(sitting)
                        sitting.facts = None
                        busy = await sitting.archive.step(self._uploads)
                        if not busy:
                            return
                    sitting.fault, sitting.detail, backoff = None, "", BACKOFF_S
                    if busy or sitting.facts is not None:
                        idle_since = time.monotonic()
                    elif time.monotonic() - idle_since > IDLE_S:
                        return
                    # Who looks at the spool for all wakes it for what comes.
                    untold = sitting.archive.objects != sitting.published[1]
                    sitting.quiet = not untold and sitting.facts is None
                    pause = QUIET_S if sitting.quiet else POLL_S
                except ManifestConflict as error:
                    log.error("%s", error)
                    sitting.fault, sitting.detail, sitting.facts, pause = "conflict", str(error), None, BACKOFF_LIMIT_S
                except (StoreProblem, OSError) as error:
                    fault = "store" if isinstance(error, StoreProblem) else "spool"
                    log.warning("record %s waits, %s: %s", sitting.archive.recording_id, fault, error)
                    sitting.fault, sitting.detail, pause = fault, str(error), backoff
                    backoff = min(2 * backoff, BACKOFF_LIMIT_S)
                except Exception as error:  # one record's fault must not stop the others, nor this one for good
                    log.exception("record %s waits", sitting.archive.recording_id)
                    sitting.fault, sitting.detail, pause = "internal", repr(error), BACKOFF_LIMIT_S
                with contextlib.suppress(TimeoutError):
                    # Not wait_for, which in Python 3.11 swallows a cancellation that meets the event.
                    async with asyncio.timeout(pause):
                        await sitting.wake.wait()
                sitting.wake.clear()
                sitting.quiet = False
        finally:
            self._forget(sitting)

    def _forget(self, sitting: Sitting) -> None:
        recording_id = sitting.archive.recording_id
        self._sittings.pop(recording_id, None)
        sitting.archive.record.discard_files()
        shutil.rmtree(self._spool / WORK_FOLDER / recording_id, ignore_errors=True)

    def _tell_archived(self, sitting: Sitting) -> None:
        archive = sitting.archive
        told_at, told = sitting.published
        if archive.objects == told or time.monotonic() - told_at < ARCHIVED_EVERY_S:
            return
        sitting.published = time.monotonic(), archive.objects
        ends = {writer: record.end_wall_ns for writer, record in archive.record.writers.items()}
        live = [end for writer, end in ends.items() if writer in archive.live]
        heads = media_root(record.chain for record in archive.record.writers.values())
        sounds = [(person, file) for (person, source, _), file in archive.record.files.items() if source == "person"]
        self.publish(
            messages.Archived(
                sitting_id=archive.recording_id,
                sealed_wall_ns=min(live) if live else max(ends.values(), default=0),
                objects=archive.objects,
                bytes=archive.bytes,
                root=heads.root.hex(),
                tracks=heads.tracks,
                segments=heads.segments,
                channels=sitting.hearer.channels(sounds),
            )
        )

    async def _complete(self, sitting: Sitting) -> bool:
        """Every writer has ended or was recovered, and all of it is archived; or was waited for long enough."""
        assert sitting.facts is not None
        archive = sitting.archive
        await archive.catch_up()
        if archive.live:
            return False
        writers = archive.record.writers
        wanted = {*sitting.facts.writers, *writers}
        unended = [writer for writer in wanted if writer not in writers or not writers[writer].chain.ended]
        return not unended or time.monotonic() - sitting.asked_at > self._writer_wait_s

    async def _seal(self, sitting: Sitting) -> None:
        assert sitting.facts is not None
        archive = sitting.archive
        if await is_destroyed(self.store, archive.recording_id):
            log.warning("record %s was destroyed: it is not sealed again", archive.recording_id)
            return
        missing = sorted(set(sitting.facts.writers) - set(archive.record.writers))
        if not is_test(archive.recording_id):
            await self._anchors.owe(archive.recording_id)
        data = await store_manifest(archive, self.store, self.key, sitting.facts, missing, self.software)
        digest, manifest = hashlib.sha256(data).hexdigest(), decoder.decode(data)
        self._remember(archive.recording_id, finalised(manifest, digest, playable=False))
        await store_playback(archive, self.store, self.key, manifest, digest, self.software)
        sitting.fault, sitting.detail = None, ""  # before anybody hears that it is done
        self._remember(archive.recording_id, finalised(manifest, digest, playable=True))

    def _remember(self, recording_id: str, known: messages.Finalised) -> None:
        self._sealed[recording_id] = known
        if len(self._sealed) > SEALED_REMEMBERED:
            self._sealed.pop(next(iter(self._sealed)))
        self._tell(messages.Sealed(sitting_id=recording_id, **structs.asdict(known)))

    async def _sealed_already(self, recording_id: str) -> messages.Finalised | None:
        """What is known of the record, if it is sealed."""
        known = self._sealed.get(recording_id)
        if known is not None and known.playable:
            return known
        place = prefix(recording_id)
        try:
            data = await read_signed(self.store, self.key, place + MANIFEST_NAME, place + SIGNATURE_NAME)
            if data is None:
                return None
            index = await read_signed(self.store, self.key, place + PLAYBACK_NAME, place + PLAYBACK_SIGNATURE_NAME)
        except (StoreProblem, ManifestConflict) as error:
            log.warning("record %s: %s", recording_id, error)
            return known
        return finalised(decoder.decode(data), hashlib.sha256(data).hexdigest(), playable=index is not None)
