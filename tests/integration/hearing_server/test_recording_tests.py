"""A test recording over a real worker, a real recorder and a real archive: its sound, what stays of it, its faults."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import msgspec
import pytest

from hearing_server.recording_tests import RecordingTests, participant, service, trial
from hearing_server.recording_tests.course import NEVER
from hearing_server.recording_tests.service import LEDGER
from hearing_server.recording_tests.tone import heard_s
from hearing_server.store import Store
from hearing_server.store.recording_tests import AlreadyRunning, RecordingTestRow
from recording import messages as m
from recording import recorder as recorder_module
from recording.age import Identity
from recording.capture import SpoolSink
from recording.encrypted import EncryptedStore
from recording.keys import load_or_make
from recording.manifest import HEARINGS_PREFIX, TESTS_PREFIX
from recording.objects import ObjectStore, open_store
from recording.recorder import Recorder
from recording.service import run_recorder
from signaling import worker_api as w
from signaling.bus.local import LocalBus
from signaling.sfu.capture import CaptureSink
from signaling.sfu.service import run_worker
from signaling.sfu.settings import WorkerSettings
from signaling.sfu.worker import Worker


@dataclass
class Platform:
    bus: LocalBus
    plain: ObjectStore
    store: Store
    tests: RecordingTests
    beats: dict[str, w.Heartbeat]
    recorder: asyncio.Task[None]

    async def made(self) -> RecordingTestRow:
        await self.tests.begin()
        async with asyncio.timeout(60):
            await self.tests.finished()
        return (await self.store.recording_tests.newest())[-1]


@pytest.fixture
async def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Platform]:
    monkeypatch.setattr(recorder_module, "POLL_S", 0.05)
    monkeypatch.setattr(trial, "SPEAKS_S", 1.5)
    monkeypatch.setattr(trial, "HEARD_S", 1.0)
    plain = open_store((tmp_path / "store").as_uri())
    escrow, own = Identity.generate(), Identity.generate()
    archive = EncryptedStore(plain, own, [escrow.recipient], tmp_path / "encrypting")
    key = load_or_make(tmp_path / "court.pem")
    bus, store = LocalBus(), await Store.open(f"sqlite+aiosqlite:///{tmp_path / 'hearings.sqlite3'}")
    sink = SpoolSink(tmp_path / "spool", "w1.e1")
    # aioice offers no loopback candidates, so the worker listens on every address.
    worker = Worker(WorkerSettings(listen=("0.0.0.0",)), cast(CaptureSink, sink))
    await worker.start()
    recorder = Recorder(tmp_path / "spool", archive, key)
    tasks = [
        asyncio.create_task(run_worker(worker, bus, "w1", "e1")),
        asyncio.create_task(run_recorder(recorder, bus)),
    ]
    async with asyncio.timeout(60), bus.subscribe(w.HEARTBEAT_TOPIC, m.TOPIC) as inbox:
        beats: dict[str, w.Heartbeat] = {}
        recorded = False
        async for topic, payload in inbox:
            recorded |= topic == m.TOPIC
            if topic == w.HEARTBEAT_TOPIC:
                beats["w1"] = w.heartbeat_decoder.decode(payload)
            if recorded and beats:
                break
    tests = RecordingTests(store, trial.Path(bus, archive, lambda: key.public), lambda: beats, NEVER)
    yield Platform(bus, plain, store, tests, beats, tasks[1])
    await tests.aclose()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await worker.aclose()
    await sink.aclose()
    await bus.aclose()
    await store.aclose()


async def test_the_tone_comes_back_from_the_archive_and_is_discarded_in_time(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = await platform.made()
    assert (good.outcome, good.step, good.problem, good.worker_id) == ("passed", "play", "", "w1")
    sound = await platform.tests.sound(good.id)
    assert sound is not None
    assert heard_s(sound) >= 1.0
    # Encrypted as a record is, and apart from the records of hearings.
    stored = [key for key, _ in await platform.plain.list("")]
    assert f"keys/{good.id}.age" in stored
    assert not [key for key in stored if key.startswith((HEARINGS_PREFIX, "log/"))]
    (entry,) = await platform.store.ledger.read(LEDGER)
    assert (entry.access.action, entry.access.target, entry.access.detail["outcome"]) == ("run-job", good.id, "passed")

    # A hearing's record is not discarded so.
    refused = await platform.bus.request(m.SERVICE, m.encode(m.Discard(sitting_id="sitting")), timeout_s=20)
    assert isinstance(m.answer_decoder.decode(refused), m.Refused)
    monkeypatch.setattr(service, "SOUND_DAYS", 0)
    platform.beats["w1"] = msgspec.structs.replace(platform.beats["w1"], packets_out_s=1e9)
    full = await platform.made()
    assert (full.outcome, full.kept) == ("skipped", False)
    assert await platform.tests.sound(good.id) is None
    assert not [key for key, _ in await platform.plain.list("") if good.id in key]
    assert await platform.plain.list(TESTS_PREFIX) == []


async def test_what_is_wrong_is_said_with_its_step(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(participant, "samples", lambda first, count: bytes(2 * count))
    await platform.tests.begin()
    with pytest.raises(AlreadyRunning):
        await platform.tests.begin()
    async with asyncio.timeout(60):
        await platform.tests.finished()
    (mute,) = await platform.store.recording_tests.newest()
    assert (mute.outcome, mute.step, mute.problem) == ("failed", "play", "silent")

    platform.recorder.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await platform.recorder
    unsealed = await platform.made()
    assert (unsealed.outcome, unsealed.step, unsealed.problem) == ("failed", "archive", "no-answer")

    platform.beats["w1"] = msgspec.structs.replace(platform.beats["w1"], worker_id="gone")
    unheard = await platform.made()
    assert (unheard.outcome, unheard.step, unheard.problem) == ("failed", "join", "no-answer")

    # One that a process left behind does not stand in the way for ever.
    left = replace(unheard, id="left", run="left", outcome="running", began_utc=1, ended_utc=None)
    await platform.store.recording_tests.begin(left, given_up_before_utc=0)
    assert (await platform.made()).outcome == "failed"
    row = await platform.store.recording_tests.get("left")
    assert row is not None
    assert (row.outcome, row.problem) == ("failed", "interrupted")
