"""ORTC parameters as mediasoup-client and pymediasoup write them (camelCase JSON).

Sources: the ORTC draft community group report, and the mediasoup dialect of it
(RTP capabilities, RTP parameters, ICE and DTLS parameters).
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

#: Bounds on what a client may send; a browser's real offer stays far below each.
MAX_CODECS = 64
MAX_ENCODINGS = 8
MAX_EXTENSIONS = 64

ShortText = Annotated[str, msgspec.Meta(max_length=256)]
PayloadType = Annotated[int, msgspec.Meta(ge=0, le=127)]
Ssrc = Annotated[int, msgspec.Meta(ge=0, le=0xFFFFFFFF)]
Kind = Literal["audio", "video"]


class Struct(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """Base of every wire struct: camelCase on the wire, unknown fields ignored."""


class RtcpFeedback(Struct):
    type: ShortText
    parameter: ShortText = ""


class RtpCodec(Struct):
    """One codec of RTP parameters or, with the preferred type and kind, of capabilities."""

    mime_type: ShortText
    clock_rate: int
    payload_type: PayloadType | None = None
    kind: Kind | None = None
    preferred_payload_type: PayloadType | None = None
    channels: int | None = None
    parameters: dict[ShortText, int | str] = {}
    rtcp_feedback: Annotated[list[RtcpFeedback], msgspec.Meta(max_length=MAX_CODECS)] = []


class RtpHeaderExtension(Struct):
    """A header extension of RTP parameters (id) or of capabilities (preferred id, kind, direction)."""

    uri: ShortText
    id: Annotated[int, msgspec.Meta(ge=1, le=255)] | None = None
    kind: Kind | Literal[""] | None = None
    preferred_id: Annotated[int, msgspec.Meta(ge=1, le=255)] | None = None
    encrypt: bool | None = None
    preferred_encrypt: bool | None = None
    direction: Literal["sendrecv", "sendonly", "recvonly", "inactive"] | None = None
    parameters: dict[ShortText, int | str] = {}


class RtxEncoding(Struct):
    ssrc: Ssrc


class RtpEncoding(Struct):
    ssrc: Ssrc | None = None
    rid: Annotated[str, msgspec.Meta(max_length=16)] | None = None
    rtx: RtxEncoding | None = None
    codec_payload_type: PayloadType | None = None
    dtx: bool | None = None
    scalability_mode: ShortText | None = None
    max_bitrate: int | None = None


class RtcpParameters(Struct):
    cname: ShortText | None = None
    reduced_size: bool | None = None
    mux: bool | None = None


class RtpParameters(Struct):
    """What one producer sends, or one consumer is sent."""

    codecs: Annotated[list[RtpCodec], msgspec.Meta(min_length=1, max_length=MAX_CODECS)]
    mid: Annotated[str, msgspec.Meta(max_length=32)] | None = None
    header_extensions: Annotated[list[RtpHeaderExtension], msgspec.Meta(max_length=MAX_EXTENSIONS)] = []
    encodings: Annotated[list[RtpEncoding], msgspec.Meta(max_length=MAX_ENCODINGS)] = []
    rtcp: RtcpParameters = msgspec.field(default_factory=RtcpParameters)


class RtpCapabilities(Struct):
    codecs: Annotated[list[RtpCodec], msgspec.Meta(max_length=MAX_CODECS)] = []
    header_extensions: Annotated[list[RtpHeaderExtension], msgspec.Meta(max_length=MAX_EXTENSIONS)] = []


class IceParameters(Struct):
    username_fragment: ShortText
    password: ShortText
    ice_lite: bool = False


class IceCandidate(Struct, omit_defaults=False):
    """``address`` is read by mediasoup-client, ``ip`` by pymediasoup; both carry the same value."""

    foundation: str
    priority: int
    address: str
    ip: str
    port: int
    protocol: Literal["udp", "tcp"]
    type: Literal["host"] = "host"
    tcp_type: Literal["passive"] | None = None


class IceServer(Struct, omit_defaults=False):
    """An entry of ``RTCConfiguration.iceServers``: relays (TURN) and what they accept for a while."""

    urls: list[str]
    username: str
    credential: str


class DtlsFingerprint(Struct):
    algorithm: ShortText
    value: ShortText


class DtlsParameters(Struct):
    fingerprints: Annotated[list[DtlsFingerprint], msgspec.Meta(min_length=1, max_length=8)]
    role: Literal["auto", "client", "server"] = "auto"
