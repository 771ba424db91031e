"""From the spool to a sealed, playable, verified record; and what a crash at any point leaves of it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from recording import messages
from recording import recorder as recorder_module
from recording.format import RecordKind, read_chunks, read_header
from recording.keys import SigningKey, load_or_make
from recording.manifest import Manifest, decoder
from recording.media.compiled import CompiledFile
from recording.media.webm import WebmWriter
from recording.native import library
from recording.objects import ObjectStore, S3Options, Stored, StoreProblem, open_store
from recording.playback import Playback
from recording.recorder import Recorder
from recording.report import Report
from recording.serve import RecordReader
from recording.verify import verify_record
from tests.recorded import (
    WITNESSES,
    Tape,
    audio_arrivals,
    audio_track,
    eventually,
    facts,
    running,
    sealed,
    video_arrivals,
    video_track,
)
from tests.servers.s3 import S3Server


@pytest.fixture(params=["directory", pytest.param("s3", marks=pytest.mark.servers)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "directory":
        return open_store((tmp_path / "store").as_uri())
    server: S3Server = request.getfixturevalue("s3_server")
    return open_store(
        f"s3://{server.new_bucket()}/court", S3Options(server.endpoint, server.key_id, server.secret, server.region)
    )


@pytest.fixture
def directory(tmp_path: Path) -> ObjectStore:
    return open_store((tmp_path / "store").as_uri())


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return load_or_make(tmp_path / "court.pem")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "POLL_S", 0.05)
    monkeypatch.setattr(recorder_module, "BACKOFF_S", 0.05)
    monkeypatch.setattr(recorder_module, "BACKOFF_LIMIT_S", 0.2)
    monkeypatch.setattr(recorder_module, "ARCHIVED_EVERY_S", 0.05)


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


async def faults(recorder: Recorder, fault: str) -> None:
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


async def test_a_recording_is_archived_sealed_and_played(tmp_path: Path, store: ObjectStore, key: SigningKey) -> None:
    spool = tmp_path / "spool"
    two_people(spool)
    told: list[messages.AnyEvent] = []
    async with running(Recorder(spool, store, key, software="build 7", publish=told.append)) as recorder:
        answer = await sealed(recorder, "sitting", facts(12, ["p1", "p2"]))
        assert await sealed(recorder, "sitting", facts(12, ["p1", "p2"])) == answer
        await gone(spool / "sitting")
        await gone(spool / ".recorder" / "sitting")
    manifest, playback, report = await checked(store, key)
    assert answer.manifest_sha256 == report.manifest_sha256 == playback.manifest_sha256
    assert (manifest.court, manifest.court_zh, manifest.software) == ("Court of Tests", "测试法院", "build 7")
    assert [entry.name for entry in manifest.objects] == ["raw/worker.1/000000.hrec", "raw/worker.1/000001.hrec"]
    assert {(entry.person_id, entry.kind) for entry in manifest.tracks} == {
        (person, kind) for person in ("p1", "p2") for kind in ("audio", "video")
    }
    assert manifest.problems == manifest.interruptions == []
    reader = RecordReader(store)
    for entry in playback.media:
        name = entry.name.rsplit("/", 1)[1]
        media = await reader.media("sitting", name)
        assert media is not None
        data = b"".join([piece async for piece in reader.read(media)])
        assert len(data) == entry.size
        path = tmp_path / name
        path.write_bytes(data)
        with av.open(str(path)) as container:
            frames = sum(len(packet.decode()) for packet in container.demux())
        assert frames == pytest.approx(12 * 75, abs=10)
        assert (entry.offset_ms, entry.duration_ms) == (pytest.approx(0, abs=50), pytest.approx(12_000, abs=50))
        assert entry.alignment == "sender-report"
    assert await reader.media("sitting", "../../manifest.json") is None
    assert await reader.media("another", "p1.webm") is None
    kinds = {type(event) for event in told}
    assert {messages.Sealed, messages.Archived, messages.RecorderState} <= kinds
    assert [event.playable for event in told if isinstance(event, messages.Sealed)] == [False, True]


async def test_archiving_goes_on_while_the_hearing_does(
    tmp_path: Path, directory: ObjectStore, key: SigningKey
) -> None:
    spool = tmp_path / "spool"
    tape = Tape(spool)
    tape.track(audio_track("p1"), audio_arrivals(25))
    series = tape.write(25, end=None)
    told: list[messages.AnyEvent] = []
    async with running(Recorder(spool, directory, key, publish=told.append)) as recorder:

        async def two_objects() -> bool:
            return len(await directory.list("hearings/sitting")) == 2

        await eventually(two_objects)
        request = messages.Finalise(sitting_id="sitting", facts=facts(25, ["p1"]))
        assert isinstance(await recorder.finalise(request), messages.Accepted)
        await asyncio.sleep(0.3)
        # The writer lives and has not ended: the record cannot be whole yet.
        assert isinstance(await recorder.finalise(request), messages.Accepted)
        assert len(list((spool / "sitting" / "worker.1").glob("*.open"))) == 1
        series.abandon()
        await sealed(recorder, "sitting", request.facts)
    manifest, playback, report = await checked(directory, key)
    assert [entry.recovered for entry in manifest.objects] == [False, False, True]
    assert [gap.cause for gap in manifest.gaps if gap.duration_us > 10**6] == []
    assert "segment-recovered" in [finding.code for finding in report.findings]
    assert playback.media[0].duration_ms == pytest.approx(25_000, abs=600)
    archived = [event for event in told if isinstance(event, messages.Archived)]
    assert [event.sealed_wall_ns for event in archived] == sorted(event.sealed_wall_ns for event in archived)
    (channel,) = archived[-1].channels
    assert channel.person_id == "p1"
    assert channel.stored_wall_ns == pytest.approx(archived[-1].sealed_wall_ns, abs=3e9), "but for what waits for order"


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
    assert track.end_us >= durable_wall_ns // 1000 - 40_000
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
        assert recorder.state().fault is None
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


async def test_two_workers_and_a_return_are_one_record(tmp_path: Path, store: ObjectStore, key: SigningKey) -> None:
    spool = tmp_path / "spool"
    two_people(spool, 8, end=None)
    two_people(spool, 8, writer="worker.2", begin_s=11)
    async with running(Recorder(spool, store, key)) as recorder:
        await sealed(recorder, "sitting", facts(19, ["p1", "p2"], ["worker.1", "worker.2"]))
    manifest, playback, _ = await checked(store, key)
    assert [writer.recovered for writer in manifest.writers] == [True, False]
    (hole,) = manifest.interruptions
    assert hole.duration_us == pytest.approx(3_000_000, abs=100_000)
    assert {gap.cause for gap in manifest.gaps if gap.duration_us > 2_000_000} == {"torn"}
    for entry in playback.media:
        assert [span[0] for span in entry.audio_spans] == [pytest.approx(0, abs=60), pytest.approx(11_000, abs=60)]
        assert entry.duration_ms == pytest.approx(19_000, abs=100)


async def test_a_declared_recess_explains_the_hole_and_its_gaps(
    tmp_path: Path, directory: ObjectStore, key: SigningKey
) -> None:
    spool = tmp_path / "spool"
    two_people(spool, 8)
    two_people(spool, 8, writer="worker.2", begin_s=11)
    sitting = facts(19, ["p1", "p2"], ["worker.1", "worker.2"])
    begin = sitting.opened_wall_ns
    recess = messages.Interruption(
        start_wall_ns=begin + 8_100_000_000, end_wall_ns=begin + 11_200_000_000, ground="recess"
    )
    sitting.interruptions = [recess]
    async with running(Recorder(spool, directory, key)) as recorder:
        await sealed(recorder, "sitting", sitting)
    manifest, _, report = await checked(directory, key)
    (hole,) = manifest.interruptions
    assert (hole.cause, hole.duration_us) == ("recess", 3_100_000)
    assert {gap.cause for gap in manifest.gaps if gap.duration_us > 2_000_000} == {"recess"}
    codes = [finding.code for finding in report.findings]
    assert "interruption-lawful" in codes
    assert "interruption" not in codes


async def test_the_time_line_is_the_sittings_however_early_a_worker_stood_ready(
    tmp_path: Path, directory: ObjectStore, key: SigningKey
) -> None:
    spool = tmp_path / "spool"
    tape = Tape(spool)
    tape.track(audio_track("p1"), audio_arrivals(5), start_s=14)
    tape.write(20).abandon()
    sitting = facts(20, ["p1"])
    sitting.opened_wall_ns += 12_000_000_000
    async with running(Recorder(spool, directory, key)) as recorder:
        await sealed(recorder, "sitting", sitting)
    manifest, playback, _ = await checked(directory, key)
    assert playback.start_us == manifest.opened_us
    assert playback.end_us == manifest.closed_us
    assert playback.media[0].offset_ms == pytest.approx(2_000, abs=50)


async def test_a_writer_that_left_no_trace_is_waited_for_and_then_named(
    tmp_path: Path, directory: ObjectStore, key: SigningKey
) -> None:
    spool = tmp_path / "spool"
    two_people(spool)
    async with running(Recorder(spool, directory, key, writer_wait_s=0.3)) as recorder:
        await sealed(recorder, "sitting", facts(12, ["p1", "p2"], ["worker.1", "ghost.1"]))
    manifest, _, report = await checked(directory, key)
    assert manifest.missing_writers == ["ghost.1"]
    assert "writer-missing" in [finding.code for finding in report.findings]


async def test_a_hearing_in_which_nothing_was_recorded_is_sealed_and_says_so(
    tmp_path: Path, directory: ObjectStore, key: SigningKey
) -> None:
    async with running(Recorder(tmp_path / "spool", directory, key, writer_wait_s=0.1)) as recorder:
        await sealed(recorder, "sitting", facts(12, ["p1"]))
    manifest, playback, _ = await checked(directory, key)
    assert manifest.objects == playback.media == []
    assert manifest.interruptions[0].duration_us == 12_000_000


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


async def test_the_index_is_json_that_any_program_reads(
    tmp_path: Path, directory: ObjectStore, key: SigningKey
) -> None:
    spool = tmp_path / "spool"
    two_people(spool, 4)
    async with running(Recorder(spool, directory, key)) as recorder:
        await sealed(recorder, "sitting", facts(4, ["p1", "p2"]))
    index = json.loads(await directory.read("hearings/sitting/derived/playback.json"))
    manifest = json.loads(await directory.read("hearings/sitting/manifest.json"))
    assert index["derived"] is True
    assert index["media"][0]["derivedFrom"] == ["worker.1/1", "worker.1/2"]
    assert max(value for value in _numbers(manifest)) < 2**53
    assert os.stat(tmp_path / "court.pem").st_mode & 0o077 == 0


def _numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [number for item in value.values() for number in _numbers(item)]
    if isinstance(value, list):
        return [number for item in value for number in _numbers(item)]
    return [value] if isinstance(value, int | float) else []
