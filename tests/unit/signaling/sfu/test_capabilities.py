from __future__ import annotations

import msgspec
import pytest

from signaling.ortc import RtpCapabilities, RtpCodec, RtpHeaderExtension, RtpParameters
from signaling.sfu import capabilities as caps

VP8 = RtpCodec(mime_type="video/VP8", clock_rate=90000, payload_type=96)
RTX = RtpCodec(mime_type="video/rtx", clock_rate=90000, payload_type=97, parameters={"apt": 96})
OPUS = RtpCodec(
    mime_type="audio/opus", clock_rate=48000, channels=2, payload_type=111, parameters={"useinbandfec": 1, "x": "y"}
)


def test_a_producer_keeps_its_own_payload_types() -> None:
    codec = caps.producer_codec("video", RtpParameters(codecs=[VP8, RTX]))
    assert (codec.payload_type, codec.rtx_payload_type) == (96, 97)
    assert codec.router.preferred_payload_type == caps.VP8_PT


@pytest.mark.parametrize(
    ("kind", "codec"),
    [
        ("video", RtpCodec(mime_type="video/AV1", clock_rate=90000, payload_type=45)),
        ("audio", VP8),
        ("audio", RtpCodec(mime_type="audio/opus", clock_rate=48000, channels=1, payload_type=111)),
        ("video", RtpCodec(mime_type="video/VP8", clock_rate=90000)),
    ],
)
def test_what_the_router_does_not_carry(kind: str, codec: RtpCodec) -> None:
    with pytest.raises(caps.Unsupported):
        caps.producer_codec(kind, RtpParameters(codecs=[codec]))


def test_a_consumer_gets_the_routers_numbers_and_only_known_parameters() -> None:
    codec = caps.producer_codec("audio", RtpParameters(codecs=[OPUS]))
    client = RtpCapabilities(
        codecs=[RtpCodec(mime_type="audio/opus", clock_rate=48000, channels=2, preferred_payload_type=100)],
        header_extensions=[RtpHeaderExtension(uri=caps.AUDIO_LEVEL_URI, preferred_id=3)],
    )
    assert caps.can_consume(codec, client)
    parameters = caps.consumer_parameters(codec, client, mid="4", ssrc=9, rtx_ssrc=None, cname="c")
    assert parameters.codecs[0].payload_type == caps.OPUS_PT
    assert parameters.codecs[0].parameters == {"useinbandfec": 1}
    assert [(e.uri, e.id) for e in parameters.header_extensions] == [(caps.AUDIO_LEVEL_URI, caps.AUDIO_LEVEL_ID)]
    assert parameters.encodings[0].ssrc == 9


def test_retransmissions_only_for_those_who_take_them() -> None:
    codec = caps.producer_codec("video", RtpParameters(codecs=[VP8, RTX]))
    plain = RtpCodec(mime_type="video/vp8", clock_rate=90000, preferred_payload_type=101)
    rtx = RtpCodec(mime_type="video/rtx", clock_rate=90000, preferred_payload_type=102, parameters={"apt": caps.VP8_PT})
    assert not caps.takes_rtx(RtpCapabilities(codecs=[plain]), codec.router)
    assert caps.takes_rtx(RtpCapabilities(codecs=[plain, rtx]), codec.router)
    assert not caps.can_consume(codec, RtpCapabilities(codecs=[]))
    parameters = caps.consumer_parameters(codec, RtpCapabilities(), mid="0", ssrc=1, rtx_ssrc=2, cname="c")
    assert parameters.codecs[1].parameters == {"apt": caps.VP8_PT}


H264 = RtpCodec(
    mime_type="video/H264",
    clock_rate=90000,
    payload_type=108,
    parameters={"packetization-mode": 1, "profile-level-id": "42e01f", "level-asymmetry-allowed": 1},
)


def test_only_the_chosen_codecs_are_offered() -> None:
    offered = caps.offered(frozenset({"audio/opus", "video/vp8"}))
    assert [c.mime_type for c in offered.codecs] == ["audio/opus", "video/VP8", "video/rtx"]
    assert caps.offered(None) is caps.ROUTER_CAPABILITIES


def test_one_kind_of_h264_is_carried() -> None:
    codec = caps.producer_codec("video", RtpParameters(codecs=[H264]))
    assert codec.router.preferred_payload_type == caps.H264_PT
    assert caps.can_consume(codec, RtpCapabilities(codecs=[VP8, H264]))
    for change in ({"packetization-mode": 0}, {"profile-level-id": "640c1f"}):
        other = msgspec.structs.replace(H264, parameters={**H264.parameters, **change})
        assert not caps.can_consume(codec, RtpCapabilities(codecs=[other]))
        with pytest.raises(caps.Unsupported):
            caps.producer_codec("video", RtpParameters(codecs=[other]))
    told = caps.consumer_parameters(codec, RtpCapabilities(), mid="0", ssrc=1, rtx_ssrc=2, cname="c")
    assert told.codecs[0].parameters["profile-level-id"] == "42e01f"
    assert told.codecs[1].parameters == {"apt": caps.H264_PT}


def test_the_probators_payload_type_stays_free() -> None:
    assert 127 not in [c.preferred_payload_type for c in caps.ROUTER_CAPABILITIES.codecs]
