"""The fast way out: packets of one batch are protected for all their subscribers in place and sent in one call.

The plain way is :meth:`.consumer.Consumer.forward`; this one writes the same bytes, which a test holds it to.  It is
taken for packets in order, and for subscribers over UDP whose stream goes on unbroken: within a
:class:`~.seqmap.Segment` a subscriber differs from another by constants only.  Those constants are kept in the stream's
``hot`` list; whatever changes one of them first *cools* the stream (:meth:`.stream.MediaStream.cool`), and the next
packet heats it again.

Packets of equal size of one stream (browsers cut a frame evenly) go to a subscriber as one message, cut into datagrams
by the kernel.
"""

from __future__ import annotations

import asyncio
import functools
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from pylibsrtp._binding import ffi, lib

from . import mmsg, rtp
from .dtls_adapter import MAX_PACKET_BYTES
from .store import PacketStore

if TYPE_CHECKING:
    import socket

    from .capture import Gathered
    from .dtls_adapter import SrtpKeys
    from .rate import Arrivals
    from .store import Media
    from .stream import MediaStream
    from .vp8 import Vp8Descriptor

#: Packets of one stream gathered before they are written; below the kernel's bound on segments.
MAX_RUN = 32

_length = ffi.new("int *")


@functools.cache
def packer(size: int) -> Callable[..., None]:
    """Writes an RTP header and a body of ``size`` bytes in one call; one per size, so at most as many as sizes."""
    return struct.Struct(f"!BBHII{size}s").pack_into


def rewrite_picture(buffer: memoryview, at: int, descriptor: Vp8Descriptor, picture_delta: int, tl0_delta: int) -> None:
    """Move picture id and TL0PICIDX (RFC 7741 §4.2) of the payload at ``at``."""
    if picture_delta and descriptor.picture_at >= 0:
        picture = descriptor.picture_id + picture_delta
        if descriptor.long_picture_id:
            buffer[at + descriptor.picture_at] = 0x80 | picture >> 8 & 0x7F
            buffer[at + descriptor.picture_at + 1] = picture & 0xFF
        else:
            buffer[at + descriptor.picture_at] = picture & 0x7F
    if tl0_delta and descriptor.tl0_at >= 0:
        buffer[at + descriptor.tl0_at] = descriptor.tl0 + tl0_delta & 0xFF


def named(body: bytes, payload_at: int, mid: bytes) -> tuple[bytes, int]:
    """The body with the element that names the section in its extension block, and where its payload is then."""
    block = rtp.extended(body[:payload_at], mid)
    return block + body[payload_at:], len(block)


class Outbox:
    """What waits to be sent over one socket."""

    def __init__(self, sock: socket.socket, *, segmentation: bool) -> None:
        self.segmentation = segmentation
        self.messages = mmsg.Outgoing(sock.family)
        self._socket = sock

    @property
    def dropped(self) -> int:
        """Messages for which there was no room."""
        return self.messages.dropped

    @property
    def forged(self) -> int:
        """Packets that the hot path itself found not to be by their peer's keys."""
        return 0

    def send(self) -> None:
        if self.messages.count and not self.messages.send(self._socket.fileno()):
            self.segmentation = False


class HotEntry:
    """One subscriber of a stream.  ``constants``: libsrtp context, address of the peer's name, SSRC, and what is added
    to number, timestamp, picture id and TL0PICIDX.  ``keys`` keeps the context alive.  Packets whose received number
    is below ``named_below`` carry ``mid``, an extension element."""

    __slots__ = ("constants", "keys", "mid", "named_below", "outbox")

    def __init__(
        self,
        outbox: Outbox,
        keys: SrtpKeys,
        constants: tuple[Any, int, int, int, int, int, int],
        mid: bytes = b"",
        named_below: int = 0,
    ) -> None:
        self.mid = mid
        self.named_below = named_below
        self.outbox = outbox
        self.keys = keys
        self.constants = constants


class HotList:
    """The subscribers of a stream, by socket; ``named`` are those whose packets differ in more than numbers."""

    __slots__ = ("entries", "groups", "named", "payload_type")

    def __init__(self, entries: list[HotEntry], payload_type: int) -> None:
        self.entries = entries
        self.payload_type = payload_type
        self.named: list[HotEntry] = []
        self.groups: dict[Outbox, list[tuple[Any, int, int, int, int, int, int]]] = {}
        self._sort(entries, 0)

    def passed(self, number: int) -> None:
        """This received number was sent to all; some may need no name any more."""
        if self.named:
            self._sort(self.named, number + 1)

    def _sort(self, entries: list[HotEntry], number: int) -> None:
        self.named = [entry for entry in entries if number < entry.named_below]
        for entry in entries:
            if number >= entry.named_below:
                self.groups.setdefault(entry.outbox, []).append(entry.constants)


class Ingress(Protocol):
    """What a peer sends, for a hot path that takes packets from the socket by itself."""

    @property
    def heard_ns(self) -> int:
        """When the last authentic packet came that nobody else saw."""

    @property
    def arrivals(self) -> Arrivals:
        """Of those packets, and of all others of this peer."""

    def open(self, context: Any) -> None:
        """libsrtp's context for what the peer sends."""

    def close(self) -> None:
        """The context is gone."""

    def add(self, ssrc: int, stream: MediaStream) -> None: ...

    def remove(self, ssrc: int) -> None: ...


class CaptureBuffer(Protocol):
    """Captured packets on their way to the record."""

    def pull(self) -> Gathered | None:
        """What was gathered since the last time."""


