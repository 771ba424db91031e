"""A demo under test, and a hearing that was really held in it by three people in three browsers."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from .harness.scenario import Held, hold_a_hearing
from .harness.server import Running

RESULTS = Path(__file__).parents[2] / "test-results"


@pytest.fixture(scope="session")
def results() -> Path:
    """Where screenshots and logs are left for people to look at."""
    RESULTS.mkdir(exist_ok=True)
    return RESULTS


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def demo(tmp_path_factory: pytest.TempPathFactory, results: Path) -> AsyncIterator[Running]:
    """``hearing demo`` on free ports in a folder of its own, one per test module."""
    folder = tmp_path_factory.mktemp("demo")
    running = await Running.start("demo", data=folder / "data", log=folder / "demo.log")
    try:
        yield running
    finally:
        try:
            await running.stop()
        finally:
            shutil.copytree(running.data / "logs", results / f"logs-{folder.name}", dirs_exist_ok=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def held(demo: Running, tmp_path_factory: pytest.TempPathFactory, results: Path) -> AsyncIterator[Held]:
    async with hold_a_hearing(demo, tmp_path_factory.mktemp("devices"), results / "path") as held:
        yield held
