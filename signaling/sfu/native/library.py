"""Loading the compiled hot path (cffi's ABI mode), if it is there and is what its sources say."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cffi  # type: ignore[import-untyped]

from .. import mmsg
from . import build


class Unavailable(Exception):
    """The compiled path cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Library:
    """``lib`` and ``ffi`` as cffi has them; the names are those of ``hotpath.h``."""

    lib: Any
    ffi: Any


@functools.cache
def load(path: Path = build.LIBRARY) -> Library:
    """Raises :class:`Unavailable`."""
    if not mmsg.AVAILABLE:
        raise Unavailable("this system has no batches of datagrams as known here")
    if not path.exists():
        raise Unavailable("not built (python -m signaling.sfu.native.build)")
    ffi = cffi.FFI()
    header = (build.FOLDER / "hotpath.h").read_text()
    ffi.cdef("\n".join(line for line in header.splitlines() if not line.startswith(("#include", "#pragma"))))
    try:
        lib = ffi.dlopen(str(path))
        source = ffi.string(lib.hot_source()).decode()
    except (OSError, AttributeError) as error:
        raise Unavailable(f"{path.name} cannot be loaded: {error}") from error
    if source != build.source_hash():
        raise Unavailable(f"{path.name} was built from other sources (python -m signaling.sfu.native.build)")
    return Library(lib, ffi)
