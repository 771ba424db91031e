"""ffmpeg as a child process of low priority: run to its end, with how far it is, or killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg

#: ffmpeg's messages kept to say why it failed, bytes.
MESSAGES_KEPT = 4000


class ComposeFailed(Exception):
    """ffmpeg could not make the file; the text is the end of what it said."""


def ffmpeg_binary() -> str:
    """``FFMPEG_BINARY`` if it is set, else the one that came with imageio-ffmpeg."""
    return os.environ.get("FFMPEG_BINARY") or str(imageio_ffmpeg.get_ffmpeg_exe())


async def run(arguments: list[str], seconds: float, work: Path, progress: Callable[[float], None]) -> None:
    """Run ffmpeg to its end; it is killed if this is cancelled.  Raises :class:`ComposeFailed`."""
    process = await asyncio.create_subprocess_exec(
        *arguments, cwd=work, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, process.pid, 10)
    assert process.stdout is not None
    assert process.stderr is not None
    said = asyncio.create_task(_tail(process.stderr))
    try:
        async for line in process.stdout:
            name, _, value = line.decode(errors="replace").strip().partition("=")
            if name == "out_time_us" and value.lstrip("-").isdigit():
                progress(max(0.0, min(1.0, int(value) / 1e6 / seconds)))
        code = await process.wait()
        if code:
            raise ComposeFailed((await said).decode(errors="replace").strip() or f"ffmpeg ended with {code}")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        said.cancel()
        await asyncio.gather(said, return_exceptions=True)


async def _tail(stream: asyncio.StreamReader) -> bytes:
    kept = b""
    while piece := await stream.read(4096):
        kept = (kept + piece)[-MESSAGES_KEPT:]
    return kept
