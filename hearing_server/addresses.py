"""The addresses and ports of this computer."""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
import sys
from dataclasses import dataclass
from typing import Literal

from .words import Fault, Word

if sys.platform == "linux":
    import fcntl

SIOCGIFADDR = 0x8915  # netdevice(7): the IPv4 address of an interface
#: Addresses for documentation (RFC 5737, RFC 3849): a UDP "connection" there sends nothing, but picks the way out.
ELSEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
#: How many ports after a taken one are tried.
PORT_TRIES = 50

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def local_addresses() -> list[Address]:
    """Addresses by which another computer may reach this one, the one of the default route first; no loopback."""
    found: dict[Address, None] = {}
    for family, target in ELSEWHERE:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((target, 9))
                found[ipaddress.ip_address(probe.getsockname()[0])] = None
            except OSError:
                continue
    for text in [*_interface_addresses(), *_named_addresses()]:
        found[ipaddress.ip_address(text)] = None
    return [
        address for address in found if not (address.is_loopback or address.is_unspecified or _link_local_6(address))
    ]


def _link_local_6(address: Address) -> bool:
    """fe80:: addresses mean nothing without a zone, which a URL cannot carry."""
    return address.version == 6 and address.is_link_local


def _interface_addresses() -> list[str]:
    if sys.platform != "linux":
        return []
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            try:
                answer = fcntl.ioctl(probe, SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
            except OSError:
                continue  # an interface without an IPv4 address
            found.append(socket.inet_ntoa(answer[20:24]))
    return found


def _named_addresses() -> list[str]:
    try:
        answers = socket.getaddrinfo(socket.gethostname(), None)
    except OSError:
        return []
    return [str(answer[4][0]).partition("%")[0] for answer in answers]


def in_url(address: Address) -> str:
    return f"[{address}]" if address.version == 6 else str(address)


@dataclass(frozen=True, slots=True)
class PortUse:
    """What a port is for: ``setting`` is the variable a person changes it by, ``kind`` how it is bound."""

    setting: str
    name: str | Word
    kind: Literal["tcp", "tcp+udp"] = "tcp"


def bind_tcp(address: str, port: int, use: PortUse) -> list[socket.socket]:
    """Listening sockets for an address: ``localhost`` means both loopbacks, ``*`` everything.

    Port 0 takes any free one, the same for all.  Raises :class:`Fault` if the port is taken or not allowed.
    """
    bound: list[socket.socket] = []
    try:
        for family, host in _hosts(address):
            listener = _listener(family, host, port)
            if listener is None:
                continue
            bound.append(listener)
            port = listener.getsockname()[1]
    except OSError as error:
        for listener in bound:
            listener.close()
        raise _fault(error, address, port, use) from error
    return bound


def _hosts(address: str) -> list[tuple[socket.AddressFamily, str]]:
    if address == "localhost":
        return [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    if address == "*":
        return [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")]
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return [(family, address)]


def _listener(family: socket.AddressFamily, host: str, port: int) -> socket.socket | None:
    """Nothing where the computer has no IPv6 and IPv4 does the work."""
    optional = host in ("::1", "::")
    try:
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        if optional:
            return None
        raise
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        if optional and error.errno == errno.EADDRNOTAVAIL:
            return None
        raise
    return listener


def _fault(error: OSError, address: str, port: int, use: PortUse) -> Fault:
    if error.errno == errno.EADDRINUSE:
        return Fault("port-in-use", port=port, use=use.name, name=use.setting)
    if error.errno == errno.EACCES:
        return Fault("port-denied", port=port, use=use.name, name=use.setting)
    return Fault("address-unknown", address=address, use=use.name, name=use.setting)


def check_port(address: str, port: int, use: PortUse) -> None:
    """Raise :class:`Fault` if the port cannot be bound now."""
    for listener in bind_tcp(address, port, use):
        listener.close()
    if use.kind == "tcp+udp":
        family, host = _hosts(address)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((host, port))
            except OSError as error:
                raise _fault(error, address, port, use) from error


def next_free_port(address: str, port: int, use: PortUse) -> int:
    """The port itself, or the next after it that is free; port 0 stays 0."""
    fault = None
    for candidate in range(port, min(port + PORT_TRIES, 65536)):
        try:
            check_port(address, candidate, use)
        except Fault as error:
            fault = fault or error
        else:
            return candidate
    raise fault or Fault("port-in-use", port=port, use=use.name, name=use.setting)
