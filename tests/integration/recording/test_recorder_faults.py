"""What a crash at any point, a store that fails or lies, or a disk that is full leaves of a record."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from recording import messages
from recording import recorder as recorder_module
from recording.format import RecordKind, read_chunks, read_header
from recording.keys import SigningKey
from recording.manifest import decoder
from recording.media.compiled import CompiledFile
from recording.media.webm import WebmWriter
from recording.native import library
from recording.objects import ObjectStore, Stored, StoreProblem, open_store
from recording.recorder import Recorder
from tests.recorded import (
    WITNESSES,
    eventually,
    facts,
    running,
    sealed,
)

from .recorder_parts import answers, checked, faults, gone, two_people

pytestmark = pytest.mark.usefixtures("quick")


WRITER = """
import asyncio, sys, time
from pathlib import Path
from recording.capture import SpoolSink
from tests.recorded import audio_arrivals, audio_track

async def main():
    sink = SpoolSink(Path(sys.argv[1]), "worker.1")
    durable = []
    track = sink.open("sitting", durable.append).open_track(audio_track("p1"))
    begin = time.monotonic_ns()
    print(time.time_ns(), flush=True)
    for number, arrival in enumerate(audio_arrivals(60)):
        wait = (begin + arrival.at_ns - time.monotonic_ns()) / 1e9
        if wait > 0:
            await asyncio.sleep(wait)
        (track.rtcp if arrival.rtcp else track.rtp)(arrival.data, time.monotonic_ns())
        if number % 10 == 0 and durable:
            print(number, time.time_ns(), durable[-1].durable_wall_ns, flush=True)

asyncio.run(main())
"""


async def test_kill_9_of_the_writer_costs_less_than_the_last_second(
    tmp_path: Path, directory: ObjectStore, key: SigningKey
) -> None:
    spool = tmp_path / "spool"
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", WRITER, str(spool), stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        lines = [(await child.stdout.readline()).decode() for _ in range(15)]
        begin_wall_ns = int(lines[0])
        killed_at = time.time_ns()
    finally:
        child.kill()
        await child.wait()
    durable_wall_ns = int(lines[-1].split()[2])
    sitting = facts(10, ["p1"])
    sitting.opened_wall_ns, sitting.closed_wall_ns = begin_wall_ns, killed_at
    async with running(Recorder(spool, directory, key)) as recorder:
        await sealed(recorder, "sitting", sitting)
    manifest, _, _ = await checked(directory, key)
    (track,) = manifest.tracks
    # What the writer was told to be durable is there, and that is no older than a second.
    assert track.end_us >= durable_wall_ns // 1000 - 1_000_000
    assert killed_at // 1000 - track.end_us < 1_000_000 + _stall_us(lines)
    assert track.end_reason is None
    assert manifest.writers[0].recovered


def _stall_us(lines: list[str]) -> int:
    """How far the writer itself was behind its clock, as the machine was busy."""
    times = [int(line.split()[1]) for line in lines[1:]]
    return (max(b - a for a, b in pairwise(times)) - 200_000_000) // 1000


RECORDER = """
import asyncio, os, signal, sys
from pathlib import Path
from recording import archive, messages, objects, recorder as module
from recording.keys import load_or_make
from recording.recorder import Recorder
from tests.recorded import facts, running, sealed

spool, store, key, point = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), sys.argv[4]
count = 0

def die_before(owner, name, nth):
    real = getattr(owner, name)
    async def stop(*arguments, **options):
        global count
        count += 1
        if count == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return await real(*arguments, **options)
    setattr(owner, name, stop)

def die_at(owner, name):
    setattr(owner, name, lambda *_: os.kill(os.getpid(), signal.SIGKILL))

if point == "before-delete":
    die_at(archive, "_let_go")
elif point == "before-folder":
    die_at(archive, "_remove")
else:
    for name in ("put_new", "adopt"):
        die_before(objects.DirectoryStore, name, int(point))

async def main():
    async with running(Recorder(spool, objects.open_store(store), load_or_make(key), software="a")) as recorder:
        await sealed(recorder, "sitting", facts(12, ["p1", "p2"]))

