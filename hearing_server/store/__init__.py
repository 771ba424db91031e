"""SQL: what must survive, on SQLite or PostgreSQL.

::

    store = await Store.open("sqlite+aiosqlite:////data/hearings.sqlite3")
    ...
    await store.aclose()

Every method of a repository is one transaction.  All may raise :class:`StoreError`; those that say so,
:class:`Conflict`.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from . import added_tables as _added_tables  # noqa: F401  all tables must be known to the migrations
from . import archive_tables as _archive_tables  # noqa: F401
from . import custody_tables as _custody_tables  # noqa: F401
from . import desk_tables as _desk_tables  # noqa: F401
from . import recording_test_tables as _recording_test_tables  # noqa: F401
from . import share_tables as _share_tables  # noqa: F401
from .accounts import Accounts
from .added import AddedRecordings
from .archive import ArchiveNotes
from .arrivals import Arrivals
from .bookings import Bookings
from .custody import CustodyLog
from .desk import Desk
from .docket import Docket
from .engine import Conflict, StoreError, make_engine, migrate, transaction
from .ledger import Ledger
from .levels import LevelLog, LevelRow
from .log import SittingLog
from .outbox import Outbox
from .reconciliation import Reconciliation
from .recording_tests import RecordingTestLog
from .records import Records
from .rows import (
    Access,
    Court,
    DayRow,
    HearingFacts,
    JobRow,
    LedgerEntry,
    LinkRow,
    NewHearing,
    PersonRow,
    RecordRow,
    SeatRow,
)
from .search import Search
from .seats import Seats
from .shares import Shares
from .written import Written

__all__ = [
    "Access",
    "Conflict",
    "Court",
    "DayRow",
    "HearingFacts",
    "JobRow",
    "LedgerEntry",
    "LevelRow",
    "LinkRow",
    "NewHearing",
    "PersonRow",
    "RecordRow",
    "SeatRow",
    "Store",
    "StoreError",
]


class Store:
    """The repositories over one engine."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.docket = Docket(engine)
        self.accounts = Accounts(engine)
        self.bookings = Bookings(engine, self.docket)
        self.outbox = Outbox(engine)
        self.arrivals = Arrivals(engine)
        self.desk = Desk(engine)
        self.log = SittingLog(engine, self.docket)
        self.seats = Seats(engine)
        self.ledger = Ledger(engine)
        self.records = Records(engine)
        self.custody = CustodyLog(engine)
        self.notes = ArchiveNotes(engine)
        self.levels = LevelLog(engine)
        self.search = Search(engine, self.docket)
        self.reconciliation = Reconciliation(engine, self.docket)
        self.written = Written(engine)
        self.shares = Shares(engine)
        self.added = AddedRecordings(engine)
        self.recording_tests = RecordingTestLog(engine)

    @classmethod
    async def open(cls, url: str) -> Store:
        """Connect and bring the schema up to date.  Raises :class:`StoreError`."""
        engine = make_engine(url)
        try:
            await migrate(engine)
        except BaseException:
            await engine.dispose()
            raise
        return cls(engine)

    async def ping(self) -> None:
        """Raises :class:`StoreError` unless the database answers."""
        async with transaction(self._engine, writes=False) as connection:
            await connection.execute(text("SELECT 1"))

    async def aclose(self) -> None:
        await self._engine.dispose()
