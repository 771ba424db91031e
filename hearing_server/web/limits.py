"""Bounds on what strangers may ask: how often, and how much."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable

#: What one address may spend at once, and per second after that.  A court building behind one address brings dozens
#: of people at the hour; a guesser of links needs billions.
BURST = 120.0
PER_S = 2.0
COST = 1.0
#: A link or cookie that does not exist costs more.
COST_OF_A_MISS = 10.0
#: Addresses remembered; the one unseen for longest is forgotten first.
ADDRESSES_LIMIT = 10_000


class RateLimit:
    """A token bucket per client address (IPv6: per /64, which is one subscriber)."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def spend(self, address: str, cost: float = COST) -> bool:
        """Take from the address's bucket; false, and nothing taken, if there is not enough."""
        key = subscriber(address)
        now = self._now()
        left, since = self._left.pop(key, (BURST, now))
        left = min(BURST, left + (now - since) * PER_S)
        enough = left >= cost
        self._left[key] = (left - cost if enough else left, now)
        while len(self._left) > ADDRESSES_LIMIT:
            self._left.popitem(last=False)
        return enough

    def punish(self, address: str) -> None:
        """What was asked for does not exist."""
        if not self.spend(address, COST_OF_A_MISS):
            self._left[subscriber(address)] = (0.0, self._now())

    def retry_after_s(self) -> int:
        """When one more request is certain to be taken."""
        return int(COST / PER_S) + 1


def subscriber(address: str) -> str:
    """Whose address it is, as far as it says (IPv6: by /64)."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4 or parsed.is_loopback:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False))
