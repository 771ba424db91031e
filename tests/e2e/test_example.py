"""docs/examples/join_a_hearing.py, as it is, in a hearing on a real server."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from .harness.headless import Participant
from .harness.server import Running

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "join_a_hearing.py"


async def test_the_example_joins_is_seen_and_heard_and_sees_and_hears(demo: Running) -> None:
    judge = Participant(demo.base_url, token(demo.link("judge")), "judge")
    await judge.enter()
    example = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLE), demo.link("claimant"), stdout=asyncio.subprocess.PIPE
    )
    assert example.stdout is not None
    try:
        async with asyncio.timeout(90):
            assert (await example.stdout.readline()).startswith(b"joined as ")
            await judge.command("open", "open-1")
            await judge.in_state("in_session")
            said = {(await example.stdout.readline()).decode().strip() for _ in range(2)}
            me = judge.view["me"]["personId"]
            assert said == {f"microphone of {me} comes in", f"camera of {me} comes in"}
            claimant = next(person["personId"] for person in judge.view["people"] if person["role"] == "claimant")
            await judge.media.sees_and_hears(claimant)
            await judge.command("close", "close-1")
            last = await example.stdout.read()
            assert last.strip(), "the server's last words"
            assert await example.wait() == 0
    finally:
        if example.returncode is None:
            example.kill()
            await example.wait()
        await judge.leave()


def token(link: str) -> str:
    return link.rsplit("/", 1)[-1]
