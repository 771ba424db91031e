"""A court that other networks can reach, with a relay, and a judge who sits there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.media import cameras
from tests.servers import coturn, netns
from tests.servers.netns import World

from ..harness.pages import playwright
from .court import Court, open_court, told_of


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = netns.missing()
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    if here and reason:
        for item in here:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="package")
def world() -> Iterator[World]:
    with World() as world:
        yield world


@pytest.fixture(scope="package")
def relay(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[coturn.Relay]:
    if reason := coturn.missing():
        pytest.skip(reason)
    relay = coturn.start(tmp_path_factory.mktemp("turn"), world.v4, peer=world.v4)
    yield relay
    relay.process.stop()


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def court(
    world: World, relay: coturn.Relay, tmp_path_factory: pytest.TempPathFactory, results: Path
) -> AsyncIterator[Court]:
    """In session, with the judge alone; participants come by networks of their own.

    Cameras see as much as real ones, so that there is something to yield.
    """
    folder, settings = tmp_path_factory.mktemp("court"), told_of(relay)
    async with (
        playwright() as running,
        open_court(world, running, folder, results / "networks", settings, film=cameras.busy_camera) as court,
    ):
        yield court
