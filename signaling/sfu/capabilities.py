"""What the router can carry, and what follows from it for one producer and one consumer (ORTC)."""

from __future__ import annotations

import msgspec

from ..ortc import (
    RtcpFeedback,
    RtcpParameters,
    RtpCapabilities,
    RtpCodec,
    RtpEncoding,
    RtpHeaderExtension,
    RtpParameters,
    RtxEncoding,
)
from . import h264

MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID_URI = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID_URI = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
ABS_SEND_TIME_URI = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
AUDIO_LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
ORIENTATION_URI = "urn:3gpp:video-orientation"

# Ids of header extensions in packets we send.
MID_ID = 1
RID_ID = 2
REPAIRED_RID_ID = 3
ABS_SEND_TIME_ID = 4
AUDIO_LEVEL_ID = 10
ORIENTATION_ID = 11

# mediasoup-client keeps payload type 127 for its bandwidth probator.
OPUS_PT = 100
VP8_PT = 101
VP8_RTX_PT = 102
H264_PT = 103
H264_RTX_PT = 104

_AUDIO_FEEDBACK = [RtcpFeedback(type="nack")]
_VIDEO_FEEDBACK = [
    RtcpFeedback(type="nack"),
    RtcpFeedback(type="nack", parameter="pli"),
    RtcpFeedback(type="ccm", parameter="fir"),
    RtcpFeedback(type="goog-remb"),
]

#: Parameters of a producer's Opus that its consumers are told.
_OPUS_PARAMETERS = ("minptime", "useinbandfec", "stereo", "sprop-stereo", "maxplaybackrate")


VP8_MIME_TYPE = "video/VP8"
H264_MIME_TYPE = "video/H264"
#: Constrained baseline at level 3.1, which every browser has, in non-interleaved mode.
_H264_PARAMETERS: dict[str, int | str] = {
    "packetization-mode": 1,
    "profile-level-id": "42e01f",
    "level-asymmetry-allowed": 1,
}


def _rtx(payload_type: int, apt: int) -> RtpCodec:
    return RtpCodec(
        kind="video",
        mime_type="video/rtx",
        preferred_payload_type=payload_type,
        clock_rate=90000,
        parameters={"apt": apt},
    )


ROUTER_CAPABILITIES = RtpCapabilities(
    codecs=[
        RtpCodec(
            kind="audio",
            mime_type="audio/opus",
            preferred_payload_type=OPUS_PT,
            clock_rate=48000,
            channels=2,
            parameters={"minptime": 10, "useinbandfec": 1},
            rtcp_feedback=_AUDIO_FEEDBACK,
        ),
        RtpCodec(
            kind="video",
            mime_type=VP8_MIME_TYPE,
            preferred_payload_type=VP8_PT,
            clock_rate=90000,
            rtcp_feedback=_VIDEO_FEEDBACK,
        ),
        _rtx(VP8_RTX_PT, VP8_PT),
        # Behind VP8: a client that has both sends what every other client decodes.
        RtpCodec(
            kind="video",
            mime_type=H264_MIME_TYPE,
            preferred_payload_type=H264_PT,
            clock_rate=90000,
            parameters=_H264_PARAMETERS,
            rtcp_feedback=_VIDEO_FEEDBACK,
        ),
        _rtx(H264_RTX_PT, H264_PT),
    ],
    header_extensions=[
        RtpHeaderExtension(kind="audio", uri=MID_URI, preferred_id=MID_ID, direction="sendrecv"),
        RtpHeaderExtension(kind="video", uri=MID_URI, preferred_id=MID_ID, direction="sendrecv"),
        # We read these and send neither: a subscriber gets one stream of each picture, whatever its layer.
        RtpHeaderExtension(kind="video", uri=RID_URI, preferred_id=RID_ID, direction="recvonly"),
        RtpHeaderExtension(kind="video", uri=REPAIRED_RID_URI, preferred_id=REPAIRED_RID_ID, direction="recvonly"),
        RtpHeaderExtension(kind="video", uri=ABS_SEND_TIME_URI, preferred_id=ABS_SEND_TIME_ID, direction="sendrecv"),
        RtpHeaderExtension(kind="audio", uri=AUDIO_LEVEL_URI, preferred_id=AUDIO_LEVEL_ID, direction="sendrecv"),
        RtpHeaderExtension(kind="video", uri=ORIENTATION_URI, preferred_id=ORIENTATION_ID, direction="sendrecv"),
    ],
)


def offered(codecs: frozenset[str] | None) -> RtpCapabilities:
    """The router's capabilities with these codecs (MIME types, lower case) and their retransmission only."""
    if codecs is None:
        return ROUTER_CAPABILITIES
    kept = {c.preferred_payload_type for c in ROUTER_CAPABILITIES.codecs if c.mime_type.lower() in codecs}
    return RtpCapabilities(
        codecs=[
            c
            for c in ROUTER_CAPABILITIES.codecs
            if c.preferred_payload_type in kept or (_is_rtx(c) and c.parameters["apt"] in kept)
        ],
        header_extensions=ROUTER_CAPABILITIES.header_extensions,
    )


class Unsupported(ValueError):
    """The parameters ask for what this router does not carry; the text says what."""


