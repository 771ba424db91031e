"""RTCP: read compound packets without raising, write the few kinds we send.

RFC 3550 §6 (SR, RR, SDES, BYE), RFC 4585 (NACK, PLI), RFC 5104 (FIR), draft-alvestrand-rmcat-remb-03 (REMB).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

SR = 200
RR = 201
SDES = 202
BYE = 203
RTPFB = 205
PSFB = 206

NACK_FORMAT = 1
PLI_FORMAT = 1
FIR_FORMAT = 4
REMB_FORMAT = 15

#: Report blocks that fit in the header's five-bit count.
MAX_REPORTS = 31
#: Sequence numbers in one NACK we send or believe.
MAX_NACK_ITEMS = 512

_HEADER = struct.Struct("!BBH")
_REPORT = struct.Struct("!IIIIII")
_SENDER = struct.Struct("!IQIII")
_U32 = struct.Struct("!I")
_FEEDBACK = struct.Struct("!II")
_NACK_ITEM = struct.Struct("!HH")


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """``fraction_lost`` in 1/256 since the last report; ``lsr`` and ``dlsr`` as in RFC 3550 (1/65536 s)."""

    ssrc: int
    fraction_lost: int
    total_lost: int
    highest_sequence: int
    jitter: int
    lsr: int
    dlsr: int


@dataclass(frozen=True, slots=True)
class SenderReport:
    """``ntp``: 32.32 fixed point seconds since 1900 on the sender's clock; ``raw``: the report alone, as received."""

    ssrc: int
    ntp: int
    rtp_timestamp: int
    packets: int
    octets: int
    reports: tuple[ReportBlock, ...]
    raw: bytes


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    ssrc: int
    reports: tuple[ReportBlock, ...]


@dataclass(frozen=True, slots=True)
class Bye:
    ssrcs: tuple[int, ...]
    raw: bytes


@dataclass(frozen=True, slots=True)
class Nack:
    media_ssrc: int
    sequences: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class KeyframeRequest:
    """A PLI or a FIR."""

    media_ssrc: int


@dataclass(frozen=True, slots=True)
class Remb:
    """``bitrate`` in bits per second, over all ``ssrcs`` together."""

    bitrate: int
    ssrcs: tuple[int, ...]


Report = SenderReport | ReceiverReport | Bye | Nack | KeyframeRequest | Remb


def is_rtcp(datagram: bytes) -> bool:
    """Among packets of version 2: RTCP types 192-223 (RFC 5761 §4)."""
    return len(datagram) >= 2 and 192 <= datagram[1] <= 223


def parse(data: bytes) -> list[Report]:
    """All known reports of a compound packet up to the first malformed one; unknown kinds are passed over."""
    found: list[Report] = []
    at, size = 0, len(data)
    while at + 4 <= size:
        first, kind, words = _HEADER.unpack_from(data, at)
        end = at + 4 + words * 4
        if first >> 6 != 2 or end > size:
            break
        body_end = end
        if first & 0x20:
            padding = data[end - 1]
            if not padding or at + 4 + padding > end:
                break
            body_end -= padding
        report = _parse_one(kind, first & 31, data, at, body_end)
        if report is not None:
            found.append(report)
        at = end
    return found


def _parse_one(kind: int, count: int, data: bytes, at: int, end: int) -> Report | None:
    body = at + 4
    if kind == SR:
        if end - body < 24:
            return None
        ssrc, ntp, timestamp, packets, octets = _SENDER.unpack_from(data, body)
        blocks = _parse_blocks(data, body + 24, end, count)
        return SenderReport(ssrc, ntp, timestamp, packets, octets, blocks, data[at:end])
    if kind == RR:
        if end - body < 4:
            return None
        return ReceiverReport(_U32.unpack_from(data, body)[0], _parse_blocks(data, body + 4, end, count))
    if kind == BYE:
        if end - body < count * 4:
            return None
        return Bye(struct.unpack_from(f"!{count}I", data, body), data[at:end])
    if kind == RTPFB and count == NACK_FORMAT:
        return _parse_nack(data, body, end)
    if kind == PSFB:
        return _parse_payload_feedback(count, data, body, end)
    return None


