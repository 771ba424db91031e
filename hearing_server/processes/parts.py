"""Parts that several processes are made of, built from the settings."""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections.abc import Coroutine
from typing import Any

import uvloop

from recording.objects import S3Options

from ..config import Settings

SOFTWARE = f"hearing-platform {importlib.metadata.version('hearing-platform')}"


def s3_options(settings: Settings) -> S3Options:
    return S3Options(
        endpoint=settings.s3_endpoint or None,
        key_id=settings.s3_key_id or None,
        secret=settings.s3_secret or None,
        region=settings.s3_region,
    )


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run a process's main coroutine on the fast event loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)
