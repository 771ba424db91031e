"""``python -m benchmarks.record [--only NAME ...]``: what the record costs, and how soon it can be used and checked.

Measured are

- ``capture``: processor time of the sink for each packet,
- ``capture_share``: what recording adds to a media worker's processor time, beside a worker that does not record, at
  the packet budget above which it admits nobody, and at what a core really holds with a fifth to spare; and, beside a
  worker that does not record, a bare program that hashes the same bytes once, writes and fsyncs them,
- ``recorder`` and ``recorder_copying``: processor time of the recorder while twenty hearings of six run in real time,
  with a store on the spool's disk, which takes segments over by a link, and on another, which copies and reads back,
- ``archive`` and ``archive_4h``: ten minutes of six people, and four hours of four, with voice and camera each: from
  the close until every file plays (all but the last segment was archived before, as in a hearing), and verification
  of all of it, with the files to play that were made of it.

Every camera sends what the client lets its best layer have, all the time: more than a hearing really does.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import av
from obstore.store import LocalStore

from benchmarks.forwarding.machine import cores
from benchmarks.forwarding.ours import ours
from benchmarks.forwarding.shapes import hearings
from benchmarks.forwarding.trial import Server, Starter, Timing, measure
from recording.capture import SpoolSink
from recording.keys import load_or_make
from recording.native.library import load
from recording.objects import DirectoryStore, open_store
from recording.recorder import Recorder
from recording.serve import RecordReader
from recording.verify import verify_record
from tests.recorded import facts, running, sealed, video_track

from .bare import COUNTED_S, bare
from .long_tape import FRAME_BYTES, PERIOD_S, LongTape, end, open_series, put

OUTPUT = Path(__file__).parent / "results" / "record.json"
CAPTURED_PACKETS = 200_000
#: Hearings at a time and people in each that the recorder's figure is stated for, and for how long it is measured, s.
HEARINGS, PEOPLE, WINDOW_S = 20, 6, 60
#: The lengths of the records, s, and people in them.
SHORT, LONG = (600, 6), (4 * 3600, 4)
#: Hearings of the media worker whose share is measured: 54,000 packets/s out are just above the budget of a worker
#: (DEFAULT_PACKETS_OUT_LIMIT_S); by the forwarding benchmark a core holds 30 hearings, and the generator sends more.
BUDGET_HEARINGS, HELD_HEARINGS = 12, 24
#: How often each way.
SHARE_ROUNDS = 3
SHARE_TIMING = Timing(warmup_s=2.0, window_s=COUNTED_S)


async def capture(folder: Path) -> dict[str, Any]:
    """CPU of the sink per packet of 1,100 bytes: on the loop, and with the thread that chains, writes and fsyncs."""
    sink = SpoolSink(folder, "bench.1")
    track = sink.open("sitting", lambda _: None).open_track(video_track("p1"))
    packet = bytes(1100)
    on_loop = 0.0
    before = time.process_time()
    for _ in range(CAPTURED_PACKETS // 5_000):
        begin = time.thread_time()
        for number in range(5_000):
            track.rtp(packet, number)
        on_loop += time.thread_time() - begin
        await asyncio.sleep(0.05)
    await sink.aclose()
    return {
        "us_per_packet_on_the_loop": round(on_loop / CAPTURED_PACKETS * 1e6, 2),
        "us_per_packet_in_all": round((time.process_time() - before) / CAPTURED_PACKETS * 1e6, 2),
    }


async def capture_share(_folder: Path) -> dict[str, Any]:
    """The worker's processor time with and without a record, in turns; all threads, fsync and kernel included."""
    return {**await _share(BUDGET_HEARINGS), "at_what_a_core_holds": await _share(HELD_HEARINGS)}


