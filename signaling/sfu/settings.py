"""What an operator chooses for one media worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: ``auto``: compiled if it is there, else Python.
HotPath = Literal["auto", "python", "native"]

#: Packets sent per second and process before newcomers are refused.  A prototype of this plane forwarded 54,000/s on
#: one 2026 server core at 60 % load; RTCP and capture take their share of the rest.
DEFAULT_PACKETS_OUT_LIMIT_S = 50_000


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """``listen``: IPv4 and IPv6 addresses, all with the one ``port`` (0: any free).

    ``announced``: addresses that clients are told instead of the listening ones (NAT, or a wildcard listener); empty
    means the listening addresses, a wildcard standing for the address of the default route, or loopback without one.
    ``own``: addresses of this computer.  With a wildcard listener each has a socket of its own beside it, so that
    answers leave from the address that was asked, whatever the routes prefer.
    ``codecs``: MIME types that are carried, in lower case; ``None`` means all that this plane knows.
    """

    listen: tuple[str, ...] = ("0.0.0.0",)
    port: int = 0
    announced: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    tcp: bool = True
    codecs: frozenset[str] | None = None
    packets_out_limit_s: int = DEFAULT_PACKETS_OUT_LIMIT_S
    hot_path: HotPath = "auto"
