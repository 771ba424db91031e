"""The engine of either database, its transactions, and its errors in our words."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.util import await_only

log = structlog.get_logger(__name__)

#: How long a writer waits for another before it gives up, ms (SQLite) and s (a free connection of the pool).
BUSY_TIMEOUT_MS = 5_000
BUSY_RETRY_S = 0.02
POOL_TIMEOUT_S = 10
#: Connections kept open; control is one process, and each request holds one for milliseconds.
POOL_SIZE = 5
#: How long a PostgreSQL server may take to accept a connection, and to answer a statement, s.
CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_S = 15
#: The advisory lock under which one process at a time migrates a PostgreSQL database; any number nobody else takes.
MIGRATION_LOCK = 0x48454152  # "HEAR"

#: The log is what the court relies on: a commit is on disk before it is answered (synchronous=FULL).
SQLITE_PRAGMAS = (f"busy_timeout={BUSY_TIMEOUT_MS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")

MIGRATIONS = Path(__file__).parent / "migrations"


class StoreError(Exception):
    """The database cannot do its work now.

    ``code``: ``store-unreachable``, ``store-not-writable``, ``store-full``, ``store-schema`` (made by a newer version)
    or ``store-failed``; ``detail`` is for the operator.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Conflict(Exception):
    """A row with this key is there already: somebody else was first."""


_SQLITE_CODES = {
    sqlite3.SQLITE_FULL: "store-full",
    sqlite3.SQLITE_READONLY: "store-not-writable",
    sqlite3.SQLITE_CANTOPEN: "store-not-writable",
    sqlite3.SQLITE_PERM: "store-not-writable",
    sqlite3.SQLITE_BUSY: "store-unreachable",
    sqlite3.SQLITE_LOCKED: "store-unreachable",
}
#: PostgreSQL classes (SQLSTATE): 53100 disk full, 25006 read-only transaction, 42501 insufficient privilege; 08 and 57P
#: are connections that break or are refused.
_POSTGRES_CODES = {"53100": "store-full", "25006": "store-not-writable", "42501": "store-not-writable"}


@contextmanager
def translated() -> Iterator[None]:
    """Turn the drivers' errors into :class:`Conflict` and :class:`StoreError`."""
    try:
        yield
    except IntegrityError as error:
        raise Conflict(str(error.orig)) from error
    except DBAPIError as error:
        raise StoreError(_code(error), _first_line(error.orig)) from error
    except (PoolTimeout, OSError, TimeoutError) as error:
        raise StoreError("store-unreachable", _first_line(error)) from error


def _code(error: DBAPIError) -> str:
    original = error.orig
    number = getattr(original, "sqlite_errorcode", None)
    if number is not None:
        # The low byte is the primary code; the rest says more (https://www.sqlite.org/rescode.html).
        primary = number & 0xFF
        if primary == sqlite3.SQLITE_IOERR:
            return "store-failed"
        return _SQLITE_CODES.get(primary, "store-failed")
    state = str(getattr(original, "sqlstate", None) or "")
    if error.connection_invalidated or state[:2] in ("08", "57"):
        return "store-unreachable"
    return _POSTGRES_CODES.get(state, "store-failed")


def _first_line(error: BaseException | None) -> str:
    return str(error).strip().split("\n", 1)[0][:500] or type(error).__name__


def make_engine(url: str) -> AsyncEngine:
    """An engine for ``sqlite+aiosqlite:///path`` or ``postgresql+asyncpg://...``."""
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            engine = create_async_engine(
                parsed,
                pool_size=POOL_SIZE,
                max_overflow=0,
                pool_timeout=POOL_TIMEOUT_S,
                # Names of persons must not get into a log with an error.
                hide_parameters=True,
            )
            _prepare_sqlite(engine)
            return engine
        return create_async_engine(
            parsed,
            pool_size=POOL_SIZE,
            max_overflow=POOL_SIZE,
            pool_timeout=POOL_TIMEOUT_S,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={"timeout": CONNECT_TIMEOUT_S, "command_timeout": STATEMENT_TIMEOUT_S},
        )
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise StoreError("store-unreachable", f"the database URL cannot be used: {_first_line(error)}") from error


def _prepare_sqlite(engine: AsyncEngine) -> None:
    """Write-ahead log, and transactions begun by us: a writer takes the lock at once, so that it never has to give up
    half-way because it had begun by reading."""

    @event.listens_for(engine.sync_engine, "connect")
    def connected(connection: Any, record: Any) -> None:
        connection.isolation_level = None
        try:
            cursor = connection.cursor()
            for pragma in SQLITE_PRAGMAS:
                _pragma(cursor, pragma)
            cursor.close()
        except BaseException:
            # The pool does not know it yet, and would leave its thread running.
            connection.close()
            raise

    @event.listens_for(engine.sync_engine, "begin")
    def began(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _pragma(cursor: Any, pragma: str) -> None:
    """The first write-ahead log of a file is made by one process; SQLite lets no other wait for that by itself."""
    give_up = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            cursor.execute(f"PRAGMA {pragma}")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
        await_only(asyncio.sleep(BUSY_RETRY_S))


@asynccontextmanager
async def transaction(engine: AsyncEngine, *, writes: bool) -> AsyncIterator[AsyncConnection]:
    """A transaction, committed at the end of the block unless it raises."""
    with translated():
        async with engine.connect() as connection:
            await connection.execution_options(writes=writes)
            async with connection.begin():
                yield connection


async def migrate(engine: AsyncEngine) -> None:
    """Bring the schema up to date; other processes that start at the same time wait for this one."""
    async with transaction(engine, writes=True) as connection:
        if connection.dialect.name == "postgresql":
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        await connection.run_sync(upgrade)


def upgrade(connection: Connection, target: str = "head") -> None:
    """Bring the schema to this revision, within the connection's transaction.  Raises :class:`StoreError`."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    present = MigrationContext.configure(connection).get_current_revision()
    known = {revision.revision for revision in script.walk_revisions()}
    if present is not None and present not in known:
        raise StoreError("store-schema", f"the database was made by a newer version ({present})")
    if present != script.get_current_head():
        log.info("store.migrate", present=present, target=script.get_revision(target).revision)
        command.upgrade(config, target)