class ProducerCodec(msgspec.Struct, frozen=True):
    """What a producer really sends: its own payload types, and the router's codec that this is."""

    router: RtpCodec
    payload_type: int
    rtx_payload_type: int | None
    parameters: dict[str, int | str]


def producer_codec(kind: str, parameters: RtpParameters) -> ProducerCodec:
    """Match a producer's parameters to the router's codecs; raises :class:`Unsupported`."""
    media = parameters.codecs[0]
    router = _router_codec(media.mime_type)
    if router is None or router.kind != kind:
        raise Unsupported(f"codec {media.mime_type} for {kind}")
    if media.clock_rate != router.clock_rate or (router.channels and media.channels != router.channels):
        raise Unsupported(f"{media.mime_type} at {media.clock_rate} Hz with {media.channels} channels")
    if not _same_format(media):
        raise Unsupported(f"{media.mime_type} with {media.parameters}")
    if media.payload_type is None:
        raise Unsupported("a codec without payload type")
    rtx = next((c for c in parameters.codecs[1:] if _is_rtx(c) and c.parameters.get("apt") == media.payload_type), None)
    return ProducerCodec(router, media.payload_type, rtx.payload_type if rtx else None, dict(media.parameters))


def can_consume(codec: ProducerCodec, capabilities: RtpCapabilities) -> bool:
    """Whether a client with these capabilities decodes what the producer sends."""
    wanted = codec.router
    return any(
        c.mime_type.lower() == wanted.mime_type.lower()
        and c.clock_rate == wanted.clock_rate
        and (not wanted.channels or c.channels == wanted.channels)
        and _same_format(c)
        for c in capabilities.codecs
    )


def consumer_parameters(
    codec: ProducerCodec, capabilities: RtpCapabilities, *, mid: str, ssrc: int, rtx_ssrc: int | None, cname: str
) -> RtpParameters:
    """The parameters of a consumer: the router's payload types and extension ids, one encoding."""
    router = codec.router
    media = RtpCodec(
        mime_type=router.mime_type,
        payload_type=router.preferred_payload_type,
        clock_rate=router.clock_rate,
        channels=router.channels,
        parameters=_told_parameters(codec),
        rtcp_feedback=router.rtcp_feedback,
    )
    codecs = [media]
    rtx_pt = rtx_payload_type(router)
    if rtx_ssrc is not None and rtx_pt is not None:
        apt = router.preferred_payload_type
        assert apt is not None
        codecs.append(
            RtpCodec(mime_type="video/rtx", payload_type=rtx_pt, clock_rate=router.clock_rate, parameters={"apt": apt})
        )
    known = {e.uri for e in capabilities.header_extensions}
    extensions = [
        RtpHeaderExtension(uri=e.uri, id=e.preferred_id)
        for e in ROUTER_CAPABILITIES.header_extensions
        if e.kind == router.kind and e.direction == "sendrecv" and e.uri in known
    ]
    encoding = RtpEncoding(ssrc=ssrc, rtx=RtxEncoding(ssrc=rtx_ssrc) if rtx_ssrc is not None else None)
    return RtpParameters(
        mid=mid,
        codecs=codecs,
        header_extensions=extensions,
        encodings=[encoding],
        rtcp=RtcpParameters(cname=cname, reduced_size=True, mux=True),
    )


def _told_parameters(codec: ProducerCodec) -> dict[str, int | str]:
    if codec.router.mime_type == H264_MIME_TYPE:
        return dict(codec.router.parameters)
    return {k: codec.parameters[k] for k in _OPUS_PARAMETERS if k in codec.parameters}


def takes_mid(capabilities: RtpCapabilities, kind: str) -> bool:
    """Whether a client reads the mid in packets."""
    return any(e.uri == MID_URI and e.kind in (kind, None, "") for e in capabilities.header_extensions)


def takes_rtx(capabilities: RtpCapabilities, router: RtpCodec) -> bool:
    """Whether a client can take retransmissions of this codec."""
    return any(_is_rtx(c) and c.parameters.get("apt") == router.preferred_payload_type for c in capabilities.codecs)


def rtx_payload_type(router: RtpCodec) -> int | None:
    """The router's payload type of retransmissions of this codec."""
    for codec in ROUTER_CAPABILITIES.codecs:
        if _is_rtx(codec) and codec.parameters.get("apt") == router.preferred_payload_type:
            return codec.preferred_payload_type
    return None


def _router_codec(mime_type: str) -> RtpCodec | None:
    for codec in ROUTER_CAPABILITIES.codecs:
        if codec.mime_type.lower() == mime_type.lower() and not _is_rtx(codec):
            return codec
    return None


def _same_format(codec: RtpCodec) -> bool:
    """H.264 comes in profiles and packetization modes that not everybody decodes; we carry one of them."""
    if codec.mime_type.lower() != H264_MIME_TYPE.lower():
        return True
    parameters = codec.parameters
    return str(parameters.get("packetization-mode", 0)) == "1" and h264.is_constrained_baseline(
        parameters.get("profile-level-id", "")
    )


def _is_rtx(codec: RtpCodec) -> bool:
    return codec.mime_type.lower().endswith("/rtx")
