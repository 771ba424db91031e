"""The one module that touches names which aiortc and pylibsrtp do not promise to keep.

DTLS is :class:`aiortc.RTCDtlsTransport` over a shim of ours; it sees DTLS records and nothing else.  When the handshake
is done, its two libsrtp sessions are taken and called directly, on buffers of ours: media never runs through its
coroutines.  ``tests/unit/signaling/sfu/test_dtls_adapter.py`` is the contract on every private name used here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport
from aiortc.rtcdtlstransport import SRTP_AEAD_AES_128_GCM, SRTP_AES128_CM_SHA1_80, SRTP_PROFILES
from pylibsrtp._binding import ffi, lib

from ..ortc import DtlsFingerprint, DtlsParameters

logger = logging.getLogger(__name__)

#: Largest RTP or RTCP packet taken or sent, before protection.  An Ethernet frame carries 1472 bytes of UDP payload.
MAX_PACKET_BYTES = 1600
#: SRTP_MAX_TRAILER_LEN of libsrtp 2, plus the SRTCP index.
TRAILER_BYTES = 16 + 128 + 4
#: DTLS records waiting to be read by one handshake; a flight is at most a handful.
MAX_QUEUED_RECORDS = 32
HANDSHAKE_TIMEOUT_S = 20.0
DTLS_HEADER_BYTES = 13
#: Records are put together in datagrams up to this, which passes any tunnel (IPv6's least MTU less its headers).
MAX_FLIGHT_BYTES = 1200

# One buffer for all: every packet is protected and handed to the socket before the next is written.
_cdata = ffi.new("unsigned char[]", MAX_PACKET_BYTES + TRAILER_BYTES)
_length = ffi.new("int *")
#: The packet to send is written here, then protected in place by :meth:`SrtpKeys.protect_rtp`.
SEND_BUFFER = memoryview(ffi.buffer(_cdata))
_rx_cdata = ffi.new("unsigned char[]", MAX_PACKET_BYTES + TRAILER_BYTES)
_rx_buffer = ffi.buffer(_rx_cdata)
_rx_length = ffi.new("int *")


def preferred_profiles() -> list[Any]:
    """SRTP profiles in our order; AES-128-GCM costs half of AES-CM with HMAC."""
    return [p for p in (SRTP_AEAD_AES_128_GCM, SRTP_AES128_CM_SHA1_80) if p in SRTP_PROFILES]


class SrtpKeys:
    """The keys of one DTLS association, both ways."""

    def __init__(self, dtls: RTCDtlsTransport) -> None:
        # The Session objects own the C contexts; they must live as long as the pointers.
        self._sessions = (dtls._rx_srtp, dtls._tx_srtp)
        self._rx = dtls._rx_srtp._srtp[0]
        self._tx = dtls._tx_srtp._srtp[0]

    @property
    def sending_context(self) -> Any:
        """libsrtp's context; good while this object lives."""
        return self._tx

    @property
    def receiving_context(self) -> Any:
        return self._rx

    def unprotect_rtp(self, datagram: bytes) -> bytes | None:
        """The plain packet; ``None`` if it is forged, replayed, too old or too long."""
        return self._unprotect(lib.srtp_unprotect, datagram)

    def unprotect_rtcp(self, datagram: bytes) -> bytes | None:
        return self._unprotect(lib.srtp_unprotect_rtcp, datagram)

    def unprotect_in_place(self, pointer: Any, view: memoryview, at: int, size: int) -> bytes | None:
        """As :meth:`unprotect_rtp` for the datagram at ``view[at:at + size]``, which ``pointer`` points to."""
        _rx_length[0] = size
        if lib.srtp_unprotect(self._rx, pointer, _rx_length):
            return None
        return bytes(view[at : at + _rx_length[0]])

    def _unprotect(self, function: Callable[..., int], datagram: bytes) -> bytes | None:
        size = len(datagram)
        if size > MAX_PACKET_BYTES + TRAILER_BYTES:
            return None
        _rx_buffer[0:size] = datagram
        _rx_length[0] = size
        if function(self._rx, _rx_cdata, _rx_length):
            return None
        return bytes(_rx_buffer[0 : _rx_length[0]])

    def protect_rtp(self, size: int) -> int:
        """Protect the first ``size`` bytes of :data:`SEND_BUFFER` in place; the new size, or 0 if refused."""
        _length[0] = size
        return 0 if lib.srtp_protect(self._tx, _cdata, _length) else int(_length[0])

    def protect_rtcp(self, size: int) -> int:
        _length[0] = size
        return 0 if lib.srtp_protect_rtcp(self._tx, _cdata, _length) else int(_length[0])

    def forget_sent(self, ssrc: int) -> None:
        """Drop the state of a stream that is sent no more: libsrtp searches its streams linearly."""
        lib.srtp_remove_stream(self._tx, _network_order(ssrc))

    def forget_received(self, ssrc: int) -> None:
        lib.srtp_remove_stream(self._rx, _network_order(ssrc))


