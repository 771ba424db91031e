"""Shares of a record: rows, and the one-time code that leads from a link to a session."""

from __future__ import annotations

import hmac
from dataclasses import asdict, dataclass

from sqlalchemy import func, insert, select, update
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
class ShareRow:
    """One record opened to one named person.

    ``secret_hash``: SHA-256 of the link's secret; ``session_hash``: of the cookie of the device that proved the
    address last, empty before the first; ``code_hash``: keyed, empty while no code is out.  ``reference``: the order
    under which it may be downloaded.  ``from_us``, ``to_us``: the only part that is opened, us since 1970; nothing for
    the whole.
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
    codes: int = 0
    code_hash: str = ""
    code_sent_utc: int = 0
    code_tries: int = 0
    session_hash: str = ""
    session_utc: int = 0

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
            done = await connection.execute(ended.values(revoked_utc=utc, session_hash="", code_hash=""))
            if letter is not None and done.rowcount == 1:
                await connection.execute(insert(outbox).values(asdict(letter)))
            return done.rowcount == 1

    async def ask_code(self, share_id: str, code_hash: str, utc: int, *, pause_ns: int, most: int) -> bool:
        """Note a code that is being sent, in place of the one before; false if one went out just now, or too many."""
        column = s.record_shares.c
        fits = (column.id == share_id, column.codes < most, column.code_sent_utc <= utc - pause_ns)
        values = {"code_hash": code_hash, "code_sent_utc": utc, "code_tries": 0, "codes": column.codes + 1}
        async with transaction(self._engine, writes=True) as connection:
            return (await connection.execute(update(s.record_shares).where(*fits).values(values))).rowcount == 1

    async def prove(
        self, share_id: str, code_hash: str, session_hash: str, utc: int, *, life_ns: int, tries: int
    ) -> bool:
        """Take a code for a session, once; each try counts, and the session before ends."""
        mine = s.record_shares.c.id == share_id
        async with transaction(self._engine, writes=True) as connection:
            row = (await connection.execute(select(s.record_shares).where(mine).with_for_update())).mappings().first()
            if row is None or not row["code_hash"] or row["code_tries"] >= tries or row["revoked_utc"] is not None:
                return False
            fits = hmac.compare_digest(row["code_hash"], code_hash) and utc - row["code_sent_utc"] < life_ns
            values = (
                {"code_hash": "", "session_hash": session_hash, "session_utc": utc}
                if fits
                else {"code_tries": row["code_tries"] + 1}
            )
            await connection.execute(update(s.record_shares).where(mine).values(values))
            return fits
