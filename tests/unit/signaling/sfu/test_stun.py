from __future__ import annotations

import random
import struct

import pytest

from signaling.sfu import stun

TRANSACTION = bytes(range(12))


def good(**kw: bool) -> bytes:
    return stun.request(TRANSACTION, "ours:theirs", "secret", **kw)


def test_a_request_is_read_and_its_password_checked() -> None:
    request = stun.parse_request(good(use_candidate=True))
    assert request is not None
    assert request.username == "ours:theirs"
    assert request.use_candidate
    assert not request.controlled
    assert stun.verify(request, "secret")
    assert not stun.verify(request, "Secret")


def test_rfc5769_sample_request() -> None:
    # RFC 5769 §2.1
    sample = bytes.fromhex(
        "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74"
        "002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020"
        "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
    )
    request = stun.parse_request(sample)
    assert request is not None
    assert request.username == "evtj:h6vY"
    assert request.controlled
    assert stun.verify(request, "VOkJxbRl1RmTxUk/WvJxBt")


@pytest.mark.parametrize("cut", range(0, 104, 4))
def test_a_truncated_request_is_no_request(cut: int) -> None:
    data = good()
    if cut < len(data):
        assert stun.parse_request(data[:cut]) is None


def test_a_flipped_bit_is_noticed() -> None:
    data = good()
    for at in range(len(data)):
        bent = data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]
        request = stun.parse_request(bent)
        assert request is None or not stun.verify(request, "secret") or at >= len(data) - 8


def test_attributes_behind_the_signature_are_not_believed() -> None:
    plain = good()[:-8]
    extra = struct.pack("!HH", stun.USE_CANDIDATE, 0)
    data = plain[:2] + struct.pack("!H", len(plain) - 20 + 4) + plain[4:] + extra
    request = stun.parse_request(data)
    assert request is not None
    assert not request.use_candidate
    assert stun.verify(request, "secret")


def test_garbage_never_raises() -> None:
    source = random.Random(1)
    for _ in range(3000):
        data = bytearray(good())
        for _ in range(source.randrange(1, 8)):
            data[source.randrange(len(data))] = source.randrange(256)
        stun.parse_request(bytes(data[: source.randrange(len(data) + 1)]))
        stun.parse_request(source.randbytes(source.randrange(600)))


@pytest.mark.parametrize("address", [("192.0.2.7", 5004), ("2001:db8::7", 5004), ("::ffff:192.0.2.7", 5004)])
def test_the_answer_names_the_address_it_saw(address: tuple[str, int]) -> None:
    answer = stun.success(TRANSACTION, address, "secret")
    kind, length = struct.unpack_from("!HH", answer)
    assert kind == stun.BINDING_SUCCESS
    assert length == len(answer) - 20
    attribute, size, family, port = struct.unpack_from("!HHxBH", answer, 20)
    assert attribute == stun.XOR_MAPPED_ADDRESS
    assert port ^ (stun.MAGIC_COOKIE >> 16) == 5004
    assert (family, size) == ((1, 8) if "192" in address[0] else (2, 20))


def test_an_error_carries_its_code() -> None:
    answer = stun.error(TRANSACTION, 487, "Role Conflict", "secret")
    assert struct.unpack_from("!HHxxBB", answer, 20)[2:] == (4, 87)
    assert len(answer) % 4 == 0
