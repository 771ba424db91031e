"""One job after the other, whatever becomes of those who asked."""

from __future__ import annotations

import asyncio

import pytest

from hearing_server.hearings.inbox import LIMIT, Inbox, InboxClosed


async def never() -> bool:
    return False


async def test_jobs_are_done_in_order_and_never_together() -> None:
    inbox = Inbox("test", (), never)
    seen: list[int] = []
    inside = 0

    def job(number: int):  # type: ignore[no-untyped-def]
        async def run() -> int:
            nonlocal inside
            inside += 1
            assert inside == 1
            await asyncio.sleep(0)
            seen.append(number)
            inside -= 1
            return number

        return run

    assert await asyncio.gather(*(inbox.run(job(number)) for number in range(20))) == list(range(20))
    assert seen == list(range(20))
    await inbox.aclose()


async def test_an_error_reaches_who_asked_and_the_work_goes_on() -> None:
    inbox = Inbox("test", (KeyError,), never)

    async def fails() -> None:
        raise KeyError("expected")

    async def surprises() -> None:
        raise ZeroDivisionError

    async def works() -> str:
        return "done"

    inbox.post(fails)
    inbox.post(surprises)
    with pytest.raises(KeyError):
        await inbox.run(fails)
    with pytest.raises(ZeroDivisionError):
        await inbox.run(surprises)
    assert await inbox.run(works) == "done"
    await inbox.aclose()


async def test_who_gives_up_waiting_does_not_stop_the_work() -> None:
    inbox = Inbox("test", (), never)
    go, done = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        await go.wait()
        done.set()

    asking = asyncio.create_task(inbox.run(slow))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    go.set()
    await asyncio.wait_for(done.wait(), 5)
    await inbox.aclose()


async def test_a_full_inbox_takes_no_more() -> None:
    inbox = Inbox("test", (), never)
    go = asyncio.Event()

    async def wait() -> None:
        await go.wait()

    for _ in range(LIMIT):
        inbox.post(wait)
    with pytest.raises(InboxClosed):
        await inbox.run(wait)
    inbox.post(wait)
    go.set()
    await inbox.aclose()


async def test_a_job_that_comes_while_it_goes_to_rest_is_done() -> None:
    asked = asyncio.Event()
    go = asyncio.Event()

    async def rests() -> bool:
        asked.set()
        await go.wait()
        return inbox.empty

    inbox = Inbox("test", (), rests)

    async def works() -> str:
        return "done"

    assert await inbox.run(works) == "done"
    await asked.wait()
    late = asyncio.create_task(inbox.run(works))
    await asyncio.sleep(0)
    go.set()
    assert await late == "done"
    await asyncio.sleep(0.01)
    with pytest.raises(InboxClosed):
        await inbox.run(works)
    await inbox.aclose()
