"""Networks of their own for programs under test: Linux network namespaces, joined to this computer's by links.

Needs root and a kernel with namespaces and TUN devices; :func:`missing` says what is not there.  Names carry the id of
the process that made them, so that what a killed test run left behind is known and removed by the next.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from .process import PROJECT, die_with_parent
from .weather import Weather

#: Private addresses that home routers do not use, 256 for each test run, and the same for IPv6.
POOL_V4 = ipaddress.IPv4Address("10.240.0.0")
POOL_V6 = "fd68:6561:72"
RUNS = 4096
STEP_LIMIT_S = 20.0


def missing() -> str | None:
    """Why there can be no networks here, or nothing."""
    if not sys.platform.startswith("linux"):
        return "network namespaces are Linux's"
    if os.geteuid() != 0:
        return "only root can make network namespaces"
    for program in ("ip", "iptables", "ip6tables"):
        if shutil.which(program) is None:
            return f"{program} is not installed (packages iproute2 and iptables)"
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "there is no /dev/net/tun"
    probe = f"hearing-{os.getpid()}-probe"
    if subprocess.run(["ip", "netns", "add", probe], capture_output=True).returncode:
        return "this kernel or container allows no network namespaces"
    run("ip", "netns", "delete", probe)
    return None


def run(*words: str) -> str:
    """Run a program to its end; raises with what it said."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=STEP_LIMIT_S)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def _try(*words: str) -> None:
    with contextlib.suppress(RuntimeError):
        run(*words)


def remove_remains() -> None:
    """What test runs that are not alive any more have left."""
    for name in re.findall(r"^(hearing-(\d+)-\S+)", run("ip", "netns", "list"), re.MULTILINE):
        if not Path(f"/proc/{name[1]}").exists():
            _try("ip", "netns", "delete", name[0])
    for device, owner in re.findall(r"^\d+: (hz(\d+)[a-z]+\d*)", run("ip", "-o", "link"), re.MULTILINE):
        if not Path(f"/proc/{owner}").exists():
            _try("ip", "link", "delete", device)


