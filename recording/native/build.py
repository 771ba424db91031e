"""``python -m recording.native.build``: compile the record's hot path with the machine's own C compiler.

Plain C11 without Python's headers, as in ``signaling.sfu.native``, of which the record knows nothing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent
LIBRARY = FOLDER / "record.so"
HEADER = FOLDER / "record.h"
FLAGS = ("-std=c11", "-O2", "-fPIC", "-shared", "-Wall", "-Wextra")


class BuildError(Exception):
    """It could not be compiled; the text says why."""


class NoCompiler(BuildError):
    """There is none, or none for this system."""


def sources() -> list[Path]:
    return sorted([*FOLDER.glob("*.c"), *FOLDER.glob("*.h")])


def source_hash() -> str:
    """Names the sources beside this file: a library built from others is not loaded."""
    digest = hashlib.sha256()
    for path in sources():
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:32]


def build(target: Path = LIBRARY, *flags: str) -> Path:
    """Compile into ``target``, which is replaced only when that worked.  Raises :class:`BuildError`."""
    program = shutil.which(os.environ.get("CC", "") or "cc")
    if sys.platform != "linux" or program is None:
        raise NoCompiler("no C compiler" if program is None else "it is made for Linux")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".build-") as folder:
        made = Path(folder) / target.name
        inputs = [str(path) for path in sources() if path.suffix == ".c"]
        command = [program, *FLAGS, f'-DREC_SOURCE="{source_hash()}"', *flags, "-o", str(made), *inputs]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise BuildError(done.stderr.strip() or f"{program} ended with {done.returncode}")
        made.replace(target)
    return target


def main() -> int:
    try:
        print(f"built {build()}")
    except BuildError as error:
        print(f"The recorder will run its Python path: {error}", file=sys.stderr)
        return 0 if isinstance(error, NoCompiler) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