def _network_order(ssrc: int) -> int:
    return int.from_bytes(ssrc.to_bytes(4, "big"), "little")


class Turns:
    """Lets one step of one handshake through per turn of the loop.

    A step is a signature or a key agreement, about a millisecond.  When twelve transports join at once, the media of
    running hearings flows between their steps instead of waiting for all of them.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def wait(self) -> None:
        async with self._lock:
            await asyncio.sleep(0)


class Certificate:
    """A self-signed certificate, made at start (aiortc's are good for 30 days), and the turns of its handshakes."""

    def __init__(self) -> None:
        self.rtc = RTCCertificate.generateCertificate()
        self.turns = Turns()

    @property
    def fingerprint(self) -> DtlsFingerprint:
        """SHA-256 only: mediasoup-client uses just the last of several."""
        value = next(f.value for f in self.rtc.getFingerprints() if f.algorithm == "sha-256")
        return DtlsFingerprint(algorithm="sha-256", value=value)


class RecordWriter:
    """Makes datagrams of what OpenSSL wrote.

    It comes through a memory buffer in pieces that respect no boundary, while a datagram must hold whole records (RFC
    6347 §4.1): with a flight longer than a piece, handshakes would stall.
    """

    def __init__(self) -> None:
        self._left = b""

    def take(self, data: bytes) -> list[bytes]:
        """The datagrams that are complete; the rest of a record waits for its end."""
        data = self._left + data
        datagrams: list[bytes] = []
        start = at = 0
        while at + DTLS_HEADER_BYTES <= len(data):
            end = at + DTLS_HEADER_BYTES + int.from_bytes(data[at + 11 : at + 13], "big")
            if end > len(data):
                break
            if end - start > MAX_FLIGHT_BYTES and at > start:
                datagrams.append(data[start:at])
                start = at
            at = end
        if at > start:
            datagrams.append(data[start:at])
        self._left = data[at:]
        return datagrams


class _Shim:
    """What ``RTCDtlsTransport`` needs from the ICE transport beneath it."""

    def __init__(self, send: Callable[[bytes], None], turns: Turns) -> None:
        self.role = "controlled"
        self._turns = turns
        self._out = send
        self._records = RecordWriter()
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(MAX_QUEUED_RECORDS)

    def feed(self, datagram: bytes | None) -> None:
        with contextlib.suppress(asyncio.QueueFull):  # DTLS repeats what it lost
            self._queue.put_nowait(datagram)

    async def _recv(self) -> bytes:
        datagram = await self._queue.get()
        if datagram is None:
            raise ConnectionError("closed")
        await self._turns.wait()
        return datagram

    async def _send(self, data: bytes) -> None:
        for datagram in self._records.take(data):
            self._out(datagram)


class DtlsSession:
    """One association.  ``on_closed`` is called once if the peer ends it after the handshake."""

    def __init__(self, certificate: Certificate, send: Callable[[bytes], None], on_closed: Callable[[], None]) -> None:
        self._shim = _Shim(send, certificate.turns)
        self._dtls = RTCDtlsTransport(self._shim, [certificate.rtc])  # type: ignore[arg-type]
        self._dtls._srtp_profiles = preferred_profiles()
        self._turns = certificate.turns
        self._on_closed = on_closed
        self._stopping = False

    def feed(self, datagram: bytes) -> None:
        """A DTLS record (first byte 20-63) from a proven address; others are ignored."""
        if datagram and 19 < datagram[0] < 64:
            self._shim.feed(datagram)

    async def handshake(self, remote: DtlsParameters) -> SrtpKeys | None:
        """Run to the keys; ``None`` if it failed, timed out, or the certificate is not the announced one."""
        # The peer's role is "client" from browsers, "server" from pymediasoup's sending side, "auto" from neither.
        self._dtls._set_role("client" if remote.role == "server" else "server")
        await self._turns.wait()
        fingerprints = [RTCDtlsFingerprint(algorithm=f.algorithm, value=f.value) for f in remote.fingerprints]
        try:
            await asyncio.wait_for(self._dtls.start(RTCDtlsParameters(fingerprints=fingerprints)), HANDSHAKE_TIMEOUT_S)
        except Exception as error:
            logger.info("DTLS handshake failed: %s", type(error).__name__)
            return None
        if self._dtls.state != "connected":
            return None
        self._dtls.on("statechange", self._state_changed)
        return SrtpKeys(self._dtls)

    async def stop(self) -> None:
        """Say goodbye to the peer, if there is an association, and end."""
        self._stopping = True
        self._shim.feed(None)
        pump = self._dtls._task
        with contextlib.suppress(Exception):
            await self._dtls.stop()
        if pump is not None:
            with contextlib.suppress(Exception, asyncio.CancelledError):
                await pump

    def _state_changed(self) -> None:
        if self._dtls.state == "closed" and not self._stopping:
            self._stopping = True
            self._on_closed()