async def _share(count: int) -> dict[str, Any]:
    """In turns: a worker that does not record, one that does, and one that does not beside the bare program."""
    ways = ("without", "recording", "beside_bare")
    seen: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
    bare_seen: list[dict[str, Any]] = []
    bytes_per_s = 0.0
    for _ in range(SHARE_ROUNDS):
        for way in ways:
            layout = hearings(count)
            layout.capture = way == "recording"
            start: Starter = ours
            if way == "beside_bare":
                bare_seen.append({})
                start = _beside_bare(bytes_per_s, count, bare_seen[-1])
            row = await measure(start, layout, SHARE_TIMING, cores())
            seen[way].append(row)
            if way == "recording":
                bytes_per_s = row["recorded_mb"] * 1e6 / (SHARE_TIMING.warmup_s + SHARE_TIMING.window_s)
    without, recording = (median(row["cpu_percent"] for row in seen[way]) for way in ("without", "recording"))
    least = median(row["cpu_percent"] for row in bare_seen)
    share, least_share = 100 * (recording - without) / recording, 100 * least / (without + least)
    return {
        "hearings": count,
        "packets_in_s": seen["recording"][0]["packets_in_s"],
        "packets_out_s": seen["recording"][0]["packets_out_s"],
        "gaps": [row["gaps"] for row in seen["recording"]],
        "delay_p99_ms": [row["delay_ms"]["p99"] for row in seen["recording"]],
        "others_on_core_percent": [row["others_on_core_percent"] for row in (*seen["without"], *seen["recording"])],
        "worker_cpu_percent_without": [row["cpu_percent"] for row in seen["without"]],
        "worker_cpu_percent_recording": [row["cpu_percent"] for row in seen["recording"]],
        "bare_program": bare_seen,
        "share_of_the_workers_cpu_percent": round(share, 1),
        "floor_share_percent": round(least_share, 1),
        "share_above_the_floor_percent": round(share - least_share, 1),
    }


def _beside_bare(bytes_per_s: float, files: int, found: dict[str, Any]) -> Starter:
    @contextlib.asynccontextmanager
    async def start(folder: Path, core: int) -> AsyncIterator[Server]:
        async with ours(folder, core) as server, bare(folder / "bare", core, bytes_per_s, files, found):
            yield server

    return start


def play_live(spool: Path, ready: Any, close: Any) -> None:
    """In a process of its own: media workers of all hearings, in real time, their segments spread over the period."""
    tape = LongTape(PEOPLE)
    every = [open_series(spool, f"sitting-{number:02d}") for number in range(HEARINGS)]
    cuts, period = tape.chunks(0), 0
    begin = time.monotonic()
    while not close.is_set():
        for number, series in enumerate(every):
            time.sleep(max(0.0, begin + (period + number / HEARINGS) * PERIOD_S - time.monotonic()))
            put(series, period, cuts)
            series.flush()
        period += 1
        if period == 2:
            ready.set()
        cuts = tape.chunks(period)
    for series in every:
        end(series, period * PERIOD_S)


class Elsewhere(DirectoryStore):
    """A directory on another disk: nothing can be taken over by a link."""

    async def _link(self, key: str, source: Path) -> bool:
        return False


async def live(folder: Path, *, linked: bool) -> dict[str, Any]:
    spool, root = folder / "spool", folder / "store"
    spool.mkdir()
    opened, key = open_store(root.as_uri()), load_or_make(folder / "court.pem")
    store = opened if linked else Elsewhere(LocalStore(root), root)
    context = multiprocessing.get_context("spawn")
    ready, close = context.Event(), context.Event()
    worker = context.Process(target=play_live, args=(spool, ready, close))
    worker.start()
    async with running(Recorder(spool, store, key)):
        await asyncio.to_thread(ready.wait)
        before, stored = time.process_time(), len(await store.list("hearings"))
        await asyncio.sleep(WINDOW_S)
        cpu_s, segments = time.process_time() - before, len(await store.list("hearings")) - stored
        left = len(list(spool.glob("*/*/*.hrec")))
        close.set()
        await asyncio.to_thread(worker.join)
    return {
        "hearings": HEARINGS,
        "people": PEOPLE,
        "seconds": WINDOW_S,
        "compiled": load() is not None,
        "cpu_percent_of_a_core": round(100 * cpu_s / WINDOW_S, 1),
        "segments_archived": segments,
        "segments_waiting_at_the_end": left,
        "peak_memory_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
    }


