"""One trial: a fresh server, a fresh generator, one load, one answer."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from .client import Remote
from .shapes import Layout

#: Lines between us and the generator hold all transports of a load.
LINE_LIMIT_BYTES = 64 * 1024 * 1024
#: Setting up costs a server 5 to 8 ms of CPU per transport.
CONNECT_TIMEOUT_S = 120.0


class Server(Protocol):
    """A running server of either side."""

    pid: int
    record_folder: Path

    async def set_up(self, layout: Layout, fingerprint: str, opened: list[dict[str, Any]]) -> dict[int, Remote]:
        """Everything up to the connecting of the transports that are returned."""

    async def join_receivers(self, layout: Layout) -> dict[int, Remote]:
        """The same for those that can only be made when the first are connected."""

    async def subscribe(self, layout: Layout) -> list[tuple[int, int, int]]:
        """Let everything flow; (transport, SSRC as received, number of the flow) of each forwarded stream."""


#: Starts a side's server in an empty folder, on a core.
Starter = Callable[[Path, int], AbstractAsyncContextManager[Server]]


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds that are not counted, and seconds that are."""

    warmup_s: float
    window_s: float


class TrialFailed(Exception):
    """The load could not be set up; the text says why."""


class GeneratorProcess:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, do: str, timeout_s: float, **arguments: Any) -> Any:
        """One command, one answer.  Raises :class:`TrialFailed`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        try:
            async with asyncio.timeout(timeout_s):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise TrialFailed(f"the generator did not {do} within {timeout_s:g} s") from None
        if not line:
            raise TrialFailed("the generator ended; see above")
        return json.loads(line)


@contextlib.asynccontextmanager
async def generator(core: int) -> AsyncIterator[GeneratorProcess]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.forwarding.generator", str(core),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LINE_LIMIT_BYTES,
    )  # fmt: skip
    try:
        yield GeneratorProcess(process)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 5)
        if process.returncode is None:
            process.kill()
            await process.wait()


async def measure(
    start: Starter, layout: Layout, timing: Timing, cores: tuple[int, int], *, joining: Layout | None = None
) -> dict[str, Any]:
    """What :meth:`.load.Load.run` answers, and what was recorded.  Raises :class:`TrialFailed`.

    ``joining`` are people who connect, from another generator, a third into the window; they send nothing.
    """
    server_core, generator_core = cores
    with tempfile.TemporaryDirectory(prefix="forwarding-") as folder:
        async with start(Path(folder) / "server", server_core) as server, generator(generator_core) as source:
            subscriptions = await _set_up(server, source, layout)
            running = asyncio.create_task(
                source.ask(
                    "run",
                    timing.warmup_s + timing.window_s + 30,
                    spec={
                        "flows": [dataclasses.asdict(flow) for flow in layout.flows],
                        "subscriptions": subscriptions,
                        "probes": layout.probes,
                        "warmup_s": timing.warmup_s,
                        "window_s": timing.window_s,
                        "server_pid": server.pid,
                        "server_core": server_core,
                        "remb_bps": layout.remb_bps,
                    },
                )
            )
            if joining is not None:
                async with generator(generator_core) as other:
                    await asyncio.sleep(timing.warmup_s + timing.window_s / 3)
                    await _set_up(server, other, joining)
                    await running
            result = await running
            recorded = sum(file.stat().st_size for file in server.record_folder.rglob("*") if file.is_file())
    return {**result, "recorded_mb": round(recorded / 1e6, 1)}


async def _set_up(server: Server, source: GeneratorProcess, layout: Layout) -> list[tuple[int, int, int]]:
    opened = await source.ask("open", 30, count=layout.transports, probes=layout.probes)
    await _connect(source, await server.set_up(layout, opened["fingerprint"], opened["transports"]))
    await _connect(source, await server.join_receivers(layout))
    return await server.subscribe(layout)


async def _connect(source: GeneratorProcess, remotes: dict[int, Remote]) -> None:
    if not remotes:
        return
    connected = await source.ask(
        "connect", CONNECT_TIMEOUT_S, remotes=[[i, dataclasses.asdict(remote)] for i, remote in remotes.items()]
    )
    if connected["failed"]:
        raise TrialFailed(f"{len(connected['failed'])} of {len(remotes)} transports did not connect")
