"""Datagrams over a TCP stream: two bytes of length before each (RFC 4571)."""

from __future__ import annotations

from collections.abc import Iterator


def frame(datagram: bytes | memoryview) -> bytes:
    return len(datagram).to_bytes(2, "big") + bytes(datagram)


class Deframer:
    """Feed it the stream as it comes; it holds at most one unfinished frame of 64 kB."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The datagrams that are complete now."""
        buffer = self._buffer
        buffer += data
        at = 0
        try:
            while len(buffer) - at >= 2:
                end = at + 2 + int.from_bytes(buffer[at : at + 2], "big")
                if end > len(buffer):
                    break
                datagram = bytes(buffer[at + 2 : end])
                at = end
                yield datagram
        finally:
            del buffer[:at]
