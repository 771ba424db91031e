"""A whole hearing, held by a judge, a claimant on a phone and a respondent, and what was observed on the way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from .pages import Person, playwright
from .server import Running

PARTIES = ("judge", "claimant", "respondent")
#: How often everyone falls silent, how long, and how long they are heard in between, s.
SILENCES = 4
SILENCE_S = 0.8
BETWEEN_S = 2.2
#: On a busy machine pictures and sound may take this long to come, s.
MEDIA_LIMIT_S = 60.0
#: The issue's bar for the time from the close to the playable record, s.
PLAYABLE_LIMIT_S = 10.0


@dataclass
class Held:
    """``waiting``, ``early``, ``late`` and ``closed`` are each person's counters before the start, twice in session and
    after the close; ``silences`` the times at which each fell silent, s since 1970."""

    people: dict[str, Person]
    clerk: Person
    hearing_id: str
    waiting: dict[str, dict[str, Any]] = field(default_factory=dict)
    waiting_heard: dict[str, set[str]] = field(default_factory=dict)
    heard: dict[str, set[str]] = field(default_factory=dict)
    seen: dict[str, dict[str, str | None]] = field(default_factory=dict)
    early: dict[str, dict[str, Any]] = field(default_factory=dict)
    late: dict[str, dict[str, Any]] = field(default_factory=dict)
    closed: dict[str, dict[str, Any]] = field(default_factory=dict)
    closed_later: dict[str, dict[str, Any]] = field(default_factory=dict)
    closed_heard: dict[str, set[str]] = field(default_factory=dict)
    silences: dict[str, list[float]] = field(default_factory=dict)
    playable_after_s: float = 0.0
    record: dict[str, Any] = field(default_factory=dict)


async def of_all(people: dict[str, Person], ask: Callable[[Person], Awaitable[Any]]) -> dict[str, Any]:
    """The same question to all, one after the other, so that a small machine is not asked for everything at once."""
    return {role: await ask(person) for role, person in people.items()}


async def until(condition: Callable[[], Awaitable[bool]], limit_s: float, what: str, every_s: float = 0.2) -> float:
    """Wait until it holds; returns how long that took, s."""
    begun = time.monotonic()
    while not await condition():
        if time.monotonic() - begun > limit_s:
            raise AssertionError(f"{what}: not within {limit_s:.0f} s")
        await asyncio.sleep(every_s)
    return time.monotonic() - begun


@asynccontextmanager
async def hold_a_hearing(demo: Running, devices: Path, pictures: Path) -> AsyncIterator[Held]:
    await asyncio.to_thread(pictures.mkdir, parents=True, exist_ok=True)
    async with playwright() as running:
        people = {role: await Person.open(running, role, devices, phone=role == "claimant") for role in PARTIES}
        clerk = await Person.open(running, "clerk", devices, devices=False)
        held = Held(people, clerk, str(demo.ready["hearing_id"]))
        try:
            await _wait_for_the_judge(demo, held)
            await _sit(held)
            for role, person in people.items():
                await person.page.screenshot(path=pictures / f"session-{role}.png")
            await _close(held)
            await _find_the_record(demo, held)
            yield held
        except BaseException:
            for role, person in {**people, "clerk": clerk}.items():
                await person.page.screenshot(path=pictures / f"failed-{role}.png")
            raise
        finally:
            for person in [*people.values(), clerk]:
                await person.close()


async def _wait_for_the_judge(demo: Running, held: Held) -> None:
    for role in ("claimant", "respondent", "judge"):
        await held.people[role].arrive(demo.link(role))
    await held.people["judge"].in_room("not_started")
    for role in ("claimant", "respondent"):
        await held.people[role].see("last-news")
    # Their cameras and microphones are on, and sending is allowed to begin: still nothing may arrive anywhere.
    await asyncio.sleep(2)
    held.waiting = await of_all(held.people, Person.counters)
    held.waiting_heard = await of_all(held.people, Person.hears)


async def _sit(held: Held) -> None:
    await held.people["judge"].start_hearing()
    for person in held.people.values():
        await person.in_room("in_session")

    # On a busy machine pictures and sound begin at different times in different pages, so each is asked by itself.
    for role, person in held.people.items():
        await _comes_to(held.seen, person, Person.sees, {other: other for other in PARTIES})
        await _comes_to(held.heard, person, Person.hears, set(PARTIES) - {role})
    held.early = await of_all(held.people, Person.counters)
    held.silences = {role: [] for role in PARTIES}
    for _ in range(SILENCES):
        await asyncio.sleep(BETWEEN_S)
        times = await asyncio.gather(*(person.fall_silent(int(1000 * SILENCE_S)) for person in held.people.values()))
        for role, at in zip(held.people, times, strict=True):
            held.silences[role].append(at)
    await asyncio.sleep(BETWEEN_S)
    held.late = await of_all(held.people, Person.counters)


async def _comes_to(
    found: dict[str, Any], person: Person, ask: Callable[[Person], Awaitable[Any]], expected: Any
) -> None:
    """Ask until the answer is as expected; the last answer stands in ``found``."""

    async def as_expected() -> bool:
        found[person.role] = await ask(person)
        return bool(found[person.role] == expected)

    try:
        await until(as_expected, MEDIA_LIMIT_S, f"{person.role} {ask.__name__}")
    except AssertionError as error:
        raise AssertionError(f"{error}: expected {expected}, found {found[person.role]}") from None


async def _close(held: Held) -> None:
    await held.people["judge"].close_hearing()
    await until(
        lambda: _no_room(held.people["respondent"]), MEDIA_LIMIT_S, "the respondent's page leaves the courtroom"
    )
    held.closed = await of_all(held.people, Person.counters)
    held.closed_heard = await of_all(held.people, Person.hears)
    held.closed_later = await of_all(held.people, Person.counters)


async def _no_room(person: Person) -> bool:
    return await person.page.get_by_test_id("room").count() == 0


async def _find_the_record(demo: Running, held: Held) -> None:
    """The clerk's browser, by the API; the pages are walked in tests of their own."""
    begun = time.monotonic()
    await take_seat(demo, held.clerk)
    held.record = await playable_record(demo, held.clerk, tracks=len(PARTIES))
    held.playable_after_s = time.monotonic() - begun


async def take_seat(demo: Running, person: Person) -> None:
    """Trade the person's link for a seat, as their page would."""
    link = demo.link(person.role).rsplit("/", 1)[1]
    seated = await person.context.request.post(
        f"{demo.base_url}/api/session", data={"link": link}, headers={"Origin": demo.base_url}
    )
    assert seated.ok, await seated.text()


async def playable_record(demo: Running, clerk: Person, *, tracks: int) -> dict[str, Any]:
    """The record's page, once it lists this many people's tracks."""
    url = f"{demo.base_url}/api/hearings/{demo.ready['hearing_id']}/record"
    page: dict[str, Any] = {}

    async def playable() -> bool:
        nonlocal page
        answer = await clerk.context.request.get(url)
        page = await answer.json()
        return bool(answer.ok and len(page["tracks"]) == tracks)

    await until(playable, 6 * PLAYABLE_LIMIT_S, "the record can be played")
    return page


async def fetch_tracks(demo: Running, clerk: Person, record: dict[str, Any]) -> dict[str, tuple[dict[str, Any], bytes]]:
    """Each person's stored track by role: its row of the page, and its bytes."""
    found = {}
    for track in record["tracks"]:
        answer = await clerk.context.request.get(urljoin(demo.base_url, track["url"]))
        assert answer.status == 200
        found[track["role"]] = (track, await answer.body())
    return found
