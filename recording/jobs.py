"""Background work on sealed records: composites, exports of parts, copies that leave time out, and verification.

One of each at a time; the rest waits in line.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from . import compose, messages
from .credentials import CredentialsProblem, sign_video
from .documents import DocumentKey
from .excerpt_jobs import make_excerpt
from .export import NotSealed
from .ffmpeg_runs import ComposeFailed
from .keys import SigningKey
from .manifest import Manifest, encode, prefix
from .messages import AnyAnswer, AnyEvent
from .objects import ObjectStore, StoreProblem
from .playback import EXPORTS_PREFIX, ExportEntry, Playback
from .rendition import store_rendition
from .serve import RecordReader
from .transparency import LogProblem, TransparencyLog
from .verify import verify_record
from .withheld import events_within, public_events, rendition_id

log = logging.getLogger(__name__)

#: Jobs that may wait; more are refused as ``busy``.
WAITING_LIMIT = 32
#: Progress is published at most this often, s.
PROGRESS_EVERY_S = 1.0
MP4 = "video/mp4"


class Jobs:
    """Made by the recorder; :meth:`aclose` ends what runs.  ``documents`` signs what is made for readers outside,
    ``authority`` time-stamps it; ``verifier`` is the page that exports enclose, ``transparency`` the log
    in which the court's statements on what they leave out are entered.  ``stored`` is told of records to which a copy
    came."""

    def __init__(
        self,
        store: ObjectStore,
        key: SigningKey,
        work: Path,
        publish: Callable[[AnyEvent], None],
        documents: DocumentKey | None = None,
        authority: str = "",
        verifier: bytes | None = None,
        software: str = "",
        transparency: TransparencyLog | None = None,
        stored: Callable[[str], None] = lambda sitting_id: None,
    ) -> None:
        self._store = store
        self._key = key
        self._stored = stored
        self._documents = documents
        self._authority = authority
        self._work = work
        self._publish = publish
        self._reader = RecordReader(store)
        self._running: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._states: dict[tuple[str, str], messages.JobState] = {}
        self._verifier = verifier
        self._software = software
        self._log = transparency
        self._composing = asyncio.Lock()
        self._leaving_out = asyncio.Lock()
        self._verifying = asyncio.Lock()

    async def compose(self, request: messages.Compose) -> AnyAnswer:
        """See :class:`messages.Compose`."""
        try:
            ZoneInfo(request.timezone)
        except (KeyError, ValueError, OSError):
            return messages.Refused(reason="invalid", detail=f"no such time zone: {request.timezone}")
        return await self._asked(request, self._compose(request))

    async def excerpt(self, request: messages.Excerpt) -> AnyAnswer:
        """See :class:`messages.Excerpt`."""
        if request.part.end_us <= request.part.start_us:
            return messages.Refused(reason="invalid", detail="the part has no length")
        return await self._asked(request, self._excerpt(request))

    async def withhold(self, request: messages.Withhold) -> AnyAnswer:
        """See :class:`messages.Withhold`."""
        key = f"{request.sitting_id} {rendition_id(request.withheld, request.part)}", ""
        if key in self._running:
            return messages.Accepted()
        return await self._start(key, self._withhold(request), request.sitting_id)

    async def verify(self, request: messages.Verify) -> AnyAnswer:
        """See :class:`messages.Verify`."""
        key = request.sitting_id, ""
        if key in self._running:
            return messages.Accepted()
        return await self._start(key, self._verify(request.sitting_id))

    async def aclose(self) -> None:
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    # --- inside -------------------------------------------------------------------

    async def _asked(self, request: messages.Compose | messages.Excerpt, work: Coroutine[Any, Any, None]) -> AnyAnswer:
        """Begin a job, or tell how far it is."""
        key = request.sitting_id, request.job_id
        if key in self._states:
            work.close()
            self._publish(self._states[key])
            return messages.Accepted()
        if (ending := self._running.get(key)) is not None:
            await asyncio.wait([ending])  # it has told its end just now
        return await self._start(key, work)

    async def _start(self, key: tuple[str, str], work: Coroutine[Any, Any, None], sitting_id: str = "") -> AnyAnswer:
        refusal: AnyAnswer | None = None
        try:
            if len(self._running) >= WAITING_LIMIT:
                refusal = messages.Refused(reason="busy")
            elif await self._reader.manifest(sitting_id or key[0]) is None:
                refusal = messages.Refused(reason="not-sealed")
        except StoreProblem as error:
            refusal = messages.Refused(reason="busy", detail=str(error))
        if refusal is not None or key in self._running:
            work.close()
            return refusal or messages.Accepted()
        if key[1]:
            self._tell(key, "queued", 0.0)
        task = self._running[key] = asyncio.create_task(work)
        task.add_done_callback(lambda _: self._running.pop(key, None))
        return messages.Accepted()

    def _tell(self, key: tuple[str, str], state: str, progress: float, **facts: object) -> None:
        event = msgspec.convert(
            {"type": "job", "sittingId": key[0], "jobId": key[1], "state": state, "progress": progress, **facts},
            messages.JobState,
        )
        self._states[key] = event
        if state in ("done", "failed"):
            self._states.pop(key)
        self._publish(event)

    async def _verify(self, sitting_id: str) -> None:
        async with self._verifying:
            try:
                report = await verify_record(self._store, prefix(sitting_id), self._key.public)
            except StoreProblem as error:
                log.warning("record %s could not be verified: %s", sitting_id, error)
                return
        self._publish(messages.Verified(sitting_id=sitting_id, ok=report.ok, report=msgspec.to_builtins(report)))

    async def _compose(self, request: messages.Compose) -> None:
        key = request.sitting_id, request.job_id
        try:
            entry = await self._made_already(request)
            if entry is None:
                async with self._composing:
                    entry = await self._make(request)
        except (StoreProblem, OSError, ComposeFailed) as error:
            log.warning("composite %s of %s failed: %s", request.job_id, request.sitting_id, error)
            self._tell(key, "failed", 0.0, message=str(error)[-500:])
            return
        self._tell(key, "done", 1.0, name=entry.name.rsplit("/", 1)[1], bytes=entry.size)

    async def _excerpt(self, request: messages.Excerpt) -> None:
        key = request.sitting_id, request.job_id
        progress = self._teller(key)
        try:
            entry = await self._made_already(request)
            if entry is None:
                async with self._leaving_out:
                    entry = await make_excerpt(
                        self._store,
                        self._key,
                        request,
                        self._work,
                        transparency=self._log,
                        software=self._software,
                        verifier=self._verifier,
                        progress=progress,
                    )
        except (StoreProblem, OSError, NotSealed, LogProblem) as error:
            log.warning("export %s of %s failed: %s", request.job_id, request.sitting_id, error)
            self._tell(key, "failed", 0.0, message=str(error)[-500:])
            return
        self._tell(key, "done", 1.0, name=entry.name.rsplit("/", 1)[1], bytes=entry.size)

    async def _withhold(self, request: messages.Withhold) -> None:
        async with self._leaving_out:
            try:
                await self._rendition(request.sitting_id, request.withheld, request.part)
                self._stored(request.sitting_id)
            except (StoreProblem, OSError, ComposeFailed) as error:
                log.warning("a copy of %s without what is withheld waits: %s", request.sitting_id, error)

    async def _rendition(
        self, sitting_id: str, spans: Sequence[messages.Withheld], part: messages.Part | None
    ) -> Playback:
        """The index of the copy that leaves these spans out and is of this part, made if it is not there."""
        manifest, playback = await self._reader.manifest(sitting_id), await self._reader.playback(sitting_id)
        if manifest is None or playback is None:
            raise ComposeFailed("the record has nothing that can be played")
        found = await store_rendition(self._store, self._key, manifest, playback, spans, self._work, part)
        made = await self._reader.rendition(sitting_id, found)
        assert made is not None
        return made

    def _teller(self, key: tuple[str, str]) -> Callable[[float], None]:
        """Publishes progress, now and then."""
        next_told = 0.0

        def progress(part: float) -> None:
            nonlocal next_told
            if time.monotonic() >= next_told:
                next_told = time.monotonic() + PROGRESS_EVERY_S
                # The last hundredth is for storing the file.
                self._tell(key, "running", 0.99 * part)

        return progress

    async def _with_credentials(self, path: Path, playback: Playback, title: str) -> Path:
        """The composite with Content Credentials: without a time-stamp if the authority is away, and as it is if they
        cannot be had at all, since it is signed by us too."""
        if self._documents is None:
            return path
        for number, authority in enumerate(dict.fromkeys((self._authority, ""))):
            target = path.with_name(f"signed{number}.mp4")
            try:
                await asyncio.to_thread(sign_video, path, target, self._documents, playback, title, authority)
            except CredentialsProblem as error:
                lacking = "time-stamp" if authority else "credentials"
                log.warning("the composite of %s has no %s: %s", playback.sitting_id, lacking, error)
            else:
                return target
        return path

    async def _made_already(self, request: messages.Compose | messages.Excerpt) -> ExportEntry | None:
        for entry in await self._reader.exports(request.sitting_id):
            if entry.job_id == request.job_id:
                return entry
        return None

    async def _make(self, request: messages.Compose) -> ExportEntry:
        manifest = await self._reader.manifest(request.sitting_id)
        playback = await self._reader.playback(request.sitting_id)
        if manifest is not None and playback is not None and (request.withheld or request.part):
            playback = await self._rendition(request.sitting_id, request.withheld, request.part)
            events = public_events(manifest.events, request.withheld)
            if request.part is not None:
                events = events_within(events, request.part)
            manifest = msgspec.structs.replace(manifest, events=events)
        if manifest is None or playback is None or not playback.media:
            raise ComposeFailed("the record has nothing that can be played")
        await asyncio.to_thread(self._work.mkdir, parents=True, exist_ok=True)
        work = Path(await asyncio.to_thread(tempfile.mkdtemp, dir=self._work, prefix="compose-"))
        try:
            return await self._encode(request, manifest, playback, work)
        finally:
            await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)

    async def _encode(
        self, request: messages.Compose, manifest: Manifest, playback: Playback, work: Path
    ) -> ExportEntry:
        key = request.sitting_id, request.job_id
        place = prefix(request.sitting_id)
        files = [
            await self._store.fetch(place + entry.name, work / f"{number}.media")
            for number, entry in enumerate(playback.media)
        ]
        target = work / "composite.mp4"
        composition = await asyncio.to_thread(
            compose.Composition, manifest, playback, work, request.locale, request.timezone, request.mark
        )
        await compose.make(composition, files, target, self._teller(key))
        # Each try has names of its own: what a killed one left is never taken for a whole one, nor in its way.
        stem = f"{EXPORTS_PREFIX}{request.job_id}.{secrets.token_hex(4)}"
        target = await self._with_credentials(target, playback, f"{manifest.case_number} {manifest.case_name}")
        stored = await self._store.put_new(f"{place}{stem}.mp4", target)
        entry = ExportEntry(
            job_id=request.job_id,
            name=f"{stem}.mp4",
            media_type=MP4,
            size=stored.size,
            sha256=stored.sha256,
            duration_ms=round(composition.seconds * 1000),
            locale=request.locale,
            timezone=request.timezone,
            manifest_sha256=playback.manifest_sha256,
            derived_from=[media.name for media in playback.media],
            created_us=time.time_ns() // 1000,
            withheld=request.withheld,
            part=request.part,
        )
        data = encode(entry)
        # The signature first: an entry without one, as a kill would leave it, is an entry that was tampered with.
        await self._store.put_new(f"{place}{stem}.sig", self._key.sign(data))
        await self._store.put_new(f"{place}{stem}.json", data)
        return entry
