"""The same path on the parts of a cluster: control, media worker and recorder started one by one over Redis, PostgreSQL
and S3, with participants that are no browsers."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from hearing_server.booking import book_demo
from hearing_server.links import Links
from hearing_server.processes.control import link_secret
from hearing_server.store import Store
from tests.media import stored, tones
from tests.servers.postgres import PostgresServer
from tests.servers.process import ServerProcess
from tests.servers.redis import RedisServer
from tests.servers.s3 import S3Server

from .harness.command import hearing
from .harness.headless import Participant
from .harness.scenario import until
from .harness.server import COUNTDOWN_S, Running, environment, tail

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(240)]

ROLES = ("judge", "claimant", "respondent")


@pytest.fixture
def settings(
    tmp_path: Path, redis_server: RedisServer, postgres_server: PostgresServer, s3_server: S3Server
) -> dict[str, str]:
    """One configuration for all three processes."""
    return {
        "HEARING_BUS": redis_server.url,
        "HEARING_DATABASE": postgres_server.new_database(),
        "HEARING_STORE": f"s3://{s3_server.new_bucket()}/court",
        "HEARING_S3_ENDPOINT": s3_server.endpoint,
        "HEARING_S3_KEY_ID": s3_server.key_id,
        "HEARING_S3_SECRET": s3_server.secret,
        "HEARING_S3_REGION": s3_server.region,
        "HEARING_WORKER_ID": f"worker-{secrets.token_hex(3)}",
    }


async def test_three_processes_hold_and_keep_a_hearing(tmp_path: Path, settings: dict[str, str]) -> None:
    """Each has a folder of its own, as in deploy/compose.yaml: worker and recorder share the spool, and the recorder
    writes the court's public key for control."""
    public_key = tmp_path / "public" / "record.pub.pem"
    settings |= {"HEARING_SPOOL": str(tmp_path / "spool"), "HEARING_PUBLIC_KEY_FILE": str(public_key)}
    data = tmp_path / "control"
    alone = [
        ServerProcess(_command(name), log=tmp_path / f"{name}.log", env=environment(tmp_path / name, **settings))
        for name in ("media-worker", "recorder")
    ]
    control = await Running.start(
        "serve", data=data, log=tmp_path / "control.log", **settings | {"HEARING_SPOOL": str(tmp_path / "no spool")}
    )
    try:
        booking = await _book(data, settings["HEARING_DATABASE"])
        people = {role: Participant(control.base_url, booking.links[role], role) for role in ROLES}
        await _hold(people)
        async with _clerk(control.base_url, booking.links["clerk"]) as clerk:
            record = await _record(clerk, booking.hearing_id)
            for track in record["tracks"]:
                _, samples = stored.sound_of((await clerk.get(track["url"])).content)
                assert tones.heard(samples[len(samples) // 3 : 2 * len(samples) // 3]) == {track["role"]}
        code, report = await hearing("verify", settings["HEARING_STORE"], "--public-key", public_key, **settings)
        assert code == 0, report
        assert report["tracks"] == 2 * len(ROLES)
        code, copied = await hearing(
            "export", booking.hearing_id, tmp_path / "copy", HEARING_DATA=str(data), **settings
        )
        assert code == 0, copied
        assert (await hearing("verify", tmp_path / "copy", "--public-key", public_key))[0] == 0
    except BaseException:
        for process in alone:
            print(tail(process.log))
        print(tail(control.log))
        raise
    finally:
        await control.stop()
        for process in alone:
            process.stop()


def _command(name: str) -> list[str]:
    return [sys.executable, "-m", "hearing_server", name]


async def _book(data: Path, database: str) -> Any:
    store = await Store.open(database)
    try:
        return await book_demo(store, Links(store, link_secret(data / "keys" / "links.key")))
    finally:
        await store.aclose()


async def _hold(people: dict[str, Participant]) -> None:
    for person in people.values():
        await person.enter()
    judge = people["judge"]
    await asyncio.sleep(1)
    assert all(person.hears() == person.sees() == set() for person in people.values())
    await judge.command("open", "open-1")
    async with asyncio.timeout(10 + COUNTDOWN_S):
        await judge.in_state("in_session")

    async def everybody_hears() -> bool:
        return all(person.hears() == set(ROLES) - {role} for role, person in people.items())

    async def everybody_sees() -> bool:
        return all(len(person.sees()) == len(ROLES) - 1 for person in people.values())

    await until(everybody_hears, 30, "everybody hears exactly the others")
    await until(everybody_sees, 30, "everybody sees the others")
    await asyncio.sleep(3)
    await judge.command("close", "close-1", confirm=True)
    for person in people.values():
        await person.leave()


@asynccontextmanager
async def _clerk(base_url: str, token: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=base_url, headers={"Origin": base_url}, timeout=30) as clerk:
        (await clerk.post("/api/session", json={"link": token})).raise_for_status()
        yield clerk


async def _record(clerk: httpx.AsyncClient, hearing_id: str) -> dict[str, Any]:
    page: dict[str, Any] = {}

    async def playable() -> bool:
        nonlocal page
        answer = await clerk.get(f"/api/hearings/{hearing_id}/record")
        page = answer.json()
        return answer.status_code == 200 and len(page["tracks"]) == len(ROLES)

    await until(playable, 60, "the record can be played")
    return page
