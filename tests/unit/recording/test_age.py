"""The age format: both ways against another implementation, from the middle, and what was altered is noticed."""

from __future__ import annotations

import os

import pyrage
import pytest

from recording.age import (
    HEADER_LIMIT_BYTES,
    PIECE_BYTES,
    SEALED_PIECE_BYTES,
    AgeProblem,
    Identity,
    Recipient,
    Sealer,
    decrypt,
    encrypt,
    header_bytes,
    open_header,
    plain_size,
)

SIZES = (0, 1, 100, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES, 3 * PIECE_BYTES + 5)


@pytest.fixture(scope="module")
def identity() -> Identity:
    return Identity.generate()


def theirs(identity: Identity) -> pyrage.x25519.Identity:
    return pyrage.x25519.Identity.from_str(str(identity))


def test_keys_are_written_as_others_write_them() -> None:
    other = pyrage.x25519.Identity.generate()
    ours = Identity.parse(f"# created: today\n\n{other}\n")
    assert str(ours) == str(other)
    assert str(ours.recipient) == str(other.to_public())
    assert Recipient.parse(str(other.to_public())) == ours.recipient
    assert str(theirs(ours).to_public()) == str(ours.recipient)
    assert "SECRET" not in repr(ours)


@pytest.mark.parametrize("text", ["", "age1", "age1qqqq", "AGE-SECRET-KEY-1QQ", "nonsense", "age1é"])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Recipient.parse(text)
    with pytest.raises(ValueError):
        Identity.parse(text)


def test_a_mistyped_key_is_noticed(identity: Identity) -> None:
    text = str(identity.recipient)
    for at in range(5, len(text)):
        with pytest.raises(ValueError):
            Recipient.parse(text[:at] + ("q" if text[at] != "q" else "p") + text[at + 1 :])


@pytest.mark.parametrize("size", SIZES)
def test_others_open_what_we_write_and_we_what_they_write(size: int, identity: Identity) -> None:
    data = os.urandom(size)
    escrow = Identity.generate()
    sealed = encrypt(data, [identity.recipient, escrow.recipient])
    assert len(sealed) - header_bytes(2) >= size
    assert plain_size(len(sealed), header_bytes(2)) == size
    for holder in (identity, escrow):
        assert pyrage.decrypt(sealed, [theirs(holder)]) == data
        assert decrypt(sealed, [Identity.generate(), holder]) == data
    assert decrypt(pyrage.encrypt(data, [theirs(identity).to_public()]), [identity]) == data


def test_a_stream_is_the_same_in_any_pieces(identity: Identity) -> None:
    data = os.urandom(5 * PIECE_BYTES + 7)
    sealer = Sealer([identity.recipient])
    parts = [sealer.begin()]
    for at in range(0, len(data), 10_000):
        parts.append(sealer.feed(data[at : at + 10_000]))
    sealed = b"".join([*parts, sealer.end()])
    assert decrypt(sealed, [identity]) == pyrage.decrypt(sealed, [theirs(identity)]) == data


def test_a_part_is_opened_by_itself(identity: Identity) -> None:
    data = os.urandom(4 * PIECE_BYTES)
    sealed = encrypt(data, [identity.recipient])
    head = open_header(sealed[:HEADER_LIMIT_BYTES], [identity])
    at = head.start + 2 * SEALED_PIECE_BYTES
    assert head.pieces(2, sealed[at : at + SEALED_PIECE_BYTES], last=False) == data[2 * PIECE_BYTES : 3 * PIECE_BYTES]
    assert head.pieces(2, sealed[at:], last=True) == data[2 * PIECE_BYTES :]


def test_every_flipped_byte_is_noticed(identity: Identity) -> None:
    sealed = encrypt(b"evidence", [identity.recipient])
    while sealed[sealed.index(b"\n---") + 47] not in b"048":
        # Such a last letter of the header's code stands for the same bytes as the letter after it.
        sealed = encrypt(b"evidence", [identity.recipient])
    for at in range(len(sealed)):
        altered = bytearray(sealed)
        altered[at] ^= 1
        with pytest.raises(AgeProblem):
            decrypt(bytes(altered), [identity])


def test_every_cut_is_noticed(identity: Identity) -> None:
    sealed = encrypt(os.urandom(2 * PIECE_BYTES), [identity.recipient])
    whole = header_bytes(1)
    for length in (0, 10, whole - 1, whole, whole + 5, whole + SEALED_PIECE_BYTES, len(sealed) - 1):
        with pytest.raises(AgeProblem):
            decrypt(sealed[:length], [identity])
    with pytest.raises(AgeProblem):
        decrypt(sealed + b"x", [identity])


def test_it_is_for_nobody_else(identity: Identity) -> None:
    with pytest.raises(AgeProblem, match="not for this identity"):
        decrypt(encrypt(b"x", [identity.recipient]), [Identity.generate()])
