"""What keeps stored objects from being deleted, and what a storage that cannot do so does instead.

Three kinds.  A bucket with S3 Object Lock in compliance mode refuses everybody, its administrator too, until the
retain-until date has passed.  A directory can only be asked: its files are made read-only and their retain-until date
goes into their access time, which is how WORM file systems (NetApp SnapLock, Dell SmartLock) are told to commit a file;
on an ordinary disk whoever is root there can undo it.  Any other storage keeps nothing.
"""

from __future__ import annotations

import enum
import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

DAY_S = 86_400
#: Rights of a committed file.
READ_ONLY = 0o400


class LockKind(enum.Enum):
    #: Nothing but this program's own rules.
    NONE = "none"
    #: Read-only files with a date.
    FILES = "files"
    #: S3 Object Lock, compliance mode.
    COMPLIANCE = "compliance"


class CannotLock(Exception):
    """The storage cannot lock as it was told to.

    ``code``: ``directory`` (a folder cannot refuse its administrator), ``bucket-unlocked`` (it was made without Object
    Lock, which cannot be added in every service) or ``bucket-missing`` (it is not there and cannot be made).
    """

    def __init__(self, code: str, place: str, detail: str = "") -> None:
        super().__init__(f"{place}: {code}{': ' if detail else ''}{detail}")
        self.code = code
        self.place = place
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Lock:
    """How a store is to lock.  ``demand``: ``compliance`` or nothing at all; ``possible``: what the storage can.

    ``days``: for how long an object is locked when it is stored, before anybody decided on its retention.
    """

    demand: Literal["possible", "compliance"]
    days: int = 30


@dataclass(frozen=True, slots=True)
class Protection:
    """What the storage itself says of an object: locked until (s since 1970; 0: not), and under a legal hold or not."""

    until_s: int = 0
    hold: bool = False


def commit_file(path: Path, until_s: int) -> None:
    """Lock a file until then; never for less than it is locked already.  Raises :class:`OSError`."""
    now = path.stat()
    if committed(path).until_s >= until_s:
        return
    # The date first: a WORM file system reads it at the moment at which the file loses its last right to be written.
    os.utime(path, ns=(until_s * 1_000_000_000, now.st_mtime_ns))
    if stat.S_IMODE(now.st_mode) != READ_ONLY:
        path.chmod(READ_ONLY)


def committed(path: Path) -> Protection:
    """Raises :class:`OSError`."""
    found = path.stat()
    if found.st_mode & 0o222:
        return Protection()
    return Protection(int(found.st_atime))


def is_locked(protection: Protection, now_s: float | None = None) -> bool:
    return protection.hold or protection.until_s > (time.time() if now_s is None else now_s)
