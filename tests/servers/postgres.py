"""A PostgreSQL server in a temporary folder, without any change to the machine's own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from .process import ServerProcess, accepts, free_port

DEBIAN_PROGRAMS = Path("/usr/lib/postgresql")
ACCOUNT = "postgres"


@dataclass(frozen=True)
class PostgresServer:
    port: int
    process: ServerProcess
    folder: Path
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def new_database(self) -> str:
        """Make an empty database and return its URL for SQLAlchemy's asyncpg driver."""
        name = f"test_{next(self._numbers)}"
        address = ["-h", "127.0.0.1", "-p", str(self.port), "-U", ACCOUNT]
        subprocess.run([_program("createdb"), *address, name], check=True, capture_output=True)
        return f"postgresql+asyncpg://{ACCOUNT}@127.0.0.1:{self.port}/{name}"


def _program(name: str) -> str:
    """Debian keeps server programs outside PATH, one folder per version; the newest is taken."""
    versions = [path for path in DEBIAN_PROGRAMS.glob("*/bin") if (path / name).exists()]
    if versions:
        return str(max(versions, key=lambda path: float(path.parent.name)) / name)
    found = shutil.which(name)
    if found is None:
        raise RuntimeError(f"PostgreSQL's {name} is not installed: run `make test`, which installs it")
    return found


def _unprivileged(command: Sequence[str]) -> list[str]:
    """PostgreSQL refuses to run as root, so then it runs as its own account."""
    if os.geteuid() != 0:
        return list(command)
    return ["setpriv", "--reuid", ACCOUNT, "--regid", ACCOUNT, "--clear-groups", "--", *command]


def start(folder: Path) -> PostgresServer:
    """``folder`` must be reachable for the account ``postgres`` when the tests run as root."""
    port = free_port()
    data = folder / "data"
    if os.geteuid() == 0:
        shutil.chown(folder, ACCOUNT, ACCOUNT)
    folder.chmod(0o700)
    subprocess.run(
        _unprivileged([_program("initdb"), "-D", str(data), "-A", "trust", "-U", ACCOUNT, "-E", "UTF8", "--no-sync"]),
        check=True,
        capture_output=True,
        cwd=folder,
    )
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": str(folder),
        "fsync": "off",
        "max_connections": "60",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    process = ServerProcess(
        _unprivileged([_program("postgres"), "-D", str(data), *options]), log=folder / "postgres.log", cwd=folder
    )
    process.wait_until(lambda: accepts(port) and _answers(port))
    return PostgresServer(port, process, folder)


def _answers(port: int) -> bool:
    command = [_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    return subprocess.run(command, check=False).returncode == 0
