"""What the court did with recordings that it added to records, told to the recorder until a signed statement beside the
record says it (record.md E14, C22)."""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from recording import messages as m

from ..store import Store, StoreError
from ..store.added import AddedAct, AddedRow
from .recorder import Recorder, RecorderUnavailable

log = structlog.get_logger(__name__)

#: Of acts that were written down before the names of those who did them were.
BY_COURT = ("the court", "法院")
#: How often the recorder is asked, s: while something is not stated yet, and to see what another process wrote down.
SOON_S, REPEAT_S = 1.0, 30.0


class AdditionsOffice:
    def __init__(self, store: Store, recorder: Recorder) -> None:
        self._store = store
        self._recorder = recorder
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="added recordings")

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def changed(self) -> None:
        """Something was written down."""
        self._wake.set()

    async def step(self) -> bool:
        """Have the next act of each record stated; answers whether the recorder is still at it."""
        busy = False
        for sitting_id, last in await self._store.added.untold():
            rows, acts = await self._store.added.all(sitting_id)
            by_id = {row.id: row for row in rows}
            for act in acts[last:]:
                answer = await self._recorder.ask(m.Add(sitting_id=sitting_id, act=told(by_id[act.version_id], act)))
                if isinstance(answer, m.Refused) and answer.reason != "destroyed":
                    log.warning("added.not_stated", sitting=sitting_id, serial=act.serial, reason=answer.reason)
                    break
                if isinstance(answer, m.Accepted):
                    busy = True
                    break
                await self._store.added.tell(sitting_id, act.serial)
        return busy

    async def _run(self) -> None:
        while True:
            busy = False
            try:
                busy = await self.step()
            except (RecorderUnavailable, StoreError) as error:
                log.warning("added.waits", error=str(error))
            except Exception:
                log.exception("added.waits")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SOON_S if busy else REPEAT_S):
                    await self._wake.wait()
            self._wake.clear()


def told(row: AddedRow, act: AddedAct) -> m.Act:
    """The act as the recorder is told of it."""
    return m.Act(
        serial=act.serial,
        action=act.action,
        title=row.title,
        kind=row.kind,
        started_us=row.started_utc // 1000,
        number=row.version,
        equipment=row.equipment,
        file_name=row.file_name,
        media_type=row.media_type,
        bytes=row.bytes,
        sha256=row.sha256,
        duration_ms=row.duration_ms,
        has_audio=row.has_audio,
        by=act.name or BY_COURT[0],
        by_zh=act.name_zh or act.name or BY_COURT[1],
        at_us=act.utc // 1000,
        reason=act.reason,
    )
