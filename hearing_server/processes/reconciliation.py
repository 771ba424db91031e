"""Storage, manifests and database compared with each other (C23, A11), by hand and every night.

Each can be made anew from the one before: the manifest from the storage (the recorder does that), the database from the
manifest.  Nothing is ever deleted here, and no bytes of a record are changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec
import structlog

from recording.added import file_name
from recording.backup import PairedStore, paired
from recording.keys import PublicKey
from recording.locks import LockKind
from recording.manifest import Manifest, added_prefix, prefix
from recording.messages import Act
from recording.objects import ObjectStore, StoreProblem
from recording.reconcile import CODES, Found, RecordState, added_key, reconcile_record

from ..court import Event
from ..store import Access, Conflict, Court, DayRow, NewHearing, PersonRow, Store, StoreError
from ..store.added import AddedAct, AddedRow
from ..store.desk import TaskRow
from ..store.reconciliation import ClosedSitting
from .restoring import RESTORED, keep_again, withhold_again

log = structlog.get_logger(__name__)

NS = 1_000_000_000
DAY_S = 86_400
RECORDS = "hearings/"
#: A record is sealed within seconds of the close; one that is not after this is in trouble, s.
SEALED_WITHIN_S = 3600
#: At night the records of the last days are looked at, and of the older ones each once in so many days, byte by byte.
RECENT_DAYS, ROUND_DAYS = 7, 90
#: A lock that ends within so many days, or in half its time, is renewed while the case has no outcome.
RENEW_DAYS = 3
#: When, UTC.
NIGHT_HOUR = 2
TASK_KIND = "record-trouble"

#: What is found between manifest and database.  The others are in :mod:`recording.reconcile`.
DATABASE_CODES = {
    "record-missing": "error",
    "hash-differs": "error",
    "database-stale": "warning",
    "database-missing": "warning",
    "database-added": "warning",
    "storage-away": "warning",
}


@dataclass(slots=True)
class Checked:
    """One record.  ``repaired``: what was found and set right."""

    sitting_id: str
    state: RecordState | None
    found: list[Found] = field(default_factory=list)
    repaired: list[Found] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not any(severity(found) in ("error", "warning") for found in self.found)


def severity(found: Found) -> str:
    return CODES.get(found.code) or DATABASE_CODES.get(found.code, "error")


class Reconciler:
    """``key`` is the public key of this court's records; without it no signature is looked at.  ``repair``: set right
    what can be."""

    def __init__(self, store: Store, archive: ObjectStore, key: PublicKey | None, *, repair: bool, deep: bool) -> None:
        self._store = store
        self._archive = archive
        self._key = key
        self._repair = repair
        self._deep = deep

    async def everything(self, progress: Callable[[int, int], None] = lambda done, of: None) -> list[Checked]:
        """Every record that the storage or the database knows.  Raises :class:`StoreProblem` or :class:`StoreError`."""
        stored = {key.split("/")[1] for key, _ in await self._archive.list(RECORDS) if key.count("/") > 1}
        closed = {row.sitting_id: row for row in await self._store.reconciliation.closed()}
        unknown = stored - await self._store.reconciliation.sittings()
        wanted = sorted({*closed, *unknown})
        checked = []
        for number, sitting_id in enumerate(wanted):
            progress(number, len(wanted))
            checked.append(await self.one(sitting_id, closed.get(sitting_id)))
        progress(len(wanted), len(wanted))
        return checked

    async def some(self, sittings: Sequence[ClosedSitting]) -> list[Checked]:
        return [await self.one(row.sitting_id, row) for row in sittings]

    async def one(self, sitting_id: str, row: ClosedSitting | None) -> Checked:
        try:
            state = await reconcile_record(self._archive, sitting_id, self._key, deep=self._deep)
            owed = await self._copies(sitting_id)
        except (StoreProblem, msgspec.DecodeError) as error:
            return Checked(sitting_id, None, [Found("storage-away", str(error)[:300])])
        checked = Checked(sitting_id, state, list(state.found))
        if owed:
            (checked.repaired if self._repair else checked.found).append(Found("copy-owed", f"{owed}"))
        if state.custody is not None and state.custody.destroy:
            return checked
        for found in await self._database(state, row):
            (checked.repaired if found.code.startswith("database-") and self._repair else checked.found).append(found)
        return checked

    async def _copies(self, sitting_id: str) -> int:
        """How many objects one of two storages lacks; noted as owed, so that the recorder copies them."""
        pair: PairedStore | None = paired(self._archive)
        if pair is None:
            return 0
        lacking = [*await pair.lacking(prefix(sitting_id)), *await pair.lacking(added_prefix(sitting_id))]
        if self._repair:
            for side, key in lacking:
                await pair.note_owed(side, key)
        return len(lacking)

    async def _database(self, state: RecordState, row: ClosedSitting | None) -> list[Found]:
        if row is None:
            return await self._unknown(state)
        found: list[Found] = []
        if not state.objects and row.record_state in ("sealed", "finalizing"):
            found.append(Found("record-missing"))
        if state.manifest is None:
            return found
        if row.manifest_sha256 and row.manifest_sha256 != state.manifest_sha256:
            return [*found, Found("hash-differs", f"{row.manifest_sha256[:16]}, {state.manifest_sha256[:16]}")]
        says = (row.objects, row.bytes, row.manifest_sha256, row.playable)
        if says != (state.objects, state.bytes, state.manifest_sha256, state.playable):
            found.append(Found("database-stale"))
            if self._repair:
                if not row.manifest_sha256:  # a try to restore it may have ended before its decisions were
                    await self._decided(state)
                await self._facts(state)
        return [*found, *await self._added(state)]

    async def _added(self, state: RecordState) -> list[Found]:
        """Recordings that were added after the close: what the storage alone says can be restored."""
        rows, acts = await self._store.added.all(state.sitting_id)
        found = []
        if lacking := state.acts[len(acts) :]:
            found.append(Found("database-added", f"{len(lacking)}"))
            if self._repair:
                for act in lacking:
                    await self._store.added.restore(*_restored(state.sitting_id, act))
        stored = {added_key(state.sitting_id, file_name(act.sha256)) for act in state.acts}
        for row in rows:
            key = added_key(state.sitting_id, file_name(row.sha256))
            if key not in stored and not await self._archive.list(key):
                found.append(Found("added-missing", file_name(row.sha256)))
        return found

    async def _facts(self, state: RecordState) -> None:
        assert state.manifest is not None
        records, sealed_utc = self._store.records, state.manifest.sealed_us * 1000
        await records.archived(state.sitting_id, sealed_utc=sealed_utc, objects=state.objects, size=state.bytes)
        await records.sealed(state.sitting_id, manifest_sha256=state.manifest_sha256, playable=state.playable)

    async def _decided(self, state: RecordState) -> None:
        """What was decided about it, before :meth:`_facts` makes it a record that can be seen."""
        assert state.manifest is not None
        await withhold_again(self._store, self._archive, self._key, state.manifest)
        await keep_again(self._store, self._archive, self._key, state, state.manifest.hearing_id)

    async def _unknown(self, state: RecordState) -> list[Found]:
        """A record that the database has nothing of."""
        if state.manifest is None:
            return [Found("database-missing", "")]
        if self._repair:
            court = await self._store.reconciliation.court_named(state.manifest.court)
            await self._restore(state.manifest, court or _court(state.manifest))
            await self._added(state)
            await self._decided(state)
            await self._facts(state)
        return [Found("database-missing", state.manifest.case_number)]

    async def _restore(self, manifest: Manifest, court: Court) -> None:
        opened, closed = manifest.opened_us * 1000, manifest.closed_us * 1000
        hearing = NewHearing(
            id=manifest.hearing_id,
            case_number=manifest.case_number,
            case_name=manifest.case_name,
            case_name_zh=manifest.case_name_zh or manifest.case_name,
            room=manifest.room,
            room_zh=manifest.room,
            scheduled_utc=opened,
            people=tuple(
                PersonRow(
                    id=person.person_id, role=person.role, name=person.name, name_zh=person.name_zh or person.name
                )
                for person in manifest.participants
            ),
            days=(DayRow(sitting_id=manifest.sitting_id, scheduled_utc=opened),),
            booking="held",
        )
        values = {"state": "closed", "record_state": "sealed", "present": 0, "opened_utc": opened, "closed_utc": closed}
        events = [msgspec.convert(event, Event) for event in manifest.events if "hash" in event]
        await self._store.reconciliation.restore(court, hearing, manifest.sitting_id, values, events)


def _restored(sitting_id: str, act: Act) -> tuple[AddedRow, AddedAct]:
    """What the database had of an act, by the record's own statement; whose account it was, that does not say."""
    row = AddedRow(
        id=secrets.token_hex(8),
        sitting_id=sitting_id,
        title=act.title,
        kind=act.kind,
        started_utc=act.started_us * 1000,
        equipment=act.equipment,
        file_name=act.file_name,
        media_type=act.media_type,
        bytes=act.bytes,
        sha256=act.sha256,
        duration_ms=act.duration_ms,
        has_audio=act.has_audio,
        added_utc=act.at_us * 1000,
        added_by=RESTORED,
        name=act.by,
        name_zh=act.by_zh,
        version=act.number,
    )
    done = AddedAct(
        serial=act.serial,
        action=act.action,
        version_id=row.id,
        utc=act.at_us * 1000,
        account_id=RESTORED,
        name=act.by,
        name_zh=act.by_zh,
        reason=act.reason,
    )
    return row, done


