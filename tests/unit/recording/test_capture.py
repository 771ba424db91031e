"""The sink a media worker is given, on a real folder."""

from __future__ import annotations

import asyncio
import errno
import os
import struct
import threading
import time
from collections import deque
from pathlib import Path

import msgspec
import pytest

from recording import capture, spool, spool_thread
from recording.capture import SpoolSink, SpoolState
from recording.chain import Segment, WriterChain
from recording.digests import PlainHash
from recording.format import RecordKind, TrackHeader, read_note
from recording.native.hashing import able
from recording.spool import OPEN_SUFFIX, Batch, PendingChunk, SegmentSeries, check_name, try_lock
from recording.spool_thread import SpoolThread
from signaling.sfu.capture import GatheringTrack
from tests.recorded import audio_track, rtp

PACKET = rtp(111, 1, 2, 3, b"opus")


def segments(folder: Path) -> list[Segment]:
    chain = WriterChain(folder.parent.name, folder.name)
    return [chain.feed(path.name, path.read_bytes()) for path in sorted(folder.glob("*.hrec"))]


def told(found: list[Segment], track: int) -> list[tuple[int, bytes]]:
    """Kind and bytes of all records of a track."""
    return [
        (record.kind, bytes(record.data))
        for segment in found
        for chunk in segment.chunks
        if chunk.track == track
        for record in chunk.records()
    ]


async def until(states: list[SpoolState], **wanted: object) -> SpoolState:
    """The first state from now on with these values."""
    seen = len(states)
    while True:
        for state in states[seen:]:
            if all(getattr(state, name) == value for name, value in wanted.items()):
                return state
        seen = len(states)
        await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "CUT_S", 0.02)
    monkeypatch.setattr(capture, "TELL_EVERY_NS", 0)
    monkeypatch.setattr(spool_thread, "RETRY_S", 0.02)


@pytest.fixture
def without_compiled_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "fastest", lambda: PlainHash)


async def test_packets_reach_the_disk_as_received_in_their_track(tmp_path: Path) -> None:
    sink = SpoolSink(tmp_path, "worker.1", software="build 7")
    states: list[SpoolState] = []
    recording = sink.open("sitting", states.append, {"court": "Northgate", "caseNumber": "HC 7"})
    before = time.time_ns()
    first, second = recording.open_track(audio_track("p1")), recording.open_track(audio_track("p2"))
    first.rtp(PACKET, 10)
    first.rtcp(b"report", 20)
    second.note("muted", 30)
    second.close("left")
    second.rtp(PACKET, 40)
    while (await until(states, fault=None)).durable_wall_ns < before:
        pass
    assert states[-1].tracks == 1
    assert states[-1].fault is None
    assert states[-1].bytes > 0
    recording.close("room-closed")
    recording.close("again")
    first.rtp(PACKET, 50)
    await sink.aclose()
    found = segments(tmp_path / "sitting" / "worker.1")
    assert [problem for segment in found for problem in segment.problems] == []
    assert found[-1].ended
    assert found[0].header is not None
    assert (found[0].header.recording_id, found[0].header.software) == ("sitting", "build 7")
    assert {str(segment.header and segment.header.about) for segment in found} == {
        "{'court': 'Northgate', 'caseNumber': 'HC 7'}"
    }
    kinds = [kind for kind, _ in told(found, 1)]
    assert kinds == [RecordKind.TRACK, RecordKind.RTP, RecordKind.RTCP, RecordKind.NOTE]
    assert told(found, 1)[1][1] == PACKET
    assert [read_note(data) for kind, data in told(found, 2) if kind == RecordKind.NOTE] == [
        {"note": "muted"},
        {"note": "end", "reason": "left"},
    ]
    header = msgspec.json.decode(told(found, 2)[0][1], type=TrackHeader)
    assert (header.track_id, header.peer_id, header.codec) == ("p2-audio", "p2", "audio/opus")


