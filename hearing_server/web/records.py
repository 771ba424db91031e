"""The archive over HTTP: finding a hearing, reading its record, playing and downloading it.

Nothing is given out before the access ledger has it (lessons.md 21): there are no links that work without a seat.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from datetime import datetime
from typing import Any, cast
from urllib.parse import quote

import msgspec
import structlog
from msgspec.structs import replace
from starlette.responses import Response, StreamingResponse

from recording.objects import StoreProblem
from recording.playback import MediaEntry, Playback
from recording.serve import Media, RecordReader, TooManyReaders

from .. import api
from ..api.archive import NewPart, Played
from ..court import Event, may_read_stored, replay
from ..court.levels import Audience
from ..court.permissions import Leave, leave, scope
from ..court.shares import mark_of
from ..hearings import Hearings, RecorderUnavailable, views
from ..letters import zone_of
from ..store import HearingFacts, JobRow, RecordRow, Store
from ..store.search import Query
from ..store.shares import ShareRow
from .access import BENCH, PERSON_PARAMETER, STAFF, Ask, Caller, Gate, SeatCaller, ShareCaller
from .problems import Json, ProblemError
from .ranges import ByteRange, RangeNotSatisfiable, applies, matches, parse
from .reading import Reading, Readings, levels_view

log = structlog.get_logger(__name__)

NS = 1_000_000_000
US = 1_000_000
#: Longest search text, characters.
QUERY_LIMIT = 200
#: Longest reference of an order, characters.
ORDER_LIMIT = 200
#: Rows of the list of hearings.
LIST_LIMIT = 200


def scope_of(caller: Caller) -> Query:
    """What this caller may find: a clerk their court's, a judge their own, any other seat its hearing."""
    judges = caller.user_name if caller.user_name is not None and "judge" in caller.roles() else ""
    sitting = caller.facts.sitting_id if isinstance(caller, SeatCaller) and not caller.courts and not judges else ""
    return Query(courts=tuple(sorted(caller.courts)), judges=judges, sitting=sitting)


