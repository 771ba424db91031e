"""What the court decided about a record, in the storage: a directory, and a real S3 server with Object Lock."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from recording import custody as c
from recording import messages as m
from recording.custody import Custodian, newest
from recording.keys import SigningKey, load_or_make
from recording.locks import DAY_S, Lock
from recording.objects import ObjectStore, S3Options, StoreProblem, open_store
from recording.recorder import ANCHORS_FOLDER, Recorder
from tests.recorded import eventually, facts, running

SITTING = "s-1"
NAMES = ("hearings/s-1/manifest.json", "hearings/s-1/manifest.sig", "hearings/s-1/raw/w.1/000000.hrec")


@pytest.fixture(params=["directory", pytest.param("s3", marks=pytest.mark.servers)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "directory":
        return open_store((tmp_path / "store").as_uri(), lock=Lock("possible", days=0))
    server = request.getfixturevalue("s3_server")
    options = S3Options(server.endpoint, server.key_id, server.secret, server.region)
    return open_store(f"s3://custody-{time.time_ns()}/court", options, Lock("compliance", days=0))


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return load_or_make(tmp_path / "record.pem")


async def recorded(store: ObjectStore) -> None:
    for name in NAMES:
        await store.put_new(name, name.encode())


def keep(serial: int, until_s: int = 0, **fields: object) -> m.Keep:
    return m.Keep(
        sitting_id=SITTING,
        serial=serial,
        retain_until_s=until_s,
        hold=bool(fields.get("hold")),
        destroy=bool(fields.get("destroy")),
        decision={"reason": "because"},
    )


async def obeyed(custodian: Custodian, request: m.Keep) -> m.AnyAnswer:
    answers: list[m.AnyAnswer] = []

    async def done() -> bool:
        answers.append(await custodian.keep(request))
        return not isinstance(answers[-1], m.Accepted)

    await eventually(done)
    return answers[-1]


async def test_every_object_is_locked_and_late_ones_take_it_over(store: ObjectStore, key: SigningKey) -> None:
    await recorded(store)
    custodian = Custodian(store, key)
    until = int(time.time()) + 30 * DAY_S
    assert await obeyed(custodian, keep(1, until)) == m.Kept(serial=1, objects=3)
    assert {(await store.protection(name)).until_s for name in NAMES} == {until}
    late = "hearings/s-1/derived/exports/j.mp4"
    await store.put_new(late, b"film")
    custodian.refresh(SITTING)

    async def taken_over() -> bool:
        return (await store.protection(late)).until_s == until

    await eventually(taken_over)
    others = [f"added/s-1/{number:06d}.json" for number in range(1, 4)]
    for name in others:  # while what came before is still being told
        await store.put_new(name, b"a statement")
        custodian.refresh(SITTING)

    async def all_taken_over() -> bool:
        return {(await store.protection(name)).until_s for name in others} == {until}

    await eventually(all_taken_over)
    again = Custodian(store, key)  # another run of the program
    assert await obeyed(again, keep(1, until)) == m.Kept(serial=1, objects=7)
    entry = await newest(store, SITTING)
    assert entry is not None
    assert (entry.serial, entry.decision) == (1, {"reason": "because"})
    place = f"{c.folder(SITTING)}000001"
    assert key.public.verifies(await store.read(f"{place}.json"), await store.read(f"{place}.sig"))
    await custodian.aclose()
    await again.aclose()


async def test_nothing_is_destroyed_while_it_is_kept_or_held(store: ObjectStore, key: SigningKey) -> None:
    await recorded(store)
    custodian = Custodian(store, key)
    refused = await obeyed(custodian, keep(1, destroy=True))
    assert isinstance(refused, m.Refused)  # nobody ever decided on it
    until = int(time.time()) + 2
    await obeyed(custodian, keep(1, until, hold=True))
    assert isinstance(await obeyed(custodian, keep(2, until, destroy=True)), m.Refused)
    await obeyed(custodian, keep(2, until))
    assert [name for name, _ in await store.list("hearings/s-1")] == list(NAMES)
    await asyncio.sleep(max(0.0, until + 1.2 - time.time()))
    assert await obeyed(custodian, keep(3, until, destroy=True)) == m.Kept(serial=3, objects=0)
    assert await store.list("hearings/s-1") == []
    entry = await newest(store, SITTING)
    assert entry is not None
    assert entry.destroy
    assert [name for name, _ in entry.destroyed] == list(NAMES)
    assert len(entry.manifest_sha256) == 64
    assert await obeyed(custodian, keep(3, until, destroy=True)) == m.Kept(serial=3, objects=0)
    await custodian.aclose()


async def test_destruction_may_be_killed_and_repeated(tmp_path: Path, key: SigningKey) -> None:
    class Dying(ObjectStore):
        left = 1

        async def destroy(self, key: str) -> None:
            if self.left == 0:
                raise StoreProblem("away")
            self.left -= 1
            await super().destroy(key)

    inner = open_store((tmp_path / "store").as_uri())
    store = Dying(inner._store, inner._root)
    await recorded(store)
    custodian = Custodian(store, key)
    await obeyed(custodian, keep(1, int(time.time()) - 1))
    await custodian.keep(keep(2, destroy=True))

    async def stopped() -> bool:
        return store.left == 0 and not custodian._running

    await eventually(stopped)
    assert len(await store.list("hearings/s-1")) == 2
    store.left = 100
    assert await obeyed(Custodian(store, key), keep(2, destroy=True)) == m.Kept(serial=2, objects=0)
    entry = await newest(store, SITTING)
    assert entry is not None
    assert len(entry.destroyed) == 3


async def test_a_decision_that_was_killed_before_it_was_signed_is_signed(store: ObjectStore, key: SigningKey) -> None:
    await recorded(store)
    custodian = Custodian(store, key)
    await obeyed(custodian, keep(1, hold=True))
    await custodian.aclose()
    place = f"{c.folder(SITTING)}000002"
    entry = await newest(store, SITTING)
    assert entry is not None
    entry.serial, entry.hold = 2, False
    await store.put_new(f"{place}.json", c.encode(entry))
    assert (await newest(store, SITTING) or entry).serial == 1
    assert await obeyed(Custodian(store, key), keep(2)) == m.Kept(serial=2, objects=3)
    assert key.public.verifies(await store.read(f"{place}.json"), await store.read(f"{place}.sig"))
    assert (await newest(store, SITTING) or entry).serial == 2


async def test_what_was_made_while_the_record_was_destroyed_goes_too(store: ObjectStore, key: SigningKey) -> None:
    await recorded(store)
    custodian = Custodian(store, key)
    await obeyed(custodian, keep(1, int(time.time()) - 1))
    await obeyed(custodian, keep(2, destroy=True))
    await store.put_new("hearings/s-1/derived/exports/j.mp4", b"film")
    custodian.refresh(SITTING)

    async def gone() -> bool:
        return await store.list("hearings/s-1") == []

    await eventually(gone)
    await custodian.aclose()


async def test_a_destroyed_record_is_not_sealed_again(tmp_path: Path, key: SigningKey) -> None:
    store = open_store((tmp_path / "store").as_uri())
    await recorded(store)
    custodian = Custodian(store, key)
    await obeyed(custodian, keep(1, int(time.time()) - 1))
    await obeyed(custodian, keep(2, destroy=True))
    await custodian.aclose()
    anchors = tmp_path / "spool" / ANCHORS_FOLDER
    anchors.mkdir(parents=True)
    (anchors / SITTING).touch()
    told: list[m.AnyEvent] = []
    async with running(Recorder(tmp_path / "spool", store, key, publish=told.append)) as recorder:
        asked = m.Finalise(sitting_id=SITTING, facts=facts(1, ["p1"], []))
        assert await recorder.finalise(asked) == m.Refused(reason="destroyed")

        async def forgotten() -> bool:
            return not list(anchors.iterdir())

        await eventually(forgotten)
        # It was asked before the store could be: nothing is sealed either.
        sitting = recorder._sitting(SITTING)
        sitting.facts = asked.facts
        sitting.wake.set()

        async def done() -> bool:
            return sitting.facts is None

        await eventually(done)
    assert await store.list("hearings/s-1") == []
    assert not [event for event in told if isinstance(event, m.Sealed)]
