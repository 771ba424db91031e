"""RTP packets: read, without ever raising; RTX packing (RFC 3550 §5.1, RFC 8285, RFC 4588)."""

from __future__ import annotations

import struct

HEADER_BYTES = 12
ONE_BYTE_PROFILE = 0xBEDE
TWO_BYTE_PROFILE = 0x1000

_HEADER = struct.Struct("!BBHII")
_U16 = struct.Struct("!H")
_EXTENSION = struct.Struct("!HH")


class RtpPacket:
    """A parsed packet; ``data`` keeps the bytes as received, the payload is ``data[payload_at:payload_end]``."""

    __slots__ = (
        "data",
        "extension_at",
        "extension_end",
        "marker",
        "payload_at",
        "payload_end",
        "payload_type",
        "profile",
        "sequence",
        "ssrc",
        "timestamp",
    )

    data: bytes
    marker: int
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload_at: int
    payload_end: int
    profile: int
    extension_at: int
    extension_end: int

    @property
    def payload(self) -> bytes:
        return self.data[self.payload_at : self.payload_end]

    def extensions(self) -> dict[int, bytes]:
        """Header extension elements by id.  A malformed element ends the list; the packet itself stays good."""
        found: dict[int, bytes] = {}
        data, at, end = self.data, self.extension_at, self.extension_end
        if self.profile == ONE_BYTE_PROFILE:
            while at < end:
                byte = data[at]
                at += 1
                if byte == 0:
                    continue
                number, length = byte >> 4, (byte & 15) + 1
                if number in (0, 15) or at + length > end:  # RFC 8285 §4.2: both end the reading
                    break
                found[number] = data[at : at + length]
                at += length
        elif self.profile & 0xFFF0 == TWO_BYTE_PROFILE:
            while at < end:
                number = data[at]
                at += 1
                if number == 0:
                    continue
                if at >= end or at + 1 + data[at] > end:
                    break
                length = data[at]
                found[number] = data[at + 1 : at + 1 + length]
                at += 1 + length
        return found


def parse(data: bytes) -> RtpPacket | None:
    """The packet, or ``None`` if it is not one."""
    size = len(data)
    if size < HEADER_BYTES:
        return None
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if first >> 6 != 2:
        return None
    at = HEADER_BYTES + (first & 15) * 4
    packet = RtpPacket()
    packet.profile = 0
    packet.extension_at = packet.extension_end = at
    if first & 0x10:
        if at + 4 > size:
            return None
        packet.profile, words = _EXTENSION.unpack_from(data, at)
        packet.extension_at = at + 4
        at += 4 + words * 4
        packet.extension_end = at
    end = size
    if first & 0x20:
        if at >= size or not data[-1]:
            return None
        end -= data[-1]
    if at > end:
        return None
    packet.data = data
    packet.marker = second & 0x80
    packet.payload_type = second & 0x7F
    packet.sequence = sequence
    packet.timestamp = timestamp
    packet.ssrc = ssrc
    packet.payload_at = at
    packet.payload_end = end
    return packet


def unwrap_rtx(packet: RtpPacket, ssrc: int, payload_type: int) -> bytes | None:
    """The original packet inside a retransmission (RFC 4588 §4), or ``None`` for padding-only probes."""
    if packet.payload_end - packet.payload_at < 2:
        return None
    data, at = packet.data, packet.payload_at
    (sequence,) = _U16.unpack_from(data, at)
    header = _HEADER.pack(data[0] & ~0x20, packet.marker | payload_type, sequence, packet.timestamp, ssrc)
    return header + data[HEADER_BYTES:at] + data[at + 2 : packet.payload_end]


def build(
    payload_type: int,
    sequence: int,
    timestamp: int,
    ssrc: int,
    payload: bytes,
    *,
    marker: bool = False,
    extensions: dict[int, bytes] | None = None,
) -> bytes:
    """A packet from its parts; extensions in the one-byte form (ids 1-14, values of 1-16 bytes)."""
    block = extension_block(extensions) if extensions else b""
    first = 0x90 if block else 0x80
    second = payload_type | (0x80 if marker else 0)
    return _HEADER.pack(first, second, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + block + payload


def extension(number: int, value: bytes) -> bytes:
    """One element in the one-byte form."""
    return bytes([number << 4 | len(value) - 1]) + value


def extended(block: bytes, element: bytes) -> bytes:
    """An extension block in the one-byte form, or nothing, with one more element; the block itself without one."""
    if not element:
        return block
    elements = block[4:] + element  # zeros between elements are passed over (RFC 8285 §4.1.1)
    elements += bytes(-len(elements) % 4)
    return _EXTENSION.pack(ONE_BYTE_PROFILE, len(elements) // 4) + elements


def extension_block(extensions: dict[int, bytes]) -> bytes:
    """The one-byte-form block with its four bytes of header, padded to whole words."""
    elements = b"".join(extension(number, value) for number, value in extensions.items())
    elements += bytes(-len(elements) % 4)
    return _EXTENSION.pack(ONE_BYTE_PROFILE, len(elements) // 4) + elements