async def test_packets_that_were_gathered_elsewhere_come_before_what_is_told_next(tmp_path: Path) -> None:
    """In the bytes that :class:`signaling.sfu.capture.Gathered` promises."""
    waiting: list[bytes] = []
    pulled = asyncio.Event()

    def pull() -> capture.Gathered | None:
        if not waiting:
            return None
        records = bytearray().join(struct.pack(">BQI", 1, 100 + i, len(p)) + p for i, p in enumerate(waiting))
        taken = records, len(waiting), 100, 100 + len(waiting) - 1
        waiting.clear()
        pulled.set()
        return taken

    sink = SpoolSink(tmp_path, "worker.1")
    states: list[SpoolState] = []
    recording = sink.open("sitting", states.append)
    track = recording.open_track(audio_track("p1"))
    assert isinstance(track, GatheringTrack)
    track.gather(pull)
    waiting += [b"one", b"two"]
    track.rtp(b"three", 120)
    waiting += [b"four"]
    pulled.clear()
    await pulled.wait()  # the next cut takes it
    waiting += [b"five"]
    track.note("muted", 130)
    waiting += [b"six"]
    track.close("left")
    waiting += [b"too late"]
    recording.close("room-closed")
    await sink.aclose()
    assert waiting == [b"too late"]
    found = segments(tmp_path / "sitting" / "worker.1")
    assert [problem for segment in found for problem in segment.problems] == []
    rtp_records = [data for kind, data in told(found, 1) if kind == RecordKind.RTP]
    assert rtp_records == [b"one", b"two", b"three", b"four", b"five", b"six"]
    kinds = [kind for kind, _ in told(found, 1)]
    assert kinds[-3:] == [RecordKind.NOTE, RecordKind.RTP, RecordKind.NOTE]


async def test_it_records_silence_from_the_first_moment(tmp_path: Path) -> None:
    sink = SpoolSink(tmp_path, "worker.1")
    states: list[SpoolState] = []
    sink.open("sitting", states.append)
    state = await until(states, fault=None)
    assert state.durable_wall_ns > 0
    (path,) = (tmp_path / "sitting" / "worker.1").glob(f"*{OPEN_SUFFIX}")
    assert path.stat().st_size > 0
    later = await until(states, fault=None)
    assert later.durable_wall_ns > state.durable_wall_ns
    await sink.aclose()


async def test_what_is_durable_is_told_at_its_time_and_what_changes_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "TELL_EVERY_NS", 10**15)
    sink = SpoolSink(tmp_path, "worker.1")
    states: list[SpoolState] = []
    recording = sink.open("sitting", states.append)
    track = recording.open_track(audio_track("p1"))
    await until(states, tracks=1)
    track.rtp(PACKET, 1)
    first = recording.state()
    async with asyncio.timeout(60):
        while True:
            if recording.state().durable_wall_ns > first.durable_wall_ns:
                break
            await asyncio.sleep(0.01)
    told = [state.tracks for state in states]
    assert told in ([0, 1], [1])
    track.close("left")
    assert (await until(states, tracks=0)).durable_wall_ns > first.durable_wall_ns
    assert [state.tracks for state in states] == [*told, 0]
    others: list[SpoolState] = []
    assert sink.open("sitting", others.append) is recording
    await until(others, tracks=0)  # who is new is told at once
    await sink.aclose()
    assert [state.tracks for state in states] == [*told, 0]


async def test_a_recording_opened_again_goes_on_with_its_chains(tmp_path: Path) -> None:
    sink = SpoolSink(tmp_path, "worker.1")
    first = sink.open("sitting", lambda _: None)
    first.open_track(audio_track("p1")).rtp(PACKET, 1)
    first.close("closed")
    second = sink.open("sitting", lambda _: None)
    assert sink.open("sitting", lambda _: None) is second
    second.open_track(audio_track("p1")).rtp(PACKET, 2)
    late = first.open_track(audio_track("p2"))
    late.rtp(PACKET, 3)
    await sink.aclose()
    found = segments(tmp_path / "sitting" / "worker.1")
    assert [segment.problems for segment in found] == [[], []]
    assert [segment.ended for segment in found] == [True, True]
    assert set(found[1].ranges) == {0, 2}


async def test_the_lock_tells_the_living_from_the_dead(tmp_path: Path) -> None:
    sink = SpoolSink(tmp_path, "worker.1")
    states: list[SpoolState] = []
    recording = sink.open("sitting", states.append)
    await until(states, fault=None)
    assert try_lock(tmp_path / "sitting" / "worker.1") is None
    recording.close("closed")
    await sink.aclose()
    lock = try_lock(tmp_path / "sitting" / "worker.1")
    assert lock is not None
    os.close(lock)


