"""The record's compiled path under the address and undefined-behaviour sanitizers, fed with damaged chunks.

The seed is fixed, so that a failure can be repeated; ``FUZZ_SEED`` and ``FUZZ_ROUNDS`` choose others.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from recording.format import read_chunks, read_header
from recording.native import build
from tests.recorded import Arrival, Tape, audio_arrivals, audio_track, video_arrivals, video_track, with_level

SEED = os.environ.get("FUZZ_SEED", "1")
ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "400")) * 5
HARNESS = Path(__file__).parent / "record_path.c"
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def compile_harness(target: Path, *flags: str) -> bool:
    program = shutil.which(os.environ.get("CC", "") or "cc")
    if program is None:
        pytest.skip("no C compiler")
    inputs = [HARNESS, *(path for path in build.sources() if path.suffix == ".c")]
    command = [program, "-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", '-DREC_SOURCE="fuzz"', *flags]
    done = subprocess.run([*command, f"-I{build.FOLDER}", "-o", target, *inputs], capture_output=True)
    return done.returncode == 0


def payloads(folder: Path) -> list[Path]:
    """Chunks of sound and of pictures, one file each."""
    tape = Tape(folder / "spool")
    tape.track(audio_track("p1"), audio_arrivals(2))
    tape.track(
        audio_track("p2"), [a if a.rtcp else Arrival(a.at_ns, with_level(a.data, 20)) for a in audio_arrivals(2)]
    )
    tape.track(video_track("p1"), video_arrivals(2, least_bytes=2500))
    tape.write(3).abandon()
    paths = []
    for segment in (folder / "spool").rglob("*.hrec"):
        data = segment.read_bytes()
        for number, chunk in enumerate(read_chunks(data, read_header(data)[1])):
            paths.append(folder / f"{number}.payload")
            paths[-1].write_bytes(chunk.payload)
    return paths


def test_no_chunk_makes_it_read_or_write_astray(tmp_path: Path) -> None:
    target = tmp_path / "record_path"
    # Some compilers come without the sanitizers' libraries: a crash is still seen then.
    assert compile_harness(target, *SANITIZERS) or compile_harness(target)
    command = [target, str(ROUNDS), SEED, *payloads(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stderr[-4000:]
    packets, _, written, _ = done.stdout.split()
    assert int(packets) > ROUNDS, "most packets were good enough to be taken"
    assert int(written) > ROUNDS
