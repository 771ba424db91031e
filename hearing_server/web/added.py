"""Recordings that the court adds to a closed sitting's record, as of its alternative equipment where the capture failed
(J17): every version is kept, the current one is chosen, and each act is in the access ledger (C22)."""

from __future__ import annotations

import itertools
import math
import secrets
import time
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import quote

import structlog
from starlette.responses import Response

from recording.objects import AlreadyStored, StoreProblem

from ..added_files import AddedFiles, TakenMedium
from ..api import added as api
from ..court.levels import Audience
from ..court.permissions import Leave, roles_with
from ..hearings import Hearings
from ..incoming import EmptyFile, TooManyFiles, UnfitFile
from ..store import HearingFacts, Store
from ..store.added import AddedRow, AlreadyAdded, TooManyAdded
from .access import Ask, Endpoint, Gate
from .callers import STAFF, SeatCaller
from .connections import PERSON_PARAMETER
from .file_names import content_disposition, fit_name
from .given import Given, give
from .problems import Json, ProblemError
from .records import leave_to_download
from .uploads import announced, pieces, refused

log = structlog.get_logger(__name__)

NS: Final = 1_000_000_000
MS_NS: Final = 1_000_000
ADDERS: Final = roles_with("add_recording", Leave.ALLOWED)
#: How long one upload may take, s: hours of pictures over a court's own line.
UPLOAD_LIMIT_S: Final = 4 * 3600.0
#: Longest title, name of a file or of the equipment, characters.
TEXT_LIMIT: Final = 200
_PATH: Final = "/api/hearings/{sitting_id}/record/added"


