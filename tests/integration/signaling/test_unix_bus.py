"""The hub's socket: who may listen, long paths, what a stranger may do; and the bus that a setting names."""

from __future__ import annotations

import asyncio
import socket
import stat
from pathlib import Path

import pytest

from signaling.bus import BusError, NoResponder
from signaling.bus.factory import SOCKET_NAME, open_bus
from signaling.bus.frames import Call, Dropped, pack
from signaling.bus.local import LocalBus
from signaling.bus.unix import LocalBusClient
from signaling.bus.unix_hub import LocalBusServer

from .buses import eventually_connected, serving


async def test_control_and_its_children(tmp_path: Path) -> None:
    async with open_bus("local:", tmp_path, hub=True) as hub, open_bus("local:", tmp_path, hub=False) as child:
        assert stat.S_IMODE((tmp_path / SOCKET_NAME).stat().st_mode) == 0o600
        async with serving(child, "worker.1"):
            assert await hub.request("worker.1", b"1") == b"re: 1"
        async with serving(hub, "control"), hub.subscribe("workers") as inbox:
            assert await child.request("control", b"2") == b"re: 2"
            await child.publish("workers", b"3")
            assert await anext(inbox) == ("workers", b"3")
    assert not (tmp_path / SOCKET_NAME).exists()


async def test_a_child_may_come_first(tmp_path: Path) -> None:
    async with open_bus("local:", tmp_path / "run", hub=False) as child:
        serve = asyncio.create_task(child.serve("worker.1", _echo))
        await asyncio.sleep(0.05)
        async with open_bus("local:", tmp_path / "run", hub=True) as hub:
            await serve
            assert await hub.request("worker.1", b"1") == b"1"


async def _echo(payload: bytes) -> bytes:
    return payload


@pytest.mark.parametrize("url", ["", "local", "local:x", "amqp://host", "http://host"])
async def test_no_such_bus(url: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such bus"):
        async with open_bus(url, tmp_path, hub=True):
            pass


async def test_one_hub_at_a_time(tmp_path: Path) -> None:
    async with open_bus("local:", tmp_path, hub=True):
        with pytest.raises(BusError, match="another process holds the bus"):
            async with open_bus("local:", tmp_path, hub=True):
                pass
        assert (tmp_path / SOCKET_NAME).exists()


async def test_the_socket_of_a_dead_control_is_taken_over(tmp_path: Path) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / SOCKET_NAME))
    left.close()
    async with open_bus("local:", tmp_path, hub=True), open_bus("local:", tmp_path, hub=False) as child:
        await eventually_connected(child)


async def test_a_long_path(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    async with open_bus("local:", folder, hub=True), open_bus("local:", folder, hub=False) as child:
        await eventually_connected(child)


@pytest.mark.parametrize(
    "sent", [b"GET / HTTP/1.1\r\n\r\n", b"\xff\xff\xff\xff", pack(Call(1, "s", b"")), pack(Dropped("a", 1))]
)
async def test_a_stranger_on_the_socket_is_cut_off(sent: bytes, tmp_path: Path) -> None:
    bus = LocalBus()
    server = LocalBusServer(bus, tmp_path / "s")
    await server.start()
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"))
    writer.write(sent)
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    writer.close()
    child = LocalBusClient(tmp_path / "s")
    await eventually_connected(child)
    await child.aclose()
    await server.aclose()
    await bus.aclose()


async def test_a_child_that_goes_takes_its_names_with_it(tmp_path: Path) -> None:
    async with open_bus("local:", tmp_path, hub=True) as hub:
        async with open_bus("local:", tmp_path, hub=False) as child:
            await child.serve("worker.1", _echo)
            assert await hub.request("worker.1", b"1") == b"1"
        with pytest.raises(NoResponder):
            await hub.request("worker.1", b"1")
