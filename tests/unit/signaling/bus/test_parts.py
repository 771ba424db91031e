"""Bounded inboxes, pending requests and handlers."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from signaling.bus import CALL_LIMIT, BusClosed, BusError, RequestTimeout
from signaling.bus.parts import HandlerPool, Inbox, Outcome, PendingRequests


async def test_an_inbox_gives_up_the_oldest() -> None:
    inbox = Inbox(limit_messages=3, limit_bytes=10)
    for number in range(5):
        inbox.put("a", b"%d" % number)
    assert inbox.dropped == 2
    inbox.put("a", b"nine byte")
    assert inbox.dropped == 4
    inbox.close()
    inbox.put("a", b"too late")
    assert [payload async for _, payload in inbox] == [b"4", b"nine byte"]


async def test_a_reader_waits_and_is_woken() -> None:
    inbox = Inbox()
    reading = asyncio.create_task(anext(inbox))
    await asyncio.sleep(0)
    assert not reading.done()
    inbox.put("a", b"1")
    assert await reading == ("a", b"1")


async def test_answers_find_their_request() -> None:
    pending = PendingRequests()
    first, second, third = pending.new(), pending.new(), pending.new()
    pending.settle(second, b"2")
    pending.settle(second, b"again")
    pending.settle(first, BusError("no"))
    pending.settle(999, b"nobody waits")
    assert await pending.wait(second, 1.0) == b"2"
    with pytest.raises(BusError, match="no"):
        await pending.wait(first, 1.0)
    pending.settle_all(BusClosed("closed"))
    pending.forget(third)
    late = pending.new()
    with pytest.raises(RequestTimeout):
        await pending.wait(late, 0.0)
    pending.settle(late, b"too late")


async def test_a_service_takes_so_many_requests_and_no_more() -> None:
    finished = asyncio.Event()
    outcomes: list[Outcome] = []

    async def handler(payload: bytes) -> bytes:
        await finished.wait()
        return payload

    pool = HandlerPool("s", handler)
    for _ in range(CALL_LIMIT + 1):
        pool.call(b"", outcomes.append)
    assert [type(outcome) for outcome in outcomes] == [BusError]
    finished.set()
    await pool.aclose()
    assert outcomes.count(b"") == CALL_LIMIT
    pool.call(b"", outcomes.append)
    assert isinstance(outcomes[-1], BusError)


async def test_a_handler_that_hangs_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signaling.bus.parts.HANDLER_GRACE_S", 0.01)
    outcomes: list[Outcome] = []

    async def handler(payload: bytes) -> bytes:
        await asyncio.get_running_loop().create_future()
        return b""

    pool = HandlerPool("s", handler)
    pool.call(b"", outcomes.append)
    await asyncio.sleep(0)
    await pool.aclose()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(0)
    assert isinstance(outcomes[0], RequestTimeout)
