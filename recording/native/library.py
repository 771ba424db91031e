"""Loading the compiled part (cffi's ABI mode), if it is there and is what its sources say."""

from __future__ import annotations

import functools
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cffi  # type: ignore[import-untyped]

from . import build

log = logging.getLogger(__name__)

#: What of a track's packets is wanted (``REC_FACTS`` ... of ``internal.h``).
FACTS, AUDIO, VIDEO = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Library:
    """``lib`` and ``ffi`` as cffi has them; the names are those of ``record.h``."""

    lib: Any
    ffi: Any


class Unavailable(Exception):
    """The compiled part cannot be used; the text says why."""


@functools.cache
def find(path: Path = build.LIBRARY) -> Library:
    """Raises :class:`Unavailable`."""
    if not path.exists():
        raise Unavailable("not built (python -m recording.native.build)")
    ffi = cffi.FFI()
    header = build.HEADER.read_text(encoding="utf-8")
    ffi.cdef("\n".join(line for line in header.splitlines() if not line.startswith(("#include", "#pragma"))))
    try:
        lib = ffi.dlopen(str(path))
        if ffi.string(lib.rec_source()).decode() == build.source_hash():
            return Library(lib, ffi)
    except (OSError, AttributeError) as error:
        raise Unavailable(str(error)) from error
    raise Unavailable("it was built from other sources (python -m recording.native.build)")


@functools.cache
def load(path: Path = build.LIBRARY) -> Library | None:
    """Nothing if it cannot be used; the log says why, once."""
    try:
        return find(path)
    except Unavailable as error:
        log.warning("records are made without compiled code: %s", error)
        return None


def checked(result: Any) -> None:
    """Of a call that answers 0, or a null pointer, if there was no memory."""
    if not result:
        raise MemoryError
