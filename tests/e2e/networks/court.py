"""A demo that listens where network namespaces reach it, and people who come to it from there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from playwright.async_api import Playwright

from tests.media import cameras
from tests.servers import coturn
from tests.servers.netns import Namespace, World
from tests.servers.process import free_port

from ..harness.pages import CHROMIUM, Film, Person
from ..harness.scenario import MEDIA_LIMIT_S, until
from ..harness.server import Running


@dataclass
class Court:
    """``judge`` sits in the court's own network; ``pictures`` is where failures leave screenshots."""

    world: World
    demo: Running
    running: Playwright
    folder: Path
    pictures: Path
    judge: Person
    media_port: int
    film: Film

    @property
    def https_port(self) -> int:
        return https_port(self.demo)

    def link(self, role: str, *, v6: bool = False) -> str:
        return address_for_others(self.world, self.demo, role, v6=v6)

    @asynccontextmanager
    async def visitor(
        self, namespace: Namespace, role: str = "claimant", *, v6: bool = False, flags: tuple[str, ...] = ()
    ) -> AsyncIterator[Person]:
        """A person in this network, who has come into the session."""
        program = namespace.wrapper(CHROMIUM, self.folder)
        person = await Person.open(self.running, role, self.folder, program=program, flags=flags, film=self.film)
        try:
            await person.arrive(self.link(role, v6=v6))
            await person.in_room("in_session")
            yield person
        except BaseException:
            for each in (person, self.judge):
                await each.page.screenshot(path=self.pictures / f"{namespace.name}-{each.role}.png")
            raise
        finally:
            await person.close()

    async def both_ways(self, person: Person, limit_s: float = MEDIA_LIMIT_S) -> float:
        """Wait until person and judge hear and see each other; returns how long that took, s."""

        async def flows() -> bool:
            for one, other in ((self.judge, person), (person, self.judge)):
                if other.role not in await one.hears() or (await one.sees()).get(other.role) != other.role:
                    return False
            return True

        return await until(flows, limit_s, f"the judge and the {person.role} hear and see each other")


@asynccontextmanager
async def open_court(
    world: World,
    running: Playwright,
    folder: Path,
    pictures: Path,
    settings: dict[str, str],
    film: Film = cameras.camera,
) -> AsyncIterator[Court]:
    """A demo with these settings besides, in session; ``film``: what cameras see."""
    await asyncio.to_thread(pictures.mkdir, parents=True, exist_ok=True)
    demo, media_port = await start_demo(world, folder, settings)
    try:
        judge = await Person.open(running, "judge", folder, film=film)
        try:
            await judge.arrive(demo.link("judge"))
            # A session without a second person is lawful; the others come when it sits.
            await judge.start_hearing()
            await judge.in_room("in_session")
            yield Court(world, demo, running, folder, pictures, judge, media_port, film)
        finally:
            await judge.close()
    finally:
        await demo.stop()


async def start_demo(world: World, folder: Path, settings: dict[str, str]) -> tuple[Running, int]:
    """A demo that other networks reach, and the port of its media worker."""
    media_port = free_port(address=world.v4)
    demo = await Running.start(
        "demo",
        data=folder / "data",
        log=folder / "demo.log",
        HEARING_MEDIA_PORT=str(media_port),
        HEARING_MEDIA_ANNOUNCE=f"{world.v4},{world.v6}",
        **settings,
    )
    return demo, media_port


def address_for_others(world: World, demo: Running, role: str, *, v6: bool = False) -> str:
    """A personal link as people in other networks open it."""
    host = f"[{world.v6}]" if v6 else world.v4
    return f"https://{host}:{https_port(demo)}{urlsplit(demo.link(role)).path}"


def https_port(demo: Running) -> int:
    port = urlsplit(str(demo.ready["https_base_url"])).port
    assert port is not None
    return port


def told_of(relay: coturn.Relay) -> dict[str, str]:
    """Settings of a court that has this relay."""
    urls = ",".join(map(relay.url, ("udp", "tcp", "tls")))
    return {"HEARING_TURN_URLS": urls, "HEARING_TURN_SECRET": coturn.SECRET}
