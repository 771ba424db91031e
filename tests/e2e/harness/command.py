"""The command line, as a person or a program would use it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from .server import clean_environment


async def run(*words: str | Path, **variables: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of ``hearing``."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hearing_server", *map(str, words)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=clean_environment() | variables,
    )
    output, errors = await process.communicate()
    return process.returncode or 0, output.decode(), errors.decode()


async def hearing(*words: str | Path, **variables: str) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON answer."""
    code, output, errors = await run(*words, "--json", **variables)
    assert output, errors
    return code, json.loads(output)