class Records:
    def __init__(self, store: Store, hearings: Hearings, archive: RecordReader, gate: Gate) -> None:
        self._store = store
        self._hearings = hearings
        self._archive = archive
        self._gate = gate
        #: What of a record somebody may have.
        self.readings = Readings(hearings, archive)

    # --- finding ------------------------------------------------------------------------

    async def search(self, ask: Ask) -> Response:
        """Hearings by case number or name: a clerk's of the court, a judge's own."""
        text = ask.request.query_params.get("query", "")[:QUERY_LIMIT]
        found = (await self._store.search.find(replace(scope_of(ask.caller), text=text, most=LIST_LIMIT))).found
        return Json([await self.row(each.facts) for each in found if ask.caller.roles_for(each.facts) & STAFF])

    async def row(self, facts: HearingFacts) -> api.HearingRow:
        """A hearing as lists show it."""
        card = views.card(facts)
        return api.HearingRow(
            hearing_id=card.hearing_id,
            sitting_id=card.sitting_id,
            case_number=card.case_number,
            case_name=card.case_name,
            case_name_zh=card.case_name_zh,
            judge=card.judge,
            judge_zh=card.judge_zh,
            room=card.room,
            room_zh=card.room_zh,
            scheduled_at=card.scheduled_at,
            state=card.state,
            record=await self._hearings.record_view(facts),
            present=facts.present,
            expected=sum(1 for person in facts.people if person.role != "observer"),
        )

    # --- reading --------------------------------------------------------------------------

    async def page(self, ask: Ask) -> Response:
        """All of a hearing's record but the media."""
        return Json(await self.shown(ask))

    async def shown(self, ask: Ask) -> api.RecordPage:
        """The record's page for this caller, with the mark for the picture; the opening is in the ledger."""
        facts = ask.hearing
        if facts.state != "closed":
            raise ProblemError("record-missing")
        record = await self._store.records.get(facts.sitting_id)
        reading = await self.reading(ask)
        events = await self._hearings.log_of(facts.sitting_id)
        jobs = await self._store.records.jobs_of(facts.sitting_id)
        entry = await self._gate.note(ask.caller, facts.hearing_id, "open-record", facts.sitting_id, time.time_ns())
        seen = [event for event in events if may_see(ask, event) and not reading.hides(event.utc)]
        jobs = await self.given(facts, reading, [job for job in jobs if job.kind in ("composite", "part")])
        shape = _page(ask, reading, seen, record, jobs, restriction_of(events), _mark(ask, entry))
        sitting = replay(events)
        if sitting is not None:
            shape.partial, shape.incident = sitting.partial, sitting.incident
            shape.statement = sitting.incident_statement
        return shape

    async def playable(self, facts: HearingFacts) -> bool:
        try:
            return await self._archive.playback(facts.sitting_id) is not None
        except StoreProblem as error:
            raise _unavailable(facts, error) from error

    async def reading(self, ask: Ask) -> Reading:
        """What of this record the caller may have.  Raises :class:`ProblemError` before it can be played."""
        reading = await self._reading(ask)
        if reading is None:
            raise ProblemError("record-not-ready", {"Retry-After": "1"})
        return reading

    async def _reading(self, ask: Ask) -> Reading | None:
        audience = Audience.OUTSIDE if isinstance(ask.caller, ShareCaller) else Audience.COURT
        return await self.readings.of(ask.hearing, ask.caller.id, audience)

    async def given(self, facts: HearingFacts, reading: Reading, jobs: list[JobRow]) -> list[JobRow]:
        """The jobs whose file leaves out what is withheld from this reader, and those that have none yet."""
        if reading.whole or not any(job.name for job in jobs):
            return jobs
        try:
            names = [job.name for job in jobs if job.name and await self.readings.media(facts, reading, job.name)]
        except StoreProblem as error:
            raise _unavailable(facts, error) from error
        return [job for job in jobs if not job.name or job.name in names]

    async def media(self, ask: Ask) -> Response:
        """A track or an export, whole or by ranges; ``?download=1`` names it for the disk."""
        download = ask.request.query_params.get("download") is not None
        order = leave_to_download(ask) if download else {}
        return await self.give(ask, str(ask.request.path_params["name"]), download=download, about=order)

    async def track_names(self, ask: Ask) -> frozenset[str]:
        """The tracks' files that the caller may have, by the last part of their names."""
        playback = (await self.reading(ask)).playback
        return frozenset(entry.name.rsplit("/", 1)[-1] for entry in playback.media)

    async def give(self, ask: Ask, name: str, *, download: bool, about: Mapping[str, object]) -> Response:
        """A file, whole or by ranges, to a caller who may have it; ``about``: what the ledger says of the right to."""
        facts, reading = ask.hearing, await self._reading(ask)
        try:
            file = None if reading is None else await self.readings.media(facts, reading, name)
        except StoreProblem as error:
            raise _unavailable(facts, error) from error
        if file is None:
            raise ProblemError("not-found")
        etag = f'"{file.sha256}"'
        headers = {"ETag": etag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
        if matches(ask.request.headers.get("if-none-match"), etag):
            return Response(status_code=304, headers=headers)
        try:
            span = self._span(ask, file, etag)
        except RangeNotSatisfiable:
            raise ProblemError("range-refused", {"Content-Range": f"bytes */{file.size}"}) from None
        if download:
            assert reading is not None
            headers["Content-Disposition"] = content_disposition(_file_name(ask, reading.playback, file))
        wanted = span or ByteRange(0, file.size)
        headers["Content-Length"] = str(wanted.end - wanted.start)
        if span is not None:
            headers["Content-Range"] = span.content_range(file.size)
        status = 200 if span is None else 206
        if ask.request.method == "HEAD":
            return Response(status_code=status, headers=headers, media_type=file.media_type)
        action = "download" if download else "play"
        await self._gate.note(
            ask.caller, facts.hearing_id, action, name, time.time_ns(), start=wanted.start, end=wanted.end, **about
        )
        body = await self._body(facts, file, wanted)
        return StreamingResponse(body, status, headers, media_type=file.media_type)

    def _span(self, ask: Ask, file: Media, etag: str) -> ByteRange | None:
        fields = ask.request.headers
        return parse(fields.get("range"), file.size) if applies(fields.get("if-range"), etag) else None

    async def _body(self, facts: HearingFacts, file: Media, span: ByteRange) -> AsyncIterator[bytes]:
        """The stream, begun: a store that does not answer is told before the head of the answer is sent."""
        stream = cast(AsyncGenerator[bytes, None], self._archive.read(file, span.start, span.end))
        try:
            first = await anext(stream, b"")
        except TooManyReaders as error:
            raise ProblemError("busy", {"Retry-After": "1"}) from error
        except StoreProblem as error:
            raise _unavailable(facts, error) from error

        async def body() -> AsyncIterator[bytes]:
            async with contextlib.aclosing(stream):
                yield first
                async for piece in stream:
                    yield piece

        return body()

    async def played_span(self, ask: Ask) -> dict[str, object]:
        """What a page says it has played, as the ledger has it: wall clock in us, speed, and whose sound was heard."""
        body: Played = ask.body
        playback = (await self.reading(ask)).playback
        if body.to_s < body.from_s:
            raise ProblemError("invalid")
        span = {
            "from_us": playback.start_us + round(body.from_s * US),
            "to_us": playback.start_us + round(body.to_s * US),
            "rate": f"{body.rate:g}",
        }
        return span if body.heard is None else {**span, "heard": sorted(body.heard)}

    async def manifest(self, ask: Ask) -> Response:
        """The manifest as signed, for the offline verifier."""
        return await self._signed(ask, 0, "manifest.json", "application/json")

    async def signature(self, ask: Ask) -> Response:
        """Its Ed25519 signature."""
        return await self._signed(ask, 1, "manifest.sig", "application/octet-stream")

    async def _signed(self, ask: Ask, part: int, name: str, media_type: str) -> Response:
        facts = ask.hearing
        try:
            signed = await self._archive.signed_manifest(facts.sitting_id)
        except StoreProblem as error:
            raise _unavailable(facts, error) from error
        if signed is None:
            raise ProblemError("record-missing" if facts.state != "closed" else "record-not-ready")
        # It holds the whole log; an export has the court's public version of it.
        if (await self._hearings.levels.file(facts)).withheld(Audience.COURT, ask.caller.id):
            raise ProblemError("record-withheld")
        await self._gate.note(ask.caller, facts.hearing_id, "download", name, time.time_ns())
        headers = {"Content-Disposition": content_disposition(_fit(f"{facts.case_number} {name}"))}
        return Response(signed[part], headers=headers, media_type=media_type)

    # --- jobs ---------------------------------------------------------------------------------

    async def export(self, ask: Ask) -> Response:
        """Have a composite made."""
        facts = ask.hearing
        if facts.state != "closed":
            raise ProblemError("record-not-ready")
        await self.reading(ask)
        caller = ask.caller
        await self._gate.note(caller, facts.hearing_id, "export", "composite", time.time_ns(), locale=ask.locale)
        job = await self._hearings.export(facts, ask.locale, caller.id)
        return Json(job_row(ask, facts, job), 202)

    async def export_part(self, ask: Ask) -> Response:
        """Have a ZIP file of a part made, for whoever may download."""
        body: NewPart = ask.body
        facts, order = ask.hearing, leave_to_download(ask)
        if facts.state != "closed":
            raise ProblemError("record-not-ready")
        playback = (await self.reading(ask)).playback
        end_s = (playback.end_us - playback.start_us) / US
        if not body.from_s < min(body.to_s, end_s):
            raise ProblemError("part-empty")
        start_us, end_us = (playback.start_us + round(at * US) for at in (body.from_s, min(body.to_s, end_s)))
        await self._gate.note(
            ask.caller, facts.hearing_id, "export", "part", time.time_ns(), from_us=start_us, to_us=end_us, **order
        )
        job = await self._hearings.export(facts, ask.locale, ask.caller.id, part=f"{start_us}-{end_us}")
        return Json(job_row(ask, facts, job, playback.start_us), 202)

    async def job(self, ask: Ask) -> Response:
        """How far a job is; jobs of hearings that do not concern the caller do not exist."""
        job = await self._store.records.job(str(ask.request.path_params["job_id"]))
        facts = None if job is None else await self._store.docket.by_sitting(job.sitting_id)
        if job is None or facts is None:
            raise ProblemError("not-found")
        await self._gate.hearing(ask.caller, facts.hearing_id, STAFF)
        reading = await self.readings.of(facts, ask.caller.id)
        if reading is None or not await self.given(facts, reading, [job]):
            raise ProblemError("not-found")
        return Json(job_row(ask, facts, job, reading.playback.start_us))

    async def verify(self, ask: Ask) -> Response:
        """Have every stored byte checked again; the page shows the result when it is there."""
        facts = ask.hearing
        if (await self._store.records.get(facts.sitting_id)).manifest_sha256 == "":
            raise ProblemError("record-not-ready")
        await self._gate.note(ask.caller, facts.hearing_id, "verify", facts.sitting_id, time.time_ns())
        try:
            await self._hearings.verify(facts)
        except RecorderUnavailable as error:
            log.warning("recorder.unavailable", error=str(error))
            raise ProblemError("recorder-unavailable", {"Retry-After": "5"}) from error
        return Response(status_code=202)


def leave_to_download(ask: Ask) -> dict[str, str]:
    """What the ledger says of the right to download, which listening does not bring (hearing-model.md §6): the judge
    has it in their own case, the clerk and the custodian under an order that they name (``?order=``).

    Raises :class:`ProblemError`.
    """
    roles = {role for role in ask.roles if leave("download", role) is not Leave.NEVER}
    if any(scope("download", role) == "own_case" and role in BENCH for role in roles):
        return {}
    if not any(scope("download", role) == "order_reference" for role in roles):
        raise ProblemError("not-allowed")
    order = ask.request.query_params.get("order", "").strip()[:ORDER_LIMIT]
    if not order:
        raise ProblemError("order-missing")
    return {"order": order}


def _unavailable(facts: HearingFacts, error: StoreProblem) -> ProblemError:
    log.error("archive.unavailable", hearing=facts.hearing_id, error=str(error))
    return ProblemError("record-unavailable", {"Retry-After": "30"})


def may_see(ask: Ask, event: Event) -> bool:
    """By the law's word on the log of a past sitting, for any of the caller's roles in this court."""
    caller = ask.caller
    if isinstance(caller, SeatCaller):
        roles = frozenset({caller.seat.person.role})
    elif isinstance(caller, ShareCaller):
        roles = frozenset({"observer"})
    else:
        roles = frozenset(caller.session.account.roles.get(ask.hearing.court.id, ()))
    return any(may_read_stored(event, role, caller.id) for role in roles)


# --- shapes ----------------------------------------------------------------------------------------


def restriction_of(events: list[Event]) -> str:
    """What may not be reported, as it stood when the log ended."""
    said = {"book": "restriction", "restrict": "text", "unrestrict": ""}
    last = next((event for event in reversed(events) if event.name in said), None)
    return "" if last is None else str(last.detail.get(said[last.name], ""))


def _page(
    ask: Ask,
    reading: Reading,
    events: list[Event],
    record: RecordRow,
    jobs: list[JobRow],
    restriction: str,
    mark: str,
) -> api.RecordPage:
    facts, playback = ask.hearing, reading.playback
    start_s = playback.start_us / US
    return api.RecordPage(
        hearing=views.card(facts),
        started_at=start_s,
        ended_at=playback.end_us / US,
        duration_s=(playback.end_us - playback.start_us) / US,
        state=cast(api.RecordState, facts.record_state),
        tracks=[_track(ask, entry, playback.start_us) for entry in playback.media],
        gaps=[
            api.GapRow(
                person_id=gap.person_id,
                source=gap.source,
                start_s=gap.start_us / US - start_s,
                duration_s=gap.duration_us / US,
                cause=cast(Any, gap.cause),
            )
            for gap in playback.gaps
        ],
        log=[_log_row(facts, event, start_s) for event in events],
        seal=_seal(record, told=reading.whole),
        exports=[job_row(ask, facts, job, playback.start_us) for job in jobs],
        levels=levels_view(reading, frozenset() if isinstance(ask.caller, ShareCaller) else ask.roles),
        restriction=restriction,
        mark=mark,
    )


def _mark(ask: Ask, entry: int) -> str:
    """Who looks, and the number of this opening in the hearing's access ledger."""
    caller = ask.caller
    if isinstance(caller, ShareCaller):
        return mark_of(caller.name, caller.share.email, f"{caller.id[:8]}-{entry}")
    name = (caller.name_zh or caller.name) if ask.locale == "zh-CN" else caller.name
    return f"{name} · {ask.hearing.case_number} · {entry}"


def _track(ask: Ask, entry: MediaEntry, start_us: int) -> api.TrackRow:
    return api.TrackRow(
        person_id=entry.person_id,
        name=entry.display_name,
        name_zh=entry.display_name_zh,
        role=entry.role,
        source="screen" if entry.source == "screen" else "person",
        url=media_url(ask, ask.hearing, entry.name),
        file_name=track_file_name(ask.hearing, entry, ask.locale, start_us),
        media_type=entry.media_type,
        bytes=entry.size,
        has_audio=entry.has_audio,
        has_video=entry.has_video,
        offset_s=entry.offset_ms / 1000,
        duration_s=entry.duration_ms / 1000,
        peaks=entry.peaks,
        peaks_period_s=entry.peaks_period_ms / 1000,
    )


def _log_row(facts: HearingFacts, event: Event, start_s: float) -> api.LogRow:
    """``actor`` is a person id or ``system``; the detail names the states, and the person it is about."""
    return api.LogRow(
        seq=event.seq,
        at_s=event.utc / NS - start_s,
        wall=event.utc / NS,
        event=event.name,
        actor=event.actor,
        detail={
            "machine": event.machine.value,
            "from": event.source,
            "to": event.to,
            "reason": event.reason,
            "person": event.subject,
            "role": event.role,
            "hash": event.hash,
        },
    )


def _seal(record: RecordRow, *, told: bool) -> api.SealCheck | None:
    """What the last verification found; ``pending`` from the sealing until the first is done.  ``told``: with gaps,
    which tell when who was heard."""
    if not record.manifest_sha256:
        return None
    if record.verification is None:
        return api.SealCheck(
            state="pending",
            checked_at=0.0,
            tracks=0,
            chunks=0,
            bytes=record.bytes,
            manifest_sha256=record.manifest_sha256,
            findings=[],
        )
    found = msgspec.json.decode(record.verification)
    report = found["report"]
    return api.SealCheck(
        state="verified" if found["ok"] else "mismatch",
        checked_at=found["checkedAt"],
        tracks=int(report.get("tracks", 0)),
        chunks=int(report.get("chunks", 0)),
        bytes=int(report.get("bytes", record.bytes)),
        manifest_sha256=record.manifest_sha256,
        findings=[found for found in report.get("findings", []) if told or found.get("code") != "gap"],
    )


def job_row(ask: Ask, facts: HearingFacts, job: JobRow, start_us: int = 0) -> api.Job:
    """``start_us``: the record's start, for what is of a part."""
    part = [(int(at) - start_us) / US for at in job.part.split("-")] if job.part else [None, None]
    done = job.state == "done" and job.name is not None
    return api.Job(
        job_id=job.id,
        kind="part" if job.part else "composite",
        state=cast(Any, job.state),
        progress=job.progress,
        created_at=job.created_utc / NS,
        url=media_url(ask, facts, job.name) if done and job.name else None,
        file_name=export_file_name(facts, job.locale, packed=bool(job.part)) if done else None,
        bytes=job.bytes if done else None,
        message=job.message,
        from_s=part[0],
        to_s=part[1],
    )


def media_url(ask: Ask, facts: HearingFacts, name: str) -> str:
    """Where a media element finds it; that asks by itself, so the address says whose window it is in."""
    path = f"/api/hearings/{quote(facts.sitting_id)}/record/media/{quote(name.rsplit('/', 1)[-1])}"
    if not isinstance(ask.caller, SeatCaller):
        return path
    return f"{path}?{PERSON_PARAMETER}={quote(ask.caller.id, safe='')}"


# --- names for the disk (RFC 6266) ---------------------------------------------------------------------

#: What file systems refuse, and what could end a header.
_UNFIT = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]+')
_ROLES_ZH = {
    "judge": "审判长",
    "clerk": "书记员",
    "claimant": "原告",
    "respondent": "被告",
    "witness": "证人",
    "interpreter": "翻译",
    "observer": "旁听",
}
#: Without its ending; most file systems take 255 in all.
FILE_NAME_LIMIT_BYTES = 220


