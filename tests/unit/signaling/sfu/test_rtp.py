from __future__ import annotations

import random

import pytest

from signaling.sfu import rtp


def test_a_packet_comes_back_from_its_parts() -> None:
    data = rtp.build(96, 65535, 2**32 - 1, 7, b"payload", marker=True, extensions={1: b"0", 4: b"abc"})
    packet = rtp.parse(data)
    assert packet is not None
    assert (packet.payload_type, packet.sequence, packet.timestamp, packet.ssrc) == (96, 65535, 2**32 - 1, 7)
    assert packet.marker
    assert packet.payload == b"payload"
    assert packet.extensions() == {1: b"0", 4: b"abc"}


def test_csrcs_and_padding_are_not_payload() -> None:
    data = b"\xa2\x60\x00\x01" + bytes(8) + b"cccc" * 2 + b"media" + b"\x00\x00\x03"
    packet = rtp.parse(data)
    assert packet is not None
    assert packet.payload == b"media"


def test_two_byte_extensions() -> None:
    data = b"\x90\x60\x00\x01" + bytes(8) + b"\x10\x00\x00\x02" + b"\x05\x02hi\x00\x06\x00\x00" + b"x"
    packet = rtp.parse(data)
    assert packet is not None
    assert packet.extensions() == {5: b"hi", 6: b""}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",
        b"\x80" * 11,
        b"\x40" + bytes(11),  # version 1
        b"\x8f" + bytes(20),  # CSRCs missing
        b"\x90" + bytes(11),  # extension missing
        b"\x90" + bytes(11) + b"\xbe\xde\x00\x09",  # extension cut
        b"\xa0" + bytes(11),  # padding of no bytes
        b"\xa0" + bytes(11) + b"\x00",
        b"\xa0" + bytes(11) + b"\x05",  # padding longer than the packet
    ],
)
def test_what_is_not_a_packet(data: bytes) -> None:
    assert rtp.parse(data) is None


def test_a_malformed_extension_spoils_neither_the_packet_nor_the_elements_before() -> None:
    data = b"\x90\x60\x00\x01" + bytes(8) + b"\xbe\xde\x00\x01" + b"\x10A\x5f\x00" + b"x"
    packet = rtp.parse(data)
    assert packet is not None
    assert packet.extensions() == {1: b"A"}
    assert packet.payload == b"x"


def test_garbage_never_raises() -> None:
    source = random.Random(2)
    for _ in range(5000):
        packet = rtp.parse(bytes([0x80 | source.randrange(64)]) + source.randbytes(source.randrange(80)))
        if packet is not None:
            packet.extensions()
            rtp.unwrap_rtx(packet, 1, 96)


def test_a_retransmission_gives_the_original_back() -> None:
    rtx = rtp.build(97, 500, 1234, 99, b"\xff\xfe" + b"frame", marker=True, extensions={3: b"r0"})
    packet = rtp.parse(rtx)
    assert packet is not None
    original = rtp.unwrap_rtx(packet, 7, 96)
    assert original == rtp.build(96, 0xFFFE, 1234, 7, b"frame", marker=True, extensions={3: b"r0"})


def test_a_probe_without_original_is_nothing() -> None:
    packet = rtp.parse(rtp.build(97, 1, 1, 99, b""))
    assert packet is not None
    assert rtp.unwrap_rtx(packet, 7, 96) is None
