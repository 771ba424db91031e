"""One transport of a client: a connected UDP socket, ICE as the controlling side, DTLS as the client, SRTP."""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
from dataclasses import dataclass
from typing import Any

import aioice.stun as stun
from pylibsrtp._binding import ffi, lib

from signaling.ortc import DtlsFingerprint, DtlsParameters
from signaling.sfu.dtls_adapter import Certificate, DtlsSession

#: Linux, asm-generic/socket.h; Python has no name for it.
SO_TIMESTAMPNS = 35
SOCKET_BUFFER_BYTES = 4 * 1024 * 1024
CHECK_EVERY_S = 0.05
CHECK_TIMEOUT_S = 10.0
#: SRTP's and SRTCP's largest trailers (libsrtp 2).
TRAILER_BYTES = 16 + 128 + 4
_RTCP_BUFFER_BYTES = 2048

_scratch = ffi.new("unsigned char[]", _RTCP_BUFFER_BYTES + TRAILER_BYTES)
_scratch_view = memoryview(ffi.buffer(_scratch))
_length = ffi.new("int *")


@dataclass(frozen=True, slots=True)
class Remote:
    """Where a server's transport is and how it proves itself."""

    host: str
    port: int
    ufrag: str
    password: str
    fingerprint: str


class Client:
    """``tx`` and ``rx`` are libsrtp contexts once connected."""

    def __init__(self, host: str, certificate: Certificate, *, stamped: bool) -> None:
        self.ufrag = secrets.token_hex(4)
        self.password = secrets.token_hex(12)
        self.tx: Any = None
        self.rx: Any = None
        self.check = b""
        """A connectivity check that also serves for consent (RFC 7675)."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            self._socket.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER_BYTES)
        if stamped:
            self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.fd = self._socket.fileno()
        self.port: int = self._socket.getsockname()[1]
        self._remote_address = (host, 0)
        self._answered = asyncio.Event()
        self._dtls = DtlsSession(certificate, self._send, lambda: None)
        self._keys: Any = None

    async def connect(self, remote: Remote) -> bool:
        """ICE, then DTLS; ``False`` if either fails."""
        self._remote_address = (remote.host, remote.port)
        self._socket.connect(self._remote_address)
        self.check = self._make_check(remote)
        asyncio.get_running_loop().add_reader(self.fd, self._readable)
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                while not self._answered.is_set():
                    self._send(self.check)
                    try:
                        await asyncio.wait_for(self._answered.wait(), CHECK_EVERY_S)
                    except TimeoutError:
                        continue
        except TimeoutError:
            return False
        fingerprint = DtlsFingerprint(algorithm="sha-256", value=remote.fingerprint)
        self._keys = await self._dtls.handshake(DtlsParameters(fingerprints=[fingerprint], role="server"))
        if self._keys is None:
            return False
        self.tx, self.rx = self._keys._tx, self._keys._rx
        return True

    def take_over(self) -> None:
        """From now on the caller reads the socket."""
        asyncio.get_running_loop().remove_reader(self.fd)

    def consent(self) -> None:
        self._send(self.check)

    def send_rtcp(self, compound: bytes) -> None:
        size = len(compound)
        _scratch_view[:size] = compound
        _length[0] = size
        if not lib.srtp_protect_rtcp(self.tx, _scratch, _length):
            self._send(_scratch_view[: _length[0]])

    def unprotect_rtcp(self, datagram: bytes) -> bytes:
        """Plain RTCP, or nothing."""
        size = len(datagram)
        if size > _RTCP_BUFFER_BYTES:
            return b""
        _scratch_view[:size] = datagram
        _length[0] = size
        if lib.srtp_unprotect_rtcp(self.rx, _scratch, _length):
            return b""
        return bytes(_scratch_view[: _length[0]])

    def on_stun(self, datagram: bytes) -> None:
        """Answer a check of the server's (libnice checks even as a lite agent), or note that ours was answered."""
        try:
            message = stun.parse_message(datagram)
        except (ValueError, struct.error):
            return
        if message.message_method is not stun.Method.BINDING:
            return
        if message.message_class is stun.Class.RESPONSE:
            self._answered.set()
        elif message.message_class is stun.Class.REQUEST:
            reply = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, message.transaction_id)
            reply.attributes["XOR-MAPPED-ADDRESS"] = self._remote_address
            reply.add_message_integrity(self.password.encode())
            self._send(bytes(reply))

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.fd)
        self._socket.close()

    def _make_check(self, remote: Remote) -> bytes:
        message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        message.attributes["USERNAME"] = f"{remote.ufrag}:{self.ufrag}"
        message.attributes["PRIORITY"] = 0x6E7F1EFF  # a host's peer-reflexive candidate (RFC 8445 §5.1.2)
        message.attributes["ICE-CONTROLLING"] = secrets.randbits(64)
        message.attributes["USE-CANDIDATE"] = None
        message.add_message_integrity(remote.password.encode())
        return bytes(message)

    def _readable(self) -> None:
        while True:
            try:
                datagram = self._socket.recv(2048)
            except OSError:
                return
            if not datagram:
                continue
            if datagram[0] < 4:
                self.on_stun(datagram)
            elif 19 < datagram[0] < 64:
                self._dtls.feed(datagram)

    def _send(self, datagram: bytes | memoryview) -> None:
        try:
            self._socket.send(datagram)
        except OSError:
            return  # the same as a loss


def trailer_bytes(client: Client) -> int:
    """What protection adds to RTP: 16 with AES-GCM, 10 with AES-CM and HMAC-SHA1-80.

    Protects a packet of an SSRC that is used for nothing else.
    """
    packet = struct.pack("!BBHII", 0x80, 0, 0, 0, 0xFFFFFFFE)
    _scratch_view[: len(packet)] = packet
    _length[0] = len(packet)
    lib.srtp_protect(client.tx, _scratch, _length)
    return int(_length[0]) - len(packet)