def track_file_name(facts: HearingFacts, entry: MediaEntry, locale: str, start_us: int) -> str:
    """``HC 2026-00418 2026-11-22 110940 claimant Joan Larkin, Northgate District Court.webm`` (``.mp4`` for pictures in
    H.264), or the same in Chinese: the file says where and when it begins.  ``start_us``: of the record."""
    chinese = locale == "zh-CN"
    role = _ROLES_ZH.get(entry.role, entry.role) if chinese else entry.role
    name = entry.display_name_zh if chinese else entry.display_name
    screen = "" if entry.source == "person" else (" 屏幕" if chinese else " screen")
    begins = _clock(facts, start_us * 1000 + entry.offset_ms * 1_000_000)
    return _named(facts, f"{begins} {role} {name}{screen}", locale) + "." + entry.name.rsplit(".", 1)[-1]


def export_file_name(facts: HearingFacts, locale: str, *, packed: bool = False) -> str:
    """Of a film, or ``packed``, of a part of the record."""
    english, chinese = ("part of the record", "庭审记录节选") if packed else ("hearing", "庭审录像")
    words = f"{_clock(facts, facts.opened_utc or facts.scheduled_utc)} {chinese if locale == 'zh-CN' else english}"
    return _named(facts, words, locale) + (".zip" if packed else ".mp4")