@pytest.mark.usefixtures("without_compiled_code")
async def test_a_full_disk_is_told_and_costs_nothing_while_memory_lasts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = SpoolSink(tmp_path, "worker.1")
    states: list[SpoolState] = []
    recording = sink.open("sitting", states.append)
    track = recording.open_track(audio_track("p1"))
    track.rtp(PACKET, 1)
    good = await until(states, fault=None)
    real = os.writev

    def refuse(descriptor: int, pieces: list[bytes | bytearray]) -> int:
        real(descriptor, [pieces[0][:7]])
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(spool.os, "writev", refuse)
    track.rtp(PACKET, 2)
    full = await until(states, fault="disk-full")
    assert full.durable_wall_ns >= good.durable_wall_ns
    assert (await until(states, fault="disk-full")).durable_wall_ns == full.durable_wall_ns
    monkeypatch.setattr(spool.os, "writev", real)
    track.rtp(PACKET, 3)
    await until(states, fault=None)
    recording.close("closed")
    await sink.aclose()
    found = segments(tmp_path / "sitting" / "worker.1")
    assert [segment.problems for segment in found] == [[] for _ in found]
    assert sum(kind == RecordKind.RTP for kind, _ in told(found, 1)) == 3


@pytest.mark.usefixtures("without_compiled_code")
async def test_what_a_disk_that_stays_full_cannot_take_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "BACKLOG_LIMIT_BYTES", 20_000)
    sink = SpoolSink(tmp_path, "worker.1")
    states: list[SpoolState] = []
    recording = sink.open("sitting", states.append)
    track = recording.open_track(audio_track("p1"))
    await until(states, fault=None)
    real = os.fdatasync

    def refuse(_: int) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(spool.os, "fdatasync", refuse)
    await until(states, fault="io-error")
    sent = 0
    while track._lost is None:
        sent += 1
        track.rtp(bytes(1000), sent)
        await asyncio.sleep(0.005)
    monkeypatch.setattr(spool.os, "fdatasync", real)
    await until(states, fault=None)
    sent += 1
    track.rtp(PACKET, sent)
    recording.close("closed")
    await sink.aclose()
    found = segments(tmp_path / "sitting" / "worker.1")
    assert [segment.problems for segment in found] == [[] for _ in found]
    records = told(found, 1)
    (lost,) = [read_note(data) for kind, data in records if kind == RecordKind.NOTE and b'"lost"' in data]
    assert lost["records"] + sum(kind == RecordKind.RTP for kind, _ in records) == sent
    assert lost["bytes"] > 0


@pytest.mark.usefixtures("without_compiled_code")
async def test_closing_does_not_wait_for_ever_for_a_broken_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "CLOSE_DEADLINE_S", 0.1)
    sink = SpoolSink(tmp_path, "worker.1")
    states: list[SpoolState] = []
    sink.open("sitting", states.append)
    await until(states, fault=None)

    def refuse(_: int) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(spool.os, "fdatasync", refuse)
    await sink.aclose()
    monkeypatch.undo()
    assert list((tmp_path / "sitting" / "worker.1").glob(f"*{OPEN_SUFFIX}"))


@pytest.mark.parametrize("which", ["sitting", "spool", "worker.1"])
def test_nothing_is_durable_before_the_names_of_its_folders_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    real, synced, refusals = spool.sync_folder, list[str](), [which]

    def sync(folder: Path) -> None:
        if folder.name in refusals:
            refusals.clear()
            raise OSError(errno.EIO, "broken", str(folder))
        real(folder)
        synced.append(folder.name)

    monkeypatch.setattr(spool, "sync_folder", sync)
    series = SegmentSeries(tmp_path / "spool", "sitting", "worker.1", "", lambda _: None)
    chunk = PendingChunk(1, bytearray(b"x" * 20), 1, (1, 1), (1, 1))
    series.append(Batch(series, [chunk], time.monotonic_ns(), time.time_ns(), 100))
    with pytest.raises(OSError, match="broken"):
        series.flush()
    assert series.durable_bytes == 0
    synced.clear()
    series.flush()
    assert which in synced
    assert series.durable_bytes > 0
    series.abandon()


@pytest.mark.skipif(able() is None, reason="no compiled code, or a processor without SHA instructions")
def test_whose_disk_refused_waits_its_turn(tmp_path: Path) -> None:
    told: list[str | None] = []
    series = SegmentSeries(tmp_path, "sitting", "worker.1", "", lambda one: told.append(one.fault))
    chunks = [PendingChunk(1, bytearray(b"x" * 20), 1, (n, n), (n, n)) for n in range(2)]
    batches = [Batch(series, [chunk], time.monotonic_ns(), time.time_ns(), 100) for chunk in chunks]
    series.append(batches[0])
    series.flush()
    full, file = os.open("/dev/full", os.O_WRONLY), series._file
    assert file is not None
    os.dup2(full, file)
    os.close(full)
    thread = SpoolThread()
    thread._waiting[series] = deque([batches[1]])
    assert thread._serve_together() == {series}
    assert told == ["disk-full"]
    assert series.dirty
    assert thread._serve_together() == set()
    assert told == ["disk-full"]
    series.abandon()


