"""From the spool to a sealed, playable, verified record."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import av
import pytest

from recording import messages
from recording.keys import SigningKey
from recording.objects import ObjectStore
from recording.recorder import Recorder
from recording.serve import RecordReader
from tests.recorded import (
    Tape,
    audio_arrivals,
    audio_track,
    eventually,
    facts,
    running,
    sealed,
)

from .recorder_parts import checked, gone, two_people

pytestmark = pytest.mark.usefixtures("quick")


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
        final = await sealed(recorder, "sitting", request.facts)
    manifest, playback, report = await checked(directory, key)
    # Whoever missed the news while it grew is told in the end.
    assert (final.objects, final.bytes) == (3, sum(entry.size for entry in manifest.objects))
    assert final.sealed_wall_ns == manifest.sealed_us * 1000
    assert [entry.recovered for entry in manifest.objects] == [False, False, True]
    assert [gap.cause for gap in manifest.gaps if gap.duration_us > 10**6] == []
    assert "segment-recovered" in [finding.code for finding in report.findings]
    assert playback.media[0].duration_ms == pytest.approx(25_000, abs=600)
    archived = [event for event in told if isinstance(event, messages.Archived)]
    assert [event.sealed_wall_ns for event in archived] == sorted(event.sealed_wall_ns for event in archived)
    (channel,) = archived[-1].channels
    assert channel.person_id == "p1"
    assert channel.stored_wall_ns == pytest.approx(archived[-1].sealed_wall_ns, abs=3e9), "but for what waits for order"


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