def _clock(facts: HearingFacts, utc: int) -> str:
    """``2026-11-22 110940`` on the court's clock: file systems take no colons."""
    return f"{datetime.fromtimestamp(utc / NS, zone_of(facts.court.time_zone)):%Y-%m-%d %H%M%S}"


def _named(facts: HearingFacts, words: str, locale: str) -> str:
    court = facts.court.name_zh if locale == "zh-CN" else facts.court.name
    return _fit(f"{facts.case_number} {words}{'，' if locale == 'zh-CN' else ', '}{court}")


def _file_name(ask: Ask, playback: Playback, file: Media) -> str:
    if isinstance(ask.caller, ShareCaller):
        return shared_file_name(ask.hearing, ask.caller.share, ask.locale)
    for entry in playback.media:
        if entry.name.rsplit("/", 1)[-1] == file.name:
            return track_file_name(ask.hearing, entry, ask.locale, playback.start_us)
    return export_file_name(ask.hearing, ask.locale, packed=file.name.endswith(".zip"))


def shared_file_name(facts: HearingFacts, share: ShareRow, locale: str) -> str:
    """A film that was made for one person says so: ``HC 2026-00418 hearing for Ann Reyes 1f6b00c2.mp4``."""
    words = f"庭审录像 仅供 {share.name}" if locale == "zh-CN" else f"hearing for {share.name}"
    begins = _clock(facts, facts.opened_utc or facts.scheduled_utc)
    return _named(facts, f"{begins} {words} {share.id[:8]}", locale) + ".mp4"


def _fit(name: str) -> str:
    fit = " ".join(_UNFIT.sub(" ", name).split()).strip(" .")
    return fit.encode()[:FILE_NAME_LIMIT_BYTES].decode(errors="ignore").rstrip()


def content_disposition(file_name: str) -> str:
    """RFC 6266: a plain name for old clients, and the true one in UTF-8."""
    plain = file_name.encode("ascii", "replace").decode().replace("?", "_").replace("\\", "_").replace('"', "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}"
