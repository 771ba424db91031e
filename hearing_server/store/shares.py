"""Shares of a record: rows, and the one-time code that leads from a link to a session."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from . import share_tables as s
from .desk_tables import outbox
from .engine import transaction
from .outbox import OutboxRow

#: Shares that one sitting's record may ever have.
SHARES_LIMIT = 200


class TooManyShares(Exception):
    """The record has as many shares as it may ever have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeLimits:
    """How many codes may be sent within ``window_ns``: to who asks from one address, and for one share.  The same
    browser waits ``pause_ns`` in between."""

    window_ns: int
    pause_ns: int
    of_address: int
    of_share: int


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks for a code, both hashed.  ``known``: this browser has proved the share's address before."""

    browser: str
    address: str
    known: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareRow:
    """One record opened to one named person.

    ``secret_hash``: SHA-256 of the link's secret; ``session_hash``: of the cookie of the device that proved the
    address last, empty before the first.  ``reference``: the order under which it may be downloaded.  ``from_us``,
    ``to_us``: the only part that is opened, us since 1970; nothing for the whole.  ``letter_id``: of the letter that
    handed the link over that works.
    """

    id: str
    hearing_id: str
    sitting_id: str
    secret_hash: str
    name: str
    email: str
    locale: str
    purpose: str
    reference: str
    download: bool
    created_utc: int
    created_by: str
    created_name: str
    created_name_zh: str
    expires_utc: int
    from_us: int | None = None
    to_us: int | None = None
    revoked_utc: int | None = None
    session_hash: str = ""
    session_utc: int = 0
    letter_id: str = ""

    @property
    def part(self) -> tuple[int, int] | None:
        """Begin and end of what is opened; nothing for the whole."""
        return None if self.from_us is None or self.to_us is None else (self.from_us, self.to_us)


class Shares:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, row: ShareRow, letter: OutboxRow | None = None) -> None:
        """With the letter that hands it over, both or neither.  Raises :class:`TooManyShares`."""
        async with transaction(self._engine, writes=True) as connection:
            same = s.record_shares.c.sitting_id == row.sitting_id
            if (await connection.scalar(select(func.count()).where(same)) or 0) >= SHARES_LIMIT:
                raise TooManyShares
            await connection.execute(insert(s.record_shares).values(asdict(row)))
            if letter is not None:
                await connection.execute(insert(outbox).values(asdict(letter)))

    async def get(self, share_id: str) -> ShareRow | None:
        query = select(s.record_shares).where(s.record_shares.c.id == share_id)
        async with transaction(self._engine, writes=False) as connection:
            row = (await connection.execute(query)).mappings().first()
        return None if row is None else ShareRow(**row)

    async def of_sitting(self, sitting_id: str) -> list[ShareRow]:
        """Newest first."""
        query = select(s.record_shares).where(s.record_shares.c.sitting_id == sitting_id)
        newest = query.order_by(s.record_shares.c.created_utc.desc(), s.record_shares.c.id)
        async with transaction(self._engine, writes=False) as connection:
            return [ShareRow(**row) for row in (await connection.execute(newest)).mappings()]

    async def revoke(self, share_id: str, utc: int, letter: OutboxRow | None = None) -> bool:
        """Whether it was still open; what was begun with it ends at once.  The letter says so to whom it was open."""
        column = s.record_shares.c
        ended = update(s.record_shares).where(column.id == share_id, column.revoked_utc.is_(None))
        async with transaction(self._engine, writes=True) as connection:
            done = await connection.execute(ended.values(revoked_utc=utc, session_hash=""))
            await connection.execute(delete(s.share_codes).where(s.share_codes.c.share_id == share_id))
            if letter is not None and done.rowcount == 1:
                await connection.execute(insert(outbox).values(asdict(letter)))
            return done.rowcount == 1

    async def renew(self, share_id: str, secret_hash: str, letter: OutboxRow) -> bool:
        """Another link instead of the one before, with the letter that hands it over: nothing that was proved with the
        old one holds, and a letter with it that still waits is not sent.  False if the share has ended."""
        column = s.record_shares.c
        async with transaction(self._engine, writes=True) as connection:
            open_one = select(column.letter_id).where(column.id == share_id, column.revoked_utc.is_(None))
            before = await connection.scalar(open_one.with_for_update())
            if before is None:
                return False
            waiting = update(outbox).where(outbox.c.id == before, outbox.c.state == "queued")
            await connection.execute(waiting.values(state="failed", problem="superseded", body=""))
            values = {"secret_hash": secret_hash, "session_hash": "", "letter_id": letter.id}
            await connection.execute(update(s.record_shares).where(column.id == share_id).values(values))
            await connection.execute(delete(s.share_codes).where(s.share_codes.c.share_id == share_id))
            await connection.execute(insert(outbox).values(asdict(letter)))
            return True

    async def ask_code(
        self, share_id: str, asker: Asker, code_hash: str, utc: int, limits: CodeLimits
    ) -> Literal["sent", "soon", "many"]:
        """Note a code that is being sent, in place of the one before of the same browser; others' go on working."""
        codes = s.share_codes.c
        of_share = codes.share_id == share_id
        async with transaction(self._engine, writes=True) as connection:
            one = select(s.record_shares.c.id).where(s.record_shares.c.id == share_id)
            await connection.execute(one.with_for_update())
            old = codes.sent_utc <= utc - limits.window_ns
            await connection.execute(delete(s.share_codes).where(of_share, old))
            sent = (await connection.execute(select(s.share_codes).where(of_share))).mappings().all()
            own = [row for row in sent if row["browser"] == asker.browser]
            near = own if asker.known else [row for row in sent if row["address"] == asker.address]
            if any(row["sent_utc"] > utc - limits.pause_ns for row in own):
                return "soon"
            if len(near) >= limits.of_address or (len(sent) >= limits.of_share and not asker.known):
                return "many"
            await connection.execute(
                update(s.share_codes).where(of_share, codes.browser == asker.browser).values(code_hash="")
            )
            row = {
                "id": secrets.token_hex(8),
                "share_id": share_id,
                "browser": asker.browser,
                "address": asker.address,
                "code_hash": code_hash,
                "sent_utc": utc,
                "tries": 0,
            }
            await connection.execute(insert(s.share_codes).values(row))
            return "sent"

    async def prove(
        self, share_id: str, browser: str, code_hash: str, session_hash: str, utc: int, *, life_ns: int, tries: int
    ) -> bool:
        """Take the code that was sent for this browser for a session, once; each try counts, and the session before
        ends."""
        share, codes = s.record_shares.c, s.share_codes.c
        out = (codes.share_id == share_id, codes.browser == browser, codes.code_hash != "")
        async with transaction(self._engine, writes=True) as connection:
            # The share before its codes, as everywhere here: locked the other way round, two would wait for each other.
            await connection.execute(select(share.id).where(share.id == share_id).with_for_update())
            row = (await connection.execute(select(s.share_codes).where(*out).with_for_update())).mappings().first()
            if row is None or row["tries"] >= tries:
                return False
            mine = update(s.share_codes).where(codes.id == row["id"])
            if not (hmac.compare_digest(row["code_hash"], code_hash) and utc - row["sent_utc"] < life_ns):
                await connection.execute(mine.values(tries=row["tries"] + 1))
                return False
            await connection.execute(mine.values(code_hash=""))
            opened = update(s.record_shares).where(share.id == share_id, share.revoked_utc.is_(None))
            done = await connection.execute(opened.values(session_hash=session_hash, session_utc=utc))
            return done.rowcount == 1