@dataclass
class Link:
    """One way between a namespace and the court; its devices vanish with its process."""

    near: str
    far: str
    far_v4: str
    far_v6: str
    process: subprocess.Popen[str]
    lost: tuple[int, int] = (0, 0)
    passed: tuple[int, int] = (0, 0)

    def weather(self, up: Weather, down: Weather | None = None) -> None:
        """What happens to packets from the namespace, and to those that go to it (the same if not given)."""
        self._tell({"up": asdict(up), "down": asdict(down or up)})

    def count(self) -> None:
        """Refresh ``passed`` and ``lost``: packets (up, down) so far."""
        self._tell({})

    def _tell(self, order: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        self.passed, self.lost = tuple(answer["passed"]), tuple(answer["lost"])

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(STEP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


@dataclass
class Namespace:
    """A network that reaches the court only by its links.  The one made last is taken unless it was made a spare."""

    name: str
    world: World
    links: list[Link] = field(default_factory=list)

    def run(self, *words: str) -> str:
        return run("ip", "netns", "exec", self.name, *words)

    def join(self, *, v4: bool = True, v6: bool = False, seed: int = 1, spare: bool = False) -> Link:
        """Another link to the court, with an address of its own; a spare one is taken by what asks for it by address,
        and by all once there is no other."""
        link = self.world.make_link(self.name, seed)
        self.links.append(link)
        self.run("ip", "link", "set", link.far, "up")
        number = len(self.links)
        metric = 1000 + number if spare else 1000 - number
        for wanted, family, address, bits in ((v4, "-4", link.far_v4, 32), (v6, "-6", link.far_v6, 128)):
            if not wanted:
                continue
            self.run("ip", family, "address", "add", f"{address}/{bits}", "dev", link.far)
            run("ip", family, "route", "add", f"{address}/{bits}", "dev", link.near)
            # What leaves from this address takes this link, as on a phone with Wi-Fi and mobile.
            self.run("ip", family, "route", "add", "default", "dev", link.far, "table", str(100 + number))
            self.run("ip", family, "rule", "add", "from", address, "lookup", str(100 + number))
            self.run("ip", family, "route", "add", "default", "dev", link.far, "metric", str(metric))
        return link

    def drop(self, link: Link) -> None:
        """The link goes down at this end and its addresses with it, as Wi-Fi does when its station is out of reach."""
        self.run("ip", "link", "set", link.far, "down")
        self.run("ip", "address", "flush", "dev", link.far)

    def allow_only(self, *rules: Sequence[str]) -> None:
        """A firewall: of what leaves, only packets that one of these matches pass (words of iptables(8))."""
        for program in ("iptables", "ip6tables"):
            self.run(program, "-A", "OUTPUT", "-o", "lo", "-j", "ACCEPT")
            for rule in rules:
                self.run(program, "-A", "OUTPUT", *rule, "-j", "ACCEPT")
            self.run(program, "-P", "OUTPUT", "DROP")

    def wrapper(self, program: str, folder: Path) -> Path:
        """A script that runs this program in the namespace."""
        script = folder / f"{self.name}-{Path(program).name}"
        script.write_text(f'#!/bin/sh\nexec ip netns exec {self.name} {program} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
        return script

    def close(self) -> None:
        for link in self.links:
            link.close()
        _try("ip", "netns", "delete", self.name)


class World:
    """The court's own side: addresses that the namespaces can reach.  A context manager; all is removed at its end."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        base = int(POOL_V4) + 256 * (self._pid % RUNS)
        self._v4 = [str(ipaddress.IPv4Address(base + last)) for last in range(256)]
        self._v6 = [f"{POOL_V6}{self._pid % 0x10000 >> 8:02x}:{self._pid % 0x10000:x}::{last:x}" for last in range(256)]
        #: Where servers listen, and an address of the court that is nobody's business.
        self.v4, self.v6, self.inner_v4 = self._v4[1], self._v6[1], self._v4[2]
        self._device = f"hz{self._pid}d"
        self._names = iter(range(1, 100))
        self._numbers = iter(range(1, 100))
        self._namespaces: list[Namespace] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        remove_remains()
        # A device that nobody reads, for its addresses alone.
        run("ip", "tuntap", "add", "dev", self._device, "mode", "tun")
        run("ip", "link", "set", self._device, "up")
        for address in (self.v4, self.inner_v4):
            run("ip", "address", "add", f"{address}/32", "dev", self._device)
        run("ip", "-6", "address", "add", f"{self.v6}/128", "dev", self._device, "nodad")
        return self

    def __exit__(self, *_: object) -> None:
        for namespace in self._namespaces:
            namespace.close()
        _try("ip", "link", "delete", self._device)

    @contextlib.contextmanager
    def namespace(self) -> Iterator[Namespace]:
        """A network without any way out; :meth:`Namespace.join` gives it one."""
        with self._lock:
            namespace = Namespace(f"hearing-{self._pid}-{next(self._names)}", self)
            self._namespaces.append(namespace)
        run("ip", "netns", "add", namespace.name)
        try:
            namespace.run("ip", "link", "set", "lo", "up")
            yield namespace
        finally:
            namespace.close()
            self._namespaces.remove(namespace)

    def make_link(self, namespace: str, seed: int) -> Link:
        number = next(self._numbers)
        near, far = f"hz{self._pid}n{number}", f"hz{self._pid}f{number}"
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.servers.link", near, far, namespace, str(seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
            preexec_fn=die_with_parent,
        )
        assert process.stdout is not None
        if process.stdout.readline().strip() != "ready":
            process.kill()
            process.wait()
            raise RuntimeError(f"the link {near} could not be made")
        run("ip", "link", "set", near, "up")
        return Link(near, far, self._v4[10 + number], self._v6[10 + number], process)
