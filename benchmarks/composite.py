"""``python -m benchmarks.composite [--people 6]``: how fast one film is made of a hearing, and in how much memory.

The cameras are synthetic: a face that moves and speaks before a patterned wall, with the noise of a sensor, 720p at 25
pictures a second in VP8 at about 1.2 Mbit/s, in three temporal layers as Chromium sends its upper simulcast layer.
Everybody speaks in turn.  For memory two lengths are compared, of pictures that cost less to make; each measurement has
a process of its own, so that what it took at most is its own, too.
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
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np

from recording import messages
from recording.ffmpeg_runs import ffmpeg_binary
from recording.keys import load_or_make
from recording.objects import open_store
from recording.recorder import Recorder
from tests import recorded
from tests.recorded import (
    NTP_EPOCH_S,
    OPUS_PAYLOAD_TYPE,
    Arrival,
    Tape,
    audio_track,
    eventually,
    facts,
    opus_packets,
    rtp,
    running,
    sealed,
    sender_report,
    video_arrivals,
    video_track,
)

OUTPUT = Path(__file__).parent / "results" / "composite.json"
WIDTH, HEIGHT, RATE = 1280, 720, 25
#: Of the material for speed, s, and of the two for memory.
LENGTH_S = 240
MEMORY_LENGTHS_S = (600, 3600)
#: How long each speaks, s.
TURN_S = 15
#: Of a camera's pictures, which are then repeated: its keyframe is as far from the next as the recorder asks for.
LOOP_S = 4
BITRATE = 1_250_000
#: Three temporal layers, 0 2 1 2 (libvpx's own name for the pattern is 3); bitrates in kbit/s add up.
LAYERS = (
    f"ts_number_layers=3:ts_target_bitrate={BITRATE * 4 // 10_000},{BITRATE * 6 // 10_000},{BITRATE // 1000}"
    ":ts_rate_decimator=4,2,1:ts_periodicity=4:ts_layer_id=0,2,1,2:ts_layering_mode=3"
)
#: An Opus packet of 20 ms of silence (RFC 6716 §3.1: CELT, fullband, one frame).
SILENCE = bytes.fromhex("f8fffe")


def face_frames(width: int, height: int, *, rate: int = RATE, shade: int = 0) -> tuple[tuple[bytes, bool], ...]:
    """Some seconds of a camera, as (bytes, is a keyframe); the first is one."""
    encoder = av.CodecContext.create("libvpx", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.bit_rate = Fraction(1, rate), BITRATE
    encoder.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "ts-parameters": LAYERS}
    encoder.gop_size = 10 * LOOP_S * rate
    random = np.random.default_rng(shade)
    wall = np.kron(random.normal(100, 25, (height // 8, width // 8)), np.ones((8, 8)))
    rows, columns = np.mgrid[0:height, 0:width]
    frames: list[tuple[bytes, bool]] = []
    for index in range(LOOP_S * rate):
        phase = 2 * np.pi * index / (LOOP_S * rate)
        x, y = width / 2 + shade + 30 * np.sin(2 * phase), height * 0.45 + 10 * np.sin(3 * phase)
        picture = wall + random.normal(0, 2, wall.shape)
        face = ((columns - x) / (width * 0.14)) ** 2 + ((rows - y) / (height * 0.3)) ** 2 < 1
        picture[face] = 110 + 0.3 * np.roll(picture, (int(y), int(x)), (0, 1))[face]
        mouth = abs(columns - x) / (width * 0.04) + abs(rows - y - height * 0.15) / (
            height * (0.01 + 0.02 * abs(np.sin(8 * phase)))
        )
        picture[mouth < 1] = 40
        frame = av.VideoFrame(width, height, "yuv420p")
        luma = np.zeros((height, frame.planes[0].line_size), np.uint8)
        luma[:, :width] = np.clip(picture, 16, 235)
        frame.planes[0].update(luma.tobytes())
        for plane, value in zip(frame.planes[1:], (118, 134), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        frame.pts = index
        frames += [(bytes(packet), packet.is_keyframe) for packet in encoder.encode(frame)]
    return tuple(frames)


def turns(seconds: int, number: int, people: int) -> Iterator[Arrival]:
    """A tone while it is one's turn, silence else; sender reports every second."""
    tone, ssrc = opus_packets(300 + 50 * number), 10 + number
    for index in range(seconds * 50):
        at, stamp = index * 20_000_000, index * 960
        if index % 50 == 10:
            yield Arrival(at, sender_report(ssrc, NTP_EPOCH_S * 10**9 + at, stamp), rtcp=True)
        mine = index // 50 // TURN_S % people == number
        yield Arrival(at, rtp(OPUS_PAYLOAD_TYPE, index, stamp, ssrc, tone[index % len(tone)] if mine else SILENCE))


