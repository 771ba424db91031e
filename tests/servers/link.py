"""A link between two networks of one computer, with weather: a program that moves packets between two TUN devices.

    python -m tests.servers.link NEAR FAR NAMESPACE SEED

It makes both devices, moves FAR into the network namespace, prints a line when both are there, and then takes one JSON
object per line: ``{"up": {...}, "down": {...}}`` sets the weather from and to FAR (fields of
:class:`~tests.servers.weather.Weather`); each is answered by the packets passed and lost so far.  The devices are gone
when it ends.  Unlike ``tc netem`` this needs no module of the kernel, and its dice can be thrown again.
"""

from __future__ import annotations

import fcntl
import heapq
import json
import os
import selectors
import struct
import subprocess
import sys
import time

from .weather import Direction, Weather

#: <linux/if_tun.h>
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
MTU_BYTES = 1500
#: Packets on their way; a full device queue of the kernel holds 500.
MAX_WAITING = 20_000
#: Read at most so many before others get their turn.
BATCH = 64


def open_tun(name: str) -> int:
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return device


class Link:
    """``near`` and ``far``: the open devices."""

    def __init__(self, near: int, far: int, seed: int) -> None:
        self.up, self.down = Direction(seed), Direction(seed + 1)
        self._ways = {far: (self.up, near), near: (self.down, far)}
        self._waiting: list[tuple[float, int, int, bytes]] = []
        self._count = 0

    def read(self, device: int) -> None:
        direction, other = self._ways[device]
        for _ in range(BATCH):
            try:
                packet = os.read(device, MTU_BYTES + 64)
            except OSError:  # nothing more now, or the device is down
                return
            now = time.monotonic()
            due = direction.offer(len(packet), now)
            if due is None or len(self._waiting) >= MAX_WAITING:
                continue
            if due <= now:
                _write(other, packet)
            else:
                self._count += 1
                heapq.heappush(self._waiting, (due, self._count, other, packet))

    def deliver(self) -> float | None:
        """Write what is due; returns how long until the next is, s."""
        while self._waiting:
            now = time.monotonic()
            due, _, device, packet = self._waiting[0]
            if due > now:
                return due - now
            heapq.heappop(self._waiting)
            _write(device, packet)
        return None

    def take(self, line: bytes) -> str:
        order = json.loads(line)
        for name, direction in (("up", self.up), ("down", self.down)):
            if name in order:
                direction.weather = Weather(**order[name])
        return json.dumps({"passed": [self.up.passed, self.down.passed], "lost": [self.up.lost, self.down.lost]})


def _write(device: int, packet: bytes) -> None:
    try:
        os.write(device, packet)
    except OSError:  # the device is down: so are the packets
        return


def main(near_name: str, far_name: str, namespace: str, seed: str) -> None:
    near, far = open_tun(near_name), open_tun(far_name)
    subprocess.run(["ip", "link", "set", far_name, "netns", namespace], check=True)
    link = Link(near, far, int(seed))
    selector = selectors.DefaultSelector()
    for device in (near, far):
        selector.register(device, selectors.EVENT_READ)
    selector.register(sys.stdin.buffer, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select(link.deliver()):
            if isinstance(key.fileobj, int):
                link.read(key.fileobj)
                continue
            line = sys.stdin.buffer.readline()
            if not line:
                return
            print(link.take(line), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
