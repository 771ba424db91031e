"""The compiled hot path under the address and undefined-behaviour sanitizers, fed with damaged packets.

The seed is fixed, so that a failure can be repeated; ``FUZZ_SEED`` and ``FUZZ_ROUNDS`` choose others.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from signaling.sfu.native import build
from tests.fuzz.targets import CORPUS

SEED = int(os.environ.get("FUZZ_SEED", "1"))
ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "400")) * 20
HARNESS = Path(__file__).parent / "hot_path.c"
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
WARNINGS = ["-Wall", "-Wextra", "-Werror"]


def compile_harness(target: Path, *flags: str) -> bool:
    program = build.compiler()
    if program is None:
        pytest.skip("no C compiler")
    inputs = [HARNESS, *(path for path in build.sources() if path.suffix == ".c")]
    command = [program, "-std=c11", "-g", "-O1", *WARNINGS, *flags, f"-I{build.FOLDER}", "-o", target, *inputs]
    return subprocess.run(command, capture_output=True).returncode == 0


def test_no_packet_makes_it_read_or_write_astray(tmp_path: Path) -> None:
    target = tmp_path / "hot_path"
    # Some compilers come without the sanitizers' libraries: a crash is still seen then.
    assert compile_harness(target, *SANITIZERS) or compile_harness(target)
    packets = sorted((CORPUS / "rtp").iterdir())
    done = subprocess.run([target, str(ROUNDS), str(SEED), *packets], capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stderr[-4000:]
    assert int(done.stdout.split()[0]) > ROUNDS, "most packets were good enough to be taken"
