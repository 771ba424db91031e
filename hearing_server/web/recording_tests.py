"""Test recordings for the staff: make one now, see what came of the last, and listen to it (C24)."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator, Sequence
from typing import Final
from urllib.parse import quote

import msgspec
from starlette.responses import Response

from recording.objects import NotStored, StoreProblem

from .. import desk_api as d
from ..recording_tests import NoWorkers, RecordingTests
from ..recording_tests.course import NEVER
from ..recording_tests.service import LEDGER
from ..store import Store
from ..store.recording_tests import AlreadyRunning, RecordingTestRow
from .access import Ask, Endpoint, Gate
from .callers import DESK
from .given import Given, give
from .problems import Json, ProblemError

NS = 1_000_000_000
TESTING: Final = DESK | {"technician", "administrator"}
_PATH = "/api/recording-tests"


class RecordingTestDesk:
    def __init__(self, store: Store, tests: RecordingTests, gate: Gate) -> None:
        self._store = store
        self._tests = tests
        self._gate = gate

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint(
                name="testRecording",
                method="POST",
                path=_PATH,
                summary="Make a test recording on each media worker now; the command centre says what comes of it.",
                handler=self.begin,
                who=TESTING,
                answer=d.RecordingTest,
                status=202,
            ),
            Endpoint(
                name="hearTestRecording",
                method="GET",
                path=f"{_PATH}/{{recording_id}}/sound",
                summary="The sound of a test recording, read from the archive.",
                handler=self.sound,
                who=TESTING,
                media_type="audio/webm",
            ),
        )

    async def begin(self, ask: Ask) -> Response:
        try:
            await self._tests.begin()
        except AlreadyRunning as error:
            raise ProblemError("test-running") from error
        except NoWorkers as error:
            raise ProblemError("no-media-worker") from error
        await self._gate.note(ask.caller, LEDGER, "run-job", "", time.time_ns())
        return Json(test_shape(await self._store.recording_tests.newest(), self._tests.hour), 202)

    async def sound(self, ask: Ask) -> Response:
        recording_id = str(ask.request.path_params["recording_id"])
        try:
            media = await self._tests.sound(recording_id)
        except NotStored:
            media = None
        except StoreProblem as error:
            raise ProblemError("busy") from error
        if media is None:
            raise ProblemError("not-found")
        whole = media

        async def read(start: int, end: int) -> AsyncIterator[bytes]:
            yield whole[start:end]

        return await give(
            ask,
            sha256=hashlib.sha256(whole).hexdigest(),
            size=len(whole),
            media_type="audio/webm",
            headers={},
            read=read,
            given=Given(
                self._gate,
                ask,
                recording_id,
                lambda _: self._gate.note(ask.caller, LEDGER, "play", recording_id, time.time_ns()),
            ),
        )


def test_shape(rows: Sequence[RecordingTestRow], hour: int) -> d.RecordingTest:
    """The last run as the staff see it."""
    return d.RecordingTest(
        began_at=rows[0].began_utc / NS if rows else None,
        hour=None if hour == NEVER else hour,
        workers=[
            d.TestedWorker(
                recording_id=row.id,
                worker_id=row.worker_id,
                outcome=msgspec.convert(row.outcome, d.TestOutcome),
                step=msgspec.convert(row.step, d.TestStep),
                problem=row.problem,
                took_s=None if row.ended_utc is None else (row.ended_utc - row.began_utc) / NS,
                sound=f"{_PATH}/{quote(row.id)}/sound" if row.kept and row.media else None,
            )
            for row in rows
        ],
    )