async def record(folder: Path, seconds: int, people: int) -> None:
    """A sealed record in this folder."""
    tape = Tape(folder / "spool")
    for number in range(people):
        person = f"p{number}"
        tape.track(audio_track(person), turns(seconds, number, people))
        pictures = video_arrivals(seconds, ssrc=100 + number, shade=20 * number, width=WIDTH, height=HEIGHT, rate=RATE)
        tape.track(video_track(person), pictures)
    tape.write(seconds).abandon()
    store, key = open_store((folder / "store").as_uri()), load_or_make(folder / "court.pem")
    async with running(Recorder(folder / "spool", store, key)) as recorder:
        await sealed(recorder, "sitting", facts(seconds, [f"p{number}" for number in range(people)]), limit_s=None)


async def compose(folder: Path) -> dict[str, float]:
    """The film of it, by the recorder's own job: from the request until it is stored."""
    store, key = open_store((folder / "store").as_uri()), load_or_make(folder / "court.pem")
    told: list[messages.AnyEvent] = []

    async def ended() -> bool:
        return any(isinstance(event, messages.JobState) and event.state in ("done", "failed") for event in told)

    async with running(Recorder(folder / "spool", store, key, publish=told.append)) as recorder:
        begin = time.perf_counter()
        await recorder.compose(messages.Compose(sitting_id="sitting", job_id="bench"))
        await eventually(ended, limit_s=None)
        took_s = time.perf_counter() - begin
    last = told[-1]
    assert isinstance(last, messages.JobState), last
    assert last.state == "done", last.message
    ffmpeg, own = resource.getrusage(resource.RUSAGE_CHILDREN), resource.getrusage(resource.RUSAGE_SELF)
    return {
        "took_s": took_s,
        "ffmpeg_cpu_s": round(ffmpeg.ru_utime + ffmpeg.ru_stime, 1),
        "largest_ffmpeg_megabytes": round(ffmpeg.ru_maxrss / 1e3),
        "recorder_megabytes": round(own.ru_maxrss / 1e3),
        "film_megabytes": round((last.bytes or 0) / 1e6, 1),
    }


def prepare(folder: Path, seconds: int, people: int, faces: bool) -> None:
    if faces:
        recorded.vp8_frames = face_frames  # type: ignore[assignment]
    asyncio.run(record(folder, seconds, people))


def measure(folder: Path) -> dict[str, float]:
    return asyncio.run(compose(folder))


def film(seconds: int, people: int, *, faces: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="hearing-bench-") as name:
        found: dict[str, Any] = {}
        for work in (partial(prepare, seconds=seconds, people=people, faces=faces), measure):
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
                found = alone.submit(work, Path(name)).result() or {}
    return {
        "seconds": seconds,
        "people": people,
        "times_real_time": round(seconds / found.pop("took_s"), 2),
        **found,
    }


def machine() -> dict[str, Any]:
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    said = subprocess.run([ffmpeg_binary(), "-version"], capture_output=True, text=True, check=True).stdout
    return {
        "cpu": names[0].split(":", 1)[1].strip() if names else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "ffmpeg": said.split()[2],
        "load_before": round(os.getloadavg()[0], 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.composite")
    parser.add_argument("--people", type=int, default=6)
    parser.add_argument("--seconds", type=int, default=LENGTH_S, help="length of the material for speed")
    parser.add_argument("--memory", type=int, nargs="*", default=MEMORY_LENGTHS_S, help="lengths for memory, s")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    found: dict[str, Any] = {
        "benchmark": "composite",
        "what": "one film of a hearing, cameras of 1280x720, from the request until it is stored",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "speed": film(options.seconds, options.people, faces=True),
    }
    print(json.dumps(found["speed"]), file=sys.stderr, flush=True)
    found["memory"] = []
    for seconds in options.memory:
        found["memory"].append(film(seconds, options.people, faces=False))
        print(json.dumps(found["memory"][-1]), file=sys.stderr, flush=True)
    text = json.dumps(found, indent=2)
    print(text)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
