"""``python -m benchmarks.record [--seconds 600] [--people 6]``: what the record costs, and how soon it can be used.

A synthetic hearing is put on a spool faster than time: everybody's Opus and VP8 with sender reports, each camera filled
up to 1.6 Mbit/s.  Measured are the CPU that capture and archiving take, the time from the close until the record is
sealed and can be played (all but the last segment was archived before, as in a hearing), and the time to verify all of
it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recording.capture import SpoolSink
from recording.compose import ffmpeg_binary
from recording.keys import load_or_make
from recording.objects import open_store
from recording.recorder import Recorder
from recording.spool import Batch
from recording.verify import verify_record
from tests.recorded import (
    BEGIN_MONO_NS,
    BEGIN_WALL_NS,
    SECOND,
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

OUTPUT = Path(__file__).parent / "results" / "record.json"
#: 25 frames of this a second are 1.6 Mbit/s.
FRAME_BYTES = 8_000
#: Hearings at a time that the recorder's figure is stated for.
HEARINGS = 20
CAPTURED_PACKETS = 200_000


async def capture(folder: Path) -> dict[str, float]:
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


def tape(spool: Path, seconds: int, people: int, **video: Any) -> Tape:
    result = Tape(spool)
    for number in range(people):
        person = f"p{number}"
        result.track(audio_track(person), audio_arrivals(seconds, hertz=300 + 50 * number, ssrc=10 + number))
        result.track(video_track(person), video_arrivals(seconds, ssrc=100 + number, shade=20 * number, **video))
    return result


def put_on_spool(spool: Path, seconds: int, people: int, ready: Any, close: Any) -> None:
    """In a process of its own: the media worker.  It lives, with its last segment open, until it is told to close."""
    series = tape(spool, seconds, people, least_bytes=FRAME_BYTES).write(seconds, end=None)
    ready.set()
    close.wait()
    now = seconds * SECOND + SECOND // 2
    series.append(Batch(series, [], BEGIN_MONO_NS + now, BEGIN_WALL_NS + now, 0, "closed"))
    series.flush()


async def archive(folder: Path, seconds: int, people: int) -> dict[str, Any]:
    spool, names = folder / "spool", [f"p{number}" for number in range(people)]
    store, key = open_store((folder / "store").as_uri()), load_or_make(folder / "court.pem")
    context = multiprocessing.get_context("spawn")
    ready, close = context.Event(), context.Event()
    worker = context.Process(target=put_on_spool, args=(spool, seconds, people, ready, close))
    worker.start()
    await asyncio.to_thread(ready.wait)
    stored = len(list(spool.glob("*/*/*.hrec")))

    async def archived() -> bool:
        return len(await store.list("hearings/sitting")) >= stored and not list(spool.glob("*/*/*.hrec"))

    before = time.process_time()
    async with running(Recorder(spool, store, key)) as recorder:
        await eventually(archived)
        cpu_s = time.process_time() - before
        closed = time.perf_counter()
        close.set()
        await sealed(recorder, "sitting", facts(seconds, names))
        playable_s = time.perf_counter() - closed
    await asyncio.to_thread(worker.join)
    begin = time.perf_counter()
    report = await verify_record(store, "hearings/sitting/", key.public)
    verify_s = time.perf_counter() - begin
    assert report.ok
    return {
        "seconds": seconds,
        "people": people,
        "megabytes": round(report.bytes / 1e6),
        "objects_per_hearing_hour": round(report.objects * 3600 / seconds),
        "recorder_cpu_percent_of_a_core_while_it_runs": round(100 * cpu_s / seconds, 2),
        f"recorder_cpu_percent_of_a_core_for_{HEARINGS}_such_hearings": round(100 * HEARINGS * cpu_s / seconds),
        "close_to_playable_s": round(playable_s, 2),
        "verify_s": round(verify_s, 2),
        "verify_megabytes_per_s": round(report.bytes / 1e6 / verify_s),
        "recorder_peak_memory_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
    }


def machine() -> dict[str, Any]:
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    version = subprocess.run([ffmpeg_binary(), "-version"], capture_output=True, text=True, check=True).stdout.split()[
        2
    ]
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "ffmpeg": version,
        "load_before": round(os.getloadavg()[0], 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.record")
    parser.add_argument("--seconds", type=int, default=600, help="length of the hearing")
    parser.add_argument("--people", type=int, default=6)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    found: dict[str, Any] = {
        "benchmark": "record",
        "what": "cost of the record; close to playable; verification",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
    }
    for name, work in (
        ("capture", capture),
        ("archive", lambda folder: archive(folder, options.seconds, options.people)),
    ):
        print(f"{name} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="hearing-bench-") as folder:
            found[name] = asyncio.run(work(Path(folder)))
    text = json.dumps(found, indent=2)
    print(text)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
