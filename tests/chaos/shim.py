"""A disk and a clock that fail: the library of shim.c, and what a power cut leaves of a folder."""

from __future__ import annotations

import ctypes
import mmap
import os
import random
import shutil
import struct
import subprocess
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")
_PAGE = struct.Struct("=qii")


def build(folder: Path) -> Path:
    """The shared library.  Raises :class:`subprocess.CalledProcessError` or :class:`FileNotFoundError`."""
    library = folder / "shim.so"
    compiler = os.environ.get("CC") or str(sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        compiler = "cc"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-o", str(library), str(SOURCE), "-ldl"], check=True
    )
    return library


class Page:
    """What the round tells all its processes: shared memory."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(mmap.PAGESIZE))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), mmap.PAGESIZE)

    def set(self, *, clock_s: float = 0.0, full: bool = False) -> None:
        self._memory[: _PAGE.size] = _PAGE.pack(int(clock_s * 1e9), int(full), 0)


@dataclass(frozen=True)
class Disk:
    """The folder that can lose power, and what belongs to it.  Everything lies in one folder of the round."""

    place: Path

    @property
    def root(self) -> Path:
        return self.place / "disk"

    @property
    def journal(self) -> Path:
        return self.place / "journal"

    @property
    def grave(self) -> Path:
        return self.place / "grave"

    @property
    def page(self) -> Path:
        return self.place / "page"

    def make(self) -> Page:
        for folder in (self.root, self.grave):
            folder.mkdir(parents=True)
        return Page(self.page)

    def attach(self) -> None:
        """In a child that was started with the library: from here on its files are journalled."""
        library = ctypes.CDLL(None)
        paths = (self.root, self.journal, self.grave, self.page)
        if library.chaos_attach(*(os.fsencode(path) for path in paths)) != 0:
            raise OSError("the shim could not attach")

    def cut_power(self, chance: random.Random) -> Lost:
        """All processes are dead: take away what was not durable.  How much of it is luck, as on a real disk."""
        operations = (
            [line.split("\t") for line in self.journal.read_text().splitlines()] if self.journal.exists() else []
        )
        lost = Lost()
        self._undo(operations, chance, lost)
        self._cut_tails(operations, chance, lost)
        shutil.rmtree(self.grave)
        self.grave.mkdir()
        self.journal.write_text(self._all_durable())
        return lost

    def _undo(self, operations: list[list[str]], chance: random.Random, lost: Lost) -> None:
        """Names that no fsync of their folder followed: of these a first part may have reached the disk, in order."""
        pending: list[list[str]] = []
        for operation in operations:
            if operation[0] == "D":
                pending = [other for other in pending if not _within(other, operation[1])]
            elif operation[0] in "CRLUMX":
                pending.append(operation)
        kept = chance.choice((0, chance.randint(0, len(pending))))
        for operation in reversed(pending[kept:]):
            lost.names += _revert(operation)

    def _cut_tails(self, operations: list[list[str]], chance: random.Random, lost: Lost) -> None:
        durable: dict[int, int] = {}
        for operation in operations:
            if operation[0] == "S":
                durable[int(operation[1])] = int(operation[2])
            elif operation[0] == "T":
                durable[int(operation[1])] = min(durable.get(int(operation[1]), 0), int(operation[2]))
        for path in sorted(self.root.rglob("*")):
            if not path.is_file() or path.is_symlink():
                continue
            status = path.stat()
            size = min(durable.get(status.st_ino, 0), status.st_size)
            unsynced = status.st_size - size
            if not unsynced:
                continue
            lost.bytes += unsynced
            path.chmod(0o600)
            way = chance.choice(("gone", "part", "zeros"))
            kept = chance.randint(0, unsynced) if way != "gone" else 0
            os.truncate(path, size + kept)
            if way == "zeros":
                # Allocated but never written: what a file system shows of a page that did not make it.
                with path.open("r+b") as file:
                    file.seek(size)
                    file.write(bytes(kept))

    def _all_durable(self) -> str:
        """A journal that begins with all that is there now."""
        files = (path.stat() for path in self.root.rglob("*") if path.is_file())
        return "".join(f"S\t{status.st_ino}\t{status.st_size}\n" for status in files)


@dataclass
class Lost:
    """What a power cut took."""

    bytes: int = 0
    names: int = 0
    notes: list[str] = field(default_factory=list)


def _within(operation: list[str], folder: str) -> bool:
    """Whether an fsync of this folder makes the operation durable.  A rename within it is one operation."""
    name = operation[2] if operation[0] in "RCL" else operation[1] if operation[0] in "MX" else operation[2]
    return os.path.dirname(name) == folder


def _revert(operation: list[str]) -> int:
    kind = operation[0]
    try:
        if kind in "CL":
            if os.stat(operation[2]).st_ino == int(operation[1]):
                os.unlink(operation[2])
        elif kind == "R":
            os.rename(operation[2], operation[1])
        elif kind == "U":
            if not os.path.exists(operation[2]):
                os.link(operation[3], operation[2])
        elif kind == "M":
            shutil.rmtree(operation[1])
        elif kind == "X":
            os.mkdir(operation[1])
    except FileNotFoundError:
        return 0
    return 1