def put_on_spool(spool: Path, seconds: int, people: int, ready: Any, close: Any) -> None:
    """In a process of its own: the media worker.  It lives, with its last segment open, until it is told to close."""
    os.fdatasync = lambda fd: None  # hours at once: what counts here begins with the recorder
    tape, series = LongTape(people), open_series(spool, "sitting")
    for period in range(seconds // PERIOD_S):
        put(series, period, tape.chunks(period))
    if not series.complete:
        series.flush()
    ready.set()
    close.wait()
    end(series, seconds)


def plays(path: Path, seconds: int) -> None:
    """The file begins with what can be decoded, and is as long as the hearing.  Raises :class:`AssertionError`."""
    with av.open(str(path)) as container:
        assert container.duration is not None
        assert abs(container.duration / av.time_base - seconds) < 1, container.duration
        assert next(container.decode(video=0)).width
        container.seek((seconds - 5) * av.time_base)
        assert next(container.decode(video=0)).width


def emptied(spool: Path) -> None:
    """Returns when everything that is complete was archived."""
    while list(spool.glob("*/*/*.hrec")):
        time.sleep(0.25)


async def archive(folder: Path, seconds: int, people: int) -> dict[str, Any]:
    spool, names = folder / "spool", [f"p{number}" for number in range(people)]
    spool.mkdir()
    store, key = open_store((folder / "store").as_uri()), load_or_make(folder / "court.pem")
    context = multiprocessing.get_context("spawn")
    ready, close = context.Event(), context.Event()
    worker = context.Process(target=put_on_spool, args=(spool, seconds, people, ready, close))
    worker.start()
    begin = time.perf_counter()
    async with running(Recorder(spool, store, key)) as recorder:
        await asyncio.to_thread(ready.wait)
        await asyncio.to_thread(emptied, spool)
        fed_s = time.perf_counter() - begin
        # What a hearing wrote hours ago is on the disk by its end; here it was written just now.
        await asyncio.to_thread(os.sync)
        closed = time.perf_counter()
        close.set()
        await sealed(recorder, "sitting", facts(seconds, names), limit_s=None)
        playback = await RecordReader(store).playback("sitting")
        assert playback is not None
        assert len(playback.media) == people
        for entry in playback.media:
            assert entry.has_audio
            assert entry.has_video
            await asyncio.to_thread(plays, folder / "store/hearings/sitting" / entry.name, seconds)
        playable_s = time.perf_counter() - closed
    await asyncio.to_thread(worker.join)
    begin, before = time.perf_counter(), time.process_time()
    report = await verify_record(store, "hearings/sitting/", key.public)
    verify_s = time.perf_counter() - begin
    assert report.ok
    whole = report.bytes + sum(entry.size for entry in playback.media)
    return {
        "seconds": seconds,
        "people": people,
        "tracks": report.tracks,
        "megabytes": round(report.bytes / 1e6),
        "megabytes_with_what_plays": round(whole / 1e6),
        "objects_per_hearing_hour": round(report.objects * 3600 / seconds),
        "fed_times_faster_than_time": round(seconds / fed_s),
        "close_to_playable_s": round(playable_s, 2),
        "verify_s": round(verify_s, 2),
        "verify_cpu_s": round(time.process_time() - before, 2),
        "verify_megabytes_per_s": round(whole / 1e6 / verify_s),
        "recorder_peak_memory_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
    }


def disk_megabytes_per_s(folder: Path) -> dict[str, int]:
    """How fast this disk takes a gigabyte, and gives it back when it is not in memory."""
    path, piece = folder / "disk", os.urandom(1 << 20)
    begin = time.perf_counter()
    with path.open("wb") as file:
        for _ in range(1024):
            file.write(piece)
        os.fsync(file.fileno())
    written_s = time.perf_counter() - begin
    with path.open("rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        begin = time.perf_counter()
        while file.read(1 << 20):
            pass
    read_s = time.perf_counter() - begin
    path.unlink()
    return {"written": round(1074 / written_s), "read": round(1074 / read_s)}


def machine(folder: Path) -> dict[str, Any]:
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    return {
        "cpu": names[0].split(":", 1)[1].strip() if names else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "disk_megabytes_per_s": disk_megabytes_per_s(folder),
        "load_before": round(os.getloadavg()[0], 1),
    }


WORKS: dict[str, Callable[[Path], Awaitable[dict[str, Any]]]] = {
    "capture": capture,
    "capture_share": capture_share,
    "recorder": lambda folder: live(folder, linked=True),
    "recorder_copying": lambda folder: live(folder, linked=False),
    "archive": lambda folder: archive(folder, *SHORT),
    "archive_4h": lambda folder: archive(folder, *LONG),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.record")
    parser.add_argument("--only", nargs="+", choices=WORKS, default=list(WORKS), help="the rest stays as it was")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    found: dict[str, Any] = {}
    if options.output.exists() and options.only != list(WORKS):
        found = json.loads(options.output.read_text(encoding="utf-8"))
    for name in options.only:
        print(f"{name} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="hearing-bench-") as folder:
            found |= {
                "benchmark": "record",
                "what": "cost of the record; close to playable; verification",
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "camera_bits_per_s": FRAME_BYTES * 25 * 8,
                "machine": machine(Path(folder)),
            }
            found[name] = asyncio.run(WORKS[name](Path(folder)))
        print(json.dumps({name: found[name]}, indent=2))
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
