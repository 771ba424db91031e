"""RTP and RTCP as far as the record reads them (RFC 3550 §5.1, §6.4.1, §6.6) and the order of packets."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

_HEADER = struct.Struct(">BBHII")
_EXTENSION = struct.Struct(">HH")
_SENDER_REPORT = struct.Struct(">IIII")
_SR, _BYE = 200, 203

#: A missing packet is waited for (a retransmission may bring it) until this many are held or this much time passed.
REORDER_LIMIT_PACKETS = 512
REORDER_LIMIT_NS = 2_000_000_000
#: A jump of the sequence number beyond this is a new beginning, not a loss (RFC 3550 A.1: MAX_DROPOUT).
RESTART_JUMP = 3000


class Packet(NamedTuple):
    """``arrival_ns`` on the writer's monotonic clock."""

    ssrc: int
    payload_type: int
    sequence: int
    timestamp: int
    marker: bool
    payload: memoryview
    arrival_ns: int
    #: The header extension's profile and elements, if there is one (RFC 3550 §5.3.1).
    extension: memoryview | None = None


class SenderReport(NamedTuple):
    """``ntp_ns`` since 1900 on the sender's clock, for the RTP timestamp ``timestamp``."""

    ssrc: int
    ntp_ns: int
    timestamp: int
    arrival_ns: int


def parse_rtp(data: memoryview, arrival_ns: int) -> Packet | None:
    """Nothing if these bytes are no RTP packet.  A packet of padding only has an empty payload."""
    size = len(data)
    if size < 12:
        return None
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if first >> 6 != 2:
        return None
    start = 12 + 4 * (first & 0x0F)
    extension = None
    if first & 0x10:
        if start + 4 > size:
            return None
        begin, start = start, start + 4 + 4 * _EXTENSION.unpack_from(data, start)[1]
        if start <= size:
            extension = data[begin:start]
    end = size
    if first & 0x20:
        end -= data[-1]
    if start > end:
        return None
    payload = data[start:end]
    return Packet(ssrc, second & 0x7F, sequence, timestamp, second >= 0x80, payload, arrival_ns, extension)


def audio_level(extension: memoryview | None, identity: int) -> int | None:
    """How loud a packet says it is, -dBov (RFC 6464 §3: 0 loudest, 127 silence).

    ``extension``: of its header (RFC 8285 §4.2, §4.3); ``identity``: of the element, 0 if the track has none.
    """
    if extension is None or not identity:
        return None
    (profile,) = struct.unpack_from(">H", extension)
    two = profile & 0xFFF0 == 0x1000
    if not two and profile != 0xBEDE:
        return None
    at, end = 4, len(extension)
    while at < end:
        first = extension[at]
        if not first:
            at += 1
            continue
        if two:
            if end - at < 2:
                return None
            found, length = first, extension[at + 1]
            at += 2
        else:
            found, length = first >> 4, (first & 0x0F) + 1
            at += 1
            if found == 15:
                return None
        if length > end - at:
            return None
        if found == identity and length:
            return extension[at] & 0x7F
        at += length
    return None


def sender_reports(data: memoryview, arrival_ns: int) -> Iterator[SenderReport]:
    """Every sender report of a compound packet; garbage yields nothing."""
    for kind, body in _rtcp_packets(data):
        if kind == _SR and len(body) >= 20:
            (ssrc,) = struct.unpack_from(">I", body)
            seconds, fraction, timestamp, _ = _SENDER_REPORT.unpack_from(body, 4)
            # A zero NTP time means that the sender has no wall clock (RFC 3550 §6.4.1).
            if seconds or fraction:
                ntp_ns = seconds * 1_000_000_000 + (fraction * 1_000_000_000 >> 32)
                yield SenderReport(ssrc, ntp_ns, timestamp, arrival_ns)


def _rtcp_packets(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    at = 0
    while at + 4 <= len(data):
        first, kind, words = struct.unpack_from(">BBH", data, at)
        end = at + 4 + 4 * words
        if first >> 6 != 2 or end > len(data):
            return
        yield kind, data[at + 4 : end]
        at = end


class Sequencer:
    """Puts the packets of one SSRC in order.  Bounded in packets and time."""

    def __init__(self) -> None:
        self.lost = 0
        self.late = 0
        self._next: int | None = None
        self._held: dict[int, Packet] = {}
        self._waiting_since_ns = 0

    def follows(self, sequence: int) -> bool:
        """Whether this is the packet that is expected and none is held; it is then taken, as :meth:`push` would."""
        if self._next is None or self._held or sequence != self._next & 0xFFFF:
            return False
        self._next += 1
        return True

    @property
    def expected(self) -> int | None:
        """The sequence number of the packet that would follow, if none is held."""
        return None if self._next is None or self._held else self._next & 0xFFFF

    def followed(self, count: int) -> None:
        """So many packets followed, each the one expected."""
        assert self._next is not None
        self._next += count

    def push(self, packet: Packet) -> list[tuple[Packet, int]]:
        """Packets now in order, each with the number of packets missing just before it (-1: a new beginning)."""
        if self._next is None:
            self._next = packet.sequence + 1
            return [(packet, 0)]
        # The extended sequence number nearest to the expected one.
        ahead = ((packet.sequence - self._next + 0x8000) & 0xFFFF) - 0x8000
        if abs(ahead) > RESTART_JUMP:
            ordered = self.flush()
            self._next = packet.sequence + 1
            return [*ordered, (packet, -1)]
        number = self._next + ahead
        if ahead < 0 or number in self._held:
            self.late += 1
            return []
        if not self._held:
            self._waiting_since_ns = packet.arrival_ns
        self._held[number] = packet
        ordered = self._take(0)
        while self._held and (
            len(self._held) > REORDER_LIMIT_PACKETS or packet.arrival_ns - self._waiting_since_ns > REORDER_LIMIT_NS
        ):
            ordered += self._skip()
        return ordered

    def flush(self) -> list[tuple[Packet, int]]:
        """All that is held: nothing more will come."""
        ordered: list[tuple[Packet, int]] = []
        while self._held:
            ordered += self._skip()
        return ordered

    def _skip(self) -> list[tuple[Packet, int]]:
        assert self._next is not None
        first = min(self._held)
        missing, self._next = first - self._next, first
        self.lost += missing
        ordered = self._take(missing)
        if self._held:
            self._waiting_since_ns = self._held[min(self._held)].arrival_ns
        return ordered

    def _take(self, missing: int) -> list[tuple[Packet, int]]:
        ordered: list[tuple[Packet, int]] = []
        while (packet := self._held.pop(self._next, None)) is not None:  # type: ignore[arg-type]
            ordered.append((packet, missing))
            missing = 0
            self._next += 1  # type: ignore[operator]
        return ordered