@pytest.mark.parametrize("compiled", [True, False])
async def test_several_recordings_meet_a_full_disk_and_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compiled: bool
) -> None:
    """The file of one of them is a full device for a while; the others are none the worse."""
    if not compiled:
        monkeypatch.setattr(spool, "fastest", lambda: PlainHash)
    elif able() is None:
        pytest.skip("no compiled code, or a processor without SHA instructions")
    monkeypatch.setattr(capture, "CUT_TURNS", 1)  # all are written together
    sink = SpoolSink(tmp_path, "worker.1")
    names = ["a", "b", "c"]
    states: dict[str, list[SpoolState]] = {name: [] for name in names}
    tracks = []
    for name in names:
        track = sink.open(name, states[name].append).open_track(audio_track("p1"))
        track.rtp(PACKET, 1)
        tracks.append(track)
    for name in names:
        await until(states[name], fault=None, tracks=1)
    file = sink._series["b"]._file
    assert file is not None
    good, full = os.dup(file), os.open("/dev/full", os.O_WRONLY)
    try:
        os.dup2(full, file)
        for track in tracks:
            track.rtp(PACKET, 2)
        refused = await until(states["b"], fault="disk-full")
        assert (await until(states["a"], fault=None)).durable_wall_ns >= refused.durable_wall_ns
        tracks[1].rtp(PACKET, 3)
        assert (await until(states["b"], fault="disk-full")).durable_wall_ns == refused.durable_wall_ns
        os.dup2(good, file)
        await until(states["b"], fault=None)
    finally:
        os.close(good)
        os.close(full)
    for track in tracks:
        track.rtp(PACKET, 4)
    await sink.aclose()
    for name, packets in zip(names, (3, 4, 3), strict=True):
        found = segments(tmp_path / name / "worker.1")
        assert [segment.problems for segment in found] == [[] for _ in found]
        assert sum(kind == RecordKind.RTP for kind, _ in told(found, 1)) == packets


async def test_a_busy_track_is_cut_before_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "CUT_S", 60)
    monkeypatch.setattr(capture, "CUT_BYTES", 10_000)
    sink = SpoolSink(tmp_path, "worker.1")
    track = sink.open("sitting", lambda _: None).open_track(audio_track("p1"))
    for number in range(50):
        track.rtp(bytes(1000), number)
    await sink.aclose()
    (found,) = segments(tmp_path / "sitting" / "worker.1")
    assert found.ranges[1][1] >= 5


async def test_segments_roll_by_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "ROLL_AFTER_BYTES", 5_000)
    sink = SpoolSink(tmp_path, "worker.1")
    states: list[SpoolState] = []
    track = sink.open("sitting", states.append).open_track(audio_track("p1"))
    for number in range(6):
        track.rtp(bytes(3000), number)
        await until(states, fault=None)
    await sink.aclose()
    found = segments(tmp_path / "sitting" / "worker.1")
    assert len(found) >= 3
    assert [segment.problems for segment in found] == [[] for _ in found]


def test_names_that_could_leave_the_spool_are_refused(tmp_path: Path) -> None:
    for name in ("", ".", "..", "a/b", ".hidden", "x" * 129, "a\0b", "法院"):
        with pytest.raises(ValueError, match="not a name"):
            check_name(name)
        with pytest.raises(ValueError, match="not a name"):
            SegmentSeries(tmp_path, name, "w", "", lambda _: None)
    assert check_name("sitting-1.b~c_") == "sitting-1.b~c_"


def test_a_disk_that_hangs_holds_up_nobody_who_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As fsync(2) does for ever on storage behind a dead network; it is tried by another process later."""
    hangs, entered = threading.Event(), threading.Event()

    def wait(_: object) -> None:
        entered.set()
        hangs.wait(60)

    monkeypatch.setattr(spool_thread, "STOP_GRACE_S", 0.05)
    monkeypatch.setattr(SegmentSeries, "flush", wait)
    series = SegmentSeries(tmp_path, "sitting", "worker.1", "", lambda one: None)
    thread = SpoolThread()
    thread.put(Batch(series, [], time.monotonic_ns(), time.time_ns(), 100))
    assert entered.wait(60)
    stopping = threading.Thread(target=thread.stop, args=(0.05,))
    stopping.start()
    stopping.join(30)
    ended = not stopping.is_alive()
    hangs.set()
    stopping.join(60)
    assert ended
