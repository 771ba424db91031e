"""What every bus does, on each implementation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from signaling.bus import (
    MESSAGE_LIMIT_BYTES,
    SUBSCRIPTION_LIMIT_MESSAGES,
    Bus,
    BusClosed,
    BusError,
    HandlerFailed,
    NoResponder,
    RequestTimeout,
)

from .buses import Buses, InProcess, OverRedis, OverSocket, eventually_connected, eventually_request, serving


@pytest.fixture(params=["in-process", "unix-socket", pytest.param("redis", marks=pytest.mark.servers)])
async def buses(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Buses]:
    made: InProcess | OverSocket | OverRedis
    match request.param:
        case "in-process":
            made = InProcess()
        case "unix-socket":
            made = OverSocket(tmp_path)
        case _:
            made = OverRedis(tmp_path)
    if made.breakable:
        await made.mend_server()
    yield made
    await made.aclose()


@pytest.fixture
async def one(buses: Buses) -> Bus:
    bus = buses.end()
    await eventually_connected(bus)
    return bus


@pytest.fixture
async def other(buses: Buses) -> Bus:
    bus = buses.end()
    await eventually_connected(bus)
    return bus


async def test_a_message_reaches_all_subscribers_in_order(one: Bus, other: Bus) -> None:
    async with one.subscribe("a", "b") as first, other.subscribe("a") as second:
        for number in range(50):
            await one.publish("a", b"%d" % number)
        await one.publish("b", b"end")
        expected = [("a", b"%d" % number) for number in range(50)]
        assert [await anext(first) for _ in range(51)] == [*expected, ("b", b"end")]
        assert [await anext(second) for _ in range(50)] == expected
    assert first.dropped == second.dropped == 0


async def test_a_message_without_subscribers_goes_nowhere(one: Bus, other: Bus) -> None:
    await one.publish("a", b"before")
    async with other.subscribe("a") as inbox:
        await one.publish("a", b"during")
        assert await anext(inbox) == ("a", b"during")
    await one.publish("a", b"after")


async def test_two_subscriptions_of_one_process_are_apart(one: Bus, other: Bus) -> None:
    async with one.subscribe("a") as first:
        async with one.subscribe("a") as second:
            await other.publish("a", b"1")
            assert await anext(second) == ("a", b"1")
        await other.publish("a", b"2")
        assert [await anext(first), await anext(first)] == [("a", b"1"), ("a", b"2")]


async def test_request_and_answer(one: Bus, other: Bus) -> None:
    async with serving(one, "worker.1") as asked:
        answers = await asyncio.gather(*(other.request("worker.1", b"%d" % number) for number in range(20)))
        assert answers == [b"re: %d" % number for number in range(20)]
        assert sorted(asked) == sorted(b"%d" % number for number in range(20))


async def test_handlers_begin_in_order_and_run_at_the_same_time(one: Bus, other: Bus) -> None:
    begun: list[bytes] = []
    all_begun = asyncio.Event()

    async def handler(payload: bytes) -> bytes:
        begun.append(payload)
        if len(begun) == 10:
            all_begun.set()
        await all_begun.wait()
        return payload

    await one.serve("s", handler)
    await asyncio.gather(*(other.request("s", b"%d" % number) for number in range(10)))
    assert begun == [b"%d" % number for number in range(10)]


async def test_nobody_serves(one: Bus, other: Bus) -> None:
    with pytest.raises(NoResponder):
        await one.request("nobody", b"")
    async with serving(other, "s"):
        await one.request("s", b"")
    with pytest.raises(NoResponder):
        await one.request("s", b"")


async def test_an_answer_too_late(one: Bus, other: Bus) -> None:
    finished = asyncio.Event()

    async def handler(payload: bytes) -> bytes:
        await finished.wait()
        return payload

    service = await one.serve("slow", handler)
    with pytest.raises(RequestTimeout):
        await other.request("slow", b"", timeout_s=0.05)
    finished.set()
    assert await other.request("slow", b"still served") == b"still served"
    await service.aclose()


async def test_a_failing_handler(one: Bus, other: Bus) -> None:
    async def handler(payload: bytes) -> bytes:
        if payload == b"bad":
            raise LookupError("this test asked for it")
        return payload

    await one.serve("s", handler)
    with pytest.raises(HandlerFailed):
        await other.request("s", b"bad")
    assert await other.request("s", b"good") == b"good"


async def test_the_later_server_takes_over(one: Bus, other: Bus) -> None:
    async with serving(one, "s") as first:
        await other.request("s", b"1")
        async with serving(other, "s") as second:
            await one.request("s", b"2")
            await other.request("s", b"3")
            assert (first, second) == ([b"1"], [b"2", b"3"])
        with pytest.raises(NoResponder):
            await one.request("s", b"4")


async def test_the_same_process_serves_again(one: Bus, other: Bus) -> None:
    async with serving(one, "s") as first, serving(one, "s") as second:
        await other.request("s", b"1")
    assert (first, second) == ([], [b"1"])
    async with serving(one, "s"):
        assert await other.request("s", b"2") == b"re: 2"


async def test_closing_a_service_waits_for_its_handlers(one: Bus, other: Bus) -> None:
    begun, finished = asyncio.Event(), asyncio.Event()

    async def handler(payload: bytes) -> bytes:
        begun.set()
        await finished.wait()
        return b"done"

    service = await one.serve("s", handler)
    request = asyncio.create_task(other.request("s", b""))
    await begun.wait()
    closing = asyncio.create_task(service.aclose())
    await asyncio.sleep(0.01)
    assert not closing.done()
    finished.set()
    await closing
    assert await request == b"done"


async def test_largest_message(one: Bus, other: Bus) -> None:
    largest = bytes(MESSAGE_LIMIT_BYTES)
    async with serving(one, "s"), one.subscribe("a") as inbox:
        await other.publish("a", largest)
        assert (await anext(inbox))[1] == largest
        with pytest.raises(BusError):
            await other.publish("a", largest + b"1")
        with pytest.raises(BusError):
            await other.request("s", largest + b"1")
        with pytest.raises(HandlerFailed):
            await other.request("s", largest)  # the answer would be larger still
        assert await other.request("s", b"1") == b"re: 1"


async def test_a_slow_subscriber_loses_the_oldest_and_knows_it(one: Bus, other: Bus) -> None:
    surplus = 10
    async with other.subscribe("a", "end") as slow, other.subscribe("end") as end:
        for number in range(SUBSCRIPTION_LIMIT_MESSAGES + surplus - 1):
            await one.publish("a", b"%d" % number)
        await one.publish("end", b"")
        await anext(end)
        assert await anext(slow) == ("a", b"%d" % surplus)
        assert slow.dropped == surplus


async def test_closing_the_bus(buses: Buses, one: Bus, other: Bus) -> None:
    async def never(payload: bytes) -> bytes:
        await closed.wait()
        return b""

    closed = asyncio.Event()
    await other.serve("s", never)
    async with one.subscribe("a") as inbox:
        request = asyncio.create_task(one.request("s", b""))
        await asyncio.sleep(0.05)
        closing = asyncio.create_task(one.aclose())
        with pytest.raises(BusClosed):
            await request
        closed.set()
        await closing
        with pytest.raises(StopAsyncIteration):
            await anext(inbox)
    for attempt in (one.publish("a", b""), one.request("s", b""), one.serve("s", never)):
        with pytest.raises(BusClosed):
            await attempt


async def test_the_server_dies_and_comes_back(buses: Buses) -> None:
    if not buses.breakable:
        pytest.skip("there is no server to lose inside one process")
    one, other = buses.end(), buses.end()
    hanging = asyncio.Event()

    async def hang(payload: bytes) -> bytes:
        await hanging.wait()
        return payload

    await one.serve("hang", hang)
    async with serving(one, "s") as asked, one.subscribe("a") as inbox:
        await eventually_request(other, "s", b"1")
        request = asyncio.create_task(other.request("hang", b""))
        await asyncio.sleep(0.05)
        await buses.break_server()
        with pytest.raises(BusError):
            await request
        with pytest.raises(BusClosed):
            await other.publish("a", b"lost")
        with pytest.raises(BusClosed):
            await other.request("s", b"lost")
        hanging.set()
        await buses.mend_server()
        assert await eventually_request(other, "s", b"2") == b"re: 2"
        assert set(asked) == {b"1", b"2"}
        async with asyncio.timeout(20):
            received = asyncio.create_task(anext(inbox))
            while not received.done():
                await eventually_connected(other)
                await other.publish("a", b"again")
                await asyncio.sleep(0.02)
        assert received.result() == ("a", b"again")


async def test_a_responder_that_dies_is_seen(buses: Buses, other: Bus) -> None:
    if not buses.breakable:
        pytest.skip("one process has no other to lose")
    one = buses.end()
    begun, finished = asyncio.Event(), asyncio.Event()

    async def never(payload: bytes) -> bytes:
        begun.set()
        await finished.wait()
        return b""

    await one.serve("s", never)
    request = asyncio.create_task(other.request("s", b"", timeout_s=1.0))
    await begun.wait()
    await buses.kill(one)
    with pytest.raises(RequestTimeout):
        await request
    async with asyncio.timeout(20):
        while True:
            try:
                await other.request("s", b"", timeout_s=0.1)
            except NoResponder:
                break
            except RequestTimeout:
                await asyncio.sleep(0.02)
    finished.set()