def _court(manifest: Manifest) -> Court:
    """A court that is gone from the database, with what the manifest says of it."""
    return Court(
        id=f"restored-{hashlib.sha256(manifest.court.encode()).hexdigest()[:8]}",
        name=manifest.court,
        name_zh=manifest.court_zh or manifest.court,
        help_phone="",
        time_zone="UTC",
    )


# --- every night -----------------------------------------------------------------------


def due_tonight(closed: Sequence[ClosedSitting], now: datetime) -> tuple[list[ClosedSitting], list[ClosedSitting]]:
    """The records to look at this night: those of the last days, and of the older ones those to read through."""
    recent_ns = int((now - timedelta(days=RECENT_DAYS)).timestamp()) * NS
    settled_ns = int(now.timestamp() - SEALED_WITHIN_S) * NS
    recent = [row for row in closed if recent_ns <= row.closed_utc < settled_ns]
    turn = now.date().toordinal() % ROUND_DAYS
    older = [
        row
        for row in closed
        if row.closed_utc < recent_ns
        and int.from_bytes(hashlib.sha256(row.sitting_id.encode()).digest()[:4], "big") % ROUND_DAYS == turn
    ]
    return recent, older


async def night(store: Store, archive: ObjectStore, key: PublicKey | None, now: datetime) -> int:
    """Look at what is due tonight; what is wrong becomes a task of the sitting.  Answers how many are not well.

    Without the court's key nothing is set right: what the storage says could be anybody's word.
    """
    if key is None:
        log.warning("reconcile.no_public_key")
    repair = key is not None
    recent, older = due_tonight(await store.reconciliation.closed(), now)
    checked = await Reconciler(store, archive, key, repair=repair, deep=False).some(recent)
    checked += await Reconciler(store, archive, key, repair=repair, deep=True).some(older)
    hearings = {row.sitting_id: row.hearing_id for row in (*recent, *older)}
    for each in checked:
        await _note(store, hearings[each.sitting_id], each, now)
    trouble = [each for each in checked if not each.ok]
    for each in trouble:
        worst = sorted(each.found, key=lambda found: ("error", "warning", "note").index(severity(found)))
        task = TaskRow(
            id=f"{each.sitting_id}.night-{now:%Y%m%d}",
            hearing_id=hearings[each.sitting_id],
            sitting_id=each.sitting_id,
            kind=TASK_KIND,
            detail="; ".join(f"{found.code} {found.place}".strip() for found in worst[:5])[:500],
            opened_utc=int(now.timestamp()) * NS,
        )
        with contextlib.suppress(Conflict):  # another process has looked tonight
            await store.desk.open_task(task)
    log.info("reconciled", records=len(checked), trouble=len(trouble))
    return len(trouble)


