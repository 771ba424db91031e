"""What the recorder's tests write, wait for and check."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from recording import messages
from recording.keys import SigningKey
from recording.manifest import Manifest
from recording.objects import ObjectStore
from recording.playback import Playback
from recording.recorder import Recorder
from recording.report import Report
from recording.serve import RecordReader
from recording.verify import verify_record
from tests.recorded import (
    Tape,
    audio_arrivals,
    audio_track,
    eventually,
    facts,
    video_arrivals,
    video_track,
)


def two_people(spool: Path, seconds: float = 12, *, end: str | None = "closed", **options: Any) -> None:
    tape = Tape(spool, **options)
    for number, person in enumerate(("p1", "p2")):
        tape.track(audio_track(person), audio_arrivals(seconds, hertz=400 + 100 * number, ssrc=10 + number))
        tape.track(video_track(person), video_arrivals(seconds, ssrc=20 + number))
    tape.write(seconds, end=end).abandon()


async def checked(store: ObjectStore, key: SigningKey) -> tuple[Manifest, Playback, Report]:
    reader = RecordReader(store)
    manifest, playback = await reader.manifest("sitting"), await reader.playback("sitting")
    assert manifest is not None
    assert playback is not None
    report = await verify_record(store, "hearings/sitting/", key.public)
    assert report.ok, [finding.en for finding in report.findings]
    return manifest, playback, report


async def faults(recorder: Recorder, fault: str | None) -> None:
    async def fails() -> bool:
        return (await asyncio.to_thread(recorder.state)).fault == fault

    await eventually(fails)


async def gone(folder: Path) -> None:
    async def removed() -> bool:
        return not await asyncio.to_thread(folder.exists)

    await eventually(removed)


async def answers(recorder: Recorder, kind: type[messages.Answer]) -> None:
    async def answered() -> bool:
        request = messages.Finalise(sitting_id="sitting", facts=facts(12, ["p1"]))
        return isinstance(await recorder.finalise(request), kind)

    await eventually(answered)