def _parse_blocks(data: bytes, at: int, end: int, count: int) -> tuple[ReportBlock, ...]:
    blocks = []
    for _ in range(min(count, (end - at) // 24)):
        ssrc, lost, highest, jitter, lsr, dlsr = _REPORT.unpack_from(data, at)
        total = lost & 0xFFFFFF
        if total & 0x800000:
            total -= 0x1000000
        blocks.append(ReportBlock(ssrc, lost >> 24, total, highest, jitter, lsr, dlsr))
        at += 24
    return tuple(blocks)


def _parse_nack(data: bytes, at: int, end: int) -> Nack | None:
    if end - at < 12:
        return None
    _, media = _FEEDBACK.unpack_from(data, at)
    sequences: list[int] = []
    for item in range(at + 8, end - 3, 4):
        first, mask = _NACK_ITEM.unpack_from(data, item)
        sequences.append(first)
        sequences += [(first + bit + 1) & 0xFFFF for bit in range(16) if mask >> bit & 1]
        if len(sequences) >= MAX_NACK_ITEMS:
            break
    return Nack(media, tuple(sequences[:MAX_NACK_ITEMS]))


def _parse_payload_feedback(count: int, data: bytes, at: int, end: int) -> Report | None:
    if end - at < 8:
        return None
    _, media = _FEEDBACK.unpack_from(data, at)
    if count == PLI_FORMAT:
        return KeyframeRequest(media)
    if count == FIR_FORMAT and end - at >= 16:
        return KeyframeRequest(_U32.unpack_from(data, at + 8)[0])
    if count == REMB_FORMAT and end - at >= 16 and data[at + 8 : at + 12] == b"REMB":
        ssrc_count, exponent_mantissa = data[at + 12], int.from_bytes(data[at + 13 : at + 16], "big")
        if at + 16 + ssrc_count * 4 > end:
            return None
        bitrate = (exponent_mantissa & 0x3FFFF) << (exponent_mantissa >> 18)
        return Remb(bitrate, struct.unpack_from(f"!{ssrc_count}I", data, at + 16))
    return None


def sender_report(ssrc: int, ntp: int, rtp_timestamp: int, packets: int, octets: int) -> bytes:
    sender = _SENDER.pack(ssrc, ntp, rtp_timestamp & 0xFFFFFFFF, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)
    return _HEADER.pack(0x80, SR, 6) + sender


def receiver_report(ssrc: int, blocks: list[ReportBlock]) -> bytes:
    """At most 31 blocks are written."""
    blocks = blocks[:MAX_REPORTS]
    body = _U32.pack(ssrc)
    for b in blocks:
        lost = b.fraction_lost << 24 | max(-0x800000, min(0x7FFFFF, b.total_lost)) & 0xFFFFFF
        body += _REPORT.pack(b.ssrc, lost, b.highest_sequence & 0xFFFFFFFF, b.jitter & 0xFFFFFFFF, b.lsr, b.dlsr)
    return _HEADER.pack(0x80 | len(blocks), RR, len(body) // 4) + body


def sdes_cname(names: list[tuple[int, str]]) -> bytes:
    """Canonical names by SSRC (RFC 3550 §6.5.1)."""
    body = b""
    for ssrc, cname in names[:MAX_REPORTS]:
        text = cname.encode()[:255]
        chunk = _U32.pack(ssrc) + bytes([1, len(text)]) + text
        body += chunk + bytes(4 - len(chunk) % 4)
    return _HEADER.pack(0x80 | min(len(names), MAX_REPORTS), SDES, len(body) // 4) + body


def nack(sender_ssrc: int, media_ssrc: int, sequences: list[int]) -> bytes:
    """``sequences`` in sending order; the 17-bit form packs neighbours (RFC 4585 §6.2.1)."""
    items: list[tuple[int, int]] = []
    for sequence in sequences[:MAX_NACK_ITEMS]:
        if items:
            first, mask = items[-1]
            distance = (sequence - first) & 0xFFFF
            if distance == 0:
                continue
            if distance <= 16:
                items[-1] = (first, mask | 1 << (distance - 1))
                continue
        items.append((sequence & 0xFFFF, 0))
    body = _FEEDBACK.pack(sender_ssrc, media_ssrc) + b"".join(_NACK_ITEM.pack(*item) for item in items)
    return _HEADER.pack(0x80 | NACK_FORMAT, RTPFB, len(body) // 4) + body


def pli(sender_ssrc: int, media_ssrc: int) -> bytes:
    return _HEADER.pack(0x80 | PLI_FORMAT, PSFB, 2) + _FEEDBACK.pack(sender_ssrc, media_ssrc)


def remb(sender_ssrc: int, bitrate: int, ssrcs: list[int]) -> bytes:
    exponent = max(0, bitrate.bit_length() - 18)
    mantissa = bitrate >> exponent
    body = _FEEDBACK.pack(sender_ssrc, 0) + b"REMB"
    body += bytes([len(ssrcs)]) + (exponent << 18 | mantissa).to_bytes(3, "big")
    body += struct.pack(f"!{len(ssrcs)}I", *ssrcs)
    return _HEADER.pack(0x80 | REMB_FORMAT, PSFB, len(body) // 4) + body
