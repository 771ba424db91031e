"""The compiled hot path behind the interface of :class:`..fastpath.FastPath`.

Compiled code and Python work on the same memory: a stream's counters and packets, a peer's arrival times.  A stream is
*lent* while its packets in order need nobody's decision; a packet that is anything else comes to Python, which does
with it what it always does, on the same counters.  All calls are made on the event loop's thread.  Memory that Python
lets go of is freed a little later, as Python may let go on any thread, in the middle of a call.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Any, cast

from pylibsrtp._binding import ffi as srtp_ffi
from pylibsrtp._binding import lib as srtp_lib

from .. import mmsg, vp8
from ..capabilities import ABS_SEND_TIME_ID, AUDIO_LEVEL_ID, ORIENTATION_ID
from ..capture import Gathered
from ..fastpath import CaptureBuffer, FastPath, HotList, Ingress, Outbox
from ..store import Media, PacketStore, StreamState, begin
from .library import Library

if TYPE_CHECKING:
    import socket

    from ..producer import Producer
    from ..rate import Arrivals
    from ..stream import MediaStream

logger = logging.getLogger(__name__)

#: The extension block of a video packet (producer.video_block) that has an orientation, and where that stands.
_TURNED_BLOCK_BYTES = 12
_ORIENTATION_AT = 9


def _function(name: str) -> int:
    return int(srtp_ffi.cast("uintptr_t", srtp_ffi.addressof(srtp_lib, name)))


class NativePath(FastPath):
    """One per worker."""

    name = "native"

    def __init__(self, library: Library, *, segmentation: bool) -> None:
        super().__init__(segmentation=segmentation)
        self.lib, self.ffi = library.lib, library.ffi
        self._dead: deque[tuple[Any, Any]] = deque()
        worker = self.lib.hot_worker_new(
            _function("srtp_protect"), _function("srtp_unprotect"), ABS_SEND_TIME_ID, ORIENTATION_ID, AUDIO_LEVEL_ID
        )
        # Everything that was made for it goes with it.
        self.worker = self.ffi.gc(self._made(worker), self.lib.hot_worker_free)

    def store(self, packets: int) -> PacketStore:
        return NativeStore(self, packets)

    def ingress(self) -> Ingress | None:
        return NativeIngress(self)

    def capture_buffer(self) -> CaptureBuffer | None:
        return NativeCapture(self)

    def open(self, sock: socket.socket) -> Outbox:
        outbox = NativeSocket(self, sock)
        self.outboxes.append(outbox)
        return outbox

    def close(self, outbox: Outbox) -> None:
        super().close(outbox)
        if isinstance(outbox, NativeSocket):
            outbox.close()

    def overload(self, *, overloaded: bool) -> None:
        self.lib.hot_overloaded(self.worker, overloaded)

    def heated(self, stream: MediaStream, hot: HotList) -> None:
        state = cast(NativeStore, stream.store).pointer
        self.lib.hot_unsubscribe(state)
        state.out_payload_type = hot.payload_type
        for entry in hot.entries:
            context, name, ssrc, delta, timestamp_delta, picture_delta, tl0_delta = entry.constants
            self.lib.hot_subscribe(
                state,
                cast(NativeSocket, entry.outbox).pointer,
                int(srtp_ffi.cast("uintptr_t", context)),
                name,
                ssrc,
                delta & 0xFFFF,
                timestamp_delta & 0xFFFFFFFF,
                picture_delta & 0x7FFF,
                tl0_delta & 0xFF,
                entry.mid,
                len(entry.mid),
                entry.named_below,
            )

    def cooled(self, stream: MediaStream) -> None:
        self.lib.hot_unsubscribe(cast(NativeStore, stream.store).pointer)

    def push(self, stream: MediaStream, media: Media, now_ns: int) -> None:
        self.flush_soon()
        self.lib.hot_push(cast(NativeStore, stream.store).pointer, media.number, now_ns)

    def write(self, stream: MediaStream) -> None:
        self.lib.hot_write(cast(NativeStore, stream.store).pointer)

    def flush(self) -> None:
        self._scheduled = False
        self.lib.hot_flush(self.worker)
        self._bury()

    def send(self) -> None:
        self.lib.hot_send(self.worker)

    def keep(self, pointer: Any, free: Any) -> Any:
        """The pointer, freed some time after Python has no more use for it."""
        self._bury()
        dead = self._dead
        return self.ffi.gc(self._made(pointer), lambda pointer: dead.append((free, pointer)))

    def _bury(self) -> None:
        while self._dead:
            free, pointer = self._dead.popleft()
            free(pointer)

    def free_capture(self, pointer: Any) -> None:
        self.lib.hot_capture_free(self.worker, pointer)

    def _made(self, pointer: Any) -> Any:
        if pointer == self.ffi.NULL:
            raise MemoryError
        return pointer


class NativeStore(PacketStore):
    """A stream's counters and packets in compiled code's memory."""

    def __init__(self, path: NativePath, packets: int) -> None:
        self._path = path
        self._lib = path.lib
        self.pointer = path.keep(path.lib.hot_stream_new(path.worker, packets), path.lib.hot_stream_free)
        self.state = cast(StreamState, self.pointer)
        begin(self.state)
        self._packet = path.ffi.new("struct hot_cached *")
        self._is_vp8 = False

    def claim(self, media: Media) -> bool:
        return bool(self._lib.hot_claim(self.pointer, media.number))

    def keep(self, media: Media, now_ns: int) -> None:
        packet, body = self._packet, media.body
        packet.number = media.number
        packet.arrived_ns = now_ns
        packet.timestamp = media.timestamp
        packet.marker = media.marker
        packet.size = len(body)
        packet.payload_at = media.payload_at
        packet.picture_at = packet.tl0_at = -1
        packet.picture_id = packet.long_picture_id = packet.tl0 = 0
        descriptor = media.vp8
        if descriptor is not None:
            self._is_vp8 = True
            packet.picture_at, packet.picture_id = descriptor.picture_at, descriptor.picture_id
            packet.long_picture_id = descriptor.long_picture_id
            packet.tl0_at, packet.tl0 = descriptor.tl0_at, descriptor.tl0
        packet.body = source = self._path.ffi.from_buffer("uint8_t[]", body)
        self._lib.hot_keep(self.pointer, packet)
        del source

    def find(self, number: int) -> Media | None:
        packet = self._lib.hot_find(self.pointer, number)
        if not packet:
            return None
        media = Media(number, packet.marker, packet.timestamp)
        if not packet.size:
            return media
        media.arrived_ns = packet.arrived_ns
        media.payload_at = at = packet.payload_at
        media.body = body = bytes(self._path.ffi.buffer(packet.body, packet.size))
        if at == _TURNED_BLOCK_BYTES:
            media.orientation = body[_ORIENTATION_AT : _ORIENTATION_AT + 1]
        if self._is_vp8:
            media.vp8 = vp8.parse(body, at, len(body))
        return media

    def lend(self, producer: Producer, stream: MediaStream) -> None:
        """If nothing stands against it: packets in order are taken without asking, until :meth:`unlend`."""
        state = self.pointer
        if state.lent or stream.hot is None or not producer.flowing:
            return
        capture = self._path.ffi.NULL
        if producer.capture is not None:
            direct, buffer = producer.capture.direct(stream)
            if not direct:
                return
            if buffer is not None:
                capture = cast(NativeCapture, buffer).pointer
        others = [other for other in producer.streams if other is not None and other is not stream]
        if len(others) > self._lib.HOT_MAX_SIBLINGS:
            return
        state.siblings_count = len(others)
        for i, other in enumerate(others):
            state.siblings[i] = cast(NativeStore, other.store).pointer
        video = self._lib.HOT_VP8 if producer.is_vp8 else self._lib.HOT_H264
        self._is_vp8 = producer.is_vp8
        state.kind = video if producer.kind == "video" else self._lib.HOT_AUDIO
        state.capture = capture
        state.clock_rate = producer.clock_rate
        state.payload_type = producer.codec.payload_type
        state.frames_end = producer.layers > 1
        state.send_time_id = producer.send_time_id
        state.orientation_id = producer.orientation_id
        state.level_id = producer.level_id
        state.temporal_layers = stream.temporal_layers
        state.slow = bool(stream.slow)
        state.lent = 1

    def unlend(self) -> None:
        self.pointer.lent = 0


class NativeIngress:
    """What one peer sends."""

    def __init__(self, path: NativePath) -> None:
        self._lib = path.lib
        self._path = path
        self.pointer = path.keep(path.lib.hot_ingress_new(path.worker), path.lib.hot_ingress_free)

    @property
    def heard_ns(self) -> int:
        return int(self.pointer.heard_ns)

    @property
    def arrivals(self) -> Arrivals:
        return cast("Arrivals", self.pointer.arrivals)

    def open(self, context: Any) -> None:
        self.pointer.context = int(srtp_ffi.cast("uintptr_t", context))

    def close(self) -> None:
        self.pointer.context = 0

    def add(self, ssrc: int, stream: MediaStream) -> None:
        self._lib.hot_ingress_add(self.pointer, ssrc, cast(NativeStore, stream.store).pointer)

    def remove(self, ssrc: int) -> None:
        self._lib.hot_ingress_remove(self.pointer, ssrc)


class NativeCapture:
    """Captured packets of one producer on their way to the record."""

    def __init__(self, path: NativePath) -> None:
        self._path = path
        self.pointer = path.keep(path.lib.hot_capture_new(path.worker), path.free_capture)

    def pull(self) -> Gathered | None:
        capture = self.pointer
        count = capture.count
        if not count:
            return None
        records = bytearray(self._path.ffi.buffer(capture.data, capture.used))
        capture.used = capture.count = 0
        return records, count, capture.first_ns, capture.last_ns


class NativeSocket(Outbox):
    """One socket: read in batches, of which only what is unusual is shown, and sent over in batches.

    The ``odd`` of a datagram that is shown: one as it came (:attr:`DATAGRAM`), a packet already decrypted
    (:attr:`PLAIN`), or one that is done but for the stream's slow consumers."""

    def __init__(self, path: NativePath, sock: socket.socket) -> None:
        self._lib = lib = path.lib
        self._turn = lib.hot_turn
        self._path = path
        self._name_bytes = mmsg.NAME_BYTES[sock.family]
        created = lib.hot_socket_new(path.worker, sock.fileno(), self._name_bytes, path.segmentation)
        self.pointer = path._made(created)
        self.slots: int = lib.HOT_SLOTS
        self.DATAGRAM, self.PLAIN = int(lib.HOT_DATAGRAM), int(lib.HOT_PLAIN)
        self._slot_bytes: int = lib.HOT_SLOT_BYTES
        size = self.slots * self._slot_bytes
        self.view = memoryview(path.ffi.buffer(self.pointer.slots, size))
        base = int(path.ffi.cast("uintptr_t", self.pointer.slots))
        self.pointers = [srtp_ffi.cast("unsigned char *", base + i * self._slot_bytes) for i in range(self.slots)]
        self._names = path.ffi.buffer(self.pointer.names, self.slots * lib.HOT_NAME_BYTES)
        self._name_step: int = lib.HOT_NAME_BYTES

    @property
    def dropped(self) -> int:
        return int(self.pointer.dropped)

    @property
    def forged(self) -> int:
        return int(self.pointer.forged)

    def bind(self, name: bytes, ingress: Ingress | None) -> None:
        """Packets from this address are the peer's, or nobody's."""
        if isinstance(ingress, NativeIngress):
            self._lib.hot_bind(self.pointer, name, ingress.pointer)
        else:
            self._lib.hot_unbind(self.pointer, name)

    def turn(self, now_ns: int) -> int:
        """Read a batch and take it up to a datagram that is to be looked at, whose number is answered; without one,
        what was taken is sent, and the answer is :attr:`count`."""
        return self._turn(self.pointer, now_ns)  # type: ignore[no-any-return]

    def go_on(self, first: int, now_ns: int) -> int:
        """Take more of the batch, from ``first`` on; the number of the next that is to be looked at, or the count."""
        return int(self._lib.hot_go_on(self.pointer, first, now_ns))

    @property
    def count(self) -> int:
        """Datagrams of the batch, or -1 for the error of an earlier send."""
        return self.pointer.count  # type: ignore[no-any-return]

    @property
    def odd(self) -> int:
        """Why the last one is to be looked at."""
        return int(self.pointer.odd)

    def size(self, i: int) -> int:
        return int(self.pointer.sizes[i])

    def peer(self, i: int) -> bytes:
        """The sender's ``sockaddr``."""
        at = i * self._name_step
        return bytes(self._names[at : at + self._name_bytes])

    def plain(self, i: int) -> bytes:
        """The decrypted packet."""
        at = i * self._slot_bytes
        return bytes(self.view[at : at + self.pointer.odd_size])

    def ssrc(self, i: int) -> int:
        at = i * self._slot_bytes + 8
        return int.from_bytes(self.view[at : at + 4], "big")

    def send(self) -> None:
        self._path.send()

    def close(self) -> None:
        """The descriptor is no longer ours; what is still sent is dropped."""
        self._lib.hot_socket_close(self.pointer)
