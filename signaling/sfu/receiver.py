"""What a port and the transports behind it know of each other."""

from __future__ import annotations

from typing import Any, Protocol

from . import stun
from .fastpath import Ingress

Address = tuple[Any, ...]


class Path(Protocol):
    """A way to one address of a peer."""

    def __hash__(self) -> int: ...

    def send(self, datagram: bytes | memoryview) -> bool:
        """Hand over one datagram; ``False`` if there was no room for it."""


class Receiver(Protocol):
    """A transport, as the port sees it."""

    ingress: Ingress | None
    report_due: bool

    def report(self, now_ns: int) -> None:
        """Send the reports that are due."""

    def on_stun(self, request: stun.BindingRequest, path: Path, source: Address, now_ns: int) -> None: ...

    def on_datagram(self, datagram: bytes, now_ns: int) -> None:
        """A datagram that is not STUN, from a proven path."""

    def on_protected(self, pointer: Any, view: memoryview, at: int, size: int, now_ns: int) -> None:
        """An SRTP or SRTCP packet in the port's own memory, from a proven path."""

    def on_plain(self, packet: bytes, now_ns: int) -> None:
        """An RTP packet, already decrypted, from a proven path."""

    def on_taken(self, ssrc: int, now_ns: int) -> None:
        """The hot path has taken a packet of this stream, but not all who receive it are its own."""

    def on_path_closed(self, path: Path) -> None: ...