asyncio.run(main())
"""


@pytest.mark.parametrize("point", ["before-delete", "before-folder", *map(str, range(1, 9))])
async def test_kill_9_of_the_recorder_anywhere_loses_and_doubles_nothing(
    tmp_path: Path, directory: ObjectStore, key: SigningKey, point: str
) -> None:
    """What is stored: two segments, manifest, its signature, two media files, index, its signature."""
    spool = tmp_path / "spool"
    two_people(spool, end=None)
    arguments = [str(spool), (tmp_path / "store").as_uri(), str(tmp_path / "court.pem"), point]
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", RECORDER, *arguments)
    assert await process.wait() == -signal.SIGKILL
    async with running(Recorder(spool, directory, key, software="b")) as recorder:
        await sealed(recorder, "sitting", facts(12, ["p1", "p2"]))
        await gone(spool / "sitting")
    manifest, playback, report = await checked(directory, key)
    assert [entry.name for entry in manifest.objects] == ["raw/worker.1/000000.hrec", "raw/worker.1/000001.hrec"]
    assert [track.packets for track in manifest.tracks if track.kind == "audio"] == [600, 600]
    found = {finding.code for finding in report.findings} - WITNESSES
    assert found <= {"segment-recovered", "gap", "derived-unlisted"}
    assert [entry.duration_ms for entry in playback.media] == [pytest.approx(12_000, abs=50)] * 2


class Moody(ObjectStore):
    """A store that refuses for a while."""

    def __init__(self, inner: ObjectStore, refusals: int) -> None:
        super().__init__(inner._store, inner._root)
        self.refusals = refusals

    async def put_new(self, key: str, source: bytes | Path) -> Stored:
        if self.refusals > 0:
            self.refusals -= 1
            raise StoreProblem("503")
        return await super().put_new(key, source)


async def test_a_store_that_is_down_costs_only_time(tmp_path: Path, directory: ObjectStore, key: SigningKey) -> None:
    spool = tmp_path / "spool"
    two_people(spool)
    moody = Moody(directory, refusals=1000)
    async with running(Recorder(spool, moody, key)) as recorder:
        await faults(recorder, "store")
        state = await asyncio.to_thread(recorder.state)
        assert state.backlog == 2
        assert state.spool_bytes > 0
        moody.refusals = 2
        await sealed(recorder, "sitting", facts(12, ["p1", "p2"]))
        await faults(recorder, None)  # the last refusal may meet the look that follows the seal
    await checked(directory, key)


async def test_a_store_that_lies_about_a_hash_is_not_believed(
    tmp_path: Path, directory: ObjectStore, key: SigningKey
) -> None:
    spool = tmp_path / "spool"
    two_people(spool)

    class Liar(ObjectStore):
        lies = True

        async def digest(self, key: str) -> tuple[int, str]:
            size, digest = await super().digest(key)
            return (size, "0" * 64) if self.lies else (size, digest)

    liar = Liar(directory._store, directory._root)
    async with running(Recorder(spool, liar, key)) as recorder:
        await faults(recorder, "store")
        assert len(list((spool / "sitting" / "worker.1").glob("*.hrec"))) == 2
        liar.lies = False
        await sealed(recorder, "sitting", facts(12, ["p1", "p2"]))
    await checked(directory, key)


async def test_other_bytes_under_a_name_are_neither_overwritten_nor_lost(
    tmp_path: Path, directory: ObjectStore, key: SigningKey
) -> None:
    spool = tmp_path / "spool"
    two_people(spool)
    await directory.put_new("hearings/sitting/raw/worker.1/000001.hrec", b"something else")
    async with running(Recorder(spool, directory, key, writer_wait_s=0.2)) as recorder:
        await answers(recorder, messages.Finalised)
    assert await directory.read("hearings/sitting/raw/worker.1/000001.hrec") == b"something else"
    assert (spool / "sitting" / "worker.1" / "000001.hrec").exists()
    manifest = decoder.decode(await directory.read("hearings/sitting/manifest.json"))
    assert "truncated" in [problem.code for problem in manifest.problems] or manifest.problems


async def test_an_unsigned_manifest_of_another_record_is_never_signed(
    tmp_path: Path, directory: ObjectStore, key: SigningKey
) -> None:
    spool = tmp_path / "spool"
    two_people(spool)
    async with running(Recorder(tmp_path / "other", open_store((tmp_path / "b").as_uri()), key, writer_wait_s=0)) as r:
        await sealed(r, "sitting", facts(12, ["p1"]))
    forged = (tmp_path / "b" / "hearings" / "sitting" / "manifest.json").read_bytes()
    await directory.put_new("hearings/sitting/manifest.json", forged)
    async with running(Recorder(spool, directory, key)) as recorder:
        await answers(recorder, messages.Refused)
    assert "hearings/sitting/manifest.sig" not in [name for name, _ in await directory.list("hearings/sitting")]


async def test_torn_bytes_are_in_the_archive_as_they_were_found(
    tmp_path: Path, directory: ObjectStore, key: SigningKey
) -> None:
    spool = tmp_path / "spool"
    two_people(spool, 4, end=None)
    (path,) = (spool / "sitting" / "worker.1").glob("*.open")
    with path.open("ab") as file:
        file.write(b"CHNK torn")
    async with running(Recorder(spool, directory, key)) as recorder:
        await sealed(recorder, "sitting", facts(4, ["p1", "p2"]))
    data = await directory.read("hearings/sitting/raw/worker.1/000000.hrec")
    records = [r for chunk in read_chunks(data, read_header(data)[1]) for r in chunk.records()]
    assert [bytes(r.data) for r in records if r.kind == RecordKind.TORN] == [b"CHNK torn"]
    await checked(directory, key)


async def test_when_the_disk_is_short_the_playable_files_wait(
    tmp_path: Path, directory: ObjectStore, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "DISK_SHORT_BYTES", 2**62)
    monkeypatch.setattr(recorder_module, "DISK_LOW_BYTES", 2**62)
    spool = tmp_path / "spool"
    two_people(spool)
    async with running(Recorder(spool, directory, key)) as recorder:
        assert recorder.state().fault == "disk-low"
        await sealed(recorder, "sitting", facts(12, ["p1", "p2"]))
    _, playback, _ = await checked(directory, key)
    assert len(playback.media) == 2


async def test_a_second_recorder_on_the_same_spool_stands_by_and_takes_over(
    tmp_path: Path, directory: ObjectStore, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "STAND_BY_S", 0.02)
    spool = tmp_path / "spool"
    first, second = Recorder(spool, directory, key), Recorder(spool, directory, key)
    told: list[messages.AnyEvent] = []
    second.publish = told.append
    async with running(first):
        await first.take_spool()
        async with running(second):
            await asyncio.sleep(0.2)
            assert told == []
            two_people(spool)
            await sealed(first, "sitting", facts(12, ["p1", "p2"]))
    async with running(second):

        async def taken() -> bool:
            return bool(told)

        await eventually(taken)
    await checked(directory, key)


@pytest.mark.parametrize(
    ("owner", "writes", "taken"), [(WebmWriter, "write", 500), (CompiledFile, "_append", 1)], ids=["python", "compiled"]
)
async def test_playable_files_that_could_not_be_written_are_made_anew(
    tmp_path: Path,
    directory: ObjectStore,
    key: SigningKey,
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    writes: str,
    taken: int,
) -> None:
    if owner is WebmWriter:
        monkeypatch.setattr("recording.record.load", lambda: None)
    elif library.load() is None:
        pytest.skip("no compiled path here")
    spool = tmp_path / "spool"
    two_people(spool, 14)
    real = getattr(owner, writes)
    refusals = [3, taken]

    def refuse(self: object, *arguments: Any) -> Any:
        refusals[1] -= 1
        if refusals[0] and refusals[1] < 0:
            refusals[0], refusals[1] = refusals[0] - 1, taken
            raise OSError(28, "no space left on device")
        return real(self, *arguments)

    monkeypatch.setattr(owner, writes, refuse)
    async with running(Recorder(spool, directory, key)) as recorder:
        await sealed(recorder, "sitting", facts(14, ["p1", "p2"]))
    _, playback, _ = await checked(directory, key)
    assert refusals[0] == 0
    assert [entry.duration_ms for entry in playback.media] == [pytest.approx(14_000, abs=50)] * 2
    assert [entry.audio_spans for entry in playback.media] == [[[0, pytest.approx(14_000, abs=50)]]] * 2