class Added:
    def __init__(self, store: Store, hearings: Hearings, files: AddedFiles, gate: Gate) -> None:
        self._store = store
        self._hearings = hearings
        self._files = files
        self._gate = gate

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint(
                name="listAdded",
                method="GET",
                path=_PATH,
                summary="The recordings that were added to this record, with all versions of each.",
                handler=self.page,
                who=STAFF,
                answer=api.AddedPage,
                unledgered="titles and hashes only; what is played is written down",
            ),
            Endpoint(
                name="addRecording",
                method="POST",
                path=_PATH,
                summary="The body is the file; ?title=, ?equipment=, ?startedAt= (s since 1970), ?fileName= tell what.",
                handler=self.add,
                who=ADDERS,
                limited=True,
                body_limit=self._files.limit,
                answer=api.AddedPage,
                status=201,
            ),
            Endpoint(
                name="playAdded",
                method="GET",
                path=_PATH + "/{version_id}",
                summary="A version, by ranges (RFC 9110); download=1 in the query to save it.",
                handler=self.read,
                who=STAFF,
                media_type="application/octet-stream",
            ),
            Endpoint(
                name="chooseAdded",
                method="POST",
                path=_PATH + "/{version_id}/current",
                summary="Make this version the current one of its recording.",
                handler=self.choose,
                who=ADDERS,
                answer=api.AddedPage,
            ),
            Endpoint(
                name="withdrawAdded",
                method="POST",
                path=_PATH + "/{version_id}/withdrawal",
                summary="Withdraw a version, with the reason; it is kept, and can be made the current one again.",
                handler=self.withdraw,
                who=ADDERS,
                body=api.AddedWithdrawal,
                answer=api.AddedPage,
            ),
        )

    async def page(self, ask: Ask) -> Response:
        return Json(await self._page(ask))

    async def add(self, ask: Ask) -> Response:
        facts, query = ask.hearing, ask.request.query_params
        title, equipment, file_name = (query.get(name, "").strip() for name in ("title", "equipment", "fileName"))
        started_utc = _moment(query.get("startedAt", ""))
        if not (_fits(title) and _fits(equipment) and started_utc):
            raise ProblemError("invalid")
        await self._may_change(facts)
        try:
            async with self._files.taking(ask.caller.id, pieces(ask, UPLOAD_LIMIT_S), announced(ask)) as taken:
                row = AddedRow(
                    id=secrets.token_hex(8),
                    sitting_id=facts.sitting_id,
                    title=title,
                    kind=taken.medium.kind,
                    started_utc=started_utc,
                    equipment=equipment,
                    file_name=fit_name(Path(file_name[-TEXT_LIMIT:]).name) or title,
                    media_type=taken.medium.media_type,
                    bytes=taken.file.size,
                    sha256=taken.file.sha256,
                    duration_ms=taken.medium.duration_ms,
                    has_audio=taken.medium.has_audio,
                    added_utc=time.time_ns(),
                    added_by=ask.caller.id,
                    name=ask.caller.name,
                    name_zh=ask.caller.name_zh,
                )
                await self._keep(ask, row, taken)
        except EmptyFile as empty:
            raise ProblemError("file-empty") from empty
        except UnfitFile as unfit:
            raise ProblemError("added-unfit") from unfit
        except TooManyFiles as many:
            raise refused(many) from many
        except AlreadyAdded as there:
            raise ProblemError("added-already") from there
        except TooManyAdded as many:
            raise ProblemError("too-many-added") from many
        except (StoreProblem, AlreadyStored, OSError) as error:
            log.error("added.not_stored", hearing=facts.hearing_id, error=str(error))
            raise ProblemError("record-unavailable", {"Retry-After": "30"}) from error
        return Json(await self._page(ask), 201)

    async def _keep(self, ask: Ask, row: AddedRow, taken: TakenMedium) -> None:
        """Raises :class:`AlreadyAdded`, before anything is written down if it was there when this began."""
        facts = ask.hearing
        there = await self._store.added.read(row.sitting_id)
        if any(other.recording == row.recording and other.sha256 == row.sha256 for other in there):
            raise AlreadyAdded(row.sha256)
        # A long upload: what was decided about the record in the meantime holds.
        await self._may_change(facts)
        about = {"title": row.title, "equipment": row.equipment, "started_us": row.started_utc // 1000}
        await self._gate.note(
            ask.caller, facts.hearing_id, "add-recording", row.id, time.time_ns(), sha256=row.sha256, **about
        )
        await self._files.store(row.sitting_id, taken)
        version = await self._store.added.add(row)
        self._hearings.additions.changed()
        log.info("added.stored", hearing=facts.hearing_id, version=version, bytes=row.bytes)

    async def read(self, ask: Ask) -> Response:
        facts, row = ask.hearing, await self._row(ask)
        if await self._withheld(ask):
            raise ProblemError("added-withheld")
        download = ask.request.query_params.get("download") is not None
        order = leave_to_download(ask) if download else {}
        # A file from outside must not run anything, nor be taken for a page of ours.
        headers = {"Content-Security-Policy": "default-src 'none'; sandbox"}
        if download:
            suffix = Path(row.file_name).suffix
            name = fit_name(f"{facts.case_number} {row.title} {row.version}{suffix}")
            headers["Content-Disposition"] = content_disposition(name)
        action = "download-added" if download else "play-added"

        async def still() -> None:
            await self._gate.again(ask)
            await self._gate.seen(ask.caller, facts)
            if await self._withheld(ask):
                raise ProblemError("added-withheld")

        return await give(
            ask,
            sha256=row.sha256,
            size=row.bytes,
            media_type=row.media_type,
            headers=headers,
            read=lambda start, end: self._files.read(row.sitting_id, row.sha256, start, end),
            given=Given(
                self._gate,
                ask,
                row.id,
                lambda wanted: self._gate.note(
                    ask.caller,
                    facts.hearing_id,
                    action,
                    row.id,
                    time.time_ns(),
                    start=wanted.start,
                    end=wanted.end,
                    **order,
                ),
                still,
            ),
        )

    async def choose(self, ask: Ask) -> Response:
        facts, row, now = ask.hearing, await self._row(ask), time.time_ns()
        await self._may_change(facts)
        about = {"title": row.title, "version": row.version, "sha256": row.sha256}
        await self._gate.note(ask.caller, facts.hearing_id, "choose-added", row.id, now, **about)
        if not row.current:
            await self._store.added.choose(row, ask.caller.id, ask.caller.name, ask.caller.name_zh, now)
            self._hearings.additions.changed()
        return Json(await self._page(ask))

    async def withdraw(self, ask: Ask) -> Response:
        said: api.AddedWithdrawal = ask.body
        facts, row, now, reason = ask.hearing, await self._row(ask), time.time_ns(), said.reason.strip()
        if not reason:
            raise ProblemError("invalid")
        await self._may_change(facts)
        about = {"title": row.title, "version": row.version, "sha256": row.sha256, "reason": reason}
        await self._gate.note(ask.caller, facts.hearing_id, "withdraw-added", row.id, now, **about)
        if row.withdrawn is None:
            await self._store.added.withdraw(row, ask.caller.id, ask.caller.name, ask.caller.name_zh, now, reason)
            self._hearings.additions.changed()
        return Json(await self._page(ask))

    async def _row(self, ask: Ask) -> AddedRow:
        wanted = str(ask.request.path_params["version_id"])
        rows = await self._store.added.read(ask.hearing.sitting_id)
        row = next((row for row in rows if row.id == wanted), None)
        if row is None:
            raise ProblemError("not-found")
        return row

    async def _may_change(self, facts: HearingFacts) -> None:
        """Raises :class:`ProblemError` before the close, and once the record is to be destroyed."""
        if facts.state != "closed":
            raise ProblemError("hearing-not-closed")
        custody = (await self._hearings.custody.file(facts)).custody
        if custody.approved_by or custody.destroyed:
            raise ProblemError("custody-destroyed")

    async def _withheld(self, ask: Ask) -> bool:
        """Whether any part of the record is withheld from the caller; nobody knows where that is in these files."""
        return bool((await self._hearings.levels.file(ask.hearing)).withheld(Audience.COURT, ask.caller.id))

    async def _page(self, ask: Ask) -> api.AddedPage:
        rows = await self._store.added.read(ask.hearing.sitting_id)
        withheld = await self._withheld(ask)
        return api.AddedPage(
            recordings=[
                api.AddedRecording(
                    title=title,
                    kind=cast(Any, kind),
                    started_at=started_utc / NS,
                    versions=[_version(ask, row, withheld) for row in versions],
                )
                for (title, kind, started_utc), versions in itertools.groupby(rows, key=lambda row: row.recording)
            ],
            may_add=bool(ask.roles & ADDERS),
            withheld=withheld,
            limit_bytes=self._files.limit,
            time_zone=ask.hearing.court.time_zone,
            held_at=(ask.hearing.opened_utc or ask.hearing.scheduled_utc) / NS,
        )


def _fits(text: str) -> bool:
    return 0 < len(text) <= TEXT_LIMIT and text.isprintable()


def _moment(text: str) -> int:
    """ns since 1970 to the millisecond; 0 for what is none, or lies in the future."""
    try:
        seconds = float(text)
    except ValueError:
        return 0
    return round(seconds * 1000) * MS_NS if math.isfinite(seconds) and 0 < seconds <= time.time() else 0


def _version(ask: Ask, row: AddedRow, withheld: bool) -> api.AddedVersion:
    window = f"?{PERSON_PARAMETER}={quote(ask.caller.id, safe='')}" if isinstance(ask.caller, SeatCaller) else ""
    return api.AddedVersion(
        version_id=row.id,
        version=row.version,
        current=row.current,
        file_name=row.file_name,
        equipment=row.equipment,
        media_type=row.media_type,
        bytes=row.bytes,
        sha256=row.sha256,
        duration_s=row.duration_ms / 1000,
        has_audio=row.has_audio,
        added_at=row.added_utc / NS,
        added_by=row.name,
        added_by_zh=row.name_zh or row.name,
        url=None if withheld else f"/api/hearings/{quote(row.sitting_id)}/record/added/{row.id}{window}",
        withdrawn=_withdrawn(row),
    )


def _withdrawn(row: AddedRow) -> api.AddedWithdrawn | None:
    act = row.withdrawn
    if act is None:
        return None
    return api.AddedWithdrawn(reason=act.reason, by=act.name, by_zh=act.name_zh or act.name, at=act.utc / NS)
