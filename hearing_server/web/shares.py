"""Sharing a record over HTTP, the court's side: made, seen, revoked, each with what was done and tried with it (C8)."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, Literal, cast

from starlette.responses import Response

from recording import messages as m

from ..api import shares as api
from ..court.permissions import Leave, leave, roles_with, scope
from ..diary import plausible_email
from ..hearings.levels import LevelOffice
from ..mailing import Mailing
from ..store import LedgerEntry, Store
from ..store.shares import ShareRow, TooManyShares
from .access import Ask, Endpoint, Gate
from .callers import BENCH
from .problems import Json, ProblemError
from .record_views import NS, US
from .records import Records

#: Who opens a record to somebody, and who sees to whom it was opened.
SHARERS: Final = roles_with("share_record", Leave.ALLOWED)
READERS: Final = SHARERS | {"auditor"}
#: Bytes of the secret in a link.
SECRET_BYTES: Final = 24
#: Entries of the ledger that one share shows.
ENTRIES_LIMIT: Final = 50
_PAGE: Final = "/api/hearings/{sitting_id}/record/shares"


class Shares:
    """``hours``: how long a share works if its maker says nothing else."""

    def __init__(
        self, store: Store, records: Records, levels: LevelOffice, mailing: Mailing, gate: Gate, hours: int
    ) -> None:
        self._store = store
        self._records = records
        self._levels = levels
        self._mailing = mailing
        self._gate = gate
        self._hours = hours

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint(
                name="listShares",
                method="GET",
                path=_PAGE,
                summary="To whom this record is opened, until when, and what was done and tried with each link.",
                handler=self.page,
                who=READERS,
                answer=api.SharesPage,
                unledgered="who was given it, from the ledger itself; nothing of the record",
            ),
            Endpoint(
                name="shareRecord",
                method="POST",
                path=_PAGE,
                summary="Open the record to a named person; the link goes to their address and to nobody else.",
                handler=self.share,
                who=SHARERS,
                limited=True,
                body=api.NewShare,
                answer=api.SharesPage,
                status=201,
            ),
            Endpoint(
                name="renewShare",
                method="POST",
                path=_PAGE + "/{share_id}/link",
                summary="Send the person another link; the one before, and what is open with it, ends at once.",
                handler=self.renew,
                who=SHARERS,
                limited=True,
                answer=api.SharesPage,
            ),
            Endpoint(
                name="revokeShare",
                method="DELETE",
                path=_PAGE + "/{share_id}",
                summary="End a share at once, also where it is open now; the person is told.",
                handler=self.revoke,
                who=SHARERS,
                answer=api.SharesPage,
            ),
        )

    async def page(self, ask: Ask) -> Response:
        return Json(await self._page(ask))

    async def share(self, ask: Ask) -> Response:
        said: api.NewShare = ask.body
        facts = ask.hearing
        name, email, purpose, order = (each.strip() for each in (said.name, said.email, said.purpose, said.order))
        if not (name and purpose and name.isprintable()):
            raise ProblemError("person-unfit")
        if not plausible_email(email):
            raise ProblemError("email-unfit")
        if facts.state != "closed" or not await self._records.playable(facts):
            raise ProblemError("record-not-ready")
        if not self._mailing.works:
            raise ProblemError("mail-missing")
        part = await self._part(ask)
        allowed = _download(ask)
        if said.download and allowed == "no":
            raise ProblemError("not-allowed")
        if said.download and allowed == "order" and not order:
            raise ProblemError("order-missing")
        now = time.time_ns()
        secret = secrets.token_urlsafe(SECRET_BYTES)
        row = ShareRow(
            id=(share_id := secrets.token_hex(8)),
            letter_id=share_id,
            hearing_id=facts.hearing_id,
            sitting_id=facts.sitting_id,
            secret_hash=_sha256(secret),
            name=name,
            email=email,
            locale=said.locale,
            purpose=purpose,
            reference=order,
            download=said.download,
            created_utc=now,
            created_by=ask.caller.id,
            created_name=ask.caller.name,
            created_name_zh=ask.caller.name_zh,
            expires_utc=now + said.hours * 3600 * NS,
            from_us=part.start_us if part else None,
            to_us=part.end_us if part else None,
        )
        span = {"from_us": row.from_us, "to_us": row.to_us} if part else {}
        to = {"name": name, "email": email, "purpose": purpose, "order": order}
        about = {"download": said.download, "hours": said.hours, **to, **span}
        await self._gate.note(ask.caller, facts.hearing_id, "share", row.id, now, **about)
        try:
            await self._store.shares.add(row, self._mailing.shared(facts, row, f"{row.id}.{secret}"))
        except TooManyShares as many:
            raise ProblemError("too-many-shares") from many
        if part is not None:  # so that it is there when the link is opened
            await self._levels.prepare(facts, await self._levels.outside(facts), part)
        self._mailing.posted()
        return Json(await self._page(ask), 201)

    async def _part(self, ask: Ask) -> m.Part | None:
        """The part that is to be opened, if not the whole.  Raises :class:`ProblemError`."""
        said: api.NewShare = ask.body
        if said.from_s is None and said.to_s is None:
            return None
        playback = (await self._records.reading(ask)).playback
        begin, end = round((said.from_s or 0.0) * US), round((said.to_s or 0.0) * US)
        end = min(end, playback.end_us - playback.start_us)
        if said.from_s is None or said.to_s is None or begin >= end:
            raise ProblemError("part-empty")
        return m.Part(start_us=playback.start_us + begin, end_us=playback.start_us + end)

    async def renew(self, ask: Ask) -> Response:
        """Another link, as after the first was passed on or lost; how long the share works stays as it was."""
        facts, now, row = ask.hearing, time.time_ns(), await self._asked_for(ask)
        if (state := state_of(row, now)) != "active":
            raise ProblemError(f"share-{state}")
        if not self._mailing.works:
            raise ProblemError("mail-missing")
        secret = secrets.token_urlsafe(SECRET_BYTES)
        row = replace(row, letter_id=secrets.token_hex(8))
        letter = self._mailing.shared(facts, row, f"{row.id}.{secret}")
        await self._gate.note(ask.caller, facts.hearing_id, "renew-share", row.id, now)
        if not await self._store.shares.renew(row.id, _sha256(secret), letter):
            raise ProblemError("share-revoked")
        self._mailing.posted()
        return Json(await self._page(ask))

    async def _asked_for(self, ask: Ask) -> ShareRow:
        row = await self._store.shares.get(str(ask.request.path_params["share_id"]))
        if row is None or row.sitting_id != ask.hearing.sitting_id:
            raise ProblemError("not-found")
        return row

    async def revoke(self, ask: Ask) -> Response:
        facts, now, row = ask.hearing, time.time_ns(), await self._asked_for(ask)
        await self._gate.note(ask.caller, facts.hearing_id, "revoke-share", row.id, now)
        letter = self._mailing.revoked(facts, row) if row.expires_utc > now else None
        if await self._store.shares.revoke(row.id, now, letter):
            self._mailing.posted()
        return Json(await self._page(ask))

    async def _page(self, ask: Ask) -> api.SharesPage:
        now = time.time_ns()
        rows = await self._store.shares.of_sitting(ask.hearing.sitting_id)
        ledger = await self._store.ledger.read(ask.hearing.hearing_id) if rows else []
        letters = {row.id: await self._store.outbox.state(row.letter_id) for row in rows}
        return api.SharesPage(
            rows=[_row(row, [entry for entry in ledger if _about(entry, row)], now, letters[row.id]) for row in rows],
            may_share=bool(ask.roles & SHARERS),
            download=_download(ask),
            hours=self._hours,
        )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def state_of(row: ShareRow, now: int) -> api.ShareState:
    if row.revoked_utc is not None:
        return "revoked"
    return "expired" if row.expires_utc <= now else "active"


def _download(ask: Ask) -> Literal["free", "order", "no"]:
    """What the caller may allow somebody else is what they may do themselves (hearing-model.md §6)."""
    roles = {role for role in ask.roles if leave("download", role) is not Leave.NEVER}
    if any(scope("download", role) == "own_case" and role in BENCH for role in roles):
        return "free"
    return "order" if any(scope("download", role) == "order_reference" for role in roles) else "no"


def _about(entry: LedgerEntry, row: ShareRow) -> bool:
    access = entry.access
    return access.actor == row.id or (
        access.action in ("share", "renew-share", "revoke-share") and access.target == row.id
    )


def _row(row: ShareRow, entries: Sequence[LedgerEntry], now: int, letter: str) -> api.ShareRow:
    return api.ShareRow(
        share_id=row.id,
        name=row.name,
        email=row.email,
        purpose=row.purpose,
        order=row.reference,
        download=row.download,
        state=state_of(row, now),
        made_at=row.created_utc / NS,
        made_by=row.created_name,
        made_by_zh=row.created_name_zh or row.created_name,
        expires_at=row.expires_utc / NS,
        revoked_at=None if row.revoked_utc is None else row.revoked_utc / NS,
        played=any(entry.access.action in ("play", "played", "download") for entry in entries),
        # Nothing: control died between the share and its letter.
        letter=cast(Any, letter or "failed"),
        entries=_told(entries)[:ENTRIES_LIMIT],
        from_at=None if row.from_us is None else row.from_us / US,
        to_at=None if row.to_us is None else row.to_us / US,
    )


def _told(entries: Sequence[LedgerEntry]) -> list[api.ShareEntry]:
    """Newest first; requests for bytes in a row are one."""
    told: list[api.ShareEntry] = []
    for entry in entries:
        access = entry.access
        if access.action == "play" and told and told[-1].action == "play":
            told[-1].count += 1
            continue
        span = [access.detail.get(end) for end in ("from_us", "to_us")]
        begin, end = (each / 1e6 if isinstance(each, int) else None for each in span)
        told.append(
            api.ShareEntry(
                number=entry.seq,
                at=entry.utc / NS,
                action=access.action,
                code=str(access.detail.get("code", "")),
                from_at=begin,
                to_at=end,
            )
        )
    return told[::-1]
