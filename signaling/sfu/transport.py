"""One transport of one peer: ICE-lite, DTLS and SRTP over the worker's port (RFC 8445, RFC 5764)."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import Any, Literal

from .. import worker_api as api
from ..ortc import DtlsParameters, IceParameters
from . import rtcp, stun
from .clock import NS_PER_MS, Clock
from .dtls_adapter import MAX_PACKET_BYTES, SEND_BUFFER, Certificate, DtlsSession, SrtpKeys
from .ice import IceLite
from .port import Port
from .receiver import Address, Path

logger = logging.getLogger(__name__)

#: DTLS records taken from one peer in half a second; a flight in fragments is a dozen, and after it hardly any come.
MAX_DTLS_RECORDS = 64
#: A peer that comes by another path after so long without a word had no network meanwhile; reports come each second.
OUTAGE_MS = 1000

State = Literal["connected", "lost", "failed", "closed"]


class Transport:
    """Base of :class:`.uplink.Uplink` (the peer sends) and :class:`.downlink.Downlink` (the peer receives)."""

    direction: Literal["send", "recv"]

    def __init__(
        self,
        transport_id: str,
        peer_id: str,
        port: Port,
        certificate: Certificate,
        clock: Clock,
        on_state: Callable[[Transport, State], None],
    ) -> None:
        self.id = transport_id
        self.peer_id = peer_id
        self.state: State | None = None
        """``None`` until connected for the first time."""
        self.packets_out = 0
        self.counts: Counter[str] = Counter()
        """By names of :data:`signaling.worker_api.COUNTERS` and of its causes of drops."""
        self._clock = clock
        self._port = port
        self._certificate = certificate
        self.ingress = port.fast.ingress() if port.fast is not None and self.direction == "send" else None
        """What the hot path takes by itself of this peer."""
        self._on_state = on_state
        self._ice: IceLite[Path] = IceLite(clock.mono_ns())
        self._path: Path | None = None
        self._keys: SrtpKeys | None = None
        self._remote: DtlsParameters | None = None
        self._dtls = DtlsSession(certificate, self._send_datagram, self._dtls_closed)
        self._handshake: asyncio.Task[None] | None = None
        self._closed = False
        self._dtls_left = MAX_DTLS_RECORDS
        port.receivers[self._ice.local.ufrag] = self

    @property
    def report_due(self) -> bool:
        """A report is to be sent at the next tick, out of turn."""
        return self in self._port.due

    @report_due.setter
    def report_due(self, due: bool) -> None:
        if due:
            self._port.due[self] = None
        else:
            self._port.due.pop(self, None)

    @property
    def ready(self) -> bool:
        """Packets can be sent."""
        return self._keys is not None and self._path is not None

    def now_ns(self) -> int:
        return self._clock.mono_ns()

    # --- commands --------------------------------------------------------------

    @property
    def ice_parameters(self) -> IceParameters:
        local = self._ice.local
        return IceParameters(username_fragment=local.ufrag, password=local.password, ice_lite=True)

    @property
    def dtls_parameters(self) -> DtlsParameters:
        return DtlsParameters(fingerprints=[self._certificate.fingerprint], role="auto")

    def connect(self, remote: DtlsParameters) -> bool:
        """Take the peer's fingerprints; ``False`` if it was told before."""
        if self._remote is not None:
            return False
        self._remote = remote
        self._start_dtls()
        return True

    def restart_ice(self) -> IceParameters:
        """New credentials; the path, DTLS and SRTP go on until the peer nominates another."""
        outdated = self._ice.restart()
        if outdated is not None:
            self._port.receivers.pop(outdated.ufrag, None)
        self._port.receivers[self._ice.local.ufrag] = self
        return self.ice_parameters

    async def aclose(self) -> None:
        """Say goodbye and forget everything.  Nothing is sent or received afterwards."""
        if self._closed:
            return
        self._closed = True
        self.report_due = False
        if self._handshake is not None:
            self._handshake.cancel()
        await self._dtls.stop()
        self._keys = None
        self.on_path_changed(self.now_ns())
        for credentials in self._ice.credentials:
            self._port.receivers.pop(credentials.ufrag, None)
        for path in list(self._ice.paths):
            self._port.path_forgotten(path, self)
        self._path = None

    # --- from the port ---------------------------------------------------------

    def on_stun(self, request: stun.BindingRequest, path: Path, source: Address, now_ns: int) -> None:
        silent_ns = now_ns - self._ice.heard_ns
        reply = self._ice.on_request(request, path, source, now_ns)
        if reply is None:
            self._port.dropped += 1
            return
        path.send(reply.datagram)
        if not reply.authentic:
            return
        self._port.path_proven(path, self)
        if reply.forgotten is not None:
            self._port.path_forgotten(reply.forgotten, self)
        if reply.nominated:
            self._path = path
            self.on_path_changed(now_ns)
            if silent_ns > OUTAGE_MS * NS_PER_MS:
                self.on_return(now_ns)
        self._revive()
        self._start_dtls()

    def on_protected(self, pointer: Any, view: memoryview, at: int, size: int, now_ns: int) -> None:
        """An SRTP or SRTCP packet at ``view[at:at + size]``, which ``pointer`` points to and which may be changed."""
        if size < 2 or 192 <= view[at + 1] <= 223:
            self.on_datagram(bytes(view[at : at + size]), now_ns)
            return
        keys = self._keys
        if keys is not None:
            plain = keys.unprotect_in_place(pointer, view, at, size)
            if plain is not None:
                self._ice.heard_ns = now_ns
                self.on_rtp(plain, now_ns)
            else:
                self.counts["forged"] += 1

    def on_plain(self, packet: bytes, now_ns: int) -> None:
        """An RTP packet that the hot path decrypted and left to us."""
        self._ice.heard_ns = now_ns
        self.on_rtp(packet, now_ns)

    def on_taken(self, ssrc: int, now_ns: int) -> None:
        """The hot path took a packet, and left some who receive it to us."""

    def on_datagram(self, datagram: bytes, now_ns: int) -> None:
        first = datagram[0]
        if 127 < first < 192:
            keys = self._keys
            if keys is None:
                return
            if len(datagram) > 1 and 192 <= datagram[1] <= 223:
                plain = keys.unprotect_rtcp(datagram)
                if plain is not None:
                    self._ice.heard_ns = now_ns
                    self.on_rtcp(rtcp.parse(plain), now_ns)
                else:
                    self.counts["forged"] += 1
            else:
                plain = keys.unprotect_rtp(datagram)
                if plain is not None:
                    self._ice.heard_ns = now_ns
                    self.on_rtp(plain, now_ns)
                else:
                    self.counts["forged"] += 1
        elif 19 < first < 64 and self._dtls_left > 0:
            self._dtls_left -= 1
            self._dtls.feed(datagram)

    def on_path_closed(self, path: Path) -> None:
        self._ice.forget(path)
        self._path = self._ice.selected
        self.on_path_changed(self.now_ns())

    # --- for the two directions --------------------------------------------------

    def on_rtp(self, plain: bytes, now_ns: int) -> None:
        """A decrypted RTP packet."""

    def on_rtcp(self, reports: list[rtcp.Report], now_ns: int) -> None:
        """A decrypted, parsed compound packet."""

    def on_connected(self) -> None:
        """The keys are there for the first time."""

    def on_path_changed(self, now_ns: int) -> None:
        """The peer nominated a path, or the path or the keys are gone."""

    def on_return(self, now_ns: int) -> None:
        """The peer is back by another path after a silence."""

    def report(self, now_ns: int) -> None:
        """Send the reports that are due about twice a second."""

    def check_consent(self, now_ns: int) -> None:
        """Called about twice a second."""
        self._dtls_left = MAX_DTLS_RECORDS
        if self.ingress is not None:
            self._ice.heard_ns = max(self._ice.heard_ns, self.ingress.heard_ns)
        if self.state == "connected" and self._ice.expired(now_ns):
            self._set_state("lost")
        paths, credentials = self._ice.forget_old(now_ns)
        for path in paths:
            self._port.path_forgotten(path, self)
        for replaced in credentials:
            self._port.receivers.pop(replaced.ufrag, None)

    def send_rtp(self, size: int) -> None:
        """Protect and send the first ``size`` bytes of the send buffer."""
        keys, path = self._keys, self._path
        if keys is None or path is None:
            return
        size = keys.protect_rtp(size)
        if size and path.send(SEND_BUFFER[:size]):
            self.packets_out += 1

    def send_rtcp(self, compound: bytes) -> bool:
        """Protect and send; ``False`` if that is not possible now."""
        keys, path = self._keys, self._path
        size = len(compound)
        if keys is None or path is None or size > MAX_PACKET_BYTES:
            return False
        SEND_BUFFER[:size] = compound
        size = keys.protect_rtcp(size)
        if not size or not path.send(SEND_BUFFER[:size]):
            return False
        self.packets_out += 1
        return True

    def forget_stream(self, ssrc: int, *, sent: bool) -> None:
        """A stream has ended: its state in libsrtp may go."""
        if self._keys is not None:
            (self._keys.forget_sent if sent else self._keys.forget_received)(ssrc)

    # --- inside ------------------------------------------------------------------

    def _send_datagram(self, datagram: bytes) -> None:
        if self._path is not None:
            self._path.send(datagram)

    def _start_dtls(self) -> None:
        """The handshake needs the peer's fingerprints and a path, whichever comes last."""
        if self._handshake is None and self._remote is not None and self._path is not None and not self._closed:
            self._handshake = asyncio.get_running_loop().create_task(self._run_handshake(self._remote))

    async def _run_handshake(self, remote: DtlsParameters) -> None:
        keys = await self._dtls.handshake(remote)
        if self._closed:
            return
        if keys is None:
            self._set_state("failed")
            return
        self._keys = keys
        self._set_state("connected")
        self.on_connected()

    def _revive(self) -> None:
        if self.state == "lost":
            self._set_state("connected")

    def _dtls_closed(self) -> None:
        if not self._closed:
            self._keys = None
            self.on_path_changed(self.now_ns())
            self._set_state("closed")

    def _set_state(self, state: State) -> None:
        if state != self.state:
            self.state = state
            logger.info("transport %s of %s: %s", self.id, self.direction, state)
            self._on_state(self, state)


def transport_event(room_id: str, transport: Transport, state: State) -> api.TransportState:
    return api.TransportState(
        room_id=room_id,
        peer_id=transport.peer_id,
        transport_id=transport.id,
        direction=transport.direction,
        state=state,
    )
