"""The disk of the spool: who is told when it fills, and what waits so that hearings that run have it to themselves.

Nothing that is not archived is ever deleted to make room.  Below the first level staff get a task, and the metric says
so; below the second no hearing is opened, the playable files stop growing and no export is made (the recorder's part).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable

import structlog

from recording.messages import DISK_LOW_BYTES, DISK_SHORT_BYTES, RecorderState

from ..store import Conflict, Store
from ..store.desk import TaskRow
from .tasks import BY_ITSELF

log = structlog.get_logger(__name__)

#: A level is left only when so much more is free, so that a disk at the edge is one alarm.
HYSTERESIS = 1.25
GIGABYTE = 1_000_000_000
TASK_KIND = "record-trouble"


class Level(enum.IntEnum):
    WELL = 0
    LOW = 1
    SHORT = 2


def level_of(free: int, before: Level) -> Level:
    """With this many bytes free, and as it was before."""
    for level, limit in ((Level.SHORT, DISK_SHORT_BYTES), (Level.LOW, DISK_LOW_BYTES)):
        if free < limit * (HYSTERESIS if before >= level else 1):
            return level
    return Level.WELL


class DiskPolicy:
    """``sittings`` answers hearing and sitting of each hearing that is on."""

    def __init__(self, store: Store, sittings: Callable[[], Iterable[tuple[str, str]]], utc: Callable[[], int]) -> None:
        self.level = Level.WELL
        self._store = store
        self._sittings = sittings
        self._utc = utc
        self._told: set[str] = set()

    @property
    def refuses(self) -> bool:
        """No hearing is opened now."""
        return self.level is Level.SHORT

    async def heard(self, state: RecorderState) -> None:
        """Raises :class:`~hearing_server.store.StoreError`."""
        before, self.level = self.level, level_of(state.disk_free_bytes, self.level)
        if self.level is not before:
            log.warning("disk.changed", to=self.level.name.lower(), free=state.disk_free_bytes)
        if self.level is Level.WELL:
            await self._settled()
            return
        for hearing_id, sitting_id in self._sittings():
            if sitting_id not in self._told:
                await self._tell(hearing_id, sitting_id, state.disk_free_bytes)

    async def _tell(self, hearing_id: str, sitting_id: str, free: int) -> None:
        now = self._utc()
        task = TaskRow(
            id=f"{sitting_id}.disk-{now}",
            hearing_id=hearing_id,
            sitting_id=sitting_id,
            kind=TASK_KIND,
            detail=f"disk-low: {free / GIGABYTE:.1f} GB",
            opened_utc=now,
        )
        try:
            opened = await self._store.desk.open_task(task)
        except Conflict:
            return
        self._told.add(sitting_id)
        if opened.id != task.id:
            log.info("disk.told_already", sitting=sitting_id)

    async def _settled(self) -> None:
        """There is room again: what was opened for its sake is done."""
        for hearing_id, sitting_id in list(self._sittings()) if self._told else ():
            if sitting_id not in self._told:
                continue
            for row in (await self._store.desk.tasks([hearing_id])).get(hearing_id, []):
                if row.id.startswith(f"{sitting_id}.disk-") and row.closed_utc is None:
                    await self._store.desk.close_task(row.id, utc=self._utc(), by=BY_ITSELF[0], by_zh=BY_ITSELF[1])
        self._told.clear()
