"""The instrument that tests of networks rest on: a namespace, its links, their weather and its firewall."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import netns
from tests.servers.netns import Namespace, World
from tests.servers.weather import Weather

pytestmark = pytest.mark.skipif(bool(netns.missing()), reason=str(netns.missing()))

#: Sends numbered datagrams, one each 2 ms, then counts what comes back within a second; prints it and the own address.
SENDER = """
import socket, sys, time
host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
sock.settimeout(1)
try:
    sock.connect((host, port))
    for number in range(count):
        sock.send(number.to_bytes(2, "big")); time.sleep(0.002)
except OSError:
    pass
back = []
try:
    while True:
        back.append(int.from_bytes(sock.recv(100), "big"))
except OSError:
    pass
print(len(back), int(back != sorted(back)), sock.getsockname()[0])
"""


class Echo:
    """A server that sends datagrams back, on any port of the court's addresses."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.port = self.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            payload, source = self.socket.recvfrom(100)
            if payload == b"end":
                return
            self.socket.sendto(payload, source)

    def close(self) -> None:
        with socket.socket(self.socket.family, socket.SOCK_DGRAM) as closing:
            closing.sendto(b"end", self.socket.getsockname()[:2])
        self._thread.join(5)
        self.socket.close()


@pytest.fixture
def world() -> Iterator[World]:
    with World() as world:
        yield world


@pytest.fixture
def echo(world: World) -> Iterator[Echo]:
    echo = Echo(world.v4)
    yield echo
    echo.close()


def ask(namespace: Namespace, host: str, port: int, count: int = 20) -> tuple[int, bool, str]:
    """How many came back, whether in another order, and from which address they were asked."""
    back, mixed, source = namespace.run(sys.executable, "-c", SENDER, host, str(port), str(count)).split()
    return int(back), mixed == "1", source


def test_a_namespace_reaches_the_court_by_its_link_only(world: World, echo: Echo) -> None:
    with world.namespace() as namespace:
        assert ask(namespace, world.v4, echo.port)[0] == 0
        link = namespace.join()
        assert ask(namespace, world.v4, echo.port) == (20, False, link.far_v4)
        link.weather(Weather(loss=0.3, delay_ms=20, jitter_ms=20))
        back, mixed, _ = ask(namespace, world.v4, echo.port, 400)
        assert 100 < back < 300  # 0.7 there and 0.7 back is half
        assert mixed
        link.weather(Weather(loss=1))
        assert ask(namespace, world.v4, echo.port)[0] == 0
        link.count()
        assert sum(link.lost) > 100


def test_the_next_link_takes_over(world: World, echo: Echo) -> None:
    with world.namespace() as namespace:
        first, second = namespace.join(), namespace.join()
        assert {ask(namespace, world.v4, echo.port)[2]} <= {first.far_v4, second.far_v4}
        namespace.drop(first)
        assert ask(namespace, world.v4, echo.port) == (20, False, second.far_v4)


def test_ipv6_alone(world: World) -> None:
    echo = Echo(world.v6)
    with world.namespace() as namespace:
        link = namespace.join(v4=False, v6=True)
        assert ask(namespace, world.v6, echo.port) == (20, False, link.far_v6)
    echo.close()


def test_a_firewall_lets_pass_what_it_is_told(world: World, echo: Echo) -> None:
    with world.namespace() as namespace:
        namespace.join()
        namespace.allow_only(("-p", "udp", "--dport", str(echo.port)))
        assert ask(namespace, world.v4, echo.port)[0] == 20
    with world.namespace() as namespace:
        namespace.join()
        namespace.allow_only(("-p", "tcp"))
        assert ask(namespace, world.v4, echo.port)[0] == 0


def test_nothing_is_left(world: World) -> None:
    with world.namespace() as namespace:
        link = namespace.join()
        assert namespace.name in netns.run("ip", "netns", "list")
    assert namespace.name not in netns.run("ip", "netns", "list")
    assert link.near not in netns.run("ip", "link")


def test_remains_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    code = (
        "import os, signal; from tests.servers.netns import World; world = World().__enter__()\n"
        "with world.namespace() as n: n.join(); print(n.name, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    name = killed.stdout.strip()
    assert name in netns.run("ip", "netns", "list")
    netns.remove_remains()
    assert name not in netns.run("ip", "netns", "list")
    assert f"hz{name.split('-')[1]}" not in netns.run("ip", "link")
