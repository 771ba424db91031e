"""Exhibits over HTTP: uploaded by the court or a side, listed and read by who may."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from urllib.parse import quote

import msgspec
import structlog
from starlette.responses import Response

from recording.objects import StoreProblem

from .. import desk_api as d
from ..exhibit_files import ExhibitFiles
from ..hearings import Hearings
from ..incoming import EmptyFile, TooManyFiles, UnfitFile
from ..store import HearingFacts, Store
from ..store.desk import ExhibitRow, TooManyExhibits
from .access import Ask, Endpoint, Gate
from .callers import BENCH, DESK, EVERYBODY, SeatCaller
from .connections import PERSON_PARAMETER
from .file_names import content_disposition
from .given import Given, give
from .problems import Json, ProblemError
from .ranges import matches
from .uploads import announced, pieces, refused

log = structlog.get_logger(__name__)

NS = 1_000_000_000
EXHIBIT_LIMIT_BYTES = 256 * 1024 * 1024
#: How long one upload may take, s.
UPLOAD_LIMIT_S = 1800.0
NAME_LIMIT = 200
#: Pixels in the width of a page.
WIDTHS = range(200, 2401)
USUAL_WIDTH = 1200

PARTIES = frozenset({"claimant", "respondent"})
SIDES = PARTIES | {"lawyer"}
COURT = DESK | BENCH
UPLOADING = DESK | SIDES
READING = (EVERYBODY | BENCH | DESK) - {"technician"}
_EXHIBITS = "/api/hearings/{hearing_id}/exhibits"


@dataclass(frozen=True, slots=True)
class _Reader:
    """What decides over what somebody sees: of the court, of a side, or in the room now."""

    court: bool
    side: str
    inside: bool
    person_id: str

    def sees(self, row: ExhibitRow) -> bool:
        if self.court or row.uploaded_by == self.person_id or (self.side and row.side in ("", self.side)):
            return True
        return row.shown_utc is not None and (self.inside or bool(self.side))


class Exhibits:
    def __init__(self, store: Store, hearings: Hearings, files: ExhibitFiles, gate: Gate) -> None:
        self._store = store
        self._hearings = hearings
        self._files = files
        self._gate = gate

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint(
                name="listExhibits",
                method="GET",
                path=_EXHIBITS,
                summary="The exhibits that the reader may see, by number.",
                handler=self.list,
                who=READING,
                answer=list[d.ExhibitRow],
                unledgered="titles only; what is opened is written down",
            ),
            Endpoint(
                name="uploadExhibit",
                method="POST",
                path=_EXHIBITS,
                summary="The body is the file; ?title=, ?fileName= and, for the court, ?side= say what it is.",
                handler=self.upload,
                who=UPLOADING,
                limited=True,
                body_limit=EXHIBIT_LIMIT_BYTES,
                answer=d.ExhibitRow,
                status=201,
            ),
            Endpoint(
                name="readExhibit",
                method="GET",
                path=_EXHIBITS + "/{exhibit_id}",
                summary="The file, by ranges (RFC 9110); download=1 in the query to save it.",
                handler=self.read,
                who=READING,
                media_type="application/octet-stream",
            ),
            Endpoint(
                name="readExhibitPage",
                method="GET",
                path=_EXHIBITS + "/{exhibit_id}/pages/{n}",
                summary="A page of a document, from 1, as a picture; ?width= in pixels.",
                handler=self.page,
                who=READING,
                media_type="image/png",
            ),
            Endpoint(
                name="deleteExhibit",
                method="DELETE",
                path=_EXHIBITS + "/{exhibit_id}",
                summary="Take an exhibit back before it was shown.",
                handler=self.delete,
                who=UPLOADING,
                status=204,
            ),
        )

    async def list(self, ask: Ask) -> Response:
        reader = await self._reader(ask)
        rows = await self._store.desk.exhibits(ask.hearing.hearing_id)
        return Json([self._shape(ask, reader, row) for row in rows if reader.sees(row)])

    async def upload(self, ask: Ask) -> Response:
        facts, query = ask.hearing, ask.request.query_params
        if facts.state == "closed" or facts.booking in ("cancelled", "converted_offline"):
            raise ProblemError("sitting-closed")
        file_name = query.get("fileName", "").strip()[:NAME_LIMIT]
        title = query.get("title", "").strip()[:NAME_LIMIT] or file_name
        if not title:
            raise ProblemError("invalid")
        reader = await self._reader(ask)
        wanted = query.get("side", "")
        side = (wanted if wanted in PARTIES else "") if reader.court else reader.side
        exhibit_id = secrets.token_hex(8)
        try:
            async with self._files.taking(ask.caller.id, pieces(ask, UPLOAD_LIMIT_S), announced(ask)) as taken:
                row = ExhibitRow(
                    id=exhibit_id,
                    hearing_id=facts.hearing_id,
                    title=title,
                    file_name=file_name or title,
                    kind=taken.found.kind,
                    media_type=taken.found.media_type,
                    bytes=taken.file.size,
                    sha256=taken.file.sha256,
                    pages=taken.found.pages,
                    side=side,
                    uploaded_by=ask.caller.id,
                    uploaded_by_name=ask.caller.name,
                    uploaded_by_name_zh=ask.caller.name_zh,
                    uploaded_utc=time.time_ns(),
                )
                await self._gate.note(
                    ask.caller, facts.hearing_id, "upload-exhibit", exhibit_id, time.time_ns(), sha256=taken.file.sha256
                )
                await self._files.store(facts.hearing_id, exhibit_id, taken)
                row = await self._store.desk.add_exhibit(row)
        except EmptyFile as empty:
            raise ProblemError("file-empty") from empty
        except UnfitFile as unfit:
            raise ProblemError("exhibit-unfit") from unfit
        except TooManyFiles as many:
            raise refused(many) from many
        except TooManyExhibits as many:
            raise ProblemError("too-many-exhibits") from many
        except (StoreProblem, OSError) as error:
            log.error("exhibit.not_stored", hearing=facts.hearing_id, error=str(error))
            raise ProblemError("record-unavailable", {"Retry-After": "30"}) from error
        await self._changed(facts)
        return Json(self._shape(ask, reader, row), 201)

    async def read(self, ask: Ask) -> Response:
        row = await self._row(ask)
        # A document of a party must not run anything, nor be taken for a page of ours.
        headers = {"Content-Security-Policy": "default-src 'none'; sandbox"}
        if ask.request.query_params.get("download") is not None or row.kind == "document":
            headers["Content-Disposition"] = content_disposition(row.file_name)

        async def still() -> None:
            await self._gate.again(ask)
            await self._row(ask)

        return await give(
            ask,
            sha256=row.sha256,
            size=row.bytes,
            media_type=row.media_type,
            headers=headers,
            read=lambda start, end: self._files.read(row.hearing_id, row.id, start, end),
            given=Given(
                self._gate,
                ask,
                row.id,
                lambda wanted: self._gate.note(
                    ask.caller, row.hearing_id, "read-exhibit", row.id, time.time_ns(), start=wanted.start
                ),
                still,
            ),
        )

    async def page(self, ask: Ask) -> Response:
        row = await self._row(ask)
        number, width = ask.request.path_params["n"], ask.request.query_params.get("width", str(USUAL_WIDTH))
        if not (number.isascii() and number.isdigit() and 1 <= int(number[:9]) <= row.pages):
            raise ProblemError("not-found")
        if not (width.isascii() and width.isdigit() and len(width) < 6 and int(width) in WIDTHS):
            raise ProblemError("invalid")
        etag = f'"{row.sha256[:32]}-{number}-{width}"'
        headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
        if matches(ask.request.headers.get("if-none-match"), etag):
            return Response(status_code=304, headers=headers)
        await self._gate.note(ask.caller, row.hearing_id, "read-exhibit", row.id, time.time_ns(), page=int(number))
        try:
            picture = await self._files.page(row.hearing_id, row.id, int(number), int(width))
        except UnfitFile as unfit:
            raise ProblemError("exhibit-unfit") from unfit
        except StoreProblem as error:
            raise ProblemError("record-unavailable", {"Retry-After": "30"}) from error
        return Response(picture, media_type="image/png", headers=headers)

    async def delete(self, ask: Ask) -> Response:
        facts = ask.hearing
        row = await self._row(ask)
        if not self._mine(ask, await self._reader(ask), row):
            raise ProblemError("not-allowed")
        await self._gate.note(ask.caller, facts.hearing_id, "delete-exhibit", row.id, time.time_ns())
        if not await self._store.desk.delete_exhibit(facts.hearing_id, row.id, time.time_ns()):
            raise ProblemError("exhibit-shown")
        await self._changed(facts)
        return Response(status_code=204)

    async def _row(self, ask: Ask) -> ExhibitRow:
        """The exhibit of the path, if the reader may see it.  Raises :class:`ProblemError`."""
        row = await self._store.desk.exhibit(ask.hearing.hearing_id, str(ask.request.path_params["exhibit_id"]))
        if row is None:
            raise ProblemError("not-found")
        reader = await self._reader(ask)
        if not reader.sees(row):
            raise ProblemError("not-found")
        return row

    async def _reader(self, ask: Ask) -> _Reader:
        roles = ask.roles
        person = ask.hearing.person(ask.caller.id)
        side = ""
        if person is not None and person.role in SIDES:
            side = person.role if person.role in PARTIES else person.side
        sitting = await self._hearings.sitting(ask.hearing.sitting_id)
        state = sitting.people.get(ask.caller.id) if sitting is not None else None
        inside = state is not None and state.in_room and sitting is not None and sitting.state != "closed"
        return _Reader(bool(roles & COURT), side, inside, ask.caller.id)

    async def _changed(self, facts: HearingFacts) -> None:
        await self._hearings.tell(facts.sitting_id, "exhibits", {}, lambda person_id: True)

    def _mine(self, ask: Ask, reader: _Reader, row: ExhibitRow) -> bool:
        return row.uploaded_by == reader.person_id or bool(ask.roles & DESK)

    def _shape(self, ask: Ask, reader: _Reader, row: ExhibitRow) -> d.ExhibitRow:
        window = f"?{PERSON_PARAMETER}={quote(ask.caller.id, safe='')}" if isinstance(ask.caller, SeatCaller) else ""
        return d.ExhibitRow(
            exhibit_id=row.id,
            number=row.number,
            title=row.title,
            file_name=row.file_name,
            kind=msgspec.convert(row.kind, d.ExhibitKind),
            media_type=row.media_type,
            bytes=row.bytes,
            sha256=row.sha256,
            pages=row.pages,
            side=msgspec.convert(row.side, d.Side),
            uploaded_by=row.uploaded_by,
            uploaded_by_name=row.uploaded_by_name,
            uploaded_by_name_zh=row.uploaded_by_name_zh,
            uploaded_at=row.uploaded_utc / NS,
            shown_at=row.shown_utc / NS if row.shown_utc is not None else None,
            may_delete=row.shown_utc is None and self._mine(ask, reader, row),
            url=f"/api/hearings/{quote(row.hearing_id)}/exhibits/{row.id}{window}",
        )
