"""What is kept of one received stream: its counters, and its newest packets for retransmission.

The compiled hot path keeps both in memory of its own (:mod:`.native.path`) under the same names; this is the reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import vp8
from .clock import NS_PER_MS
from .sequence import FIRST_CYCLE

if TYPE_CHECKING:
    from .producer import Producer
    from .stream import MediaStream

#: Packets that are kept however old they are: more than a newcomer is sent at once (consumer.MAX_REPLAY_PACKETS).
KEEP_PACKETS = 64
#: Older packets are let go after this: nobody who watches has a use for them (nack.MAX_AGE_MS).
KEEP_MS = 2000
#: ``transit`` before the first packet.
NO_TRANSIT = -(1 << 63)
#: ``level`` while none was heard: levels end at 127 (RFC 6464).
NO_LEVEL = 128


class Media:
    """One packet as its consumers need it, made once for all of them.

    ``body`` is what follows the fixed header: the extension block of ``payload_at`` bytes, then the payload.
    """

    __slots__ = (
        "arrived_ns",
        "body",
        "keyframe",
        "marker",
        "number",
        "orientation",
        "payload_at",
        "timestamp",
        "vp8",
    )

    def __init__(self, number: int, marker: int, timestamp: int) -> None:
        self.number = number
        self.marker = marker
        self.timestamp = timestamp
        self.arrived_ns = 0
        self.body = b""
        self.payload_at = 0
        self.keyframe = False
        self.orientation = b""
        self.vp8: vp8.Vp8Descriptor | None = None


class StreamState:
    """Counters of one stream.  Times are ns, -1 for never; ``stopped`` is 0 or 1; ``hot_*`` are of the packets pushed
    to hot lists: how many, their payloads' octets, when the last was, and its number; ``level`` is the loudest that
    the compiled path heard since it was asked."""

    __slots__ = (
        "base",
        "bytes",
        "cycle",
        "highest",
        "hot_ns",
        "hot_number",
        "hot_octets",
        "hot_packets",
        "jitter",
        "last_packet_ns",
        "level",
        "received",
        "sibling_frames",
        "stopped",
        "suspect",
        "transit",
    )

    base: int
    bytes: int
    cycle: int
    highest: int
    hot_ns: int
    hot_number: int
    hot_octets: int
    hot_packets: int
    jitter: int
    last_packet_ns: int
    level: int
    received: int
    sibling_frames: int
    stopped: int
    suspect: int
    transit: int

    def __init__(self) -> None:
        begin(self)


def begin(state: StreamState) -> None:
    """As it is before the first packet."""
    state.highest = state.suspect = state.base = state.last_packet_ns = state.hot_number = -1
    state.cycle = FIRST_CYCLE
    state.transit = NO_TRANSIT
    state.level = NO_LEVEL
    state.received = state.bytes = state.jitter = state.sibling_frames = state.stopped = 0
    state.hot_packets = state.hot_octets = state.hot_ns = 0


class PacketStore:
    """``packets`` is a power of two."""

    def __init__(self, packets: int) -> None:
        self.state = StreamState()
        self._mask = packets - 1
        self._slots: list[Media | None] = [None] * packets
        self._oldest = 0

    def claim(self, media: Media) -> bool:
        """Make room for a packet; ``False`` if it, or a newer one in its place, was there before."""
        slot = media.number & self._mask
        kept = self._slots[slot]
        if kept is not None and kept.number >= media.number:
            return False
        self._slots[slot] = media
        return True

    def keep(self, media: Media, now_ns: int) -> None:
        """The packet is complete; what is too old is let go."""
        media.arrived_ns = now_ns
        number = media.number
        oldest = max(self._oldest, number - self._mask)
        while oldest < number - KEEP_PACKETS:
            kept = self._slots[oldest & self._mask]
            if kept is not None and kept.number == oldest and kept.body:
                if now_ns - kept.arrived_ns <= KEEP_MS * NS_PER_MS:
                    break
                kept.body = b""
            oldest += 1
        self._oldest = oldest

    def find(self, number: int) -> Media | None:
        """A packet that was claimed; its body may be gone, or not there yet."""
        media = self._slots[number & self._mask]
        return media if media is not None and media.number == number else None

    def lend(self, producer: Producer, stream: MediaStream) -> None:
        """From here on packets in order may be taken without asking; nobody does, here."""

    def unlend(self) -> None:
        """Every packet is to be seen again."""
