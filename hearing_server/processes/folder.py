"""The data folder of a running server: writable, with room on its disk, and used by one server at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..config import variable
from ..words import Fault

#: A hearing of six persons records about 1 GB an hour; below this no hearing should begin.
FREE_NEEDED_MB = 500
MEGABYTE = 1_000_000
#: Database, spool, archive, keys and logs are for the account that runs the server, and for nobody else.
PRIVATE_FOLDER = 0o700
PRIVATE_UMASK = 0o077


def keep_private() -> None:
    """From now on this process makes files and folders that other accounts of the computer cannot read."""
    os.umask(PRIVATE_UMASK)


def check(folder: Path, setting: str = "data") -> int:
    """Make the folder if it is missing, try to write, and return the free bytes.  Raises :class:`Fault`."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"probe")
            probe.flush()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        reason = error.strerror or str(error)
        raise Fault("folder-not-writable", path=folder, reason=reason, name=variable(setting)) from error
    if free < FREE_NEEDED_MB * MEGABYTE:
        raise Fault("disk-full", path=folder, free_mb=free // MEGABYTE, needed_mb=FREE_NEEDED_MB)
    return free


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the data folder for this process; the lock ends with the process, however it ends."""
    run = folder / "run"
    run.mkdir(parents=True, exist_ok=True)
    with (run / "server.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            raise Fault("already-running", path=folder, pid=lock.read().strip() or "?") from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def holder(folder: Path) -> str | None:
    """The process id of the server that runs on this folder, if one does."""
    if not (folder / "run").is_dir():
        return None
    try:
        with held(folder):
            return None
    except Fault as fault:
        return str(fault.values.get("pid"))
    except OSError:
        return None