async def _note(store: Store, hearing_id: str, checked: Checked, now: datetime) -> None:
    """The access ledger says that the court's system read the record, and what it set right or found wrong (A9)."""
    detail = {
        name: [one.code for one in found] for name, found in (("found", checked.found), ("repaired", checked.repaired))
    }
    access = Access(actor="system", role="system", seat="", action="run-job", target=checked.sitting_id, detail=detail)
    await store.ledger.write(hearing_id, access, int(now.timestamp()) * NS)


async def renew_locks(store: Store, archive: ObjectStore, lock_days: int, now: datetime) -> int:
    """A record whose case has no outcome yet is locked on, before its first lock ends.  Answers how many were."""
    if archive.lock_kind is LockKind.NONE:
        return 0
    renewed, soon = 0, int(now.timestamp()) + max(RENEW_DAYS, lock_days // 2) * DAY_S
    for sitting_id in await store.custody.undecided():
        try:
            folders = (prefix(sitting_id), added_prefix(sitting_id))
            keys = [key for folder in folders for key, _ in await archive.list(folder)]
            if not keys or (await archive.protection(keys[0])).until_s > soon:
                continue
            for key in keys:
                await archive.retain(key, int(now.timestamp()) + lock_days * DAY_S)
            renewed += 1
        except StoreProblem as error:
            log.warning("lock.not_renewed", sitting=sitting_id, error=str(error))
    if renewed:
        log.info("locks.renewed", records=renewed)
    return renewed


def seconds_to_night(now: datetime) -> float:
    begin = now.replace(hour=NIGHT_HOUR, minute=0, second=0, microsecond=0)
    return ((begin if begin > now else begin + timedelta(days=1)) - now).total_seconds()


@contextlib.asynccontextmanager
async def nightly(
    store: Store, archive: ObjectStore, key: Callable[[], PublicKey | None], lock_days: int
) -> AsyncIterator[None]:
    """Look each night until the block is left."""

    async def run() -> None:
        while True:
            await asyncio.sleep(seconds_to_night(datetime.fromtimestamp(time.time(), UTC)))
            try:
                now = datetime.fromtimestamp(time.time(), UTC)
                await renew_locks(store, archive, lock_days, now)
                await night(store, archive, key(), now)
            except (StoreError, StoreProblem) as error:
                log.error("reconcile.failed", error=str(error))
            except Exception:
                log.exception("reconcile.failed")

    task = asyncio.create_task(run(), name="reconciliation")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
