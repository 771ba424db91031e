from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from hearing_server.processes.supervisor import (
    FIRST_WAIT_S,
    HEALTHY_AFTER_S,
    LONGEST_WAIT_S,
    Backoff,
    ChildSpec,
    Death,
    Supervisor,
)

OBEDIENT = [sys.executable, "-c", "import sys; sys.stdin.read()"]
STUBBORN = [sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); print(1); time.sleep(600)"]
SHORT_LIVED = [sys.executable, "-c", "raise SystemExit(3)"]


def test_the_first_restart_is_at_once_and_the_waits_are_bounded() -> None:
    backoff = Backoff()
    waits = [backoff.after(0.1) for _ in range(10)]
    assert waits[:3] == [0.0, FIRST_WAIT_S, 2 * FIRST_WAIT_S]
    assert waits[-1] == LONGEST_WAIT_S


def test_a_healthy_life_is_forgiven() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.after(0.1)
    assert backoff.after(HEALTHY_AFTER_S) == 0.0


class Watch:
    def __init__(self) -> None:
        self.deaths: asyncio.Queue[Death] = asyncio.Queue()
        self.returns: asyncio.Queue[str] = asyncio.Queue()


@asynccontextmanager
async def supervised(command: list[str]) -> AsyncIterator[tuple[Supervisor, Watch]]:
    watch = Watch()
    supervisor = Supervisor(
        [ChildSpec("recorder", command, dict(os.environ))],
        on_death=watch.deaths.put_nowait,
        on_return=watch.returns.put_nowait,
    )
    await supervisor.start()
    try:
        yield supervisor, watch
    finally:
        await supervisor.stop(grace_s=0.2)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the state of another process raises no event here
            await asyncio.sleep(0.01)


async def test_a_killed_child_is_started_again_and_that_is_said() -> None:
    async with supervised(OBEDIENT) as (supervisor, watch):
        first = supervisor.pids()["recorder"]
        os.kill(first, signal.SIGKILL)
        death = await asyncio.wait_for(watch.deaths.get(), 20)
        assert (death.pid, death.code, death.wait_s) == (first, -signal.SIGKILL, 0.0)
        assert await asyncio.wait_for(watch.returns.get(), 20) == "recorder"
        assert supervisor.pids()["recorder"] != first


async def test_a_child_that_dies_at_once_is_not_started_in_a_busy_loop() -> None:
    async with supervised(SHORT_LIVED) as (_, watch):
        deaths = [await asyncio.wait_for(watch.deaths.get(), 20) for _ in range(2)]
        assert [death.code for death in deaths] == [3, 3]
        assert deaths[1].wait_s == FIRST_WAIT_S


async def test_stopping_ends_the_child_and_starts_no_other() -> None:
    async with supervised(OBEDIENT) as (supervisor, watch):
        pid = supervisor.pids()["recorder"]
        await supervisor.stop()
        assert supervisor.pids() == {}
        assert watch.deaths.empty()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_child_that_will_not_end_is_killed() -> None:
    async with supervised(STUBBORN) as (supervisor, _):
        await supervisor.stop(grace_s=0.1)
        await until(lambda: supervisor.pids() == {})


async def test_children_end_when_their_parent_is_killed() -> None:
    """The parent here is a process of its own, which gets no chance to say goodbye."""
    child = "import sys, os; os.write(2, b'<%d>' % os.getpid()); sys.stdin.read()"
    parent = (
        "import asyncio, os, sys\n"
        "from hearing_server.processes.supervisor import ChildSpec, Supervisor\n"
        "async def main():\n"
        f"    spec = ChildSpec('recorder', [sys.executable, '-c', {child!r}], dict(os.environ))\n"
        "    await Supervisor([spec], on_death=print, on_return=print).start()\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", parent, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        said = b""
        while (told := re.search(rb"<(\d+)>", said)) is None:  # its parent's log comes the same way, in between
            said += await process.stdout.read(4096) or b"<0>"
    pid = int(told[1])
    assert pid
    process.kill()
    await process.wait()

    def gone() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False

    await until(gone)
