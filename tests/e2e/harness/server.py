"""A platform under test: the processes as a person would start them, in a folder of their own, on free ports."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import ssl
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

READY_LIMIT_S = 60.0
STOP_LIMIT_S = 20.0
COUNTDOWN_S = 1


def clean_environment() -> dict[str, str]:
    """Nothing from the settings of whoever runs the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HEARING_")}


def environment(data: Path, **changes: str) -> dict[str, str]:
    """Free ports and a short countdown."""
    return clean_environment() | {
        "HEARING_DATA": str(data),
        "HEARING_HTTP_PORT": "0",
        "HEARING_HTTPS_PORT": "0",
        "HEARING_MEDIA_PORT": "0",
        "HEARING_COUNTDOWN_S": str(COUNTDOWN_S),
        "HEARING_LANG": "en",
        **changes,
    }


@dataclass
class Running:
    """One ``hearing`` command that prints a JSON object when it is ready."""

    process: asyncio.subprocess.Process
    ready: dict[str, Any]
    log: Path
    data: Path

    @classmethod
    async def start(cls, *command: str, data: Path, log: Path, **changes: str) -> Running:
        with log.open("ab") as stderr:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "hearing_server",
                *command,
                "--json",
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                env=environment(data, **changes),
            )
        assert process.stdout is not None
        try:
            line = await asyncio.wait_for(process.stdout.readline(), READY_LIMIT_S)
            return cls(process, json.loads(line), log, data)
        except (TimeoutError, ValueError) as error:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise AssertionError(f"did not start; its log ends:\n{tail(log)}") from error

    @property
    def base_url(self) -> str:
        return str(self.ready["base_url"])

    def link(self, role: str) -> str:
        return str(self.ready["links"][role])

    def children(self) -> dict[str, int]:
        """The process ids of the media worker and the recorder now."""
        return children_of(self.process.pid)

    async def stop(self) -> int:
        """Ctrl-C, as a person would; returns the exit code."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return await asyncio.wait_for(self.process.wait(), STOP_LIMIT_S)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
            raise AssertionError(f"did not stop; its log ends:\n{tail(self.log)}") from None


def children_of(pid: int) -> dict[str, int]:
    found: dict[str, int] = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
            for name in ("media-worker", "recorder"):
                if name in words:
                    found[name] = int(child)
    return found


def tail(log: Path) -> str:
    return log.read_text(errors="replace")[-3000:]


def fetch(url: str, context: ssl.SSLContext | None = None) -> tuple[int, dict[str, str], bytes]:
    """A plain GET: status, headers in lower case, body."""
    try:
        with urllib.request.urlopen(url, timeout=30, context=context) as response:
            return response.status, {name.lower(): value for name, value in response.headers.items()}, response.read()
    except urllib.error.HTTPError as error:
        return error.code, {name.lower(): value for name, value in error.headers.items()}, error.read()
