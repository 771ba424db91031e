"""The staff's tasks of a sitting, repeated from its log into the table that the command centre reads (A1, A2).

The log is what holds: what the table lacks is written whenever the two are compared, so that a crash between them loses
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from ..court import SYSTEM, Sitting, Task, TaskState
from ..store import Conflict, HearingFacts, Store, StoreError
from ..store.desk import TaskRow

log = structlog.get_logger(__name__)

#: Who closes a task that has settled itself, in English and Chinese.
BY_ITSELF = ("The court's system", "法庭系统")


def row_id(sitting_id: str, task_id: str) -> str:
    """Where the table has this task of the log."""
    return f"{sitting_id}.{task_id}"


def task_of(sitting_id: str, row: str) -> str | None:
    """The log's name of this row, if it is one of this sitting's log."""
    prefix = f"{sitting_id}."
    return row.removeprefix(prefix) if row.startswith(prefix) else None


class TaskBoard:
    """``follow`` may be called at any time, and never raises."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._written: dict[str, TaskState] = {}
        self._read = False

    async def follow(self, sitting: Sitting, facts: HearingFacts) -> None:
        pending = [task for task in sitting.tasks.values() if self._written.get(task.id) is not task.state]
        if not pending:
            return
        try:
            await self._read_once(sitting, facts)
            for task in pending:
                await self._write(task, sitting, facts)
        except StoreError as error:
            log.error("tasks.not_written", sitting=sitting.id, code=error.code, detail=error.detail)
        self._forget(sitting.tasks)

    async def _read_once(self, sitting: Sitting, facts: HearingFacts) -> None:
        """What the table has from before this process."""
        if self._read:
            return
        for row in (await self._store.desk.tasks([facts.hearing_id])).get(facts.hearing_id, []):
            task_id = task_of(sitting.id, row.id)
            if task_id is not None:
                self._written[task_id] = TaskState.OPEN if row.closed_utc is None else TaskState.DONE
        self._read = True

    async def _write(self, task: Task, sitting: Sitting, facts: HearingFacts) -> None:
        if task.id not in self._written:
            await self._open(task, sitting, facts)
        if task.state is TaskState.DONE and self._written[task.id] is not TaskState.DONE:
            by, by_zh = _closer(task, facts)
            utc = task.closed or task.opened
            await self._store.desk.close_task(row_id(sitting.id, task.id), utc=utc, by=by, by_zh=by_zh)
            self._written[task.id] = TaskState.DONE

    async def _open(self, task: Task, sitting: Sitting, facts: HearingFacts) -> None:
        row = TaskRow(
            id=row_id(sitting.id, task.id),
            hearing_id=facts.hearing_id,
            sitting_id=sitting.id,
            kind=task.kind.value.replace("_", "-"),
            person_id=task.subject or None,
            detail=task.reason,
            opened_utc=task.opened,
        )
        try:
            await self._store.desk.open_task(row)
        except Conflict:
            log.info("tasks.known", sitting=sitting.id, task=task.id)
        self._written[task.id] = TaskState.OPEN

    def _forget(self, present: Iterable[str]) -> None:
        keep = set(present)
        self._written = {task_id: state for task_id, state in self._written.items() if task_id in keep}


def _closer(task: Task, facts: HearingFacts) -> tuple[str, str]:
    person = facts.person(task.closed_by)
    if task.closed_by == SYSTEM.id or person is None:
        return BY_ITSELF
    return person.name, person.name_zh
