"""``python -m tests.fuzz.atheris NAME [libFuzzer options]``: fuzz one target, guided by coverage, until it fails.

New inputs go to ``fuzz-found/NAME``; those worth keeping are copied to ``tests/fuzz/corpus/NAME``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=["signaling", "recording.age", "recording.checkpoint", "recording.cosignature", "hearing_server.web"]
):
    from tests.fuzz.targets import CORPUS, TARGETS

FOUND = Path("fuzz-found")


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"which target? one of: {', '.join(TARGETS)}")
    name = sys.argv.pop(1)
    found = FOUND / name
    found.mkdir(parents=True, exist_ok=True)
    atheris.Setup([*sys.argv, str(found), str(CORPUS / name)], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
