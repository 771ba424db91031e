"""The archive over HTTP: finding a hearing, reading its record, playing and downloading it.

Nothing is given out before the access ledger has it (lessons.md 21): there are no links that work without a seat.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping

import structlog
from msgspec.structs import replace
from starlette.responses import Response

from recording import messages as m
from recording.objects import StoreProblem
from recording.playback import Playback
from recording.serve import Media, RecordReader

from .. import api
from ..api.archive import NewPart, Played
from ..court import Event, may_read_stored, replay
from ..court.levels import Audience
from ..court.permissions import Leave, leave, scope
from ..court.shares import FILM_PREFIX
from ..hearings import Hearings, RecorderUnavailable, views
from ..store import HearingFacts, JobRow, Store
from ..store.search import Query
from .access import Ask, Gate
from .callers import BENCH, STAFF, Caller, SeatCaller, ShareCaller
from .file_names import content_disposition, export_file_name, fit_name, shared_file_name, track_file_name
from .given import Given, give
from .problems import Json, ProblemError
from .reading import Reading, Readings
from .record_views import US, job_row, mark_for, page_view, restriction_of

log = structlog.get_logger(__name__)

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
        jobs = [job for job in jobs if job.kind in ("composite", "part") and _may_have(ask, job)]
        jobs = await self.given(facts, reading, jobs)
        shape = page_view(ask, reading, seen, record, jobs, restriction_of(events), entry)
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
        return await self.readings.of(ask.hearing, ask.caller.id, _audience(ask), part_of(ask))

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
        name = str(ask.request.path_params["name"])
        job = await self._store.records.job_named(ask.hearing.sitting_id, name)
        if job is not None and not _may_have(ask, job):
            raise ProblemError("not-found")
        return await self.give(ask, name, download=download, about=order)

    async def track_names(self, ask: Ask) -> frozenset[str]:
        """The tracks' files that the caller may have, by the last part of their names."""
        playback = (await self.reading(ask)).playback
        return frozenset(entry.name.rsplit("/", 1)[-1] for entry in playback.media)

    async def give(
        self,
        ask: Ask,
        name: str,
        *,
        download: bool,
        about: Mapping[str, object],
        again: Callable[[], Awaitable[object]] | None = None,
    ) -> Response:
        """A file, whole or by ranges, to a caller who may have it; ``about``: what the ledger says of the right to.

        ``again`` raises :class:`ProblemError` once the caller may ask no more, if the gate does not know.
        """
        facts, reading = ask.hearing, await self._reading(ask)
        try:
            file = None if reading is None else await self.readings.media(facts, reading, name)
        except StoreProblem as error:
            raise _unavailable(facts, error) from error
        if file is None:
            raise ProblemError("not-found")
        assert reading is not None
        if file.exported and not download:
            # Nothing but the tracks is for listening: an export is a copy to take away.
            download, about = True, leave_to_download(ask)
        headers = {}
        if download:
            headers["Content-Disposition"] = content_disposition(_file_name(ask, reading.playback, file))
        action = "download" if download else "play"

        async def still() -> None:
            if again is None:
                await self._gate.again(ask)
                await self._gate.seen(ask.caller, facts)
            else:
                await again()
            if not await self.readings.stands(facts, reading, _audience(ask)):
                raise ProblemError("record-withheld")

        return await give(
            ask,
            sha256=file.sha256,
            size=file.size,
            media_type=file.media_type,
            headers=headers,
            read=lambda start, end: self._archive.read(file, start, end),
            given=Given(
                self._gate,
                ask,
                name,
                lambda wanted: self._gate.note(
                    ask.caller,
                    facts.hearing_id,
                    action,
                    name,
                    time.time_ns(),
                    start=wanted.start,
                    end=wanted.end,
                    **about,
                ),
                still,
            ),
        )

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
        headers = {"Content-Disposition": content_disposition(fit_name(f"{facts.case_number} {name}"))}
        return Response(signed[part], headers=headers, media_type=media_type)

    # --- jobs ---------------------------------------------------------------------------------

    async def export(self, ask: Ask) -> Response:
        """Have a composite made for the caller, whose name it carries."""
        facts = ask.hearing
        if facts.state != "closed":
            raise ProblemError("record-not-ready")
        await self.reading(ask)
        caller = ask.caller
        entry = await self._gate.note(
            caller, facts.hearing_id, "export", "composite", time.time_ns(), locale=ask.locale
        )
        job = await self._hearings.export(facts, ask.locale, caller.id, mark=mark_for(ask, entry))
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
        await self._gate.seen(ask.caller, facts)
        reading = await self.readings.of(facts, ask.caller.id)
        if reading is None or not _may_have(ask, job) or not await self.given(facts, reading, [job]):
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


def _may_have(ask: Ask, job: JobRow) -> bool:
    """A film is for the person whose name it carries, one of a share for its person (record.md E11)."""
    return job.created_by == ask.caller.id or not (job.mark or job.kind.startswith(FILM_PREFIX))


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


def _audience(ask: Ask) -> Audience:
    return Audience.OUTSIDE if isinstance(ask.caller, ShareCaller) else Audience.COURT


def part_of(ask: Ask) -> m.Part | None:
    """The only part of the record that the caller may have, if it is not the whole."""
    part = ask.caller.share.part if isinstance(ask.caller, ShareCaller) else None
    return None if part is None else m.Part(start_us=part[0], end_us=part[1])


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


def _file_name(ask: Ask, playback: Playback, file: Media) -> str:
    if isinstance(ask.caller, ShareCaller):
        return shared_file_name(ask.hearing, ask.caller.share, ask.locale)
    for entry in playback.media:
        if entry.name.rsplit("/", 1)[-1] == file.name:
            return track_file_name(ask.hearing, entry, ask.locale, playback.start_us)
    return export_file_name(ask.hearing, ask.locale, packed=file.name.endswith(".zip"))
