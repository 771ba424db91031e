"""What clients are told about where the port can be reached."""

from __future__ import annotations

import contextlib
import ipaddress
import socket

from ..ortc import IceCandidate

#: RFC 8445 §5.1.2.1: type preference 126 for host candidates; UDP before TCP.
UDP_PRIORITY = (126 << 24) + (65535 << 8) + 255
TCP_PRIORITY = (126 << 24) + (32767 << 8) + 255


def candidates(addresses: list[str], number: int, *, tcp: bool) -> list[IceCandidate]:
    """Host candidates of the one port, the earlier addresses preferred; all UDP before all TCP."""
    found = []
    for i, address in enumerate(addresses):
        found.append(
            IceCandidate(
                foundation=f"udp{i}",
                priority=UDP_PRIORITY - (i << 8),
                address=address,
                ip=address,
                port=number,
                protocol="udp",
            )
        )
        if tcp:
            found.append(
                IceCandidate(
                    foundation=f"tcp{i}",
                    priority=TCP_PRIORITY - (i << 8),
                    address=address,
                    ip=address,
                    port=number,
                    protocol="tcp",
                    tcp_type="passive",
                )
            )
    return found


def announced_addresses(listen: tuple[str, ...], announced: tuple[str, ...]) -> list[str]:
    """What clients are told: see :class:`.settings.WorkerSettings`."""
    found: list[str] = list(announced)
    if not found:
        for host in listen:
            wildcard = ipaddress.ip_address(host).is_unspecified
            found.append(_default_address(ipv6=":" in host) if wildcard else host)
    return [address for address in dict.fromkeys(found) if not _needs_zone(address)]


def _needs_zone(address: str) -> bool:
    """A link-local IPv6 address means nothing to another computer (RFC 4007 §11.2)."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:  # a name
        return False
    return ip.version == 6 and ip.is_link_local


def _default_address(*, ipv6: bool) -> str:
    """The address of the default route; loopback without one.  Connecting a UDP socket sends nothing."""
    family, probe, loopback = (
        (socket.AF_INET6, "2001:db8::1", "::1") if ipv6 else (socket.AF_INET, "192.0.2.1", "127.0.0.1")
    )
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect((probe, 9))
        return str(sock.getsockname()[0])
    return loopback
