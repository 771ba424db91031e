"""The participant of a test recording: a whole WebRTC peer (aiortc) that says a tone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from fractions import Fraction

from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import SessionDescription
from av import AudioFrame

from signaling.ortc import DtlsFingerprint, DtlsParameters, RtcpParameters, RtpCodec, RtpEncoding, RtpParameters
from signaling.worker_api import TransportCreated

from .tone import RATE_HZ, samples

FRAME_SAMPLES = RATE_HZ // 50
#: How often the connection is looked at while it is made, s.
LOOK_S = 0.02


class CannotConnect(Exception):
    """The worker cannot be reached at the addresses that it tells."""


class _Tone(MediaStreamTrack):
    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._sent = 0
        self._begin_s = asyncio.get_running_loop().time()

    async def recv(self) -> AudioFrame:
        await asyncio.sleep(self._begin_s + self._sent / RATE_HZ - asyncio.get_running_loop().time())
        frame = AudioFrame("s16", "mono", FRAME_SAMPLES)
        frame.planes[0].update(samples(self._sent, FRAME_SAMPLES))
        frame.sample_rate, frame.time_base, frame.pts = RATE_HZ, Fraction(1, RATE_HZ), self._sent
        self._sent += FRAME_SAMPLES
        return frame


@contextlib.asynccontextmanager
async def speaking(
    transport: TransportCreated,
    connect: Callable[[DtlsParameters], Awaitable[None]],
    produce: Callable[[RtpParameters], Awaitable[None]],
) -> AsyncIterator[None]:
    """Connected to a worker's send transport, and saying the tone, until the block is left.

    ``connect`` and ``produce`` tell the worker what this peer is.  Raises :class:`CannotConnect`.
    """
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        peer.addTransceiver(_Tone(), direction="sendonly")
        await peer.setLocalDescription(await peer.createOffer())
        own = SessionDescription.parse(peer.localDescription.sdp)
        media = own.media[0]
        assert media.dtls is not None
        prints = [DtlsFingerprint(algorithm=each.algorithm, value=each.value) for each in media.dtls.fingerprints]
        await connect(DtlsParameters(role="client", fingerprints=prints))
        payload_type = next(codec.payloadType for codec in media.rtp.codecs if codec.name.lower() == "opus")
        assert payload_type is not None
        await produce(
            RtpParameters(
                mid=media.rtp.muxId,
                codecs=[RtpCodec(mime_type="audio/opus", clock_rate=RATE_HZ, channels=2, payload_type=payload_type)],
                encodings=[RtpEncoding(ssrc=media.ssrc[0].ssrc)],
                rtcp=RtcpParameters(cname=media.ssrc[0].cname),
            )
        )
        await peer.setRemoteDescription(
            RTCSessionDescription(_answer(transport, media.rtp.muxId, payload_type), "answer")
        )
        while peer.connectionState != "connected":
            if peer.connectionState in ("failed", "closed"):
                raise CannotConnect(peer.iceConnectionState)
            await asyncio.sleep(LOOK_S)
        yield
    finally:
        await peer.close()


def _answer(transport: TransportCreated, mid: str, payload_type: int) -> str:
    """The worker's transport as an SDP answer (RFC 8829); it is ICE-lite and waits for the handshake."""
    lines = [
        "v=0",
        "o=- 0 0 IN IP4 0.0.0.0",
        "s=-",
        "t=0 0",
        "a=ice-lite",
        f"m=audio 9 UDP/TLS/RTP/SAVPF {payload_type}",
        "c=IN IP4 0.0.0.0",
        f"a=mid:{mid}",
        "a=recvonly",
        "a=rtcp-mux",
        f"a=rtpmap:{payload_type} opus/{RATE_HZ}/2",
        f"a=ice-ufrag:{transport.ice_parameters.username_fragment}",
        f"a=ice-pwd:{transport.ice_parameters.password}",
        *(f"a=fingerprint:{each.algorithm} {each.value}" for each in transport.dtls_parameters.fingerprints),
        "a=setup:passive",
        *(
            f"a=candidate:{each.foundation} 1 udp {each.priority} {each.address} {each.port} typ host"
            for each in transport.ice_candidates
            if each.protocol == "udp"
        ),
        "a=end-of-candidates",
    ]
    return "".join(f"{line}\r\n" for line in lines)
