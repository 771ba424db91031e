"""Child processes that are started again when they die, and that never outlive their parent.

Each child holds the reading end of a pipe as its standard input; when the parent ends, however it ends, the child reads
the end of the file and stops (:func:`hearing_server.processes.lifetime.end_of_life`).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

log = structlog.get_logger(__name__)

#: The first restart is at once; then the waits double up to the longest.
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 10.0
#: A child that lived this long is taken for healthy: its next death counts as the first again.
HEALTHY_AFTER_S = 30.0
#: What a child gets to put its work on disk before it is killed.
STOP_GRACE_S = 8.0


class Backoff:
    """How long to wait before the next start, from how long the last run lasted, s."""

    def __init__(self) -> None:
        self._wait_s = 0.0

    def after(self, lived_s: float) -> float:
        if lived_s >= HEALTHY_AFTER_S:
            self._wait_s = 0.0
        wait_s = self._wait_s
        self._wait_s = min(max(FIRST_WAIT_S, 2 * wait_s), LONGEST_WAIT_S)
        return wait_s


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """``name`` is a key of the words, such as ``media-worker``; several of one name have different numbers."""

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    number: int = 1

    @property
    def key(self) -> str:
        return self.name if self.number == 1 else f"{self.name}-{self.number}"


@dataclass(frozen=True, slots=True)
class Death:
    """``code`` as :attr:`asyncio.subprocess.Process.returncode` has it: negative for a signal."""

    name: str
    pid: int
    code: int
    wait_s: float


class Supervisor:
    """Runs children until :meth:`stop`; tells ``on_death`` and ``on_return`` about each restart."""

    def __init__(
        self,
        specs: Sequence[ChildSpec],
        *,
        on_death: Callable[[Death], None],
        on_return: Callable[[str], None],
    ) -> None:
        self._specs = specs
        self._on_death = on_death
        self._on_return = on_return
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False

    def pids(self) -> dict[str, int]:
        return {name: process.pid for name, process in self._processes.items() if process.returncode is None}

    async def start(self) -> None:
        """Start every child once; raises OSError if a program cannot be started at all."""
        for spec in self._specs:
            await self._spawn(spec)
        self._tasks = [asyncio.create_task(self._keep(spec), name=f"keep {spec.key}") for spec in self._specs]

    async def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Ask all children to end, together; kill those that have not ended after the grace."""
        self._stopping = True
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        living = [process.wait() for process in self._processes.values()]
        try:
            await asyncio.wait_for(asyncio.gather(*living), grace_s)
        except TimeoutError:
            log.warning("children.killed", pids=self.pids())
            self.kill()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def kill(self) -> None:
        """End all children at once; what they had not put on disk is lost."""
        self._stopping = True
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    async def _spawn(self, spec: ChildSpec) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *spec.command,
            stdin=asyncio.subprocess.PIPE,
            # Whoever reads the parent's answer must see its end when the parent ends.
            stdout=asyncio.subprocess.DEVNULL,
            env=spec.environment,
            # Ctrl-C in the terminal is for the parent, which ends the children in order.
            start_new_session=True,
        )
        self._processes[spec.key] = process
        if self._stopping:  # told to stop while the program was being started
            process.kill()
        log.info("child.started", child=spec.key, pid=process.pid)
        return process

    async def _keep(self, spec: ChildSpec) -> None:
        backoff = Backoff()
        while not self._stopping:
            started = time.monotonic()
            process = self._processes[spec.key]
            code = await process.wait()
            if self._stopping:
                return
            wait_s = backoff.after(time.monotonic() - started)
            log.error("child.died", child=spec.key, pid=process.pid, code=code, wait_s=wait_s)
            self._on_death(Death(spec.name, process.pid, code, wait_s))
            await asyncio.sleep(wait_s)
            while not self._stopping:
                try:
                    await self._spawn(spec)
                    break
                except OSError as error:  # out of memory or processes: the same wait, then again
                    wait_s = backoff.after(0)
                    log.error("child.notStarted", child=spec.key, error=str(error), wait_s=wait_s)
                    await asyncio.sleep(wait_s)
            self._on_return(spec.name)
