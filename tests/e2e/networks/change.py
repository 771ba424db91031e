"""A person's network is replaced by another in the middle of a hearing."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Literal

from ..harness.pages import Person
from ..harness.scenario import until
from .court import Court
from .timeline import watching

#: How long what comes back is waited for, s.
GIVE_UP_S = 30.0
SETTLED_S = 2.0
#: Between the end of one network and the beginning of the next, where they do not overlap, s.
BETWEEN_S = 1.0

#: A socket that could not be opened while there was no network is no fault of the page.
NO_NETWORK = ("ERR_INTERNET_DISCONNECTED", "ERR_NETWORK_CHANGED", "ERR_ADDRESS_UNREACHABLE")

Kind = Literal["make before break", "break before make"]


@dataclass(frozen=True)
class Change:
    """``back_s``: how long after the change each way flowed again (``"audio to judge"``); for networks that do not
    overlap, after the next one was there.  ``same_connections``: no peer connection was made for it."""

    back_s: dict[str, float]
    same_connections: bool
    moved: bool


async def change(court: Court, kind: Kind) -> Change:
    with court.world.namespace() as namespace:
        # Everything goes by the first, the socket too, while it is there: as with Wi-Fi beside mobile.
        links = [namespace.join(spare=number > 0) for number in range(2 if kind == "make before break" else 1)]
        async with court.visitor(namespace) as person:
            await court.both_ways(person)
            made = await _connections(person)
            (used,) = await _addresses(person)
            wifi = next(link for link in links if link.far_v4 == used)
            links.remove(wifi)
            async with watching(court.judge, person) as timeline:
                await asyncio.sleep(SETTLED_S)
                since = time.monotonic()
                await asyncio.to_thread(namespace.drop, wifi)
                if not links:
                    await asyncio.sleep(BETWEEN_S)
                    links.append(await asyncio.to_thread(namespace.join))
                    since = time.monotonic()
                await asyncio.sleep(SETTLED_S)  # everything has stopped, if it stops at all

                async def all_flow() -> bool:
                    return not timeline.silent_since(time.monotonic())

                await until(all_flow, GIVE_UP_S, "sound and picture flow again both ways")
                await asyncio.sleep(SETTLED_S)
            await court.both_ways(person)
            assert [text for text in person.errors if not any(code in text for code in NO_NETWORK)] == []
            return Change(
                timeline.back_after(since),
                same_connections=await _connections(person) == made,
                moved=await _addresses(person) == {links[0].far_v4},
            )


async def _connections(person: Person) -> list[str]:
    return [route["connection"] for route in await person.routes()]


async def _addresses(person: Person) -> set[str]:
    return {route["address"] for route in await person.routes()}
