"""The worker's one timer: what is asked for again, reported, checked and told, each in its turn."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from .. import worker_api as api
from .clock import NS_PER_S, Clock
from .levels import PERIOD_MS
from .uplink import Uplink

if TYPE_CHECKING:
    from .port import Port
    from .receiver import Receiver
    from .room import Room
    from .transport import Transport

logger = logging.getLogger(__name__)

#: NACKs go out on each tick, so it is well below a round trip.
TICK_MS = 20
#: Each transport reports once in this many ticks (0.5 s), spread evenly over them.
REPORT_TICKS = 25
LEVEL_TICKS = PERIOD_MS // TICK_MS
QUALITY_TICKS = int(api.QUALITY_S * 1000) // TICK_MS
#: Shares of a short load average: 1 s windows, half of the new one.
LOAD_SMOOTHING = 0.5


class Turns:
    """Of the transports that were added, and of the rooms there are; ``after`` is called at the end of each tick."""

    def __init__(self, port: Port, rooms: Mapping[str, Room], after: Callable[[], None], now_ns: int) -> None:
        self.packets_out_s = 0.0
        self._port = port
        self._rooms = rooms
        self._after = after
        self._uplinks: dict[str, Uplink] = {}
        self._slots: list[dict[str, Transport]] = [{} for _ in range(REPORT_TICKS)]
        self._ticks = 0
        self._sent_before = self._sent_gone = 0
        self._load_ns = now_ns

    def add(self, transport: Transport) -> None:
        min(self._slots, key=len)[transport.id] = transport
        if isinstance(transport, Uplink):
            self._uplinks[transport.id] = transport

    def remove(self, transport: Transport) -> None:
        """What it has sent counts on."""
        self._uplinks.pop(transport.id, None)
        for slot in self._slots:
            slot.pop(transport.id, None)
        self._sent_gone += transport.packets_out

    async def run(self, clock: Clock) -> None:
        while True:
            await asyncio.sleep(TICK_MS / 1000)
            try:
                self.tick(clock.mono_ns())
            except Exception:
                logger.exception("a tick failed")

    def tick(self, now_ns: int) -> None:
        self._ticks += 1
        slot = self._slots[self._ticks % REPORT_TICKS]
        self._port.look(now_ns)
        for uplink in self._uplinks.values():
            uplink.on_timer(now_ns)
        reporting: dict[Receiver, None] = dict(self._port.due)
        reporting.update(dict.fromkeys(slot.values()))
        for transport in reporting:
            transport.report_due = False
            transport.report(now_ns)
        for transport in list(slot.values()):
            transport.check_consent(now_ns)
        for turn, room in enumerate(self._rooms.values(), self._ticks):  # packets never wait for all of them at once
            if turn % LEVEL_TICKS == 0:
                room.tell_levels(now_ns)
            if turn % QUALITY_TICKS == 0:
                room.tell_quality(now_ns)
            if turn % REPORT_TICKS == 0:
                room.on_timer(now_ns)
        if now_ns - self._load_ns >= NS_PER_S:
            self._measure_load(now_ns)
        self._after()

    def _measure_load(self, now_ns: int) -> None:
        sent = self._sent_gone + sum(each.packets_out for slot in self._slots for each in slot.values())
        rate = (sent - self._sent_before) * NS_PER_S / (now_ns - self._load_ns)
        self.packets_out_s += (rate - self.packets_out_s) * LOAD_SMOOTHING
        self._sent_before, self._load_ns = sent, now_ns
