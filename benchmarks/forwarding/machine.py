"""The machine: which core runs what, what a process used, and what is printed beside every figure."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signaling.sfu.paths import open_path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def pin(pid: int, core: int) -> None:
    """Run a process, 0 for this one, on one core only (its threads too, if it starts them afterwards)."""
    os.sched_setaffinity(pid, {core})


def cores() -> tuple[int, int]:
    """(the server's, the generator's): the first two that this process may use.  Raises :class:`RuntimeError`."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise RuntimeError("two cores are needed: one for the server, one for the load generator")
    return allowed[0], allowed[1]


def own_address() -> str:
    """An address of this machine that is not 127.0.0.1, which Janus's ICE library passes over; packets from the
    machine to itself stay on the loopback interface all the same.  Raises :class:`RuntimeError` if there is none."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("192.0.2.1", 9))  # a documentation network; connecting UDP sends nothing
        address = str(sock.getsockname()[0])
        if not address.startswith("127."):
            return address
    raise RuntimeError("this machine has no IPv4 address but loopback, which Janus does not use")


def tail(log: Path) -> str:
    """The end of a server's log, for a message."""
    return log.read_text(errors="replace")[-2000:]


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one process, all threads: CPU seconds since its start, and resident bytes."""

    user_s: float
    system_s: float
    resident_bytes: int

    @property
    def cpu_s(self) -> float:
        return self.user_s + self.system_s


def usage(pid: int) -> Usage:
    """Raises ``OSError`` if there is no such process."""
    # The second field is the program's name in brackets and may contain blanks.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return Usage(int(fields[11]) / _TICKS_PER_S, int(fields[12]) / _TICKS_PER_S, int(fields[21]) * _PAGE_BYTES)


def foreign_cpu_s(core: int) -> tuple[float, float]:
    """(busy, stolen) seconds of a core since the boot; stolen is what the hypervisor gave to others."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{core} "):
            values = [int(value) / _TICKS_PER_S for value in line.split()[1:]]
            user, nice, system, _, _, irq, softirq, steal = values[:8]
            return user + nice + system + irq + softirq, steal
    return 0.0, 0.0


def describe(janus_version: str) -> dict[str, Any]:
    """The machine and the versions that matter for the figures."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_mb": os.sysconf("SC_PHYS_PAGES") * _PAGE_BYTES // 1_000_000,
        "kernel": platform.release(),
        "python": sys.version.split()[0],
        "aiortc": importlib.metadata.version("aiortc"),
        "pylibsrtp": importlib.metadata.version("pylibsrtp"),
        "uvloop": importlib.metadata.version("uvloop"),
        "hot_path": _hot_path(),
        "commit": _commit(),
        "janus": janus_version,
        "network": "loopback",
    }


def _hot_path() -> str:
    """Which way packets take through our worker (``HEARING_MEDIA_HOT_PATH`` is not passed on to it)."""
    chosen = open_path("auto")
    return chosen.name if chosen is not None else "plain"


def _commit() -> str:
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
