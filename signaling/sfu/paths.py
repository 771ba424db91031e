"""Which way packets take: compiled code, Python in batches, or one by one.  The machine decides, and its operator."""

from __future__ import annotations

import logging

from . import mmsg
from .fastpath import FastPath
from .native.library import Unavailable, load
from .native.path import NativePath
from .settings import HotPath

logger = logging.getLogger(__name__)


def open_path(wanted: HotPath) -> FastPath | None:
    """``None`` wherever the kernel's batches are not to be had: packets are then read and sent one by one.

    Raises :class:`.native.library.Unavailable` if the compiled path is wanted and cannot be used.
    """
    if wanted != "python":
        try:
            return NativePath(load(), segmentation=mmsg.segmentation_works())
        except Unavailable as error:
            if wanted == "native":
                raise
            logger.info("packets take the Python path; the compiled one: %s", error)
    return FastPath(segmentation=mmsg.segmentation_works()) if mmsg.AVAILABLE else None
