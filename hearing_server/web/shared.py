"""A shared record over HTTP, the side of the person who was sent the link (C8).

The link alone opens nothing: it has a one-time code sent to the address it was made for, which gives this device, and
no other, a session.  Whatever is asked with a link that exists, granted or not, is in the access ledger first.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from .. import api as records_api
from ..api import archive as archive_api
from ..api import shares as api
from ..court.shares import film_kind, masked
from ..hearings import Hearings
from ..mailing import Mailing
from ..store import HearingFacts, Store
from ..store.shares import Asker, CodeLimits, ShareRow
from .access import Ask, Endpoint, Gate
from .callers import ShareCaller
from .connections import address, over_https
from .limits import COST_OF_A_MISS, subscriber
from .problems import Json, ProblemError
from .record_views import NS, job_row
from .records import Records
from .shares import state_of

#: The code: digits, how long it works, and how often it may be tried.
CODE_DIGITS: Final = 6
CODE_MINUTES: Final = 10
CODE_TRIES: Final = 3
#: Who else has the link can ask for codes, too.  Theirs work in their browser only, so that the person's own code and
#: tries stay what they are; and they have so few from one address that there are some left for the person.  3 tries of
#: each of 40 codes of 6 digits: one in 8,000 a day for who guesses all the time, from everywhere.
CODE_LIMITS: Final = CodeLimits(window_ns=86_400 * NS, pause_ns=30 * NS, of_address=10, of_share=40)
#: A proof holds this long on the device, if the share does, s.
SESSION_S: Final = 12 * 3600
SESSION_BYTES: Final = 32
#: What a link or cookie that does not fit costs the address's allowance besides (:mod:`.limits`).
COST_OF_A_REFUSAL: Final = COST_OF_A_MISS
_SHARE: Final = "/api/shares/{token}"


@dataclass(frozen=True, slots=True)
class _Open:
    """A share that works now."""

    row: ShareRow
    facts: HearingFacts
    token: str

    @property
    def caller(self) -> ShareCaller:
        return ShareCaller(self.row)


class Shared:
    """``key``: 32 bytes, so that the hash of a code says nothing to who reads the database."""

    def __init__(
        self, store: Store, hearings: Hearings, records: Records, mailing: Mailing, gate: Gate, key: bytes
    ) -> None:
        self._store = store
        self._hearings = hearings
        self._records = records
        self._mailing = mailing
        self._gate = gate
        self._key = key

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint(
                name="readShare",
                method="GET",
                path=_SHARE,
                summary="What a share's link leads to: nothing of the case before the address is proved.",
                handler=self.card,
                limited=True,
                answer=api.ShareCard,
            ),
            Endpoint(
                name="askShareCode",
                method="POST",
                path=_SHARE + "/code",
                summary="Have a one-time code sent to the address of the share.",
                handler=self.code,
                limited=True,
                status=204,
            ),
            Endpoint(
                name="openShare",
                method="POST",
                path=_SHARE + "/session",
                summary="Give the code; opens the share on this device, and closes it on the one before.",
                handler=self.prove,
                limited=True,
                body=api.ShareProof,
                answer=api.ShareCard,
            ),
            Endpoint(
                name="readSharedRecord",
                method="GET",
                path=_SHARE + "/record",
                summary="The shared record: tracks, gaps, and the mark that is drawn over the picture.",
                handler=self.record,
                answer=api.SharedRecord,
            ),
            Endpoint(
                name="playSharedMedia",
                method="GET",
                path=_SHARE + "/media/{name}",
                summary="A track by ranges (RFC 9110), or with download=1 the film that was made for this share.",
                handler=self.media,
                media_type="video/webm",
            ),
            Endpoint(
                name="noteSharedPlayed",
                method="POST",
                path=_SHARE + "/played",
                summary="Note in the access ledger what part of the record the page has played.",
                handler=self.played,
                body=archive_api.Played,
                status=204,
            ),
            Endpoint(
                name="readSharedFilm",
                method="GET",
                path=_SHARE + "/film",
                summary="The film that was made for this share, or how far it is; newest first.",
                handler=self.films,
                answer=list[records_api.Job],
            ),
            Endpoint(
                name="makeSharedFilm",
                method="POST",
                path=_SHARE + "/film",
                summary="Have a film made that carries this person's name; for shares that may be downloaded.",
                handler=self.film,
                limited=True,
                answer=records_api.Job,
                status=202,
            ),
        )

    # --- proving the address ----------------------------------------------------------------

    async def card(self, ask: Ask) -> Response:
        share = await self._open(ask)
        return Json(_card(share, proved=self._proved(ask.request, share.row)))

    async def code(self, ask: Ask) -> Response:
        share = await self._open(ask)
        now = time.time_ns()
        code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
        browser = ask.request.cookies.get(_code_cookie(share.row.id)) or secrets.token_urlsafe(SESSION_BYTES)
        asker = self._asker(ask.request, share.row, browser)
        sent = await self._store.shares.ask_code(
            share.row.id, asker, self._code_hash(share.row.id, code), now, CODE_LIMITS
        )
        if sent != "sent":
            raise await self._refused(share.row, "share-code-soon" if sent == "soon" else "share-codes-used-up")
        await self._gate.note(share.caller, share.facts.hearing_id, "share-code", share.row.id, now)
        await self._mailing.code(share.facts, share.row, code, CODE_MINUTES)
        answer = Response(status_code=204)
        _set_cookie(ask.request, answer, _code_cookie(share.row.id), browser)
        return answer

    async def prove(self, ask: Ask) -> Response:
        said: api.ShareProof = ask.body
        share = await self._open(ask)
        now = time.time_ns()
        code = "".join(said.code.split())
        session = secrets.token_urlsafe(SESSION_BYTES)
        asker = self._asker(ask.request, share.row, ask.request.cookies.get(_code_cookie(share.row.id), ""))
        proved = await self._store.shares.prove(
            share.row.id,
            asker.browser,
            self._code_hash(share.row.id, code),
            _sha256(session),
            now,
            life_ns=CODE_MINUTES * 60 * NS,
            tries=CODE_TRIES,
        )
        if not proved:
            raise await self._refused(share.row, "share-code-wrong")
        await self._gate.note(share.caller, share.facts.hearing_id, "share-proved", share.row.id, now)
        answer = Json(_card(share, proved=True))
        _set_cookie(ask.request, answer, _cookie(share.row.id), session)
        return answer

    # --- the record --------------------------------------------------------------------------

    async def record(self, ask: Ask) -> Response:
        share, asked = await self._inside(ask)
        page = await self._records.shown(asked)
        if share.row.part is not None:  # that part of it is missing, and why, may be told of another part
            page = replace(page, partial=False, incident=False, statement="")
        return Json(
            api.SharedRecord(
                record=replace(
                    page,
                    tracks=[replace(track, url=str(_media_url(share, track.url))) for track in page.tracks],
                    exports=await self._films(share, asked),
                    log=[],
                ),
                name=share.row.name,
                purpose=share.row.purpose,
                expires_at=share.row.expires_utc / NS,
                download=share.row.download,
                part=share.row.part is not None,
                mark=page.mark,
            )
        )

    async def media(self, ask: Ask) -> Response:
        share, asked = await self._inside(ask)
        name = str(ask.request.path_params["name"])
        download = ask.request.query_params.get("download") is not None
        if download:
            jobs = await self._store.records.jobs_of(share.facts.sitting_id)
            fits = share.row.download and any(job.name == name and job.kind == film_kind(share.row.id) for job in jobs)
        else:
            fits = name in await self._records.track_names(asked)
        if not fits:
            raise await self._refused(share.row, "not-allowed")
        about = {"order": share.row.reference} if download and share.row.reference else {}
        return await self._records.give(
            asked, name, download=download, about=about, again=lambda: self._again(ask.request, share)
        )

    async def played(self, ask: Ask) -> Response:
        share, asked = await self._inside(ask)
        span = await self._records.played_span(asked)
        await self._gate.note(
            share.caller, share.facts.hearing_id, "played", share.facts.sitting_id, time.time_ns(), **span
        )
        return Response(status_code=204)

    async def films(self, ask: Ask) -> Response:
        share, asked = await self._inside(ask)
        return Json(await self._films(share, asked))

    async def _films(self, share: _Open, asked: Ask) -> list[records_api.Job]:
        kind = film_kind(share.row.id)
        jobs = [job for job in await self._store.records.jobs_of(share.facts.sitting_id) if job.kind == kind]
        # One that was made before more was withheld is made anew.
        jobs = await self._records.given(share.facts, await self._records.reading(asked), jobs)
        return [replace(job_row(asked, share.facts, job), url=_media_url(share, job.name)) for job in jobs]

    async def film(self, ask: Ask) -> Response:
        share, asked = await self._inside(ask)
        if not share.row.download:
            raise await self._refused(share.row, "not-allowed")
        made = next((film for film in await self._films(share, asked) if film.state != "failed"), None)
        if made is None:
            await self._gate.note(share.caller, share.facts.hearing_id, "export", "film", time.time_ns())
            await self._hearings.export(share.facts, share.row.locale, share.row.id, film_kind(share.row.id))
            made = (await self._films(share, asked))[0]
        return Json(made, 202)

    # --- inside -------------------------------------------------------------------------------

    async def _open(self, ask: Ask) -> _Open:
        """The share of the token in the path, if it works.  Raises :class:`ProblemError`."""
        token = str(ask.request.path_params["token"])
        share_id, _, secret = token.partition(".")
        row = await self._store.shares.get(share_id) if share_id else None
        if row is None:
            self._missed(ask)
            raise ProblemError("link-unknown")
        if not hmac.compare_digest(row.secret_hash, _sha256(secret)):
            # Somebody who knows the share but not its secret; each try costs, so that the ledger is not flooded.
            self._missed(ask)
            raise await self._refused(row, "link-unknown")
        state = state_of(row, time.time_ns())
        if state != "active":
            raise await self._refused(row, f"share-{state}")
        facts = await self._store.docket.by_sitting(row.sitting_id)
        if facts is None:
            raise ProblemError("not-found")
        if code := await self._gate.unseen(ShareCaller(row), facts):
            raise await self._refused(row, code)
        return _Open(row, facts, token)

    async def _inside(self, ask: Ask) -> tuple[_Open, Ask]:
        """The share, and the request as one of its person, whose address is proved.  Raises :class:`ProblemError`."""
        share = await self._open(ask)
        if not self._proved(ask.request, share.row):
            raise await self._refused(share.row, "share-proof-needed")
        return share, Ask(ask.request, ask.locale, ask.body, share.caller, share.facts)

    async def _again(self, request: Request, share: _Open) -> None:
        """Raises :class:`ProblemError` if what was begun with the share may not go on."""
        row = await self._store.shares.get(share.row.id)
        if row is None:
            raise ProblemError("link-unknown")
        state = state_of(row, time.time_ns())
        if state != "active":
            raise ProblemError(f"share-{state}")
        if code := await self._gate.unseen(share.caller, share.facts):
            raise ProblemError(code)
        if not self._proved(request, row):
            raise ProblemError("share-proof-needed")

    def _proved(self, request: Request, row: ShareRow) -> bool:
        return _proved_once(request, row) and time.time_ns() - row.session_utc < SESSION_S * NS

    def _asker(self, request: Request, row: ShareRow, browser: str) -> Asker:
        """Who asks for a code, or gives one.  A browser that has proved the address before is known by that."""
        known = _proved_once(request, row)
        mine = row.session_hash if known else _sha256(browser)
        near = hmac.new(self._key, f"{row.id} {subscriber(address(request))}".encode(), "sha256").hexdigest()
        return Asker(mine, near, known)

    def _missed(self, ask: Ask) -> None:
        self._gate.spend(ask.request)
        self._gate.missed(ask.request)

    async def _refused(self, row: ShareRow, code: str) -> ProblemError:
        """The problem to raise; in the ledger already.  Each costs, so that nobody floods the ledger."""
        self._gate.spend_as(f"share {row.id}", COST_OF_A_REFUSAL)
        await self._gate.note(ShareCaller(row), row.hearing_id, "share-refused", row.id, time.time_ns(), code=code)
        return ProblemError(code)

    def _code_hash(self, share_id: str, code: str) -> str:
        return hmac.new(self._key, f"{share_id} {code}".encode(), "sha256").hexdigest()


def _card(share: _Open, *, proved: bool) -> api.ShareCard:
    court = share.facts.court
    return api.ShareCard(
        court=court.name,
        court_zh=court.name_zh,
        address=masked(share.row.email),
        expires_at=share.row.expires_utc / NS,
        proved=proved,
        help_phone=court.help_phone,
    )


def _media_url(share: _Open, name: str | None) -> str | None:
    """Where this share finds a file, by its own name or another address of it; nothing if there is none."""
    if name is None:
        return None
    return f"/api/shares/{quote(share.token, safe='')}/media/{quote(name.rsplit('/', 1)[-1])}"


def _cookie(share_id: str) -> str:
    return f"share-{share_id}"


def _code_cookie(share_id: str) -> str:
    return f"share-code-{share_id}"


def _set_cookie(request: Request, answer: Response, name: str, value: str) -> None:
    answer.set_cookie(name, value, httponly=True, samesite="strict", secure=over_https(request), path="/api/shares")


def _proved_once(request: Request, row: ShareRow) -> bool:
    """Whether this is the device that proved the address last, however long ago."""
    cookie = request.cookies.get(_cookie(row.id), "")
    return bool(row.session_hash) and hmac.compare_digest(row.session_hash, _sha256(cookie))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