class FastPath:
    """One per worker.  ``batching`` is set while datagrams are read; outside of that, what is pushed is sent at the
    loop's next turn.

    This is the reference, in Python; :class:`.native.path.NativePath` does the same in compiled code, and packets that
    are in order never come to Python there."""

    name = "python"

    def __init__(self, *, segmentation: bool) -> None:
        self.batching = False
        self.segmentation = segmentation
        self.outboxes: list[Outbox] = []
        self._dirty: list[MediaStream] = []
        self._scheduled = False

    # --- what the compiled path makes differently ------------------------------------

    def store(self, packets: int) -> PacketStore:
        return PacketStore(packets)

    def ingress(self) -> Ingress | None:
        return None

    def capture_buffer(self) -> CaptureBuffer | None:
        return None

    def open(self, sock: socket.socket) -> Outbox:
        """Packets may be sent over this socket from now on."""
        outbox = Outbox(sock, segmentation=self.segmentation)
        self.outboxes.append(outbox)
        return outbox

    def close(self, outbox: Outbox) -> None:
        if outbox in self.outboxes:
            self.outboxes.remove(outbox)

    def overload(self, *, overloaded: bool) -> None:
        """More comes than can be taken, or no more: packets beyond a gap need nobody's attention then."""

    def heated(self, stream: MediaStream, hot: HotList) -> None:
        """The stream has a hot list."""

    def cooled(self, stream: MediaStream) -> None:
        """It has none any more; everything that was pushed is out."""

    # --- packets -----------------------------------------------------------------------

    def push(self, stream: MediaStream, media: Media, now_ns: int) -> None:
        """Forward a packet to the stream's hot list, at the latest when the batch ends."""
        state = stream.state
        state.hot_packets += 1
        state.hot_octets += len(media.body) - media.payload_at
        state.hot_ns = now_ns
        state.hot_number = media.number
        run = stream.run
        if not run:
            self._dirty.append(stream)
            self.flush_soon()
        run.append(media)
        if len(run) >= MAX_RUN:
            self.write(stream)

    def flush_soon(self) -> None:
        """Unless the batch that is being read does it, the loop's next turn flushes."""
        if not self.batching and not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Everything that was pushed leaves."""
        self._scheduled = False
        dirty, self._dirty = self._dirty, []
        for stream in dirty:
            self.write(stream)
        self.send()

    def send(self) -> None:
        """Everything that was written leaves."""
        for outbox in self.outboxes:
            outbox.send()

    def write(self, stream: MediaStream) -> None:
        """Protect the stream's run for all of its hot list."""
        run, hot = stream.run, stream.hot
        if not run or hot is None:
            return
        stream.run = []
        prepared = [_prepare(media, hot.payload_type, media.body, media.payload_at) for media in run]
        for outbox, entries in hot.groups.items():
            _write(outbox, entries, _parts(prepared, outbox))
        for entry in hot.named:
            own = [_prepare(media, hot.payload_type, *_body(media, entry)) for media in run]
            _write(entry.outbox, [entry.constants], _parts(own, entry.outbox))
        hot.passed(run[-1].number)


#: Packer, first two bytes, number, timestamp, body, size with header, VP8 descriptor and where the payload begins.
_Prepared = tuple[Callable[..., None], int, int, int, int, bytes, int, "Vp8Descriptor | None", int]


def _body(media: Media, entry: HotEntry) -> tuple[bytes, int]:
    if media.number < entry.named_below:
        return named(media.body, media.payload_at, entry.mid)
    return media.body, media.payload_at


def _prepare(media: Media, payload_type: int, body: bytes, payload_at: int) -> _Prepared:
    size = len(body)
    first = 0x90 if payload_at else 0x80
    second = media.marker | payload_type
    at = 12 + payload_at
    return packer(size), first, second, media.number, media.timestamp, body, size + 12, media.vp8, at


def _parts(prepared: list[_Prepared], outbox: Outbox) -> list[list[_Prepared]]:
    fitting = [one for one in prepared if one[6] <= MAX_PACKET_BYTES]
    return _even_parts(fitting) if outbox.segmentation else [[one] for one in fitting]


def _even_parts(prepared: list[_Prepared]) -> list[list[_Prepared]]:
    """Cut where the size changes; the last of a part may be shorter (udp(7))."""
    parts: list[list[_Prepared]] = []
    size = 0
    closed = True
    for one in prepared:
        if closed or one[6] > size:
            part = [one]
            parts.append(part)
            size, closed = one[6], False
        else:
            part.append(one)
            closed = one[6] < size
    return parts


def _write(
    outbox: Outbox, entries: list[tuple[Any, int, int, int, int, int, int]], parts: list[list[_Prepared]]
) -> None:
    messages = outbox.messages
    view, pointer, add = messages.view, messages.pointer(0), messages.add
    length, protect = _length, lib.srtp_protect
    for context, name, ssrc, delta, timestamp_delta, picture_delta, tl0_delta in entries:
        moves = picture_delta or tl0_delta
        for part in parts:
            if messages.full:
                outbox.send()
            start = at = messages.used
            segment = 0
            for pack, first, second, number, timestamp, body, size, descriptor, payload_at in part:
                sequence = number + delta & 0xFFFF
                pack(view, at, first, second, sequence, timestamp + timestamp_delta & 0xFFFFFFFF, ssrc, body)
                if moves and descriptor is not None:
                    rewrite_picture(view, at + payload_at, descriptor, picture_delta, tl0_delta)
                length[0] = size
                if protect(context, pointer + at, length):
                    break
                size = length[0]
                segment = segment or size
                at += size
            if at > start:
                add(name, at - start, segment if len(part) > 1 else 0)
