"""A disk that fills: told early, no new hearing below the floor, and what runs goes on."""

from __future__ import annotations

import pytest

from hearing_server.hearings.disk import Level, level_of
from recording.messages import DISK_LOW_BYTES, DISK_SHORT_BYTES, RecorderState
from signaling.application import Refusal
from tests.unit.hearing_server.parts import Court, until


def test_a_level_is_left_only_with_room_to_spare() -> None:
    assert level_of(DISK_LOW_BYTES, Level.WELL) is Level.WELL
    assert level_of(DISK_LOW_BYTES - 1, Level.WELL) is Level.LOW
    assert level_of(DISK_LOW_BYTES, Level.LOW) is Level.LOW
    assert level_of(DISK_LOW_BYTES * 5 // 4, Level.LOW) is Level.WELL
    assert level_of(DISK_SHORT_BYTES - 1, Level.WELL) is Level.SHORT
    assert level_of(DISK_SHORT_BYTES, Level.SHORT) is Level.SHORT
    assert level_of(DISK_SHORT_BYTES * 5 // 4, Level.SHORT) is Level.LOW
    assert level_of(2 * DISK_LOW_BYTES, Level.SHORT) is Level.WELL


def says(court: Court, free: int) -> None:
    court.recorder.events.put_nowait(RecorderState(backlog=0, spool_bytes=0, disk_free_bytes=free))


async def at_level(court: Court, level: int) -> None:
    async def reached() -> bool:
        return court.hearings.disk_level == level

    await until(reached)


async def open_tasks(court: Court) -> list[str]:
    rows = (await court.store.desk.tasks([court.booking.hearing_id])).get(court.booking.hearing_id, [])
    return [row.detail for row in rows if row.kind == "record-trouble" and row.closed_utc is None]


async def test_below_the_floor_no_hearing_is_opened(court: Court) -> None:
    judge = await court.arrive("judge")
    says(court, DISK_SHORT_BYTES - 1)
    await at_level(court, 2)
    with pytest.raises(Refusal) as refused:
        await court.command(judge, "open")
    assert refused.value.code == "disk-short"
    says(court, 2 * DISK_LOW_BYTES)
    await at_level(court, 0)
    await court.command(judge, "open")


async def test_a_hearing_that_runs_is_told_and_goes_on(court: Court) -> None:
    sockets = await court.start("claimant")
    says(court, DISK_LOW_BYTES - 1)
    says(court, DISK_LOW_BYTES - 2)

    async def told() -> bool:
        return len(await open_tasks(court)) == 1

    await until(told)
    assert (await open_tasks(court))[0].startswith("disk-low")
    says(court, 5)
    await at_level(court, 2)
    await court.command(sockets["judge"], "recess")
    await court.command(sockets["judge"], "resume")
    says(court, 2 * DISK_LOW_BYTES)

    async def settled() -> bool:
        return await open_tasks(court) == []

    await until(settled)
